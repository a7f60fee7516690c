package api

import (
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
)

// An exception is for the period, the branch and the evaluator that it names, and
// for nothing beside them. It lifts the end of a window, never its beginning.
func TestLeaveIsForWhatItNames(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, c := windowed(t, db)
		group, zhao := h.as(policy.LeadingGroup),
			h.joins("zhao", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors})
		for code, q := range map[string][4]string{
			"2025Q4": {"2025-10-01", "2025-12-31", "2026-04-01", "2026-04-10"},
			"2026Q2": {"2026-04-01", "2026-06-30", "2026-05-01", "2026-05-10"},
		} {
			group.Post("/towns/demo/periods", object{
				"code": code, "kind": "quarter", "starts_on": q[0], "ends_on": q[1], "scheme": object{"code": "small"}, "entry_from": q[2],
				"entry_until": q[3],
			}).Want(http.StatusCreated)
			h.steps(code, "open")
		}
		grant := func(period string, fields object) {
			t.Helper()
			fields["until"], fields["reason"] = "2026-05-20", "flood"
			group.Post("/towns/demo/periods/"+period+"/exceptions", fields).Want(http.StatusCreated)
		}
		here, there := begun(zhao, "2026Q1", "b01", value("spirit", 7)), begun(zhao, "2026Q1", "b02", value("spirit", 7))
		before := begun(zhao, "2025Q4", "b01", value("spirit", 7))
		c.noon(t, "2026-04-15")
		closed := func(sheet string) {
			t.Helper()
			may(t, zhao, sheet)
			closedBy(t, moved(zhao, sheet, "submitted", ""), "window_over", "leading_group", "", "leading_group")
		}

		grant("2025Q4", object{"evaluator": "zhao"})
		may(t, zhao, before, "write", "attach", "submit")
		closed(here)
		closed(there)
		grant("2026Q1", object{"branch": "b02"})
		may(t, zhao, there, "write", "attach", "submit")
		closed(here)
		grant("2026Q1", object{"branch": "b01", "evaluator": "mentor"})
		closed(here)

		grant("2026Q2", object{"evaluator": "zhao"})
		begin := func() *apitest.Answer { return zhao.Post("/towns/demo/evaluations", sheetOf("2026Q2", "b01", nil)) }
		closedBy(t, begin(), "window_not_begun", "leading_group", "", "leading_group")
		c.noon(t, "2026-05-15")
		begin().Want(http.StatusCreated)
	})
}
