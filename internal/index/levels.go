package index

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Scores are the scores of one published period, node by node: what branches are
// strong and weak in.
type PeriodScores struct {
	Period string
	Class  map[string]string             // of each branch then; empty for one without
	Names  map[string]text.Text          // of the indicators
	Scores map[string]map[string]float64 // indicator → branch → score; a branch without one is absent
}

// Scores gives the levels of a published period, the latest of all where period is
// empty, and behind it those of up to back periods of the same kind before, the
// latest first. NotFound where nothing is published.
func (b *ResultCache) Scores(ctx context.Context, db *gorm.DB, townID, period string, back int) ([]PeriodScores, error) {
	e, err := b.publications(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	if period == "" {
		if len(e) == 0 {
			return nil, fault.NotFound("nothing_published", "尚未公布任何考评周期", "no period is published yet")
		}
		period = e[len(e)-1].PeriodCode
	}
	at, err := e.find(period, 0)
	if err != nil {
		return nil, err
	}
	var list []PeriodScores
	for ; at != nil && len(list) <= back; at = e.previous(at.Period) {
		o, err := b.outcome(ctx, db, *at)
		if err != nil {
			return nil, err
		}
		list = append(list, o.scores())
	}
	return list, nil
}

func (o *Outcome) scores() PeriodScores {
	l := PeriodScores{Period: o.Period.Code, Class: map[string]string{}, Names: map[string]text.Text{}, Scores: map[string]map[string]float64{}}
	for _, i := range o.Scheme.Flat() {
		l.Names[i.Code], l.Scores[i.Code] = i.Name, map[string]float64{}
	}
	for i := range o.Results {
		r := &o.Results[i]
		l.Class[r.BranchCode] = word(r.Class)
		for _, n := range r.Nodes {
			if scores := l.Scores[n.NodeCode]; scores != nil && n.Score != nil {
				scores[r.BranchCode] = *n.Score
			}
		}
	}
	return l
}
