package improve

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/index"
	"bulwark/pkg/composite/effect"
)

// EffectReport is what something that was done for branches added to their score beyond
// what comparable branches gained without it. Figures are points of the index; how
// they are made is told in docs/method.md.
type EffectReport struct {
	Of      string   `json:"of" enums:"measure,targeting,mentoring,instructing,plans"`
	Measure int64    `json:"measure,omitempty,omitzero" example:"1"`
	Periods []string `json:"periods" example:"2023Q1,2023Q2"` // published, the oldest first
	// SchemeChanges are periods scored by another scheme than the one before: what
	// changes between them is in part the scheme.
	SchemeChanges []string `json:"scheme_changes"`

	Treated  int            `json:"treated"`                          // branches for which it was done
	Matched  int            `json:"matched"`                          // of them, compared
	Controls int            `json:"controls"`                         // different branches compared with
	Status   string         `json:"status" enums:"estimated,too_few"` // too few can be compared: there is no figure
	Estimate *EffectFigures `json:"estimate,omitempty"`
	// BeforeAfter is the mean change of the matched branches alone, which counts what
	// would have come anyway, and ControlChange that of their controls.
	BeforeAfter   *float64           `json:"before_after,omitempty" example:"8.07"`
	ControlChange *float64           `json:"control_change,omitempty" example:"3.67"`
	Above         *float64           `json:"above,omitempty" example:"0.8"` // share of the matched branches above their controls
	Placebo       *EffectFigures     `json:"placebo,omitempty"`             // the same figure for the time before anything was done: should be near 0
	Matches       []EffectMatch      `json:"matches"`
	Unmatched     []EffectLeftOut    `json:"unmatched"`
	Reading       string             `json:"reading"` // the estimate in words
	Caveat        string             `json:"caveat"`  // what it cannot tell
	Options       EffectOptionsShown `json:"options"`
}

// EffectFigures are an estimate with its interval.
type EffectFigures struct {
	Effect float64 `json:"effect" example:"4"`
	Low    float64 `json:"low" example:"1.57"`
	High   float64 `json:"high" example:"6.43"`
	Level  float64 `json:"level" example:"0.95"`
}

// EffectOptionsShown are the choices behind an estimate.
type EffectOptionsShown struct {
	Horizon    int     `json:"horizon" example:"1"`    // periods from the score before to the one after
	Neighbours int     `json:"neighbours" example:"3"` // controls of a branch, at most
	Caliper    float64 `json:"caliper" example:"5"`    // largest difference in the score before
	Least      int     `json:"least" example:"5"`      // matches below which nothing is said
}

// EffectMatch is one branch and what it was compared with.
type EffectMatch struct {
	Branch        string   `json:"branch" example:"b07"`
	From          string   `json:"from" example:"2023Q1"` // period of the score before
	To            string   `json:"to" example:"2023Q2"`
	Before        float64  `json:"before" example:"58"`
	After         float64  `json:"after" example:"67"`
	Controls      []string `json:"controls" example:"b03,b11"`
	ControlBefore float64  `json:"control_before" example:"61"`
	ControlAfter  float64  `json:"control_after" example:"65"`
	Effect        float64  `json:"effect" example:"3.8"`
}

// EffectLeftOut is one branch that could not be compared, and why.
type EffectLeftOut struct {
	Branch string `json:"branch" example:"b07"`
	Reason string `json:"reason" enums:"no_score_before,no_score_after,no_control,none_within_caliper"`
}

// EffectQuestion says whose effect on which kind of period.
type EffectQuestion struct {
	Of      string // measure, targeting, mentoring, instructing or plans
	Measure int64  // of measure
	Kind    string // of period: quarter, year …
	Horizon int    // periods from the score before to the one after
}

// FindEffect compares the branches for which it was done with like ones for which
// it was not, as effect.MatchedEffect says. Where too few can be compared it
// gives their numbers and no figure.
func FindEffect(ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, language string, q EffectQuestion) (EffectReport, error) {
	panel, err := b.Panel(ctx, db, townID, q.Kind)
	if err != nil {
		return EffectReport{}, err
	}
	days, err := q.beginnings(ctx, db, townID)
	if err != nil {
		return EffectReport{}, err
	}
	o := EffectOptionsShown{Horizon: q.Horizon, Neighbours: 3, Caliper: 5, Least: 5}
	e, err := effect.MatchedEffect(panel.Panel, begun(panel, days), effect.EffectOptions{
		Horizon: o.Horizon, Neighbours: o.Neighbours, Caliper: o.Caliper, Least: o.Least,
	})
	shown := EffectReport{Of: q.Of, Measure: q.Measure, Periods: codes(panel.Periods), SchemeChanges: append([]string{}, panel.Changed...), Options: o}
	if few := (*effect.TooFewMatched)(nil); errors.As(err, &few) {
		shown.tooFew(panel, few, language)
		return shown, nil
	}
	if err == nil {
		shown.tell(panel, e, language)
	}
	return shown, err
}

// begun places each beginning in the first period that ends on its day or later,
// the first whose score may show it.
func begun(p index.PublishedPanel, days map[string]day.Date) []effect.Intervention {
	var list []effect.Intervention
	for u, code := range p.Units {
		from, ok := days[code]
		if !ok {
			continue
		}
		t := 0
		for t < len(p.Periods) && p.Periods[t].EndsOn < from {
			t++
		}
		list = append(list, effect.Intervention{Unit: u, Period: t})
	}
	return list
}

// beginnings is the first day of each branch for which it was done. The days are
// read as they stand and compared here: what a database computes from a day has lost
// its type.
func (q EffectQuestion) beginnings(ctx context.Context, db *gorm.DB, townID string) (map[string]day.Date, error) {
	switch q.Of {
	case "targeting":
		return first(db.WithContext(ctx).Table("improvement_targets").Select("branch_code, from_on AS day").Where("town_id = ? AND from_on IS NOT NULL", townID))
	case "plans":
		return first(db.WithContext(ctx).Table("plans").Select("branch_code, approved_on AS day").Where("town_id = ? AND approved_on IS NOT NULL", townID))
	case "mentoring":
		return firstAssigned(ctx, db, townID, access.Mentors)
	case "instructing":
		return firstAssigned(ctx, db, townID, access.Instructs)
	}
	return first(db.WithContext(ctx).Table("measure_tasks").Select("branch_code, created_at AS at").
		Where("town_id = ? AND measure_number = ? AND branch_code IS NOT NULL AND state <> ?", townID, q.Measure, "dropped"))
}

func firstAssigned(ctx context.Context, db *gorm.DB, townID string, duty access.Duty) (map[string]day.Date, error) {
	return first(db.WithContext(ctx).Table("assignments").Select("branch_code, valid_from AS day").Where("town_id = ? AND duty = ?", townID, duty))
}

// first gives the earliest day of each branch, from rows with a day or a time.
func first(q *gorm.DB) (map[string]day.Date, error) {
	var rows []struct {
		BranchCode string
		Day        day.Date
		At         time.Time
	}
	err := q.Scan(&rows).Error
	days := map[string]day.Date{}
	for _, r := range rows {
		if r.Day == "" {
			r.Day = day.Of(r.At)
		}
		if known, ok := days[r.BranchCode]; !ok || r.Day < known {
			days[r.BranchCode] = r.Day
		}
	}
	return days, err
}
