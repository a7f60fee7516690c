package demo

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/exchange"
	"bulwark/internal/improve/measure"
	"bulwark/internal/improve/plan"
	"bulwark/internal/improve/report"
	"bulwark/internal/improve/target"
	"bulwark/internal/improve/visit"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// helped are the branches that become targets after the first quarter, with the
// goals of their plans. The values of the quarters are what they are: the goals are
// chosen so that the first reaches and holds what it wants, and the second falls back
// on development.02 in the third quarter.
var helped = []struct {
	n     int
	goals []goal
}{
	{
		8,
		[]goal{
			{"development.02", 7.5, "invented: two projects with the neighbours"},
			{"ethos.01", 84, "invented: an evening of stories each month"},
		},
	},
	{
		18,
		[]goal{
			{"development.02", 6.5, "invented: let the old market"},
			{"organisation.05", 44, "invented: a plan of meetings for the year"},
		},
	},
	{27, []goal{{"hard-tasks.01", 20, "invented: a duty roster"}}},
}

type goal struct {
	indicator string
	value     float64
	action    string
}

// loop does what follows from the result of a quarter: targets, analyses, plans and visits
// after the first, reports and a gain after the second, a relapse and a published case
// after the third.
func (s *story) loop(ctx context.Context, tx *gorm.DB, q quarter) error {
	if _, err := plan.MeasureOutcomes(ctx, tx); err != nil {
		return err
	}
	if _, err := plan.ReopenRelapsed(ctx, tx); err != nil {
		return err
	}
	switch q.code {
	case "2022Q4":
		return s.beginToHelp(ctx, tx, q)
	case "2023Q1":
		return s.seeAGain(ctx, tx)
	case "2023Q2":
		s.until("2023-07-20")
		return publishCase(ctx, tx)
	}
	return nil
}

// beginToHelp confirms three of the lowest four as targets, dismisses the other, and
// takes each from its analysis to a plan that runs.
func (s *story) beginToHelp(ctx context.Context, tx *gorm.DB, q quarter) error {
	s.until("2023-01-16")
	group := as(ctx, "group-1", policy.LeadingGroup)
	proposal, err := target.Propose(group, tx, index.NewResultCache(), Town, q.code)
	if err != nil {
		return err
	}
	decisions := map[string]target.Decision{
		"b05": {To: target.Dismissed, Reason: "invented: a new secretary began last month, look again next quarter"},
		"b08": {To: target.Confirmed}, "b18": {To: target.Confirmed}, "b27": {To: target.Confirmed},
	}
	for _, t := range proposal.Targets {
		if d, ok := decisions[t.BranchCode]; ok {
			if _, err := target.Decide(group, tx, t.Ref(), d); err != nil {
				return fmt.Errorf("target %s: %w", t.BranchCode, err)
			}
		}
	}
	for _, h := range helped {
		if err := s.help(ctx, tx, q, h.n, h.goals); err != nil {
			return fmt.Errorf("plan of %s: %w", branchCode(h.n), err)
		}
	}
	if err := s.tasks(ctx, tx); err != nil {
		return err
	}
	s.until("2023-03-28")
	return finish(ctx, tx, 8)
}

// help analyses the result of a branch and plans what to do; its instructor visits.
func (s *story) help(ctx context.Context, tx *gorm.DB, q quarter, n int, goals []goal) error {
	branch, secretary := branchCode(n), fmt.Sprintf("secretary-%d", n)
	mentor, results := as(ctx, turn("mentor", n, mentors), policy.Mentor), index.NewResultCache()
	causes := plan.Causes{}
	for _, g := range goals {
		causes = append(causes, plan.Cause{
			Indicator: g.indicator, Kind: "mechanism", Cause: "invented: nobody answers for it", Evidence: invented,
		})
	}
	a, err := plan.BeginAnalysis(mentor, tx, results, plan.Analysis{
		TownID: Town, PeriodCode: q.code, PublicationNumber: 1, BranchCode: branch, Findings: causes,
		Summary: "invented: what is done depends on one person",
	})
	if err != nil {
		return err
	}
	if _, err := plan.MoveAnalysis(mentor, tx, a.Ref(), plan.AnalysisSubmitted, ""); err != nil {
		return err
	}
	writer := as(ctx, secretary, policy.Secretary)
	p, err := plan.Begin(writer, tx, Town, branch, plan.Source{Results: results, Period: q.code, Language: "zh"})
	if err != nil {
		return err
	}
	d := plan.Document{Summary: "invented"}
	for _, g := range goals {
		d.Items = append(d.Items, plan.PlannedItem{
			Indicator: g.indicator, ValueGoal: g.value, Measure: 2, Action: g.action,
			Owner: plan.ItemOwner{Kind: "person", Code: secretary}, DueOn: day.Of(s.clock).AddDays(90), Cost: 2000,
		})
	}
	if p, err = plan.Write(writer, tx, results, p.Ref(), d); err != nil {
		return err
	}
	for _, step := range []struct {
		by     context.Context
		to     plan.State
		reason string
	}{
		{mentor, plan.Advised, "invented: begin with what the residents see"},
		{as(ctx, "group-1", policy.LeadingGroup), plan.Approved, ""},
		{writer, plan.Running, ""},
	} {
		if p, err = plan.Move(step.by, tx, results, p.Ref(), step.to, step.reason); err != nil {
			return err
		}
	}
	return visitBranch(ctx, tx, s, n, p.Items[0].ID)
}

// visitBranch records what the instructor of a branch found, and a problem that the office
// solves and the instructor confirms.
func visitBranch(ctx context.Context, tx *gorm.DB, s *story, n int, item string) error {
	instructor := as(ctx, turn("instructor", n, instructors), policy.Instructor)
	three, one := int64(3), int64(1)
	v, err := visit.Begin(instructor, tx, visit.Visit{TownID: Town, BranchCode: branchCode(n), Content: visit.Content{
		VisitedOn: day.Of(s.clock), Place: "invented: the office of the branch", Evidence: invented,
		Checks: visit.Inspections{{Text: "invented: the ledger of meetings is kept", Mark: "ok"}},
		Findings: []visit.Finding{
			{Statement: "invented: no room for evening meetings", Severity: "major", Measure: &three, PlanItemID: &item},
		},
	}})
	if err != nil {
		return err
	}
	if v, err = visit.Record(instructor, tx, v.Ref(), ""); err != nil {
		return err
	}
	office := turn("liaison", n, offices)
	x, err := visit.OpenProblem(instructor, tx, visit.Problem{
		TownID: Town, BranchCode: branchCode(n), VisitID: &v.ID, FindingNumber: &one,
		Title: "invented: no room for evening meetings", OwnerOffice: &office,
		Participants: visit.Participants{Persons: []string{}, Offices: []string{}}, DueOn: day.Of(s.clock).AddDays(30),
	})
	if err != nil || n == 27 { // that one is still being worked on when the story ends
		return err
	}
	officer := as(ctx, turn("office", n, offices), policy.Office)
	for _, step := range []struct {
		by context.Context
		d  visit.ProblemDecision
	}{
		{officer, visit.ProblemDecision{To: visit.ProblemInProgress}},
		{
			officer,
			visit.ProblemDecision{To: visit.ProblemSolved, Reason: "invented: the school lends its hall", Evidence: invented},
		},
		{instructor, visit.ProblemDecision{To: visit.ProblemClosed}},
	} {
		if x, err = visit.MoveProblem(step.by, tx, x.Ref(), step.d); err != nil {
			return err
		}
	}
	return nil
}

// tasks sets one task under a measure for a branch, and one for the town.
func (s *story) tasks(ctx context.Context, tx *gorm.DB) error {
	group := as(ctx, "group-1", policy.LeadingGroup)
	branch, office := branchCode(18), turn("liaison", 18, offices)
	t, err := measure.SetTask(group, tx, Town, 1, measure.TaskContent{
		Branch: &branch, Office: &office, Title: "invented: find a tenant for the old market",
		DueOn: day.Of(s.clock).AddDays(120),
	})
	if err != nil {
		return err
	}
	if _, err := measure.ReportTask(as(ctx, turn("office", 18, offices), policy.Office), tx, 1, t.Ref(), measure.TaskReport{
		Progress: 40, Note: "invented: three offers", Evidence: invented,
	}); err != nil {
		return err
	}
	person := "group-2"
	_, err = measure.SetTask(group, tx, Town, 4, measure.TaskContent{
		Person: &person, Title: "invented: a day of exchange for all branches", DueOn: day.Of(s.clock).AddDays(200),
	})
	return err
}

// seeAGain enters the reports of two instructors, ends the first target as improved, and
// finishes the items of the second.
func (s *story) seeAGain(ctx context.Context, tx *gorm.DB) error {
	s.until("2023-04-17")
	for _, n := range []int{8, 18} {
		if err := reportOn(ctx, tx, n, "2023-01-01", "2023-03-31"); err != nil {
			return fmt.Errorf("report about %s: %w", branchCode(n), err)
		}
	}
	group := as(ctx, "group-1", policy.LeadingGroup)
	list, err := target.List(group, tx, Town, target.Filter{Branch: "b08", State: target.Confirmed, Limit: 1})
	if err != nil || len(list) == 0 {
		return err
	}
	_, err = target.Decide(group, tx, list[0].Ref(), target.Decision{
		To: target.Ended, Reason: "invented: the goals are reached", Outcome: "improved",
	})
	if err != nil {
		return err
	}
	s.until("2023-05-20")
	return finish(ctx, tx, 18)
}

// finish takes every item of a branch's plan to its end, and the plan to its
// acceptance.
func finish(ctx context.Context, tx *gorm.DB, n int) error {
	group := as(ctx, "group-1", policy.LeadingGroup)
	list, err := plan.List(group, tx, Town, plan.Filter{Branch: branchCode(n), Limit: 1})
	if err != nil {
		return err
	}
	p, err := plan.Find(group, tx, Town, list[0].ID)
	if err != nil {
		return err
	}
	for _, i := range p.Items {
		for _, step := range []struct {
			by       context.Context
			to       plan.ItemState
			evidence string
		}{
			{as(ctx, fmt.Sprintf("secretary-%d", n), policy.Secretary), plan.ItemDone, "invented: lists and photographs"},
			{as(ctx, turn("instructor", n, instructors), policy.Instructor), plan.ItemVerified, ""},
			{group, plan.ItemClosed, ""},
		} {
			if i, err = plan.MoveItem(step.by, tx, i.Ref(), plan.ItemDecision{To: step.to, Evidence: step.evidence}); err != nil {
				return err
			}
		}
	}
	_, err = plan.Move(group, tx, index.NewResultCache(), p.Ref(), plan.Accepted, "")
	return err
}

// publishCase publishes how a branch rose most in development.02.
func publishCase(ctx context.Context, tx *gorm.DB) error {
	secretary, group := as(ctx, "secretary-21", policy.Secretary), as(ctx, "group-1", policy.LeadingGroup)
	c, err := exchange.DraftCase(secretary, tx, exchange.Case{
		TownID: Town, BranchCode: "b21", Title: "invented: a market of our own",
		Story: "invented: how empty stalls became a cooperative",
		Indicators: database.JSON[[]string]{
			V: []string{"development.02"},
		}, Measures: database.JSON[[]int]{V: []int{4}}, Links: database.JSON[[]exchange.Link]{V: []exchange.Link{}},
	})
	if err != nil {
		return err
	}
	if c, err = exchange.MoveCase(secretary, tx, c.Ref(), exchange.Submitted, ""); err != nil {
		return err
	}
	_, err = exchange.MoveCase(group, tx, c.Ref(), exchange.Published, "")
	return err
}

// reportOn enters a report of the instructor of the n-th branch on a span of days, worded
// from the figures of the log, and its receipt by the leading group.
func reportOn(ctx context.Context, tx *gorm.DB, n int, from, until day.Date) error {
	instructor := as(ctx, turn("instructor", n, instructors), policy.Instructor)
	f, err := report.DraftFigures(instructor, tx, Town, from, until)
	if err != nil {
		return err
	}
	r, err := report.Begin(instructor, tx, Town, from, until, report.Words{
		Progress: fmt.Sprintf("invented: %d visits made, %d problems solved, %d items of plans verified",
			f.VisitsMade.Count, f.ProblemsSolved.Count, f.ItemsVerified.Count),
		Next: "invented: visit the branches that were not reached in time",
	})
	if err != nil {
		return err
	}
	if r, err = report.Move(instructor, tx, r.Ref(), report.Submitted, ""); err != nil {
		return err
	}
	_, err = report.Move(as(ctx, "group-1", policy.LeadingGroup), tx, r.Ref(), report.Received,
		"invented: begin with the branches of the plan")
	return err
}
