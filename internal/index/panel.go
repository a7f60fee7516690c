package index

import (
	"context"
	"math"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/evaluation"
	"bulwark/pkg/composite/effect"
)

// PublishedPanel is what a town has published for one kind of period, the oldest first: the
// latest publication of each.
type PublishedPanel struct {
	effect.Panel
	Periods []evaluation.Period // of its scores
	Changed []string            // codes of periods scored by another scheme than the period before
}

// PublishedPanel gives the published history of the kind. Units are the branches of any of
// its periods in the order of codes, each in its last class; scores are those that
// were published.
func (b *ResultCache) Panel(ctx context.Context, db *gorm.DB, townID, kind string) (PublishedPanel, error) {
	e, err := b.publications(ctx, db, townID)
	if err != nil {
		return PublishedPanel{}, err
	}
	var p PublishedPanel
	var outcomes []*Outcome
	scheme := ""
	for i := range e {
		if e[i].Period.Kind != kind || e[i].Number < e[i].latest {
			continue
		}
		o, err := b.outcome(ctx, db, e[i])
		if err != nil {
			return PublishedPanel{}, err
		}
		if scheme != "" && e[i].SchemeHash != scheme {
			p.Changed = append(p.Changed, e[i].PeriodCode)
		}
		scheme = e[i].SchemeHash
		p.Periods, outcomes = append(p.Periods, e[i].Period), append(outcomes, o)
	}
	p.fill(outcomes)
	return p, nil
}

func (p *PublishedPanel) fill(outcomes []*Outcome) {
	class := map[string]string{}
	for _, o := range outcomes {
		for i := range o.Results {
			class[o.Results[i].BranchCode] = word(o.Results[i].Class)
		}
	}
	for code := range class {
		p.Units = append(p.Units, code)
	}
	slices.Sort(p.Units)
	at := map[string]int{}
	for u, code := range p.Units {
		at[code] = u
		p.Classes = append(p.Classes, class[code])
	}
	for _, o := range outcomes {
		scores := slices.Repeat([]float64{math.NaN()}, len(p.Units))
		for i := range o.Results {
			if s := o.Results[i].Score; s != nil {
				scores[at[o.Results[i].BranchCode]] = *s
			}
		}
		p.Scores = append(p.Scores, scores)
	}
}
