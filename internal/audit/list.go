package audit

import (
	"context"
	"errors"
	"strconv"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
)

// Filter narrows a list; zero fields do not.
type Filter struct {
	Actor, Action string
	Subject       string // beginning of the subject
	RequestID     string
	From, Until   day.Date // both included
	Before        *int64   // only records with a smaller sequence
	Limit         int
}

// List gives the records of the town, of the installation where townID is empty,
// the newest first.
func List(ctx context.Context, db *gorm.DB, townID string, f Filter) ([]Record, error) {
	q := db.WithContext(ctx).Where("town_id = ?", townID)
	for _, narrow := range []struct{ column, value string }{{"actor", f.Actor}, {"action", f.Action}, {"request_id", f.RequestID}} {
		if narrow.value != "" {
			q = q.Where(narrow.column+" = ?", narrow.value)
		}
	}
	if f.Subject != "" {
		q = q.Where("subject >= ? AND subject < ?", f.Subject, f.Subject+"\U0010FFFF") // LIKE ignores case on SQLite
	}
	if f.From != "" {
		q = q.Where("at >= ?", f.From.Start().UTC())
	}
	if f.Until != "" {
		q = q.Where("at < ?", f.Until.AddDays(1).Start().UTC())
	}
	if f.Before != nil {
		q = q.Where("sequence < ?", *f.Before)
	}
	var records []Record
	return records, q.Order("sequence DESC").Limit(f.Limit).Find(&records).Error
}

// Find gives one record by its place in the chain.
func Find(ctx context.Context, db *gorm.DB, townID string, sequence int64) (Record, error) {
	var r Record
	err := db.WithContext(ctx).Where("town_id = ? AND sequence = ?", townID, sequence).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		err = fault.Missing(recordNoun, strconv.FormatInt(sequence, 10))
	}
	return r, err
}
