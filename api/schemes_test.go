package api

import (
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/pkg/composite"
)

func template(t *testing.T, h *harness) object {
	t.Helper()
	var d object
	if err := json.Unmarshal(h.Get("/scheme-templates/five-forces").Want(http.StatusOK).Body, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSchemesAreDraftedAndPutIntoForce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group, d := h.as(policy.LeadingGroup), template(t, h)
		refused(t, h.Get("/scheme-templates/six-forces"), http.StatusNotFound, "not_found")
		refused(t, h.Get("/towns/demo/indicators"), http.StatusNotFound, "no_active_scheme")

		d["version"] = 77 // not looked at
		made := group.Post("/towns/demo/schemes", d).Want(http.StatusCreated)
		const one, two = "/towns/demo/schemes/five-forces/versions/1", "/towns/demo/schemes/five-forces/versions/2"
		if got := made.Header.Get("Location"); got != "/api/v1"+one {
			t.Errorf("Location %q", got)
		}
		refused(t, group.Post("/towns/demo/schemes", d), http.StatusConflict, "draft_exists")

		// A draft is for those who work on it.
		refused(t, h.Get(one), http.StatusNotFound, "not_found")
		refused(t, h.as(policy.Reader).Get(one), http.StatusNotFound, "not_found")
		same(t, "seen by nobody", column(h.Get("/towns/demo/schemes"), "number"))
		same(t, "seen by the leadership", column(h.as(policy.Leadership).Get("/towns/demo/schemes"), "state"), "draft")

		d["min_coverage"] = 0.9
		group.IfMatch(`"1"`).Put(one, d).Want(http.StatusOK)
		refused(t, group.IfMatch(`"1"`).Post(one+"/activate", nil), http.StatusPreconditionFailed, "stale_version")
		group.IfMatch(`"2"`).Post(one+"/activate", nil).Want(http.StatusOK)
		refused(t, group.IfMatch(`"3"`).Put(one, d), http.StatusConflict, "version_frozen")
		refused(t, group.IfMatch(`"3"`).Post(one+"/activate", nil), http.StatusConflict, "not_a_draft")
		if got := len(column(h.Get("/towns/demo/indicators?scheme=five-forces"), "code")); got != 26 {
			t.Errorf("%d indicators", got)
		}

		d["decimals"] = 3
		group.Post("/towns/demo/schemes", d).Want(http.StatusCreated)
		refused(t, h.Get(two+"/diff?from=1"), http.StatusNotFound, "not_found")
		same(t, "changed", column(group.Get(two+"/diff?from=1"), "field"), "decimals")
		same(t, "the same", column(group.Get(two+"/diff?from=2"), "field"))
		refused(t, group.Bad().Get(two+"/diff"), http.StatusBadRequest, "invalid", "query/from")
		group.IfMatch(`"1"`).Post(two+"/activate", nil).Want(http.StatusOK)
		same(t, "states", column(h.Get("/towns/demo/schemes"), "state"), "retired", "active")
		same(t, "active", column(h.Get("/towns/demo/schemes?state=active&code=five-forces"), "number"), "2")
		if body := string(h.Get("/towns/demo/schemes").Body); strings.Contains(body, "document") {
			t.Error("the list holds documents")
		}
		stored := apitest.Decode[struct{ Document object }](h.Get(two), http.StatusOK)
		if stored.Document["version"] != 2.0 {
			t.Errorf("the document says version %v", stored.Document["version"])
		}
		refused(t, h.as(policy.Mentor).Post("/towns/demo/schemes", d), http.StatusForbidden, "not_allowed")
	})
}

// A body goes to package scheme as it came, which tells the place of each fault.
func TestSchemeBodiesAreReadStrictly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group := h.as(policy.LeadingGroup).Bad()
		for _, tt := range []struct {
			name, body, code string
			status           int
			at               []string
		}{
			{"unknown member", `{"code":"a","colour":1}`, "malformed_scheme", http.StatusBadRequest, []string{"/colour"}},
			{"member twice", `{"code":"a","code":"a"}`, "malformed", http.StatusBadRequest, []string{"/code"}},
			{
				"unknown rule", `{"tree":{"code":"x","rule":{"kind":"magic"}}}`, "malformed_scheme",
				http.StatusBadRequest,
				[]string{"/tree/rule/kind"},
			},
			{"null", `null`, "malformed_scheme", http.StatusBadRequest, []string{""}},
			{"no object", `[]`, "malformed_scheme", http.StatusBadRequest, []string{""}},
			{"text behind", `{} {}`, "malformed", http.StatusBadRequest, []string{""}},
			{
				"kind of another town",
				`{"code":"a","decimals":2,"min_coverage":0,"name":{"zh":"a"},"tree":{"code":"x","rule":{"kind":"points","max":10},"entry":"reported","direction":"benefit","applies_to":{"kinds":["castle"]}},"grades":[{"code":"g","from":0}]}`,
				"invalid", http.StatusUnprocessableEntity,
				[]string{"/tree/applies_to/kinds/0"},
			},
			{
				"two rules broken",
				`{"code":"a b","decimals":2,"min_coverage":0,"name":{"zh":"a"},"tree":{"code":"x","entry":"reported"},"grades":[{"code":"g","from":0}]}`,
				"invalid", http.StatusUnprocessableEntity,
				[]string{"/code", "/tree/rule"},
			},
		} {
			t.Run(tt.name, func(t *testing.T) {
				refused(t, group.For(t).Post("/towns/demo/schemes", tt.body), tt.status, tt.code, tt.at...)
			})
		}
	})
}

// A rule with over is fitted to what is published when the version is activated; the numbers are part of the document
// and of its hash, and a draft made from it is fitted anew.
func TestRulesAreFittedOverPublishedPeriods(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		z := sized{town: "over", branches: 6}
		z.found(t, db)
		ctx := z.as(t.Context(), "g1", policy.LeadingGroup)
		d, err := scheme.Decode([]byte(sizedScheme))
		if err != nil {
			t.Fatal(err)
		}
		leaf := &d.Tree.Children[0].Children[0]
		leaf.Rule, leaf.Over = &scheme.Rule{Rule: &composite.MinMax{}}, &scheme.Over{Periods: []string{"q1", "q3"}}
		draft, err := scheme.Create(ctx, db, z.town, d)
		if err != nil {
			t.Fatal(err)
		}
		_, err = scheme.Activate(ctx, db, draft.Ref(), index.FitOver)
		if e, ok := errors.AsType[*fault.Error](err); !ok || len(e.Fields) != 1 || e.Fields[0].Code != "period_not_published" ||
			e.Fields[0].Pointer != "/tree/children/0/children/0/over/periods/1" {
			t.Fatalf("q3 is not published: %v", err)
		}
		leaf.Over.Periods[1] = "q2"
		if draft, err = scheme.Update(ctx, db, draft.Ref(), d); err != nil {
			t.Fatal(err)
		}
		active, err := scheme.Activate(ctx, db, draft.Ref(), index.FitOver)
		if err != nil {
			t.Fatal(err)
		}
		low, high := math.Inf(1), math.Inf(-1)
		for i := 1; i < 12; i += 2 {
			x := float64(30+7*i%61) + .25
			low, high = min(low, x), max(high, x)
		}
		c, err := active.Compile()
		if err != nil {
			t.Fatal(err)
		}
		fitted := c.Indicators[0].Over.Fitted
		if len(fitted) != 1 || fitted[0].N != 12 || fitted[0].Low != low || fitted[0].High != high {
			t.Errorf("fitted to %+v, want 12 values from %v to %v", fitted, low, high)
		}
		if active.Hash == draft.Hash || active.Hash != scheme.Hash([]byte(active.Document)) || c.Index.Relative() {
			t.Errorf("hash %s, of the draft %s", active.Hash, draft.Hash)
		}
		again, err := scheme.Create(ctx, db, z.town, c.Document)
		if err != nil || strings.Contains(string(again.Document), "fitted") {
			t.Errorf("a draft keeps what was fitted: %v", err)
		}
	})
}

// Through the router, the fault has its place in the document.
func TestActivationRefusesPeriodsThatAreNotPublished(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		group := newHarness(t, db).as(policy.LeadingGroup)
		const document = `{"code":"later","version":1,"decimals":2,"min_coverage":0,"name":{"en":"a"},"tree":{"code":"index","children":[` +
			`{"code":"x","name":{"en":"x"},"weight":1,"entry":"reported","rule":{"kind":"zscore"},"over":{"periods":["2099Q1"]}}]}}`
		group.Post("/towns/demo/schemes", document).Want(http.StatusCreated)
		refused(t, group.IfMatch(`"1"`).Post("/towns/demo/schemes/later/versions/1/activate", nil),
			http.StatusUnprocessableEntity, "invalid", "/tree/children/0/over/periods/0")
	})
}
