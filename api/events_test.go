package api

import (
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/exchange"
	"bulwark/internal/policy"
)

func TestBranchesMeetAndRateTheMeeting(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-09 12:00:00")
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		first, office := h.as(policy.Secretary), h.as(policy.Office)
		visit := meeting("study_visit")
		refused(t, first.Post("/towns/demo/events", visit), http.StatusForbidden, "not_allowed")
		for field, wrong := range map[string]any{
			"host": "b01", "branches/1": []string{"b01", "b99"}, "people/0": []string{"nobody"}, "cases/0": []string{nothing},
		} {
			bad := meeting("study_visit")
			at := field
			if i := len(field) - 2; field[i] == '/' {
				field = field[:i]
			}
			bad[field] = wrong
			refused(t, office.Post("/towns/demo/events", bad), http.StatusUnprocessableEntity, "invalid", "/"+at)
		}
		id := last(office.Post("/towns/demo/events", visit).Want(http.StatusCreated))
		at := "/towns/demo/events/" + id
		rate := func(branch string, c *apitest.Client) *apitest.Answer {
			return c.Post("/towns/demo/ratings",
				object{"period": "2026Q1", "branch": branch, "kind": "study_visit", "subject": id, "score": 5})
		}
		may(t, office, at, "edit", "cancel")
		may(t, first, at)
		refused(t, moved(office, at, "held", ""), http.StatusConflict, "not_yet")
		refused(t, rate("b01", first), http.StatusUnprocessableEntity, "invalid", "/subject")
		clock.noon(t, "2026-01-10")
		may(t, office, at, "edit", "hold", "cancel")
		refused(t, moved(office, at, "cancelled", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
		moved(office, at, "held", "").Want(http.StatusOK)
		visit["outcome"] = "they decide on the spot"
		delete(visit, "kind")
		h.as(policy.LeadingGroup).IfMatch(office.Get(at).ETag()).Put(at, visit).Want(http.StatusOK)
		rate("b01", first).Want(http.StatusCreated)
		refused(t, rate("b03", h.joins("qian", policy.Secretary, ties{"b03": access.Leads})),
			http.StatusUnprocessableEntity, "invalid", "/subject")

		read := apitest.Decode[exchange.Event](first.Get(at), http.StatusOK)
		if read.Outcome != "they decide on the spot" || len(read.People.V) != 0 || read.StateBy != "leading_group" ||
			read.Kind != "study_visit" {
			t.Errorf("read by a secretary: %+v", read)
		}
		if told := apitest.Decode[exchange.Event](office.Get(at), http.StatusOK); len(told.People.V) != 1 ||
			told.StateBy != "liaison_office" {
			t.Errorf("read by the office: %+v", told)
		}
		for query, want := range map[string]int{
			"?branch=b01": 1, "?branch=b03": 1, "?branch=b0": 0, "?kind=event": 0, "?state=held": 1,
		} {
			if got := len(column(first.Get("/towns/demo/events"+query), "id")); got != want {
				t.Errorf("%s: %d, want %d", query, got, want)
			}
		}
		next := "/towns/demo/events/" + last(office.Post("/towns/demo/events", meeting("event")).Want(http.StatusCreated))
		moved(office, next, "cancelled", "flood").Want(http.StatusOK)
		p := office.IfMatch(`"2"`).Put(next, visit).Problem(http.StatusConflict)
		if p.Code != "event_cancelled" || p.Locked == nil || p.Locked.Reason != "flood" {
			t.Errorf("after the end: %+v", p)
		}
	})
}

// What came of a meeting can be told when a later edition has taken the place of a
// case that it was about, but a meeting that was held does not move into the future.
func TestAMeetingIsWrittenUpLate(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-01-10 12:00:00")
		h.inForce(smallScheme)
		secretary, group := h.as(policy.Secretary), h.as(policy.LeadingGroup)
		publish := func(at string) {
			moved(secretary, at, "submitted", "").Want(http.StatusOK)
			moved(group, at, "published", "").Want(http.StatusOK)
		}
		id := last(secretary.Post("/towns/demo/cases", object{
			"branch": "b01", "title": "Evening meetings", "story": "how we did it", "indicators": []string{"meetings"},
			"measures": []int{4},
		}).Want(http.StatusCreated))
		publish("/towns/demo/cases/" + id)
		content := meeting("event")
		content["cases"] = []string{id}
		at := "/towns/demo/events/" + last(group.Post("/towns/demo/events", content).Want(http.StatusCreated))
		moved(group, at, "held", "").Want(http.StatusOK)
		next := apitest.Decode[exchange.Case](secretary.Post("/towns/demo/cases/"+id+"/renew", nil), http.StatusOK)
		publish("/towns/demo/cases/" + next.ID)

		delete(content, "kind")
		write := func() *apitest.Answer { return group.IfMatch(group.Get(at).ETag()).Put(at, content) }
		content["outcome"] = "minutes came late"
		if e := apitest.Decode[exchange.Event](write(), http.StatusOK); e.Outcome != "minutes came late" ||
			len(e.Cases.V) != 1 || e.Cases.V[0] != id {
			t.Errorf("written up: %+v", e)
		}
		content["cases"] = []string{id, nothing}
		refused(t, write(), http.StatusUnprocessableEntity, "invalid", "/cases/1")
		content["cases"], content["held_on"] = []string{id}, "2026-01-11"
		refused(t, write(), http.StatusUnprocessableEntity, "invalid", "/held_on")
	})
}
