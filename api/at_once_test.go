package api

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/workflow"
)

// codeOf returns the code of a refusal, empty for another error and for none.
func codeOf(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Code
	}
	return ""
}

// refusedAtOnce fails unless the first is done and the second, which waited for it, refused.
func refusedAtOnce(t *testing.T, what, code string, first, second error) {
	t.Helper()
	if first != nil || codeOf(second) != code {
		t.Errorf("%s: the first %v, the second %v", what, first, second)
	}
}

// No limit is passed by those who come at the same moment: the second waits for the first,
// and counts what it has made. SQLite has one writer anyway.
func TestLimitsHoldForThoseWhoComeAtOnce(t *testing.T) {
	h := newHarness(t, dbtest.Open(t, database.PostgreSQL))
	lockedQuarter(h) // with one run
	h.setting(object{"runs_per_lock": 2, "open_proposals": 2})
	h.planned("2026Q2", "2026-04-01", "2026-06-30")
	h.steps("2026Q2", "open")
	secretary, group := acting(t, "secretary", policy.Secretary), acting(t, "leading_group", policy.LeadingGroup)
	propose := func(db *gorm.DB) error {
		_, err := evaluation.Propose(secretary, db, evaluation.Adjustment{
			TownID: "demo", PeriodCode: "2026Q2", BranchCode: "b01", Kind: "bonus", ItemCode: "model", Reason: "x",
		})
		return err
	}
	h.must(propose(h.db))
	first, second := besides(t, h.db, propose, propose)
	refusedAtOnce(t, "proposals", "too_many_proposals", first, second)
	run := func(db *gorm.DB) error {
		_, err := index.CreateRun(group, db, "demo", "2026Q1")
		return err
	}
	first, second = besides(t, h.db, run, run)
	refusedAtOnce(t, "runs", "too_many_runs", first, second)

	// A crowd makes as many as there is room for.
	h.setting(object{"open_proposals": 9})
	var made atomic.Int64
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			switch err := propose(h.db); {
			case err == nil:
				made.Add(1)
			case codeOf(err) != "too_many_proposals":
				t.Error(err)
			}
		})
	}
	all.Wait()
	var open int64
	h.must(h.db.Table("adjustments").Where("state = 'proposed'").Count(&open).Error)
	if open != 9 || made.Load() != 7 {
		t.Errorf("%d open proposals, %d of a crowd", open, made.Load())
	}
}

// A right that two second at once has one who stands behind it, not two; and of two who
// acknowledge it at once one does.
func TestARightIsSecondedOnce(t *testing.T) {
	h := newHarness(t, dbtest.Open(t, database.PostgreSQL))
	published(h)
	for _, person := range []string{"wang", "zhao"} {
		h.joins(person, policy.LeadingGroup, nil)
	}
	admin := h.as(policy.Admin)
	admin.Post("/towns/demo/people", object{"code": "qian", "name": named("qian")}).Want(http.StatusCreated)
	made := admin.Post("/towns/demo/appointments", object{"person": "qian", "role": "leading_group", "from": "2020-01-01"}).Want(http.StatusCreated)
	at := h.waiting(made.Header.Get("Location")[len("/api/v1/towns/demo/"):])
	right := apitest.Decode[credential.Right](h.as(policy.LeadingGroup).Get(at), http.StatusOK)
	moves := func(person string, to credential.RightState) func(db *gorm.DB) error {
		ctx := acting(t, person, policy.LeadingGroup)
		return func(db *gorm.DB) error {
			_, err := credential.MoveRight(ctx, db, workflow.Ref{Town: "demo", ID: right.ID, Version: right.Version}, to, "")
			return err
		}
	}
	first, second := besides(t, h.db, moves("wang", credential.RightSeconded), moves("zhao", credential.RightSeconded))
	refusedAtOnce(t, "seconded", "no_such_transition", first, second)
	h.must(h.db.Where("id = ?", right.ID).Take(&right).Error)
	if right.State != credential.RightSeconded || right.SecondedBy != "wang" {
		t.Errorf("seconded: %+v", right)
	}
	first, second = besides(t, h.db, moves("zhao", credential.RightAcknowledged), moves("leading_group", credential.RightAcknowledged))
	refusedAtOnce(t, "acknowledged", "no_such_transition", first, second)
	h.must(h.db.Where("id = ?", right.ID).Take(&right).Error)
	if right.DecidedBy != "zhao" {
		t.Errorf("acknowledged: %+v", right)
	}
}
