package evaluation

import (
	"context"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// ChangeBranch makes a change of a branch that does not touch what is locked: it is known
// later than the lock of every period in which it would hold, so that only periods that are
// locked after it take it. A change as of a day in the past needs a reason where a period
// has begun that it would touch.
func ChangeBranch(
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

// FoundBranch creates a branch by the rules of ChangeBranch.
func FoundBranch(ctx context.Context, db *gorm.DB, b town.Branch, reason string) (after town.Branch, err error) {
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
	var touched []Period
	err = tx.WithContext(ctx).Clauses(shared).Where("town_id = ? AND ends_on >= ? AND state NOT IN ?",
		townID, on, []PeriodState{Planned, Cancelled}).
		Order("code").Find(&touched).Error
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

// CorrectBranch corrects what was entered wrongly about a branch. A founding is known later than
// the lock of every period that it touches; names, kind and class are corrected only where no
// period was locked with them.
func CorrectBranch(ctx context.Context, db *gorm.DB, c town.BranchChange, x town.BranchCorrection) (after town.Branch, err error) {
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

// ReopenBranch takes back the end of a branch with which no period was locked.
func ReopenBranch(ctx context.Context, db *gorm.DB, c town.BranchChange) (town.Branch, error) {
	return unlessItRests(ctx, db, c, restsOnEnd, town.Reopen)
}

// WithdrawChange takes back the last rename or reclassification of a branch with which no
// period was locked.
func WithdrawChange(ctx context.Context, db *gorm.DB, c town.BranchChange) (town.Branch, error) {
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
	return refuseResting(ctx, tx, b.TownID, *b.ClosedOn, orZero(b.ClosedKnownFrom))
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
	var touched []Period
	err := tx.WithContext(ctx).Clauses(shared).Where("town_id = ? AND ends_on >= ? AND state NOT IN ?", townID, from,
		[]PeriodState{Planned, Cancelled}).Order("code").Find(&touched).Error
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

// BranchWithVerbs returns the branch with what the caller can do with it now.
func BranchWithVerbs(ctx context.Context, db *gorm.DB, b town.Branch) (_ town.Branch, err error) {
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

// lockStructure adds to the columns of a move the time of the lock, later than every change
// of a branch that was entered before, and takes it away where the period is unlocked.
func lockStructure(ctx context.Context, tx *gorm.DB, p Period, to PeriodState, columns map[string]any) error {
	switch to {
	case Locked:
		last, err := town.LastKnown(ctx, tx, p.TownID)
		at := Following(last, columns["state_at"].(time.Time))
		columns["state_at"], columns["locked_at"] = at, at
		return err
	case Open, Review:
		columns["locked_at"] = nil
	}
	return nil
}

// StructureWarnings returns the changes of branches that hold by the end of the period and
// were entered after the day from which they hold: those that count, entered since the
// period was planned, and those that do not, entered after its lock.
func (p Period) StructureWarnings(
	ctx context.Context, db *gorm.DB, language string,
) (warnings []Warning, err error) {
	defer fault.Wrap(&err, "changes of branches in %s", p.Code)
	now := Following(p.Known(), db.NowFunc())
	list, err := town.ListLaterChanges(ctx, db, p.TownID, p.EndsOn, p.CreatedAt, Following(now, now.Add(time.Second)))
	if err != nil {
		return nil, err
	}
	var counted, late []town.LaterChange
	for _, c := range list {
		if known := p.Known(); known.IsZero() || !c.Entered.After(known) {
			counted = append(counted, c)
		} else {
			late = append(late, c)
		}
	}
	if n := int64(len(counted)); n > 0 {
		warnings = append(warnings, Warning{
			Code: "retroactive_changes", Count: n, Changes: counted,
			Message: text.F("%d 项党组织变更在生效日之后录入，计入本周期",
				"%d changes of branches were entered after their first day and count in this period", n).In(language),
		})
	}
	if n := int64(len(late)); n > 0 {
		warnings = append(warnings, Warning{
			Code: "changes_after_lock", Count: n, Changes: late,
			Message: text.F("%d 项党组织变更在锁定之后录入，不计入本周期",
				"%d changes of branches were entered after the lock and do not count in this period", n).In(language),
		})
	}
	return warnings, nil
}

// UnderFloor returns the least days of public notice of the town where the period has
// fewer, and 0 where it has enough.
func (p Period) UnderFloor(ctx context.Context, db *gorm.DB) (int64, error) {
	in, err := town.Find(ctx, db, p.TownID)
	if p.NoticeDays >= in.NoticeFloor {
		return 0, err
	}
	return in.NoticeFloor, err
}

func (p Period) refuseUnderFloor(ctx context.Context, db *gorm.DB) error {
	floor, err := p.UnderFloor(ctx, db)
	if err != nil || floor == 0 {
		return err
	}
	return fault.Broken(fault.Field("/notice_days", "under_notice_floor",
		"本镇规定公示不少于 %d 天", "the town has at least %d days of public notice", floor))
}

// RefuseRun refuses one more run than the town has of one locked period.
func (p Period) RefuseRun(ctx context.Context, db *gorm.DB, made int64) error {
	in, err := town.Find(ctx, db, p.TownID)
	if err != nil || made < in.RunsPerLock {
		return err
	}
	return fault.Conflict("too_many_runs",
		"考评周期 %[1]s 锁定后已计算 %[2]d 次，达到本镇上限：请公布最近一次计算，或提高本镇的计算次数上限",
		"the period %[1]s has had %[2]d runs since its lock, which is the limit of this town: "+
			"publish the last run, or raise the limit", p.Code, in.RunsPerLock).Held(p.Lock())
}
