package api

import (
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
)

// windowed is a harness in the middle of the entry window of an open quarter: from
// 1 to 10 April, decisions until the 20th.
func windowed(t *testing.T, db *gorm.DB) (*harness, *wallClock) {
	h, c := newHarnessAt(t, db, "2026-03-30 12:00:00")
	h.inForce(smallScheme)
	h.as(policy.LeadingGroup).Post("/towns/demo/periods", object{
		"code": "2026Q1", "kind": "quarter", "starts_on": "2026-01-01", "ends_on": "2026-03-31", "scheme": object{"code": "small"},
		"entry_from": "2026-04-01", "entry_until": "2026-04-10", "review_until": "2026-04-20",
	}).Want(http.StatusCreated)
	h.steps("2026Q1", "open")
	c.noon(t, "2026-04-05")
	return h, c
}

// closedBy checks that a request was refused with 423 and that the answer says who
// is behind it, why, and who can lift it.
func closedBy(t *testing.T, a *apitest.Answer, code, by, reason, lift string) {
	t.Helper()
	p := a.Problem(http.StatusLocked)
	if p.Code != code || p.Locked == nil || p.Locked.By != by || p.Locked.Reason != reason || p.Locked.CanLift != lift ||
		p.Locked.At.IsZero() {
		t.Errorf("refused with %s", a.Body)
	}
}

// A day begins and ends in Asia/Shanghai, wherever the process runs.
func TestDaysEndAtMidnightInShanghai(t *testing.T) {
	for _, zone := range []string{"UTC", "America/New_York"} {
		t.Run(zone, func(t *testing.T) {
			inZone(t, zone)
			dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
				h, c := windowed(t, db)
				group, mentor := h.as(policy.LeadingGroup), h.as(policy.Mentor)
				begin := func() *apitest.Answer { return mentor.Post("/towns/demo/evaluations", sheetOf("2026Q1", "b01", nil)) }
				write := func(sheet string) *apitest.Answer {
					return mentor.IfMatch(mentor.Get(sheet).ETag()).Put(sheet, object{"entries": []object{value("spirit", 7)}})
				}

				c.set(t, "2026-03-31 23:59:59")
				closedBy(t, begin(), "window_not_begun", "leading_group", "", "leading_group")
				c.set(t, "2026-04-01 00:00:00")
				sheet := begin().Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
				c.set(t, "2026-04-10 23:59:59")
				may(t, mentor, sheet, "write", "attach", "submit")
				write(sheet).Want(http.StatusOK)
				c.set(t, "2026-04-11 00:00:00")
				may(t, mentor, sheet)
				closedBy(t, write(sheet), "window_over", "leading_group", "", "leading_group")
				closedBy(t, moved(mentor, sheet, "submitted", ""), "window_over", "leading_group", "", "leading_group")

				grant := group.Post(q1+"/exceptions",
					object{"branch": "b01", "until": "2026-04-12", "reason": "flood"}).Want(http.StatusCreated)
				c.set(t, "2026-04-12 23:59:59")
				may(t, mentor, sheet, "write", "attach", "submit")
				late := apitest.Decode[evaluation.Sheet](write(sheet), http.StatusOK)
				id := apitest.Decode[evaluation.Exception](grant, http.StatusCreated).ID
				if !late.Late || late.ExceptionID == nil || *late.ExceptionID != id {
					t.Errorf("written late: %+v", late)
				}
				c.set(t, "2026-04-13 00:00:00")
				may(t, mentor, sheet)
				closedBy(t, write(sheet), "window_over", "leading_group", "", "leading_group")

				c.set(t, "2026-04-12 12:00:00")
				moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
				c.noon(t, "2026-04-25") // overdue decisions are still made
				may(t, mentor, sheet)
				may(t, group, sheet, "approve", "return")
				group.IfMatch(group.Get(sheet).ETag()).Post(sheet+"/transitions",
					object{"to": "returned", "reason": "no evidence", "due_on": "2026-04-28"}).Want(http.StatusOK)
				h.steps("2026Q1", "review")
				c.set(t, "2026-04-28 23:59:59")
				may(t, mentor, sheet, "write", "attach", "submit")
				write(sheet).Want(http.StatusOK)
				c.set(t, "2026-04-29 00:00:00")
				may(t, mentor, sheet)
				closedBy(t, write(sheet), "due_passed", "leading_group", "no evidence", "leading_group")
				closedBy(t, moved(mentor, sheet, "submitted", ""), "due_passed", "leading_group", "no evidence", "leading_group")
			})
		})
	}
}

// Who set the days of a period, when and why is told, and kept in the trail. A
// locked period keeps its days.
func TestThePeriodSaysWhoSetItsDays(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, c := windowed(t, db)
		group, mentor := h.as(policy.LeadingGroup), h.as(policy.Mentor)
		chen := h.joins("chen", policy.LeadingGroup, nil)
		p := apitest.Decode[evaluation.Period](mentor.Get(q1), http.StatusOK)
		if p.NoticeDays != 5 || p.AnswerDays != 5 || p.WindowBy != "leading_group" || p.WindowAt == nil ||
			*p.ReviewUntil != "2026-04-20" {
			t.Errorf("as planned: %+v", p.Calendar)
		}
		change := object{
			"entry_from": "2026-04-01", "entry_until": "2026-04-06", "notice_days": 7, "answer_days": 0,
			"reason": "the congress is early",
		}
		refused(t, group.Bad().Put(q1, change), http.StatusPreconditionRequired, "if_match_required")
		refused(t, group.IfMatch(`"1"`).Put(q1, change), http.StatusPreconditionFailed, "stale_version")
		refused(t, mentor.IfMatch(mentor.Get(q1).ETag()).Put(q1, change), http.StatusForbidden, "not_allowed")
		tag := chen.Get(q1).ETag()
		for pointer, body := range map[string]object{
			"/reason":       {"entry_until": "2026-04-06", "reason": " "},
			"/entry_until":  {"entry_from": "2026-04-07", "entry_until": "2026-04-06", "reason": "x"},
			"/review_until": {"entry_from": "2026-04-07", "review_until": "2026-04-06", "reason": "x"},
			"/notice_days":  {"notice_days": 91, "reason": "x"},
			"/answer_days":  {"answer_days": -1, "reason": "x"},
		} {
			refused(t, chen.IfMatch(tag).Bad().Put(q1, body), http.StatusUnprocessableEntity, "invalid", pointer)
		}
		p = apitest.Decode[evaluation.Period](chen.IfMatch(tag).Put(q1, change), http.StatusOK)
		if *p.EntryUntil != "2026-04-06" || p.ReviewUntil != nil || p.NoticeDays != 7 || p.AnswerDays != 0 ||
			p.WindowBy != "chen" || p.WindowReason != "the congress is early" || day.Of(*p.WindowAt) != "2026-04-05" {
			t.Errorf("as changed: %+v", p.Calendar)
		}
		var reasons []string
		h.must(db.Table("audit_records").Where("action = ?", "period.change").Pluck("reason", &reasons).Error)
		same(t, "kept", reasons, "the congress is early")
		c.noon(t, "2026-04-07")
		closedBy(t, mentor.Post("/towns/demo/evaluations", sheetOf("2026Q1", "b01", nil)), "window_over", "chen",
			"the congress is early", "leading_group")

		h.steps("2026Q1", "review", "locked")
		closedBy(t, group.IfMatch(group.Get(q1).ETag()).Put(q1, change), "period_locked", "leading_group", "next",
			"leading_group")
		may(t, group, q1, "unlock") // nothing was computed
	})
}

// Leave is granted by the leading group, never to oneself, and can be taken back.
func TestExceptionsAreGrantedByOthers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, c := windowed(t, db)
		group, mentor := h.as(policy.LeadingGroup), h.as(policy.Mentor)
		chen := h.joins("chen", policy.LeadingGroup, ties{"b03": access.Leads})
		sheet, own := begun(mentor, "2026Q1", "b01", value("spirit", 7)), begun(chen, "2026Q1", "b01", value("spirit", 7))
		c.noon(t, "2026-04-15")
		const all = q1 + "/exceptions"
		grant := func(c *apitest.Client, fields object) *apitest.Answer {
			body := object{"until": "2026-04-18", "reason": "flood"}
			for k, v := range fields {
				body[k] = v
			}
			return c.Post(all, body)
		}
		refused(t, grant(mentor, object{"branch": "b01"}), http.StatusForbidden, "not_allowed")
		refused(t, grant(chen, object{"evaluator": "chen"}), http.StatusForbidden, "own_exception")
		refused(t, grant(chen, object{"branch": "b03"}), http.StatusForbidden, "conflict_of_interest")
		refused(t, grant(chen, nil), http.StatusUnprocessableEntity, "invalid", "/branch")
		refused(t, grant(chen, object{"evaluator": "nobody"}), http.StatusUnprocessableEntity, "invalid", "/evaluator")
		refused(t, grant(chen, object{"branch": "b01", "until": "2026-04-14"}),
			http.StatusUnprocessableEntity, "invalid", "/until")
		refused(t, grant(chen, object{"branch": "b77"}), http.StatusNotFound, "not_found")

		// Leave for the branch serves everyone but who granted it.
		made := grant(chen, object{"branch": "b01"}).Want(http.StatusCreated)
		path := made.Header.Get("Location")[len("/api/v1"):]
		may(t, mentor, sheet, "write", "attach", "submit")
		may(t, chen, own)
		closedBy(t, moved(chen, own, "submitted", ""), "window_over", "leading_group", "", "leading_group")
		grant(group, object{"evaluator": "chen"}).Want(http.StatusCreated)
		may(t, chen, own, "write", "attach", "submit")
		may(t, h.as(policy.Leadership), path)
		may(t, mentor, path)
		may(t, group, path, "end")

		// Everybody knows of the leave of the own branches, and of the own.
		same(t, "seen by the group", column(group.Get(all), "evaluator"), "<nil>", "chen")
		same(t, "seen by the mentor", column(mentor.Get(all), "branch"), "b01")
		same(t, "seen by the secretary", column(h.as(policy.Secretary).Get(all), "branch"), "b01")
		zhao := h.joins("zhao", policy.Mentor, ties{"b02": access.Mentors})
		same(t, "seen by another mentor", column(zhao.Get(all), "branch"))
		refused(t, zhao.Get(path), http.StatusNotFound, "not_found")

		end := func(c *apitest.Client, tag, reason string) *apitest.Answer {
			return c.IfMatch(tag).Post(path+"/end", object{"reason": reason})
		}
		refused(t, end(mentor, made.ETag(), "x"), http.StatusForbidden, "not_allowed")
		refused(t, end(group, `"9"`, "x"), http.StatusPreconditionFailed, "stale_version")
		ended := apitest.Decode[evaluation.Exception](end(group, made.ETag(), "the water is gone"), http.StatusOK)
		if ended.State != evaluation.Ended || ended.EndedBy != "leading_group" || ended.EndReason != "the water is gone" ||
			len(ended.Allowed) != 0 {
			t.Errorf("ended: %+v", ended)
		}
		may(t, mentor, sheet)
		closedBy(t, moved(mentor, sheet, "submitted", ""), "window_over", "leading_group", "", "leading_group")
		again := end(group, group.Get(path).ETag(), "again").Problem(http.StatusConflict)
		if again.Code != "no_such_transition" || again.Locked == nil || again.Locked.By != "leading_group" ||
			again.Locked.Reason != "the water is gone" {
			t.Errorf("ended twice: %+v", again)
		}

		last := grant(group, object{"evaluator": "mentor", "until": "2026-04-16"}).
			Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
		c.noon(t, "2026-04-17")
		may(t, group, last) // it expired
		h.steps("2026Q1", "review", "locked")
		closedBy(t, grant(group, object{"branch": "b01"}), "period_locked", "leading_group", "next", "leading_group")
	})
}

// A day that is unset is no limit, whatever the day.
func TestWithoutDaysThereIsNoLimit(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, c := newHarnessAt(t, db, "2026-01-01 12:00:00")
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		for _, on := range []day.Date{"2026-01-01", "2031-12-31"} {
			c.noon(t, on)
			who := h.joins("lin"+string(on[:4]), policy.LeadingGroup, nil)
			sheet := begun(who, "2026Q1", "b01", value("spirit", 7))
			may(t, who, sheet, "write", "attach", "submit")
		}
	})
}
