package api

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/improve/report"
	"bulwark/internal/policy"
	"bulwark/internal/workflow"
)

// begunReport is the address of a new draft of the caller.
func begunReport(c *apitest.Client, from, until day.Date) string {
	return reportsAt + "/" + last(c.Post(reportsAt, reportOf(from, until)).Want(http.StatusCreated))
}

// An author reports on a day once: what was submitted keeps its days, however far the
// leading group is with it; drafts and the reports of others keep none.
func TestADayIsReportedOnOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-01 09:00:00")
		lin, group := h.paired("lin", "2026-01-01"), h.as(policy.LeadingGroup)
		wu := h.joins("wu", policy.Instructor, nil)
		h.as(policy.Admin).Post("/towns/demo/assignments",
			object{"person": "wu", "branch": "b01", "duty": "instructs", "from": "2026-01-01"}).Want(http.StatusCreated)
		clock.noon(t, "2026-02-28")
		at, twin := begunReport(lin, "2026-01-10", "2026-01-20"), begunReport(lin, "2026-01-10", "2026-01-20")
		remarked(lin, at, "submitted", "").Want(http.StatusOK)
		id := at[len(reportsAt)+1:]
		clash := func(ask func(*apitest.Client) *apitest.Answer) {
			t.Helper()
			for language, words := range map[string]string{"zh": "2026-01-10 至 2026-01-20", "en": "2026-01-10 to 2026-01-20"} {
				a := ask(lin.Lang(language))
				refused(t, a, http.StatusConflict, "overlapping_report")
				p := a.Problem(http.StatusConflict)
				if !strings.Contains(p.Detail, words) || !strings.Contains(p.Detail, id) || p.Locked == nil ||
					p.Locked.CanLift != "nobody" {
					t.Errorf("%s: %s %+v", language, p.Detail, p.Locked)
				}
			}
		}
		clash(func(c *apitest.Client) *apitest.Answer { return remarked(c, twin, "submitted", "") })
		for _, span := range [][2]day.Date{
			{"2026-01-10", "2026-01-20"},
			{"2026-01-02", "2026-01-10"},
			{"2026-01-20", "2026-01-30"},
			{"2026-01-15", "2026-01-15"},
			{"2026-01-02", "2026-01-30"},
		} {
			clash(func(c *apitest.Client) *apitest.Answer { return c.Post(reportsAt, reportOf(span[0], span[1])) })
			clash(func(c *apitest.Client) *apitest.Answer { return c.IfMatch(`"1"`).Put(twin, reportOf(span[0], span[1])) })
		}
		before := begunReport(lin, "2026-01-02", "2026-01-09")
		remarked(lin, before, "submitted", "").Want(http.StatusOK)
		lin.IfMatch(`"1"`).Put(twin, reportOf("2026-01-21", "2026-01-30")).Want(http.StatusOK)
		remarked(lin, twin, "submitted", "").Want(http.StatusOK)
		remarked(wu, begunReport(wu, "2026-01-10", "2026-01-20"), "submitted", "").Want(http.StatusOK)

		remarked(group, at, "received", "go on").Want(http.StatusOK)
		again := lin.Post(reportsAt, reportOf("2026-01-20", "2026-01-20"))
		refused(t, again, http.StatusConflict, "overlapping_report")
		if l := again.Problem(http.StatusConflict).Locked; l.By != "leading_group" || l.Reason != "go on" {
			t.Errorf("locked: %+v", l)
		}
	})
}

// Of two reports on the same days that are submitted at once one wins.
func TestTwoReportsAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-01 09:00:00")
		lin := h.paired("lin", "2026-01-01")
		clock.noon(t, "2026-02-28")
		drafts := []string{begunReport(lin, "2026-01-01", "2026-01-20"), begunReport(lin, "2026-01-20", "2026-02-10")}
		answers := make([]*apitest.Answer, len(drafts))
		var all sync.WaitGroup
		for i, at := range drafts {
			all.Go(func() { answers[i] = lin.IfMatch(`"1"`).Post(at+"/transitions", object{"to": "submitted"}) })
		}
		all.Wait()
		if answers[0].Status != http.StatusOK {
			answers[0], answers[1] = answers[1], answers[0]
		}
		answers[0].Want(http.StatusOK)
		refused(t, answers[1], http.StatusConflict, "overlapping_report")
	})
}

// Who submits waits for another submission of the same author, and then sees it.
func TestASubmissionWaitsForAnother(t *testing.T) {
	h, clock := newHarnessAt(t, dbtest.Open(t, database.PostgreSQL), "2026-01-01 09:00:00") // SQLite has one writer anyway
	lin := h.paired("lin", "2026-01-01")
	clock.noon(t, "2026-02-28")
	submit := func(at string) func(*gorm.DB) error {
		return func(db *gorm.DB) error {
			_, err := report.Move(acting(t, "lin", policy.Instructor), db,
				workflow.Ref{Town: "demo", ID: at[len(reportsAt)+1:], Version: 1}, report.Submitted, "")
			return err
		}
	}
	one, two := begunReport(lin, "2026-01-01", "2026-01-20"), begunReport(lin, "2026-01-20", "2026-02-10")
	first, second := besides(t, h.db, submit(one), submit(two))
	if first != nil || !fault.Is(second, fault.KindConflict) {
		t.Errorf("the first: %v, the second: %v", first, second)
	}
}
