package index

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
)

// Receipt is what anyone needs to check a published result: hashes of what went
// in and came out, and how it was computed.
type Receipt struct {
	Run
	Source
	Status string `json:"status" enums:"published,final"`
}

// Receipt gives the receipt of a publication, the latest where number is 0.
func (b *ResultCache) Receipt(ctx context.Context, db *gorm.DB, townID, period string, number int64) (Receipt, error) {
	o, p, err := b.publishedOutcome(ctx, db, townID, period, number)
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{Run: *o.Run, Source: p.source(day.Of(db.NowFunc())), Status: o.status()}
	r.CreatedBy = access.Caller(ctx).Told(r.CreatedBy, access.LeadingGroup)
	return r, nil
}

// Files gives the two files from which `bulwark score` computes a published result
// again: the scheme document and the data.
func (b *ResultCache) Files(ctx context.Context, db *gorm.DB, townID, period string, number int64) (scheme []byte, data string, err error) {
	o, _, err := b.publishedOutcome(ctx, db, townID, period, number)
	if err != nil {
		return nil, "", err
	}
	return o.Scheme.Canonical, o.Run.Data, nil
}

// Verify computes a published result again and compares it with its receipt.
func (b *ResultCache) Verify(ctx context.Context, db *gorm.DB, townID, period string, number int64) (Verification, error) {
	o, _, err := b.publishedOutcome(ctx, db, townID, period, number)
	if err != nil {
		return Verification{}, err
	}
	run, err := FindRun(ctx, db, townID, period, o.Run.ID) // not from memory: it is the database that is doubted
	if err != nil {
		return Verification{}, err
	}
	return Verify(ctx, db, run)
}
