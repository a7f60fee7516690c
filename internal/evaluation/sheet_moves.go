package evaluation

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
)

// sheetMoves is the life of a sheet.
var sheetMoves = machine[SheetState]{
	{verb: "submit", from: []SheetState{Draft}, to: Submitted, action: people.WriteSheets, during: writing},
	{verb: "submit", from: []SheetState{Returned}, to: Submitted, action: people.WriteSheets, during: entering},
	{verb: "withdraw", from: []SheetState{Submitted}, to: Draft, action: people.WriteSheets, during: writing},
	{verb: "approve", from: []SheetState{Submitted}, to: Approved, action: people.DecideSheets, during: entering},
	{verb: "return", from: []SheetState{Submitted, Approved}, to: Returned, action: people.DecideSheets, during: entering, reason: true},
}

// MoveSheet takes a sheet to another state: its evaluator submits and withdraws,
// the leading group approves and returns, nobody one's own.
func MoveSheet(ctx context.Context, db *gorm.DB, townID, id string, version int64, to SheetState, reason string) (Sheet, error) {
	p := people.Caller(ctx)
	var after Sheet
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindSheet(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		period, err := HoldPeriod(ctx, tx, townID, before.PeriodCode)
		if err != nil {
			return err
		}
		mv, err := sheetMoves.find(p.Role, before.State, to, before.stand(period), reason)
		if err != nil {
			return err
		}
		change, err := before.change(ctx, tx, p, mv, reason)
		if err != nil {
			return err
		}
		if err := database.UpdateVersioned(tx, &Sheet{TownID: townID, ID: id}, version, change); err != nil {
			return err
		}
		if mv.to == Returned {
			if err := before.nextRevision().store(tx); err != nil {
				return err
			}
		}
		s, err := findSheet(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		if after, err = fill(ctx, tx, s, everywhere); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "evaluation." + mv.verb, Subject: "evaluations/" + id,
			Before: before.State, After: after.State, Reason: reason,
		})
	})
	return after, err
}

// stand is what the moves of the sheet depend on.
func (s Sheet) stand(period Period) stand {
	lock := fault.Lock{By: s.EvaluatorCode, At: s.CreatedAt, CanLift: string(s.Role)}
	switch {
	case s.State == Submitted:
		lock.At, lock.CanLift = *s.SubmittedAt, string(people.LeadingGroup)
	case s.DecidedAt != nil:
		lock.By, lock.At, lock.Reason = s.DecidedBy, *s.DecidedAt, s.Reason
		if s.State == Approved {
			lock.CanLift = string(people.LeadingGroup)
		}
	}
	return stand{period: period, lock: lock}
}

// nextRevision is the sheet that a return starts: with the same entries, so that
// what was submitted stays on record.
func (s Sheet) nextRevision() Sheet {
	s.Revision++
	return s
}

// change is what a move writes into the row.
func (s Sheet) change(ctx context.Context, tx *gorm.DB, p people.Principal, mv move[SheetState], reason string) (map[string]any, error) {
	now := tx.NowFunc()
	if mv.action == people.WriteSheets {
		if s.EvaluatorCode != p.Person {
			return nil, notYours()
		}
		if err := refuseOutsider(ctx, tx, p, s.TownID, s.BranchCode); err != nil {
			return nil, err
		}
		if mv.to == Submitted && len(s.Entries) == 0 {
			return nil, fault.Broken(fault.At("/entries", "empty_sheet", text.F("考评表没有内容，不能提交", "the sheet has no entries: enter at least one value")))
		}
		if mv.to != Submitted {
			return map[string]any{"state": mv.to, "submitted_at": nil}, nil
		}
		return map[string]any{"state": mv.to, "submitted_at": now}, nil
	}
	if s.EvaluatorCode == p.Person {
		return nil, fault.New(fault.Forbidden, "own_sheet", text.F("不能审批自己填写的考评表", "nobody decides on his or her own sheet"))
	}
	if err := refuseOwnBranch(ctx, tx, p, s.TownID, s.BranchCode, day.Of(now)); err != nil {
		return nil, err
	}
	change := map[string]any{"state": mv.to, "decided_at": now, "decided_by": p.Name(), "reason": reason}
	if mv.to == Returned {
		change["revision"] = s.nextRevision().Revision
	}
	return change, nil
}

// allowed leaves out what the workflow would grant to the role but not to this
// person: another's sheet is not written, nor one's own when its branch is no more
// in reach; one's own is not decided on, nor any of a branch that he or she leads.
// Reading reaches as far as writing does for every role that writes.
func (s Sheet) allowed(p people.Principal, period Period, reach people.Reach, led map[string]bool) []string {
	own := p.Person != "" && p.Person == s.EvaluatorCode
	verbs := []string{}
	if led[s.BranchCode] {
		return verbs
	}
	for _, verb := range sheetMoves.allowed(p.Role, s.State, s.stand(period)) {
		deciding := verb == "approve" || verb == "return"
		if deciding != own && (deciding || reach.Has(s.BranchCode)) {
			verbs = append(verbs, verb)
		}
	}
	return verbs
}
