// Package structure changes the branches of a town while its periods run: a change does not
// touch what a period was locked with, and what a period was locked with is not undone.
package structure

import (
	"context"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/town"
)

// Change makes a change of a branch that does not touch what is locked: it is known
// later than the lock of every period in which it would hold, so that only periods that are
// locked after it take it. A change as of a day in the past needs a reason where a period
// has begun that it would touch.
func Change(
	ctx context.Context, db *gorm.DB, c town.BranchChange,
	change func(ctx context.Context, tx *gorm.DB, c town.BranchChange) (town.Branch, error),
) (after town.Branch, err error) {
	defer fault.Wrap(&err, "change of %s", c.Branch)
	err = database.InTx(ctx, db, func(tx *gorm.DB) (err error) {
		if c.Known, err = enter(ctx, tx, c.Town, c.On, c.Reason); err != nil {
			return err
		}
		after, err = change(ctx, tx, c)
		return err
	})
	return after, err
}

// Found creates a branch by the rules of Change.
func Found(ctx context.Context, db *gorm.DB, b town.Branch, reason string) (after town.Branch, err error) {
	defer fault.Wrap(&err, "founding of %s", b.Code)
	on := day.Earliest
	if b.FoundedOn != nil {
		on = *b.FoundedOn
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) (err error) {
		if b.KnownFrom, err = enter(ctx, tx, b.TownID, on, reason); err != nil {
			return err
		}
		after, err = town.CreateBranch(ctx, tx, b, reason)
		return err
	})
	return after, err
}

// enter returns the time from which a change is known that holds from the day on, and keeps
// the periods that it would touch from being locked meanwhile.
func enter(ctx context.Context, tx *gorm.DB, townID string, on day.Date, reason string) (known time.Time, err error) {
	touched, err := evaluation.HoldPeriods(ctx, tx, townID, on)
	known = tx.NowFunc()
	if err != nil || len(touched) == 0 {
		return known, err
	}
	if on < day.Of(known) && reason == "" {
		return known, fault.Broken(fault.Field("/reason", "reason_needed",
			"此变更自过去的日期起生效，涉及考评周期 %s：请说明理由",
			"the change holds from a day in the past and touches the period %s: give a reason", touched[len(touched)-1].Code))
	}
	for _, p := range touched {
		if lock := p.Known(); !known.After(lock) { // also where the clock was moved back
			known = lock.Add(time.Microsecond)
		}
	}
	return known, nil
}

// Correct corrects what was entered wrongly about a branch. A founding is known later than
// the lock of every period that it touches; names, kind and class are corrected only where no
// period was locked with them.
func Correct(ctx context.Context, db *gorm.DB, c town.BranchChange, x town.BranchCorrection) (after town.Branch, err error) {
	defer fault.Wrap(&err, "correction of %s", c.Branch)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		b, err := town.FindBranch(ctx, tx, c.Town, c.Branch, day.Latest)
		if err != nil {
			return err
		}
		if x.OfProfile() {
			if err := restsOnChange(ctx, tx, b); err != nil {
				return err
			}
		}
		if x.FoundedOn != nil {
			first := *x.FoundedOn
			if b.FoundedOn == nil {
				first = day.Earliest
			} else if *b.FoundedOn < first {
				first = *b.FoundedOn
			}
			if c.Known, err = enter(ctx, tx, c.Town, first, c.Reason); err != nil {
				return err
			}
		}
		after, err = town.Correct(ctx, tx, c, x)
		return err
	})
	return after, err
}

// Reopen takes back the end of a branch with which no period was locked.
func Reopen(ctx context.Context, db *gorm.DB, c town.BranchChange) (town.Branch, error) {
	return unlessItRests(ctx, db, c, restsOnEnd, town.Reopen)
}

// Withdraw takes back the last rename or reclassification of a branch with which no
// period was locked.
func Withdraw(ctx context.Context, db *gorm.DB, c town.BranchChange) (town.Branch, error) {
	return unlessItRests(ctx, db, c, restsOnChange, town.WithdrawChange)
}

func unlessItRests(
	ctx context.Context, db *gorm.DB, c town.BranchChange, rests func(context.Context, *gorm.DB, town.Branch) error,
	undo func(context.Context, *gorm.DB, town.BranchChange) (town.Branch, error),
) (after town.Branch, err error) {
	defer fault.Wrap(&err, "change of %s", c.Branch)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		b, err := town.FindBranch(ctx, tx, c.Town, c.Branch, day.Latest)
		if err != nil {
			return err
		}
		if err := rests(ctx, tx, b); err != nil {
			return err
		}
		after, err = undo(ctx, tx, c)
		return err
	})
	return after, err
}

func restsOnEnd(ctx context.Context, tx *gorm.DB, b town.Branch) error {
	if b.ClosedOn == nil {
		return nil
	}
	var known time.Time
	if b.ClosedKnownFrom != nil {
		known = *b.ClosedKnownFrom
	}
	return refuseResting(ctx, tx, b.TownID, *b.ClosedOn, known)
}

func restsOnChange(ctx context.Context, tx *gorm.DB, b town.Branch) error {
	last, err := town.FindLastChange(ctx, tx, b.TownID, b.Code)
	if err != nil {
		return err
	}
	return refuseResting(ctx, tx, b.TownID, last.Since, last.Known)
}

// refuseResting refuses to undo what holds from the day on and was known from a time on, where
// a period was locked with it, and keeps the others from being locked meanwhile.
func refuseResting(ctx context.Context, tx *gorm.DB, townID string, from day.Date, known time.Time) error {
	touched, err := evaluation.HoldPeriods(ctx, tx, townID, from)
	if err != nil {
		return err
	}
	for _, p := range touched {
		if lock := p.Known(); !lock.IsZero() && !lock.Before(known) {
			return fault.Conflict("period_rests_on_it",
				"考评周期 %s 已按此锁定或公布，不能再撤销：请录入自今后某日起的变更；如尚未公布，也可先解锁",
				"the period %s was locked with it, so it stays: enter a change from a later day, or unlock the period first "+
					"if it is not published", p.Code).Held(p.Lock())
		}
	}
	return nil
}

// WithVerbs returns the branch with what the caller can do with it now.
func WithVerbs(ctx context.Context, db *gorm.DB, b town.Branch) (_ town.Branch, err error) {
	defer fault.Wrap(&err, "what is allowed on %s", b.Code)
	b.Allowed = []string{}
	if !access.PrincipalFrom(ctx).May(policy.WriteStructure) {
		return b, nil
	}
	b.Allowed = append(b.Allowed, "correct")
	if b.ClosedOn != nil {
		return b, allowUnlessResting(ctx, db, &b, "reopen", restsOnEnd)
	}
	b.Allowed = append(b.Allowed, "rename", "reclassify", "merge", "close")
	last, err := town.FindLastChange(ctx, db, b.TownID, b.Code)
	if err != nil || last.Founded {
		return b, err
	}
	return b, allowUnlessResting(ctx, db, &b, "withdraw", restsOnChange)
}

func allowUnlessResting(
	ctx context.Context, db *gorm.DB, b *town.Branch, verb string, rests func(context.Context, *gorm.DB, town.Branch) error,
) error {
	err := rests(ctx, db, *b)
	switch {
	case err == nil:
		b.Allowed = append(b.Allowed, verb)
	case fault.Is(err, fault.KindConflict):
		return nil
	}
	return err
}
