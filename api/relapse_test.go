package api

import (
	"fmt"
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/improve"
	"bulwark/internal/improve/plan"
	"bulwark/internal/policy"
)

// closedItem makes the plan of b01 with one item about its meetings, 75 → 100, and
// has that closed. It gives the addresses of both.
func (c *campaign) closedItem(goal float64) (plan, item string) {
	c.t.Helper()
	plan, item = c.runningItem(goal)
	c.closes(item)
	return plan, item
}

// runningItem is closedItem before anything is done.
func (c *campaign) runningItem(goal float64) (pl, item string) {
	c.t.Helper()
	made := c.as(policy.Secretary).Post(plans, object{"branch": "b01", "period": "2026Q1"}).Want(http.StatusCreated)
	pl = made.Header.Get("Location")[len("/api/v1"):]
	work := itemOf("meetings", goal)
	work["due_on"] = "2027-12-31"
	rewrites(c.as(policy.Secretary), pl, work).Want(http.StatusOK)
	moved(c.as(policy.Mentor), pl, "advised", "x").Want(http.StatusOK)
	p := apitest.Decode[plan.Plan](moved(c.group, pl, "approved", ""), http.StatusOK)
	moved(c.as(policy.Secretary), pl, "running", "").Want(http.StatusOK)
	return pl, pl + "/items/" + p.Items[0].ID
}

func (c *campaign) closes(item string) {
	c.t.Helper()
	moveItem(c.as(policy.Secretary), item, "done", "", "minutes").Want(http.StatusOK)
	moveItem(c.as(policy.Instructor), item, "verified", "", "").Want(http.StatusOK)
	moveItem(c.group, item, "closed", "", "").Want(http.StatusOK)
}

// TestWhatComesBackIsReopened plays an item over five quarters: the goal is 11
// meetings of 12, 91.67.
func TestWhatComesBackIsReopened(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-10 09:00:00")
		c := newCampaign(h)
		publishes := func(n int, meetings float64) {
			quarter := [][2]string{
				{"2026-01-01", "2026-03-31"},
				{"2026-04-01", "2026-06-30"},
				{"2026-07-01", "2026-09-30"},
				{"2026-10-01", "2026-12-31"},
				{"2027-01-01", "2027-03-31"},
				{"2027-04-01", "2027-06-30"},
			}[n]
			clock.set(t, quarter[1]+" 12:00:00")
			figures := spring()
			b01 := figures["b01"]
			b01.meetings = meetings
			figures["b01"] = b01
			c.publishes(fmt.Sprintf("q%d", n), quarter[0], quarter[1], figures)
		}
		reopens := func(what string, want int) {
			t.Helper()
			for _, n := range []int{want, 0} { // and is done once
				if got, err := plan.ReopenRelapsed(t.Context(), h.db); err != nil || got != n {
					t.Errorf("%s: %d reopened, want %d: %v", what, got, n, err)
				}
			}
		}
		c.publishes("2026Q1", "2026-01-01", "2026-03-31", spring())
		p, item := c.closedItem(11)
		reopens("its own period is below the goal", 0)
		publishes(1, 11)
		reopens("the goal is held", 0)
		publishes(2, 10)
		reopens("10 of 12 in the second period", 1)
		got := apitest.Decode[plan.Item](c.group.Get(item), http.StatusOK)
		step := got.History[len(got.History)-1]
		if got.State != plan.ItemOpen || got.Relapses != 1 || got.ClosedAt != nil || got.Evidence != "minutes" ||
			step.Verb != "relapse" ||
			*step.PeriodCode != "q2" || *step.PublicationNumber != 1 || *step.Closing != step.Version-1 ||
			got.History[len(got.History)-2].Verb != "close" {
			t.Errorf("reopened: %+v", got)
		}
		refused(t, moved(c.group, p, "accepted", ""), http.StatusConflict, "items_open")

		c.closes(item)
		reopens("what was published before the closing", 0)
		publishes(3, 11)
		reopens("held", 0)
		amended(h, "q3", "b01", "meetings", 9)
		reopens("an amended result shows it", 1)
		c.closes(item)
		moved(c.group, p, "accepted", "").Want(http.StatusOK)
		moved(c.group, p, "closed", "").Want(http.StatusOK)
		publishes(4, 10)
		reopens("its plan is closed", 1)
		c.closes(item) // and it can be worked on all the same

		settings := improve.Defaults()
		settings.RelapsePeriods = 1
		at := "/towns/demo/improvement-settings"
		c.group.IfMatch(c.group.Get(at).ETag()).Put(at, object{"settings": settings, "reason": "x"}).Want(http.StatusOK)
		publishes(5, 11)
		reopens("held in the one period that counts", 0)
	})
}

// Two periods of the plan's kind after the plan's own count, by the calendar: the
// meetings of b01 were 9 in the first quarter, and 11 are the goal.
func TestARelapseIsSoughtInTheNextPeriods(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2027-12-31 12:00:00")
		c := newCampaign(h)
		publishes := func(period, from, until string, meetings float64) {
			figures := spring()
			b01 := figures["b01"]
			b01.meetings = meetings
			figures["b01"] = b01
			c.publishes(period, from, until, figures)
		}
		reopens := func(what string, want int) {
			t.Helper()
			if got, err := plan.ReopenRelapsed(t.Context(), h.db); err != nil || got != want {
				t.Errorf("%s: %d reopened, want %d: %v", what, got, want, err)
			}
		}
		within := func(periods int64) {
			settings := improve.Defaults()
			settings.RelapsePeriods = periods
			at := "/towns/demo/improvement-settings"
			c.group.IfMatch(c.group.Get(at).ETag()).Put(at, object{"settings": settings, "reason": "x"}).Want(http.StatusOK)
		}
		publishes("2026Q1", "2026-01-01", "2026-03-31", 9)
		_, item := c.closedItem(11)
		within(1)
		publishes("2025Q4", "2025-10-01", "2025-12-31", 9)
		reopens("a period before that of the plan", 0)
		publishes("2026", "2027-10-01", "2027-12-31", 9)
		h.must(h.db.Exec("UPDATE periods SET kind = 'year', starts_on = '2026-04-01' WHERE code = '2026'").Error)
		reopens("a year, where the plan is of a quarter", 0)
		publishes("2026Q2", "2026-04-01", "2026-06-30", 11)
		reopens("held", 0)
		publishes("2026Q3", "2026-07-01", "2026-09-30", 9)
		reopens("the second period, where one counts", 0)
		within(2)
		reopens("the second period, where two count", 1)

		c.closes(item)
		publishes("2026Q4", "2026-10-01", "2026-12-31", 9)
		publishes("2027Q1", "2027-01-01", "2027-03-31", 9)
		reopens("two periods at once, one item", 1)
	})
}
