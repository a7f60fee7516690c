package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// RowRecord is what a change has made of a unit of rows of one table: mostly one row. The
// audit record with its town and sequence carries it, and the hash of that one covers it.
type RowRecord struct {
	TownID   string `gorm:"primaryKey"`
	Sequence int64  `gorm:"primaryKey"`
	Of       string `gorm:"primaryKey;column:table_name"`
	Key      string `gorm:"primaryKey"` // see database.Unit
	Before   string // SHA-256 of the rows before the change; empty where there was none
	Rows     string // the rows after it; empty where there is none
}

// TableName returns the name of the table.
func (RowRecord) TableName() string { return "audit_rows" }

// RowsAction is what the trail calls the record of a transaction that changes rows and
// has no record of its own in the trail of their town.
const RowsAction = "rows.change"

func init() { database.KeepRows(func(tx *gorm.DB) error { return appendAll(tx, nil) }) }

// carry takes what the transaction has changed, and returns the records with those that
// are missing to carry it, and what the last record of each town carries.
func carry(tx *gorm.DB, records []Record) ([]Record, map[string][]RowRecord, error) {
	changes, err := database.TakeChanges(tx)
	var gone []RowRecord
	if len(records) > 0 { // only once: see RecordEmptied
		gone = database.Waiting[RowRecord](tx)
	}
	if err != nil || len(changes)+len(gone) == 0 {
		return records, nil, err
	}
	anywhere := "" // rows of no town are carried by any record of the transaction
	if len(records) > 0 {
		anywhere = records[0].TownID
	}
	carried := map[string][]RowRecord{}
	if len(gone) > 0 {
		carried[anywhere] = gone
	}
	for _, c := range changes {
		town := anywhere
		if c.HasTown {
			town = c.Town
		}
		carried[town] = append(carried[town], RowRecord{Of: c.Table, Key: c.Key, Before: hashRows(c.Before), Rows: c.After})
	}
	for _, town := range slices.Sorted(maps.Keys(carried)) {
		slices.SortFunc(carried[town], func(a, b RowRecord) int {
			return cmp.Or(strings.Compare(a.Of, b.Of), strings.Compare(a.Key, b.Key))
		})
		if slices.ContainsFunc(records, func(r Record) bool { return r.TownID == town }) {
			continue
		}
		counts := map[string]int{}
		for _, r := range carried[town] {
			counts[r.Of]++
		}
		r, err := newRecord(tx.Statement.Context, tx, Change{Town: town, Action: RowsAction, After: counts})
		if err != nil {
			return nil, nil, err
		}
		records = append(records, r)
	}
	return records, carried, nil
}

// hashRows returns the SHA-256 of rows, empty for none.
func hashRows(rows string) string {
	if rows == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(rows))
	return hex.EncodeToString(sum[:])
}

// digestOf returns what an audit record with the salt holds of its row records, which are
// in the order of table and key; empty for none. docs/audit.md describes it.
func digestOf(salt string, rows []RowRecord) string {
	if len(rows) == 0 {
		return ""
	}
	sum := sha256.New()
	writePart(writer(sum.Write), salt)
	for _, r := range rows {
		r.add(sum.Write)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

type writer func([]byte) (int, error)

// WriteString makes a writer an io.StringWriter.
func (w writer) WriteString(s string) (int, error) { return w([]byte(s)) }

var _ io.StringWriter = writer(nil)

// add hashes the row record as part of its audit record.
func (r RowRecord) add(w writer) {
	for _, part := range []string{r.Of, r.Key, r.Before, r.Rows} {
		writePart(w, part)
	}
}

// RecordEmptied records that the tables, whose rows belong to no town, have lost the rows
// that the trail still knows: a restore leaves them empty. tx writes an audit record besides.
func RecordEmptied(ctx context.Context, tx *gorm.DB, tables ...string) (err error) {
	defer fault.Wrap(&err, "record that tables are empty")
	v := rowVerification{tx: tx.WithContext(ctx), states: map[string]map[string]*unitState{}}
	for _, name := range tables {
		v.states[name] = map[string]*unitState{}
		var list []RowRecord
		if err := v.tx.Where("table_name = ?", name).Order("key").Find(&list).Error; err != nil {
			return err
		}
		for _, r := range list {
			v.take(r)
		}
		for _, key := range slices.Sorted(maps.Keys(v.states[name])) {
			last, _ := v.states[name][key].last(hash{})
			if last.hash == (hash{}) {
				continue
			}
			gone := RowRecord{Of: name, Key: key, Before: hex.EncodeToString(last.hash[:])}
			if err := database.AtEnd(tx, gone, func(*gorm.DB, []RowRecord) error { return nil }); err != nil {
				return err
			}
		}
	}
	return nil
}
