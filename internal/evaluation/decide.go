package evaluation

import (
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Decision is what the leading group says about sheets: Approved or Returned.
type Decision struct {
	To     SheetState
	Reason string    // needed to return
	DueOn  *day.Date // with Returned: the last day to correct them, today at the earliest
}

// DecidedSheet names a sheet to decide on, as its decider read it.
type DecidedSheet struct {
	ID      string
	Version int64
}

// Verdict is what became of one sheet: its new version, or why nothing did.
type Verdict struct {
	ID      string
	Version int64
	Err     error // a *fault.Error

	was  Sheet
	verb string
}

// DecideSheets approves or returns many sheets: those that can be decided on are,
// the others say why not. All of it is one transaction, so that an error of its
// own leaves every sheet as it was. With dryRun nothing is changed. The checks
// need as many statements for 500 sheets as for one.
func DecideSheets(ctx context.Context, db *gorm.DB, townID string, items []DecidedSheet, d Decision, dryRun bool) ([]Verdict, error) {
	var verdicts []Verdict
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := viewerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		if verdicts, err = v.judge(ctx, tx, items, d); err != nil || dryRun {
			return err
		}
		return v.carryOut(ctx, tx, verdicts, d)
	})
	return verdicts, err
}

// DecideSheet approves or returns one sheet; what DecideSheets says of it is the
// error.
func DecideSheet(ctx context.Context, db *gorm.DB, townID string, item DecidedSheet, d Decision) (Sheet, error) {
	var after Sheet
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		verdicts, err := DecideSheets(ctx, tx, townID, []DecidedSheet{item}, d, false)
		if err != nil {
			return err
		}
		if err := verdicts[0].Err; err != nil {
			return err
		}
		after, err = FindSheet(ctx, tx, townID, item.ID)
		return err
	})
	return after, err
}

// judge gives a verdict on each item, in their order, and changes nothing. It
// keeps sheets and periods as they are until tx ends.
func (v viewer) judge(ctx context.Context, tx *gorm.DB, items []DecidedSheet, d Decision) ([]Verdict, error) {
	if d.DueOn != nil && (d.To != Returned || *d.DueOn < v.today) {
		return nil, fault.Broken(fault.At("/due_on", "due_on_refused", text.F(
			"仅退回时可设改正期限，且不得早于今天", "only a returned sheet has a day to be corrected, and not one in the past")))
	}
	ids := make([]string, len(items))
	for i, item := range items {
		ids[i] = item.ID
	}
	periods, err := holdPeriodsOf(ctx, tx, v.town, ids)
	if err != nil {
		return nil, err
	}
	var sheets []Sheet
	q := v.sighted(tx.WithContext(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"}))
	if err := q.Where("town_id = ? AND id IN ?", v.town, ids).Order("id").Find(&sheets).Error; err != nil {
		return nil, err
	}
	verdicts := make([]Verdict, len(items))
	for i, item := range items {
		verdicts[i] = Verdict{ID: item.ID}
		at := slices.IndexFunc(sheets, func(s Sheet) bool { return s.ID == item.ID })
		switch {
		case at < 0:
			verdicts[i].Err = fault.Missing(sheetNoun, item.ID)
		case slices.Contains(ids[:i], item.ID):
			verdicts[i].Err = fault.New(fault.Invalid, "named_twice", text.F("同一考评表出现两次", "the sheet is named twice"))
		default:
			verdicts[i] = v.verdict(sheets[at], periods[sheets[at].PeriodCode], item.Version, d)
		}
	}
	return verdicts, nil
}

// verdict decides on one sheet.
func (v viewer) verdict(s Sheet, period Period, version int64, d Decision) Verdict {
	out := Verdict{ID: s.ID, was: s}
	mv, err := sheetMoves.Find(v.Principal, s.State, d.To, s.stand(period, v.granted, v.today), d.Reason)
	switch {
	case err != nil:
		out.Err = err
	case v.wrote(s):
		out.Err = fault.New(fault.Forbidden, "own_sheet", text.F("不能审批自己填写的考评表", "nobody decides on his or her own sheet"))
	case v.led[s.BranchCode]:
		out.Err = ownBranch()
	case version != s.Version:
		out.Err = fault.OutOfDate()
	default:
		out.Version, out.verb = s.Version+1, mv.Verb
	}
	return out
}

// holdPeriodsOf holds the periods of the sheets, by code.
func holdPeriodsOf(ctx context.Context, tx *gorm.DB, townID string, ids []string) (map[string]Period, error) {
	var held []Period
	err := tx.WithContext(ctx).Clauses(clause.Locking{Strength: "SHARE"}).
		Where("town_id = ? AND code IN (?)", townID, tx.Model(&Sheet{}).Select("period_code").Where("town_id = ? AND id IN ?", townID, ids)).
		Order("code").Find(&held).Error
	return byCode(held), err
}

// carryOut writes the verdicts that changed something.
func (v viewer) carryOut(ctx context.Context, tx *gorm.DB, verdicts []Verdict, d Decision) error {
	now := tx.NowFunc()
	var ids []string
	var steps []SheetMove
	for _, x := range verdicts {
		if x.Err == nil {
			ids = append(ids, x.ID)
			steps = append(steps, SheetMove{
				TownID: v.town, EvaluationID: x.ID, Version: x.Version, Verb: x.verb,
				At: now, Actor: v.Name(), Role: v.Role, Reason: d.Reason, DueOn: d.DueOn,
			})
		}
	}
	if len(ids) == 0 {
		return nil
	}
	change := map[string]any{
		"state": d.To, "decided_at": now, "decided_by": v.Name(), "reason": d.Reason, "due_on": d.DueOn,
		"version": gorm.Expr("version + 1"),
	}
	if d.To == Returned {
		if err := nextRevision(tx, v.town, ids); err != nil {
			return err
		}
		change["revision"] = gorm.Expr("revision + 1")
	}
	done := tx.Model(&Sheet{}).Where("town_id = ? AND id IN ?", v.town, ids).Updates(change)
	if done.Error != nil {
		return done.Error
	}
	if done.RowsAffected != int64(len(ids)) {
		return errors.New("evaluation: sheets that are held were changed by someone else")
	}
	if err := tx.CreateInBatches(steps, database.Batch).Error; err != nil {
		return err
	}
	return v.record(ctx, tx, verdicts, d)
}

func (v viewer) record(ctx context.Context, tx *gorm.DB, verdicts []Verdict, d Decision) error {
	for _, x := range verdicts {
		if x.Err != nil {
			continue
		}
		err := audit.Write(ctx, tx, audit.Change{
			Town: v.town, Action: "evaluation." + x.verb, Subject: "evaluations/" + x.ID,
			Before: x.was.State, After: d.To, Reason: d.Reason,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// nextRevision copies the entries of the sheets into the revision that a return
// starts, so that what was submitted stays on record.
func nextRevision(tx *gorm.DB, townID string, ids []string) error {
	return tx.Exec(`INSERT INTO entries (town_id, evaluation_id, revision, code, value, level, not_applicable, evidence, source)
SELECT e.town_id, e.evaluation_id, e.revision + 1, e.code, e.value, e.level, e.not_applicable, e.evidence, e.source
FROM entries e JOIN evaluations s ON s.town_id = e.town_id AND s.id = e.evaluation_id AND s.revision = e.revision
WHERE s.town_id = ? AND s.id IN ?`, townID, ids).Error
}
