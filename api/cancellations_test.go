package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/people"
	"bulwark/internal/policy"
)

// cancels calls cancel on a row, by the version that the caller reads.
func cancels(c *apitest.Client, path string) *apitest.Answer {
	return c.IfMatch(c.Get(path).Want(http.StatusOK).ETag()).Post(path+"/cancel", object{"reason": "meant for another"})
}

// offered compares what is allowed on a row with what a call does, and undoes nothing: the call
// is refused by its own code where it is not allowed.
func offered(t *testing.T, c *apitest.Client, path, refusal string) {
	t.Helper()
	allowed := apitest.Decode[struct{ Allowed []string }](c.Get(path), http.StatusOK).Allowed
	if slices.Contains(allowed, "cancel") != (refusal == "") {
		t.Errorf("%s allows %v, and a call is refused by %q", path, allowed, refusal)
	}
	if refusal == "" {
		return
	}
	if a := cancels(c, path); a.Status < 400 || !strings.Contains(string(a.Body), `"`+refusal+`"`) {
		t.Errorf("%s: %d %s, want %s", path, a.Status, a.Body, refusal)
	}
}

// created creates a row and returns its address.
func created(c *apitest.Client, path string, body object) string {
	return madeAt(c.Post(path, body).Want(http.StatusCreated))
}

// What ties a person by mistake ends with the next request: the row stays, and no reader counts
// it for any day, besides conflicts of interest.
func TestARoleOrPairingOfTheWrongPersonIsCancelled(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-01-10 09:00:00")
		h.inForce(lifeScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		group, admin := h.as(policy.LeadingGroup), h.as(policy.Admin)
		li := h.joins("li", policy.Mentor, nil)
		sheet := func(branch string) *apitest.Answer {
			return li.Post("/towns/demo/evaluations", sheetOf("2026Q1", branch, []object{{"code": "spirit", "value": 70}}))
		}
		pair := object{"person": "li", "branch": "b02", "duty": "mentors", "from": "2026-01-01"}
		at := created(group, "/towns/demo/assignments", pair)
		expected := func() int {
			return len(column(group.Get("/towns/demo/periods/2026Q1/completeness?by=evaluator"), "evaluator"))
		}
		before := expected()
		sheet("b02").Want(http.StatusCreated)
		refused(t, group.Bad().IfMatch(`"1"`).Post(at+"/cancel", object{}), http.StatusUnprocessableEntity, "invalid", "/reason")
		a := apitest.Decode[people.Assignment](cancels(group, at), http.StatusOK)
		if a.CancelledAt == nil || a.CancelledBy != "leading_group" || a.CancelReason != "meant for another" || a.ValidUntil != nil {
			t.Errorf("cancelled: %+v", a)
		}
		refused(t, sheet("b02"), http.StatusForbidden, "not_assigned")
		same(t, "in force", column(group.Get("/towns/demo/assignments?person=li&on=2026-01-10"), "id"))
		same(t, "in force that day", column(group.Get("/towns/demo/assignments?person=li&on=2026-01-05"), "id"))
		same(t, "of all time", column(group.Get("/towns/demo/assignments?person=li"), "id"), a.ID)
		if strings.Contains(string(group.Get("/towns/demo/pairings").Body), `"li"`) {
			t.Error("the pairings still name li")
		}
		if now := expected(); now > before {
			t.Errorf("%d evaluators, were %d", now, before)
		}
		refused(t, group.IfMatch(`"2"`).Post(at+"/end", object{"until": "2026-01-10"}), http.StatusConflict, "cancelled_already")
		pair["branch"] = "b03"
		created(group, "/towns/demo/assignments", pair)
		pair["branch"] = "b02"
		cancels(group, created(group, "/towns/demo/assignments", pair)).Want(http.StatusOK) // again, and again a mistake

		made := created(group, "/towns/demo/appointments", object{"person": "li", "role": "instructor", "from": "2026-01-01"})
		key := h.As(h.key(credential.Key{Roles: []policy.Role{policy.Instructor}, Towns: []string{"demo"}, PersonCode: new("li")}))
		key.Get("/me").Want(http.StatusOK)
		offered(t, li, made, "not_allowed")
		cancels(admin, made).Want(http.StatusOK)
		refused(t, key.Get("/me"), http.StatusForbidden, "no_role_now")
		refused(t, group.Post("/towns/demo/assignments", object{
			"person": "li", "branch": "b01", "duty": "instructs", "from": "2026-01-01",
		}), http.StatusUnprocessableEntity, "invalid", "/person")
		created(group, "/towns/demo/appointments", object{"person": "li", "role": "instructor", "from": "2026-01-01"})
		key.Get("/me").Want(http.StatusOK)

		var kept []string
		h.must(db.Raw("SELECT action FROM audit_records WHERE subject = ? ORDER BY sequence", at[len("/towns/demo/"):]).Scan(&kept).Error)
		same(t, "the trail", kept, "assignment.create", "assignment.cancel")
	})
}

// The members of an office reach its branches, until the membership or the link is cancelled.
func TestAMembershipOrLinkIsCancelled(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-01-10 09:00:00")
		group := h.as(policy.LeadingGroup)
		wang := h.joins("wang", policy.Office, nil)
		created(group, "/towns/demo/offices", object{"code": "river", "name": named("river")})
		const at = "/towns/demo/offices/river/"
		join := object{"person": "wang", "from": "2026-01-01"}
		member := created(group, at+"members", join)
		link := created(group, at+"links", object{"branch": "b02", "from": "2026-01-01"})
		reach := func() int {
			return len(column(wang.Get("/towns/demo/measures/1/tasks"), "id"))
		}
		created(group, "/towns/demo/measures/1/tasks", taskOf("b02", "mentor"))
		if reach() != 1 {
			t.Fatal("wang does not reach b02")
		}
		cancels(group, link).Want(http.StatusOK)
		if reach() != 0 {
			t.Error("by a cancelled link wang reaches b02")
		}
		created(group, at+"links", object{"branch": "b02", "from": "2026-01-01"})
		if reach() != 1 {
			t.Error("by the new link wang does not reach b02")
		}
		cancels(group, member).Want(http.StatusOK)
		if reach() != 0 {
			t.Error("by a cancelled membership wang reaches b02")
		}
		same(t, "members today", column(group.Get(at+"members?on=2026-01-10"), "person"))
		same(t, "members ever", column(group.Get(at+"members"), "person"), "wang")
		created(group, at+"members", join)
		chen := h.joins("chen", policy.LeadingGroup, nil)
		h.appointed("demo", "chen", policy.Office)
		created(group, at+"members", object{"person": "chen", "from": "2026-01-01"})
		offered(t, chen, link, "own_tie")
		offered(t, group, link, "own_cancellation")
		offered(t, h.as(policy.Admin), link, "person_needed")
	})
}

// What one person cancelled counts for conflicts of interest as held until that day. Only when
// another person has cancelled it too it does not; a credential of no person is none.
func TestACancelledTieCountsUntilTwoPersonsCancelIt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-10 09:00:00")
		h.inForce(lifeScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		group, admin := h.as(policy.LeadingGroup), h.as(policy.Admin)
		fang := h.joins("fang", policy.LeadingGroup, nil)
		h.appointed("demo", "fang", policy.Secretary)
		sheet := begun(h.as(policy.Mentor), "2026Q1", "b01", value("spirit", 70))
		moved(h.as(policy.Mentor), sheet, "submitted", "").Want(http.StatusOK)
		at := created(group, "/towns/demo/assignments", object{"person": "fang", "branch": "b01", "duty": "leads", "from": "2026-01-01"})
		decides := func() *apitest.Answer { return moved(fang, sheet, "approved", "") }
		refused(t, decides(), http.StatusForbidden, "conflict_of_interest")
		offered(t, fang, at, "own_tie")
		offered(t, h.as(policy.Leadership), at, "not_allowed")
		offered(t, admin, at, "")
		cancels(admin, at).Want(http.StatusOK) // by no person
		offered(t, admin, at, "person_needed")
		refused(t, decides(), http.StatusForbidden, "conflict_of_interest")
		if err := db.Exec("UPDATE assignments SET cancel_confirmed_by = 'mentor' WHERE person_code = 'fang'").Error; err == nil {
			t.Error("the database takes a second person without a first")
		}
		offered(t, group, at, "")
		cancels(group, at).Want(http.StatusOK) // by one
		clock.noon(t, "2026-02-10")
		offered(t, group, at, "own_cancellation")
		refused(t, decides(), http.StatusForbidden, "conflict_of_interest")
		leads, err := access.Principal{Person: "fang"}.IsLeader(t.Context(), db, "demo", "b01", "2026-01-10")
		if err != nil || !leads {
			t.Errorf("on the day of the cancellation: %t, %v", leads, err)
		}
		leads, err = access.Principal{Person: "fang"}.IsLeader(t.Context(), db, "demo", "b01", "2026-01-11")
		if err != nil || leads {
			t.Errorf("on the day after: %t, %v", leads, err)
		}
		offered(t, fang, at, "own_tie")
		a := apitest.Decode[people.Assignment](cancels(h.Second(), at), http.StatusOK) // by two
		if a.CancelledBy != "leading_group" || a.CancelConfirmedBy != string(second) || len(a.Allowed) != 0 {
			t.Errorf("by two: %+v", a)
		}
		offered(t, group, at, "cancelled_already")
		decides().Want(http.StatusOK)
		var kept []string
		h.must(db.Raw("SELECT action FROM audit_records WHERE subject = ? ORDER BY sequence", at[len("/towns/demo/"):]).Scan(&kept).Error)
		same(t, "the trail", kept, "assignment.create", "assignment.cancel", "assignment.cancel", "assignment.confirm_cancellation")
	})
}

// Whose new right to decide waits to be acknowledged has none to wait for once the appointment
// is cancelled.
func TestACancelledAppointmentLeavesNoRightWaiting(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		lockedQuarter(h)
		confirmed(h.as(policy.LeadingGroup), "/towns/demo/periods/2026Q1", publishes(h.as(policy.LeadingGroup)))
		group := h.as(policy.LeadingGroup)
		group.Post("/towns/demo/people", object{"code": "xu", "name": named("xu")}).Want(http.StatusCreated)
		at := created(group, "/towns/demo/appointments", object{"person": "xu", "role": "leading_group", "from": "2020-01-01"})
		same(t, "waiting", column(group.Get("/towns/demo/rights?state=seconded"), "person"), "xu")
		cancels(group, at).Want(http.StatusOK)
		same(t, "waiting", column(group.Get("/towns/demo/rights?state=seconded"), "person"))
		same(t, "superseded", column(group.Get("/towns/demo/rights?state=superseded"), "person"), "xu")
	})
}
