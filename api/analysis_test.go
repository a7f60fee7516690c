package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/analysis"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// The analyses of a published quarter of the demo say the same each time, refer to its branches
// and nodes, and are for the leading group and the leadership; a mentor reads one line.
func TestAnalysisOfThePublishedQuarter(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		nobody, as := demoTown(t, db)
		group, mentor := as[policy.LeadingGroup], as[policy.Mentor]
		const at = quarter + "/analysis/"
		sensitivity := apitest.Decode[analysis.Sensitivity](group.Get(at+"sensitivity"), http.StatusOK)
		if len(sensitivity.Items) != 40 || len(sensitivity.Ranking.Sources) < 2 || !sensitivity.Evaluators ||
			sensitivity.Items[0].Branch.Code != "b15" || sensitivity.Run == "" || sensitivity.Publication == 0 {
			t.Errorf("sensitivity: %+v", sensitivity.Ranking)
		}
		if one := apitest.Decode[analysis.Sensitivity](group.Get(at+"sensitivity?branch=b18"), http.StatusOK); len(one.Items) != 1 {
			t.Errorf("of one branch: %d", len(one.Items))
		}
		group.Get(at + "sensitivity?branch=b99").Problem(http.StatusNotFound)
		first := group.Get(at + "removal").Want(http.StatusOK)
		if again := as[policy.Leadership].Get(at + "removal").Want(http.StatusOK); again.ETag() != first.ETag() {
			t.Error("the same run was analysed with another result")
		}
		removal := apitest.Decode[analysis.Removal](first, http.StatusOK)
		burden := apitest.Decode[analysis.Burden](group.Get(at+"burden"), http.StatusOK)
		if len(removal.Items) != 31 || len(burden.Items) != 26 || burden.Entries == 0 || removal.Items[0].Node.Name == "" {
			t.Errorf("removal of %d nodes, burden of %d indicators", len(removal.Items), len(burden.Items))
		}
		statistics := apitest.Decode[analysis.Statistics](group.Lang("zh").Get(at+"statistics"), http.StatusOK)
		if len(statistics.Nodes) != 32 || len(statistics.Classes) == 0 || statistics.Nodes[1].Node.Name != "组织锻造力" {
			t.Errorf("statistics of %d nodes, %d classes: %+v", len(statistics.Nodes), len(statistics.Classes), statistics.Nodes[1].Node)
		}
		apitest.Decode[analysis.Screening](group.Get(at+"screening?indicator=0.9&share=0.5"), http.StatusOK)
		raters := apitest.Decode[analysis.Raters](group.Get(at+"raters"), http.StatusOK)
		if len(raters.Items) < 2 || len(raters.Indicators) == 0 || raters.Items[0].Influence == nil {
			t.Errorf("raters: %+v", raters)
		}
		own := apitest.Decode[analysis.Raters](mentor.Get(at+"raters"), http.StatusOK)
		if len(own.Items) > 1 || len(own.Indicators) > 0 || len(own.Items) == 1 && own.Items[0].Influence != nil {
			t.Errorf("a mentor reads %+v", own)
		}
		mentor.Get(at + "burden").Problem(http.StatusForbidden)
		as[policy.Secretary].Get(at + "raters").Problem(http.StatusForbidden)
		nobody.Get(at + "removal").Problem(http.StatusUnauthorized)
		testSchemesCompared(t, group, mentor)
		testWeightsProposed(t, group)
	})
}

// Ratios whose counts vary by chance have a funnel, and are drawn again for the certainty of ranks; a corrected value and
// a branch without cases stay as they are.
func TestFunnelsOfRatios(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		z := sized{town: "funnels", branches: 12}
		z.found(t, db)
		if _, err := index.ComputePendingRobustness(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		group := h.As(h.key(credential.Key{
			Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{z.town}, PersonCode: new("g1"),
		}))
		const at = "/towns/funnels/periods/q2"
		f := apitest.Decode[analysis.Funnels](group.Get(at+"/analysis/funnels"), http.StatusOK)
		if len(f.Items) != 1 || len(f.Unstated) != 0 || f.Publication == 0 {
			t.Fatalf("%+v", f)
		}
		// 45 of 108 are done. Of 9 cases at 5/12, P(0) is 0.008, P(7 or more) 0.037 and P(8 or more) 0.006.
		funnel := f.Items[0]
		if funnel.Node.Code != "b.2" || funnel.Pooled != 41.6666666667 || len(funnel.Branches) != 12 || len(funnel.Left) != 0 {
			t.Errorf("%+v", funnel)
		}
		outside := 0
		for _, b := range funnel.Branches {
			want := ""
			switch b.Numerator {
			case 0:
				want = "below"
			case 8:
				want = "above"
			}
			if b.Outside != want || b.Limits != (analysis.Interval{Low: 11.111111, High: 77.777778}) ||
				b.Far != (analysis.Interval{Low: 0, High: 88.888889}) {
				t.Errorf("%+v, want outside %q", b, want)
			}
			if b.Outside != "" {
				outside++
			}
		}
		if outside != funnel.Outside {
			t.Errorf("%d outside, said are %d", outside, funnel.Outside)
		}
		r := apitest.Decode[index.Robustness](group.Get(at+"/robustness"), http.StatusOK)
		if !slices.Equal(r.Counts, []string{"b.2"}) {
			t.Errorf("drawn by counts: %v", r.Counts)
		}
		s := apitest.Decode[analysis.Sensitivity](group.Get(at+"/analysis/sensitivity"), http.StatusOK)
		if !slices.ContainsFunc(s.Ranking.Sources, func(x analysis.SourceShare) bool { return x.Source == "chance" && x.Total > .05 }) {
			t.Errorf("%+v", s.Ranking)
		}
		group.Lang("zh").Get("/towns/funnels/periods/q3/analysis/funnels").Want(http.StatusOK) // open: of what is approved by now
	})
}

// A scheme of the town and a whole document stand beside the published figures; what is wrong with
// a document is named by its place in the body.
func testSchemesCompared(t *testing.T, group, mentor *apitest.Client) {
	document := apitest.Decode[object](group.Get("/scheme-templates/five-forces"), http.StatusOK)
	document["tree"].(object)["children"].([]any)[0].(object)["weight"] = 90.0
	of := object{"schemes": []object{{"code": "five-forces", "number": 1}, {"document": document}}}
	v := apitest.Decode[analysis.Variants](group.Post(quarter+"/what-if/schemes", of), http.StatusOK)
	if len(v.Schemes) != 2 || v.Schemes[0].RankChange != 0 || v.Schemes[1].RankChange == 0 || len(v.Items) != 40 {
		t.Errorf("%+v", v.Schemes)
	}
	for _, b := range v.Items {
		if b.Score != nil && (len(b.Variants) != 2 || *b.Variants[0].Score != *b.Score || *b.Variants[0].Rank != *b.Rank) {
			t.Errorf("%s by its own scheme: %+v", b.Branch.Code, b)
		}
	}
	document["tree"].(object)["children"].([]any)[0].(object)["weight"] = -1.0
	p := group.Post(quarter+"/what-if/schemes", object{"schemes": []object{{"document": document}}}).
		Problem(http.StatusUnprocessableEntity)
	if len(p.Errors) == 0 || p.Errors[0].Pointer != "/schemes/0/document/tree/children/0/weight" {
		t.Errorf("%+v", p.Errors)
	}
	p = group.Post(quarter+"/what-if/schemes", object{"schemes": []object{{"code": "five-forces", "number": 99}, {}}}).
		Problem(http.StatusUnprocessableEntity)
	if len(p.Errors) == 0 || p.Errors[0].Code != "unknown_scheme" {
		t.Errorf("%+v", p.Errors)
	}
	mentor.Post(quarter+"/what-if/schemes", of).Problem(http.StatusForbidden)
}

// Weights are proposed as a document that the town takes as a draft, and nothing has changed.
func testWeightsProposed(t *testing.T, group *apitest.Client) {
	const at = "/towns/demo/schemes"
	before := group.Get(at).Want(http.StatusOK)
	w := apitest.Decode[analysis.ProposedWeights](
		group.Post(at+"/weights", object{"method": "critic", "period": "2023Q2", "node": "index"}), http.StatusOK)
	if len(w.Nodes) != 1 || len(w.Nodes[0].Children) != 5 || w.Document == nil || w.Run == "" {
		t.Errorf("%+v", w)
	}
	if after := group.Get(at).Want(http.StatusOK); after.ETag() != before.ETag() {
		t.Error("a proposal has changed the schemes")
	}
	var proposed struct{ Document json.RawMessage } // as it was sent, of which a client changes nothing
	group.Post(at+"/weights", object{"method": "critic", "period": "2023Q2", "node": "index"}).Into(&proposed)
	group.Post(at, proposed.Document).Want(http.StatusCreated)
	judged := object{"method": "pairwise", "node": "index", "scheme": object{"code": "five-forces", "number": 1}}
	p := group.Post(at+"/weights", judged).Problem(http.StatusUnprocessableEntity)
	if len(p.Errors) != 1 || p.Errors[0].Pointer != "/judgements" {
		t.Errorf("%+v", p.Errors)
	}
	p = group.Post(at+"/weights", object{"method": "entropy", "importance": object{"a": 1}}).Problem(http.StatusUnprocessableEntity)
	if len(p.Errors) != 2 {
		t.Errorf("%+v", p.Errors)
	}
	group.Post(at+"/weights", object{"method": "entropy", "period": "1999Q1"}).Problem(http.StatusUnprocessableEntity)
}
