package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/improve/plan"
	"bulwark/internal/improve/report"
	"bulwark/internal/policy"
)

// What another town has changes neither figures nor reminders, though its things have
// the same ids: there they are about b01 and lin, here about b03 and others.
func TestTownsAreToldOfTheirOwn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-10 09:00:00")
		c := newCampaign(h)
		c.publishes("2026Q1", "2026-01-01", "2026-03-31", spring())
		lin := h.paired("lin", "2026-04-01")
		h.early(12, 30)
		c.farAway()
		target := c.group.Post("/towns/demo/targets", object{"branch": "b01", "reason": "seen"}).Want(http.StatusCreated)
		moved(c.group, target.Header.Get("Location")[len("/api/v1"):], "confirmed", "").Want(http.StatusOK)
		moved(c.other, analyses+"/"+last(c.other.Post(analyses,
			analysisOf("b01", cause("spirit"))).Want(http.StatusCreated)), "submitted", "").Want(http.StatusOK)
		clock.noon(t, "2026-04-13")
		figures := func(what string) {
			t.Helper()
			if f, got := reportFigures(lin, "2026-04-01", "2026-04-13"); got != [7]int{} || len(f.Branches) != 1 {
				t.Errorf("%s: %v", what, got)
			}
		}
		owed := func(what string) {
			t.Helper()
			h.owed(t, what+", visits", "demo", "visit", "b01 lin 2026-04-13", "b03 far 2026-04-22")
			h.owed(t, what+", problems", "demo", "problem", "b03 far 2026-04-30")
			h.owed(t, what+", reports", "demo", "report", "lin 2026-05-01", "far 2026-05-11")
			h.owed(t, what+", tasks", "demo", "task", "b03 far 2026-05-01")
			h.owed(t, what+", analyses", "demo", "analysis", "b03 other 2026-04-24")
			h.owed(t, what+", items", "demo", "item", "b03 far 2026-05-30")
		}
		figures("alone")
		owed("alone")
		h.copied(t)
		figures("beside another town")
		owed("beside another town")
		h.owed(t, "the other town, visits", "quiet", "visit")
		h.owed(t, "the other town, problems", "quiet", "problem", "b01 lin 2026-04-30")
		h.owed(t, "the other town, tasks", "quiet", "task", "b01 lin 2026-05-01")
		h.owed(t, "the other town, analyses", "quiet", "analysis", "b01 2026-04-24")
		h.owed(t, "the other town, items", "quiet", "item", "b01 lin 2026-05-30")
		told, _ := remindersOf(t, lin, 0)
		same(t, "told to lin", told, "visit_due 2026-04-13", "report_due 2026-05-01")
		// there lin has reported on these days
		remarked(lin, begunReport(lin, "2026-04-01", "2026-04-10"), "submitted", "").Want(http.StatusOK)
		two := h.As(h.key(credential.Key{Roles: []policy.Role{policy.Leadership}, Towns: []string{"demo", "quiet"}}))
		if f := apitest.Decode[report.Feed](two.Get("/towns/quiet/reminders"), http.StatusOK); len(f.Items) != 0 {
			t.Errorf("told in the other town, where nothing is overdue: %+v", f.Items)
		}
	})
}

// farAway fills b03: one of everything that an instructor called far has to do with.
func (c *campaign) farAway() {
	c.t.Helper()
	far := c.joins("far", policy.Instructor, nil)
	c.pairs("far", "b03", access.Instructs, "2026-04-01")
	secretary := c.joins("third", policy.Secretary, ties{"b03": access.Leads})
	visitedOn(far, "b03", "2026-04-08")
	problem := troubleOf(object{"branch": "b03", "owner_person": "far", "due_on": "2026-04-30"})
	delete(problem, "owner_office")
	far.Post("/towns/demo/problems", problem).Want(http.StatusCreated)
	reported(far, set(c.group, taskOf("b03", "far")), 10, "x").Want(http.StatusOK)
	remarked(far, begunReport(far, "2026-04-01", "2026-04-10"), "submitted", "").Want(http.StatusOK)
	target := c.group.Post("/towns/demo/targets", object{"branch": "b03", "reason": "seen"}).Want(http.StatusCreated)
	moved(c.group, target.Header.Get("Location")[len("/api/v1"):], "confirmed", "").Want(http.StatusOK)
	at := plans + "/" + last(secretary.Post(plans, object{"branch": "b03", "period": "2026Q1"}).Want(http.StatusCreated))
	kept, verified := itemOf("spirit", 9), itemOf("meetings", 11)
	for _, item := range []object{kept, verified} {
		item["owner"], item["due_on"] = object{"kind": "person", "code": "far"}, "2026-05-30"
	}
	rewrites(secretary, at, kept, verified).Want(http.StatusOK)
	moved(c.other, at, "advised", "go on").Want(http.StatusOK)
	p := apitest.Decode[plan.Plan](moved(c.group, at, "approved", ""), http.StatusOK)
	moved(secretary, at, "running", "").Want(http.StatusOK)
	moveItem(secretary, at+"/items/"+p.Items[1].ID, "done", "", "minutes").Want(http.StatusOK)
	moveItem(far, at+"/items/"+p.Items[1].ID, "verified", "", "").Want(http.StatusOK)
}

// copied copies b01 and lin to the town quiet, and what b03 of demo has to its b01,
// for lin; what else the rows refer to is not there.
func (h *harness) copied(t *testing.T) {
	t.Helper()
	pool, err := dbtest.Owner(t, h.db).DB()
	h.must(err)
	conn, err := pool.Conn(t.Context())
	h.must(err)
	defer conn.Close()
	off, on := "PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON"
	if database.Dialect(h.db) == database.PostgreSQL {
		off, on = "SET session_replication_role = replica", "SET session_replication_role = origin"
	}
	exec := func(statement string) {
		t.Helper()
		if _, err := conn.ExecContext(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	exec(off)
	defer exec(on)
	for _, c := range []struct{ table, where string }{
		{"improvement_settings", "version > 0"},
		{"branches", "code = 'b01'"},
		{"people", "code = 'lin'"},
		{"visits", "branch_code = 'b03'"},
		{"problems", "branch_code = 'b03'"},
		{
			"transitions",
			"kind = 'problem' AND record_id IN (SELECT id FROM problems WHERE town_id = 'demo' AND branch_code = 'b03')",
		},
		{"measure_tasks", "branch_code = 'b03'"},
		{
			"transitions",
			"kind = 'task' AND record_id IN (SELECT id FROM measure_tasks WHERE town_id = 'demo' AND branch_code = 'b03')",
		},
		{"reports", "author_code = 'far'"},
		{"improvement_targets", "branch_code = 'b03'"},
		{"plans", "branch_code = 'b03'"},
		{"plan_items", "branch_code = 'b03'"},
		{
			"transitions",
			"kind = 'plan-item' AND record_id IN (SELECT id FROM plan_items WHERE town_id = 'demo' AND branch_code = 'b03')",
		},
	} {
		rows, err := conn.QueryContext(t.Context(), "SELECT * FROM "+c.table+" LIMIT 0")
		h.must(err)
		columns, err := rows.Columns()
		h.must(err)
		h.must(rows.Close())
		values := make([]string, len(columns))
		for i, name := range columns {
			switch values[i] = name; name {
			case "town_id":
				values[i] = "'quiet'"
			case "branch_code":
				values[i] = "'b01'"
			case "visited_by", "author_code", "owner_person", "person_code", "owner_code":
				values[i] = "'lin'"
			}
		}
		exec(fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s WHERE town_id = 'demo' AND %s", c.table,
			strings.Join(columns, ", "), strings.Join(values, ", "), c.table, c.where))
	}
}
