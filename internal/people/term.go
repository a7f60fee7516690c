package people

import (
	"context"
	"errors"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// inForce narrows a query to rows that hold on the day, both their ends included.
func inForce(q *gorm.DB, on day.Date) *gorm.DB {
	return q.Where("valid_from <= ? AND (valid_until IS NULL OR valid_until >= ?)", on, on)
}

// overlapping narrows a query to rows that hold on some day of the term.
func overlapping(q *gorm.DB, from day.Date, until *day.Date) *gorm.DB {
	last := day.Latest
	if until != nil {
		last = *until
	}
	return q.Where("valid_from <= ? AND (valid_until IS NULL OR valid_until >= ?)", last, from)
}

// find returns the row of the query, or that there is no such noun by this id.
func find[T any](q *gorm.DB, noun text.Text, id string) (row T, err error) {
	if err = q.Take(&row).Error; errors.Is(err, gorm.ErrRecordNotFound) {
		return row, fault.Missing(noun, id)
	}
	return row, err
}

// page narrows a query to rows of the town after the id, in the order of their making:
// those that hold on the day, if there is one. A limit of 0 is none.
func page(q *gorm.DB, townID string, on day.Date, after string, limit int) *gorm.DB {
	q = database.Page(q, townID, after, limit)
	if on != "" {
		q = inForce(q, on)
	}
	return q
}

// checkTerm faults a term that ends before it starts.
func checkTerm(from day.Date, until *day.Date) []fault.FieldError {
	if until == nil || *until >= from {
		return nil
	}
	return []fault.FieldError{fault.Field("/until", "ends_before_start", "结束日期早于开始日期", "it ends before it starts")}
}

// notOwn refuses to begin or end what ties the caller himself or herself: who is judged,
// or judges, does not choose about whom.
func notOwn(ctx context.Context, person string) error {
	if p := access.PrincipalFrom(ctx); person == "" || p.Person != person {
		return nil
	}
	return fault.Forbidden("own_tie", "不能为自己建立或结束聘任、结对和挂钩关系：请由工作领导小组的其他成员或管理员办理",
		"nobody begins or ends his or her own appointments and ties: another member of the leading group, or an administrator, does")
}

// dated is a row that holds for a term.
type dated interface {
	term() (from day.Date, until *day.Date)
	of() string // code of the person whose it is; empty where it is no one's
}

// Ending is how an appointment, assignment, membership or link ends.
type Ending struct {
	Version int64    // that the row must still have
	Until   day.Date // the last day
	Reason  string   // empty: the reason of the row stays
}

// closing is the end of one row.
type closing struct {
	town, noun, id string
	Ending
}

// endTerm sets the last day of the row that find returns; key is that row with its
// primary key alone. The day can only come closer: what is to last longer is a new
// row. Without a reason the first one stays.
func endTerm[T dated](
	ctx context.Context, db *gorm.DB, c closing, key database.Row, find func(tx *gorm.DB) (T, error),
) (T, error) {
	var after T
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := find(tx)
		if err != nil {
			return err
		}
		if err := notOwn(ctx, before.of()); err != nil {
			return err
		}
		if err := c.check(before.term()); err != nil {
			return err
		}
		change := map[string]any{"valid_until": c.Until}
		if c.Reason != "" {
			change["reason"] = c.Reason
		}
		if err := database.UpdateVersioned(tx, key, c.Version, change); err != nil {
			return err
		}
		if after, err = find(tx); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: c.town, Action: c.noun + ".end", Subject: strings.ReplaceAll(c.noun, "_", "-") + "s/" + c.id, Before: before,
			After: after, Reason: c.Reason,
		})
	})
	return after, err
}

func (c closing) check(from day.Date, until *day.Date) error {
	if c.Until < from {
		return fault.Broken(fault.Field("/until", "ends_before_start", "结束日期早于开始日期", "it ends before it starts"))
	}
	if until != nil && c.Until > *until {
		return fault.Broken(fault.Field("/until", "ends_already",
			"已于 %s 结束：如需继续，请另建一条", "it ends on %s already: create another one to prolong it", *until))
	}
	return nil
}
