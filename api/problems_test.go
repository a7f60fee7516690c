package api

import (
	"maps"
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/improve/visit"
	"bulwark/internal/policy"
)

// troubleOf is a problem of the office, and members changed or added.
func troubleOf(change object) object {
	x := object{
		"title": "drains of the old village", "owner_office": "office", "persons": []string{"mentor"},
		"offices": []string{}, "due_on": "2099-01-30",
	}
	maps.Copy(x, change)
	return x
}

// opened is the address of a problem of b01 that is due on a day.
func opened(c *apitest.Client, due string) string {
	made := c.Post("/towns/demo/problems", troubleOf(object{"branch": "b01", "due_on": due})).Want(http.StatusCreated)
	return made.Header.Get("Location")[len("/api/v1"):]
}

// A problem is solved by one party and closed by another; what was closed comes
// back with its history.
func TestTheLifeOfAProblem(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-10 09:00:00")
		instructor, office, group := h.as(policy.Instructor), h.as(policy.Office), h.as(policy.LeadingGroup)
		at := opened(instructor, "2026-01-30")
		may(t, instructor, at, "write", "attach", "start")
		may(t, h.as(policy.Secretary), at)
		may(t, group, at)
		refused(t, moved(instructor, at, "solved", "dug"), http.StatusConflict, "no_such_transition")
		moved(office, at, "in_progress", "").Want(http.StatusOK)
		refused(t, moved(instructor, at, "solved", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
		solve := func(c *apitest.Client, party string) {
			t.Helper()
			body := object{"to": "solved", "reason": "dug by night", "evidence": "photographs"}
			if party != "" {
				body["solved_for"] = party
			}
			c.IfMatch(c.Get(at).ETag()).Post(at+"/transitions", body).Want(http.StatusOK)
		}
		solve(instructor, "")
		mine := moved(instructor, at, "closed", "")
		refused(t, mine, http.StatusConflict, "another_party_needed")
		if l := mine.Problem(http.StatusConflict).Locked; l == nil || l.By != "instructor" || l.Reason != "dug by night" {
			t.Errorf("locked: %+v", l)
		}
		may(t, instructor, at, "reopen")
		may(t, office, at, "close", "reopen")
		second := h.joins("lin", policy.Instructor, ties{"b01": access.Instructs}) // another person of the same party
		refused(t, moved(second, at, "closed", ""), http.StatusConflict, "another_party_needed")
		refused(t, moved(office, at, "reopened", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
		moved(office, at, "reopened", "wet again").Want(http.StatusOK)
		moved(instructor, at, "in_progress", "").Want(http.StatusOK)
		solve(instructor, "branch")
		// who said so does not confirm it
		refused(t, moved(instructor, at, "closed", ""), http.StatusConflict, "another_party_needed")
		moved(second, at, "closed", "seen dry").Want(http.StatusOK)

		x := apitest.Decode[visit.Problem](group.Get(at), http.StatusOK)
		verbs := []string{}
		for _, m := range x.History {
			verbs = append(verbs, m.Verb)
		}
		same(t, "history", verbs, "open", "start", "solve", "reopen", "start", "solve", "close")
		if x.State != visit.ProblemClosed || *x.ClosedOn != "2026-01-10" || x.SolvedFor != visit.OfBranch || x.Relapses != 0 {
			t.Errorf("closed: %+v", x)
		}
		for _, change := range []string{"UPDATE transitions SET reason = 'x'", "DELETE FROM transitions"} {
			if h.db.Exec(change).Error == nil {
				t.Errorf("%s: done", change)
			}
		}
		if x := apitest.Decode[visit.Problem](h.as(policy.Secretary).Get(at), http.StatusOK); x.SolvedBy != "" ||
			x.History[0].Actor != "instructor" {
			t.Errorf("the secretary reads %+v", x)
		}

		h.inForce(smallScheme)
		h.as(policy.LeadingGroup).Post("/towns/demo/periods", object{
			"code": "2026", "kind": "year", "starts_on": "2026-02-01", "ends_on": "2027-01-31", "scheme": object{"code": "small"},
		}).Want(http.StatusCreated)
		for _, q := range [][3]string{
			{"2026Q1", "2026-01-10", "2026-03-31"},
			{"2026Q2", "2026-04-01", "2026-06-30"},
			{"2026Q3", "2026-07-01", "2026-09-30"},
			{"2026Q4", "2026-10-01", "2026-12-31"},
		} {
			h.planned(q[0], q[1], q[2])
		}
		clock.noon(t, "2026-10-01")
		refused(t, moved(office, at, "reopened", "again"), http.StatusConflict, "relapsed_too_late")
		clock.noon(t, "2026-09-30")
		moved(office, at, "reopened", "again").Want(http.StatusOK)
		if x := apitest.Decode[visit.Problem](group.Get(at), http.StatusOK); x.Relapses != 1 || x.ClosedOn != nil ||
			!x.Overdue || len(x.History) != 8 {
			t.Errorf("relapsed: %+v", x)
		}
	})
}

// Owners and participants are of the town, a moved day needs a reason, and what
// ought to be done is told from the day after the due day.
func TestWhatAProblemSays(t *testing.T) {
	inZone(t, "Pacific/Honolulu")
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-10 09:00:00")
		instructor, group := h.as(policy.Instructor), h.as(policy.LeadingGroup)
		const list = "/towns/demo/problems"
		refused(t, instructor.Post(list, troubleOf(object{"branch": "b02"})), http.StatusForbidden, "not_assigned")
		refused(t, instructor.Post(list, troubleOf(object{
			"branch": "b01", "owner_person": "nobody", "persons": []string{"mentor", "x"}, "offices": []string{"y"},
			"due_on": "2026-01-09",
		})), http.StatusUnprocessableEntity, "invalid", "/owner_person", "/due_on", "/owner_person", "/persons/1",
			"/offices/0")
		refused(t, instructor.Post(list, troubleOf(object{"branch": "b01", "finding": 1})),
			http.StatusUnprocessableEntity, "invalid", "/visit")
		at := opened(instructor, "2026-01-10")
		overdue := func() []string { return column(group.Get(list+"?overdue=true"), "branch") }
		clock.set(t, "2026-01-10 23:59:59")
		same(t, "on the due day", overdue())
		clock.set(t, "2026-01-11 00:00:01")
		same(t, "the day after", overdue(), "b01")

		tag := instructor.Get(at).ETag()
		refused(t, instructor.IfMatch(tag).Put(at, troubleOf(object{"due_on": "2026-02-01"})),
			http.StatusUnprocessableEntity, "invalid", "/reason")
		handed := troubleOf(object{"owner_person": "instructor", "due_on": "2026-01-10"})
		delete(handed, "owner_office")
		refused(t, instructor.IfMatch(tag).Put(at, handed), http.StatusUnprocessableEntity, "invalid", "/reason")
		// what is past may stay
		instructor.IfMatch(tag).Put(at, troubleOf(object{"due_on": "2026-01-10", "title": "drains"})).Want(http.StatusOK)
		refused(t, instructor.IfMatch(tag).Put(at, troubleOf(object{"due_on": "2026-01-10"})),
			http.StatusPreconditionFailed, "stale_version")
		instructor.IfMatch(`"2"`).Put(at, troubleOf(object{"due_on": "2026-02-01", "reason": "rain"})).Want(http.StatusOK)
		same(t, "postponed", overdue())
		x := apitest.Decode[visit.Problem](group.Get(at), http.StatusOK)
		if len(x.History) != 3 || x.History[1].DueOn != "2026-01-10" || x.History[2].DueOn != "2026-02-01" ||
			x.History[2].Reason != "rain" {
			t.Errorf("history: %+v", x.History)
		}
		moved(instructor, at, "in_progress", "").Want(http.StatusOK)
		moved(instructor, at, "solved", "done").Want(http.StatusOK)
		refused(t, instructor.IfMatch(`"5"`).Put(at, troubleOf(object{"due_on": "2026-02-01"})),
			http.StatusConflict, "problem_solved")

		counts, err := visit.CountProblems(t.Context(), h.db, "demo", access.Reach{All: true})
		if err != nil || len(counts) != 1 || counts[visit.ProblemSolved] != 1 {
			t.Errorf("%v %v", counts, err)
		}
		counts, err = visit.CountProblems(t.Context(), h.db, "demo", access.Reach{Branches: map[string]bool{"b02": true}})
		if err != nil || len(counts) != 0 {
			t.Errorf("out of reach: %v %v", counts, err)
		}
	})
}

// What a visit found opens a problem in the same request, once, or nothing is done.
func TestAFindingOpensAProblem(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-01-10 09:00:00")
		instructor, office := h.as(policy.Instructor), h.as(policy.Office)
		made := instructor.Post("/towns/demo/visits", visitOf(object{"branch": "b01"})).Want(http.StatusCreated)
		visit, at := last(made), made.Header.Get("Location")[len("/api/v1"):]
		record := func(finding int) *apitest.Answer {
			return instructor.IfMatch(`"1"`).Post(at+"/transitions",
				object{"to": "recorded", "problems": []object{troubleOf(object{"finding": finding})}})
		}
		refused(t, record(2), http.StatusUnprocessableEntity, "invalid", "/finding")
		may(t, instructor, at, "write", "attach", "record") // nothing was done
		record(1).Want(http.StatusOK)
		same(t, "found", column(office.Get("/towns/demo/problems?visit="+visit), "visit"), visit)
		again := troubleOf(object{"branch": "b01", "visit": visit, "finding": 1})
		refused(t, office.Post("/towns/demo/problems", again), http.StatusConflict, "already_opened")
		refused(t, instructor.IfMatch(`"2"`).Put(at, visitOf(object{"findings": []object{}, "reason": "x"})),
			http.StatusUnprocessableEntity, "invalid", "/findings")
		two := h.joins("lin", policy.Instructor, ties{"b02": access.Instructs})
		elsewhere := troubleOf(object{"branch": "b02", "visit": visit})
		refused(t, two.Post("/towns/demo/problems", elsewhere), http.StatusUnprocessableEntity, "invalid", "/visit")
		both := h.joins("zhao", policy.Instructor, ties{"b01": access.Instructs, "b02": access.Instructs})
		refused(t, both.Post("/towns/demo/problems", elsewhere), http.StatusUnprocessableEntity, "invalid", "/visit")

		earlier := opened(instructor, "2026-02-01")
		after := func(branch string) object {
			return troubleOf(object{"branch": branch, "after": earlier[len("/towns/demo/problems/"):]})
		}
		refused(t, two.Get(earlier), http.StatusNotFound, "not_found")
		same(t, "of another branch", column(two.Get("/towns/demo/problems"), "id"))
		// not closed
		refused(t, both.Post("/towns/demo/problems", after("b01")), http.StatusUnprocessableEntity, "invalid", "/after")
		moved(instructor, earlier, "in_progress", "").Want(http.StatusOK)
		moved(instructor, earlier, "solved", "dug").Want(http.StatusOK)
		moved(office, earlier, "closed", "").Want(http.StatusOK)
		refused(t, both.Post("/towns/demo/problems", after("b02")), http.StatusUnprocessableEntity, "invalid", "/after")
		both.Post("/towns/demo/problems", after("b01")).Want(http.StatusCreated)
	})
}

// A list costs the same whether it is long or short.
func TestStatementsOfProblems(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-03-10 09:00:00")
		first := int64(0)
		for range 4 {
			opened(h.as(policy.Instructor), "2026-04-01")
			coldStart(h.server)
			before := database.Queries(db)
			h.as(policy.Mentor).Get("/towns/demo/problems").Want(http.StatusOK)
			got := database.Queries(db) - before
			if first == 0 {
				first = got
			}
			if got != first {
				t.Errorf("%d statements, and %d with more problems", first, got)
			}
		}
	})
}
