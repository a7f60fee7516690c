package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
)

// A period with wrong days, kind or scheme is corrected or cancelled while nothing of it is
// approved; a cancelled one is in nobody's way, and the trail keeps it all.
func TestAMistypedPeriodHasAWayBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-01-10 09:00:00")
		h.alone()
		h.inForce(lifeScheme)
		group := h.as(policy.LeadingGroup)
		const at = "/towns/demo/periods/2026Q1"
		plan := func(code, until string, more object) *apitest.Answer {
			body := object{
				"code": code, "kind": "quarter", "starts_on": "2026-01-01", "ends_on": until, "scheme": object{"code": "small"},
			}
			for k, v := range more {
				body[k] = v
			}
			return group.Post("/towns/demo/periods", body)
		}
		put := func(more object) *apitest.Answer {
			body := object{"reason": "mistyped"}
			for k, v := range more {
				body[k] = v
			}
			return group.IfMatch(group.Get(at).ETag()).Put(at, body)
		}
		refused := func(a *apitest.Answer, status int, code string) {
			t.Helper()
			p := a.Problem(status)
			there := p.Code == code
			for _, e := range p.Errors {
				there = there || e.Code == code
			}
			if !there {
				t.Errorf("%+v, want %s", p, code)
			}
		}
		refused(plan("2026Q1", "2044-03-31", nil), http.StatusUnprocessableEntity, "too_long")
		refused(plan("2026Q1", "2044-03-31", object{"force": true}), http.StatusUnprocessableEntity, "reason_needed")
		plan("2026Q1", "2026-05-31", object{"force": true, "reason": "the reform"}).Want(http.StatusCreated)
		refused(put(object{"ends_on": "2046-03-31"}), http.StatusUnprocessableEntity, "too_long")
		p := apitest.Decode[evaluation.Period](put(object{"ends_on": "2026-03-31"}), http.StatusOK)
		if p.EndsOn != "2026-03-31" || p.StartsOn != "2026-01-01" || p.Kind != "quarter" {
			t.Errorf("corrected: %+v", p)
		}

		refused(moved(group, at, "cancelled", ""), http.StatusUnprocessableEntity, "reason_needed")
		p = apitest.Decode[evaluation.Period](moved(group, at, "cancelled", "a wrong code"), http.StatusOK)
		if !slices.Equal(p.Allowed, []string{"plan"}) {
			t.Errorf("a cancelled one allows %v", p.Allowed)
		}
		refused(put(nil), http.StatusLocked, "period_cancelled")
		plan("2026-1", "2026-03-31", nil).Want(http.StatusCreated) // its days are free
		refused(moved(group, at, "planned", "it was right"), http.StatusConflict, "overlapping_period")
		moved(group, "/towns/demo/periods/2026-1", "cancelled", "not this one").Want(http.StatusOK)
		plan("2026Q1", "2026-02-28", nil).Want(http.StatusCreated) // and its code
		put(object{"ends_on": "2026-03-31"}).Want(http.StatusOK)
		h.steps("2026Q1", "open")

		mentor := h.joins("m", policy.Mentor, ties{"b01": "mentors"})
		sheet := mentor.Post("/towns/demo/evaluations", sheetOf("2026Q1", "b01", []object{{"code": "spirit", "value": 70}}))
		path := sheet.Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
		moved(mentor, path, "submitted", "").Want(http.StatusOK)
		h.inForce(strings.Replace(lifeScheme, `"version": 1`, `"version": 2`, 1))
		p = apitest.Decode[evaluation.Period](put(object{"scheme": object{"code": "small"}}), http.StatusOK)
		s := apitest.Decode[evaluation.Sheet](mentor.Get(path), http.StatusOK)
		if p.Scheme.Number != 2 || s.State != evaluation.Returned || len(s.Entries) != 1 {
			t.Errorf("pinned again: %+v, the sheet %+v", p.Scheme, s)
		}

		moved(mentor, path, "submitted", "").Want(http.StatusOK)
		moved(group, path, "approved", "").Want(http.StatusOK)
		if p := apitest.Decode[evaluation.Period](group.Get(at), http.StatusOK); slices.Contains(p.Allowed, "cancel") {
			t.Errorf("with an approved sheet: %v", p.Allowed)
		}
		refused(moved(group, at, "cancelled", "too late"), http.StatusConflict, "something_approved")
		refused(put(object{"starts_on": "2026-01-02"}), http.StatusConflict, "something_approved")
		put(object{"notice_days": 3}).Want(http.StatusOK) // the calendar still

		var kept []string
		h.must(db.Raw("SELECT action FROM audit_records WHERE subject = 'periods/2026Q1' ORDER BY sequence").Scan(&kept).Error)
		want := "period.create period.change period.cancelled period.planned period.change period.open period.change period.change"
		if got := strings.Join(kept, " "); got != want {
			t.Errorf("the trail: %s\nwant %s", got, want)
		}
	})
}
