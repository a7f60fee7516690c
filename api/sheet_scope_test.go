package api

import (
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
)

// Who was tied to a branch when a sheet was begun must still be when it is
// written and submitted, and must not have come to lead the branch.
func TestSheetsAreWrittenByThoseTiedToTheBranchToday(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		admin, group, mentor := h.as(policy.Admin), h.as(policy.LeadingGroup), h.as(policy.Mentor)
		chen := h.joins("chen", policy.LeadingGroup, nil)
		draft, sent := begun(mentor, "2026Q1", "b01", value("spirit", 8)), begun(chen, "2026Q1", "b02", value("spirit", 8))
		moved(chen, sent, "submitted", "").Want(http.StatusOK)
		moved(group, sent, "returned", "too high").Want(http.StatusOK)

		duty := "/towns/demo/assignments/" + column(admin.Get("/towns/demo/assignments?person=mentor"), "id")[0]
		admin.IfMatch(admin.Get(duty).ETag()).Post(duty+"/end",
			object{"until": "2020-06-30", "reason": "moved"}).Want(http.StatusOK)
		may(t, mentor, draft)
		same(t, "as listed", column(mentor.Get("/towns/demo/evaluations"), "allowed"), "[]")
		refused(t, moved(mentor, draft, "submitted", ""), http.StatusForbidden, "not_assigned")
		refused(t, mentor.IfMatch(`"1"`).Put(draft, object{"entries": []object{value("spirit", 1)}}),
			http.StatusForbidden, "not_assigned")

		h.appointed("demo", "chen", policy.Secretary)
		admin.Post("/towns/demo/assignments",
			object{"person": "chen", "branch": "b02", "duty": "leads", "from": "2020-01-01"}).Want(http.StatusCreated)
		may(t, chen, sent)
		refused(t, moved(chen, sent, "submitted", ""), http.StatusForbidden, "conflict_of_interest")
		refused(t, chen.IfMatch(chen.Get(sent).ETag()).Put(sent, object{"entries": []object{value("spirit", 10)}}),
			http.StatusForbidden, "conflict_of_interest")
	})
}

// What could never count is refused at once: a branch that is not in the period,
// and parts whose ratio no rule can score.
func TestEntriesThatCouldNotCountAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group := h.as(policy.LeadingGroup)
		h.inForce(strings.Replace(smallScheme, `"scale": 100}, "rule": {"kind": "goalposts", "low": 0, "high": 100}`,
			`"scale": 100}, "rule": {"kind": "points", "max": 100}`, 1))
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		group.Post("/towns/demo/branches", object{
			"code": "b04", "name": named("新村"), "kind": "village", "founded_on": "2026-04-01",
		}).Want(http.StatusCreated)
		group.IfMatch(`"1"`).Post("/towns/demo/branches/b03/close",
			object{"on": "2026-02-01", "reason": "x"}).Want(http.StatusOK)
		for _, tt := range []struct {
			branch string
			status int
			code   string
		}{
			{"b03", http.StatusConflict, "branch_closed"},
			{"b04", http.StatusNotFound, "not_found"},
		} {
			refused(t, group.Post("/towns/demo/evaluations", sheetOf("2026Q1", tt.branch, nil)), tt.status, tt.code)
			refused(t, group.Post("/towns/demo/adjustments", object{
				"period": "2026Q1", "branch": tt.branch, "kind": "bonus", "item": "model", "reason": "x",
			}), tt.status, tt.code)
		}
		refused(t, group.Post("/towns/demo/evaluations",
			sheetOf("2026Q1", "b01", []object{value("cases", 40), value("meetings", 1), value("cases.solved", 41)})),
			http.StatusUnprocessableEntity, "invalid", "/entries/2/value")
		begun(group, "2026Q1", "b01", value("cases", 40), value("cases.solved", 40))
	})
}

// Whoever may write sheets of the branch and decide on them still neither sends
// another's nor takes it back.
func TestOnlyItsEvaluatorSendsASheet(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		group, mentor := h.as(policy.LeadingGroup), h.as(policy.Mentor)
		made := mentor.Post("/towns/demo/evaluations", sheetOf("2026Q1", "b01", []object{value("spirit", 7)}))
		if s := apitest.Decode[evaluation.Sheet](made, http.StatusCreated); s.CreatedAt.IsZero() {
			t.Errorf("nobody is told when it was begun: %s", made.Body)
		}
		sheet := "/towns/demo/evaluations/" + last(made)
		moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
		refused(t, moved(group, sheet, "draft", "a slip"), http.StatusForbidden, "not_your_sheet")
		moved(group, sheet, "returned", "no evidence").Want(http.StatusOK)
		for _, other := range []*apitest.Client{group, h.as(policy.Instructor)} {
			refused(t, moved(other, sheet, "submitted", ""), http.StatusForbidden, "not_your_sheet")
			may(t, other, sheet)
		}
		moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
	})
}
