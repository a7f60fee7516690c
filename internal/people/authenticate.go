package people

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

var errBadKey = fault.New(fault.Unauthenticated, "bad_key", text.F("密钥无效、已撤销或已过期", "the key is unknown, revoked or expired"))

// Authenticate finds the caller behind a bearer key. All reasons to refuse one
// read alike, so that nobody learns which prefixes exist.
func Authenticate(ctx context.Context, db *gorm.DB, secret string) (Principal, error) {
	prefix, ok := prefixOf(secret)
	if !ok {
		return Principal{}, errBadKey
	}
	var k Key
	err := db.WithContext(ctx).Where("prefix = ?", prefix).Take(&k).Error
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return Principal{}, err
	}
	same := subtle.ConstantTimeCompare([]byte(k.SecretHash), []byte(digest(secret))) == 1
	expired := k.ExpiresAt != nil && !db.NowFunc().Before(*k.ExpiresAt)
	if err != nil || !same || expired || k.RevokedAt != nil {
		return Principal{}, errBadKey
	}
	p := Principal{Towns: k.Towns, Branches: k.Branches, Person: deref(k.PersonCode), Key: k.Prefix, ReadOnly: k.ReadOnly}
	return p.Holding(k.Roles...), nil
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
