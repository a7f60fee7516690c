package rest

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/database"
)

// MaxKey is the most characters of a key.
const MaxKey = 128

// StoredResponse is what the request with that key of that credential was answered.
type StoredResponse struct {
	Credential  string `gorm:"primaryKey"`
	Key         string `gorm:"primaryKey"`
	Fingerprint string // SHA-256 of all that makes it this request, as hexadecimal digits
	Status      int64  // 0 until the answer is kept, which no other transaction sees
	Header      database.JSON[map[string]string]
	Body        string
	CreatedAt   time.Time
}

// TableName keeps the table apart from other answers.
func (StoredResponse) TableName() string { return "kept_answers" }

// claimKey takes the key of a for the transaction. Where it was taken before, the
// answer that was kept then comes back, and true. While another transaction has
// it, claimKey waits for its end; on SQLite there is no other.
func claimKey(ctx context.Context, tx *gorm.DB, a StoredResponse) (kept StoredResponse, again bool, err error) {
	a.CreatedAt = tx.NowFunc()
	taken := tx.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&a)
	if taken.Error != nil || taken.RowsAffected == 1 {
		return StoredResponse{}, false, taken.Error
	}
	err = tx.WithContext(ctx).Where("credential = ? AND key = ?", a.Credential, a.Key).Take(&kept).Error
	return kept, true, err
}

// storeResponse stores the answer under the key that the transaction has claimed.
func storeResponse(ctx context.Context, tx *gorm.DB, a StoredResponse) error {
	return tx.WithContext(ctx).Model(&StoredResponse{}).Where("credential = ? AND key = ?", a.Credential, a.Key).
		Updates(map[string]any{"status": a.Status, "header": a.Header, "body": a.Body}).Error
}

// DeleteStoredResponses deletes all answers that were kept before the time, some at once so that
// nobody waits long, and says how many there were.
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
