package index

import (
	"context"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
)

// Publication says which run is the result of a period, from when on. The one of
// the highest number counts; earlier ones stay citable.
type Publication struct {
	TownID      string    `gorm:"primaryKey" json:"-"`
	PeriodCode  string    `gorm:"primaryKey" json:"period" example:"2023Q3"`
	Number      int64     `gorm:"primaryKey" json:"number" example:"1"`
	RunID       string    `json:"run" format:"uuid"`
	PublishedBy string    `json:"published_by" example:"group-1"` // a role where the caller may not read people
	PublishedAt time.Time `json:"published_at"`
	Reason      string    `json:"reason,omitempty"`
	NoticeUntil *day.Date `json:"-"`                              // nil: nobody can appeal against it
	AppealID    *string   `json:"appeal,omitempty" format:"uuid"` // that it upholds
}

// notice is its window; nil where it has none.
func (p Publication) notice() *evaluation.Notice {
	if p.NoticeUntil == nil {
		return nil
	}
	return &evaluation.Notice{From: day.Of(p.PublishedAt), Until: *p.NoticeUntil}
}

// lock says who published it, when, why and who can correct it.
func (p Publication) lock() fault.Lock {
	return fault.Lock{By: p.PublishedBy, Role: string(access.LeadingGroup), At: p.PublishedAt, Reason: p.Reason, CanLift: string(access.LeadingGroup)}
}

// Publish makes the last run of a locked period its result and opens its public
// notice. The run must be of this locking: one that was made before the period was
// reopened is refused.
func Publish(ctx context.Context, db *gorm.DB, townID, periodCode string, version int64, reason string) (evaluation.Period, error) {
	var after evaluation.Period
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := evaluation.FindPeriod(ctx, tx, townID, periodCode)
		if err != nil {
			return err
		}
		if after, err = evaluation.PublishPeriod(ctx, tx, townID, periodCode, version, reason); err != nil {
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
		told := []evaluation.Period{after}
		if err := FillNotices(ctx, tx, told); err != nil {
			return err
		}
		after = told[0]
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "run.publish", Subject: describe(after) + "/runs/" + run.ID, After: p, Reason: reason})
	})
	return after, err
}

// createPublication stores the next publication of the period, with a notice of as many days
// as the period says.
func createPublication(ctx context.Context, tx *gorm.DB, p evaluation.Period, next Publication) (Publication, error) {
	now := tx.NowFunc()
	next.TownID, next.PeriodCode = p.TownID, p.Code
	next.PublishedBy, next.PublishedAt = audit.ActorOf(ctx).Name, now
	if p.NoticeDays > 0 {
		until := day.Of(now).AddDays(int(p.NoticeDays))
		next.NoticeUntil = &until
	}
	var err error
	if next.Number, err = nextNumber(tx, &Publication{}, p.TownID, p.Code); err != nil {
		return next, err
	}
	return next, tx.Create(&next).Error
}

// lastRun is the newest run made since the period was locked.
func lastRun(tx *gorm.DB, p evaluation.Period) (Run, error) {
	var runs []Run
	err := tx.Omit("data").Where("town_id = ? AND period_code = ? AND created_at >= ?", p.TownID, p.Code, p.StateAt).
		Order("number DESC").Limit(1).Find(&runs).Error
	if err == nil && len(runs) == 0 {
		return Run{}, fault.Conflict("no_run",
			"锁定后尚未计算：请先生成计算批次", "nothing was computed since the period was locked: make a run first").Held(p.Lock())
	}
	if err != nil {
		return Run{}, err
	}
	return runs[0], nil
}
