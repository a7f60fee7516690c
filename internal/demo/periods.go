package demo

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/proposal"
	"bulwark/internal/scheme"
)

// quarter is one period of the story.
type quarter struct {
	code             string
	starts, ends     day.Date
	entered, decided string // days
	open             bool   // it is still being filled in when the story ends
}

var quarters = []quarter{
	{code: "2022Q4", starts: "2022-10-01", ends: "2022-12-31", entered: "2023-01-05", decided: "2023-01-12"},
	{code: "2023Q1", starts: "2023-01-01", ends: "2023-03-31", entered: "2023-04-04", decided: "2023-04-11"},
	{code: "2023Q2", starts: "2023-04-01", ends: "2023-06-30", entered: "2023-07-04", decided: "2023-07-11"},
	{code: "2023Q3", starts: "2023-07-01", ends: "2023-09-30", entered: "2023-10-08", open: true},
}

// periods takes three quarters to their publication, and the last until half of its sheets
// are in.
func (s *story) periods(ctx context.Context, tx *gorm.DB) error {
	d, err := scheme.FiveForces()
	if err != nil {
		return err
	}
	performance := newPerformance(7, d.Tree.Children)
	for i, q := range quarters {
		if err := s.runQuarter(ctx, tx, i, q, d, performance); err != nil {
			return fmt.Errorf("period %s: %w", q.code, err)
		}
	}
	return nil
}

func (s *story) runQuarter(
	ctx context.Context, tx *gorm.DB, i int, q quarter, d scheme.Document, perf *performance,
) error {
	group := as(ctx, "group-1", policy.LeadingGroup)
	s.until(string(q.starts))
	p, err := evaluation.CreatePeriod(group, tx, evaluation.Period{
		TownID: Town, Code: q.code, Kind: "quarter",
		StartsOn: q.starts, EndsOn: q.ends, Scheme: scheme.Ref{Code: d.Code},
		Calendar: evaluation.Calendar{NoticeDays: evaluation.DefaultDays, AnswerDays: evaluation.DefaultDays},
	}, false)
	if err != nil {
		return err
	}
	move := func(to evaluation.PeriodState) (err error) {
		p, err = evaluation.MovePeriod(group, tx, p.Ref(), evaluation.PeriodMove{To: to})
		return err
	}
	if err := move(evaluation.Open); err != nil {
		return err
	}
	s.until(q.entered)
	if err := s.enter(ctx, tx, i, q, d, perf); err != nil {
		return err
	}
	if err := s.adjustments(ctx, tx, q); err != nil || q.open {
		return err
	}
	s.until(q.decided)
	if err := move(evaluation.Review); err != nil {
		return err
	}
	if err := move(evaluation.Locked); err != nil {
		return err
	}
	if _, err := index.CreateRun(group, tx, Town, q.code); err != nil {
		return err
	}
	publishing := evaluation.PeriodMove{To: evaluation.Published}
	_, waiting, err := index.MovePeriod(group, tx, p.Ref(), publishing)
	if err != nil {
		return err
	}
	if err := confirm(as(ctx, "group-2", policy.LeadingGroup), tx, waiting); err != nil {
		return err
	}
	if q.code == "2023Q2" {
		if err := s.appeal(ctx, tx, q); err != nil {
			return err
		}
	}
	return s.loop(ctx, tx, q)
}

// confirm confirms, as a second person, what was proposed to be published.
func confirm(ctx context.Context, tx *gorm.DB, waiting *proposal.Proposal) error {
	_, _, err := index.DecideProposal(ctx, tx, waiting.Ref(), index.ProposalDecision{To: proposal.Confirmed})
	return err
}

// enter writes the sheets of secretary, mentor and instructor for every branch, and
// approves them for the group. In the open quarter the later branches are not so far yet.
func (s *story) enter(ctx context.Context, tx *gorm.DB, i int, q quarter, d scheme.Document, perf *performance) error {
	for n := 1; n <= branches; n++ {
		reported, rated := entries(d, perf, n, i)
		for _, e := range []struct {
			person  string
			role    policy.Role
			entries []evaluation.Entry
		}{
			{fmt.Sprintf("secretary-%d", n), policy.Secretary, reported},
			{turn("mentor", n, mentors), policy.Mentor, rated(0)},
			{turn("instructor", n, instructors), policy.Instructor, rated(2)},
		} {
			if err := s.sheet(ctx, tx, q, n, e.person, e.role, e.entries); err != nil {
				return fmt.Errorf("%s for %s: %w", e.person, branchCode(n), err)
			}
		}
	}
	return nil
}

// sheet takes one sheet from its beginning to its approval, or as far as it is in
// the open quarter.
func (s *story) sheet(
	ctx context.Context, tx *gorm.DB, q quarter, n int, person string, role policy.Role, entries []evaluation.Entry,
) error {
	author := as(ctx, person, role)
	if q.open && n > 36 {
		return nil // not begun
	}
	sheet, err := evaluation.BeginSheet(author, tx, evaluation.Sheet{
		TownID: Town, PeriodCode: q.code, BranchCode: branchCode(n), Entries: entries,
	})
	if err != nil || q.open && n > 32 {
		return err // a draft
	}
	sheet, err = evaluation.MoveSheet(author, tx, sheet.Ref(), evaluation.Submitted, "")
	if err != nil || q.open && n > 24 {
		return err // waiting for a decision
	}
	_, err = evaluation.MoveSheet(as(ctx, "group-1", policy.LeadingGroup), tx, sheet.Ref(), evaluation.Approved, "")
	return err
}

// entries returns invented values of one branch. Here and there one is missing: it is
// left out, never 0. The ratings of an instructor differ from those of a mentor
// by a little.
func entries(
	d scheme.Document, perf *performance, n, period int,
) ([]evaluation.Entry, func(more float64) []evaluation.Entry) {
	var reported, rated []evaluation.Entry
	for _, dimension := range d.Tree.Children {
		for _, leaf := range dimension.Children {
			level := perf.level(dimension.Code, n, period)
			absent := perf.random.Float64() < 0.01
			x := value(leaf, level)
			switch {
			case leaf.Entry == scheme.Rated:
				rated = append(rated, evaluation.Entry{Code: leaf.Code, Value: &x, Evidence: "invented: seen on the spot"})
			case leaf.Waivable && n%10 == 0:
				reported = append(reported, evaluation.Entry{
					Code: leaf.Code, NotApplicable: true, Evidence: "invented: no plan in this period",
				})
			case !absent:
				reported = append(reported, evaluation.Entry{
					Code: leaf.Code, Value: &x, Evidence: "invented", Source: "invented ledger",
				})
			}
		}
	}
	return reported, func(more float64) []evaluation.Entry {
		list := make([]evaluation.Entry, len(rated))
		for i, e := range rated {
			x := min(*e.Value+more, 100)
			e.Value = &x
			list[i] = e
		}
		return list
	}
}

// adjustments proposes a few bonuses and deductions in each quarter, and one veto
// in the second.
func (s *story) adjustments(ctx context.Context, tx *gorm.DB, q quarter) error {
	proposals := []evaluation.Adjustment{
		{BranchCode: "b07", Kind: "bonus", ItemCode: "top-ten", Reason: "invented: project among the ten"},
		{BranchCode: "b19", Kind: "bonus", ItemCode: "honour", Reason: "invented: honoured by the district"},
		{BranchCode: "b28", Kind: "deduction", ItemCode: "notified", Reason: "invented: criticised in a circular"},
	}
	if q.code == "2023Q1" {
		proposals = append(proposals, evaluation.Adjustment{
			BranchCode: "b33", Kind: "veto", ItemCode: "forged-data", Reason: "invented: minutes written afterwards",
		})
	}
	for _, a := range proposals {
		a.TownID, a.PeriodCode, a.Evidence = Town, q.code, "invented, "+q.code
		a, err := evaluation.Propose(as(ctx, "group-2", policy.LeadingGroup), tx, a)
		if err != nil {
			return err
		}
		_, err = evaluation.MoveAdjustment(as(ctx, "group-1", policy.LeadingGroup), tx, a.Ref(),
			evaluation.ApprovedAdjustment, "")
		if err != nil {
			return err
		}
	}
	return nil
}

// appeal files an appeal of one branch against its result of the quarter while the public
// notice is open, and upholds it for the leading group by two persons: the demo shows an amended result.
func (s *story) appeal(ctx context.Context, tx *gorm.DB, q quarter) error {
	s.until("2023-07-13")
	a, err := index.FileAppeal(as(ctx, "secretary-28", policy.Secretary), tx, index.Appeal{
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
	_, waiting, err := index.DecideAppeal(as(ctx, "group-2", policy.LeadingGroup), tx, a.Ref(), index.AppealDecision{
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
	return confirm(as(ctx, "group-1", policy.LeadingGroup), tx, waiting)
}
