package index

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/town"
)

// maxGaps is how many branches without a score a refusal names.
const maxGaps = 100

// refuseGaps refuses to publish a run in which no branch has a score; and, unless by force
// with a reason, one in which fewer have one than the town requires, or that is of a
// period that has not ended. It reports whether force was needed.
func (r Run) refuseGaps(
	ctx context.Context, tx *gorm.DB, p evaluation.Period, t town.Town, m evaluation.PeriodMove,
) (forced bool, err error) {
	var results []Result
	err = tx.WithContext(ctx).Select("branch_code", "score").Where("town_id = ? AND run_id = ?", r.TownID, r.ID).
		Order("branch_code").Find(&results).Error
	if err != nil {
		return false, err
	}
	refusal := gaps(p, t, results, day.Of(tx.NowFunc()))
	switch {
	case refusal == nil:
		return false, nil
	case refusal.Code == emptyResult || !m.Force:
		return false, refusal
	case m.Reason == "":
		return false, fault.Broken(fault.Field("/reason", "reason_needed",
			"强制公布须说明理由", "say why it is published although something is missing"))
	}
	return true, nil
}

// emptyResult is the code of a refusal that no force overcomes.
const emptyResult = "empty_result"

// gaps returns why results are not published, or only by force; nil where nothing is
// missing.
func gaps(p evaluation.Period, t town.Town, results []Result, today day.Date) *fault.Error {
	by := p.Lock()
	var missing []fault.FieldError
	for _, r := range results {
		if r.Score == nil {
			missing = append(missing, fault.Field("branches/"+r.BranchCode, "no_score", "没有得分", "it has no score"))
		}
	}
	n := len(results) - len(missing)
	missing = missing[:min(len(missing), maxGaps)]
	switch {
	case n == 0:
		by.CanLift = string(policy.LeadingGroup)
		return fault.Conflict(emptyResult,
			"没有任何党组织有得分，不能公布：请先填报、审批考评表并重新计算",
			"no branch has a score, so there is nothing to publish: enter and approve sheets, and make another run").
			Held(by).With(missing...)
	case float64(n) < t.LeastScored*float64(len(results))-1e-9:
		return fault.Conflict("too_few_scored",
			"%[2]d 个党组织中只有 %[1]d 个有得分，少于本镇要求的 %.0[3]f%%：请补齐，或说明理由并强制公布（force）",
			"%[1]d of %[2]d branches have a score, fewer than the %.0[3]f %% that the town requires: "+
				"complete them, or publish by force with a reason (\"force\": true)",
			n, len(results), 100*t.LeastScored).Held(by).With(missing...)
	case today <= p.EndsOn:
		return fault.Conflict("period_not_over",
			"考评周期 %[1]s 至 %[2]s 才结束：请届时公布，或说明理由并强制公布（force）",
			"the period %[1]s ends on %[2]s: publish it afterwards, or by force with a reason (\"force\": true)",
			p.Code, p.EndsOn).Held(by).With(missing...)
	}
	return nil
}
