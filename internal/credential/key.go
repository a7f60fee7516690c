package credential

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// Key is the bearer token of a program or person. Only its hash is stored. What it gives
// access to never changes after it was made.
type Key struct {
	Prefix     string `gorm:"primaryKey" json:"prefix" example:"bw_3f9ac1d2"`
	Version    int64  `gorm:"-" json:"version" example:"1"` // 1; 2 once revoked: nothing else of a key changes
	SecretHash string `json:"-"`
	// in the order of the policy table
	Roles []policy.Role `gorm:"serializer:json" json:"roles" swaggertype:"array,string" example:"mentor"`
	// sorted; none = every town
	Towns []string `gorm:"serializer:json" json:"towns" example:"demo"`
	// sorted; none = all that the role reaches
	Branches []string `gorm:"serializer:json" json:"branches" example:"b07"`
	// the one town, where there is a person
	PersonTown *string    `json:"-"`
	PersonCode *string    `json:"person,omitempty"`
	ReadOnly   bool       `json:"read_only"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`   // absent: it holds
	LastUsedAt *time.Time `json:"last_used_at,omitempty"` // the first use of the last day of use
	CreatedAt  time.Time  `json:"created_at"`
}

// ETag returns the version as an HTTP entity tag.
func (k Key) ETag() string { return strconv.Quote(strconv.FormatInt(k.Version, 10)) }

// CreateKey stores a new key and returns its secret, which cannot be had again.
// A role that works on branches needs a person; a person, and a limit to branches,
// need the one town that they belong to; an end of the key must lie in the future.
func CreateKey(ctx context.Context, db *gorm.DB, k Key) (_ Key, _ string, err error) {
	defer fault.Wrap(&err, "create a key")
	if faults := checkKey(k, db.NowFunc()); len(faults) > 0 {
		return Key{}, "", fault.Broken(faults...)
	}
	random := make([]byte, 36)
	if _, err := rand.Read(random); err != nil {
		return Key{}, "", err
	}
	made := k.tidy()
	made.Prefix = "bw_" + hex.EncodeToString(random[:4])
	secret := made.Prefix + "_" + base64.RawURLEncoding.EncodeToString(random[4:])
	made.SecretHash = digest(secret)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := checkHolder(ctx, tx, k); err != nil {
			return err
		}
		made.Version, made.RevokedAt, made.LastUsedAt, made.CreatedAt = 1, nil, nil, tx.NowFunc()
		if err := tx.Create(&made).Error; err != nil {
			return err
		}
		err := audit.Write(ctx, tx,
			audit.Change{Town: made.town(), Action: "key.create", Subject: "keys/" + made.Prefix, After: made})
		if err != nil || made.PersonCode == nil || made.ReadOnly || !slices.ContainsFunc(made.Roles, policy.Role.Decides) {
			return err
		}
		return Give(ctx, tx, Right{
			TownID: made.town(), Kind: "key", Subject: "keys/" + made.Prefix, PersonCode: *made.PersonCode,
		})
	})
	if err != nil {
		return Key{}, "", err
	}
	return made, secret, nil
}

// RevokeKey ends a key at once. One that is revoked already is out of date.
func RevokeKey(ctx context.Context, db *gorm.DB, prefix string, version int64) (err error) {
	defer fault.Wrap(&err, "key %s", prefix)
	return database.InTx(ctx, db, func(tx *gorm.DB) error {
		var k Key
		err := tx.Where("prefix = ?", prefix).Take(&k).Error
		switch {
		case errors.Is(err, gorm.ErrRecordNotFound):
			return fault.Missing(text.Text{ZH: "密钥", EN: "key"}, prefix)
		case err != nil:
			return err
		case version != 1:
			return fault.OutOfDate()
		}
		done := tx.Model(&Key{}).Where("prefix = ? AND revoked_at IS NULL", prefix).Update("revoked_at", tx.NowFunc())
		if done.Error == nil && done.RowsAffected == 0 {
			return fault.OutOfDate()
		}
		if done.Error != nil {
			return done.Error
		}
		return audit.Write(ctx, tx, audit.Change{Town: k.town(), Action: "key.revoke", Subject: "keys/" + prefix})
	})
}

// ListKeys returns all keys in the order of their making.
func ListKeys(ctx context.Context, db *gorm.DB) (_ []Key, err error) {
	defer fault.Wrap(&err, "keys")
	var keys []Key
	err = db.WithContext(ctx).Order("created_at, prefix").Find(&keys).Error
	for i := range keys {
		keys[i].Version = 1
		if keys[i].RevokedAt != nil {
			keys[i].Version = 2
		}
	}
	return keys, err
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// tidy puts the lists in order, each entry once, and the end at the precision of
// the databases.
func (k Key) tidy() Key {
	if k.ExpiresAt != nil {
		end := k.ExpiresAt.UTC().Truncate(time.Microsecond)
		k.ExpiresAt = &end
	}
	order := policy.Roles()
	k.Roles = distinct(k.Roles, func(a, b policy.Role) int {
		return cmp.Compare(slices.Index(order, a), slices.Index(order, b))
	})
	k.Towns, k.Branches = distinct(k.Towns, cmp.Compare[string]), distinct(k.Branches, cmp.Compare[string])
	k.PersonTown = nil
	if k.PersonCode != nil && len(k.Towns) == 1 {
		k.PersonTown = &k.Towns[0]
	}
	return k
}

// distinct is a sorted copy without repetitions, never nil.
func distinct[T comparable](list []T, compare func(a, b T) int) []T {
	sorted := append([]T{}, list...)
	slices.SortFunc(sorted, compare)
	return slices.Compact(sorted)
}

// town returns the one town of the key, in whose trail the key is recorded; empty
// where it opens another number of them.
func (k Key) town() string {
	if len(k.Towns) == 1 {
		return k.Towns[0]
	}
	return ""
}

func checkKey(k Key, now time.Time) (faults []fault.FieldError) {
	if len(k.Roles) == 0 {
		faults = append(faults, fault.Field("/roles", "roles_needed", "请至少给出一个角色", "give at least one role"))
	}
	tied := false
	for i, r := range k.Roles {
		if policy.ReadIdentity.ScopeFor(r) == policy.None {
			faults = append(faults, fault.Field("/roles/"+strconv.Itoa(i), "unknown_role", "没有角色“%s”", "there is no role %q", r))
		}
		tied = tied || r.WorksOnBranches()
	}
	if k.PersonCode != nil && slices.Contains(k.Roles, policy.Admin) {
		faults = append(faults, fault.Field("/person", "admin_without_person",
			"管理员不经聘任，其密钥不关联人员", "nobody is appointed as an administrator: leave the person out"))
	}
	if tied && k.PersonCode == nil {
		faults = append(faults,
			fault.Field("/person", "person_needed", "该角色须写明人员", "this role works on branches: name the person"))
	}
	if len(k.Towns) != 1 && (k.PersonCode != nil || tied) {
		faults = append(faults,
			fault.Field("/towns", "one_town_needed", "人员属于某一个镇：请只写明该镇", "a person belongs to one town: name that one alone"))
	}
	if len(k.Towns) != 1 && len(k.Branches) > 0 {
		faults = append(faults,
			fault.Field("/branches", "one_town_needed", "党组织属于某一个镇：请只写明该镇", "branches belong to one town: name that one alone"))
	}
	if k.ExpiresAt != nil && !k.ExpiresAt.After(now) {
		faults = append(faults, fault.Field("/expires_at", "in_the_past", "有效期已过", "the key would have expired already"))
	}
	return faults
}

// checkHolder makes sure that towns, branches and person of the key are there.
func checkHolder(ctx context.Context, tx *gorm.DB, k Key) error {
	for i, code := range k.Towns {
		if _, err := town.Find(ctx, tx, code); err != nil {
			return fault.MissingAt(err, "/towns/"+strconv.Itoa(i), "unknown_town",
				text.F("没有镇（街道）“%s”", "there is no town %q", code))
		}
	}
	for i, code := range k.Branches {
		if _, err := town.FindBranch(ctx, tx, k.town(), code, day.Latest); err != nil {
			return fault.MissingAt(err, "/branches/"+strconv.Itoa(i), "unknown_branch",
				text.F("本镇没有党组织“%s”", "this town has no branch %q", code))
		}
	}
	if k.PersonCode == nil {
		return nil
	}
	return access.PersonExists(ctx, tx, k.town(), *k.PersonCode)
}

var errBadKey = fault.Unauthenticated("bad_key", "密钥无效、已撤销或已过期", "the key is unknown, revoked or expired")

// Authenticate returns the caller of a bearer key. All refusals read alike, so that nobody
// learns which prefixes exist; only who has the whole secret learns that its person has
// none of its roles today (Forbidden).
func Authenticate(ctx context.Context, db *gorm.DB, secret string) (_ access.Principal, err error) {
	defer fault.Wrap(&err, "authenticate a key")
	prefix, ok := prefixOf(secret)
	if !ok {
		return access.Principal{}, errBadKey
	}
	k, appointed, err := keyOf(ctx, db, prefix)
	if err != nil {
		return access.Principal{}, err
	}
	same := subtle.ConstantTimeCompare([]byte(k.SecretHash), []byte(digest(secret))) == 1
	expired := k.ExpiresAt != nil && !db.NowFunc().Before(*k.ExpiresAt)
	if !same || expired || k.RevokedAt != nil {
		return access.Principal{}, errBadKey
	}
	p := access.Principal{
		Towns: k.Towns, Branches: k.Branches, Person: deref(k.PersonCode), Key: k.Prefix, ReadOnly: k.ReadOnly,
	}
	if k.PersonCode == nil {
		return p.Holding(k.Roles...), nil
	}
	var held []policy.Role
	waiting := false
	for _, a := range appointed {
		switch {
		case !slices.Contains(k.Roles, a.Role):
		case a.Waits:
			waiting = true
		default:
			held = append(held, a.Role)
		}
	}
	if p = p.Holding(held...); p.Role != "" {
		return p, nil
	}
	if waiting {
		return access.Principal{}, errRightWaits
	}
	return access.Principal{}, fault.Forbidden("no_role_now",
		"密钥有效，但“%s”今日未被聘任担任该密钥的任何角色：请联系工作领导小组",
		"the key is valid, but %q is appointed to none of its roles today: ask the leading group", p.Person)
}

// appointedRole is a role to which the person of a key is appointed, and whether the right
// to it, or to decide by the key, waits to be acknowledged.
type appointedRole struct {
	Role  policy.Role
	Waits bool
}

// keyOf returns the key and the roles to which its person is appointed today, by one
// statement; the zero key where there is none.
func keyOf(ctx context.Context, db *gorm.DB, prefix string) (Key, []appointedRole, error) {
	var rows []struct {
		Key
		Appointed *policy.Role
		Waits     bool
	}
	err := db.WithContext(ctx).Raw(`SELECT k.*, a.role AS appointed, EXISTS (SELECT 1 FROM deciding_rights
	WHERE town_id = k.person_town AND `+access.RightWaits+`
		AND (subject = 'appointments/' || a.id OR a.role = @deciding AND subject = 'keys/' || k.prefix)) AS waits
FROM keys k
LEFT JOIN appointments a ON a.town_id = k.person_town AND a.person_code = k.person_code
	AND a.valid_from <= @today AND (a.valid_until IS NULL OR a.valid_until >= @today) AND a.cancelled_at IS NULL
WHERE k.prefix = @prefix`, map[string]any{
		"today": day.Of(db.NowFunc()), "now": db.NowFunc(), "prefix": prefix, "deciding": policy.LeadingGroup,
	}).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return Key{}, nil, err
	}
	var appointed []appointedRole
	for _, row := range rows {
		if row.Appointed != nil {
			appointed = append(appointed, appointedRole{*row.Appointed, row.Waits})
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

// NoteUses stores when keys were last used, by prefix. A use that is not on a later day
// than the one on record changes nothing: what is shown is held by the trail, which is not
// to grow by every use.
func NoteUses(ctx context.Context, db *gorm.DB, last map[string]time.Time) (err error) {
	defer fault.Wrap(&err, "last uses of keys")
	return database.InTx(ctx, db, func(tx *gorm.DB) error {
		for _, prefix := range slices.Sorted(maps.Keys(last)) { // in one order, so that two processes do not deadlock
			at := last[prefix]
			err := tx.Model(&Key{}).Where("prefix = ? AND (last_used_at IS NULL OR last_used_at < ?)", prefix,
				day.Of(at).Start().UTC()).Update("last_used_at", at).Error
			if err != nil {
				return err
			}
		}
		return nil
	})
}
