package api

import (
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/improve/report"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// pairs ties an instructor to one more branch from a day on.
func (h *harness) pairs(person, branch string, duty access.Duty, from day.Date) {
	h.t.Helper()
	h.as(policy.Admin).Post("/towns/demo/assignments",
		object{"person": person, "branch": branch, "duty": duty, "from": from}).Want(http.StatusCreated)
}

// owned is the address of a problem that lin must solve.
func owned(lin *apitest.Client, branch string, due day.Date) string {
	x := troubleOf(object{"branch": branch, "owner_person": "lin", "due_on": due})
	delete(x, "owner_office")
	return lin.Post("/towns/demo/problems", x).Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
}

// A branch counts from the first to the last day of its pairing, and what is counted
// is counted once.
func TestFiguresAreOfTheDaysOfEachPairing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-05 09:00:00")
		lin, group, office := h.paired("lin", "2026-01-05"), h.as(policy.LeadingGroup), h.as(policy.Office)
		h.every(7, 90)
		h.appointed("demo", "lin", policy.Mentor)
		h.pairs("lin", "b02", access.Instructs, "2026-01-05")
		h.pairs("lin", "b03", access.Mentors, "2026-01-05")
		tasks := []string{
			set(group, taskOf("b01", "mentor")), set(group, taskOf("b01", "mentor")), set(group, taskOf("b02", "mentor")),
			set(group, taskOf("b03", "lin")), set(group, taskOf("", "lin")),
		}

		clock.noon(t, "2026-01-07") // the day before b02 is paired, as is corrected below
		owned(lin, "b02", "2026-01-12")
		reported(h.as(policy.Mentor), tasks[2], 10, "x").Want(http.StatusOK)
		clock.noon(t, "2026-01-08")
		late := owned(lin, "b02", "2026-01-12")
		closed, open := owned(lin, "b01", "2026-01-10"), owned(lin, "b01", "2026-01-13")
		clock.noon(t, "2026-01-09")
		reported(h.as(policy.Mentor), tasks[0], 10, "x").Want(http.StatusOK)
		reported(lin, tasks[3], 10, "x").Want(http.StatusOK)
		reported(lin, tasks[4], 10, "x").Want(http.StatusOK)
		completed(h.as(policy.Mentor), tasks[1], "x").Want(http.StatusOK)
		clock.noon(t, "2026-01-12")
		moved(lin, closed, "in_progress", "").Want(http.StatusOK)
		moved(lin, closed, "solved", "dug").Want(http.StatusOK)
		moved(office, closed, "reopened", "wet again").Want(http.StatusOK)
		moved(lin, closed, "in_progress", "").Want(http.StatusOK)
		moved(lin, closed, "solved", "dug deeper").Want(http.StatusOK)
		moved(office, closed, "closed", "").Want(http.StatusOK)
		clock.noon(t, "2026-01-23")
		for _, v := range [][2]string{
			{"b01", "2026-01-14"},
			{"b01", "2026-01-08"},
			{"b02", "2026-01-07"},
			{"b02", "2026-01-08"},
			{"b02", "2026-01-12"},
			{"b02", "2026-01-13"},
		} {
			visitedOn(lin, v[0], v[1])
		}
		lin.Post("/towns/demo/visits", visitOf(object{"branch": "b01", "visited_on": "2026-01-09"})).Want(http.StatusCreated)
		h.must(h.db.Exec("UPDATE assignments SET valid_from = '2026-01-08', duties_from = '2026-01-08', valid_until = '2026-01-12' WHERE person_code = 'lin' AND branch_code = 'b02'").Error)

		// made, missed, opened, solved, overdue, tasks, items
		f, got := reportFigures(lin, "2026-01-05", "2026-01-14")
		if want := [7]int{4, 0, 3, 1, 1, 4, 0}; got != want {
			t.Errorf("until 01-14: %v, want %v", got, want)
		}
		same(t, "overdue", f.ProblemsOverdue.IDs, open[len("/towns/demo/problems/"):])
		same(t, "opened", f.ProblemsOpened.IDs, late[len("/towns/demo/problems/"):], closed[len("/towns/demo/problems/"):],
			open[len("/towns/demo/problems/"):])
		same(t, "branches", f.Branches, "b01", "b02")
		h.pairs("lin", "b02", access.Instructs, "2026-01-20") // once more: both of its problems are lin's again
		f, got = reportFigures(lin, "2026-01-05", "2026-01-23")
		if want := [7]int{4, 1, 3, 1, 3, 4, 0}; got != want {
			t.Errorf("until 01-23: %v, want %v", got, want)
		}
		same(t, "branches", f.Branches, "b01", "b02")
		if m := f.VisitsMissed.Visits[0]; m.Branch != "b01" || m.DueOn != "2026-01-21" {
			t.Errorf("missed: %+v", m)
		}
		h.must(h.db.Exec("UPDATE branches SET closed_on = '2026-01-21' WHERE code = 'b02'").Error)
		f, _ = reportFigures(lin, "2026-01-05", "2026-01-23") // b02 has ended, with its pairing
		same(t, "overdue", f.ProblemsOverdue.IDs, open[len("/towns/demo/problems/"):])
		f, _ = reportFigures(lin, "2026-01-20", "2026-01-20")
		same(t, "branches on the last day of b02", f.Branches, "b01", "b02")
		f, _ = reportFigures(lin, "2026-01-21", "2026-01-23")
		same(t, "branches after the end of b02", f.Branches, "b01")
	})
}

// An item counts on the day of its verification, once however often it was verified.
func TestVerifiedItemsInAReport(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-10 09:00:00")
		c := newCampaign(h)
		c.publishes("2026Q1", "2026-01-01", "2026-03-31", spring())
		_, item := c.runningItem(11)
		secretary, instructor := h.as(policy.Secretary), h.as(policy.Instructor)
		clock.set(t, "2026-04-11 23:59:00")
		moveItem(secretary, item, "done", "", "minutes").Want(http.StatusOK)
		clock.set(t, "2026-04-12 00:00:01")
		moveItem(instructor, item, "verified", "", "").Want(http.StatusOK)
		moveItem(c.group, item, "returned", "one is missing", "").Want(http.StatusOK)
		moveItem(secretary, item, "done", "", "all minutes").Want(http.StatusOK)
		clock.set(t, "2026-04-13 23:59:59")
		moveItem(instructor, item, "verified", "", "").Want(http.StatusOK)
		clock.noon(t, "2026-04-20")
		verified := func(from, until day.Date, want int) {
			t.Helper()
			if f, _ := reportFigures(instructor, from, until); f.ItemsVerified.Count != want ||
				len(f.ItemsVerified.IDs) != want {
				t.Errorf("%s to %s: %+v, want %d", from, until, f.ItemsVerified, want)
			}
		}
		verified("2026-04-11", "2026-04-11", 0)
		verified("2026-04-12", "2026-04-12", 1)
		verified("2026-04-12", "2026-04-13", 1)
		verified("2026-04-13", "2026-04-13", 1)
		verified("2026-04-14", "2026-04-20", 0)
		h.must(h.db.Exec("UPDATE assignments SET valid_until = '2026-04-12' WHERE duty = 'instructs'").Error)
		verified("2026-04-12", "2026-04-13", 1)
		h.must(h.db.Exec("UPDATE assignments SET valid_until = '2026-04-11' WHERE duty = 'instructs'").Error)
		verified("2026-04-11", "2026-04-13", 0)
	})
}

// A draft shows the figures of now in the answer about it; each step of its author is
// checked like the first, and no other town knows it.
func TestADraftOfAReport(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-05 09:00:00")
		lin := h.paired("lin", "2026-01-05")
		clock.noon(t, "2026-01-23")
		at := begunReport(lin, "2026-01-05", "2026-01-20")
		for made := range 2 {
			if r := apitest.Decode[report.Report](lin.Get(at), http.StatusOK); r.Figures == nil ||
				r.Figures.VisitsMade.Count != made {
				t.Errorf("figures after %d visits: %+v", made, r.Figures)
			}
			visitedOn(lin, "b01", "2026-01-06")
		}
		refused(t, lin.IfMatch(`"1"`).Put(at, reportOf("2026-01-05", "2026-01-24")),
			http.StatusUnprocessableEntity, "invalid", "/until")
		refused(t, remarked(lin, at, "submitted", "done"), http.StatusUnprocessableEntity, "invalid", "/remark")
		lin.Get(reportsAt + "/draft?from=2025-01-23&until=2026-01-23").Want(http.StatusOK) // 366 days
		refused(t, lin.Get(reportsAt+"/draft?from=2025-01-22&until=2026-01-23"),
			http.StatusUnprocessableEntity, "invalid", "/until")

		next := begunReport(lin, "2026-01-21", "2026-01-23")
		first := apitest.Decode[rest.Page[report.Report]](lin.Get(reportsAt+"?page_size=1"), http.StatusOK)
		same(t, "the first page", []string{reportsAt + "/" + first.Items[0].ID}, at)
		same(t, "allowed", first.Items[0].Allowed, "write", "submit")
		same(t, "the second page", column(lin.Get(reportsAt+"?page_size=1&page_token="+first.NextPageToken), "id"),
			next[len(reportsAt)+1:])

		h.must(h.db.Exec("UPDATE assignments SET valid_from = '2026-01-21', duties_from = '2026-01-21' WHERE person_code = 'lin'").Error)
		refused(t, remarked(lin, at, "submitted", ""), http.StatusUnprocessableEntity, "invalid", "/from")
		h.must(h.db.Exec("UPDATE assignments SET valid_from = '2026-01-20', duties_from = '2026-01-20' WHERE person_code = 'lin'").Error)
		remarked(lin, at, "submitted", "").Want(http.StatusOK)

		two := h.As(h.key(credential.Key{Roles: []policy.Role{policy.Leadership}, Towns: []string{"demo", "quiet"}}))
		two.Get(at).Want(http.StatusOK)
		refused(t, two.Get("/towns/quiet"+at[len("/towns/demo"):]), http.StatusNotFound, "not_found")
		same(t, "reports of another town", column(two.Get("/towns/quiet/reports"), "id"))

		// Who is in the leading group too sees the own draft, and can do nothing with it there.
		h.appointed("demo", "lin", policy.LeadingGroup)
		person := "lin"
		both := h.As(h.key(credential.Key{
			Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{"demo"}, PersonCode: &person,
		}))
		may(t, both, next)
		same(t, "all that the author sees", column(both.Get(reportsAt), "id"), at[len(reportsAt)+1:], next[len(reportsAt)+1:])
		same(t, "all that is submitted", column(h.as(policy.LeadingGroup).Get(reportsAt), "id"), at[len(reportsAt)+1:])
	})
}
