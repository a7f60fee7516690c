package evaluation

import (
	"context"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
)

// DefaultDays is how long public notice lasts, and how soon an appeal is
// answered, where the town does not say otherwise.
const DefaultDays = 5

// maxDays bounds both.
const maxDays = 90

// Calendar says when the sheets of a period are entered and decided on, how long
// its result is on public notice (公示) and how soon an appeal is answered. Days
// are those of Asia/Shanghai, both ends included; without one there is no limit.
type Calendar struct {
	EntryFrom    *day.Date  `json:"entry_from,omitempty" swaggertype:"string" format:"date"`
	EntryUntil   *day.Date  `json:"entry_until,omitempty" swaggertype:"string" format:"date"`
	ReviewUntil  *day.Date  `json:"review_until,omitempty" swaggertype:"string" format:"date"` // later decisions are overdue, not refused
	NoticeDays   int64      `json:"notice_days" example:"5"`                                   // 0 = no public notice
	AnswerDays   int64      `json:"answer_days" example:"5"`
	WindowBy     string     `json:"window_by,omitempty" example:"group-1"` // who set these days last, as state_by
	WindowAt     *time.Time `json:"window_at,omitempty"`
	WindowReason string     `json:"window_reason,omitempty"`
}

// check lists what is wrong with the days of the calendar.
func (c Calendar) check() []fault.FieldError {
	var faults []fault.FieldError
	for _, pair := range []struct {
		pointer       string
		first, second *day.Date
	}{
		{"/entry_until", c.EntryFrom, c.EntryUntil},
		{"/review_until", c.EntryFrom, c.ReviewUntil},
		{"/review_until", c.EntryUntil, c.ReviewUntil},
	} {
		if pair.first != nil && pair.second != nil && *pair.second < *pair.first {
			faults = append(faults, fault.Field(pair.pointer, "ends_before_start", "不能早于 %s", "it cannot be before %s", *pair.first))
			break
		}
	}
	for _, days := range []struct {
		pointer string
		n       int64
	}{{"/notice_days", c.NoticeDays}, {"/answer_days", c.AnswerDays}} {
		if days.n < 0 || days.n > maxDays {
			faults = append(faults, fault.Field(days.pointer, "out_of_range", "须为 0–%d 天", "it must be 0–%d days", maxDays))
		}
	}
	return faults
}

// setBy signs the calendar.
func (c Calendar) setBy(name string, at time.Time, reason string) Calendar {
	c.WindowBy, c.WindowAt, c.WindowReason = name, &at, reason
	return c
}

// Lock says who set the days last, when, why and who can change them.
func (c Calendar) Lock() fault.Lock {
	return fault.Lock{By: c.WindowBy, Role: string(access.LeadingGroup), At: orZero(c.WindowAt), Reason: c.WindowReason, CanLift: string(access.LeadingGroup)}
}

// columns are the calendar as UpdateVersioned takes it.
func (c Calendar) columns() map[string]any {
	return map[string]any{
		"entry_from": c.EntryFrom, "entry_until": c.EntryUntil, "review_until": c.ReviewUntil,
		"notice_days": c.NoticeDays, "answer_days": c.AnswerDays,
		"window_by": c.WindowBy, "window_at": c.WindowAt, "window_reason": c.WindowReason,
	}
}

// UpdatePeriod changes the calendar of a period that is not locked yet. The trail
// keeps the days before and after and the reason, which must be given.
func UpdatePeriod(ctx context.Context, db *gorm.DB, townID, code string, version int64, c Calendar, reason string) (Period, error) {
	caller := access.Caller(ctx)
	if faults := c.check(); len(faults) > 0 {
		return Period{}, fault.Broken(faults...)
	}
	var after Period
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := lockPeriod(ctx, tx, townID, code)
		if err != nil {
			return err
		}
		mv, ok := periodMoves.Stay("change", before.State)
		if !ok {
			return before.locked()
		}
		if err := mv.Refuse(caller, before.stand(), reason); err != nil {
			return err
		}
		change := c.setBy(audit.ActorOf(ctx).Name, tx.NowFunc(), reason).columns()
		if err := database.UpdateVersioned(tx, &Period{TownID: townID, Code: code}, version, change); err != nil {
			return err
		}
		if after, err = FindPeriod(ctx, tx, townID, code); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "period.change", Subject: "periods/" + code,
			Before: before.Calendar, After: after.Calendar, Reason: reason,
		})
	})
	return after.For(caller), err
}
