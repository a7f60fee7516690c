package api

import (
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
)

// A target wants a plan until one holds, whether it was made for the target or before
// it. One that ended in good order before the target asks for the next; one that did
// so for the target does not.
func TestWhoOwesPlans(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-04-10 09:00:00")
		c := newCampaign(h)
		h.early(366, 366)
		c.publishes("2026Q1", "2026-01-01", "2026-03-31", spring())
		named := func(branch, to string) string {
			t.Helper()
			at := "/towns/demo/targets/" +
				last(c.group.Post("/towns/demo/targets", object{"branch": branch, "reason": "seen"}).Want(http.StatusCreated))
			moved(c.group, at, to, "x").Want(http.StatusOK)
			return at
		}
		finishes := func(plan, item string) {
			t.Helper()
			c.closes(item)
			for _, to := range []string{"accepted", "closed"} {
				moved(c.group, plan, to, "").Want(http.StatusOK)
			}
		}
		plan, item := c.runningItem(11) // for no target
		first := named("b01", "confirmed")
		named("b02", "confirmed")
		named("b03", "dismissed")
		h.owed(t, "a plan holds already", "demo", "plan", "b02 2026-05-01")
		finishes(plan, item)
		h.owed(t, "it ended, and was for no target", "demo", "plan", "b01 2026-05-01", "b02 2026-05-01")
		finishes(c.runningItem(11))
		h.owed(t, "that for the target ended well", "demo", "plan", "b02 2026-05-01")
		ended := apitest.Decode[object](c.group.Get(first), http.StatusOK)
		if ended["state"] != "confirmed" {
			t.Fatalf("the target: %v", ended)
		}
		c.group.IfMatch(c.group.Get(first).ETag()).Post(first+"/transitions",
			object{"to": "ended", "outcome": "improved", "reason": "x"}).Want(http.StatusOK)
		h.owed(t, "no target any more", "demo", "plan", "b02 2026-05-01")
		named("b01", "confirmed")
		h.owed(t, "the plans were for the first target", "demo", "plan", "b01 2026-05-01", "b02 2026-05-01")
		plan, _ = c.runningItem(11)
		h.owed(t, "the next one holds", "demo", "plan", "b02 2026-05-01")
		moved(c.group, plan, "closed", "a wrong plan").Want(http.StatusOK)
		h.owed(t, "the next one was abandoned", "demo", "plan", "b01 2026-05-01", "b02 2026-05-01")
	})
}
