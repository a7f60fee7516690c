package api

import (
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
	"bulwark/internal/review"
)

// A draft is for its author. The branch that is judged sees what was approved once
// it is published, and not by whom.
func TestWhoSeesASheetInEachState(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		group, mentor, secretary := h.as(policy.LeadingGroup), h.as(policy.Mentor), h.as(policy.Secretary)
		sheet, own := begun(mentor, "2026Q1", "b01", value("spirit", 7)),
			begun(secretary, "2026Q1", "b01", value("meetings", 12))
		left := begun(h.as(policy.Instructor), "2026Q1", "b01", value("spirit", 5))
		const list = "/towns/demo/evaluations"
		sees := func(path string, who map[policy.Role]bool) {
			t.Helper()
			for _, role := range []policy.Role{
				policy.Secretary, policy.Mentor, policy.Instructor, policy.Office, policy.LeadingGroup, policy.Leadership,
			} {
				status, listed := http.StatusNotFound, 0
				if who[role] {
					status, listed = http.StatusOK, 1
				}
				a, n := h.as(role).Get(path), 0
				for _, id := range column(h.as(role).Get(list), "id") {
					if path == list+"/"+id {
						n++
					}
				}
				if a.Status != status || n != listed {
					t.Errorf("%s: %d, listed %d times, want %d", role, a.Status, n, status)
				}
			}
		}
		all := func(but ...policy.Role) map[policy.Role]bool {
			m := map[policy.Role]bool{
				policy.Secretary: true, policy.Mentor: true, policy.Instructor: true, policy.Office: true,
				policy.LeadingGroup: true, policy.Leadership: true,
			}
			for _, role := range but {
				delete(m, role)
			}
			return m
		}
		sees(sheet, map[policy.Role]bool{policy.Mentor: true})
		sees(own, map[policy.Role]bool{policy.Secretary: true})
		moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
		sees(sheet, all(policy.Secretary))
		moved(group, sheet, "returned", "why 7?").Want(http.StatusOK)
		sees(sheet, all(policy.Secretary))
		moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
		moved(group, sheet, "approved", "").Want(http.StatusOK)
		sees(sheet, all(policy.Secretary))
		moved(secretary, own, "submitted", "").Want(http.StatusOK)
		sees(own, all())

		counted(h.joins("zhen", policy.Mentor, ties{"b02": access.Mentors}), group, "2026Q1", "b02", value("meetings", 12),
			value("spirit", 9), level("standing", "A"), value("complaints", 0))
		h.steps("2026Q1", "review")
		moved(group, own, "approved", "").Want(http.StatusOK)
		h.steps("2026Q1", "locked")
		sees(sheet, all(policy.Secretary))
		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		h.steps("2026Q1", "published")
		sees(sheet, all())
		sees(left, map[policy.Role]bool{policy.Instructor: true})

		// What the branch reads names no evaluator, in no way.
		read := apitest.Decode[evaluation.Sheet](secretary.Get(sheet), http.StatusOK)
		if read.EvaluatorCode != "" || len(read.Entries) != 1 || len(read.History) != 4 || read.Role != policy.Mentor {
			t.Errorf("the branch reads %+v", read)
		}
		for _, m := range read.History {
			if (m.Actor == "") != (m.Verb == "submit") {
				t.Errorf("the branch reads that %q did %s", m.Actor, m.Verb)
			}
		}
		same(t, "evaluators", column(secretary.Get(list), "evaluator"), "<nil>", "secretary")
		same(t, "asked for the mentor", column(secretary.Get(list+"?evaluator=mentor"), "id"))
		same(t, "asked for oneself", column(secretary.Get(list+"?evaluator=secretary"), "evaluator"), "secretary")
		if told := apitest.Decode[evaluation.Sheet](mentor.Get(sheet), http.StatusOK); told.EvaluatorCode != "mentor" ||
			told.History[0].Actor != "mentor" {
			t.Errorf("the evaluator reads %+v", told)
		}
	})
}

// Every decision is kept, not only the last, and cannot be rewritten.
func TestDecisionsAreKept(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := windowed(t, db)
		group, mentor := h.as(policy.LeadingGroup), h.as(policy.Mentor)
		chen := h.joins("chen", policy.LeadingGroup, nil)
		sheet := begun(mentor, "2026Q1", "b01", value("spirit", 7))
		for _, step := range []struct {
			by                 *apitest.Client
			to, reason, due_on string
		}{
			{mentor, "submitted", "", ""},
			{mentor, "draft", "a slip", ""},
			{mentor, "submitted", "", ""},
			{group, "returned", "no evidence", "2026-04-08"},
			{mentor, "submitted", "", ""},
			{chen, "approved", "", ""},
			{group, "returned", "forged", ""},
		} {
			body := object{"to": step.to, "reason": step.reason}
			if step.due_on != "" {
				body["due_on"] = step.due_on
			}
			step.by.IfMatch(step.by.Get(sheet).ETag()).Post(sheet+"/transitions", body).Want(http.StatusOK)
		}
		s := apitest.Decode[evaluation.Sheet](group.Get(sheet), http.StatusOK)
		var got []string
		for _, m := range s.History {
			due := ""
			if m.DueOn != nil {
				due = string(*m.DueOn)
			}
			got = append(got, m.Verb+" "+m.Actor+" "+m.Reason+" "+due)
			if day.Of(m.At) != "2026-04-05" {
				t.Errorf("at %v", m.At)
			}
		}
		same(t, "history", got, "submit mentor  ", "withdraw mentor a slip ", "submit mentor  ",
			"return leading_group no evidence 2026-04-08", "submit mentor  ", "approve chen  ", "return leading_group forged ")
		if s.DueOn != nil || s.Version != 8 || s.Revision != 3 {
			t.Errorf("stands as %+v", s)
		}
		for _, tt := range []struct{ to, due string }{{"approved", "2026-04-08"}, {"returned", "2026-04-04"}} {
			moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
			a := group.IfMatch(group.Get(sheet).ETag()).Post(sheet+"/transitions",
				object{"to": tt.to, "reason": "x", "due_on": tt.due})
			refused(t, a, http.StatusUnprocessableEntity, "invalid", "/due_on")
			moved(group, sheet, "returned", "x").Want(http.StatusOK)
		}

		bonus := group.Post("/towns/demo/adjustments", object{
			"period": "2026Q1", "branch": "b01", "kind": "bonus", "item": "model", "reason": "x",
		}).Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
		moved(chen, bonus, "approved", "seen").Want(http.StatusOK)
		moved(chen, bonus, "rejected", "seen twice").Want(http.StatusOK)
		got = nil
		for _, m := range apitest.Decode[evaluation.Adjustment](group.Get(bonus), http.StatusOK).History {
			got = append(got, m.Verb+" "+m.Actor+" "+m.Reason)
		}
		same(t, "history of the bonus", got, "approve chen seen", "reject chen seen twice")
		for _, table := range []string{"transitions"} {
			if db.Exec("UPDATE "+table+" SET reason = 'other'").Error == nil || db.Exec("DELETE FROM "+table).Error == nil {
				t.Errorf("%s can be rewritten", table)
			}
		}
	})
}

// Signals are for those who can ask; they name people.
func TestSignalsAreForTheLeadingGroup(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := windowed(t, db)
		for _, role := range policy.Roles() {
			a, zh := h.as(role).Get(q1+"/signals"), h.as(role).Lang("zh").Get(q1+"/signals")
			if role != policy.LeadingGroup && role != policy.Leadership {
				refused(t, a, http.StatusForbidden, "not_allowed")
			} else if s := apitest.Decode[review.Signals](a, http.StatusOK); !strings.Contains(s.Caveat, "question") ||
				s.Items == nil {
				t.Errorf("%s reads %s", role, a.Body)
			} else if s = apitest.Decode[review.Signals](zh, http.StatusOK); !strings.Contains(s.Caveat, "不是结论") {
				t.Errorf("%s reads in Chinese %s", role, zh.Body)
			}
		}
		refused(t, h.Get(q1+"/signals"), http.StatusUnauthorized, "key_needed")
	})
}
