package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// Head is the last record of a chain. Who keeps one can show later that nothing
// up to it was changed.
type Head struct {
	TownID   string `gorm:"primaryKey" json:"town" example:"demo"` // empty = the installation
	Sequence int64  `json:"sequence" example:"42"`                 // 0 = no record yet
	Hash     string `json:"hash"`                                  // empty = no record yet
}

// TableName returns the name of the table.
func (Head) TableName() string { return "audit_heads" }

// FindHead returns the head of the town's chain, of the installation's where
// townID is empty.
func FindHead(ctx context.Context, db *gorm.DB, townID string) (_ Head, err error) {
	defer fault.Wrap(&err, "head of the audit trail of %q", townID)
	head := Head{TownID: townID}
	err = db.WithContext(ctx).Where("town_id = ?", townID).Limit(1).Find(&head).Error
	return head, err
}

// appendAll appends the records to their chains, with the row records of all that the
// transaction has changed. Transactions that write to several lock the chains in the
// order of their towns, so that there is no deadlock.
func appendAll(tx *gorm.DB, records []Record) error {
	records, carried, err := carry(tx, records)
	if err != nil {
		return err
	}
	slices.SortStableFunc(records, func(a, b Record) int { return cmp.Compare(a.TownID, b.TownID) })
	for len(records) > 0 {
		n := 1
		for n < len(records) && records[n].TownID == records[0].TownID {
			n++
		}
		if err := appendTo(tx, records[:n], carried[records[0].TownID]); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

// appendTo appends the records of one chain, of which the last carries the rows.
func appendTo(tx *gorm.DB, records []Record, rows []RowRecord) error {
	townID, last := records[0].TownID, &records[len(records)-1]
	last.Rows = digestOf(last.Salt, rows)
	head, err := lockHead(tx, townID)
	if err != nil {
		return err
	}
	for i := range records {
		if !records[i].salted() {
			records[i].Salt = ""
		}
		records[i].Sequence = head.Sequence + 1
		records[i].Hash = records[i].link(head.Hash)
		head.Sequence, head.Hash = records[i].Sequence, records[i].Hash
	}
	if err := tx.CreateInBatches(records, database.Batch).Error; err != nil {
		return err
	}
	for i := range rows {
		rows[i].TownID, rows[i].Sequence = townID, last.Sequence
	}
	if len(rows) > 0 {
		if err := tx.CreateInBatches(rows, database.Batch).Error; err != nil {
			return err
		}
	}
	return tx.Model(&Head{}).Where("town_id = ?",
		townID).Updates(map[string]any{"sequence": head.Sequence, "hash": head.Hash}).Error
}

// lockHead locks the head until the transaction ends: one writer of a chain at a
// time. The first one creates it.
func lockHead(tx *gorm.DB, townID string) (Head, error) {
	for {
		var head Head
		found := tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("town_id = ?", townID).Limit(1).Find(&head)
		if found.Error != nil || found.RowsAffected == 1 {
			return head, found.Error
		}
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&Head{TownID: townID}).Error; err != nil {
			return head, err
		}
	}
}

// link returns the hash of the record that follows one with the hash previous. Changing
// what it is made of invalidates every chain ever stored.
func (r Record) link(previous string) string {
	sum := sha256.Sum256([]byte(r.linked(previous)))
	return hex.EncodeToString(sum[:])
}

// linked returns what is hashed: each part as its length in bytes, a colon, the part
// and a comma, so that no part can pass for a piece of another. The values before and
// after are hashed by their salted digests, so that who may not read them can follow the
// chain too, and cannot confirm a guess. docs/audit.md describes it for others who check a trail.
func (r Record) linked(previous string) string {
	var b strings.Builder
	salt := r.valuesSalt()
	for _, part := range []string{
		previous, r.TownID, strconv.FormatInt(r.Sequence, 10), r.ID, r.At.UTC().Format(time.RFC3339Nano), r.Actor, r.Role,
		r.Credential,
		r.Action, r.Subject, r.Before.Digest(salt), r.After.Digest(salt), r.Reason, r.RequestID, r.Rows,
	} {
		writePart(&b, part)
	}
	return b.String()
}

func writePart(b io.StringWriter, part string) {
	_, _ = b.WriteString(strconv.Itoa(len(part)) + ":" + part + ",") // neither a builder nor a hash fails
}
