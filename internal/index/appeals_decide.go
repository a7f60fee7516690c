package index

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
)

// Decision is what becomes of an appeal.
type Decision struct {
	To          AppealState
	Answer      string                  // needed to uphold and to reject
	Corrections []evaluation.Correction // needed to uphold: of the branch that appeals where they name none
}

// DecideAppeal upholds, rejects or withdraws an appeal. Upholding stores the
// corrections, a run with them and its publication, all in one transaction.
func DecideAppeal(ctx context.Context, db *gorm.DB, townID, id string, version int64, d Decision) (Appeal, error) {
	var after Appeal
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindAppeal(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		period, err := holdAlone(ctx, tx, townID, before.PeriodCode)
		if err != nil {
			return err
		}
		if err := before.refuse(ctx, tx, d); err != nil {
			return err
		}
		change := map[string]any{"state": d.To, "decided_by": people.Caller(ctx).Name(), "decided_at": tx.NowFunc(), "answer": d.Answer}
		if d.To == Upheld {
			made, err := amend(ctx, tx, period, amendment{reason: d.Answer, appeal: &before.ID, list: before.own(d.Corrections)})
			if err != nil {
				return err
			}
			change["amended_to"] = made.Number
		}
		if err := database.UpdateVersioned(tx, &Appeal{TownID: townID, ID: id}, version, change); err != nil {
			return err
		}
		if after, err = FindAppeal(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "appeal." + verbs[d.To], Subject: "appeals/" + id, Before: before.State, After: after.State, Reason: d.Answer,
		})
	})
	return after, err
}

var verbs = map[AppealState]string{Upheld: "uphold", Rejected: "reject", Withdrawn: "withdraw"}

// own are the corrections, about the branch of the appeal where they name none.
func (a Appeal) own(list []evaluation.Correction) []evaluation.Correction {
	for i := range list {
		if list[i].BranchCode == "" {
			list[i].BranchCode = a.BranchCode
		}
	}
	return list
}

// refuse says why the caller cannot decide so.
func (a Appeal) refuse(ctx context.Context, tx *gorm.DB, d Decision) error {
	p := people.Caller(ctx)
	may := people.DecideAppeals
	if d.To == Withdrawn {
		may = people.WriteAppeals
	}
	switch {
	case verbs[d.To] == "" || a.State != Filed:
		return fault.New(fault.Conflict, "no_such_transition", text.F("不能从“%s”变为“%s”", "there is no way from %q to %q", a.State, d.To)).Held(a.lock())
	case !p.May(may):
		return fault.New(fault.Forbidden, "not_allowed", text.F("角色“%s”无权进行此操作（%s）", "the role %s may not do this (%s)", p.Role, may))
	case d.To == Withdrawn:
		return d.check() // reading it took leading the branch
	}
	led, err := people.IsLedBy(ctx, tx, a.TownID, a.BranchCode, p.Person, day.Of(tx.NowFunc()))
	if err == nil && led {
		return fault.New(fault.Forbidden, "conflict_of_interest", text.F("不能决定自己所任职党组织的申诉", "nobody decides about a branch that he or she leads"))
	}
	if err != nil {
		return err
	}
	return d.check()
}

// check lists what is missing from the decision, or too much.
func (d Decision) check() error {
	var faults []fault.Field
	if d.To != Withdrawn && d.Answer == "" {
		faults = append(faults, fault.At("/reason", "reason_needed", text.F("请写明答复", "answer the branch: give a reason")))
	}
	switch {
	case d.To == Upheld && len(d.Corrections) == 0:
		faults = append(faults, fault.At("/corrections", "corrections_needed", text.F("支持申诉须至少作一项更正", "to uphold an appeal, correct at least one thing")))
	case d.To != Upheld && len(d.Corrections) > 0:
		faults = append(faults, fault.At("/corrections", "corrections_refused", text.F("只有支持申诉时才能更正", "only upholding an appeal corrects anything")))
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}
