package api

import (
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/dashboard"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
)

// waitingFor returns what waits for the caller under the one role of the client, as kind, branch
// and day; a star stands before what is overdue. Every link can be read.
func waitingFor(t *testing.T, c *apitest.Client) (list []string) {
	t.Helper()
	h := apitest.Decode[dashboard.Home](c.Get("/home"), http.StatusOK)
	zh := apitest.Decode[dashboard.Home](c.Lang("zh").Get("/home"), http.StatusOK)
	for i, town := range h.Towns {
		for j, role := range town.Roles {
			if role.Total != len(role.Items) {
				t.Errorf("%s: %d items of %d", role.Role, len(role.Items), role.Total)
			}
			for k, item := range role.Items {
				words := item.Kind
				if item.Branch != nil {
					words += " " + item.Branch.Code
				}
				if item.DueOn != nil {
					words += " " + string(*item.DueOn)
				}
				if item.Overdue {
					words = "*" + words
				}
				if other := zh.Towns[i].Roles[j].Items[k]; item.Message == "" || other.Message == "" || other.Message == item.Message {
					t.Errorf("%s says %q and %q", words, item.Message, other.Message)
				}
				c.Get(strings.TrimPrefix(item.Link, "/api/v1")).Want(http.StatusOK)
				list = append(list, words)
			}
		}
	}
	return list
}

// What waits is shown to those who can do it, for as long as they can: sheets to enter, to
// correct and to decide on, appeals and duties of the improvement.
func TestHomeShowsWhatWaits(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-01 09:00:00")
		h.inForce(smallScheme)
		group, mentor, secretary := h.as(policy.LeadingGroup), h.as(policy.Mentor), h.as(policy.Secretary)
		group.Post("/towns/demo/periods", object{
			"code": "2026Q1", "kind": "quarter", "starts_on": "2026-01-01", "ends_on": "2026-03-31", "scheme": object{"code": "small"},
			"entry_from": "2026-04-02", "entry_until": "2026-04-10", "review_until": "2026-04-20",
		}).Want(http.StatusCreated)
		same(t, "a planned period", waitingFor(t, mentor))
		h.steps("2026Q1", "open")
		same(t, "before the first day of entry", waitingFor(t, mentor))
		h.remind(2) // of the instructor, who was never here
		same(t, "duties of the improvement", waitingFor(t, h.as(policy.Instructor)),
			"*visit_overdue b01 2020-01-31", "*report_overdue 2020-03-31")
		clock.noon(t, "2026-04-08")
		same(t, "missing", waitingFor(t, mentor), "sheet_missing b01 2026-04-10")
		same(t, "missing, of the secretary", waitingFor(t, secretary), "sheet_missing b01 2026-04-10")
		same(t, "nothing to decide", waitingFor(t, group))
		h.remind(4) // of the secretary, mentor, instructor and office of b01
		told, next := remindersOf(t, mentor, 0)
		same(t, "warned", told, "sheet_due 2026-04-10")

		sheet := begun(mentor, "2026Q1", "b01", value("spirit", 7))
		same(t, "a draft", waitingFor(t, mentor), "sheet_draft b01 2026-04-10")
		h.remind(0)
		moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
		same(t, "submitted", waitingFor(t, mentor))
		same(t, "to decide", waitingFor(t, group), "decide_sheet b01 2026-04-20")
		same(t, "not for the leadership", waitingFor(t, h.as(policy.Leadership)))
		h.remind(1)
		told, next = remindersOf(t, mentor, next)
		same(t, "withdrawn", told, "-sheet_due 2026-04-10")

		tag := group.Get(sheet).ETag()
		group.IfMatch(tag).Post(sheet+"/transitions", object{"to": "returned", "reason": "which meetings?", "due_on": "2026-04-12"}).
			Want(http.StatusOK)
		same(t, "returned", waitingFor(t, mentor), "sheet_returned b01 2026-04-12")
		item := apitest.Decode[dashboard.Home](mentor.Get("/home"), http.StatusOK).Towns[0].Roles[0].Items[0]
		if item.Reason != "which meetings?" || item.Period != "2026Q1" || item.Locked != nil {
			t.Errorf("the returned sheet: %+v", item)
		}
		h.remind(1)
		told, next = remindersOf(t, mentor, next)
		same(t, "to correct", told, "returned_due 2026-04-12")
		clock.noon(t, "2026-04-13")
		same(t, "late", waitingFor(t, mentor), "*sheet_returned b01 2026-04-12")
		same(t, "late, of the secretary", waitingFor(t, secretary), "*sheet_missing b01 2026-04-10")
		item = apitest.Decode[dashboard.Home](secretary.Get("/home"), http.StatusOK).Towns[0].Roles[0].Items[0]
		if item.Locked == nil || item.Locked.Code != "window_over" || len(item.Allowed) != 0 {
			t.Errorf("a sheet whose days are over: %+v", item)
		}
		h.remind(8) // each of the four is overdue, and not due any more
		told, _ = remindersOf(t, mentor, next)
		same(t, "overdue", told, "returned_overdue 2026-04-12", "-returned_due 2026-04-12")
		told, _ = remindersOf(t, group, 0)
		same(t, "escalated", told, "visit_overdue 2020-01-31", "report_overdue 2020-03-31",
			"sheet_overdue 2026-04-10", "sheet_overdue 2026-04-10", "sheet_overdue 2026-04-10",
			"returned_overdue 2026-04-12")
		h.steps("2026Q1", "review", "locked")
		same(t, "a locked period", waitingFor(t, mentor))
		h.remind(4)
	})
}

// Who holds several roles reads what waits under each of them.
func TestHomeHasEveryRole(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.appointed("demo", "mentor", policy.Instructor)
		if got := apitest.Decode[dashboard.Home](h.as(policy.Mentor).Get("/home"), http.StatusOK); len(got.Towns) != 1 ||
			got.Towns[0].Code != "demo" || got.Towns[0].Name == "" || len(got.Towns[0].Roles) == 0 {
			t.Errorf("the home of a mentor: %+v", got)
		}
		if got := apitest.Decode[dashboard.Home](h.Get("/home"), http.StatusOK); len(got.Towns) != 0 {
			t.Errorf("the home of nobody: %+v", got)
		}
	})
}
