package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
)

var errBadKey = fault.Unauthenticated("bad_key", "密钥无效、已撤销或已过期", "the key is unknown, revoked or expired")

// Authenticate finds the caller behind a bearer key. All reasons to refuse one
// read alike, so that nobody learns which prefixes exist; only who has the whole
// secret learns that its person holds none of its roles today (Forbidden).
func Authenticate(ctx context.Context, db *gorm.DB, secret string) (Principal, error) {
	prefix, ok := prefixOf(secret)
	if !ok {
		return Principal{}, errBadKey
	}
	k, appointed, err := keyOf(ctx, db, prefix)
	if err != nil {
		return Principal{}, err
	}
	same := subtle.ConstantTimeCompare([]byte(k.SecretHash), []byte(digest(secret))) == 1
	expired := k.ExpiresAt != nil && !db.NowFunc().Before(*k.ExpiresAt)
	if !same || expired || k.RevokedAt != nil {
		return Principal{}, errBadKey
	}
	p := Principal{Towns: k.Towns, Branches: k.Branches, Person: deref(k.PersonCode), Key: k.Prefix, ReadOnly: k.ReadOnly}
	if k.PersonCode == nil {
		return p.Holding(k.Roles...), nil
	}
	if p = p.Holding(slices.DeleteFunc(appointed, func(r Role) bool { return !slices.Contains(k.Roles, r) })...); p.Role == "" {
		return Principal{}, fault.Forbidden("no_role_now",
			"密钥有效，但“%s”今日未被聘任担任该密钥的任何角色：请联系工作领导小组", "the key is valid, but %q is appointed to none of its roles today: ask the leading group", p.Person)
	}
	return p, nil
}

// keyOf gives the key and the roles to which its person is appointed today, by one
// statement; the zero key where there is none.
func keyOf(ctx context.Context, db *gorm.DB, prefix string) (Key, []Role, error) {
	var rows []struct {
		Key
		Appointed *Role
	}
	err := db.WithContext(ctx).Raw(`SELECT k.*, a.role AS appointed FROM keys k
LEFT JOIN appointments a ON a.town_id = k.person_town AND a.person_code = k.person_code
	AND a.valid_from <= @today AND (a.valid_until IS NULL OR a.valid_until >= @today)
WHERE k.prefix = @prefix`, map[string]any{"today": day.Of(db.NowFunc()), "prefix": prefix}).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return Key{}, nil, err
	}
	var appointed []Role
	for _, row := range rows {
		if row.Appointed != nil {
			appointed = append(appointed, *row.Appointed)
		}
	}
	return rows[0].Key, appointed, nil
}

// prefixOf splits bw_PREFIX_SECRET without believing any of it.
func prefixOf(secret string) (string, bool) {
	if len(secret) > 128 || !strings.HasPrefix(secret, "bw_") {
		return "", false
	}
	end := strings.IndexByte(secret[3:], '_')
	if end != 8 {
		return "", false
	}
	return secret[:3+end], true
}

func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// NoteUses writes down when keys were last used, by prefix. A use that is not
// later than the one on record changes nothing.
func NoteUses(ctx context.Context, db *gorm.DB, last map[string]time.Time) error {
	return database.InTx(ctx, db, func(tx *gorm.DB) error {
		for _, prefix := range slices.Sorted(maps.Keys(last)) { // in one order, so that two processes do not deadlock
			at := last[prefix]
			err := tx.Model(&Key{}).Where("prefix = ? AND (last_used_at IS NULL OR last_used_at < ?)", prefix, at).Update("last_used_at", at).Error
			if err != nil {
				return err
			}
		}
		return nil
	})
}
