package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// slips calls a verb of a branch, by the version that the caller reads.
func (h *harness) slips(branch, verb string, body object) *apitest.Answer {
	h.t.Helper()
	at := "/towns/demo/branches/" + branch
	if body["reason"] == nil {
		body["reason"] = "a slip"
	}
	c := h.as(policy.LeadingGroup)
	return c.IfMatch(c.Get(at+"?on=2026-12-31").Want(http.StatusOK).ETag()).Post(at+"/"+verb, body)
}

// What is entered wrongly about a branch is corrected or taken back while no period was locked
// with it; the trail and the history of the branch tell both.
func TestSlipsAboutABranchHaveAWayBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-01-10 09:00:00")
		group := h.as(policy.LeadingGroup)
		found := func(code string, more object) *apitest.Answer {
			body := object{"code": code, "name": named(code), "kind": "village", "founded_on": "2025-01-01"}
			for k, v := range more {
				body[k] = v
			}
			return group.Post("/towns/demo/branches", body)
		}
		for _, far := range []string{"1621-07-01", "2206-01-01", "2027-02-01"} {
			refused(t, found("x", object{"founded_on": far}), http.StatusUnprocessableEntity, "invalid", "/founded_on")
			refused(t, h.slips("b02", "rename", object{"name": named("x"), "on": far}), http.StatusUnprocessableEntity, "invalid", "/on")
			refused(t, h.slips("b02", "close", object{"on": far}), http.StatusUnprocessableEntity, "invalid", "/on")
		}
		found("b0A", object{"statistical_code": "449901001201"}).Want(http.StatusCreated)

		read := func(code string, on day.Date) town.Branch {
			return apitest.Decode[town.Branch](group.Get("/towns/demo/branches/"+code+"?on="+string(on)), http.StatusOK)
		}
		may(t, group, "/towns/demo/branches/b0A", "correct", "rename", "reclassify", "merge", "close")
		may(t, h.as(policy.Mentor), "/towns/demo/branches/b0A")
		b := apitest.Decode[town.Branch](h.slips("b0A", "correct", object{
			"code": "b07", "statistical_code": "449901001207", "founded_on": "2024-05-01", "name": named("seven"), "class": "rural",
		}), http.StatusOK)
		if b.Code != "b07" || *b.StatisticalCode != "449901001207" || *b.FoundedOn != "2024-05-01" || b.Name.ZH != "seven" || *b.Class != "rural" {
			t.Errorf("corrected: %+v", b)
		}
		group.Get("/towns/demo/branches/b0A").Want(http.StatusNotFound)
		if was := read("b07", "2024-06-01"); was.Name.ZH != "seven" {
			t.Errorf("in the first days: %+v", was)
		}
		refused(t, h.slips("b07", "correct", object{"statistical_code": "449901001207", "code": "b01"}), http.StatusConflict,
			"already_exists", "/code")
		refused(t, h.slips("b01", "correct", object{"code": "b99"}), http.StatusConflict, "branch_in_use", "/code")
		refused(t, h.slips("b07", "correct", object{"kind": "nowhere"}), http.StatusUnprocessableEntity, "invalid", "/kind")
		refused(t, group.Bad().IfMatch(`"1"`).Post("/towns/demo/branches/b07/correct", object{}), http.StatusUnprocessableEntity,
			"invalid", "/reason")

		refused(t, h.slips("b07", "withdraw", object{}), http.StatusConflict, "nothing_to_withdraw")
		h.slips("b07", "rename", object{"name": named("ahead"), "on": "2026-12-01"}).Want(http.StatusOK) // for 2026-02-01
		may(t, group, "/towns/demo/branches/b07", "correct", "rename", "reclassify", "merge", "close", "withdraw")
		h.slips("b07", "withdraw", object{}).Want(http.StatusOK)
		h.slips("b07", "rename", object{"name": named("right"), "on": "2026-02-01"}).Want(http.StatusOK)
		if name := read("b07", "2026-12-02").Name.ZH; name != "right" {
			t.Errorf("in December it is called %s", name)
		}
		refused(t, h.slips("b07", "reopen", object{}), http.StatusConflict, "not_ended")
		h.slips("b07", "merge", object{"on": "2026-02-02", "into": "b02"}).Want(http.StatusOK)
		may(t, group, "/towns/demo/branches/b07", "correct", "reopen")
		refused(t, h.slips("b07", "withdraw", object{}), http.StatusConflict, "branch_closed")
		if b := apitest.Decode[town.Branch](h.slips("b07", "reopen", object{}), http.StatusOK); b.ClosedOn != nil || b.MergedInto != nil {
			t.Errorf("reopened: %+v", b)
		}

		var kept []string
		h.must(db.Raw("SELECT action FROM audit_records WHERE subject = 'branches/b07' ORDER BY sequence").Scan(&kept).Error)
		want := "branch.correct branch.rename branch.withdraw branch.rename branch.merge branch.reopen"
		if got := strings.Join(kept, " "); got != want {
			t.Errorf("the trail: %s\nwant %s", got, want)
		}
		events := column(group.Get("/towns/demo/branches/b07/history"), "event")
		slices.Sort(events)
		same(t, "history", events, "corrected", "founded", "renamed", "reopened", "withdrawn")
	})
}

// What a period was locked with stays: it is corrected from a later day, and the history shows it.
// A founding is known from the day on which it was corrected.
func TestALockedPeriodKeepsTheBranchesThatItHad(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-10 09:00:00")
		h.alone()
		group := h.as(policy.LeadingGroup)
		group.Post("/towns/demo/branches", object{
			"code": "b07", "name": named("seven"), "kind": "village", "founded_on": "2026-02-01",
		}).Want(http.StatusCreated)
		h.slips("b07", "rename", object{"name": named("wrong"), "on": "2026-03-01"}).Want(http.StatusOK)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		scored(h, "2026Q1")
		h.slips("b02", "close", object{"on": "2026-03-01"}).Want(http.StatusOK)
		h.steps("2026Q1", "review", "locked")
		refused(t, h.slips("b07", "withdraw", object{}), http.StatusConflict, "period_rests_on_it")
		refused(t, h.slips("b07", "correct", object{"name": named("right")}), http.StatusConflict, "period_rests_on_it")
		refused(t, h.slips("b02", "reopen", object{}), http.StatusConflict, "period_rests_on_it")
		may(t, group, "/towns/demo/branches/b07?on=2026-12-31", "correct", "rename", "reclassify", "merge", "close")
		may(t, group, "/towns/demo/branches/b02", "correct")
		moved(group, q1, "review", "b02 lives").Want(http.StatusOK)
		h.slips("b02", "reopen", object{}).Want(http.StatusOK)
		moved(group, q1, "locked", "again").Want(http.StatusOK)
		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		moved(group, q1, "published", "").Want(http.StatusOK)
		clock.noon(t, "2026-04-02")
		ranking := group.Get(q1 + "/ranking").Want(http.StatusOK).Body
		refused(t, h.slips("b07", "correct", object{"founded_on": "2026-04-01"}), http.StatusUnprocessableEntity, "invalid", "/founded_on")
		refused(t, h.slips("b07", "correct", object{"name": named("right")}), http.StatusConflict, "period_rests_on_it")
		h.slips("b07", "rename", object{"name": named("right"), "on": "2026-04-01"}).Want(http.StatusOK)
		h.slips("b03", "correct", object{"founded_on": "2026-03-31"}).Want(http.StatusOK)
		h.slips("b01", "correct", object{"founded_on": "2019-01-01"}).Want(http.StatusOK)
		if now := group.Get(q1 + "/ranking").Want(http.StatusOK).Body; string(now) != string(ranking) {
			t.Errorf("the ranking became\n%s, was\n%s", now, ranking)
		}
		if !strings.Contains(string(ranking), `"b03"`) {
			t.Error("b03 is not in the ranking")
		}
		group.Post(q1+"/publications", object{
			"reason": "a value", "corrections": []object{{"branch": "b01", "code": "meetings", "value": 3}},
		}).Want(http.StatusCreated)
		amended := group.Get(q1 + "/ranking").Want(http.StatusOK)
		if !strings.Contains(string(amended.Body), `"b03"`) {
			t.Error("an amendment loses b03")
		}
		h.planned("2026Q2", "2026-04-01", "2026-06-30")
		h.steps("2026Q2", "open")
		events := apitest.Decode[struct{ Items []town.Event }](group.Get("/towns/demo/branches/b03/history"), http.StatusOK).Items
		if len(events) != 2 || events[0].Event != "founded" || *events[0].On != "2026-03-31" || *events[0].KnownFrom != "2026-04-02" ||
			events[1].Event != "corrected" || events[1].Reason != "a slip" {
			t.Errorf("history: %+v", events)
		}
	})
}

// Names that have no days are corrected with a reason.
func TestNamesWithoutDaysAreCorrected(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group, admin := h.as(policy.LeadingGroup), h.as(policy.Admin)
		group.Post("/towns/demo/branches/b01/sub-branches", object{"code": "dazhou", "name": named("x")}).Want(http.StatusCreated)
		body := object{"name": object{"zh": "对的", "en": "right"}, "reason": "a slip"}
		for at, c := range map[string]*apitest.Client{
			"/towns/demo/kinds/village": group, "/towns/demo/classes/rural": group,
			"/towns/demo/branches/b01/sub-branches/dazhou": group, "/areas/449901": admin,
		} {
			got := apitest.Decode[struct{ Name text.Text }](c.Post(at+"/rename", body), http.StatusOK)
			if got.Name.ZH != "对的" || got.Name.EN != "right" {
				t.Errorf("%s: %+v", at, got)
			}
			refused(t, c.Post(at+"x/rename", body), http.StatusNotFound, "not_found")
			refused(t, c.Bad().Post(at+"/rename", object{"name": named("x")}), http.StatusUnprocessableEntity, "invalid", "/reason")
			var kept []string
			h.must(db.Raw("SELECT reason FROM audit_records WHERE subject = ? AND action LIKE '%.rename'",
				strings.TrimPrefix(strings.TrimPrefix(at, "/towns/demo/"), "/")).Scan(&kept).Error)
			same(t, at, kept, "a slip")
		}
		same(t, "kinds", column(group.Get("/towns/demo/sub-branches"), "code"), "dazhou")
	})
}
