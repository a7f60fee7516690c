package api

import (
	"net/http"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/policy"
)

// An office reaches what it is linked to while the caller is a member: from one
// request to the next.
func TestOfficesAreLinked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		h.planned("2023Q1", "2023-01-01", "2023-03-31")
		h.steps("2023Q1", "open")
		group, officer := h.as(policy.LeadingGroup), h.as(policy.Office)
		sheet := sheetOf("2023Q1", "b02", nil)
		today := day.Of(time.Now())
		refused(t, officer.Post("/towns/demo/evaluations", sheet), http.StatusForbidden, "not_assigned")

		made := group.Post("/towns/demo/offices", object{"code": "farming", "name": named("农业农村办")}).Want(http.StatusCreated)
		const office = "/towns/demo/offices/farming"
		if got := made.Header.Get("Location"); got != "/api/v1"+office {
			t.Errorf("Location %q", got)
		}
		refused(t, group.Post("/towns/demo/offices", object{"code": "farming", "name": named("x")}),
			http.StatusConflict, "already_exists", "/code")
		refused(t, group.Bad().Put(office, object{"name": named("农办")}), http.StatusPreconditionRequired, "if_match_required")
		group.IfMatch(`"1"`).Put(office, object{"name": named("农办")}).Want(http.StatusOK)
		refused(t, group.IfMatch(`"1"`).Put(office, object{"name": named("农办")}),
			http.StatusPreconditionFailed, "stale_version")
		same(t, "offices", column(group.Get("/towns/demo/offices"), "code"), "farming", "office")

		joined := group.Post(office+"/members",
			object{"person": "liaison_office", "from": today.AddDays(-9)}).Want(http.StatusCreated)
		refused(t, group.Post(office+"/members", object{"person": "mentor", "from": today}),
			http.StatusUnprocessableEntity, "invalid", "/person")
		linked := group.Post(office+"/links", object{"branch": "b02", "from": today.AddDays(-9)}).Want(http.StatusCreated)
		refused(t, group.Post(office+"/links", object{"branch": "b02", "from": today}),
			http.StatusConflict, "overlapping_link")
		officer.Post("/towns/demo/evaluations", sheet).Want(http.StatusCreated)

		memberAt, linkAt := joined.Header.Get("Location")[len("/api/v1"):], linked.Header.Get("Location")[len("/api/v1"):]
		refused(t, group.IfMatch(`"1"`).Post(linkAt+"/end", object{"until": today.AddDays(-10)}),
			http.StatusUnprocessableEntity, "invalid", "/until")
		for _, end := range []struct{ at, list, name string }{
			{memberAt, "/members", "person"}, {linkAt, "/links", "branch"},
		} {
			who := column(group.Get(office+end.list), end.name)
			same(t, "today", column(group.Get(office+end.list+"?on="+string(today)), end.name), who...)
			group.IfMatch(`"1"`).Post(end.at+"/end", object{"until": today.AddDays(-1), "reason": "调整"}).Want(http.StatusOK)
			same(t, "yesterday", column(group.Get(office+end.list+"?on="+string(today.AddDays(-1))), end.name), who...)
			same(t, "today", column(group.Get(office+end.list+"?on="+string(today)), end.name))
			if a := apitest.Decode[struct{ Reason string }](group.Get(end.at), http.StatusOK); a.Reason != "调整" {
				t.Errorf("%s: %+v", end.at, a)
			}
			refused(t, officer.IfMatch(`"2"`).Post(end.at+"/end", object{"until": today.AddDays(-1)}),
				http.StatusForbidden, "not_allowed")
		}
		refused(t, officer.Post("/towns/demo/evaluations", sheetOf("2023Q1", "b03", nil)),
			http.StatusForbidden, "not_assigned")
		refused(t, officer.IfMatch(`"1"`).Put("/towns/demo/evaluations/"+column(officer.Get("/towns/demo/evaluations"),
			"id")[0], object{"entries": []object{}}),
			http.StatusForbidden, "not_assigned")

		for _, path := range []string{
			"/towns/demo/offices/none", "/towns/demo/offices/none/members", "/towns/demo/offices/none/links",
			"/towns/demo/offices/office/members/" + memberAt[len(memberAt)-36:],
		} {
			refused(t, group.Get(path), http.StatusNotFound, "not_found")
		}
		refused(t, h.as(policy.Reader).Get("/towns/demo/offices"), http.StatusForbidden, "not_allowed")
	})
}

// Who shares a duty that is meant for one is refused in words that name the other.
func TestExclusiveAssignmentsAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.joins("li", policy.Instructor, nil)
		group := h.as(policy.LeadingGroup)
		in := object{"person": "li", "branch": "b01", "duty": "instructs", "from": "2023-01-01", "exclusive": true}
		refused(t, group.Post("/towns/demo/assignments", in), http.StatusConflict, "exclusive_assignment")
		in["branch"] = "b02"
		group.Post("/towns/demo/assignments", in).Want(http.StatusCreated)
		in["person"], in["exclusive"] = "instructor", false
		refused(t, group.Post("/towns/demo/assignments", in), http.StatusConflict, "exclusive_assignment")
		h.appointed("demo", "instructor", policy.Secretary)
		refused(t, group.Post("/towns/demo/assignments",
			object{"person": "instructor", "branch": "b01", "duty": "leads", "from": "2023-01-01"}),
			http.StatusConflict, "conflict_of_interest")
	})
}
