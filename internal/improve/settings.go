// Package improve holds the loop that the score is for: measures, improvement
// targets, cause analyses, plans, visits, problems, reports and reminders.
package improve

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
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
	Share float64 `json:"share,omitempty" example:"0.1"`
	// ByClass takes the share of each class instead of all, for lowest_share.
	ByClass bool `json:"by_class,omitempty"`
	// Points are the score below which a dimension is weak, for dimension_below, or
	// the fall since the publication before, for fall_over.
	Points float64 `json:"points,omitempty" example:"60"`
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

// StoredSettings are the settings of a town as a row. A town that has not edited
// them has version 1 of them, the defaults.
type StoredSettings struct {
	TownID   string                  `gorm:"primaryKey" json:"-"`
	Document database.JSON[Settings] `json:"settings" swaggertype:"object"`
	database.Versioned
}

// TableName is the table of StoredSettings.
func (StoredSettings) TableName() string { return "improvement_settings" }

// FindSettings gives the settings of the town.
func FindSettings(ctx context.Context, db *gorm.DB, townID string) (StoredSettings, error) {
	stored := StoredSettings{TownID: townID}
	err := db.WithContext(ctx).Where("town_id = ?", townID).Limit(1).Find(&stored).Error
	if err == nil && stored.Version == 0 {
		stored.Version, stored.Document.V = 1, Defaults()
	}
	return stored, err
}

// UpdateSettings replaces the settings of the town. The reason is kept in the trail.
func UpdateSettings(ctx context.Context, db *gorm.DB, townID string, version int64, s Settings, reason string) (StoredSettings, error) {
	if faults := s.check(); len(faults) > 0 {
		return StoredSettings{}, fault.Broken(faults...)
	}
	var after StoredSettings
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindSettings(ctx, tx, townID)
		if err != nil {
			return err
		}
		if before.CreatedAt.IsZero() { // the defaults, which become a row now
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
			Before: before, After: after, Reason: reason,
		})
	})
	return after, err
}

func (s Settings) check() (faults []fault.Field) {
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
			faults = append(faults, fault.At(n.at, "out_of_range", text.F("应在 1 与 %d 之间", "must lie between 1 and %d", n.most)))
		}
	}
	if s.WarnBefore < 0 || s.WarnBefore > 60 {
		faults = append(faults, fault.At("/settings/warn_before_days", "out_of_range", text.F("应在 0 与 60 之间", "must lie between 0 and 60")))
	}
	return append(faults, s.checkCalendar()...)
}
