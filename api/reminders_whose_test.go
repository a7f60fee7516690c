package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/improve"
	"bulwark/internal/improve/report"
	"bulwark/internal/improve/target"
	"bulwark/internal/policy"
)

// early lets every duty be told of two months ahead.
func (h *harness) early(visit, report int64) {
	h.t.Helper()
	s := improve.Defaults()
	s.VisitEvery, s.ReportEvery, s.WarnBefore = visit, report, 60
	h.as(policy.LeadingGroup).IfMatch(`"1"`).Put("/towns/demo/improvement-settings",
		object{"settings": s, "reason": "x"}).Want(http.StatusOK)
}

// owed holds the reminders of a kind that stand in a town against those wanted, as
// branch, person or office, and day, in any order.
func (h *harness) owed(t *testing.T, what, town, kind string, want ...string) {
	t.Helper()
	_, err := report.Remind(t.Context(), h.db)
	h.must(err)
	var standing []report.Reminder
	h.must(h.db.Where("town_id = ? AND withdrawn_at IS NULL", town).Find(&standing).Error)
	var got []string
	for _, r := range standing {
		if !strings.HasPrefix(r.Kind, kind) {
			continue
		}
		words := ""
		for _, p := range []*string{r.BranchCode, r.PersonCode, r.OfficeCode} {
			if p != nil {
				words += *p + " "
			}
		}
		got = append(got, words+string(r.DueOn))
	}
	slices.Sort(got)
	slices.Sort(want)
	same(t, what, got, want...)
}

// Each instructor owes visits by what he or she did in the pairing, and one report,
// on the days on which the pairing holds.
func TestWhoOwesVisitsAndReports(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-01-05 09:00:00")
		lin := h.paired("lin", "2026-01-05")
		h.early(12, 30)
		wu, zhao := h.joins("wu", policy.Instructor, nil), h.joins("zhao", policy.Instructor, nil)
		h.pairs("lin", "b02", access.Instructs, "2026-01-05")
		h.pairs("wu", "b01", access.Instructs, "2026-01-12")
		h.pairs("zhao", "b03", access.Instructs, "2026-01-20")
		h.pairs("zhao", "b02", access.Instructs, "2026-01-10") // wu comes between the two
		clock.noon(t, "2026-01-30")
		for _, v := range [][2]string{
			{"b01", "2026-01-10"}, {"b01", "2026-01-07"}, {"b01", "2026-01-10"}, {"b02", "2026-01-08"},
		} {
			visitedOn(lin, v[0], v[1])
		}
		lin.Post("/towns/demo/visits", visitOf(object{"branch": "b01", "visited_on": "2026-01-20"})).Want(http.StatusCreated)
		visitedOn(wu, "b01", "2026-01-15")
		for _, r := range []struct {
			by          *apitest.Client
			from, until day.Date
		}{{lin, "2026-01-11", "2026-01-14"}, {lin, "2026-01-05", "2026-01-10"}, {wu, "2026-01-12", "2026-01-25"}} {
			remarked(r.by, begunReport(r.by, r.from, r.until), "submitted", "").Want(http.StatusOK)
		}
		begunReport(lin, "2026-01-15", "2026-01-29")
		begunReport(zhao, "2026-01-15", "2026-01-29")
		pairing := func(person, branch, columns string) {
			t.Helper()
			h.must(h.db.Exec(fmt.Sprintf("UPDATE assignments SET duties_from = NULL, %s WHERE person_code = '%s' AND branch_code = '%s'", columns,
				person, branch)).Error)
		}
		pairing("lin", "b02", "valid_from = '2026-01-09'") // the visit of 01-08 was before
		h.owed(t, "visits", "demo", "visit", "b01 lin 2026-01-22", "b02 lin 2026-01-21", "b01 wu 2026-01-27",
			"b02 zhao 2026-01-22", "b03 zhao 2026-02-02")
		h.owed(t, "reports", "demo", "report", "lin 2026-02-13", "wu 2026-02-24", "zhao 2026-02-09")

		pairing("lin", "b01", "valid_until = '2026-01-30'")
		pairing("wu", "b01", "valid_from = '2026-01-30'") // paired anew, after the last report
		pairing("zhao", "b02", "valid_until = '2026-01-30'")
		h.owed(t, "visits on the last and first day", "demo", "visit", "b01 lin 2026-01-22", "b02 lin 2026-01-21",
			"b01 wu 2026-02-11", "b02 zhao 2026-01-22", "b03 zhao 2026-02-02")
		h.owed(t, "reports on the last and first day", "demo", "report", "lin 2026-02-13", "wu 2026-03-02", "zhao 2026-02-09")

		pairing("lin", "b01", "valid_until = '2026-01-29'")
		pairing("wu", "b01", "valid_from = '2026-01-31'")
		pairing("zhao", "b02", "valid_until = '2026-01-29'")
		h.owed(t, "visits beside the pairings", "demo", "visit", "b02 lin 2026-01-21", "b03 zhao 2026-02-02")
		h.owed(t, "reports beside the pairings", "demo", "report", "lin 2026-02-13", "zhao 2026-02-19")

		h.must(h.db.Exec("UPDATE branches SET closed_on = '2026-01-31' WHERE code = 'b03'").Error)
		h.owed(t, "the last day of a branch", "demo", "report", "lin 2026-02-13", "zhao 2026-02-19")
		h.must(h.db.Exec("UPDATE branches SET closed_on = '2026-01-30' WHERE code = 'b03'").Error)
		h.owed(t, "visits after the end of a branch", "demo", "visit", "b02 lin 2026-01-21")
		h.owed(t, "reports after the end of a branch", "demo", "report", "lin 2026-02-13")
	})
}

// Whoever mentors the branch of a target today owes its analysis, until a mentor has
// submitted one of the result that named it, or any since it was confirmed.
func TestWhoOwesAnalyses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-10 09:00:00")
		c := newCampaign(h) // "other" mentors all branches
		h.early(366, 366)
		c.publishes("2026Q1", "2026-01-01", "2026-03-31", spring())
		mentor, group := h.as(policy.Mentor), h.as(policy.LeadingGroup)
		submit := func(by *apitest.Client, branch, period string) {
			t.Helper()
			a := analysisOf(branch, cause("spirit"))
			a["period"] = period
			moved(by, analyses+"/"+last(by.Post(analyses, a).Want(http.StatusCreated)), "submitted", "").Want(http.StatusOK)
		}
		named := func(period string) string {
			t.Helper()
			for _, x := range apitest.Decode[target.Proposal](group.Post("/towns/demo/periods/"+period+"/targets/propose",
				nil), http.StatusOK).Targets {
				if x.BranchCode == "b01" {
					return "/towns/demo/targets/" + x.ID
				}
			}
			t.Fatal("b01 is not proposed")
			return ""
		}
		submit(c.other, "b01", "2026Q1")
		amended(h, "2026Q1", "b02", "meetings", 11)
		target := named("2026Q1") // by the second publication, which nobody has analysed
		h.owed(t, "a proposal", "demo", "analysis")
		moved(group, target, "confirmed", "").Want(http.StatusOK)
		h.owed(t, "confirmed", "demo", "analysis", "b01 mentor 2026-04-24", "b01 other 2026-04-24")
		mentor.Post(analyses, analysisOf("b01", cause("spirit"))).Want(http.StatusCreated)
		submit(c.other, "b02", "2026Q1")
		h.owed(t, "a draft, and another branch", "demo", "analysis", "b01 mentor 2026-04-24", "b01 other 2026-04-24")
		for columns, want := range map[string][]string{
			"valid_from = '2020-01-01', valid_until = '2026-04-10'": {"b01 mentor 2026-04-24", "b01 other 2026-04-24"},
			"valid_from = '2020-01-01', valid_until = '2026-04-09'": {"b01 other 2026-04-24"},
			"valid_from = '2026-04-10', valid_until = NULL":         {"b01 mentor 2026-04-24", "b01 other 2026-04-24"},
			"valid_from = '2026-04-11', valid_until = NULL":         {"b01 other 2026-04-24"},
		} {
			h.must(h.db.Exec("UPDATE assignments SET duties_from = NULL, " + columns + " WHERE person_code = 'mentor'").Error)
			h.owed(t, columns, "demo", "analysis", want...)
		}
		h.must(h.db.Exec("UPDATE assignments SET valid_from = '2020-01-01', valid_until = '2026-04-09' WHERE duty = 'mentors' AND branch_code = 'b01'").Error)
		h.owed(t, "nobody to ask", "demo", "analysis", "b01 2026-04-24")
		h.must(h.db.Exec("UPDATE assignments SET valid_until = NULL WHERE duty = 'mentors'").Error)
		clock.noon(t, "2026-04-13")
		submit(c.other, "b01", "2026Q1") // of the second publication, since the confirmation
		h.owed(t, "submitted", "demo", "analysis")

		ends := func(target string) {
			t.Helper()
			ended := object{"to": "ended", "reason": "enough", "outcome": "other"}
			group.IfMatch(group.Get(target).ETag()).Post(target+"/transitions", ended).Want(http.StatusOK)
		}
		ends(target)
		c.publishes("2026Q2", "2026-04-01", "2026-06-30", spring())
		clock.noon(t, "2026-07-06")
		target = named("2026Q2") // by a first publication: that of the quarter before was analysed
		moved(group, target, "confirmed", "").Want(http.StatusOK)
		h.owed(t, "another quarter", "demo", "analysis", "b01 mentor 2026-07-20", "b01 other 2026-07-20")
		ends(target)
		c.publishes("2026Q3", "2026-07-01", "2026-09-30", spring())
		submit(c.other, "b01", "2026Q3")
		moved(group, named("2026Q3"), "confirmed", "").Want(http.StatusOK)
		h.owed(t, "analysed before it was confirmed", "demo", "analysis")
	})
}

// Items are owed by whom the plan names, from its approval until they are said to be
// done, and again when they are sent back.
func TestWhoOwesItems(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-04-10 09:00:00")
		c := newCampaign(h)
		s := improve.Defaults()
		s.WarnBefore = 60
		c.group.IfMatch(`"1"`).Put("/towns/demo/improvement-settings",
			object{"settings": s, "reason": "x"}).Want(http.StatusOK)
		c.publishes("2026Q1", "2026-01-01", "2026-03-31", spring())
		secretary, instructor := h.as(policy.Secretary), h.as(policy.Instructor)
		at := plans + "/" + last(secretary.Post(plans, object{"branch": "b01", "period": "2026Q1"}).Want(http.StatusCreated))
		var items []object
		for i, owner := range []object{
			{"kind": "person", "code": "secretary"},
			{"kind": "office", "code": "office"},
			{"kind": "branch", "code": "b01"},
			{"kind": "person", "code": "instructor"},
		} {
			item := itemOf([]string{"meetings", "spirit", "complaints", "fields"}[i], []float64{11, 9, 1, 45}[i])
			item["owner"], item["due_on"] = owner, "2026-05-30"
			items = append(items, item)
		}
		rewrites(secretary, at, items...).Want(http.StatusOK)
		moved(h.as(policy.Mentor), at, "advised", "go on").Want(http.StatusOK)
		h.owed(t, "advised", "demo", "item")
		p := decodedPlan(t, moved(c.group, at, "approved", ""))
		h.owed(t, "approved", "demo", "item", "b01 secretary 2026-05-30", "b01 office 2026-05-30", "b01 2026-05-30",
			"b01 instructor 2026-05-30")
		moved(secretary, at, "running", "").Want(http.StatusOK)
		first := at + "/items/" + p.Items[0].ID
		moveItem(secretary, first, "done", "", "minutes").Want(http.StatusOK)
		h.owed(t, "done", "demo", "item", "b01 office 2026-05-30", "b01 2026-05-30", "b01 instructor 2026-05-30")
		moveItem(instructor, first, "returned", "one is missing", "").Want(http.StatusOK)
		h.owed(t, "returned", "demo", "item", "b01 secretary 2026-05-30", "b01 office 2026-05-30", "b01 2026-05-30",
			"b01 instructor 2026-05-30")
		told, _ := remindersOf(t, secretary, 0)
		same(t, "told to the secretary", told, "item_due 2026-05-30", "item_due 2026-05-30")
		told, _ = remindersOf(t, h.as(policy.Office), 0)
		same(t, "told to the office", told, "item_due 2026-05-30")
		told, _ = remindersOf(t, instructor, 0)
		same(t, "told to the instructor", told, "visit_overdue 2020-01-31", "report_overdue 2020-03-31",
			"item_due 2026-05-30")
		moved(c.group, at, "closed", "a wrong plan").Want(http.StatusOK)
		h.owed(t, "abandoned", "demo", "item")
	})
}

// Of two who are told the same, each acknowledges it alone.
func TestEachReaderAcknowledges(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-10 09:00:00")
		instructor, leader := h.as(policy.Instructor), h.as(policy.Leadership)
		h.as(policy.LeadingGroup).Post("/towns/demo/measures/1/tasks", taskOf("b01", "instructor")).Want(http.StatusCreated)
		clock.noon(t, "2026-05-04")
		_, err := report.Remind(t.Context(), h.db)
		h.must(err)
		of := func(c *apitest.Client) report.Reminder {
			t.Helper()
			for _, r := range apitest.Decode[report.Feed](c.Get(remindersAt), http.StatusOK).Items {
				if r.Kind == "task_overdue" {
					return r
				}
			}
			t.Fatal("nothing is told of the task")
			return report.Reminder{}
		}
		leader.Post(remindersAt+"/"+of(leader).ID+"/acknowledge", nil).Want(http.StatusOK)
		if mine, other := of(leader).AcknowledgedAt, of(instructor).AcknowledgedAt; mine == nil || other != nil {
			t.Errorf("the leader acknowledged at %v, the instructor at %v", mine, other)
		}
	})
}
