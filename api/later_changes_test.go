package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/review"
	"bulwark/internal/town"
)

// told lists warnings as code and branches.
func told(list []evaluation.Warning) (words []string) {
	for _, w := range list {
		word := w.Code
		for _, c := range w.Changes {
			word += " " + c.Branch + "/" + c.Event
		}
		words = append(words, word)
	}
	return words
}

// The branches of a run are those that were known at the lock: what is entered later, as
// of whichever day, changes only periods that are locked after it. It is named at the run,
// at the publication and in the history of the branch.
func TestBranchesAreThoseOfTheLock(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, c := newHarnessAt(t, db, "2026-03-20 12:00:00")
		group, admin := h.as(policy.LeadingGroup), h.as(policy.Admin)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.planned("2026Q2", "2026-04-01", "2026-06-30")
		h.steps("2026Q1", "open")
		c.noon(t, "2026-04-05")
		scored(h, "2026Q1")
		change := func(branch, what string, body object) *apitest.Answer {
			at := "/towns/demo/branches/" + branch
			return admin.IfMatch(admin.Get(at).ETag()).Post(at+"/"+what, body)
		}
		renamed := object{"name": named("二村"), "on": "2026-03-15"}
		refused(t, change("b02", "rename", renamed), http.StatusUnprocessableEntity, "invalid", "/reason")
		// today
		admin.Post("/towns/demo/branches", object{
			"code": "b05", "name": named("五村"), "kind": "village", "founded_on": "2026-04-05",
		}).Want(http.StatusCreated)
		renamed["reason"] = "the sign was changed"
		change("b02", "rename", renamed).Want(http.StatusOK)
		h.steps("2026Q1", "review")
		lock := apitest.Decode[evaluation.Period](moved(group, q1, "locked", ""), http.StatusOK)
		same(t, "warnings of the lock", told(lock.Warnings), "retroactive_changes b02/renamed")
		runs := func() index.Run { return apitest.Decode[index.Run](group.Post(q1+"/runs", nil), http.StatusCreated) }
		ranked := func() (codes []string) {
			for _, i := range apitest.Decode[index.Ranking](group.Get(q1+"/ranking"), http.StatusOK).Items {
				codes = append(codes, i.Branch.Code+" "+i.Branch.Class+" "+i.Branch.Name)
			}
			return codes
		}
		first, before := runs(), ranked()
		same(t, "warnings of the run", told(first.Warnings), "retroactive_changes b02/renamed")

		c.noon(t, "2026-04-06")
		change("b03", "close", object{"on": "2026-03-01", "reason": "reform"}).Want(http.StatusOK)
		change("b01", "reclassify", object{"kind": "village", "class": "urban", "on": "2026-02-01", "reason": "reform"}).
			Want(http.StatusOK)
		founding := object{"code": "b09", "name": named("九村"), "kind": "village", "founded_on": "2026-01-01"}
		refused(t, admin.Post("/towns/demo/branches", founding), http.StatusUnprocessableEntity, "invalid", "/reason")
		founding["reason"] = "was forgotten"
		admin.Post("/towns/demo/branches", founding).Want(http.StatusCreated)
		same(t, "ranking after the changes", ranked(), before...)
		second := runs()
		if second.DataHash != first.DataHash || second.ResultHash != first.ResultHash {
			t.Error("a change that was entered after the lock changes the run")
		}
		late := "changes_after_lock b03/closed b01/reclassified b09/founded"
		same(t, "warnings of the second run", told(second.Warnings), "retroactive_changes b02/renamed", late)
		waiting := publishes(group).Want(http.StatusAccepted)
		lone := proposalOf(waiting).Warnings
		same(t, "warnings of the proposal", told(lone), "retroactive_changes b02/renamed", late, "too_few_persons")
		confirmer := group.Second()
		same(t, "warnings to who confirms", told(proposalOf(confirmer.Get(madeAt(waiting))).Warnings),
			"retroactive_changes b02/renamed", late)
		decides(confirmer, waiting, "confirmed").Want(http.StatusOK)
		same(t, "published", ranked(), before...)

		later := func(n int) (words []string) {
			for _, x := range apitest.Decode[index.PublicationDetail](h.Get(fmt.Sprint(q1, "/publications/", n)),
				http.StatusOK).LaterChanges {
				words = append(words, fmt.Sprint(x.Branch, " ", x.Event, " ", *x.On, " ", x.KnownFrom))
			}
			return words
		}
		changes := []string{
			"b03 closed 2026-03-01 2026-04-06", "b01 reclassified 2026-02-01 2026-04-06", "b09 founded 2026-01-01 2026-04-06",
		}
		same(t, "on the notice", later(1), changes...)
		history := apitest.Decode[struct{ Items []town.Event }](h.Get("/towns/demo/branches/b03/history"),
			http.StatusOK).Items
		if e := history[1]; e.Event != "closed" || *e.On != "2026-03-01" || e.KnownFrom == nil ||
			*e.KnownFrom != "2026-04-06" {
			t.Errorf("the history says %+v", history)
		}

		// An amendment starts from the branches of the lock, and its notice names what came since.
		c.noon(t, "2026-04-07")
		change("b02", "rename", object{"name": named("二里"), "on": "2026-03-20", "reason": "again"}).Want(http.StatusOK)
		amended(h, "2026Q1", "b03", "complaints", 1)
		same(t, "on the notice of the amendment", later(2), "b02 renamed 2026-03-20 2026-04-07")
		same(t, "on the first notice still", later(1), changes...)

		// The next period takes it all.
		h.steps("2026Q2", "open")
		var rows []string
		for _, r := range apitest.Decode[review.Completeness](group.Get("/towns/demo/periods/2026Q2/completeness"),
			http.StatusOK).Rows {
			rows = append(rows, r.Branch.Code+" "+r.Branch.Class+" "+r.Branch.Name)
		}
		same(t, "the next period", rows, "b01 urban branch b01", "b02 rural 二里", "b05  五村", "b09  九村")
	})
}

// Who unlocks a period and locks it again takes what was entered meanwhile, and is told.
func TestAnotherLockTakesLaterChanges(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, c := newHarnessAt(t, db, "2026-03-20 12:00:00")
		group := h.as(policy.LeadingGroup)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		c.noon(t, "2026-04-05")
		scored(h, "2026Q1")
		h.steps("2026Q1", "review", "locked")
		// the clock of the machine is moved back: what is entered now is still later than the lock
		c.noon(t, "2026-04-02")
		at := "/towns/demo/branches/b03"
		group.IfMatch(group.Get(at).ETag()).Post(at+"/close",
			object{"on": "2026-03-01", "reason": "reform"}).Want(http.StatusOK)
		run := apitest.Decode[index.Run](group.Post(q1+"/runs", nil), http.StatusCreated)
		same(t, "warnings of the run", told(run.Warnings), "changes_after_lock b03/closed")
		h.steps("2026Q1", "review")
		lock := apitest.Decode[evaluation.Period](moved(group, q1, "locked", ""), http.StatusOK)
		same(t, "warnings of the second lock", told(lock.Warnings), "retroactive_changes b03/closed")
		again := apitest.Decode[index.Run](group.Post(q1+"/runs", nil), http.StatusCreated)
		if again.DataHash == run.DataHash {
			t.Error("the second lock does not take the change")
		}
	})
}

// One locked period has as many runs as the town allows, and a period as many days of
// notice as the town has at least.
func TestATownBoundsRunsAndNotices(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group, admin := h.as(policy.LeadingGroup), h.as(policy.Admin)
		set := func(c *apitest.Client, body object) *apitest.Answer {
			body["name"], body["open_results"] = named("demo"), true
			return c.IfMatch(c.Get("/towns/demo").ETag()).Put("/towns/demo", body)
		}
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		scored(h, "2026Q1")
		refused(t, set(group, object{"notice_floor": 91}), http.StatusUnprocessableEntity, "invalid", "/notice_floor")
		refused(t, set(group, object{"runs_per_lock": 0, "open_proposals": 1001}),
			http.StatusUnprocessableEntity, "invalid", "/open_proposals", "/runs_per_lock")
		set(group, object{"notice_floor": 7, "runs_per_lock": 2}).Want(http.StatusOK)
		if got := apitest.Decode[town.Town](h.Get("/towns/demo"), http.StatusOK); got.NoticeFloor != 7 ||
			got.RunsPerLock != 2 || got.OpenProposals != 10 {
			t.Errorf("the limits are %+v", got.Limits)
		}
		short := object{
			"code": "2026Q2", "kind": "quarter", "starts_on": "2026-04-01", "ends_on": "2026-06-30",
			"scheme": object{"code": "small"}, "notice_days": 6,
		}
		refused(t, group.Post("/towns/demo/periods", short), http.StatusUnprocessableEntity, "invalid", "/notice_days")
		days := func(n int) *apitest.Answer {
			return group.IfMatch(group.Get(q1).ETag()).Put(q1, object{"notice_days": n, "reason": "x"})
		}
		refused(t, days(6), http.StatusUnprocessableEntity, "invalid", "/notice_days")
		h.steps("2026Q1", "review", "locked")
		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		a := group.Lang("en").Post(q1+"/runs", nil)
		refused(t, a, http.StatusConflict, "too_many_runs")
		if !strings.Contains(string(a.Body), "has had 2 runs") {
			t.Errorf("the limit is not told: %s", a.Body)
		}
		h.steps("2026Q1", "published") // planned with five days, before the town had a floor
		if p := apitest.Decode[index.PublicationDetail](h.Get(q1+"/publications/1"), http.StatusOK); p.NoticeFloor != 7 {
			t.Errorf("the notice does not say that it is under the floor: %+v", p.Publication)
		}
		refused(t, set(group, object{"notice_floor": 3, "reason": "x"}), http.StatusForbidden, "floor_of_notice")
		refused(t, set(admin, object{"notice_floor": 3}), http.StatusUnprocessableEntity, "invalid", "/reason")
		set(group, object{}).Want(http.StatusOK)
		set(admin, object{"notice_floor": 3, "reason": "as the county has it"}).Want(http.StatusOK)
		short["notice_days"] = 3
		group.Post("/towns/demo/periods", short).Want(http.StatusCreated)
	})
}
