package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
)

// One person has as many open proposals about a branch as the town allows, withdraws them,
// and the leading group decides on all at once, after a dry run.
func TestProposalsAreBoundedAndDecidedTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := windowed(t, db)
		group, secretary, mentor := h.as(policy.LeadingGroup), h.as(policy.Secretary), h.as(policy.Mentor)
		proposed := func(c *apitest.Client, branch string) *apitest.Answer {
			return c.Post("/towns/demo/adjustments", object{"period": "2026Q1", "branch": branch, "kind": "bonus", "item": "model", "reason": "x"})
		}
		var items []object
		for range 10 {
			items = append(items, object{"id": last(proposed(secretary, "b01").Want(http.StatusCreated)), "version": 1})
		}
		a := proposed(secretary.Lang("en"), "b01")
		refused(t, a, http.StatusConflict, "too_many_proposals")
		if p := a.Problem(http.StatusConflict); !strings.Contains(p.Detail, "10 of your adjustments") || p.Locked == nil || p.Locked.CanLift != "leading_group" {
			t.Errorf("refused with %s", a.Body)
		}
		own := last(proposed(group, "b01").Want(http.StatusCreated)) // of somebody else
		proposed(group, "b02").Want(http.StatusCreated)
		verdicts := func(c *apitest.Client, query, to string, items []object) (codes []string) {
			t.Helper()
			a := c.Post("/towns/demo/adjustments/decide"+query, object{"to": to, "reason": "not now", "items": items})
			for _, i := range apitest.Decode[decisions](a, http.StatusOK).Items {
				codes = append(codes, i.Status+i.Code)
			}
			return codes
		}
		same(t, "withdrawn", verdicts(secretary, "", "withdrawn", items[:1]), "ok")
		same(t, "by another", verdicts(mentor, "", "withdrawn", items[1:2]), "refusednot_your_proposal")
		same(t, "decided by who may not", verdicts(mentor, "", "approved", items[1:2]), "refusednot_allowed")
		items = append(items[:3:3], object{"id": own, "version": 1}, object{"id": items[3]["id"], "version": 2})
		want := []string{"refusedno_such_transition", "ok", "ok", "refusedown_proposal", "refusedstale_version"}
		before := records(t, db)
		same(t, "dry run", verdicts(group, "?dry_run=true", "rejected", items), want...)
		if records(t, db) != before {
			t.Error("a dry run changed something")
		}
		same(t, "rejected", verdicts(group, "", "rejected", items), want...)
		if records(t, db) != before+2 {
			t.Errorf("%d records for two decisions", records(t, db)-before)
		}
		x := apitest.Decode[evaluation.Adjustment](group.Get("/towns/demo/adjustments/"+items[1]["id"].(string)), http.StatusOK)
		if x.State != evaluation.Rejected || x.DecidedBy != "leading_group" || x.DecisionReason != "not now" || len(x.History) != 1 {
			t.Errorf("rejected: %+v", x)
		}
		for range 3 {
			proposed(secretary, "b01").Want(http.StatusCreated)
		}
		refused(t, proposed(secretary, "b01"), http.StatusConflict, "too_many_proposals")
	})
}

// Changes are paced by person: another key of the same person is no second budget, and
// reading is not slowed down.
func TestChangesArePacedByPerson(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, c := windowed(t, db)
		h.server.Config.WriteRate, h.server.Config.WriteBurst = 1, 3
		handler, err := h.server.Handler()
		h.must(err)
		mentor := "mentor"
		key := h.key(credential.Key{Roles: []policy.Role{policy.Mentor}, Towns: []string{"demo"}, PersonCode: &mentor})
		at := apitest.New(t, handler)
		change := func(secret string) *apitest.Answer {
			return at.As(secret).Post("/towns/demo/adjustments/decide", object{"to": "withdrawn", "items": []object{{"id": nothing, "version": 1}}})
		}
		for _, secret := range []string{h.secrets[policy.Mentor], key, h.secrets[policy.Mentor]} {
			change(secret).Want(http.StatusOK)
		}
		a := change(key)
		refused(t, a, http.StatusTooManyRequests, "too_many_requests")
		if a.Header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
		}
		at.As(key).Get("/towns/demo/adjustments").Want(http.StatusOK)
		change(h.secrets[policy.Instructor]).Want(http.StatusOK)
		c.mu.Lock()
		c.at = c.at.Add(time.Second)
		c.mu.Unlock()
		change(key).Want(http.StatusOK)
	})
}
