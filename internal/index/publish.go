package index

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/workflow"
)

// MovePeriod takes a period to another state: to Published by its last run, to Final
// where nothing is waited for, and to Locked later than every run that was made before,
// since only their times tell a result from a run that the period has outlived.
func MovePeriod(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, m evaluation.PeriodMove,
) (after evaluation.Period, err error) {
	defer fault.Wrap(&err, "period %s", ref.ID)
	switch m.To {
	case evaluation.Published:
		if after, err = Publish(ctx, db, ref, m.Reason); err == nil {
			after.Warnings, err = after.StructureWarnings(ctx, db, m.Language)
		}
		return after, err
	case evaluation.Final:
		return Finalise(ctx, db, ref, m.Reason)
	case evaluation.Locked:
		return lock(ctx, db, ref, m)
	}
	return evaluation.MovePeriod(ctx, db, ref, m)
}

func lock(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, m evaluation.PeriodMove,
) (after evaluation.Period, err error) {
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		// Whoever computes holds the period: nobody does between this look and the lock.
		if _, err := evaluation.FindPeriod(ctx, tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}), ref.Town, ref.ID); err != nil {
			return err
		}
		var runs []Run
		err := tx.WithContext(ctx).Select("created_at").Where("town_id = ? AND period_code = ?", ref.Town, ref.ID).
			Order("created_at DESC").Limit(1).Find(&runs).Error
		if err != nil {
			return err
		}
		later := m
		for _, last := range runs {
			later.After = last.CreatedAt.Add(time.Microsecond)
		}
		after, err = evaluation.MovePeriod(ctx, tx, ref, later)
		return err
	})
	return after, err
}

// Publish makes the last run of a locked period its result and opens its public
// notice. The run must be of this locking: one that was made before the period was
// reopened is refused.
func Publish(ctx context.Context, db *gorm.DB, ref workflow.Ref, reason string) (after evaluation.Period, err error) {
	defer fault.Wrap(&err, "publish %s", ref.ID)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := evaluation.FindPeriod(ctx, tx, ref.Town, ref.ID)
		if err != nil {
			return err
		}
		if after, err = evaluation.PublishPeriod(ctx, tx, ref.Town, ref.ID, ref.Version, reason); err != nil {
			return err
		}
		run, err := lastRun(tx, before)
		if err != nil {
			return err
		}
		p, err := createPublication(ctx, tx, after, Publication{RunID: run.ID, Reason: reason})
		if err != nil {
			return err
		}
		one := []evaluation.Period{after}
		if err := FillNotices(ctx, tx, one); err != nil {
			return err
		}
		after = one[0]
		return audit.Write(ctx, tx, audit.Change{
			Town: ref.Town, Action: "run.publish", Subject: describe(after) + "/runs/" + run.ID, After: p,
			Reason: reason,
		})
	})
	return after, err
}

// createPublication stores the next publication of the period, with a notice of as many days
// as the calendar of the period has.
func createPublication(ctx context.Context, tx *gorm.DB, p evaluation.Period, next Publication) (Publication, error) {
	now := tx.NowFunc()
	next.TownID, next.PeriodCode = p.TownID, p.Code
	next.PublishedBy, next.PublishedAt = audit.ActorOf(ctx).Name, now
	if p.NoticeDays > 0 {
		until := day.Of(now).AddDays(int(p.NoticeDays))
		next.NoticeUntil = &until
	}
	var err error
	if next.NoticeFloor, err = p.UnderFloor(ctx, tx); err != nil {
		return next, err
	}
	if next.Number, err = nextNumber(tx, &Publication{}, p.TownID, p.Code); err != nil {
		return next, err
	}
	if next.Note, err = next.sign(ctx, tx); err != nil {
		return next, err
	}
	return next, tx.Create(&next).Error
}

// FillNotices sets the notices of the periods of one town, and removes publish from
// what is allowed with one that has no run, finalise with one that has to wait and lock
// with one whose sheets contradict each other. At most two statements, and three for each
// period that the caller may lock.
func FillNotices(ctx context.Context, db *gorm.DB, periods []evaluation.Period) (err error) {
	defer fault.Wrap(&err, "notices of periods")
	if err := evaluation.WithholdLock(ctx, db, periods); err != nil {
		return err
	}
	var published, locked []string
	for _, p := range periods {
		switch {
		case p.State == evaluation.Published || p.State == evaluation.Final:
			published = append(published, p.Code)
		case slices.Contains(p.Allowed, "publish"):
			locked = append(locked, p.Code)
		}
	}
	if err := refusePublishing(ctx, db, periods, locked); err != nil || len(published) == 0 {
		return err
	}
	var rows []struct {
		Publication
		Undecided int64
	}
	err = db.WithContext(ctx).Raw(`SELECT c.*, (SELECT COUNT(*) FROM appeals a WHERE a.town_id = c.town_id AND a.period_code = c.period_code AND a.state = ?) AS undecided
FROM publications c WHERE c.town_id = ? AND c.period_code IN ? ORDER BY c.period_code, c.number`, Filed, periods[0].TownID, published).Scan(&rows).Error
	if err != nil {
		return err
	}
	today := day.Of(db.NowFunc())
	for i := range periods {
		p := &periods[i]
		for _, r := range rows {
			if r.PeriodCode != p.Code {
				continue
			}
			n := r.notice()
			if r.Number == 1 {
				p.Notice = n
			}
			if r.Undecided > 0 || n != nil && n.Open(today) {
				p.Allowed = without(p.Allowed, "finalise")
			}
		}
	}
	return nil
}

// refusePublishing removes publish from what is allowed with those of the periods of
// which nothing was computed since they were locked.
func refusePublishing(ctx context.Context, db *gorm.DB, periods []evaluation.Period, locked []string) error {
	if len(locked) == 0 {
		return nil
	}
	var computed []string
	err := db.WithContext(ctx).Raw(`SELECT p.code FROM periods p WHERE p.town_id = ? AND p.code IN ? AND EXISTS (
SELECT 1 FROM runs r WHERE r.town_id = p.town_id AND r.period_code = p.code AND r.created_at >= p.state_at)`, periods[0].TownID, locked).Scan(&computed).Error
	for i := range periods {
		if p := &periods[i]; slices.Contains(locked, p.Code) && !slices.Contains(computed, p.Code) {
			p.Allowed = without(p.Allowed, "publish")
		}
	}
	return err
}

func without(verbs []string, verb string) []string {
	return slices.DeleteFunc(verbs, func(v string) bool { return v == verb })
}

// Finalise closes a published period: its notices are over and its appeals decided.
func Finalise(ctx context.Context, db *gorm.DB, ref workflow.Ref, reason string) (after evaluation.Period, err error) {
	defer fault.Wrap(&err, "finalise %s", ref.ID)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		// Whoever appeals holds the period: nobody does between this look and the move.
		p, err := lockPeriod(ctx, tx, ref.Town, ref.ID)
		if err != nil {
			return err
		}
		if p.State == evaluation.Published {
			if err := refuseFinal(ctx, tx, p); err != nil {
				return err
			}
		}
		if after, err = evaluation.FinalisePeriod(ctx, tx, ref.Town, ref.ID, ref.Version, reason); err != nil {
			return err
		}
		one := []evaluation.Period{after}
		err = FillNotices(ctx, tx, one)
		after = one[0]
		return err
	})
	return after, err
}

// refuseFinal returns a refusal with what has to be waited for: the end of the last
// notice, and each appeal that is not decided.
func refuseFinal(ctx context.Context, tx *gorm.DB, p evaluation.Period) error {
	var undecided []Appeal
	err := tx.WithContext(ctx).Where("town_id = ? AND period_code = ? AND state = ?", p.TownID, p.Code, Filed).
		Order("id").Find(&undecided).Error
	if err != nil {
		return err
	}
	list, err := readPublications(ctx, tx, p.TownID, p.Code)
	if err != nil {
		return err
	}
	var waiting []fault.FieldError
	for _, a := range undecided {
		waiting = append(waiting, fault.Field("appeals/"+a.ID, "undecided",
			"党组织“%[1]s”的申诉尚未作出决定，应于 %[2]s 前答复", "the appeal of the branch %[1]q is not decided; its answer is due on %[2]s",
			a.BranchCode, a.DueOn))
	}
	today := day.Of(tx.NowFunc())
	var open *publishedRun
	for i := range list {
		if n := list[i].notice(); n != nil && n.Open(today) && (open == nil || n.Until > *open.NoticeUntil) {
			open = &list[i]
		}
	}
	switch {
	case open != nil:
		by := open.lock()
		by.CanLift = fault.Nobody
		return fault.Locked("notice_open",
			"公示期至 %s 止，期满后方可定为最终", "the public notice runs until %s: it can be made final on the day after", *open.NoticeUntil).
			Held(by).With(waiting...)
	case len(waiting) > 0:
		return fault.Locked("appeals_undecided",
			"有 %d 件申诉尚未作出决定：请先决定", "%d appeals are not decided: decide them first", len(waiting)).
			Held(undecided[0].lock()).With(waiting...)
	}
	return nil
}
