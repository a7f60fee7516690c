package api

import (
	"fmt"
	"math"
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/dashboard"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/pkg/composite/stats"
)

// The screen shows what the ranking shows, added up, and what is going on now.
func TestDashboardAddsUp(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		nobody, callers := demoTown(t, db)
		group := callers[policy.LeadingGroup]
		const path = "/towns/demo/dashboard"
		first := group.Get(path).Want(http.StatusOK)
		d := apitest.Decode[dashboard.Dashboard](first, http.StatusOK)
		r := apitest.Decode[index.Ranking](nobody.Get(quarter+"/ranking"), http.StatusOK)
		if d.Result == nil || d.Result.Period != "2023Q2" || d.Result.Run != r.Run || d.Result.Publication != 2 {
			t.Fatalf("shown is %+v", d.Result)
		}
		checkOverview(t, *d.Result, r)
		if d.Entry == nil || d.Entry.Period != "2023Q3" || d.Entry.Sheets.Approved != 72 || d.Entry.Sheets.Expected < 120 {
			t.Errorf("entry %+v", d.Entry)
		}
		if d.Appeals.Upheld != 1 || len(d.Measures) != 7 {
			t.Errorf("appeals %+v, %d measures", d.Appeals, len(d.Measures))
		}
		if again := group.Header("If-None-Match", first.ETag()).Get(path); again.Status != http.StatusNotModified {
			t.Errorf("nothing changed, and the answer is %d", again.Status)
		}
		if sure := first; d.Result.Robustness != nil {
			t.Errorf("sure before it was worked out: %s", sure.Body)
		}
		if _, err := index.ComputePendingRobustness(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		old := apitest.Decode[dashboard.Dashboard](group.Lang("zh").Get(path+"?period=2022Q4"), http.StatusOK).Result
		if old.Index.Change != nil || old.Index.Compared != 0 || len(old.Risers) != 0 || old.Robustness == nil ||
			old.Robustness.IntervalWidth <= 0 {
			t.Errorf("the first quarter: %+v", old)
		}
		if name := old.Heat.Dimensions[0].Name; name != "组织锻造力" {
			t.Errorf("the first dimension is called %s", name)
		}
		if open := apitest.Decode[dashboard.Dashboard](callers[policy.Leadership].Get(path+"?period=2023Q3"),
			http.StatusOK); open.Result.Status != "provisional" || open.Result.Run != "" {
			t.Errorf("the open quarter: %+v", open.Result)
		}
		group.Get(path + "?period=1999Q1").Problem(http.StatusNotFound)
		for _, role := range []policy.Role{
			policy.Secretary, policy.Mentor, policy.Instructor, policy.Office, policy.Reader, policy.Admin,
		} {
			callers[role].Get(path).Problem(http.StatusForbidden)
		}
	})
}

// A town that has published nothing has a screen without a result.
func TestDashboardOfANewTown(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		d := apitest.Decode[dashboard.Dashboard](h.as(policy.LeadingGroup).Get("/towns/demo/dashboard"), http.StatusOK)
		if d.Result != nil || d.Entry != nil || len(d.Measures) != 7 {
			t.Errorf("%+v", d)
		}
	})
}

// watchTheScreen holds what is kept of the screen against what a service shows that
// has just begun: after every change, and once more when it is known how sure ranks are.
func (h *harness) watchTheScreen() {
	begun, fresh := serving(h.t, h.db, h.server.Now)
	kept, fresh := h.as(policy.LeadingGroup), fresh.As(h.secrets[policy.LeadingGroup])
	same := func(t testing.TB, when string) {
		for _, path := range []string{"/towns/demo/dashboard", "/towns/demo/dashboard?period=2026Q2"} {
			coldStart(begun)
			kept.Get(path)                            // what was published it may believe for a second,
			h.server.results = index.NewResultCache() // and not longer
			if now, want := kept.Get(path), fresh.Get(path); now.ETag() != want.ETag() {
				t.Errorf("%s %s shows\n%s\nand not\n%s", when, path, now.Body, want.Body)
			}
		}
	}
	h.Client = h.Watch(func(t testing.TB, operation string, a *apitest.Answer) {
		if a.Method == http.MethodGet || a.Status >= http.StatusBadRequest {
			return
		}
		same(t, "after "+operation)
		if operation == "createRun" {
			return // it is appraised after its publication here
		}
		if n, err := index.ComputePendingRobustness(t.Context(), h.db); err != nil {
			t.Error(err)
		} else if n > 0 {
			same(t, "appraised after "+operation)
		}
	})
}

// A day that passes makes work overdue without any change.
func TestTheScreenOfTheNextDay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-10 09:00:00")
		group := h.as(policy.LeadingGroup)
		group.Post("/towns/demo/measures/1/tasks", taskOf("b01", "instructor")).Want(http.StatusCreated)
		for _, c := range []struct {
			at   day.Date
			want int
		}{{"2026-05-01", 0}, {"2026-05-02", 1}} {
			clock.noon(t, c.at)
			for range 2 {
				if d := apitest.Decode[dashboard.Dashboard](group.Get("/towns/demo/dashboard"),
					http.StatusOK); d.Overdue.Counts["task"] != c.want {
					t.Errorf("on %s %d tasks are overdue", c.at, d.Overdue.Counts["task"])
				}
			}
		}
	})
}

// checkOverview counts again from the ranking.
func checkOverview(t *testing.T, o dashboard.Overview, r index.Ranking) {
	t.Helper()
	sum, change, compared := 0.0, 0.0, 0
	grades, bins := map[string]int{}, make([]int, 10)
	classes := map[string][]float64{}
	best, worst := 0.0, 0.0
	for _, i := range r.Items {
		sum += i.Score
		grades[i.Grade]++
		bins[min(int(i.Score/10), 9)]++
		classes[i.Branch.Class] = append(classes[i.Branch.Class], i.Score)
		if i.Change != nil {
			change += i.Change.Score
			compared++
			best, worst = max(best, i.Change.Score), min(worst, i.Change.Score)
		}
	}
	near := func(what string, got *float64, want float64) {
		t.Helper()
		if got == nil || math.Abs(*got-want) > 0.005001 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	near("the mean", o.Index.Mean, sum/float64(len(r.Items)))
	near("the change", o.Index.Change, change/float64(compared))
	if o.Scored != len(r.Items) || o.Insufficient != len(r.Insufficient) || o.Index.Compared != compared {
		t.Errorf("%d scored, %d not, %d compared", o.Scored, o.Insufficient, o.Index.Compared)
	}
	for _, g := range o.Grades {
		if g.Count != grades[g.Grade] {
			t.Errorf("%d %s, want %d", g.Count, g.Grade, grades[g.Grade])
		}
	}
	for i, b := range o.Histogram {
		if b.Count != bins[i] {
			t.Errorf("%d from %v, want %d", b.Count, b.Low, bins[i])
		}
	}
	if o.Risers[0].Change.Score != best || o.Fallers[0].Change.Score != worst || len(o.Risers) != 5 {
		t.Errorf("risers %+v, fallers %+v, want %v and %v first", o.Risers, o.Fallers, best, worst)
	}
	for i, c := range o.Classes {
		if c.Count != len(classes[c.Class]) || math.Abs(c.Median-stats.Median(classes[c.Class])) > 0.005001 ||
			c.Quartile > c.Median || c.Upper < c.Median {
			t.Errorf("class %+v of %v", c, classes[c.Class])
		}
		party := []float64{}
		for _, item := range r.Items {
			if item.Branch.Class == c.Class {
				party = append(party, item.Dimensions[o.Heat.Dimensions[0].Code])
			}
		}
		near("a median of the heat map", o.Heat.ClassMedians[i].Scores[0], stats.Median(party))
	}
	for i, row := range o.Heat.Rows {
		if row.Branch != r.Items[i].Branch ||
			fmt.Sprint(*row.Scores[2]) != fmt.Sprint(r.Items[i].Dimensions[o.Heat.Dimensions[2].Code]) {
			t.Errorf("row %d is %+v", i, row)
		}
	}
}
