// Package improve holds the loop that the score is for: measures, improvement
// targets, cause analyses, plans, visits, problems, reports and reminders.
package improve

import (
	"bulwark/internal/day"
	"bulwark/internal/fault"
)

// Settings are the rules of improvement of one town. They are data: who changes
// them leaves a record, and a town without any works by Defaults.
type Settings struct {
	TargetRules []TargetRule `json:"target_rules"`

	VisitEvery  int64 `json:"visit_every_days" example:"30"`  // days between two visits to a target
	ReportEvery int64 `json:"report_every_days" example:"90"` // days between two reports of an instructor
	AnalyseIn   int64 `json:"analyse_in_workdays" example:"10"`
	PlanIn      int64 `json:"plan_in_workdays" example:"15"` // both counted from the confirmation of a target
	WarnBefore  int64 `json:"warn_before_days" example:"3"`  // a reminder comes so long before the day

	RelapsePeriods int64 `json:"relapse_periods" example:"2"` // a closed item that falls back within so many periods reopens

	Holidays []day.Date `json:"holidays" swaggertype:"array,string" format:"date"` // days off besides weekends
	Workdays []day.Date `json:"workdays" swaggertype:"array,string" format:"date"` // weekend days that are worked (调休)

	Provenance string `json:"provenance" example:"example"`
}

// TargetRule proposes branches as improvement targets. What its figures mean
// depends on its kind.
type TargetRule struct {
	Kind TargetRuleKind `json:"kind" swaggertype:"string" enums:"lowest_share,dimension_below,fall_over,grade_at_most"`
	// Share of the branches, 0.1 = the lowest tenth, for lowest_share.
	Share float64 `json:"share,omitempty,omitzero" example:"0.1"`
	// ByClass takes the share of each class instead of all, for lowest_share.
	ByClass bool `json:"by_class,omitempty,omitzero"`
	// Points are the score below which a dimension is weak, for dimension_below, or
	// the fall since the publication before, for fall_over.
	Points float64 `json:"points,omitempty,omitzero" example:"60"`
	// Dimensions are those looked at, for dimension_below; none = all.
	Dimensions []string `json:"dimensions,omitempty"`
	// Grade is the best grade that still makes a target, for grade_at_most.
	Grade string `json:"grade,omitempty" example:"poor"`
}

// TargetRuleKind names what a rule looks at.
type TargetRuleKind string

// The kinds of rule.
const (
	LowestShare    TargetRuleKind = "lowest_share"
	DimensionBelow TargetRuleKind = "dimension_below"
	FallOver       TargetRuleKind = "fall_over"
	GradeAtMost    TargetRuleKind = "grade_at_most"
)

// Defaults are an example that a town edits, never the rules of a real place.
func Defaults() Settings {
	return Settings{
		TargetRules: []TargetRule{
			{Kind: LowestShare, Share: 0.1},
			{Kind: DimensionBelow, Points: 60},
			{Kind: FallOver, Points: 5},
		},
		VisitEvery: 30, ReportEvery: 90, AnalyseIn: 10, PlanIn: 15, WarnBefore: 3,
		RelapsePeriods: 2, Holidays: []day.Date{}, Workdays: []day.Date{}, Provenance: "example",
	}
}

func (s Settings) check() (faults []fault.FieldError) {
	for i, r := range s.TargetRules {
		faults = append(faults, r.check(i)...)
	}
	for _, n := range []struct {
		at          string
		value, most int64
	}{
		{"/settings/visit_every_days", s.VisitEvery, 366},
		{"/settings/report_every_days", s.ReportEvery, 366},
		{"/settings/analyse_in_workdays", s.AnalyseIn, 250},
		{"/settings/plan_in_workdays", s.PlanIn, 250},
		{"/settings/relapse_periods", s.RelapsePeriods, 40},
	} {
		if n.value < 1 || n.value > n.most {
			faults = append(faults, fault.Field(n.at, "out_of_range", "应在 1 与 %d 之间", "must lie between 1 and %d", n.most))
		}
	}
	if s.WarnBefore < 0 || s.WarnBefore > 60 {
		faults = append(faults, fault.Field("/settings/warn_before_days", "out_of_range", "应在 0 与 60 之间", "must lie between 0 and 60"))
	}
	return append(faults, s.checkCalendar()...)
}
