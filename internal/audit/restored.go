package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/text"
)

// RestoreAction is what the trail of the installation calls the reading of a backup.
const RestoreAction = "backup.restore"

// Restored is what the record of a restore says, for Verify to tell a trail that an
// older backup has shortened from one that was cut.
type Restored struct {
	At      time.Time        `json:"at"` // of the backup
	Bulwark string           `json:"bulwark"`
	Schema  int64            `json:"schema"`
	Dialect string           `json:"dialect"`
	Rows    int64            `json:"rows"`
	Heads   map[string]int64 `json:"heads"` // town → where its trail ended in the backup; "-" is the installation
}

// Ends gives the last sequence of every trail, by town; "-" is the installation.
func Ends(ctx context.Context, db *gorm.DB) (map[string]int64, error) {
	var heads []Head
	err := db.WithContext(ctx).Find(&heads).Error
	ends := make(map[string]int64, len(heads))
	for _, h := range heads {
		ends[nameOf(h.TownID)] = h.Sequence
	}
	return ends, err
}

// nameOf is the town as anchors name it.
func nameOf(townID string) string {
	if townID == "" {
		return installation
	}
	return townID
}

// restored says so where the fault is that a backup was restored which is older than
// some anchors: they agree as far as the backup went, and what they prove behind
// that is gone.
func (v *verification) restored() error {
	at := v.report.Fault.Sequence
	var record Record
	err := v.tx.Where("town_id = '' AND action = ?", RestoreAction).Order("sequence DESC").Limit(1).Find(&record).Error
	if err != nil || record.After == "" {
		return err
	}
	var r Restored
	if err := json.Unmarshal([]byte(record.After), &r); err != nil {
		return fmt.Errorf("the record of a restore: %w", errors.Join(errBadRecord, err))
	}
	if end, ok := r.Heads[nameOf(v.report.TownID)]; ok && at > end {
		v.report.Fault = &Break{at, "restored", text.F(
			"%[1]s 恢复了 %[2]s 的备份，审计链在其中止于第 %[3]d 条；锚点证明曾有直到第 %[4]d 条的记录，其后的已不在。请妥善保存原锚点文件，将 BULWARK_AUDIT_ANCHORS 指向新文件继续",
			"on %[1]s a backup of %[2]s was restored, in which the trail ended at record %[3]d; anchors prove that there were records up to %[4]d, which are gone. "+
				"Keep that file of anchors, and set BULWARK_AUDIT_ANCHORS to a new one to go on",
			record.At.Format(time.RFC3339), r.At.Format(time.RFC3339), end, v.furthest)}
	}
	return nil
}

var errBadRecord = errors.New("audit: it cannot be read")
