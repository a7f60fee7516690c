package api

import (
	"net/http"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/policy"
)

// Whose appointment has ended is refused by the very next request, in words that
// say so; a new letter lets the same key in again.
func TestAnEndedAppointmentEndsTheKey(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group := h.as(policy.LeadingGroup)
		group.Post("/towns/demo/people", object{"code": "li", "name": named("李某")}).Want(http.StatusCreated)
		today := day.Of(time.Now())
		term := func(letter string, from, until day.Date) object {
			return object{"person": "li", "role": "mentor", "letter": letter, "from": from, "until": until}
		}
		refused(t, group.Post("/towns/demo/appointments", term("", today, today)),
			http.StatusUnprocessableEntity, "invalid", "/letter")
		made := group.Post("/towns/demo/appointments",
			term("聘字1号", today.AddDays(-9), today.AddDays(9))).Want(http.StatusCreated)
		address := made.Header.Get("Location")[len("/api/v1"):]
		refused(t, group.Post("/towns/demo/appointments", term("聘字2号", today, today)),
			http.StatusConflict, "overlapping_appointment")
		li := h.As(apitest.Decode[NewKey](h.as(policy.Admin).Post("/keys", object{
			"roles": []string{"mentor", "leadership"}, "towns": []string{"demo"}, "person": "li",
		}), http.StatusCreated).Secret)
		if me := apitest.Decode[Me](li.Get("/me"), http.StatusOK); me.Role != policy.Mentor || len(me.Roles) != 1 {
			t.Errorf("I am %+v", me)
		}
		refused(t, li.Header("Act-As", "leadership").Get("/me"), http.StatusForbidden, "role_not_held")

		refused(t, group.Bad().Post(address+"/end", object{"until": today}),
			http.StatusPreconditionRequired, "if_match_required")
		group.IfMatch(`"1"`).Post(address+"/end", object{"until": today.AddDays(-1), "reason": "辞聘"}).Want(http.StatusOK)
		refused(t, li.Get("/towns/demo/people"), http.StatusForbidden, "no_role_now")
		refused(t, li.Get("/me"), http.StatusForbidden, "no_role_now")
		refused(t, h.as(policy.Reader).Get("/towns/demo/appointments"), http.StatusForbidden, "not_allowed")

		group.Post("/towns/demo/appointments", term("聘字3号", today, today)).Want(http.StatusCreated)
		li.Get("/towns/demo/people").Want(http.StatusOK)
		same(t, "history", column(li.Get("/towns/demo/appointments?person=li&role=mentor"), "letter"), "聘字1号", "聘字3号")
		same(t, "today", column(li.Get("/towns/demo/appointments?person=li&on="+string(today)), "letter"), "聘字3号")
		if a := apitest.Decode[people.Appointment](li.Get(address), http.StatusOK); a.Version != 2 || a.Reason != "辞聘" {
			t.Errorf("the first is %+v", a)
		}
		refused(t, li.Get("/towns/demo/appointments/0190a0a0-0000-7000-8000-000000000000"), http.StatusNotFound, "not_found")
	})
}
