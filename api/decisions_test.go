package api

import (
	"fmt"
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
)

// Of many sheets those that can be decided on are, the others say why, and a dry
// run says the same and changes nothing.
func TestManySheetsAreDecidedAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := windowed(t, db)
		group, mentor := h.as(policy.LeadingGroup), h.as(policy.Mentor)
		chen := h.joins("chen", policy.LeadingGroup, ties{"b03": access.Leads})
		sent := func(c *apitest.Client, branch string) string {
			sheet := begun(c, "2026Q1", branch, value("spirit", 7))
			moved(c, sheet, "submitted", "").Want(http.StatusOK)
			return sheet
		}
		good, own, led := sent(mentor, "b01"), sent(chen, "b02"), sent(group, "b03")
		old, draft := sent(group, "b02"), begun(group, "2026Q1", "b01", value("spirit", 7))
		moved(group, old, "draft", "").Want(http.StatusOK)
		moved(group, old, "submitted", "").Want(http.StatusOK)
		item := func(path string, version int) object {
			return object{"id": path[len("/towns/demo/evaluations/"):], "version": version}
		}
		items := []object{item(good, 2), item(own, 2), item(led, 2), item(old, 2), item(draft, 1), item(good, 2)}
		const decide = "/towns/demo/evaluations/decide"
		want := []string{"ok", "own_sheet", "conflict_of_interest", "stale_version", "not_found", "named_twice"}
		verdicts := func(a *apitest.Answer, wantDone int) (codes []string) {
			t.Helper()
			d := apitest.Decode[decisions](a, http.StatusOK)
			for _, i := range d.Items {
				if i.Status == "ok" {
					i.Code = "ok"
				} else if i.Message == "" {
					t.Errorf("%s says nothing", i.Code)
				}
				codes = append(codes, i.Code)
			}
			if d.Done != wantDone || d.Done+d.Refused != len(d.Items) {
				t.Errorf("%d done, %d refused of %d", d.Done, d.Refused, len(d.Items))
			}
			return codes
		}
		body := object{"to": "returned", "reason": "evidence?", "due_on": "2026-04-09", "items": items}
		before := records(t, db)
		same(t, "dry run", verdicts(chen.Post(decide+"?dry_run=true", body), 1), want...)
		if records(t, db) != before || group.Get(good).Version() != 2 {
			t.Error("a dry run changed something")
		}
		refused(t, mentor.Post(decide, body), http.StatusForbidden, "not_allowed")
		refused(t, chen.Post(decide, object{"to": "approved", "due_on": "2026-04-09", "items": items}),
			http.StatusUnprocessableEntity, "invalid", "/due_on")
		same(t, "no reason", verdicts(chen.Post(decide, object{"to": "returned", "items": items[:1]}), 0), "invalid")
		same(t, "done", verdicts(chen.Post(decide, body), 1), want...)
		if records(t, db) != before+1 {
			t.Errorf("%d records for one decision", records(t, db)-before)
		}
		s := apitest.Decode[evaluation.Sheet](mentor.Get(good), http.StatusOK)
		if s.State != evaluation.Returned || s.Version != 3 || s.Revision != 2 || *s.DueOn != "2026-04-09" ||
			len(s.Entries) != 1 || len(s.History) != 2 || s.DecidedBy != "chen" {
			t.Errorf("returned: %+v", s)
		}
		for _, path := range []string{own, led, old} {
			if s := apitest.Decode[evaluation.Sheet](group.Get(path), http.StatusOK); s.State != evaluation.Submitted {
				t.Errorf("%s is %s", path, s.State)
			}
		}
		same(t, "approved", verdicts(chen.Post(decide, object{"to": "approved", "items": []object{item(old, 4)}}), 1), "ok")

		h.steps("2026Q1", "review")
		h.forced("2026Q1", "time is over")
		a := chen.Post(decide, object{"to": "returned", "reason": "x", "items": []object{item(old, 5), item(own, 2)}})
		same(t, "after the lock", verdicts(a, 0), "period_locked", "period_locked")
		if l := apitest.Decode[decisions](a, http.StatusOK).Items[0].Locked; l == nil || l.By != "leading_group" ||
			l.Reason != "time is over" {
			t.Errorf("locked: %+v", l)
		}
	})
}

// records counts the records of the town.
func records(t *testing.T, db *gorm.DB) (n int64) {
	t.Helper()
	if err := db.Table("audit_records").Where("town_id = ?", "demo").Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

// forced locks a period although something waits for a decision.
func (h *harness) forced(period, reason string) {
	h.t.Helper()
	group, path := h.as(policy.LeadingGroup), "/towns/demo/periods/"+period
	group.IfMatch(group.Get(path).ETag()).Post(path+"/transitions",
		object{"to": "locked", "force": true, "reason": reason}).Want(http.StatusOK)
}

// A period is not locked over the heads of those who wait, unless by force and
// with a reason.
func TestALockNamesWhatWaits(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := windowed(t, db)
		group, mentor := h.as(policy.LeadingGroup), h.as(policy.Mentor)
		sheet := begun(mentor, "2026Q1", "b01", value("spirit", 7))
		moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
		begun(h.as(policy.Instructor), "2026Q1", "b01", value("spirit", 7))
		bonus := mentor.Post("/towns/demo/adjustments",
			object{"period": "2026Q1", "branch": "b01", "kind": "bonus", "item": "model", "reason": "x"}).
			Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
		warned := func(a *apitest.Answer) (got []string) {
			for _, w := range apitest.Decode[evaluation.Period](a, http.StatusOK).Warnings {
				got = append(got, fmt.Sprint(w.Code, " ", w.Count))
			}
			return got
		}
		same(t, "left by the review", warned(moved(group, q1, "review", "")), "drafts_left 1")
		places := []string{
			"evaluations/" + sheet[len("/towns/demo/evaluations/"):], "adjustments/" + bonus[len("/towns/demo/adjustments/"):],
		}
		lock := moved(group, q1, "locked", "")
		refused(t, lock, http.StatusConflict, "undecided_sheets", places...)
		if l := lock.Problem(http.StatusConflict).Locked; l == nil || l.By != "mentor" || l.CanLift != "leading_group" {
			t.Errorf("locked: %+v", l)
		}
		moved(group, sheet, "approved", "").Want(http.StatusOK)
		refused(t, moved(group, q1, "locked", ""), http.StatusConflict, "undecided_adjustments", places[1])
		force := func(reason string) *apitest.Answer {
			return group.IfMatch(group.Get(q1).ETag()).Post(q1+"/transitions",
				object{"to": "locked", "force": true, "reason": reason})
		}
		refused(t, force(""), http.StatusUnprocessableEntity, "invalid", "/reason")
		same(t, "left by the lock", warned(force("no evidence came")), "drafts_left 1", "undecided_left_out 1")
		may(t, group, bonus)
	})
}
