package report

import (
	"context"
	"errors"
	"time"

	"bulwark/internal/fault"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite/effect"
	"bulwark/pkg/composite/stats"
)

// EffectReport is what something that was done for branches added to their score beyond
// what comparable branches gained without it. Figures are points of the index; how
// they are made is described in docs/method.md.
type EffectReport struct {
	Of      string   `json:"of" enums:"measure,targeting,mentoring,instructing,plans"`
	Measure int64    `json:"measure,omitempty,omitzero" example:"1"`
	Periods []string `json:"periods" example:"2023Q1,2023Q2"` // published, the oldest first
	// SchemeChanges are periods by a scheme that scores otherwise than the one before: no
	// change is counted from one side to the other.
	SchemeChanges []string `json:"scheme_changes"`
	// relative: by the same rules, fitted to the values of each period
	Ruler index.Ruler `json:"ruler" swaggertype:"string" enums:"same,relative"`

	Treated  int            `json:"treated"`                          // branches for which it was done
	Matched  int            `json:"matched"`                          // of them, compared
	Controls int            `json:"controls"`                         // different branches compared with
	Status   string         `json:"status" enums:"estimated,too_few"` // too few can be compared: there is no figure
	Estimate *EffectFigures `json:"estimate,omitempty"`
	// BeforeAfter is the mean change of the matched branches alone, which counts what
	// would have come anyway, and ControlChange that of their controls.
	BeforeAfter   *float64 `json:"before_after,omitempty" example:"8.07"`
	ControlChange *float64 `json:"control_change,omitempty" example:"3.67"`
	// share of the matched branches above their controls
	Above *float64 `json:"above,omitempty" example:"0.8"`
	// the same figure for the time before anything was done: should be near 0
	Placebo   *EffectFigures     `json:"placebo,omitempty"`
	Matches   []EffectMatch      `json:"matches"`
	Unmatched []EffectLeftOut    `json:"unmatched"`
	Reading   string             `json:"reading"` // the estimate in words
	Caveat    string             `json:"caveat"`  // what the figure does not show
	Options   EffectOptionsShown `json:"options"`
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
	Least      int     `json:"least" example:"5"`      // matches below which there is no figure
}

// EffectMatch is one branch and what it was compared with.
type EffectMatch struct {
	Branch        town.BranchRef `json:"branch"`
	From          string         `json:"from" example:"2023Q1"` // period of the score before
	To            string         `json:"to" example:"2023Q2"`
	Before        float64        `json:"before" example:"58"`
	After         float64        `json:"after" example:"67"`
	Controls      []string       `json:"controls" example:"b03,b11"` // their codes
	ControlBefore float64        `json:"control_before" example:"61"`
	ControlAfter  float64        `json:"control_after" example:"65"`
	Effect        float64        `json:"effect" example:"3.8"`
}

// EffectLeftOut is one branch that could not be compared, and why.
type EffectLeftOut struct {
	Branch town.BranchRef `json:"branch"`
	Reason string         `json:"reason" enums:"no_score_before,other_scheme,no_score_after,no_control,none_within_caliper"`
}

// EffectQuestion names whose effect on which kind of period is asked for.
type EffectQuestion struct {
	Of      string // measure, targeting, mentoring, instructing or plans
	Measure int64  // of measure
	Kind    string // of period: quarter, year …
	Horizon int    // periods from the score before to the one after
}

// FindEffect returns the comparison of the branches for which it was done with like ones
// for which it was not, as effect.MatchedEffect describes. Where too few can be compared it
// returns their numbers and no figure.
func FindEffect(
	ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, language string, q EffectQuestion,
) (_ EffectReport, err error) {
	defer fault.Wrap(&err, "effect of %s", q.Of)
	panel, err := b.Panel(ctx, db, townID, q.Kind, language)
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
	report := EffectReport{
		Of: q.Of, Measure: q.Measure, Periods: codes(panel.Periods),
		SchemeChanges: append([]string{}, panel.Changed...), Ruler: index.SameRuler, Options: o,
	}
	if panel.Relative {
		report.Ruler = index.RelativeRuler
	}
	if few := (*effect.TooFewMatched)(nil); errors.As(err, &few) {
		report.tooFew(panel, few, language)
		return report, nil
	}
	if err == nil {
		report.fill(panel, e, language)
	}
	return report, err
}

// begun returns each beginning in the first period that ends on its day or later: the
// first whose score may show it.
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

// beginnings returns the first day of each branch for which it was done. The days are
// compared here, because what SQLite computes from a day has lost its type.
func (q EffectQuestion) beginnings(ctx context.Context, db *gorm.DB, townID string) (map[string]day.Date, error) {
	switch q.Of {
	case "targeting":
		return first(db.WithContext(ctx).Table("improvement_targets").Select("branch_code, from_on AS day").
			Where("town_id = ? AND from_on IS NOT NULL", townID))
	case "plans":
		return first(db.WithContext(ctx).Table("plans").Select("branch_code, approved_on AS day").
			Where("town_id = ? AND approved_on IS NOT NULL", townID))
	case "mentoring":
		return firstAssigned(ctx, db, townID, access.Mentors)
	case "instructing":
		return firstAssigned(ctx, db, townID, access.Instructs)
	}
	return first(db.WithContext(ctx).Table("measure_tasks").Select("branch_code, created_at AS at").
		Where("town_id = ? AND measure_number = ? AND branch_code IS NOT NULL AND state <> ?", townID, q.Measure, "dropped"))
}

func firstAssigned(ctx context.Context, db *gorm.DB, townID string, duty access.Duty) (map[string]day.Date, error) {
	return first(db.WithContext(ctx).Table("assignments").Select("branch_code, valid_from AS day").
		Where("town_id = ? AND duty = ? AND cancelled_at IS NULL", townID, duty))
}

// first returns the earliest day of each branch, from rows with a day or a time.
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

// effectDecimals is how many decimals effects have: they are estimates.
const effectDecimals = 2

func rounded(x float64) float64 { return stats.Round(x, effectDecimals) }

// fill sets the figures, with codes in the place of numbers.
func (r *EffectReport) fill(p index.PublishedPanel, e *effect.InterventionEffect, language string) {
	r.Status, r.Treated, r.Matched, r.Controls = "estimated", e.Treated, len(e.Matches), e.Controls
	r.Estimate = figures(e.Estimate, e.Level)
	r.BeforeAfter, r.ControlChange, r.Above = new(rounded(e.TreatedChange)), new(rounded(e.ControlChange)),
		new(rounded(e.Above))
	r.Reading, r.Caveat = reading(e).In(language), effectCaveat.In(language)
	if e.Placebo != nil {
		r.Placebo = figures(e.Placebo.Estimate, e.Level)
	}
	r.Matches = make([]EffectMatch, len(e.Matches))
	for i, m := range e.Matches {
		controls := make([]string, len(m.Controls))
		for k, u := range m.Controls {
			controls[k] = p.Units[u]
		}
		r.Matches[i] = EffectMatch{
			Branch: p.Branches[m.Unit], From: p.Periods[m.From].Code, To: p.Periods[m.To].Code, Before: rounded(m.Before),
			After:    rounded(m.After),
			Controls: controls, ControlBefore: rounded(m.ControlBefore), ControlAfter: rounded(m.ControlAfter),
			Effect: rounded(m.Effect),
		}
	}
	r.leaveOut(p, e.Unmatched)
}

// tooFew sets the numbers that are too small for a figure.
func (r *EffectReport) tooFew(p index.PublishedPanel, few *effect.TooFewMatched, language string) {
	r.Status, r.Treated, r.Matched, r.Controls, r.Matches = "too_few", few.Treated, few.Matched, few.Controls,
		[]EffectMatch{}
	r.Reading = text.F(
		"可比的党组织太少，无法判断成效：已实施 %d 个，其中可比 %d 个（至少需要 %d 个），可作对照 %d 个",
		"too few branches can be compared to estimate an effect: %d had the help, %d of them can be compared (at least %d are needed), and %d others serve as controls",
		few.Treated, few.Matched, few.Least, few.Controls).In(language)
	r.Caveat = effectCaveat.In(language)
	r.leaveOut(p, few.Unmatched)
}

func (r *EffectReport) leaveOut(p index.PublishedPanel, list []effect.Unmatched) {
	r.Unmatched = make([]EffectLeftOut, len(list))
	for i, u := range list {
		r.Unmatched[i] = EffectLeftOut{Branch: p.Branches[u.Unit], Reason: string(u.Reason)}
	}
}

func codes(periods []evaluation.Period) []string {
	list := make([]string, len(periods))
	for i, p := range periods {
		list[i] = p.Code
	}
	return list
}

func figures(e effect.Estimate, level float64) *EffectFigures {
	return &EffectFigures{Effect: rounded(e.Effect), Low: rounded(e.Low), High: rounded(e.High), Level: level}
}

// reading returns in words whether the figure differs from chance.
func reading(e *effect.InterventionEffect) text.Text {
	level := stats.Round(100*e.Level, 1)
	switch {
	case e.Low > 0:
		return text.F("实施后比条件相近的党组织多升 %[1]v 分（%[4]v%% 区间 %[2]v 至 %[3]v）",
			"they rose by %[1]v points more than comparable branches (%[4]v%% interval %[2]v to %[3]v)",
			rounded(e.Effect), rounded(e.Low), rounded(e.High), level)
	case e.High < 0:
		return text.F("实施后比条件相近的党组织少升 %[1]v 分（%[4]v%% 区间 %[2]v 至 %[3]v）",
			"they rose by %[1]v points less than comparable branches (%[4]v%% interval %[2]v to %[3]v)",
			rounded(-e.Effect), rounded(e.Low), rounded(e.High), level)
	}
	return text.F("差异 %[1]v 分，%[4]v%% 区间 %[2]v 至 %[3]v 包含 0：不能与偶然波动区分",
		"the difference of %[1]v points cannot be told from chance: the %[4]v%% interval, %[2]v to %[3]v, holds 0",
		rounded(e.Effect), rounded(e.Low), rounded(e.High), level)
}

var effectCaveat = text.F(
	"这是同类别、起点相近的党组织之间的比较，不是试验：选择对象时看到而本指数没有反映的情况，以及同时采取的其他措施，都会计入差异",
	"this compares branches of one class with similar scores before; it is not an experiment. The difference also includes other help at the same time, and facts that guided the choice of the branches but are not in the index")
