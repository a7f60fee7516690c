package index

import (
	"context"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
)

// Issue is a publication as it is cited: with the hashes of its receipt, its clock
// and the one that replaced it.
type Issue struct {
	Publication
	SchemeHash   string `json:"scheme_hash"`
	DataHash     string `json:"data_hash"`
	ResultHash   string `json:"result_hash"`
	SupersededBy int64  `json:"superseded_by,omitempty,omitzero" example:"2"` // the latest publication, where this is an older one
	Notice       *Clock `json:"notice,omitempty"`                             // of the first one for every branch, of a later one for those that it changed
}

// Issues gives the publications of a period by number; none while it has none.
func (b *Board) Issues(ctx context.Context, db *gorm.DB, townID, period string) ([]Issue, error) {
	e, err := b.edition(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	list := []Issue{}
	for _, p := range e.of(period) {
		list = append(list, p.issue(access.Caller(ctx), db.NowFunc()))
	}
	return list, nil
}

// Issue gives one publication.
func (b *Board) Issue(ctx context.Context, db *gorm.DB, townID, period string, number int64) (Issue, error) {
	e, err := b.edition(ctx, db, townID)
	if err != nil {
		return Issue{}, err
	}
	return e.issue(access.Caller(ctx), period, number, db.NowFunc())
}

func (e edition) issue(caller access.Principal, period string, number int64, now time.Time) (Issue, error) {
	p, err := e.find(period, number)
	if err != nil {
		return Issue{}, err
	}
	return p.issue(caller, now), nil
}

func (p *published) issue(caller access.Principal, now time.Time) Issue {
	today := day.Of(now)
	i := Issue{
		Publication: p.Publication, SchemeHash: p.SchemeHash, DataHash: p.DataHash, ResultHash: p.ResultHash,
		SupersededBy: p.source(today).SupersededBy, Notice: clock(p.notice(), today),
	}
	i.PublishedBy = caller.Told(i.PublishedBy, access.LeadingGroup)
	return i
}
