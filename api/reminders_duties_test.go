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
	"bulwark/internal/improve/plan"
	"bulwark/internal/improve/report"
	"bulwark/internal/policy"
)

// A report is due so many days after the pairing began or the last one ended, and
// nothing but a submitted one is a report.
func TestRemindersOfReports(t *testing.T) {
	inZone(t, "America/Los_Angeles")
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-05 09:00:00")
		lin, group := h.paired("lin", "2026-01-05"), h.as(policy.LeadingGroup)
		h.every(366, 12) // 01-17 is a Saturday
		clock.set(t, "2026-01-18 23:59:59")
		h.remind(0)
		clock.set(t, "2026-01-19 00:00:01")
		h.remind(1)
		h.remind(0)
		told, next := remindersOf(t, lin, 0)
		same(t, "due", told, "report_due 2026-01-19")
		told, _ = remindersOf(t, h.as(policy.Instructor), 0)
		same(t, "another's", told)
		clock.set(t, "2026-01-19 23:59:59")
		h.remind(0)
		clock.set(t, "2026-01-20 00:00:01")
		h.remind(2)
		told, _ = remindersOf(t, group, 0)
		same(t, "escalated", told, "report_overdue 2026-01-19")
		for want, reach := range map[int]access.Reach{1: {All: true}, 0: {Branches: map[string]bool{"b01": true}}} {
			undone, err := report.OverdueWork(t.Context(), h.db, "demo", report.OverdueQuery{Reach: reach, Today: "2026-01-20"})
			if err != nil || undone.Counts[report.ReportDuty] != want {
				t.Errorf("undone: %+v %v", undone, err)
			}
		}
		at := reportsAt + "/" + last(lin.Post(reportsAt, reportOf("2026-01-05", "2026-01-19")).Want(http.StatusCreated))
		h.remind(0)
		remarked(lin, at, "submitted", "").Want(http.StatusOK)
		h.remind(1)
		told, next = remindersOf(t, lin, next)
		same(t, "submitted", told, "-report_due 2026-01-19", "-report_overdue 2026-01-19")
		clock.noon(t, "2026-02-02") // 12 days after 01-19 is Saturday 01-31
		h.remind(1)
		told, _ = remindersOf(t, lin, next)
		same(t, "the next", told, "report_due 2026-02-02")
	})
}

// Who answers for a task is told of it, of whatever branch or none.
func TestRemindersOfTasks(t *testing.T) {
	inZone(t, "Pacific/Honolulu")
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-05 09:00:00")
		h.paired("lin", "2026-01-05")
		h.every(366, 366)
		mentor, group := h.as(policy.Mentor), h.as(policy.LeadingGroup)
		addresses := []string{set(group, taskOf("b02", "mentor")), set(group, taskOf("", "mentor"))}
		clock.set(t, "2026-04-30 23:59:59")
		h.remind(0)
		clock.set(t, "2026-05-01 00:00:01")
		h.remind(2)
		told, next := remindersOf(t, mentor, 0)
		same(t, "due", told, "task_due 2026-05-01", "task_due 2026-05-01")
		clock.set(t, "2026-05-02 00:00:01")
		h.remind(4)
		told, _ = remindersOf(t, group, 0)
		same(t, "escalated", told, "task_overdue 2026-05-01", "task_overdue 2026-05-01")
		code := "mentor"
		narrow := h.As(h.key(credential.Key{
			Roles: []policy.Role{policy.Mentor}, Towns: []string{"demo"}, PersonCode: &code, Branches: []string{"b01"},
		}))
		told, _ = remindersOf(t, narrow, 0)
		same(t, "limited to b01", told)
		for _, at := range addresses {
			mentor.IfMatch(`"1"`).Post(at+"/transitions", object{"to": "done", "evidence": "x"}).Want(http.StatusOK)
			h.remind(1)
		}
		told, _ = remindersOf(t, mentor, next)
		same(t, "done", told, "-task_due 2026-05-01", "-task_due 2026-05-01", "-task_overdue 2026-05-01",
			"-task_overdue 2026-05-01")
	})
}

// Mentors of a target are told of its analysis, the secretary of the items that the
// branch owns.
func TestRemindersOfAnalysesAndItems(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-10 09:00:00") // a Friday
		c := newCampaign(h)
		c.publishes("2026Q1", "2026-01-01", "2026-03-31", spring())
		h.every(366, 40)
		group, mentor, secretary := h.as(policy.LeadingGroup), h.as(policy.Mentor), h.as(policy.Secretary)
		var next int64
		tells := func(what string, c *apitest.Client, want ...string) {
			t.Helper()
			_, err := report.Remind(t.Context(), h.db)
			h.must(err)
			var told []string
			told, next = remindersOf(t, c, next)
			same(t, what, told, want...)
		}
		target := group.Post("/towns/demo/targets", object{"branch": "b01", "reason": "seen"}).Want(http.StatusCreated)
		moved(group, target.Header.Get("Location")[len("/api/v1"):], "confirmed", "").Want(http.StatusOK)
		clock.set(t, "2026-04-23 23:59:59")
		tells("before the day", mentor)
		clock.set(t, "2026-04-24 00:00:01") // ten workdays later
		tells("due", mentor, "analysis_due 2026-04-24")
		clock.set(t, "2026-04-25 00:00:01")
		tells("overdue", mentor, "analysis_overdue 2026-04-24", "-analysis_due 2026-04-24")
		begun := mentor.Post(analyses, analysisOf("b01", cause("spirit"))).Want(http.StatusCreated)
		tells("a draft is none", mentor)
		moved(mentor, begun.Header.Get("Location")[len("/api/v1"):], "submitted", "").Want(http.StatusOK)
		tells("submitted", mentor, "-analysis_overdue 2026-04-24")

		at := plans + "/" + last(secretary.Post(plans, object{"branch": "b01", "period": "2026Q1"}).Want(http.StatusCreated))
		clock.noon(t, "2026-06-05") // 40 days later is Thursday 06-04
		tells("a draft asks for no items", secretary, "plan_overdue 2026-05-01")
		moved(mentor, at, "advised", "go on").Want(http.StatusOK)
		moved(group, at, "approved", "").Want(http.StatusOK)
		p := apitest.Decode[plan.Plan](group.Get(at), http.StatusOK)
		var all []string
		for _, i := range p.Items {
			all = append(all, "item_overdue "+string(i.DueOn))
		}
		if len(all) == 0 || p.Items[0].DueOn != "2026-06-04" {
			t.Fatalf("items: %+v", p.Items)
		}
		tells("items", secretary, append(all, "-plan_overdue 2026-05-01")...)
		moved(secretary, at, "running", "").Want(http.StatusOK)
		moveItem(secretary, at+"/items/"+p.Items[0].ID, "done", "", "photographs").Want(http.StatusOK)
		tells("done", secretary, "-item_overdue 2026-06-04")
	})
}

// The secretary of a target is told of its plan until one is approved, and again when
// that is abandoned.
func TestRemindersOfPlans(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newPlanStory(t, db) // on Friday 2026-04-10
		s.every(366, 366)
		tells := func(what string, c *apitest.Client, next int64, want ...string) int64 {
			t.Helper()
			_, err := report.Remind(t.Context(), s.db)
			s.must(err)
			told, next := remindersOf(t, c, next)
			same(t, what, told, want...)
			return next
		}
		target := s.group.Post("/towns/demo/targets", object{"branch": "b01", "reason": "seen"}).Want(http.StatusCreated)
		moved(s.group, "/towns/demo/targets/"+last(target), "confirmed", "").Want(http.StatusOK)
		analysed := s.mentor.Post(analyses, analysisOf("b01", cause("spirit"))).Want(http.StatusCreated)
		moved(s.mentor, analyses+"/"+last(analysed), "submitted", "").Want(http.StatusOK)
		s.clock.set(t, "2026-04-30 23:59:59")
		tells("before the day", s.secretary, 0)
		escalated := tells("before the day", s.group, 0, "report_overdue 2021-01-01", "visit_overdue 2021-01-01")
		s.clock.set(t, "2026-05-01 00:00:01") // fifteen workdays later
		next := tells("due", s.secretary, 0, "plan_due 2026-05-01")
		s.clock.set(t, "2026-05-02 00:00:01")
		next = tells("overdue", s.secretary, next, "plan_overdue 2026-05-01", "-plan_due 2026-05-01")
		escalated = tells("escalated", s.group, escalated, "plan_overdue 2026-05-01")
		s.isBegun()
		moved(s.mentor, s.at, "advised", "x").Want(http.StatusOK)
		next = tells("advised on", s.secretary, next)
		moved(s.group, s.at, "approved", "").Want(http.StatusOK)
		next = tells("approved", s.secretary, next, "-plan_overdue 2026-05-01")
		moved(s.group, s.at, "closed", "in vain").Want(http.StatusOK)
		tells("abandoned", s.secretary, next, "plan_overdue 2026-05-01")
		tells("escalated again", s.group, escalated, "plan_overdue 2026-05-01")
	})
}

// A branch that has ended asks for no visit, no analysis and no work: nothing about it
// is told or counted, and nothing new is begun for it.
func TestAnEndedBranchAsksForNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-05 09:00:00")
		h.every(10, 366)
		lin, group := h.paired("lin", "2026-01-05"), h.as(policy.LeadingGroup)
		group.Post("/towns/demo/rounds", object{
			"code": "2026", "name": named("x"), "judges": []string{}, "combination": "mean", "places": 2, "seats": 1,
		}).Want(http.StatusCreated)
		lin.Post("/towns/demo/problems",
			troubleOf(object{"branch": "b01", "due_on": "2026-01-16", "owner_office": "office"})).Want(http.StatusCreated)
		set(group, taskOf("b01", "lin"))
		at := "/towns/demo/branches/b01"
		group.IfMatch(group.Get(at).ETag()).Post(at+"/close",
			object{"on": "2026-01-20", "reason": "it is one village now"}).Want(http.StatusOK)
		counts := func() map[report.DutyKind]int {
			undone, err := report.OverdueWork(t.Context(), h.db, "demo",
				report.OverdueQuery{Reach: access.Reach{Branches: map[string]bool{"b01": true}}, Today: day.Of(h.db.NowFunc())})
			h.must(err)
			return undone.Counts
		}
		clock.noon(t, "2026-01-19")
		if got := counts(); got[report.VisitDuty] != 1 || got[report.ProblemDuty] != 1 {
			t.Errorf("on its last day: %v", got)
		}
		missed := func(until string) int {
			return apitest.Decode[report.Figures](lin.Get(reportsAt+"/draft?from=2026-01-05&until="+until),
				http.StatusOK).VisitsMissed.Count
		}
		if got := missed("2026-01-19"); got != 1 { // due on 01-15
			t.Errorf("missed on its last day: %d", got)
		}
		clock.noon(t, "2026-06-01")
		if got := counts(); len(got) != 0 {
			t.Errorf("after its end: %v", got)
		}
		if got := missed("2026-06-01"); got != 1 {
			t.Errorf("missed after its end: %d", got)
		}
		for on, want := range map[string]int{"2026-01-19": 1, "2026-01-20": 0} {
			for _, i := range apitest.Decode[Mentorships](group.Get("/towns/demo/instructors?on="+on), http.StatusOK).Items {
				if i.Person.Code == "lin" && i.Load.Branches != want {
					t.Errorf("the load on %s: %+v", on, i)
				}
			}
		}
		refused(t, lin.Post("/towns/demo/problems", troubleOf(object{"branch": "b01"})), http.StatusConflict, "branch_closed")
		refused(t, h.as(policy.Secretary).Post("/towns/demo/projects", object{
			"round": "2026", "branch": "b01", "title": "x", "field": "ethos", "description": "x",
		}), http.StatusConflict, "branch_closed")
	})
}
