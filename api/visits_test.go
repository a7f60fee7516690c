package api

import (
	"maps"
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/improve/visit"
	"bulwark/internal/people"
	"bulwark/internal/policy"
)

// visitOf is a visit with one finding, and members changed or added.
func visitOf(change object) object {
	v := object{
		"visited_on": "2026-01-05", "place": "meeting room", "evidence": "photographs",
		"checks": []object{{"code": "ledger", "text": "the ledger is kept", "mark": "not_ok", "note": "two months behind"}},
		"findings": []object{
			{"statement": "two meetings have no minutes", "severity": "major", "indicator": "meetings", "measure": 3},
		},
	}
	maps.Copy(v, change)
	return v
}

// visitedOn is the address of a visit to the branch that counts.
func visitedOn(c *apitest.Client, branch, on string) string {
	made := c.Post("/towns/demo/visits", visitOf(object{"branch": branch, "visited_on": on})).Want(http.StatusCreated)
	at := made.Header.Get("Location")[len("/api/v1"):]
	moved(c, at, "recorded", "").Want(http.StatusOK)
	return at
}

// A visit is a draft of its author, then what counts; a correction keeps what was
// told before.
func TestTheLifeOfAVisit(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-10 09:00:00")
		instructor, office, secretary := h.as(policy.Instructor), h.as(policy.Office), h.as(policy.Secretary)
		const list = "/towns/demo/visits"
		made := instructor.Post(list, visitOf(object{"branch": "b01"})).Want(http.StatusCreated)
		at := made.Header.Get("Location")[len("/api/v1"):]
		may(t, instructor, at, "write", "attach", "record")
		for _, role := range []policy.Role{policy.Secretary, policy.Mentor, policy.Office, policy.LeadingGroup} {
			refused(t, h.as(role).Get(at), http.StatusNotFound, "not_found")
			same(t, "drafts of others", column(h.as(role).Get(list), "id"))
		}
		refused(t, office.IfMatch(`"1"`).Put(at, visitOf(nil)), http.StatusNotFound, "not_found")
		self := "instructor"
		limited := h.As(h.key(credential.Key{
			Roles: []policy.Role{policy.Instructor}, Towns: []string{"demo"}, Branches: []string{"b02"}, PersonCode: &self,
		}))
		refused(t, limited.Get(at), http.StatusNotFound, "not_found")
		same(t, "with a key of another branch", column(limited.Get(list), "id"))
		instructor.IfMatch(`"1"`).Put(at, visitOf(object{"place": "field"})).Want(http.StatusOK)
		refused(t, instructor.IfMatch(`"1"`).Post(at+"/transitions", object{"to": "recorded"}),
			http.StatusPreconditionFailed, "stale_version")
		instructor.IfMatch(`"2"`).Post(at+"/transitions", object{"to": "recorded"}).Want(http.StatusOK)
		may(t, instructor, at, "attach", "correct")
		may(t, office, at)
		refused(t, office.IfMatch(`"3"`).Put(at, visitOf(object{"reason": "mine now"})),
			http.StatusForbidden, "not_your_visit")
		again := instructor.IfMatch(`"3"`).Post(at+"/transitions", object{"to": "recorded"})
		refused(t, again, http.StatusConflict, "no_such_transition")
		if l := again.Problem(http.StatusConflict).Locked; l == nil || l.By != "instructor" || l.CanLift != "instructor" {
			t.Errorf("locked: %+v", l)
		}

		clock.noon(t, "2026-01-11")
		right := visitOf(object{"visited_on": "2026-01-06", "findings": []object{}})
		refused(t, instructor.IfMatch(`"3"`).Put(at, right), http.StatusUnprocessableEntity, "invalid", "/reason")
		right["reason"] = "it was a day later"
		refused(t, instructor.IfMatch(`"2"`).Put(at, right), http.StatusPreconditionFailed, "stale_version")
		instructor.IfMatch(`"3"`).Put(at, right).Want(http.StatusOK)
		far := h.joins("far", policy.Instructor, ties{"b03": access.Instructs})
		refused(t, far.Get(at), http.StatusNotFound, "not_found")
		same(t, "of another branch", column(far.Get(list), "id"))
		v := apitest.Decode[visit.Visit](h.as(policy.Leadership).Get(at), http.StatusOK)
		if len(v.History) != 2 || v.VisitedOn != "2026-01-06" || len(v.Findings) != 0 || v.VisitedBy != "instructor" {
			t.Fatalf("corrected: %+v", v)
		}
		first, second := v.History[0], v.History[1]
		if first.Verb != "record" || first.Document.V.Place != "field" || len(first.Document.V.Findings) != 1 ||
			first.Document.V.VisitedOn != "2026-01-05" ||
			second.Verb != "correct" || second.Reason != "it was a day later" || second.Document.V.VisitedOn != "2026-01-06" {
			t.Errorf("history: %+v", v.History)
		}
		for _, change := range []string{"UPDATE visit_versions SET reason = 'x'", "DELETE FROM visit_versions"} {
			if h.db.Exec(change).Error == nil {
				t.Errorf("%s: done", change)
			}
		}
		if v := apitest.Decode[visit.Visit](secretary.Get(at), http.StatusOK); v.Paired != nil || len(v.History) != 2 {
			t.Errorf("the secretary sees %+v", v)
		}
		refused(t, h.as(policy.Reader).Get(at), http.StatusForbidden, "not_allowed")
	})
}

// Who was tied to the branch on the day of the visit enters it, and it stays shown
// who that was.
func TestWhoVisitsWasPairedThatDay(t *testing.T) {
	inZone(t, "America/Los_Angeles")
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-10 09:00:00")
		instructor, admin := h.as(policy.Instructor), h.as(policy.Admin)
		const list = "/towns/demo/visits"
		enter := func(c *apitest.Client, branch, on string) *apitest.Answer {
			return c.Post(list, visitOf(object{"branch": branch, "visited_on": on}))
		}
		refused(t, enter(instructor, "b02", "2026-01-05"), http.StatusForbidden, "not_assigned")
		refused(t, enter(h.as(policy.Office), "b02", "2026-01-05"), http.StatusForbidden, "not_assigned")
		enter(h.as(policy.Office), "b01", "2026-01-05").Want(http.StatusCreated)
		refused(t, enter(instructor, "b99", "2026-01-05"), http.StatusNotFound, "not_found")
		refused(t, enter(instructor, "b01", "2026-01-11"), http.StatusUnprocessableEntity, "invalid", "/visited_on")
		refused(t, enter(h.as(policy.Mentor), "b01", "2026-01-05"), http.StatusForbidden, "not_allowed")
		zhou := h.joins("zhou", policy.Instructor, ties{"b03": access.Instructs})
		h.as(policy.LeadingGroup).IfMatch(`"1"`).Post("/towns/demo/branches/b03/close",
			object{"on": "2026-01-08", "reason": "x"}).Want(http.StatusOK)
		refused(t, enter(zhou, "b03", "2026-01-08"), http.StatusUnprocessableEntity, "invalid", "/visited_on")
		begun := enter(zhou, "b03", "2026-01-07").Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
		h.must(h.db.Exec("UPDATE assignments SET valid_until = '2026-01-06' WHERE person_code = 'zhou'").Error)
		// he was not paired then, after all
		refused(t, moved(zhou, begun, "recorded", ""), http.StatusForbidden, "not_assigned")

		// The day begins in Shanghai, wherever the program runs.
		clock.set(t, "2026-01-11 00:00:01")
		edge := enter(instructor, "b01", "2026-01-11").Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
		clock.set(t, "2026-01-11 23:59:59")
		refused(t, enter(instructor, "b01", "2026-01-12"), http.StatusUnprocessableEntity, "invalid", "/visited_on")

		var a people.Assignment
		h.must(h.db.Where("person_code = ?", "instructor").Take(&a).Error)
		admin.IfMatch(`"1"`).Post("/towns/demo/assignments/"+a.ID+"/end", object{"until": "2026-01-11"}).Want(http.StatusOK)
		h.joins("lin", policy.Instructor, nil)
		admin.Post("/towns/demo/assignments",
			object{"person": "lin", "branch": "b01", "duty": "instructs", "from": "2026-01-12"}).Want(http.StatusCreated)
		clock.noon(t, "2026-01-13")
		refused(t, enter(instructor, "b01", "2026-01-12"), http.StatusForbidden, "not_assigned")
		moved(instructor, edge, "recorded", "").Want(http.StatusOK)
		instructor.Get(edge).Want(http.StatusOK) // one's own stays readable
		v := apitest.Decode[visit.Visit](h.as(policy.LeadingGroup).Get(edge), http.StatusOK)
		if got := v.Paired.Instructors; len(got) != 1 || got[0].Person.Code != "instructor" || len(v.Paired.Offices) != 1 {
			t.Errorf("paired on the day: %+v", v.Paired)
		}
		same(t, "out of reach now", column(instructor.Get(list+"?state=recorded"), "id"), v.ID)
	})
}

// What a finding names shows it, by reference.
func TestFindingsAreFoundByWhatTheyName(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-03-10 09:00:00")
		instructor, group := h.as(policy.Instructor), h.as(policy.LeadingGroup)
		const list = "/towns/demo/visits"
		one := last(instructor.Post(list, visitOf(object{"branch": "b01", "findings": []object{
			{"statement": "a", "severity": "minor", "measure": 2},
			{"statement": "b", "severity": "critical", "indicator": "spirit"},
		}})).Want(http.StatusCreated))
		moved(instructor, list+"/"+one, "recorded", "").Want(http.StatusOK)
		two := visitedOn(instructor, "b01", "2026-02-01")[len(list)+1:]
		for query, want := range map[string][]string{
			"": {one, two}, "?measure=2": {one}, "?measure=3": {two}, "?measure=7": nil, "?indicator=spirit": {one},
			"?indicator=meetings": {two}, "?from=2026-01-06": {two}, "?until=2026-01-05": {one}, "?branch=b02": nil,
			"?by=instructor": {one, two}, "?by=mentor": nil, "?from=2026-01-05&until=2026-02-01": {one, two},
		} {
			same(t, query, column(group.Get(list+query), "id"), want...)
		}
		v := apitest.Decode[visit.Visit](group.Get(list+"/"+one), http.StatusOK)
		if len(v.Findings) != 2 || v.Findings[0].Number != 1 || v.Findings[1].Severity != "critical" {
			t.Errorf("findings: %+v", v.Findings)
		}
		refused(t, instructor.Bad().Post(list, visitOf(object{"branch": "b01", "findings": []object{
			{"statement": "a", "severity": "minor", "measure": 8, "indicator": "?", "plan_item": "x"},
		}})), http.StatusUnprocessableEntity, "invalid", "/findings/0/indicator", "/findings/0/measure",
			"/findings/0/plan_item")
	})
}

// A list costs the same whether it is long or short.
func TestStatementsOfVisits(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-03-10 09:00:00")
		instructor := h.as(policy.Instructor)
		cost := map[string]int64{}
		for _, n := range []int{1, 9} {
			var at string
			for range n {
				at = visitedOn(instructor, "b01", "2026-02-01")
			}
			for _, path := range []string{"/towns/demo/visits", at} {
				coldStart(h.server)
				before := database.Queries(db)
				h.as(policy.Mentor).Get(path).Want(http.StatusOK)
				got := database.Queries(db) - before
				if kind := path[:min(len(path), 19)]; cost[kind] == 0 {
					cost[kind] = got
				} else if cost[kind] != got {
					t.Errorf("%s: %d statements, and %d with more visits", kind, cost[kind], got)
				}
			}
		}
	})
}

// A finding names an indicator of the scheme in force. One that was named before stays
// when the scheme has it no more.
func TestFindingsNameIndicatorsInForce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-03-10 09:00:00")
		h.inForce(smallScheme)
		instructor := h.as(policy.Instructor)
		found := func(indicators ...string) object {
			findings := []object{}
			for _, code := range indicators {
				findings = append(findings, object{"statement": "a", "severity": "minor", "indicator": code})
			}
			return visitOf(object{"branch": "b01", "findings": findings})
		}
		refused(t, instructor.Post("/towns/demo/visits", found("meetings", "metings", "party", "")),
			http.StatusUnprocessableEntity, "invalid", "/findings/1/indicator", "/findings/2/indicator")
		at := "/towns/demo/visits/" + last(instructor.Post("/towns/demo/visits", found("meetings")).Want(http.StatusCreated))
		h.must(h.db.Exec("UPDATE visit_findings SET indicator = 'retired'").Error)
		content := found("retired", "gone")
		delete(content, "branch")
		refused(t, instructor.IfMatch(`"1"`).Put(at, content),
			http.StatusUnprocessableEntity, "invalid", "/findings/1/indicator")
		content = found("retired", "spirit")
		delete(content, "branch")
		instructor.IfMatch(`"1"`).Put(at, content).Want(http.StatusOK)
	})
}
