package improve

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// AddTarget proposes a branch by the caller's own statement, unless the branch is
// proposed or a target already. Nobody does so for a branch that he or she leads.
// Rules leave such a proposal alone: its statement does not lapse with a publication.
func AddTarget(ctx context.Context, db *gorm.DB, townID, branch, statement string) (Target, error) {
	t := Target{TownID: townID, BranchCode: branch, Statement: statement, Reasons: TargetReasons{}}
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := holdBranches(tx, townID, []string{branch}); err != nil {
			return err
		}
		if err := refuseBranch(ctx, tx, townID, branch); err != nil {
			return err
		}
		if err := refuseLed(ctx, tx, townID, branch); err != nil {
			return err
		}
		var open []Target
		err := tx.Where("town_id = ? AND branch_code = ? AND state IN ?", townID, branch, []TargetState{Proposed, Confirmed}).
			Order("id").Limit(1).Find(&open).Error
		if err != nil {
			return err
		}
		if len(open) > 0 {
			return workflow.Conflict(open[0].stand(), "target_exists", text.F(
				"党组织“%[1]s”已是提升对象或已被提名：请先决定", "the branch %[1]q is proposed or a target already: decide about that first", branch))
		}
		if err := createTarget(ctx, tx, &t); err != nil {
			return err
		}
		if t, err = FindTarget(ctx, tx, townID, t.ID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "target.propose", Subject: "targets/" + t.ID, After: t, Reason: statement})
	})
	return t, err
}

// holdBranches keeps the branches, a list or a query of codes, from ending and from
// being proposed or confirmed by others until tx ends. SQLite has one writer at a
// time and needs no lock.
func holdBranches(tx *gorm.DB, townID string, codes any) error {
	var held []town.Life
	return tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Select("code").
		Where("town_id = ? AND code IN (?)", townID, codes).Order("code").Find(&held).Error
}

// refuseBranch faults a branch that the town does not have today.
func refuseBranch(ctx context.Context, tx *gorm.DB, townID, code string) error {
	today := day.Of(tx.NowFunc())
	b, err := town.FindBranch(ctx, tx, townID, code, today)
	switch {
	case fault.Is(err, fault.KindNotFound):
		return fault.Broken(fault.Field("/branch", "unknown_branch", "本镇没有党组织“%s”", "this town has no branch %q", code))
	case err == nil && b.EndedBy(today):
		return fault.Broken(fault.Field("/branch", "branch_closed", "该党组织已于 %s 撤销或合并", "the branch ended on %s", *b.ClosedOn))
	}
	return err
}

func refuseBranchOfOwn(led map[string]bool, branch string) error {
	if led[branch] {
		return fault.Forbidden("conflict_of_interest", "不能决定自己所任职党组织的事项", "nobody decides about a branch that he or she leads")
	}
	return nil
}

// refuseLed keeps people from deciding about a branch that they lead.
func refuseLed(ctx context.Context, tx *gorm.DB, townID, branch string) error {
	led, err := access.IsLedBy(ctx, tx, townID, branch, access.Caller(ctx).Person, day.Of(tx.NowFunc()))
	if err == nil && led {
		return fault.Forbidden("conflict_of_interest", "不能决定自己所任职党组织的事项", "nobody decides about a branch that he or she leads")
	}
	return err
}

// TargetDecision is what becomes of a target.
type TargetDecision struct {
	To      TargetState
	Reason  string // needed but to confirm what has not lapsed
	Outcome string // needed to end: improved, unimproved or other
}

// DecideTarget confirms or dismisses a proposal, or ends a target. The day of the
// confirmation is its first as a target, that of the ending its last.
func DecideTarget(ctx context.Context, db *gorm.DB, townID, id string, version int64, d TargetDecision) (Target, error) {
	var after Target
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		its := tx.Model(&Target{}).Select("branch_code").Where("town_id = ? AND id = ?", townID, id)
		if err := holdBranches(tx, townID, its); err != nil {
			return err
		}
		v, err := targetViewerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		before, err := v.find(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		mv, err := targetMoves.Find(v.Principal, before.State, d.To, before.stand(), d.Reason)
		if err != nil {
			return err
		}
		if err := refuseLed(ctx, tx, townID, before.BranchCode); err != nil {
			return err
		}
		if err := v.refuse(ctx, tx, before, d); err != nil {
			return err
		}
		if err := database.UpdateVersioned(tx, &Target{TownID: townID, ID: id}, version, d.change(tx, v.Name())); err != nil {
			return err
		}
		if err := noteTarget(ctx, tx, before, version+1, mv.Verb, d.Reason); err != nil {
			return err
		}
		if after, err = FindTarget(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "target." + mv.Verb, Subject: "targets/" + id, Before: before.State, After: after.State, Reason: d.Reason,
		})
	})
	return after, err
}

// refuse says what is missing from the decision, or stands in its way.
func (v targetViewer) refuse(ctx context.Context, tx *gorm.DB, t Target, d TargetDecision) error {
	current, already := v.current[t.BranchCode]
	switch {
	case d.To == Confirmed && already:
		return workflow.Conflict(current.stand(), "already_target", text.F(
			"党组织“%[1]s”已是提升对象：请先结束", "the branch %[1]q is a target already: end that first", t.BranchCode))
	case d.To == Confirmed && v.gone(t.BranchCode):
		b, err := town.FindBranch(ctx, tx, t.TownID, t.BranchCode, v.today)
		if err != nil {
			return err
		}
		return town.Ended(ctx, tx, b)
	case d.To == Confirmed && t.Lapsed && d.Reason == "":
		return fault.Broken(fault.Field("/reason", "reason_needed",
			"更正后的结果已无提名理由，请说明为何仍要确认", "the amended result gives no reason any more: say why it is confirmed all the same"))
	case (d.To == Ended) != (d.Outcome != ""):
		return fault.Broken(fault.Field("/outcome", "outcome", "结束时须填写成效，其他情况不填", "give the outcome to end a target, and only then"))
	}
	return nil
}

// change are the columns that the decision sets.
func (d TargetDecision) change(tx *gorm.DB, by string) map[string]any {
	today := day.Of(tx.NowFunc())
	change := map[string]any{"state": d.To, "decided_by": by, "decided_at": tx.NowFunc(), "decision_reason": d.Reason}
	switch d.To {
	case Confirmed:
		change["from_on"] = today
	case Ended:
		change["until_on"], change["outcome"] = today, d.Outcome
	}
	return change
}
