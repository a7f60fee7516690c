package api

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/audit"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// The clock of the machine is moved back by an hour at each step of a period: no
// step is refused for it, none begins before the one that it follows, and the order
// of what happened stays that of the trail's sequence.
func TestAClockThatIsMovedBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-15 23:30:00")
		back := func() { clock.set(t, clock.now().Add(-time.Hour).In(time.FixedZone("", 8*3600)).Format(time.DateTime)) }
		h.inForce(lifeScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		group := h.as(policy.LeadingGroup)
		for role, entry := range map[policy.Role]object{
			policy.Secretary: value("meetings", 80), policy.Mentor: value("spirit", 70),
		} {
			path := begun(h.as(role), "2026Q1", "b01", entry)
			back()
			moved(h.as(role), path, "submitted", "").Want(http.StatusOK)
			back()
			moved(group, path, "approved", "").Want(http.StatusOK)
			s := apitest.Decode[evaluation.Sheet](group.Get(path), http.StatusOK)
			if verbs := []string{s.History[0].Verb, s.History[1].Verb}; !slices.Equal(verbs, []string{"submit", "approve"}) {
				t.Errorf("the history runs %v", verbs)
			}
		}
		for _, to := range []string{"review", "locked"} {
			back()
			h.steps("2026Q1", to)
		}
		back()
		run := apitest.Decode[index.Run](group.Post(q1+"/runs", nil), http.StatusCreated)
		if p := apitest.Decode[evaluation.Period](group.Get(q1), http.StatusOK); run.CreatedAt.Before(p.StateAt) {
			t.Errorf("the run of %v is older than the lock of %v", run.CreatedAt, p.StateAt)
		}
		h.steps("2026Q1", "review", "locked")
		refused(t, moved(group, q1, "published", ""), http.StatusConflict, "no_run") // the one there is is of the lock before
		again := apitest.Decode[index.Run](group.Post(q1+"/runs", nil), http.StatusCreated)
		back()
		p := apitest.Decode[evaluation.Period](moved(group, q1, "published", ""), http.StatusOK)
		if r := apitest.Decode[index.Ranking](group.Get(q1+"/ranking"), http.StatusOK); r.Run != again.ID ||
			p.Notice == nil || p.Notice.Until != p.Notice.From.AddDays(5) {
			t.Errorf("published is %s, on notice %v", r.Run, p.Notice)
		}
		h.trailRunsOn()
	})
}

// trailRunsOn wants the trail of demo whole, newest first by sequence, though its
// times go back.
func (h *harness) trailRunsOn() {
	records := apitest.Decode[rest.Page[audit.Record]](h.as(policy.LeadingGroup).Get("/towns/demo/audit?page_size=200"),
		http.StatusOK).Items
	wentBack := false
	for i, r := range records[1:] {
		if r.Sequence != records[i].Sequence-1 {
			h.t.Errorf("record %d follows %d", r.Sequence, records[i].Sequence)
		}
		wentBack = wentBack || r.At.After(records[i].At)
	}
	if !wentBack {
		h.t.Error("the clock did not go back")
	}
	if v := apitest.Decode[audit.Report](h.as(policy.LeadingGroup).Get("/towns/demo/audit/verify"), http.StatusOK); !v.OK {
		h.t.Errorf("the trail: %+v", v)
	}
}
