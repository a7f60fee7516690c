package evaluation

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
)

// BeginSheet opens a draft for the caller. The caller must be tied to the branch
// today, and must not rate a branch that he or she leads.
func BeginSheet(ctx context.Context, db *gorm.DB, townID, period, branch, note string, entries []Entry) (Sheet, error) {
	p := people.Caller(ctx)
	if p.Person == "" {
		return Sheet{}, fault.New(fault.Forbidden, "person_needed", text.F("此密钥未关联人员，不能填写考评表", "this key stands for no person: only people evaluate"))
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Sheet{}, fmt.Errorf("new evaluation id: %w", err)
	}
	s := Sheet{
		TownID: townID, ID: id.String(), PeriodCode: period, BranchCode: branch, EvaluatorCode: p.Person, Role: p.Role,
		State: Draft, Revision: 1, Note: note, Entries: entries, Versioned: database.Versioned{Version: 1},
	}
	var after Sheet
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := refuseOutsider(ctx, tx, p, townID, branch); err != nil {
			return err
		}
		if err := s.check(ctx, tx, writing); err != nil {
			return err
		}
		if err := tx.Create(&s).Error; err != nil {
			return sheetExists(err)
		}
		if err := s.store(tx); err != nil {
			return err
		}
		if after, err = fill(ctx, tx, s, everywhere); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "evaluation.begin", Subject: "evaluations/" + s.ID, After: after})
	})
	return after, err
}

// WriteSheet replaces note and entries of the caller's own sheet. The caller must
// still be tied to the branch.
func WriteSheet(ctx context.Context, db *gorm.DB, townID, id string, version int64, note string, entries []Entry) (Sheet, error) {
	var after Sheet
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		s, err := findOwn(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		if err := refuseOutsider(ctx, tx, people.Caller(ctx), townID, s.BranchCode); err != nil {
			return err
		}
		before, err := fill(ctx, tx, s, everywhere)
		if err != nil {
			return err
		}
		during := writing
		switch s.State {
		case Draft:
		case Returned:
			during = entering
		default:
			return fault.New(fault.Conflict, "sheet_"+string(s.State), text.F(
				"考评表已提交或已通过，不能修改：请先撤回或由工作领导小组退回", "the sheet is %s: withdraw it, or have the leading group return it, before you change it", s.State))
		}
		s.Note, s.Entries = note, entries
		if err := s.check(ctx, tx, during); err != nil {
			return err
		}
		if err := database.UpdateVersioned(tx, &Sheet{TownID: townID, ID: id}, version, map[string]any{"note": note}); err != nil {
			return err
		}
		if err := s.store(tx); err != nil {
			return err
		}
		if s, err = findSheet(ctx, tx, townID, id); err != nil {
			return err
		}
		if after, err = fill(ctx, tx, s, everywhere); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "evaluation.write", Subject: "evaluations/" + id, Before: before, After: after})
	})
	return after, err
}

func findOwn(ctx context.Context, tx *gorm.DB, townID, id string) (Sheet, error) {
	s, err := findSheet(ctx, tx, townID, id)
	if err == nil && (s.EvaluatorCode != people.Caller(ctx).Person) {
		if _, err := FindSheet(ctx, tx, townID, id); err != nil {
			return Sheet{}, err // not even to be known of
		}
		return Sheet{}, notYours()
	}
	return s, err
}

func notYours() error {
	return fault.New(fault.Forbidden, "not_your_sheet", text.F("只能修改自己填写的考评表", "only its evaluator writes a sheet"))
}

// store replaces the entries of the sheet's revision.
func (s Sheet) store(tx *gorm.DB) error {
	err := tx.Where("town_id = ? AND evaluation_id = ? AND revision = ?", s.TownID, s.ID, s.Revision).Delete(&Entry{}).Error
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

func sheetExists(err error) error {
	if fault.Is(err, fault.Conflict) {
		return fault.New(fault.Conflict, "sheet_exists", text.F(
			"您在本周期已为该党组织建立考评表，请修改原表", "you have a sheet for this branch in this period already: change that one")).Because(err)
	}
	return err
}

// check makes sure that the sheet may be written now and that every entry fits
// its indicator; all faults of the sheet are told at once.
func (s Sheet) check(ctx context.Context, tx *gorm.DB, during []PeriodState) error {
	period, err := HoldPeriod(ctx, tx, s.TownID, s.PeriodCode)
	if err != nil {
		return err
	}
	if !slices.Contains(during, period.State) {
		return period.locked()
	}
	compiled, err := scheme.Load(ctx, tx, s.TownID, period.SchemeCode, period.SchemeNumber)
	if err != nil {
		return err
	}
	branch, err := period.branch(ctx, tx, s.BranchCode)
	if err != nil {
		return err
	}
	if faults := checkEntries(compiled, branch, s.Role, s.Entries); len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}
