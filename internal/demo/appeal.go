package demo

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
)

// appeal files an appeal of one branch against its result of the quarter while the public
// notice is open, and upholds it for the leading group by two persons: the demo shows an amended result.
func (s *story) appeal(ctx context.Context, tx *gorm.DB, q quarter) error {
	s.until("2023-07-13")
	a, err := index.FileAppeal(as(ctx, "secretary-28", access.Secretary), tx, index.Appeal{
		TownID: Town, PeriodCode: q.code, BranchCode: "b28",
		Points: index.Points{
			{Code: "organisation.01", Claim: "100", Statement: "invented: the minutes of three meetings were filed late"},
			{Code: "notified", Claim: "no deduction", Statement: "invented: the circular named another branch"},
		},
		Statement: "invented: two facts are not ours", Evidence: "invented: minutes, and the circular",
	})
	if err != nil {
		return err
	}
	s.until("2023-07-17")
	full := 100.0
	_, waiting, err := index.DecideAppeal(as(ctx, "group-2", access.LeadingGroup), tx, a.Ref(), index.AppealDecision{
		To: index.Upheld, Answer: "invented: minutes and circular were checked",
		Corrections: []evaluation.Correction{
			{
				Code: "organisation.01", Value: &full, Reason: "invented: all meetings were held on schedule",
				Evidence: "invented: minutes",
			},
			{Code: "notified", Adjustment: evaluation.CancelAdjustment, Reason: "invented: the circular named another branch"},
		},
	})
	if err != nil {
		return err
	}
	return confirm(as(ctx, "group-1", access.LeadingGroup), tx, waiting)
}
