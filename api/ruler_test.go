package api

import (
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/improve/target"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// publishes runs and publishes a quarter with one sheet of each branch.
func (h *harness) publishes(other *apitest.Client, quarter, from, until string, sheets map[string][]object) {
	h.t.Helper()
	group := h.as(policy.LeadingGroup)
	h.planned(quarter, from, until)
	h.steps(quarter, "open")
	for branch, entries := range sheets {
		counted(other, group, quarter, branch, entries...)
	}
	h.steps(quarter, "review", "locked")
	group.Post("/towns/demo/periods/"+quarter+"/runs", nil).Want(http.StatusCreated)
	h.steps(quarter, "published")
}

// A ranking that is cited by the number of its publication is the same for ever, byte by
// byte, whatever is published or amended before and after it. What everybody reads without
// a number follows the amendments.
func TestACitedRankingNeverChanges(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		const at = "/towns/demo/periods/2026Q2/ranking?publication=1"
		read := func() []string {
			return []string{
				string(group.Get(at).Want(http.StatusOK).Body), string(group.Get(at + "&format=csv").Want(http.StatusOK).Body),
			}
		}
		first := read()
		amended(h, "2026Q1", "b01", "complaints", 2)
		same(t, "after an amendment of the quarter before", read(), first...)
		amended(h, "2026Q2", "b02", "complaints", 4)
		same(t, "after its own amendment", read(), first...)
		clock.set(t, "2026-07-20 12:00:00")
		other := h.joins("another", policy.Mentor, ties{"b01": access.Mentors})
		h.publishes(other, "2026Q3", "2026-07-01", "2026-09-30", map[string][]object{
			"b01": {value("meetings", 12), value("spirit", 10), level("standing", "A"), value("complaints", 0)},
		})
		h.steps("2026Q1", "final")
		same(t, "after a later quarter", read(), first...)

		p := apitest.Decode[index.PublicationDetail](group.Get("/towns/demo/periods/2026Q2/publications/2"), http.StatusOK)
		if p.From == nil || p.From.Period != "2026Q1" || p.From.Publication != 2 {
			t.Errorf("publication 2 is counted from %+v", p.From)
		}
		now := apitest.Decode[index.Ranking](group.Get("/towns/demo/periods/2026Q2/ranking"), http.StatusOK)
		if now.From == nil || now.From.Publication != 2 || now.From.Ruler != index.SameRuler || now.Publication != 2 {
			t.Errorf("the latest is counted from %+v", now.From)
		}
	})
}

// A quarter by a scheme that scores otherwise is compared with none, and nobody becomes a
// target by a fall from there. Another name or number of the scheme changes nothing.
func TestOtherSchemesAreNotSubtracted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		clock.set(t, "2026-07-20 12:00:00")
		other := h.joins("another", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors, "b03": access.Mentors})
		weak := func() map[string][]object {
			sheets := map[string][]object{}
			for _, b := range []string{"b01", "b02", "b03"} {
				sheets[b] = []object{value("meetings", 1), value("spirit", 1), level("standing", "C"), value("complaints", 5)}
			}
			return sheets
		}
		falls := func(quarter string) (n int) {
			for _, x := range proposed(h, "/towns/demo/periods/"+quarter).Targets {
				for _, r := range x.Reasons {
					if r.Code == "fall_over" {
						if n++; r.From == nil || r.From.Ruler != index.SameRuler {
							t.Errorf("a fall from %+v", r.From)
						}
					}
				}
			}
			return n
		}
		h.inForce(strings.Replace(smallScheme, `"per": 10`, `"per": 11`, 1))
		h.publishes(other, "2026Q3", "2026-07-01", "2026-09-30", weak())
		r := apitest.Decode[index.Ranking](group.Get("/towns/demo/periods/2026Q3/ranking"), http.StatusOK)
		for _, i := range r.Items {
			if !i.OtherScheme || i.Change != nil {
				t.Errorf("%s: %+v", i.Branch.Code, i.Comparison)
			}
		}
		if n := falls("2026Q3"); r.From.Ruler != index.OtherScheme || n != 0 {
			t.Errorf("from %+v, %d falls", r.From, n)
		}
		clock.set(t, "2026-10-20 12:00:00")
		again := strings.Replace(smallScheme, `"per": 10`, `"per": 11`, 1)
		h.inForce(strings.Replace(again, `"provenance": "example"`, `"provenance": "other words"`, 1))
		h.publishes(other, "2026Q4", "2026-10-01", "2026-12-31", weak())
		r = apitest.Decode[index.Ranking](group.Get("/towns/demo/periods/2026Q4/ranking"), http.StatusOK)
		if r.From == nil || r.From.Ruler != index.SameRuler || r.Items[0].Change == nil {
			t.Errorf("the same rules in other words: %+v", r.From)
		}
	})
}

// A branch that merges within a quarter leaves with its reason: in the ranking, in
// completeness, and beside the one that took it over; its target is counted apart.
func TestNothingLeavesSilently(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		made := group.Post("/towns/demo/targets", object{"branch": "b03", "reason": "its roof"}).Want(http.StatusCreated)
		clock.set(t, "2026-07-20 12:00:00")
		other := h.joins("another", policy.Mentor, ties{"b01": access.Mentors, "b03": access.Mentors})
		group.IfMatch(`"1"`).Post("/towns/demo/branches/b03/merge",
			object{"into": "b01", "on": "2026-07-21", "reason": "one village"}).Want(http.StatusOK)
		clock.set(t, "2026-07-21 12:00:00")
		h.publishes(other, "2026Q3", "2026-07-01", "2026-09-30", map[string][]object{
			"b01": {value("meetings", 12), value("spirit", 10), level("standing", "A"), value("complaints", 0)},
		})
		r := apitest.Decode[index.Ranking](group.Get("/towns/demo/periods/2026Q3/ranking"), http.StatusOK)
		if len(r.Ended) != 1 || r.Ended[0].Branch.Code != "b03" || r.Ended[0].Into != "b01" ||
			r.Ended[0].Reason != "one village" || len(r.Items) == 0 || strings.Join(r.Items[0].Merged, " ") != "b03" {
			t.Errorf("ended %+v, items %+v", r.Ended, r.Items)
		}
		csv := string(group.Get("/towns/demo/periods/2026Q3/ranking?format=csv").Want(http.StatusOK).Body)
		if !strings.Contains(csv, "b03") {
			t.Errorf("not in the table: %s", csv)
		}
		c := apitest.Decode[evaluation.Completeness](group.Get("/towns/demo/periods/2026Q3/completeness"), http.StatusOK)
		if len(c.Ended) != 1 || c.Ended[0].Branch.Code != "b03" {
			t.Errorf("completeness: %+v", c.Ended)
		}
		x := apitest.Decode[target.Target](group.Get("/towns/demo/targets/"+last(made)), http.StatusOK)
		if x.BranchEnded == nil || x.BranchEnded.Into != "b01" {
			t.Errorf("target: %+v", x.BranchEnded)
		}
		board := apitest.Decode[struct{ Targets map[string]int64 }](group.Get("/towns/demo/dashboard"), http.StatusOK)
		if board.Targets["branch_ended"] != 1 || board.Targets["proposed"] != 0 {
			t.Errorf("counted: %v", board.Targets)
		}
	})
}

// A branch that rises only because it hands in less is a signal and no riser, and the rules
// judge it by the score with what is missing at the lowest.
func TestHandingInLessDoesNotPay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		clock.set(t, "2026-07-20 12:00:00")
		other := h.joins("another", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors, "b03": access.Mentors})
		full := func() []object {
			return []object{value("meetings", 12), value("spirit", 10), level("standing", "A"), value("complaints", 5)}
		}
		h.publishes(other, "2026Q3", "2026-07-01", "2026-09-30", map[string][]object{
			"b01": full(), "b02": {value("spirit", 5), level("standing", "C"), value("complaints", 0)}, "b03": full()[:3],
		})
		r := apitest.Decode[index.Ranking](group.Get("/towns/demo/periods/2026Q3/ranking"), http.StatusOK)
		card := apitest.Decode[index.Scorecard](group.Get("/towns/demo/periods/2026Q3/branches/b03"), http.StatusOK)
		whole := apitest.Decode[index.Scorecard](group.Get("/towns/demo/periods/2026Q3/branches/b01"), http.StatusOK)
		t.Logf("%+v %+v", r.Items, r.Insufficient)
		if whole.ScoreAtLowest != nil || card.ScoreAtLowest == nil {
			t.Fatalf("complete: %v, incomplete: %v", whole.ScoreAtLowest, card.ScoreAtLowest)
		}
	})
}
