package api

import (
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/dashboard"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/improve/plan"
	"bulwark/internal/improve/report"
	"bulwark/internal/policy"
)

// What comes back after its plan was closed is seen by all who answer for it, and is
// worked on until it is closed again, while the plan stays as it was decided.
func TestAnItemOfAClosedPlanIsWorkedOnAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-10 09:00:00")
		c := newCampaign(h)
		secretary, instructor, leader := h.as(policy.Secretary), h.as(policy.Instructor), h.as(policy.Leadership)
		h.every(366, 12)
		c.publishes("2026Q1", "2026-01-01", "2026-03-31", spring())
		pl, item := c.closedItem(11)
		h.must(h.db.Exec("UPDATE plan_items SET due_on = '2026-06-30'").Error)
		moved(c.group, pl, "accepted", "").Want(http.StatusOK)
		moved(c.group, pl, "closed", "").Want(http.StatusOK)
		var since int64
		sees := func(what string, open, overdue int, told ...string) {
			t.Helper()
			_, err := report.Remind(t.Context(), h.db)
			h.must(err)
			d := apitest.Decode[dashboard.Dashboard](leader.Get("/towns/demo/dashboard"), http.StatusOK)
			if d.Items["open"]+d.Items["returned"] != int64(open) || d.Overdue.Counts[report.ItemDuty] != overdue ||
				d.Plans["closed"] != 1 {
				t.Errorf("%s: the leadership sees items %v of plans %v, overdue %v", what, d.Items, d.Plans, d.Overdue.Counts)
			}
			var got []string
			got, since = remindersOf(t, secretary, since)
			same(t, what, got, told...)
		}
		clock.noon(t, "2026-06-30")
		sees("closed", 0, 0)
		may(t, secretary, item)

		c.publishes("2026Q2", "2026-04-01", "2026-06-30", spring()) // 9 meetings
		if n, err := plan.ReopenRelapsed(t.Context(), h.db); err != nil || n != 1 {
			t.Fatalf("%d reopened: %v", n, err)
		}
		i := apitest.Decode[plan.Item](secretary.Get(item), http.StatusOK)
		if i.State != plan.ItemOpen || i.Relapses != 1 || i.DueOn != "2026-07-13" { // 12 days later is a Sunday
			t.Errorf("reopened: %+v", i)
		}
		sees("reopened", 1, 0)
		clock.noon(t, "2026-07-12")
		sees("before its day", 1, 0)
		clock.noon(t, "2026-07-13")
		sees("on its day", 1, 0, "item_due 2026-07-13")
		clock.noon(t, "2026-07-14")
		sees("after its day", 1, 1, "item_overdue 2026-07-13", "-item_due 2026-07-13")
		may(t, secretary, item, "done", "attach")
		may(t, instructor, item)
		refused(t, rewrites(secretary, pl, itemOf("meetings", 10)), http.StatusConflict, "plan_over")

		moveItem(secretary, item, "done", "", "minutes of July").Want(http.StatusOK)
		sees("done", 0, 0, "-item_overdue 2026-07-13")
		may(t, instructor, item, "verify", "return")
		moveItem(instructor, item, "returned", "the minutes are of June", "").Want(http.StatusOK)
		sees("returned", 1, 1, "item_overdue 2026-07-13")
		moveItem(secretary, item, "done", "", "minutes of July").Want(http.StatusOK)
		moveItem(instructor, item, "verified", "", "").Want(http.StatusOK)
		may(t, c.group, item, "return", "close")
		moveItem(c.group, item, "closed", "", "").Want(http.StatusOK)
		sees("closed again", 0, 0, "-item_overdue 2026-07-13")
		i = apitest.Decode[plan.Item](secretary.Get(item), http.StatusOK)
		var verbs []string
		for _, step := range i.History {
			verbs = append(verbs, step.Verb)
		}
		same(t, "history", verbs, "done", "verify", "close", "relapse", "done", "return", "done", "verify", "close")
		if p := apitest.Decode[plan.Plan](secretary.Get(pl), http.StatusOK); p.State != plan.Closed ||
			*p.ClosedOn != "2026-04-10" || i.ClosedAt == nil {
			t.Errorf("the plan is %s since %v, the item closed at %v", p.State, p.ClosedOn, i.ClosedAt)
		}
		secretary.Post(plans, object{"branch": "b01", "period": "2026Q2"}).Want(http.StatusCreated)
	})
}
