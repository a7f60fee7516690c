package index

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/town"
)

// refuseChanged refuses an outcome of which any row is not, as it is stored, what the
// trail says of it: publications, run, results, scheme, or what is entered for the period.
func (o *Outcome) refuseChanged(ctx context.Context, tx *gorm.DB) error {
	town, period := o.Period.TownID, o.Period.Code
	parts := append(o.Run.parts(),
		audit.Part{Table: "periods", Key: []string{town, period}},
		audit.Part{Table: "corrections", Key: []string{town, period}},
		audit.Part{Table: "schemes", Key: []string{town, o.Run.Scheme.Code, strconv.FormatInt(o.Run.Scheme.Number, 10)}},
	)
	for _, table := range []string{"kinds", "classes", "branches", "branch_profiles"} {
		parts = append(parts, audit.Part{Table: table, Key: []string{town}})
	}
	entered, err := enteredRows(ctx, tx, o.Period)
	if err != nil {
		return err
	}
	places, err := differingRows(ctx, tx, append(parts, entered...))
	if err == nil && len(places) > 0 {
		err = fault.PublishedDataDiffers(places...)
	}
	return err
}

// parts returns the rows that a published run is served from.
func (r *Run) parts() []audit.Part {
	return []audit.Part{
		{Table: "publications", Key: []string{r.TownID, r.PeriodCode}},
		{Table: "withdrawals", Key: []string{r.TownID, r.PeriodCode}},
		{Table: "runs", Key: []string{r.TownID, r.ID}},
		{Table: "results", Key: []string{r.TownID, r.ID}},
		{Table: "result_nodes", Key: []string{r.TownID, r.ID}},
	}
}

// enteredRows returns the rows that hold what is entered for the period: sheets with all their
// revisions, adjustments, and which of several values counts.
func enteredRows(ctx context.Context, tx *gorm.DB, p evaluation.Period) (parts []audit.Part, err error) {
	var list []evaluation.Sheet
	q := tx.WithContext(ctx).Where("town_id = ? AND period_code = ?", p.TownID, p.Code).Session(&gorm.Session{})
	if err := q.Select("id", "revision").Order("id").Find(&list).Error; err != nil {
		return nil, err
	}
	for _, s := range list {
		parts = append(parts, audit.Part{Table: "evaluations", Key: []string{p.TownID, s.ID}})
		for revision := int64(1); revision <= s.Revision; revision++ {
			parts = append(parts, audit.Part{Table: "entries", Key: []string{p.TownID, s.ID, strconv.FormatInt(revision, 10)}})
		}
	}
	for _, table := range []string{"adjustments", "value_choices"} {
		var ids []string
		if err := q.Table(table).Order("id").Pluck("id", &ids).Error; err != nil {
			return nil, err
		}
		for _, id := range ids {
			parts = append(parts, audit.Part{Table: table, Key: []string{p.TownID, id}})
		}
	}
	return parts, nil
}

// differingRows returns each place in which the rows differ from the trail.
func differingRows(ctx context.Context, tx *gorm.DB, parts []audit.Part) (places []fault.FieldError, err error) {
	err = audit.VerifyParts(ctx, tx, parts, func(d audit.Difference) {
		recorded, stored := d.Values()
		places = append(places, fault.Differs(d.Table, d.KeyInTown(), d.Column, recorded, stored))
	})
	return places, err
}

// CheckRows adds a check that publications and results equal the audit trail.
func (v *Verification) CheckRows(ctx context.Context, db *gorm.DB) error {
	run := Run{TownID: v.Town, PeriodCode: v.Period, ID: v.Run}
	places, err := differingRows(ctx, db, run.parts())
	at := make([]string, len(places))
	for i, p := range places {
		at[i] = p.Pointer
	}
	v.Checks = slices.Clip(v.Checks) // others use what was kept at the same time
	v.check("rows", "", strings.Join(at, " "))
	return err
}

// refuseChangedBranches refuses where kind, class or existence of a branch on the last
// day of the period, as it was known at the lock, differs from what was published. A
// change that was entered later changes no published result.
func refuseChangedBranches(
	ctx context.Context, tx *gorm.DB, p evaluation.Period, published []town.Branch,
) error {
	places, err := town.ChangedBranches(ctx, tx, p.TownID, p.BranchFilter(), published)
	if err != nil {
		return err
	}
	if len(places) > 0 {
		return fault.PublishedDataDiffers(places...)
	}
	return nil
}
