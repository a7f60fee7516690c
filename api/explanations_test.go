package api

import (
	"math"
	"net/http"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/demo"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/explanation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

const quarter = "/towns/demo/periods/2023Q2"

// demoTown is the service on a copy of demotest.Towns: nobody, and a caller for each role.
func demoTown(t *testing.T, db *gorm.DB) (*apitest.Client, map[policy.Role]*apitest.Client) {
	t.Helper()
	ctx := t.Context()
	_, nobody := serving(t, db, func() time.Time { return time.Date(2023, 10, 9, 0, 0, 0, 0, time.UTC) })
	credentials, err := demo.Credentials(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	callers := map[policy.Role]*apitest.Client{}
	for _, c := range credentials {
		callers[c.Role] = nobody.As(c.Key)
	}
	return nobody, callers
}

// Every figure that explains another one adds up to it, through HTTP, on both
// databases.
func TestExplanationsAddUp(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		nobody, as := demoTown(t, db)
		group := as[policy.LeadingGroup]
		ranking := apitest.Decode[index.Ranking](nobody.Get(quarter+"/ranking"), http.StatusOK)
		for _, item := range ranking.Items {
			b := item.Branch.Code
			x := apitest.Decode[explanation.Explanation](group.Get(quarter+"/branches/"+b+"/explanation"), http.StatusOK)
			sum := 0.0
			for _, part := range x.Nodes {
				if part.Depth == 2 {
					sum += part.Points
				}
			}
			if math.Abs(sum-x.Base) > 1e-9 {
				t.Errorf("%s: contributions sum to %v, the base is %v", b, sum, x.Base)
			}
			c := apitest.Decode[explanation.ScoreChange](group.Get(quarter+"/branches/"+b+"/change"), http.StatusOK)
			parts := 0.0
			for _, p := range c.Parts {
				parts += p.Points
			}
			if c.Change == nil || math.Abs(parts-*c.Change) > 1e-9 || *c.Change != item.Change.Score {
				t.Errorf("%s: parts sum to %v, the change is %v, the ranking says %v", b, parts, c.Change, item.Change.Score)
			}
		}
		testWhoSeesDetails(t, nobody, as)
		testPathsLeadThere(t, group)
		testSureness(t, db, nobody)
	})
}

// A stranger gets dimensions; a secretary everything about the own branch alone.
func testWhoSeesDetails(t *testing.T, nobody *apitest.Client, as map[policy.Role]*apitest.Client) {
	address := quarter + "/branches/b01/explanation"
	if x := apitest.Decode[explanation.Explanation](nobody.Get(address), http.StatusOK); !x.Aggregated || len(x.Nodes) != 6 {
		t.Errorf("a stranger gets %d nodes, aggregated %v", len(x.Nodes), x.Aggregated)
	}
	secretary := as[policy.Secretary]
	if x := apitest.Decode[explanation.Explanation](secretary.Get(address), http.StatusOK); x.Aggregated ||
		len(x.Nodes) != 32 {
		t.Errorf("the secretary gets %d nodes of the own branch, aggregated %v", len(x.Nodes), x.Aggregated)
	}
	if x := apitest.Decode[explanation.Explanation](secretary.Get(quarter+"/branches/b02/explanation"), http.StatusOK); !x.Aggregated {
		t.Error("the secretary sees the details of another branch")
	}
	secretary.Get(quarter + "/branches/b02/gains").Problem(http.StatusForbidden)
	nobody.Get(quarter + "/branches/b01/gains").Problem(http.StatusUnauthorized)
	zh := apitest.Decode[explanation.Explanation](secretary.Lang("zh").Get(address), http.StatusOK)
	if zh.Branch.Name != "演示一社区" || len(zh.WeakPoints) == 0 {
		t.Errorf("in Chinese: %+v", zh.Branch)
	}
}

// The moves of a path, supposed together, really reach its rank and grade.
func testPathsLeadThere(t *testing.T, group *apitest.Client) {
	for _, b := range []string{"b07", "b15", "b18", "b36"} {
		g := apitest.Decode[explanation.Gains](group.Get(quarter+"/branches/"+b+"/gains"), http.StatusOK)
		for _, path := range []*explanation.Path{g.ToNextRank, g.ToNextGrade} {
			if path.Status != "found" {
				if path.Text == "" || len(path.Steps) > 0 {
					t.Errorf("%s: %+v", b, path)
				}
				continue
			}
			var values []object
			for _, m := range path.Steps {
				values = append(values, object{"branch": b, "indicator": m.Code, "value": m.To})
			}
			w := apitest.Decode[explanation.WhatIf](group.Post(quarter+"/what-if", object{"values": values}), http.StatusOK)
			for _, s := range w.Items {
				if s.Branch.Code == b && (s.Score != path.Score || s.Rank != path.NewRank ||
					path.Grade != "" && s.Grade != path.Grade || s.Score < path.Target) {
					t.Errorf("%s: the path promises %v (rank %d), supposing it gives %+v", b, path.Score, path.NewRank, s)
				}
			}
		}
	}
	if g := apitest.Decode[explanation.Gains](group.Get(quarter+"/branches/b15/gains"), http.StatusOK); g.ToNextRank.Status != "at_top" {
		t.Errorf("the first is told a way up: %+v", g.ToNextRank)
	}
	p := group.Post(quarter+"/what-if",
		object{"weights": object{"nope": 1.0, "index": 2.0}, "values": []object{}}).Problem(http.StatusUnprocessableEntity)
	if len(p.Errors) != 2 {
		t.Errorf("faults of a supposition: %+v", p.Errors)
	}
}

// How sure a rank is comes behind the run, once, and then stands in the ranking
// under another tag.
func testSureness(t *testing.T, db *gorm.DB, nobody *apitest.Client) {
	before := nobody.Get(quarter + "/ranking").Want(http.StatusOK)
	nobody.Get(quarter + "/robustness").Problem(http.StatusServiceUnavailable)
	for _, want := range []int{6, 0} {
		if done, err := index.ComputePendingRobustness(t.Context(), db); err != nil || done != want {
			t.Fatalf("AppraisePending = %d, %v; want %d", done, err, want)
		}
	}
	time.Sleep(1100 * time.Millisecond) // another process learns of it within a second
	after := nobody.Get(quarter + "/ranking").Want(http.StatusOK)
	if after.ETag() == before.ETag() {
		t.Error("the ranking has new figures under the old tag")
	}
	ranges := apitest.Decode[index.Robustness](nobody.Get(quarter+"/robustness"), http.StatusOK)
	if len(ranges.Items) != 40 || ranges.Replicates != 1000 || !ranges.Evaluators {
		t.Fatalf("robustness of %d branches over %d replicates", len(ranges.Items), ranges.Replicates)
	}
	for i, item := range apitest.Decode[index.Ranking](after, http.StatusOK).Items {
		r := ranges.Items[i]
		if r.Branch != item.Branch || item.Interval == nil || item.Interval.Low > r.RankMedian ||
			item.Interval.High < r.RankMedian || item.Interval.Low < 1 {
			t.Errorf("%s: ranks %v around %d", item.Branch.Code, item.Interval, r.RankMedian)
		}
		total := 0.0
		for _, p := range r.Grades {
			total += p
		}
		if math.Abs(total-1) > 1e-9 {
			t.Errorf("%s: the grades have probability %v", r.Branch.Code, total)
		}
	}
}
