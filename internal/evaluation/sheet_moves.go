package evaluation

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
)

// sheetMoves is the life of a sheet. What is withdrawn must be submitted again, so
// that too ends with the window.
var sheetMoves = machine[SheetState]{
	{Verb: "write", From: []SheetState{Draft}, Action: people.WriteSheets, When: stage{during: writing, within: window}},
	{Verb: "write", From: []SheetState{Returned}, Action: people.WriteSheets, When: stage{during: entering, within: due}},
	{Verb: "submit", From: []SheetState{Draft}, To: Submitted, Action: people.WriteSheets, When: stage{during: writing, within: window}},
	{Verb: "submit", From: []SheetState{Returned}, To: Submitted, Action: people.WriteSheets, When: stage{during: entering, within: due}},
	{Verb: "withdraw", From: []SheetState{Submitted}, To: Draft, Action: people.WriteSheets, When: stage{during: writing, within: window}},
	{Verb: "approve", From: []SheetState{Submitted}, To: Approved, Action: people.DecideSheets, When: stage{during: entering}},
	{Verb: "return", From: []SheetState{Submitted, Approved}, To: Returned, Action: people.DecideSheets, When: stage{during: entering}, Reason: true},
}

// MoveSheet takes a sheet to another state: its evaluator submits and withdraws,
// the leading group approves and returns, nobody one's own.
func MoveSheet(ctx context.Context, db *gorm.DB, townID, id string, version int64, to SheetState, reason string) (Sheet, error) {
	if to == Approved || to == Returned {
		return DecideSheet(ctx, db, townID, DecidedSheet{ID: id, Version: version}, Decision{To: to, Reason: reason})
	}
	var after Sheet
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := viewerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		s, err := v.find(ctx, tx, id)
		if err != nil {
			return err
		}
		at, err := v.hold(ctx, tx, s)
		if err != nil {
			return err
		}
		mv, err := sheetMoves.Find(v.Principal, s.State, to, at, reason)
		if err != nil {
			return err
		}
		if err := v.refuseAuthor(ctx, tx, s, to); err != nil {
			return err
		}
		change := map[string]any{"state": to, "submitted_at": nil, "due_on": nil}
		if to == Submitted {
			change["submitted_at"] = tx.NowFunc()
		}
		leave := at.leave[mv.When.within]
		if leave != nil {
			change["exception_id"] = leave
		}
		if err := database.UpdateVersioned(tx, &Sheet{TownID: townID, ID: id}, version, change); err != nil {
			return err
		}
		step := SheetMove{TownID: townID, EvaluationID: id, Version: version + 1, Verb: mv.Verb, At: tx.NowFunc(), Actor: v.Name(), Role: v.Role, Reason: reason, ExceptionID: leave}
		if err := tx.Create(&step).Error; err != nil {
			return err
		}
		if after, err = v.again(ctx, tx, id, at.period); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "evaluation." + mv.Verb, Subject: "evaluations/" + id,
			Before: s.State, After: after.State, Reason: reason,
		})
	})
	return after, err
}

// refuseAuthor keeps sheets from being submitted and withdrawn by anyone but their
// evaluators, and from being submitted empty.
func (v viewer) refuseAuthor(ctx context.Context, tx *gorm.DB, s Sheet, to SheetState) error {
	if !v.wrote(s) {
		return notYours()
	}
	if err := v.refuseOutsider(ctx, tx, s.BranchCode); err != nil || to != Submitted {
		return err
	}
	var entries int64
	err := tx.Model(&Entry{}).Where("town_id = ? AND evaluation_id = ? AND revision = ?", s.TownID, s.ID, s.Revision).Count(&entries).Error
	if err == nil && entries == 0 {
		return fault.Broken(fault.At("/entries", "empty_sheet", text.F("考评表没有内容，不能提交", "the sheet has no entries: enter at least one value")))
	}
	return err
}
