// Package improve holds the loop that the score is for: measures, improvement
// targets, cause analyses, plans, visits, problems, reports and reminders.
package improve

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
)

// Settings are the rules of improvement of one town. They are data: who changes
// them leaves a record, and a town without any works by Defaults.
type Settings struct {
	TargetRules []ProposalRule `json:"target_rules"`

	VisitEvery  int64 `json:"visit_every_days" example:"30"`  // days between two visits to a target
	ReportEvery int64 `json:"report_every_days" example:"90"` // days between two reports of an instructor
	AnalyseIn   int64 `json:"analyse_in_workdays" example:"10"`
	PlanIn      int64 `json:"plan_in_workdays" example:"15"` // both counted from the confirmation of a target
	WarnBefore  int64 `json:"warn_before_days" example:"3"`  // a reminder comes so long before the day

	// a closed item that falls back within so many periods reopens
	RelapsePeriods int64 `json:"relapse_periods" example:"2"`

	Holidays []day.Date `json:"holidays" swaggertype:"array,string" format:"date"` // days off besides weekends
	Workdays []day.Date `json:"workdays" swaggertype:"array,string" format:"date"` // weekend days that are worked (调休)

	Provenance string `json:"provenance,omitempty" example:"example"`
}

// ProposalRule proposes branches as improvement targets. What its figures mean
// depends on its kind.
type ProposalRule struct {
	Kind RuleKind `json:"kind" swaggertype:"string" enums:"lowest_share,dimension_below,fall_over,grade_at_most,insufficient"`
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
} // @name TargetRule

// RuleKind names what a rule looks at.
type RuleKind string

// The kinds of rule.
const (
	LowestShare    RuleKind = "lowest_share"
	DimensionBelow RuleKind = "dimension_below"
	FallOver       RuleKind = "fall_over"
	GradeAtMost    RuleKind = "grade_at_most"
	Insufficient   RuleKind = "insufficient" // what was handed in is too little for a score
)

// Defaults returns an example that a town edits, never the rules of a real place.
func Defaults() Settings {
	return Settings{
		TargetRules: []ProposalRule{
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
		faults = append(faults, fault.Field("/settings/warn_before_days", "out_of_range", "应在 0 与 60 之间",
			"must lie between 0 and 60"))
	}
	return append(faults, s.checkCalendar()...)
}

// check returns the faults of a rule whose figures do not fit its kind; i is its place.
func (r ProposalRule) check(i int) (faults []fault.FieldError) {
	refuse := func(member string, message text.Text) {
		faults = append(faults, fault.At(fmt.Sprintf("/settings/target_rules/%d/%s", i, member), "rule", message))
	}
	switch r.Kind {
	case LowestShare:
		if !(r.Share > 0 && r.Share <= 1) {
			refuse("share", text.F("比例应大于 0 且不超过 1", "the share must be above 0 and at most 1"))
		}
	case DimensionBelow:
		if !(r.Points > 0 && r.Points <= 100) {
			refuse("points", text.F("分数应大于 0 且不超过 100", "the points must be above 0 and at most 100"))
		}
	case FallOver:
		if !(r.Points > 0 && r.Points <= 100) {
			refuse("points", text.F("降幅应大于 0 且不超过 100", "the fall must be above 0 and at most 100"))
		}
	case GradeAtMost:
		if r.Grade == "" {
			refuse("grade", text.F("请写明等次", "name a grade"))
		}
	case Insufficient:
	default:
		refuse("kind", text.F("没有规则“%s”", "there is no rule %q", r.Kind))
	}
	return faults
}

// checkRules returns the faults of rules that would name no branch, because the scheme in force has no
// such dimension or grade; nothing where there is no scheme yet.
func (s Settings) checkRules(inForce *scheme.Compiled) (faults []fault.FieldError) {
	if inForce == nil {
		return nil
	}
	dimensions := map[string]bool{}
	for _, n := range inForce.Index.Nodes() {
		dimensions[n.Code] = n.Depth == 1
	}
	for i, r := range s.TargetRules {
		at := fmt.Sprintf("/settings/target_rules/%d/", i)
		for k, code := range r.Dimensions {
			if r.Kind == DimensionBelow && !dimensions[code] {
				faults = append(faults, fault.Field(fmt.Sprintf("%sdimensions/%d", at, k), "unknown_dimension",
					"现行指标体系中没有维度“%s”", "the scheme in force has no dimension %q", code))
			}
		}
		known := slices.ContainsFunc(inForce.Document.Grades, func(g scheme.Grade) bool { return g.Code == r.Grade })
		if r.Kind == GradeAtMost && !known {
			faults = append(faults, fault.Field(at+"grade", "unknown_grade", "现行指标体系中没有等次“%s”",
				"the scheme in force has no grade %q", r.Grade))
		}
	}
	return faults
}

// StoredSettings are the settings of a town as a row. A town that has not edited
// them has version 1 of them, the defaults, and no row.
type StoredSettings struct {
	TownID   string `gorm:"primaryKey"`
	Document database.JSON[Settings]
	database.Versioned
}

// TableName is the table of StoredSettings.
func (StoredSettings) TableName() string { return "improvement_settings" }

// TownSettings are the settings as the API shows them.
type TownSettings struct {
	Settings Settings `json:"settings"`
	// 1 of the example that ships: who makes the first rules names it too
	Version   int64      `json:"version"`
	CreatedAt *time.Time `json:"created_at,omitempty"` // both absent while nobody has made rules
	UpdatedAt *time.Time `json:"updated_at,omitempty"`
} // @name ImprovementSettings

// ETag returns the version as an HTTP entity tag.
func (s TownSettings) ETag() string { return database.Versioned{Version: s.Version}.ETag() }

// made reports whether there is a row.
func (stored StoredSettings) made() bool { return !stored.CreatedAt.IsZero() }

// View returns the settings as the API shows them.
func (stored StoredSettings) View() TownSettings {
	view := TownSettings{Settings: stored.Document.V, Version: stored.Version}
	if stored.made() {
		view.CreatedAt, view.UpdatedAt = &stored.CreatedAt, &stored.UpdatedAt
	}
	return view
}

// FindSettings returns the settings that hold in the town.
func FindSettings(ctx context.Context, db *gorm.DB, townID string) (_ StoredSettings, err error) {
	defer fault.Wrap(&err, "improvement settings of %s", townID)
	stored := StoredSettings{TownID: townID}
	err = db.WithContext(ctx).Where("town_id = ?", townID).Limit(1).Find(&stored).Error
	if err == nil && stored.Version == 0 {
		stored.Version, stored.Document.V = 1, Defaults()
	}
	return stored, err
}

// UpdateSettings replaces the settings of the town. The reason is kept in the trail.
func UpdateSettings(
	ctx context.Context, db *gorm.DB, townID string, version int64, s Settings, reason string,
) (after StoredSettings, err error) {
	defer fault.Wrap(&err, "write the improvement settings of %s", townID)
	if faults := s.check(); len(faults) > 0 {
		return StoredSettings{}, fault.Broken(faults...)
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		inForce, err := scheme.InForce(ctx, tx, townID)
		if err != nil {
			return err
		}
		if faults := s.checkRules(inForce); len(faults) > 0 {
			return fault.Broken(faults...)
		}
		before, err := FindSettings(ctx, tx, townID)
		if err != nil {
			return err
		}
		if !before.made() { // the defaults, which become a row now
			row := StoredSettings{TownID: townID, Document: before.Document, Versioned: database.Versioned{Version: 1}}
			if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
				return err
			}
		}
		change := map[string]any{"document": database.JSON[Settings]{V: s}}
		if err := database.UpdateVersioned(tx, &StoredSettings{TownID: townID}, version, change); err != nil {
			return err
		}
		if after, err = FindSettings(ctx, tx, townID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "improvement-settings.update", Subject: "improvement-settings",
			Before: before.View(), After: after.View(), Reason: reason,
		})
	})
	return after, err
}
