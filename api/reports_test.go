package api

import (
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/improve"
	"bulwark/internal/improve/report"
	"bulwark/internal/policy"
)

const reportsAt = "/towns/demo/reports"

func reportOf(from, until day.Date) object {
	return object{"from": from, "until": until, "progress": "the ledger is kept again", "next": "drains"}
}

// remarked moves a report, with a remark.
func remarked(c *apitest.Client, at, to, remark string) *apitest.Answer {
	return c.IfMatch(c.Get(at).ETag()).Post(at+"/transitions", object{"to": to, "remark": remark})
}

// every sets the days between visits and between reports, without a warning.
func (h *harness) every(visit, report int64) {
	h.t.Helper()
	s := improve.Defaults()
	s.VisitEvery, s.ReportEvery, s.WarnBefore = visit, report, 0
	h.as(policy.LeadingGroup).IfMatch(`"1"`).Put("/towns/demo/improvement-settings",
		object{"settings": s, "reason": "x"}).Want(http.StatusOK)
}

// reportFigures are those of a draft of the caller, with what was counted left out.
func reportFigures(c *apitest.Client, from, until day.Date) (f report.Figures, counts [7]int) {
	f = apitest.Decode[report.Figures](c.Get(reportsAt+"/draft?from="+string(from)+"&until="+string(until)), http.StatusOK)
	return f, [7]int{
		f.VisitsMade.Count, f.VisitsMissed.Count, f.ProblemsOpened.Count, f.ProblemsSolved.Count, f.ProblemsOverdue.Count,
		f.TasksProgressed.Count, f.ItemsVerified.Count,
	}
}

// A report is a draft of its author, then stays as it was submitted, figures and
// words, and is received by another.
func TestTheLifeOfAReport(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-05 09:00:00")
		lin, group := h.paired("lin", "2026-01-05"), h.as(policy.LeadingGroup)
		clock.noon(t, "2026-01-20")
		visitedOn(lin, "b01", "2026-01-06")
		made := lin.Post(reportsAt, reportOf("2026-01-05", "2026-01-18")).Want(http.StatusCreated)
		at := made.Header.Get("Location")[len("/api/v1"):]
		may(t, lin, at, "write", "submit")
		wu := h.joins("wu", policy.Instructor, ties{"b01": access.Instructs})
		for _, c := range []*apitest.Client{wu, group, h.as(policy.Leadership)} {
			refused(t, c.Get(at), http.StatusNotFound, "not_found")
			same(t, "drafts of others", column(c.Get(reportsAt), "id"))
		}
		refused(t, group.IfMatch(`"1"`).Post(at+"/transitions", object{"to": "received"}), http.StatusNotFound, "not_found")
		lin.IfMatch(`"1"`).Put(at, reportOf("2026-01-05", "2026-01-19")).Want(http.StatusOK)
		refused(t, lin.IfMatch(`"1"`).Put(at, reportOf("2026-01-05", "2026-01-18")),
			http.StatusPreconditionFailed, "stale_version")
		refused(t, remarked(lin, at, "received", ""), http.StatusConflict, "no_such_transition")
		remarked(lin, at, "submitted", "").Want(http.StatusOK)

		refused(t, wu.Get(at), http.StatusNotFound, "not_found")
		again := lin.IfMatch(`"3"`).Put(at, reportOf("2026-01-05", "2026-01-18"))
		refused(t, again, http.StatusConflict, "report_submitted")
		if l := again.Problem(http.StatusConflict).Locked; l == nil || l.By != "lin" || l.CanLift != "nobody" {
			t.Errorf("locked: %+v", l)
		}
		visitedOn(lin, "b01", "2026-01-07")
		r := apitest.Decode[report.Report](group.Get(at), http.StatusOK)
		if _, now := reportFigures(lin, "2026-01-05", "2026-01-19"); now[0] != 2 || r.Figures.VisitsMade.Count != 1 ||
			r.UntilOn != "2026-01-19" {
			t.Errorf("%v now, submitted: %+v", now, r)
		}
		frozen := []string{
			"UPDATE reports SET figures = '{}'", "UPDATE reports SET progress = 'x'",
			"UPDATE reports SET until_on = '2026-01-18'",
			"UPDATE reports SET state = 'draft', figures = NULL, submitted_at = NULL", "DELETE FROM reports",
			"UPDATE reports SET state = 'received', received_at = submitted_at, next = 'x'",
		}
		for _, change := range frozen {
			if h.db.Exec(change).Error == nil {
				t.Errorf("%s: done", change)
			}
		}
		may(t, lin, at)
		may(t, h.as(policy.Leadership), at)
		may(t, group, at, "receive")
		refused(t, remarked(h.as(policy.Leadership), at, "received", ""), http.StatusForbidden, "not_allowed")
		h.appointed("demo", "lin", policy.LeadingGroup)
		person := "lin"
		both := h.As(h.key(credential.Key{
			Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{"demo"}, PersonCode: &person,
		}))
		may(t, both, at)
		refused(t, remarked(both, at, "received", "well done"), http.StatusForbidden, "own_report")
		clock.noon(t, "2026-01-21")
		remarked(group, at, "received", "go on").Want(http.StatusOK)
		refused(t, remarked(group, at, "received", "again"), http.StatusConflict, "no_such_transition")
		r = apitest.Decode[report.Report](lin.Get(at), http.StatusOK)
		if r.State != report.Received || r.Remark != "go on" || r.ReceivedBy != "leading_group" ||
			r.Figures.VisitsMade.Count != 1 {
			t.Errorf("received: %+v", r)
		}
		if h.db.Exec("UPDATE reports SET remark = 'x'").Error == nil {
			t.Error("a remark was changed")
		}
		for query, want := range map[string][]string{
			"": {r.ID}, "?author=lin": {r.ID}, "?author=wu": nil, "?state=received": {r.ID}, "?state=submitted": nil,
			"?on=2026-01-04": nil, "?on=2026-01-05": {r.ID}, "?on=2026-01-19": {r.ID}, "?on=2026-01-20": nil,
		} {
			same(t, query, column(group.Get(reportsAt+query), "id"), want...)
		}
	})
}

// The figures are those of the days in Shanghai on which the author was paired, and
// a report about the past tells what was then.
func TestTheFiguresOfAReport(t *testing.T) {
	inZone(t, "America/Los_Angeles")
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-05 09:00:00")
		lin := h.paired("lin", "2026-01-05")
		h.every(12, 90) // due on Monday 01-19, as 01-17 is a Saturday
		task := set(h.as(policy.LeadingGroup), taskOf("b01", "lin"))
		clock.set(t, "2026-01-09 23:59:59")
		problem := opened(lin, "2026-01-15")
		clock.set(t, "2026-01-10 00:00:01")
		lin.IfMatch(`"1"`).Post(task+"/report", object{"progress": 40, "note": "x"}).Want(http.StatusOK)
		clock.set(t, "2026-01-20 00:00:01")
		moved(lin, problem, "in_progress", "").Want(http.StatusOK)
		moved(lin, problem, "solved", "dug").Want(http.StatusOK)
		visit := visitedOn(lin, "b01", "2026-01-20")
		for _, c := range []struct {
			from, until day.Date
			want        [7]int
		}{
			{"2026-01-05", "2026-01-20", [7]int{1, 1, 1, 1, 0, 1, 0}},
			{"2026-01-05", "2026-01-08", [7]int{}},
			{"2026-01-09", "2026-01-09", [7]int{0, 0, 1, 0, 0, 0, 0}},
			{"2026-01-10", "2026-01-15", [7]int{0, 0, 0, 0, 0, 1, 0}},
			{"2026-01-10", "2026-01-16", [7]int{0, 0, 0, 0, 1, 1, 0}},
			{"2026-01-11", "2026-01-19", [7]int{0, 0, 0, 0, 1, 0, 0}},
			{"2026-01-20", "2026-01-20", [7]int{1, 1, 0, 1, 0, 0, 0}},
		} {
			if _, got := reportFigures(lin, c.from, c.until); got != c.want {
				t.Errorf("%s to %s: %v, want %v", c.from, c.until, got, c.want)
			}
		}
		f, _ := reportFigures(lin, "2026-01-05", "2026-01-20")
		same(t, "branches", f.Branches, "b01")
		same(t, "visits", f.VisitsMade.IDs, visit[len("/towns/demo/visits/"):])
		same(t, "problems", f.ProblemsSolved.IDs, problem[len("/towns/demo/problems/"):])
		if m := f.VisitsMissed.Visits; m[0].Branch != "b01" || m[0].DueOn != "2026-01-19" || m[0].Assignment == "" {
			t.Errorf("missed: %+v", m)
		}

		// What happened while another was paired is not the author's.
		h.must(h.db.Exec("UPDATE assignments SET valid_until = '2026-01-19' WHERE person_code = 'lin'").Error)
		if _, got := reportFigures(lin, "2026-01-05", "2026-01-20"); got != [7]int{0, 1, 1, 0, 0, 1, 0} {
			t.Errorf("until the end of the pairing: %v", got)
		}
		wu := h.joins("wu", policy.Instructor, ties{"b01": access.Instructs})
		if f, _ := reportFigures(wu, "2026-01-05", "2026-01-20"); f.VisitsMade.Count != 0 {
			t.Errorf("another's visits: %+v", f)
		}
		bad := func(from, until day.Date) *apitest.Answer { return lin.Post(reportsAt, reportOf(from, until)) }
		refused(t, bad("2026-01-20", "2026-01-20"), http.StatusUnprocessableEntity, "invalid", "/from")
		refused(t, bad("2026-01-10", "2026-01-09"), http.StatusUnprocessableEntity, "invalid", "/until")
		refused(t, bad("2026-01-05", "2026-01-21"), http.StatusUnprocessableEntity, "invalid", "/until")
		refused(t, bad("2025-01-05", "2026-01-20"), http.StatusUnprocessableEntity, "invalid", "/until")
	})
}

// Figures and lists cost the same for a little and for much.
func TestStatementsOfReports(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-03-10 09:00:00")
		lin := h.paired("lin", "2026-01-05")
		cost := map[string]int64{}
		for _, on := range []day.Date{"2026-02-01", "2026-02-02", "2026-02-03"} {
			visitedOn(lin, "b01", string(on))
			opened(lin, "2026-03-11")
			remarked(lin, begunReport(lin, on, on), "submitted", "").Want(http.StatusOK)
			for _, path := range []string{"", "/draft?from=2026-01-05&until=2026-03-10"} {
				coldStart(h.server)
				before := database.Queries(db)
				lin.Get(reportsAt + path).Want(http.StatusOK)
				got := database.Queries(db) - before
				if cost[path] == 0 {
					cost[path] = got
				}
				if got != cost[path] {
					t.Errorf("%s: %d statements, and %d with more", path, cost[path], got)
				}
			}
		}
	})
}
