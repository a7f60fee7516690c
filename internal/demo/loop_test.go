package demo

import (
	"fmt"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/evaluation"
	"bulwark/internal/exchange"
	"bulwark/internal/improve/plan"
	"bulwark/internal/improve/report"
	"bulwark/internal/improve/target"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/project"
)

// The demo has something of everything: a target that improved, one that fell back,
// one still being worked on, reports of two instructors, a case for the branch that is
// weak where it is strong, and a project that was chosen, whose bonus waits.
func TestTheDemoGoesThroughTheLoop(t *testing.T) {
	told.Each(t, func(t *testing.T, db *gorm.DB) {
		group := as(t.Context(), "group-1", policy.LeadingGroup)
		targets, err := target.List(group, db, Town, target.Filter{Period: "2022Q4", Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		states := map[string]string{}
		for _, x := range targets {
			states[x.BranchCode] = string(x.State) + x.Outcome
		}
		for branch, want := range map[string]string{
			"b08": "endedimproved", "b18": "confirmed", "b27": "confirmed", "b05": "dismissed",
		} {
			if states[branch] != want {
				t.Errorf("the target %s is %q, want %q", branch, states[branch], want)
			}
		}
		for branch, want := range map[string]string{
			"b08": "accepted [closed/0 closed/0] 2022Q4→2023Q1 2/2, 2022Q4→2023Q2 2/2, 2022Q4→2023Q2 2/2",
			"b18": "accepted [open/1 closed/0] 2022Q4→2023Q1 2/2, 2022Q4→2023Q2 1/2, 2022Q4→2023Q2 1/2",
			"b27": "running [open/0] 2022Q4→2023Q1 0/1, 2022Q4→2023Q2 0/1, 2022Q4→2023Q2 0/1",
		} {
			if got := planOf(t, db, branch); got != want {
				t.Errorf("%s: %s\nwant %s", branch, got, want)
			}
		}
		r, err := exchange.RecommendedFor(group, db, index.NewResultCache(),
			exchange.RecommendationQuery{Town: Town, Branch: "b18", Period: "2023Q2", Language: "en"})
		if err != nil || len(r.Items) != 1 || r.Items[0].Branch.Code != "b21" {
			t.Errorf("recommended to b18: %+v, %v", r, err)
		}
		reports, err := report.List(group, db, Town, report.Filter{State: report.Received})
		if err != nil || len(reports) != 2 {
			t.Fatalf("reports: %+v, %v", reports, err)
		}
		for i, author := range []string{"instructor-8", "instructor-2"} {
			if r := reports[i]; r.AuthorCode != author || r.Figures.VisitsMade.Count != 1 ||
				r.Figures.ProblemsSolved.Count != 1 || len(r.Figures.Branches) != 5 {
				t.Errorf("report %d: %+v %+v", i, r, r.Figures)
			}
		}
		checkPioneers(t, db)
		if n, err := plan.MeasureOutcomes(t.Context(), db); err != nil || n != 0 {
			t.Errorf("%d outcomes were left to measure, %v", n, err)
		}
		if n, err := plan.ReopenRelapsed(t.Context(), db); err != nil || n != 0 {
			t.Errorf("%d relapses were left, %v", n, err)
		}
	})
}

// planOf returns the plan of a branch in words: its state, its items with their relapses, and
// of each publication since how many goals were reached.
func planOf(t *testing.T, db *gorm.DB, branch string) string {
	t.Helper()
	group := as(t.Context(), "group-1", policy.LeadingGroup)
	list, err := plan.List(group, db, Town, plan.Filter{Branch: branch, Limit: 1})
	if err != nil || len(list) != 1 {
		t.Fatalf("plans of %s: %v, %v", branch, list, err)
	}
	p, err := plan.Find(group, db, Town, list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := plan.ListOutcomes(group, db, Town, p.ID)
	if err != nil {
		t.Fatal(err)
	}
	var items []string
	for _, i := range p.Items {
		items = append(items, fmt.Sprintf("%s/%d", i.State, i.Relapses))
	}
	told := fmt.Sprintf("%s %v", p.State, items)
	for n, o := range outcomes {
		reached := 0
		for _, i := range o.Document.V.Items {
			if i.Reached {
				reached++
			}
		}
		told += fmt.Sprintf("%s %s→%s %d/%d", map[bool]string{n > 0: ","}[true], p.PeriodCode, o.PeriodCode, reached,
			len(o.Document.V.Items))
	}
	return told
}

func checkPioneers(t *testing.T, db *gorm.DB) {
	t.Helper()
	leader := as(t.Context(), "leader-1", policy.Leadership)
	result, err := project.ResultOf(leader, db, Town, "2023", "en")
	if err != nil || result.State != project.Decided {
		t.Fatalf("the round is %s, %v", result.State, err)
	}
	list, err := project.ListProjects(leader, db, Town, project.ProjectFilter{Round: "2023", Limit: 10})
	if err != nil || len(list) != 3 {
		t.Fatalf("projects: %+v, %v", list, err)
	}
	for i, want := range []project.ProjectState{project.Chosen, project.NotChosen, project.NotChosen} {
		if p := list[i]; p.State != want || (p.AdjustmentID != nil) != (want == project.Chosen) ||
			(p.TeamCode != nil) != (i == 0) {
			t.Errorf("the project of %s is %s, bonus %v, team %v", p.BranchCode, p.State, p.AdjustmentID, p.TeamCode)
		}
	}
	a, err := evaluation.FindAdjustment(leader, db, Town, *list[0].AdjustmentID)
	if err != nil || a.BranchCode != "b08" || a.PeriodCode != "2023Q3" || a.State != evaluation.Proposed {
		t.Errorf("the bonus: %+v, %v", a, err)
	}
}
