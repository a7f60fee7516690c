package evaluation

import (
	"cmp"
	"context"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/workflow"
)

// BeginSheet opens a draft for the caller with the period, branch, note and entries of s.
// The caller must be tied to the branch today, and must not rate a branch that he or she
// leads.
func BeginSheet(ctx context.Context, db *gorm.DB, s Sheet) (Sheet, error) {
	p := access.PrincipalFrom(ctx)
	if p.Person == "" {
		return Sheet{}, fault.Forbidden("person_needed",
			"此密钥未关联人员，不能填写考评表", "this key belongs to no person, and only people evaluate")
	}
	s = Sheet{
		TownID: s.TownID, PeriodCode: s.PeriodCode, BranchCode: s.BranchCode, Note: s.Note, Entries: s.Entries,
		ID: database.NewID(), EvaluatorCode: p.Person, Role: p.Role, State: Draft, Revision: 1,
		Versioned: database.Versioned{Version: 1},
	}
	return sheets.Create(ctx, db, "begin", "", s, func(tx *gorm.DB, v *sheetReader, s *Sheet) error {
		s.ExceptionID = v.exceptionFor(*s)
		if err := s.check(ctx, tx, v.periods[s.PeriodCode], byPlace); err != nil {
			return err
		}
		if err := s.insert(tx); err != nil {
			return err
		}
		return s.storeEntries(tx)
	})
}

// WriteSheet replaces note and entries of the caller's own sheet.
func WriteSheet(ctx context.Context, db *gorm.DB, ref workflow.Ref, note string, entries []Entry) (Sheet, error) {
	return sheets.Do(ctx, db, ref, "write", "", func(tx *gorm.DB, v *sheetReader, s Sheet) (workflow.Change, error) {
		s.Note, s.Entries = note, entries
		c := workflow.Change{Columns: map[string]any{"note": note}}
		if exception := v.exceptionFor(s); exception != nil {
			c.Columns["exception_id"] = exception
		}
		if err := s.check(ctx, tx, v.periods[s.PeriodCode], byPlace); err != nil {
			return c, err
		}
		return c, s.storeEntries(tx)
	})
}

// SheetPatch changes single entries of a sheet, by code: nil removes one. A nil note stays.
type SheetPatch struct {
	Note    *string
	Entries map[string]*Entry
}

// PatchSheet changes the named entries of the caller's own sheet, each as a whole, and leaves
// the others as they are. Faults point to /entries/CODE, also where an entry that is not named
// has become wrong. To remove what is not there changes nothing.
func PatchSheet(ctx context.Context, db *gorm.DB, ref workflow.Ref, patch SheetPatch) (Sheet, error) {
	return sheets.Do(ctx, db, ref, "write", "", func(tx *gorm.DB, v *sheetReader, s Sheet) (workflow.Change, error) {
		c := workflow.Change{Columns: map[string]any{}}
		if patch.Note != nil {
			c.Columns["note"] = *patch.Note
		}
		if exception := v.exceptionFor(s); exception != nil {
			c.Columns["exception_id"] = exception
		}
		if err := s.readEntries(ctx, tx); err != nil {
			return c, err
		}
		s.Entries = patch.apply(s.Entries)
		if err := s.check(ctx, tx, v.periods[s.PeriodCode], byCode); err != nil {
			return c, err
		}
		return c, s.storeEntries(tx)
	})
}

// apply returns the entries after the change, in the order of codes.
func (p SheetPatch) apply(entries []Entry) []Entry {
	entries = slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool {
		_, named := p.Entries[e.Code]
		return named
	})
	for code, e := range p.Entries {
		if e != nil {
			named := *e
			named.Code = code
			entries = append(entries, named)
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Code, b.Code) })
	return entries
}

// MoveSheet submits or withdraws the caller's own sheet, or decides on another's.
func MoveSheet(ctx context.Context, db *gorm.DB, ref workflow.Ref, to SheetState, reason string) (Sheet, error) {
	if to == Approved || to == Returned {
		return DecideSheet(ctx, db, ref, SheetDecision{To: to, Reason: reason})
	}
	return sheets.Move(ctx, db, ref, to, reason, func(tx *gorm.DB, v *sheetReader, s Sheet) (workflow.Change, error) {
		columns := map[string]any{"submitted_at": nil, "due_on": nil}
		if to == Submitted {
			columns["submitted_at"] = tx.NowFunc()
			if err := s.readEntries(ctx, tx); err != nil {
				return workflow.Change{}, err
			}
			if len(s.Entries) == 0 {
				return workflow.Change{}, fault.Broken(fault.Field("/entries", "empty_sheet",
					"考评表没有内容，不能提交", "the sheet has no entries: enter at least one value"))
			}
			if living(v, s) == nil { // the branch, or the scheme of the period, may have changed since they were written
				if err := s.check(ctx, tx, v.periods[s.PeriodCode], byCode); err != nil {
					return workflow.Change{}, err
				}
			}
		}
		exception := v.exceptionFor(s)
		if exception != nil {
			columns["exception_id"] = exception
		}
		return workflow.Change{Columns: columns, Extra: sheetExtra{ExceptionID: exception}}, nil
	})
}

// SheetDecision is what the leading group decides about sheets.
type SheetDecision struct {
	To     SheetState // Approved or Returned
	Reason string     // needed to return
	DueOn  *day.Date  // with Returned: the last day to correct them, today at the earliest
}

// DecideSheets approves or returns many sheets of a town: those that can be decided on
// are, the verdicts about the others hold why not. It also returns what those approved
// contradict. With dryRun nothing is changed.
func DecideSheets(
	ctx context.Context, db *gorm.DB, townID string, refs []workflow.Ref, d SheetDecision, dryRun bool,
) (verdicts []workflow.Verdict, found []Contradiction, err error) {
	if err := d.refuseDueOn(day.Of(db.NowFunc())); err != nil {
		return nil, nil, err
	}
	all := workflow.Bulk[SheetState]{Town: townID, Refs: refs, To: d.To, Reason: d.Reason, DryRun: dryRun}
	if verdicts, err = sheets.MoveAll(ctx, db, all, d.change); err != nil || d.To != Approved {
		return verdicts, nil, err
	}
	var approved []string
	for _, v := range verdicts {
		if v.Err == nil {
			approved = append(approved, v.ID)
		}
	}
	if len(approved) > 0 {
		found, err = contradictionsOf(ctx, db, townID, approved)
	}
	return verdicts, found, err
}

// DecideSheet approves or returns one sheet.
func DecideSheet(ctx context.Context, db *gorm.DB, ref workflow.Ref, d SheetDecision) (Sheet, error) {
	if err := d.refuseDueOn(day.Of(db.NowFunc())); err != nil {
		return Sheet{}, err
	}
	return sheets.Move(ctx, db, ref, d.To, d.Reason, func(tx *gorm.DB, v *sheetReader, s Sheet) (workflow.Change, error) {
		return d.change(tx, v, []Sheet{s})
	})
}

// change keeps the entries of sheets that are returned under the revision that was
// submitted, and copies them to the next one.
func (d SheetDecision) change(tx *gorm.DB, v *sheetReader, moved []Sheet) (workflow.Change, error) {
	c := workflow.Change{Extra: sheetExtra{DueOn: d.DueOn}, Columns: map[string]any{
		"decided_at": tx.NowFunc(), "decided_by": v.Name(), "reason": d.Reason, "due_on": d.DueOn,
	}}
	if d.To != Returned || len(moved) == 0 {
		return c, nil
	}
	c.Columns["revision"] = gorm.Expr("revision + 1")
	ids := make([]string, len(moved))
	for i, s := range moved {
		ids[i] = s.ID
	}
	return c, nextRevision(tx, v.Town, ids)
}

// storeEntries replaces the entries of the sheet's revision.
func (s Sheet) storeEntries(tx *gorm.DB) error {
	err := tx.Where("town_id = ? AND evaluation_id = ? AND revision = ?", s.TownID, s.ID, s.Revision).
		Delete(&Entry{}).Error
	if err != nil || len(s.Entries) == 0 {
		return err
	}
	rows := make([]Entry, len(s.Entries))
	for i, e := range s.Entries {
		e.TownID, e.EvaluationID, e.Revision = s.TownID, s.ID, s.Revision
		rows[i] = e
	}
	return tx.CreateInBatches(rows, database.Batch).Error
}

// insert stores a new sheet, unless its evaluator has one for the branch and period
// already, which the refusal names.
func (s *Sheet) insert(tx *gorm.DB) error {
	made := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(s)
	if made.Error != nil || made.RowsAffected == 1 {
		return made.Error
	}
	var other Sheet
	err := tx.Where("town_id = ? AND period_code = ? AND branch_code = ? AND evaluator_code = ?",
		s.TownID, s.PeriodCode, s.BranchCode, s.EvaluatorCode).Take(&other).Error
	if err != nil {
		return err
	}
	return fault.Conflict("sheet_exists", "您在本周期已为该党组织建立考评表 %s，请修改原表",
		"you have a sheet for this branch in this period already, %s: change that one", other.ID).Held(other.lock())
}

// check holds the entries against the scheme of the period; a fault points to at of its entry.
func (s Sheet) check(ctx context.Context, tx *gorm.DB, period Period, at func(i int, e Entry) string) error {
	compiled, err := scheme.Load(ctx, tx, s.TownID, period.Scheme.Code, period.Scheme.Number)
	if err != nil {
		return err
	}
	branch, err := period.branch(ctx, tx, s.BranchCode)
	if err != nil {
		return err
	}
	if faults := checkEntries(compiled, branch, s.Role, s.Entries, at); len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// nextRevision copies the entries of the sheets into the revision that a return
// starts, so that what was submitted stays on record.
func nextRevision(tx *gorm.DB, townID string, ids []string) error {
	rows, err := entriesOf(tx, townID, ids)
	if err != nil || len(rows) == 0 {
		return err
	}
	for i := range rows {
		rows[i].Revision++
	}
	return tx.CreateInBatches(rows, database.Batch).Error
}

// entriesOf returns the entries of the present revisions of the sheets, in the order of
// codes.
func entriesOf(q *gorm.DB, townID string, ids []string) (list []Entry, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = q.Joins("JOIN evaluations s ON s.town_id = entries.town_id AND s.id = entries.evaluation_id AND "+
		"s.revision = entries.revision").Where("s.town_id = ? AND s.id IN ?", townID, ids).
		Order("entries.evaluation_id, entries.code").Find(&list).Error
	return list, err
}
