package access

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Key lets a program or person in, as a bearer token. Only its hash is stored.
// What it opens never changes after its making.
type Key struct {
	Prefix     string     `gorm:"primaryKey" json:"prefix" example:"bw_3f9ac1d2"`
	Version    int64      `gorm:"-" json:"version" example:"1"` // 1; 2 once revoked: nothing else of a key changes
	SecretHash string     `json:"-"`
	Roles      []Role     `gorm:"serializer:json" json:"roles" swaggertype:"array,string" example:"mentor"` // in the order of the policy table
	Towns      []string   `gorm:"serializer:json" json:"towns" example:"demo"`                              // sorted; none = every town
	Branches   []string   `gorm:"serializer:json" json:"branches" example:"b07"`                            // sorted; none = all that the role reaches
	PersonTown *string    `json:"-"`                                                                        // the one town, where there is a person
	PersonCode *string    `json:"person,omitempty"`
	ReadOnly   bool       `json:"read_only"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"` // to the minute or so
	CreatedAt  time.Time  `json:"created_at"`
}

// ETag is the version as an HTTP entity tag.
func (k Key) ETag() string { return strconv.Quote(strconv.FormatInt(k.Version, 10)) }

// CreateKey stores a new key and returns its secret, which cannot be had again.
// A role that works on branches needs a person; a person, and a limit to branches,
// need the one town that they belong to; an end of the key must lie in the future.
func CreateKey(ctx context.Context, db *gorm.DB, k Key) (Key, string, error) {
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
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := checkHolder(ctx, tx, k); err != nil {
			return err
		}
		made.Version, made.RevokedAt, made.LastUsedAt, made.CreatedAt = 1, nil, nil, tx.NowFunc()
		if err := tx.Create(&made).Error; err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: made.town(), Action: "key.create", Subject: "keys/" + made.Prefix, After: made})
	})
	if err != nil {
		return Key{}, "", err
	}
	return made, secret, nil
}

// RevokeKey ends a key at once. One that is revoked already is out of date.
func RevokeKey(ctx context.Context, db *gorm.DB, prefix string, version int64) error {
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

// ListKeys gives all keys in the order of their making.
func ListKeys(ctx context.Context, db *gorm.DB) ([]Key, error) {
	var keys []Key
	err := db.WithContext(ctx).Order("created_at, prefix").Find(&keys).Error
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
