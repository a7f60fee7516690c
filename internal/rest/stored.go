package rest

import (
	"context"
	"reflect"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// MaxIdempotencyKey is the most characters of an Idempotency-Key.
const MaxIdempotencyKey = 128

// StoredResponse is the answer to the request with that key of that credential.
type StoredResponse struct {
	Credential  string `gorm:"primaryKey"`
	Key         string `gorm:"primaryKey"`
	Fingerprint string // SHA-256 of all that makes it this request, as hexadecimal digits
	Status      int64  // 0 until the answer is stored, which no other transaction sees
	Header      database.JSON[map[string]string]
	Body        string
	CreatedAt   time.Time
}

// TableName returns the name of the table.
func (StoredResponse) TableName() string { return "kept_answers" }

// claimKey takes the key of a for the transaction. Where it was taken before, it
// returns the answer that was stored then, and true. While another transaction has
// it, claimKey waits for its end; on SQLite there is no other.
func claimKey(ctx context.Context, tx *gorm.DB, a StoredResponse) (stored StoredResponse, again bool, err error) {
	a.CreatedAt = tx.NowFunc()
	taken := tx.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&a)
	if taken.Error != nil || taken.RowsAffected == 1 {
		return StoredResponse{}, false, taken.Error
	}
	err = tx.WithContext(ctx).Where("credential = ? AND key = ?", a.Credential, a.Key).Take(&stored).Error
	return stored, true, err
}

// storeResponse stores the answer under the key that the transaction has claimed.
func storeResponse(ctx context.Context, tx *gorm.DB, a StoredResponse) error {
	return tx.WithContext(ctx).Model(&StoredResponse{}).Where("credential = ? AND key = ?", a.Credential, a.Key).
		Updates(map[string]any{"status": a.Status, "header": a.Header, "body": a.Body}).Error
}

// ShiftStoredResponses makes all stored answers younger by the time, or older by a
// negative one.
func ShiftStoredResponses(ctx context.Context, db *gorm.DB, by time.Duration) error {
	return database.InTx(ctx, db, func(tx *gorm.DB) error {
		var stored []StoredResponse
		if err := tx.Select("credential", "key", "created_at").Find(&stored).Error; err != nil {
			return err
		}
		for _, a := range stored {
			err := tx.Model(&StoredResponse{}).Where("credential = ? AND key = ?", a.Credential, a.Key).
				Update("created_at", a.CreatedAt.Add(by)).Error
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteStoredResponses deletes all answers that were stored before the time and returns
// their number. It deletes some at a time, so that nobody waits long.
func DeleteStoredResponses(ctx context.Context, db *gorm.DB, before time.Time) (removed int64, err error) {
	old := db.WithContext(ctx).Model(&StoredResponse{}).Select("credential", "key").
		Where("created_at < ?", before).Order("created_at").Limit(database.Batch)
	for {
		var n int64
		err := database.InTx(ctx, db, func(tx *gorm.DB) error {
			done := tx.Where("(credential, key) IN (?)", old).Delete(&StoredResponse{})
			n = done.RowsAffected
			return done.Error
		})
		if removed += n; err != nil || n < database.Batch {
			return removed, err
		}
	}
}

// DeleteStoredNaming deletes the stored answers in which one of the words stands, letter for
// letter.
func DeleteStoredNaming(ctx context.Context, tx *gorm.DB, words []string) (err error) {
	defer fault.Wrap(&err, "delete stored answers with a name")
	for _, word := range words {
		err := tx.WithContext(ctx).Where(database.Contains(tx, "body"), word).Delete(&StoredResponse{}).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// Secret is a password or token in a request: taken as it was typed, never
// trimmed or printed.
type Secret struct{ value string }

// UnmarshalText takes the text as it is.
func (s *Secret) UnmarshalText(b []byte) error {
	s.value = string(b)
	return nil
}

// Value returns the text as it was typed.
func (s Secret) Value() string { return s.value }

// String hides the value from logs.
func (Secret) String() string { return "(hidden)" }

// GoString hides it from %#v.
func (s Secret) GoString() string { return s.String() }

// secretFields are the names under which answers hold secrets.
var secretFields = []string{"secret", "token", "csrf_token", "password"}

// holdsSecret reports whether an answer of the type has a field of such a name.
func holdsSecret(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for f := range fields(t) {
		if slices.Contains(secretFields, jsonName(f)) || f.Anonymous && holdsSecret(f.Type) {
			return true
		}
	}
	return false
}
