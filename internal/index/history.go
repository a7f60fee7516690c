package index

import (
	"context"
	"math"
	"slices"

	"bulwark/pkg/composite/effect"
	"bulwark/pkg/composite/stats"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// HistoryEntry is one published period in the history of a branch.
type HistoryEntry struct {
	Period    string    `json:"period" example:"2023Q3"`
	EndsOn    day.Date  `json:"ends_on" swaggertype:"string" format:"date"` // of the period
	Kind      string    `json:"kind" enums:"quarter,half_year,year"`
	Status    string    `json:"status" enums:"published,final"`
	Run       string    `json:"run" format:"uuid"`
	Outcome   string    `json:"outcome" enums:"scored,insufficient,failed"`
	Coverage  float64   `json:"coverage"`
	Score     *float64  `json:"score,omitempty"`
	Grade     string    `json:"grade,omitempty"`
	Rank      *int      `json:"rank,omitempty"`
	ClassRank *int      `json:"class_rank,omitempty"`
	From      *Compared `json:"from,omitempty"` // what the change is counted from
	Comparison
	Dimensions map[string]float64 `json:"dimensions"`
}

// History returns every published period of one branch, the latest first.
func (c *ResultCache) History(ctx context.Context, db *gorm.DB, townID, branch string) (_ []HistoryEntry, err error) {
	defer fault.Wrap(&err, "history of %s", branch)
	e, err := c.publications(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	list := []HistoryEntry{}
	for i := len(e) - 1; i >= 0; i-- {
		if !e[i].counts() {
			continue
		}
		now, err := c.outcome(ctx, db, e[i])
		if err != nil {
			return nil, err
		}
		r := now.find(branch)
		if r == nil {
			continue
		}
		s := HistoryEntry{
			Period: e[i].Period.Code, EndsOn: e[i].Period.EndsOn, Kind: e[i].Period.Kind,
			Status: now.status(), Run: e[i].RunID, Outcome: r.Status,
			Coverage: stats.Round(r.Coverage, 4), Score: r.Score, Grade: word(r.Grade), Rank: r.Rank, ClassRank: r.ClassRank,
			Dimensions: now.dimensions(r),
		}
		from, err := c.baseline(ctx, db, e, e[i].From)
		if err != nil {
			return nil, err
		}
		from.ended = e[i].Ended.V
		s.From, s.Comparison = from.compared(now), now.compare(r, from)
		list = append(list, s)
	}
	return list, nil
}

// PeriodScores are the scores of one published period, node by node: what branches are
// strong and weak in.
type PeriodScores struct {
	Period string
	Class  map[string]string             // of each branch then; empty for one without
	Names  map[string]text.Text          // of the indicators
	Scores map[string]map[string]float64 // indicator → branch → score; a branch without one is absent
}

// Scores returns the scores of a published period, the latest of all where period is
// empty, and behind it those of up to back periods of the same kind before by schemes that
// score alike, the latest first. NotFound where nothing is published.
func (c *ResultCache) Scores(
	ctx context.Context, db *gorm.DB, townID, period string, back int,
) (list []PeriodScores, err error) {
	defer fault.Wrap(&err, "scores of %s", townID)
	e, err := c.publications(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	if period == "" {
		counting := e.standing()
		if len(counting) == 0 {
			return nil, fault.NotFound("nothing_published", "尚未公布任何考评周期", "no period is published yet")
		}
		period = counting[len(counting)-1].PeriodCode
	}
	at, err := e.find(period, 0)
	if err != nil {
		return nil, err
	}
	var first *Outcome
	for seen := 0; at != nil && seen <= back; at, seen = e.previous(at.Period), seen+1 {
		o, err := c.outcome(ctx, db, *at)
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = o
		}
		if o.ruler(first) != OtherScheme {
			list = append(list, o.scores())
		}
	}
	return list, nil
}

func (o *Outcome) scores() PeriodScores {
	l := PeriodScores{
		Period: o.Period.Code, Class: map[string]string{}, Names: map[string]text.Text{},
		Scores: map[string]map[string]float64{},
	}
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

// PublishedPanel is what a town has published for one kind of period, the oldest first: the
// latest publication of each.
type PublishedPanel struct {
	effect.Panel
	Branches []town.BranchRef    // the units, as they were in their last period
	Periods  []evaluation.Period // of its scores
	Changed  []string            // codes of periods by a scheme that scores otherwise than that of the period before
	Relative bool                // a rule of a scheme is fitted to the values of each period
}

// Panel returns the published history of the kind. Units are the branches of any of
// its periods in the order of codes, each in its last class; scores are those that
// were published.
func (c *ResultCache) Panel(
	ctx context.Context, db *gorm.DB, townID, kind, language string,
) (p PublishedPanel, err error) {
	defer fault.Wrap(&err, "published %s periods of %s", kind, townID)
	e, err := c.publications(ctx, db, townID)
	if err != nil {
		return PublishedPanel{}, err
	}
	var outcomes []*Outcome
	for i := range e {
		if e[i].Period.Kind != kind || !e[i].counts() {
			continue
		}
		o, err := c.outcome(ctx, db, e[i])
		if err != nil {
			return PublishedPanel{}, err
		}
		if n := len(outcomes); n > 0 && o.ruler(outcomes[n-1]) == OtherScheme {
			p.Changed = append(p.Changed, e[i].PeriodCode)
		}
		at := slices.IndexFunc(outcomes, func(other *Outcome) bool { return o.ruler(other) != OtherScheme })
		if at < 0 {
			at = len(outcomes)
		}
		p.Rulers, p.Relative = append(p.Rulers, at), p.Relative || o.Scheme.Index.Relative()
		p.Periods, outcomes = append(p.Periods, e[i].Period), append(outcomes, o)
	}
	p.fill(outcomes, language)
	return p, nil
}

func (p *PublishedPanel) fill(outcomes []*Outcome, language string) {
	last := map[string]town.BranchRef{}
	for _, o := range outcomes {
		for i := range o.Results {
			last[o.Results[i].BranchCode] = o.Results[i].ref(language)
		}
	}
	for code := range last {
		p.Units = append(p.Units, code)
	}
	slices.Sort(p.Units)
	at := map[string]int{}
	for u, code := range p.Units {
		at[code] = u
		p.Branches, p.Classes = append(p.Branches, last[code]), append(p.Classes, last[code].Class)
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
