package evaluation

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// BeginSheet opens a draft for the caller. The caller must be tied to the branch
// today, and must not rate a branch that he or she leads.
func BeginSheet(ctx context.Context, db *gorm.DB, townID, period, branch, note string, entries []Entry) (Sheet, error) {
	p := people.Caller(ctx)
	if p.Person == "" {
		return Sheet{}, fault.New(fault.Forbidden, "person_needed", text.F("此密钥未关联人员，不能填写考评表", "this key stands for no person: only people evaluate"))
	}
	s := Sheet{
		TownID: townID, ID: database.NewID(), PeriodCode: period, BranchCode: branch, EvaluatorCode: p.Person, Role: p.Role,
		State: Draft, Revision: 1, Note: note, Entries: entries, Versioned: database.Versioned{Version: 1},
	}
	var after Sheet
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := viewerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		at, mv, err := v.writing(ctx, tx, s)
		if err != nil {
			return err
		}
		s.ExceptionID = at.leave[mv.When.within]
		if err := s.insert(tx); err != nil {
			return err
		}
		if err := s.store(tx); err != nil {
			return err
		}
		if after, err = v.fill(ctx, tx, s, at.period); err != nil {
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
		v, err := viewerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		before, err := v.find(ctx, tx, id)
		if err != nil {
			return err
		}
		if !v.wrote(before) {
			return notYours()
		}
		s := before
		s.Note, s.Entries = note, entries
		at, mv, err := v.writing(ctx, tx, s)
		if err != nil {
			return err
		}
		if before, err = v.fill(ctx, tx, before, at.period); err != nil {
			return err
		}
		change := map[string]any{"note": note}
		if leave := at.leave[mv.When.within]; leave != nil {
			change["exception_id"] = leave
		}
		if err := database.UpdateVersioned(tx, &Sheet{TownID: townID, ID: id}, version, change); err != nil {
			return err
		}
		if err := s.store(tx); err != nil {
			return err
		}
		if after, err = v.again(ctx, tx, id, at.period); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "evaluation.write", Subject: "evaluations/" + id, Before: before, After: after})
	})
	return after, err
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

// insert stores a new sheet, unless its evaluator has one for the branch and period
// already: that one is named, and where it stands.
func (s *Sheet) insert(tx *gorm.DB) error {
	made := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(s)
	if made.Error != nil || made.RowsAffected == 1 {
		return made.Error
	}
	var other Sheet
	err := tx.Where("town_id = ? AND period_code = ? AND branch_code = ? AND evaluator_code = ?", s.TownID, s.PeriodCode, s.BranchCode, s.EvaluatorCode).Take(&other).Error
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "sheet_exists", text.F(
		"您在本周期已为该党组织建立考评表 %s，请修改原表", "you have a sheet for this branch in this period already, %s: change that one", other.ID)).Held(other.lock())
}

// writing makes sure that the caller may write the sheet now, and that every entry
// fits its indicator; all faults of the sheet are told at once. It gives where the
// sheet stands and the move that writing is.
func (v *viewer) writing(ctx context.Context, tx *gorm.DB, s Sheet) (stand, move[SheetState], error) {
	if err := v.refuseOutsider(ctx, tx, s.BranchCode); err != nil {
		return stand{}, move[SheetState]{}, err
	}
	at, err := v.hold(ctx, tx, s)
	if err != nil {
		return at, move[SheetState]{}, err
	}
	mv, ok := sheetMoves.Stay("write", s.State)
	if !ok {
		return at, mv, workflow.Conflict(at, "sheet_"+string(s.State), text.F(
			"考评表已提交或已通过，不能修改：请先撤回或由工作领导小组退回", "the sheet is %s: withdraw it, or have the leading group return it, before you change it", s.State))
	}
	if err := mv.Refuse(v.Principal, at, ""); err != nil {
		return at, mv, err
	}
	return at, mv, s.check(ctx, tx, at.period)
}

// hold gives where the sheet stands, and keeps period and exceptions as they are
// until tx ends.
func (v *viewer) hold(ctx context.Context, tx *gorm.DB, s Sheet) (stand, error) {
	period, err := HoldPeriod(ctx, tx, s.TownID, s.PeriodCode)
	if err != nil {
		return stand{}, err
	}
	v.granted, err = inForce(ctx, tx, s.TownID, v.today)
	return s.stand(period, v.granted, v.today), err
}

// check holds the entries against the scheme of the period.
func (s Sheet) check(ctx context.Context, tx *gorm.DB, period Period) error {
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
