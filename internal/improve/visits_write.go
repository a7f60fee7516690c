package improve

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
)

// BeginVisit enters a draft of the caller's own visit to a branch with which he or
// she was paired, or to which his or her office was linked, on the day of the visit.
func BeginVisit(ctx context.Context, db *gorm.DB, v Visit) (Visit, error) {
	p := access.Caller(ctx)
	v.ID, v.VisitedBy, v.Role, v.State, v.RecordedAt = database.NewID(), p.Person, p.Role, VisitDraft, nil
	v.Versioned = database.Versioned{Version: 1}
	err := database.InTx(ctx, db, func(tx *gorm.DB) (err error) {
		if err := v.refuse(ctx, tx, v.VisitContent); err != nil {
			return err
		}
		if err := v.refuseIndicators(ctx, tx, nil); err != nil {
			return err
		}
		if err := tx.Create(&v).Error; err != nil {
			return err
		}
		if err := v.storeFindings(tx); err != nil {
			return err
		}
		if v, err = FindVisit(ctx, tx, v.TownID, v.ID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: v.TownID, Action: "visit.begin", Subject: "visits/" + v.ID, After: v.VisitContent})
	})
	return v, err
}

// refuse says why the caller cannot tell this of a visit: it lies ahead, the branch
// was not there, or the caller was not tied to it on that day.
func (v Visit) refuse(ctx context.Context, tx *gorm.DB, c VisitContent) error {
	faults := c.check()
	if c.VisitedOn > day.Of(tx.NowFunc()) {
		faults = append(faults, fault.Field("/visited_on", "in_the_future", "走访日期不能晚于今天", "a visit is entered once it was made"))
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	b, err := town.FindBranch(ctx, tx, v.TownID, v.BranchCode, c.VisitedOn)
	if err != nil {
		return err
	}
	if b.EndedBy(c.VisitedOn) {
		return fault.Broken(fault.Field("/visited_on", "branch_closed", "该党组织已于 %s 撤销或合并", "the branch ended on %s", *b.ClosedOn))
	}
	if err := access.InScope(ctx, tx, access.Caller(ctx), access.WriteVisits, v.TownID, v.BranchCode, c.VisitedOn); err != nil {
		return err
	}
	return v.refuseItems(ctx, tx, c)
}

// refuseItems faults findings that name an item which no plan of the branch has.
func (v Visit) refuseItems(ctx context.Context, tx *gorm.DB, c VisitContent) error {
	var named, known []string
	for _, f := range c.Findings {
		if f.PlanItemID != nil {
			named = append(named, *f.PlanItemID)
		}
	}
	if len(named) == 0 {
		return nil
	}
	err := tx.WithContext(ctx).Model(&PlanItem{}).Where("town_id = ? AND branch_code = ? AND id IN ?", v.TownID, v.BranchCode, named).Pluck("id", &known).Error
	if err != nil {
		return err
	}
	var faults []fault.FieldError
	for i, f := range c.Findings {
		if f.PlanItemID != nil && !slices.Contains(known, *f.PlanItemID) {
			faults = append(faults, unknownItem(i))
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// refuseIndicators faults findings that name an indicator which the scheme in force
// does not have, where there is one, and which no finding named before.
func (v Visit) refuseIndicators(ctx context.Context, tx *gorm.DB, before []Finding) error {
	inForce, err := scheme.InForce(ctx, tx, v.TownID)
	if err != nil || inForce == nil {
		return err
	}
	var faults []fault.FieldError
	for i, f := range v.Findings {
		old := slices.ContainsFunc(before, func(b Finding) bool { return b.Indicator == f.Indicator })
		if f.Indicator != "" && !old && !inForce.HasIndicator(f.Indicator) {
			faults = append(faults, fault.Field(fmt.Sprintf("/findings/%d/indicator", i), "unknown_indicator",
				"现行指标体系中没有指标“%s”", "the scheme in force has no indicator %q", f.Indicator))
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// WriteVisit replaces what the caller's own visit tells: a draft as often as he or
// she likes, a recorded one by a correction with its reason.
func WriteVisit(ctx context.Context, db *gorm.DB, townID, id string, version int64, c VisitContent, reason string) (Visit, error) {
	return changeVisit(ctx, db, townID, id, func(tx *gorm.DB, before Visit) (string, error) {
		verb := "write"
		if before.State == VisitRecorded {
			verb = "correct"
		}
		mv, _ := visitMoves.Stay(verb, before.State)
		if err := mv.Refuse(access.Caller(ctx), before.stand(), reason); err != nil {
			return verb, err
		}
		if err := before.refuse(ctx, tx, c); err != nil {
			return verb, err
		}
		if err := before.refuseLost(ctx, tx, c); err != nil {
			return verb, err
		}
		told := before.Findings
		before.VisitContent = c
		if err := before.refuseIndicators(ctx, tx, told); err != nil {
			return verb, err
		}
		change := map[string]any{"visited_on": c.VisitedOn, "place": c.Place, "checks": c.Checks, "evidence": c.Evidence}
		if err := database.UpdateVersioned(tx, &Visit{TownID: townID, ID: id}, version, change); err != nil {
			return verb, err
		}
		if err := before.storeFindings(tx); err != nil {
			return verb, err
		}
		if verb == "write" {
			return verb, nil
		}
		return verb, before.keep(ctx, tx, version+1, verb, reason)
	}, reason)
}

// RecordVisit makes the caller's own draft count, and opens the problems that its
// findings are.
func RecordVisit(ctx context.Context, db *gorm.DB, townID, id string, version int64, reason string, found ...JointProblem) (Visit, error) {
	return changeVisit(ctx, db, townID, id, func(tx *gorm.DB, before Visit) (string, error) {
		mv, err := visitMoves.Find(access.Caller(ctx), before.State, VisitRecorded, before.stand(), reason)
		if err != nil {
			return "", err
		}
		if err := before.refuse(ctx, tx, before.VisitContent); err != nil {
			return "", err
		}
		change := map[string]any{"state": VisitRecorded, "recorded_at": tx.NowFunc()}
		if err := database.UpdateVersioned(tx, &Visit{TownID: townID, ID: id}, version, change); err != nil {
			return "", err
		}
		if err := before.keep(ctx, tx, version+1, mv.Verb, reason); err != nil {
			return "", err
		}
		return mv.Verb, openAll(ctx, tx, before, found)
	}, reason)
}

// changeVisit lets the author change a visit, by a function that gives the verb.
func changeVisit(ctx context.Context, db *gorm.DB, townID, id string, change func(*gorm.DB, Visit) (string, error), reason string) (after Visit, err error) {
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := visitViewerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		before, err := v.find(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		if !v.wrote(before) {
			return fault.Forbidden("not_your_visit", "只有走访人本人可以填写或更正", "only who made the visit writes about it")
		}
		verb, err := change(tx, before)
		if err != nil {
			return err
		}
		if after, err = FindVisit(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "visit." + verb, Subject: "visits/" + id, Before: before.VisitContent, After: after.VisitContent, Reason: reason,
		})
	})
	return after, err
}

// keep stores what the visit tells from the version on.
func (v Visit) keep(ctx context.Context, tx *gorm.DB, version int64, verb, reason string) error {
	p := access.Caller(ctx)
	return tx.Create(&VisitVersion{
		TownID: v.TownID, VisitID: v.ID, Version: version, Verb: verb, At: tx.NowFunc(), Actor: p.Name(), Role: p.Role,
		Reason: reason, Document: database.JSON[VisitContent]{V: v.VisitContent},
	}).Error
}

// refuseLost keeps the findings that opened a problem from being taken away.
func (v Visit) refuseLost(ctx context.Context, tx *gorm.DB, c VisitContent) error {
	var n int64
	err := tx.WithContext(ctx).Model(&JointProblem{}).Where("town_id = ? AND visit_id = ?", v.TownID, v.ID).
		Select("COALESCE(max(finding_number), 0)").Scan(&n).Error
	if err != nil || n <= int64(len(c.Findings)) {
		return err
	}
	return fault.Broken(fault.Field("/findings", "finding_in_use", "第 %d 项发现已列为难题，请保留", "finding %d has opened a problem: keep it at its place", n))
}
