package index

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/workflow"
)

// AppealDecision is what becomes of an appeal.
type AppealDecision struct {
	To          AppealState
	Answer      string                  // needed to uphold and to reject
	Corrections []evaluation.Correction // needed to uphold: of the branch that appeals where they name none
}

// DecideAppeal upholds, rejects or withdraws an appeal. Upholding stores the
// corrections, a run with them and its publication, all in one transaction.
func DecideAppeal(ctx context.Context, db *gorm.DB, townID, id string, version int64, d AppealDecision) (Appeal, error) {
	return appeals.Move(ctx, db, workflow.Ref{Town: townID, ID: id, Version: version}, d.To, d.Answer, func(tx *gorm.DB, v *appealReader, a Appeal) (workflow.Change, error) {
		if err := d.check(); err != nil {
			return workflow.Change{}, err
		}
		c := workflow.Change{Columns: map[string]any{"decided_by": v.Name(), "decided_at": tx.NowFunc(), "answer": d.Answer}}
		if d.To == Upheld {
			made, err := amend(ctx, tx, v.period, amendment{reason: d.Answer, appeal: &a.ID, list: a.own(d.Corrections)})
			if err != nil {
				return c, err
			}
			c.Columns["amended_to"] = made.Number
		}
		return c, nil
	})
}

// own are the corrections, about the branch of the appeal where they name none.
func (a Appeal) own(list []evaluation.Correction) []evaluation.Correction {
	for i := range list {
		if list[i].BranchCode == "" {
			list[i].BranchCode = a.BranchCode
		}
	}
	return list
}

// check lists what is missing from the decision, or too much.
func (d AppealDecision) check() error {
	var faults []fault.FieldError
	if d.To != Withdrawn && d.Answer == "" {
		faults = append(faults, fault.Field("/reason", "reason_needed", "请写明答复", "answer the branch: give a reason"))
	}
	switch {
	case d.To == Upheld && len(d.Corrections) == 0:
		faults = append(faults, fault.Field("/corrections", "corrections_needed", "支持申诉须至少作一项更正", "to uphold an appeal, correct at least one thing"))
	case d.To != Upheld && len(d.Corrections) > 0:
		faults = append(faults, fault.Field("/corrections", "corrections_refused", "只有支持申诉时才能更正", "only upholding an appeal corrects anything"))
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}
