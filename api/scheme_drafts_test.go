package api

import (
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// A draft that nobody wants is deleted with a reason: it stays readable, and its number is never
// used again.
func TestADraftIsDeleted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group := h.as(policy.LeadingGroup)
		h.inForce(smallScheme)
		const first, second = "/towns/demo/schemes/small/versions/1", "/towns/demo/schemes/small/versions/2"
		del := func(at string) *apitest.Answer {
			return group.IfMatch(group.Get(at).ETag()).Post(at+"/delete", object{"reason": "a wrong file"})
		}
		may(t, group, first)
		refused(t, del(first), http.StatusConflict, "not_a_draft")
		group.Post("/towns/demo/schemes", smallScheme).Want(http.StatusCreated)
		may(t, group, second, "update", "activate", "delete")
		refused(t, group.Bad().IfMatch(`"1"`).Post(second+"/delete", object{}), http.StatusUnprocessableEntity, "invalid", "/reason")
		if v := apitest.Decode[stated](del(second), http.StatusOK); v.State != "deleted" || len(v.Allowed) != 0 {
			t.Errorf("deleted: %+v", v)
		}
		refused(t, del(second), http.StatusConflict, "not_a_draft")
		refused(t, group.IfMatch(`"2"`).Post(second+"/activate", nil), http.StatusConflict, "not_a_draft")
		refused(t, group.IfMatch(`"2"`).Put(second, smallScheme), http.StatusConflict, "version_frozen")
		refused(t, h.as(policy.Reader).Get(second), http.StatusNotFound, "not_found")
		same(t, "for a reader", column(h.as(policy.Reader).Get("/towns/demo/schemes?state=deleted"), "number"))
		same(t, "listed", column(group.Get("/towns/demo/schemes"), "state"), "active")
		same(t, "asked for", column(group.Get("/towns/demo/schemes?state=deleted"), "state"), "deleted")
		third := group.Post("/towns/demo/schemes", smallScheme).Want(http.StatusCreated)
		if v := apitest.Decode[struct{ Number int64 }](third, http.StatusCreated); v.Number != 3 {
			t.Errorf("the next draft has the number %d", v.Number)
		}
		var kept []string
		h.must(db.Raw("SELECT action || ' ' || reason FROM audit_records WHERE subject = 'schemes/small/versions/2' ORDER BY sequence").
			Scan(&kept).Error)
		same(t, "the trail", kept, "scheme.create ", "scheme.delete a wrong file")
	})
}

// A draft is tried on the latest published period: its weights, and the ranks that it would give
// beside the published ones. That changes nothing.
func TestADraftIsTried(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.alone()
		group := h.as(policy.LeadingGroup)
		h.inForce(smallScheme)
		draft := strings.Replace(smallScheme, `"name": {"zh": "党建"}, "weight": 60`, `"name": {"zh": "党建"}, "weight": 80`, 1)
		draft = strings.Replace(draft, `"name": {"zh": "服务"}, "weight": 40`, `"name": {"zh": "服务"}, "weight": 20`, 1)
		group.Post("/towns/demo/schemes", draft).Want(http.StatusCreated)
		const at = "/towns/demo/schemes/small/versions/2/try"
		before := apitest.Decode[triedScheme](group.Get(at), http.StatusOK)
		if before.Ranking != nil || len(before.Indicators) != 6 {
			t.Errorf("with nothing published: %+v", before)
		}
		refused(t, group.Get(at+"?period=2026Q1"), http.StatusNotFound, "not_found")
		refused(t, h.as(policy.Mentor).Get(at), http.StatusForbidden, "not_allowed")
		refused(t, group.Get("/towns/demo/schemes/small/versions/9/try"), http.StatusNotFound, "not_found")

		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		scored(h, "2026Q1")
		h.steps("2026Q1", "review", "locked")
		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		moved(group, q1, "published", "").Want(http.StatusOK)
		published := apitest.Decode[struct{ Items []index.Ranked }](group.Get(q1+"/ranking"), http.StatusOK).Items

		tried := apitest.Decode[triedScheme](group.Get(at), http.StatusOK)
		weights := map[string]float64{}
		for _, n := range tried.Indicators {
			weights[n.Code] = n.EffectiveWeight
		}
		if weights["spirit"] != 0.4 || weights["complaints"] != 0.1 {
			t.Errorf("weights: %v", weights)
		}
		if tried.Ranking == nil || tried.Ranking.Period != "2026Q1" || len(tried.Ranking.Items) != len(published) {
			t.Fatalf("tried: %+v", tried.Ranking)
		}
		for i, b := range tried.Ranking.Items {
			if *b.Score != published[i].Score || *b.Rank != published[i].Rank {
				t.Errorf("%s: %v is no published row", b.Branch.Code, b)
			}
			under := b.Variants[0]
			if under.Score == nil || *under.Score == *b.Score {
				t.Errorf("%s under the draft: %+v", b.Branch.Code, under)
			}
		}
		asked := apitest.Decode[struct {
			Items []struct {
				Variants []struct{ Score, Rank float64 }
			}
		}](group.Post(q1+"/what-if/schemes", object{"schemes": []object{{"code": "small", "number": 2}}}), http.StatusOK)
		for i, b := range asked.Items {
			if got := tried.Ranking.Items[i].Variants[0]; *got.Score != b.Variants[0].Score || float64(*got.Rank) != b.Variants[0].Rank {
				t.Errorf("%d: tried %+v, supposed %+v", i, got, b)
			}
		}
		if now := apitest.Decode[triedScheme](group.Get(at+"?period=2026Q1"), http.StatusOK); now.Hash != tried.Hash {
			t.Error("the hash differs")
		}
	})
}
