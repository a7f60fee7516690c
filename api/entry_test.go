package api

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// atOnce sends the requests together and gives their answers in order.
func atOnce(requests ...func() *apitest.Answer) []*apitest.Answer {
	answers := make([]*apitest.Answer, len(requests))
	var all sync.WaitGroup
	start := make(chan struct{})
	for i, send := range requests {
		all.Go(func() {
			<-start
			answers[i] = send()
		})
	}
	close(start)
	all.Wait()
	return answers
}

// oneWins checks that one request was done and the others refused for one of the
// reasons; it gives the place of the winner.
func oneWins(t *testing.T, what string, answers []*apitest.Answer, reasons ...string) int {
	t.Helper()
	winner, done := -1, 0
	for i, a := range answers {
		if a.Status < http.StatusBadRequest {
			winner, done = i, done+1
		} else if p := a.Problem(a.Status); !slices.Contains(reasons, p.Code) {
			t.Errorf("%s: refused with %d: %s", what, a.Status, a.Body)
		}
	}
	if done != 1 {
		t.Errorf("%s: %d of %d requests were done, want 1", what, done, len(answers))
	}
	return winner
}

// Of those who change the same thing at once, one succeeds and the others learn
// that they were late.
func TestOneOfManyWins(t *testing.T) {
	const rounds = 6
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		group, mentor := h.as(policy.LeadingGroup), h.as(policy.Mentor)
		chen := h.joins("chen", policy.LeadingGroup, nil)

		code := ""
		for year := range rounds {
			plan := func(n int) func() *apitest.Answer {
				return func() *apitest.Answer {
					return group.Post("/towns/demo/periods", object{
						"code": fmt.Sprintf("%d-%d", 2021+year, n), "kind": "quarter", "scheme": object{"code": "small"},
						"starts_on": fmt.Sprintf("%d-01-01", 2021+year), "ends_on": fmt.Sprintf("%d-03-%d", 2021+year, 20+n),
					})
				}
			}
			won := oneWins(t, "overlapping periods", atOnce(plan(0), plan(1), plan(2), plan(3), plan(4), plan(5)),
				"overlapping_period")
			code = fmt.Sprintf("%d-%d", 2021+year, won)
		}
		h.steps(code, "open")

		begin := func() *apitest.Answer {
			return mentor.Post("/towns/demo/evaluations", sheetOf(code, "b01", []object{value("spirit", 7)}))
		}
		oneWins(t, "the same sheet begun", atOnce(begin, begin, begin), "sheet_exists")
		sheet := "/towns/demo/evaluations/" + column(mentor.Get("/towns/demo/evaluations"), "id")[0]
		for range rounds {
			tag := mentor.Get(sheet).ETag()
			write := func(x float64) func() *apitest.Answer {
				return func() *apitest.Answer {
					return mentor.IfMatch(tag).Put(sheet, object{"note": fmt.Sprint(x), "entries": []object{value("spirit", x)}})
				}
			}
			won := float64(oneWins(t, "two editors", atOnce(write(0), write(1), write(2)), "stale_version"))
			stored := apitest.Decode[evaluation.Sheet](mentor.Get(sheet), http.StatusOK)
			if len(stored.Entries) != 1 || *stored.Entries[0].Value != won || stored.Note != fmt.Sprint(won) {
				t.Errorf("editor %v won, stored is %+v", won, stored)
			}

			moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
			tag = mentor.Get(sheet).ETag()
			to := func(c *apitest.Client, state, reason string) func() *apitest.Answer {
				return func() *apitest.Answer {
					return c.IfMatch(tag).Post(sheet+"/transitions", object{"to": state, "reason": reason})
				}
			}
			oneWins(t, "approval, withdrawal, return", atOnce(
				to(group, "approved", ""), to(mentor, "draft", ""), to(group, "returned", "again"), to(chen, "returned", "again"),
			), "stale_version", "no_such_transition", "not_found")
			if state := column(mentor.Get("/towns/demo/evaluations"), "state")[0]; state == "approved" {
				moved(group, sheet, "returned", "once more").Want(http.StatusOK)
			}
		}
	})
}

// While many sheets are submitted and approved, the period goes to review and is
// locked: nothing carries a later time than the lock, and runs made at once hold
// exactly what is approved.
func TestNothingIsWrittenAfterTheLock(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		z := sized{town: "race", branches: 12}
		z.found(t, db)
		town, g1, g2 := "race", "g1", "g2"
		as := func(person *string) *apitest.Client {
			return h.As(h.key(credential.Key{
				Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{town}, PersonCode: person,
			}))
		}
		first, second := as(&g1), as(&g2)
		const at = "/towns/race/periods/q3"
		first.IfMatch(first.Get(at).ETag()).Post(at+"/transitions", object{"to": "review"}).Want(http.StatusOK)
		var requests []func() *apitest.Answer
		sheets := first.Get("/towns/race/evaluations?period=q3")
		branches := column(sheets, "branch")
		for i, id := range column(sheets, "id") {
			if branches[i] == "b12" { // keeps its sheets and so a score, whatever comes before the lock
				continue
			}
			requests = append(requests, func() *apitest.Answer {
				path := "/towns/race/evaluations/" + id
				a := first.IfMatch(first.Get(path).ETag()).Post(path+"/transitions", object{"to": "returned", "reason": "late"})
				if a.Status == http.StatusOK {
					a = second.IfMatch(a.ETag()).Post(path+"/transitions", object{"to": "submitted"})
				}
				return a
			})
		}
		lock := len(requests) / 2
		requests = slices.Insert(requests, lock, func() *apitest.Answer {
			return second.IfMatch(second.Get(at).ETag()).Post(at+"/transitions",
				object{"to": "locked", "force": true, "reason": "time is over"})
		})
		for i, a := range atOnce(requests...) {
			if i == lock {
				a.Want(http.StatusOK)
			} else if a.Status != http.StatusOK && a.Status != http.StatusLocked {
				t.Errorf("%d: %s", a.Status, a.Body)
			}
		}
		h.as(policy.Admin).IfMatch(h.Get("/towns/race").ETag()).Put("/towns/race", object{
			"name": named("race"), "open_results": true, "second_person": "required", "reason": "from now on",
		}).Want(http.StatusOK)
		locked := apitest.Decode[evaluation.Period](first.Get(at), http.StatusOK)
		var latest []time.Time
		h.must(db.Table("evaluations").Where("town_id = ? AND period_code = ?", town, "q3").Order("updated_at DESC").
			Limit(1).Pluck("updated_at", &latest).Error)
		if len(latest) != 1 || latest[0].After(locked.StateAt) {
			t.Errorf("locked at %v, a sheet was changed at %v", locked.StateAt, latest)
		}

		run := func() *apitest.Answer { return first.Post(at+"/runs", nil) }
		hashes, numbers := map[string]bool{}, map[int64]bool{}
		for _, a := range atOnce(run, run, run) {
			r := apitest.Decode[index.Run](a, http.StatusCreated)
			hashes[r.ResultHash], numbers[r.Number] = true, true
		}
		if len(hashes) != 1 || !numbers[1] || !numbers[2] || !numbers[3] {
			t.Errorf("runs at once: numbers %v, hashes %v", numbers, hashes)
		}
		tag := first.Get(at).ETag()
		publish := func() *apitest.Answer {
			return first.IfMatch(tag).Post(at+"/transitions",
				object{"to": "published", "force": true, "reason": "what was returned before the lock has no score"})
		}
		answers := atOnce(publish, publish, publish)
		oneWins(t, "proposals", answers, "proposal_open")
		waiting := answers[slices.IndexFunc(answers, func(a *apitest.Answer) bool { return a.Status == http.StatusAccepted })]
		confirms := func() *apitest.Answer { return decides(second, waiting, "confirmed") }
		confirms().Want(http.StatusOK)
		refused(t, confirms(), http.StatusConflict, "no_such_transition")
		if r := apitest.Decode[index.Receipt](h.Get(at+"/receipt"), http.StatusOK); r.Publication != 1 || r.Number != 3 {
			t.Errorf("published run %d as publication %d", r.Number, r.Publication)
		}
	})
}
