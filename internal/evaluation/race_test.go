package evaluation_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"bulwark/internal/policy"
	"bulwark/internal/proposal"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/demo"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
)

const period = "2023Q3" // the open one of the demo

func as(ctx context.Context, person string, role policy.Role) context.Context {
	ctx = audit.As(ctx, audit.Actor{Name: person, Role: string(role)})
	return access.WithPrincipal(ctx, access.Principal{Towns: []string{demo.Town}, Person: person}.Holding(role))
}

func move(ctx context.Context, t *testing.T, db *gorm.DB, to ...evaluation.PeriodState) {
	t.Helper()
	for _, state := range to {
		p, err := evaluation.FindPeriod(ctx, db, demo.Town, period)
		if err == nil && state == evaluation.Locked {
			_, _, err = index.MovePeriod(ctx, db, p.Ref(),
				evaluation.PeriodMove{To: evaluation.Locked, Reason: "reason", Force: true})
		} else if err == nil {
			_, err = evaluation.MovePeriod(ctx, db, p.Ref(), evaluation.PeriodMove{To: state, Reason: "reason"})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheLockHolds(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		ctx := as(t.Context(), "group-1", policy.LeadingGroup)
		move(ctx, t, db, evaluation.Review)
		nothingIsApprovedBehindTheLock(ctx, t, db)
		move(ctx, t, db, evaluation.Review)
		lockAgainstDecisions(ctx, t, db)
		runsAndPublicationsAtOnce(ctx, t, db)
	})
}

// A sheet that is being approved makes whoever locks the period wait: nothing is
// approved after the lock, so nothing is missing in the run.
func nothingIsApprovedBehindTheLock(ctx context.Context, t *testing.T, db *gorm.DB) {
	sheets, err := evaluation.ListSheets(ctx, db, demo.Town,
		evaluation.SheetFilter{Period: period, State: evaluation.Submitted, Limit: 1})
	if err != nil || len(sheets) != 1 {
		t.Fatalf("%d submitted sheets, %v", len(sheets), err)
	}
	locked := make(chan error, 1)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		_, err := evaluation.MoveSheet(ctx, tx, sheets[0].Ref(), evaluation.Approved, "")
		go func() {
			p, err := evaluation.FindPeriod(ctx, db, demo.Town, period)
			if err == nil {
				_, _, err = index.MovePeriod(ctx, db, p.Ref(),
					evaluation.PeriodMove{To: evaluation.Locked, Reason: "time is over", Force: true})
			}
			locked <- err
		}()
		select {
		case err := <-locked:
			t.Errorf("the period was locked while a sheet was being approved: %v", err)
			locked <- err
		case <-time.After(300 * time.Millisecond):
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-locked; err != nil {
		t.Fatalf("the lock after the approval: %v", err)
	}
	late := sheets[0].Ref()
	late.Version++
	_, err = evaluation.MoveSheet(ctx, db, late, evaluation.Returned, "late")
	if !fault.Is(err, fault.KindLocked) {
		t.Errorf("a change behind the lock: %v", err)
	}
}

// Approving, withdrawing and locking at once, many times: whatever wins, the run
// holds exactly what is approved, and nothing is decided after the lock.
func lockAgainstDecisions(ctx context.Context, t *testing.T, db *gorm.DB) {
	sheets, err := evaluation.ListSheets(ctx, db, demo.Town,
		evaluation.SheetFilter{Period: period, State: evaluation.Submitted, Limit: 24})
	if err != nil || len(sheets) == 0 {
		t.Fatalf("%d submitted sheets, %v", len(sheets), err)
	}
	var all sync.WaitGroup
	for i, s := range sheets {
		to, reason := evaluation.Approved, ""
		if i%3 == 0 {
			to, reason = evaluation.Returned, "again"
		}
		all.Go(func() {
			_, err := evaluation.MoveSheet(ctx, db, s.Ref(), to, reason)
			if err != nil && !fault.Is(err, fault.KindLocked) {
				t.Errorf("decide on %s: %v", s.ID, err)
			}
		})
	}
	all.Go(func() { move(ctx, t, db, evaluation.Locked) })
	all.Wait()
	p, err := evaluation.FindPeriod(ctx, db, demo.Town, period)
	if err != nil {
		t.Fatal(err)
	}
	var late int64
	err = db.Model(&evaluation.Sheet{}).
		Where("town_id = ? AND period_code = ? AND decided_at > ?", demo.Town, period, p.StateAt).Count(&late).Error
	if err != nil || late > 0 {
		t.Errorf("%d sheets were decided on after the lock, %v", late, err)
	}
}

// Two runs at once get two numbers and the same figures; one publication wins.
func runsAndPublicationsAtOnce(ctx context.Context, t *testing.T, db *gorm.DB) {
	runs := make([]index.Run, 3)
	var all sync.WaitGroup
	for i := range runs {
		all.Go(func() {
			var err error
			if runs[i], err = index.CreateRun(ctx, db, demo.Town, period); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	numbers := map[int64]bool{}
	for _, r := range runs {
		numbers[r.Number] = true
		if r.ResultHash != runs[0].ResultHash || r.Seed != runs[0].Seed {
			t.Errorf("runs of the same data differ: %+v and %+v", runs[0], r)
		}
	}
	if len(numbers) != 3 {
		t.Errorf("numbers %v", numbers)
	}
	p, err := evaluation.FindPeriod(ctx, db, demo.Town, period)
	if err != nil {
		t.Fatal(err)
	}
	var made [4]*proposal.Proposal
	one(t, &all, func(i int) (err error) {
		_, made[i], err = index.MovePeriod(ctx, db, p.Ref(), evaluation.PeriodMove{To: evaluation.Published})
		return err
	})
	waiting := made[slices.IndexFunc(made[:], func(p *proposal.Proposal) bool { return p != nil })]
	second := as(t.Context(), "group-2", policy.LeadingGroup)
	one(t, &all, func(int) error {
		_, _, err := index.DecideProposal(second, db, waiting.Ref(), index.ProposalDecision{To: proposal.Confirmed})
		return err
	})
}

// one does the same four times at once, and holds that it is done once.
func one(t *testing.T, all *sync.WaitGroup, do func(i int) error) {
	t.Helper()
	wins := make(chan error, 4)
	for i := range cap(wins) {
		all.Go(func() { wins <- do(i) })
	}
	all.Wait()
	won := 0
	for range cap(wins) {
		switch err := <-wins; {
		case err == nil:
			won++
		case !fault.Is(err, fault.KindConflict) && !fault.Is(err, fault.KindStale):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d of four won, want 1", won)
	}
}
