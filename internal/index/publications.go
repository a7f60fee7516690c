package index

import (
	"context"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
)

// PublicationDetail is a publication as it is cited: with the hashes of its receipt,
// its public notice and the publication that replaced it.
type PublicationDetail struct {
	Publication
	SchemeHash   string        `json:"scheme_hash"`
	DataHash     string        `json:"data_hash"`
	ResultHash   string        `json:"result_hash"`
	SupersededBy int64         `json:"superseded_by,omitempty,omitzero" example:"2"` // the latest publication, where this is an older one
	Notice       *PublicNotice `json:"notice,omitempty"`                             // of the first one for every branch, of a later one for those that it changed
}

// ListPublications gives the publications of a period by number; none while it has none.
func (b *ResultCache) ListPublications(ctx context.Context, db *gorm.DB, townID, period string) ([]PublicationDetail, error) {
	e, err := b.publications(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	list := []PublicationDetail{}
	for _, p := range e.of(period) {
		list = append(list, p.detail(access.Caller(ctx), db.NowFunc()))
	}
	return list, nil
}

// FindPublication gives one publication.
func (b *ResultCache) FindPublication(ctx context.Context, db *gorm.DB, townID, period string, number int64) (PublicationDetail, error) {
	e, err := b.publications(ctx, db, townID)
	if err != nil {
		return PublicationDetail{}, err
	}
	return e.detail(access.Caller(ctx), period, number, db.NowFunc())
}

func (e publications) detail(caller access.Principal, period string, number int64, now time.Time) (PublicationDetail, error) {
	p, err := e.find(period, number)
	if err != nil {
		return PublicationDetail{}, err
	}
	return p.detail(caller, now), nil
}

func (p *publishedRun) detail(caller access.Principal, now time.Time) PublicationDetail {
	today := day.Of(now)
	i := PublicationDetail{
		Publication: p.Publication, SchemeHash: p.SchemeHash, DataHash: p.DataHash, ResultHash: p.ResultHash,
		SupersededBy: p.source(today).SupersededBy, Notice: publicNotice(p.notice(), today),
	}
	i.PublishedBy = caller.Told(i.PublishedBy, access.LeadingGroup)
	return i
}
