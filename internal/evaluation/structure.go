package evaluation

import (
	"context"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

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
