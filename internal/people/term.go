package people

import (
	"context"
	"strings"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
)

// inForce narrows a query to rows that hold on the day, both their ends included. What is cancelled holds on none.
func inForce(q *gorm.DB, on day.Date) *gorm.DB {
	return q.Where("valid_from <= ? AND (valid_until IS NULL OR valid_until >= ?) AND cancelled_at IS NULL", on, on)
}

// overlapping narrows a query to rows that hold on some day of the term. What is cancelled holds on none.
func overlapping(q *gorm.DB, from day.Date, until *day.Date) *gorm.DB {
	last := day.Latest
	if until != nil {
		last = *until
	}
	return q.Where("valid_from <= ? AND (valid_until IS NULL OR valid_until >= ?) AND cancelled_at IS NULL", last, from)
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

// Cancellation is that a row was entered by mistake: it holds on no day since. The days before
// still count for conflicts of interest, unless a second person confirms the cancellation.
type Cancellation struct {
	CancelledAt *time.Time `json:"cancelled_at,omitempty"` // absent = it is not cancelled
	// who cancelled it; absent where the key or account belongs to no person
	CancelledBy  string `json:"cancelled_by,omitempty" example:"group-1"`
	CancelReason string `json:"cancel_reason,omitempty"` // why it was a mistake
	// the second person who cancelled it: no day of it counts for conflicts of interest any more
	CancelConfirmedBy string `json:"cancel_confirmed_by,omitempty" example:"group-2"`
	// what the caller can do with it now: end, cancel
	Allowed []string `gorm:"-" json:"allowed"`
}

func (c Cancellation) cancellation() Cancellation { return c }

// refuse returns why the caller cannot cancel what is cancelled already, or nil where the
// cancellation can be confirmed, or where it is not cancelled.
func (c Cancellation) refuse(p access.Principal) error {
	switch {
	case c.CancelledAt == nil:
		return nil
	case c.CancelConfirmedBy != "":
		return fault.Conflict("cancelled_already", "该记录已由两人撤销", "two persons have cancelled it already")
	case p.Person == "":
		return fault.Forbidden("person_needed", "该记录已撤销；确认撤销须由关联人员的密钥或账号办理",
			"it is cancelled; to confirm that takes a key or account of a person")
	case p.Person == c.CancelledBy:
		return fault.Forbidden("own_cancellation", "您已撤销该记录：须由另一人确认，回避关系才不再计入",
			"you have cancelled it: another person must confirm that before its days count for no conflict of interest")
	}
	return nil
}

// allowed returns what the caller can do with a row that ties the person.
func (c Cancellation) allowed(p access.Principal, person string) []string {
	list := []string{}
	if !p.May(policy.WritePeople) || person != "" && person == p.Person {
		return list
	}
	if c.CancelledAt == nil {
		list = append(list, "end")
	}
	if c.refuse(p) == nil {
		list = append(list, "cancel")
	}
	return list
}

// dated is a row that holds for a term.
type dated interface {
	term() (from day.Date, until *day.Date)
	of() string // code of the person whose it is; empty where it is no one's
	cancellation() Cancellation
}

// Ending is how an appointment, assignment, membership or link ends.
type Ending struct {
	Version int64    // that the row must still have
	Until   day.Date // the last day
	Reason  string   // empty: the reason of the row stays
}

// Cancelling is why an appointment, assignment, membership or link should not be.
type Cancelling struct {
	Version int64 // that the row must still have
	Reason  string
}

// tie is one row that is changed, by its address.
type tie[T dated] struct {
	town, noun, id string
	key            database.Row // the row with its primary key alone
	find           func(tx *gorm.DB) (T, error)
}

// end sets the last day of the row. The day can only come closer: what is to last longer is
// a new row. Without a reason the first one stays.
func (t tie[T]) end(ctx context.Context, db *gorm.DB, e Ending) (T, error) {
	return t.change(ctx, db, e.Version, func(_ *gorm.DB, before T) (changed, error) {
		if before.cancellation().CancelledAt != nil {
			return changed{}, fault.Conflict("cancelled_already", "该记录已撤销，不再有结束日期",
				"it is cancelled, and so holds on no day that could be its last")
		}
		from, until := before.term()
		if err := e.check(from, until); err != nil {
			return changed{}, err
		}
		columns := map[string]any{"valid_until": e.Until}
		if e.Reason != "" {
			columns["reason"] = e.Reason
		}
		return changed{"end", e.Reason, columns}, nil
	})
}

// cancel marks the row as entered by mistake. Where one person has done so, another one
// confirms it by the same call; a credential of no person counts as none.
func (t tie[T]) cancel(ctx context.Context, db *gorm.DB, c Cancelling) (T, error) {
	return t.change(ctx, db, c.Version, func(tx *gorm.DB, before T) (changed, error) {
		p, was := access.PrincipalFrom(ctx), before.cancellation()
		if err := was.refuse(p); err != nil {
			return changed{}, err
		}
		switch {
		case was.CancelledAt == nil:
			return changed{"cancel", c.Reason, map[string]any{
				"cancelled_at": tx.NowFunc(), "cancelled_by": p.Person, "cancel_reason": c.Reason,
			}}, nil
		case was.CancelledBy == "":
			return changed{"cancel", c.Reason, map[string]any{"cancelled_by": p.Person}}, nil
		}
		return changed{"confirm_cancellation", c.Reason, map[string]any{"cancel_confirmed_by": p.Person}}, nil
	})
}

// changed is a change of a row: the verb in the trail, why, and the columns.
type changed struct {
	verb, reason string
	columns      map[string]any
}

func (t tie[T]) change(
	ctx context.Context, db *gorm.DB, version int64, how func(tx *gorm.DB, before T) (changed, error),
) (T, error) {
	var after T
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := t.find(tx)
		if err != nil {
			return err
		}
		if err := notOwn(ctx, before.of()); err != nil {
			return err
		}
		c, err := how(tx, before)
		if err != nil {
			return err
		}
		if err := database.UpdateVersioned(tx, t.key, version, c.columns); err != nil {
			return err
		}
		if after, err = t.find(tx); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: t.town, Action: t.noun + "." + c.verb, Subject: strings.ReplaceAll(t.noun, "_", "-") + "s/" + t.id,
			Before: before, After: after, Reason: c.reason,
		})
	})
	return after, err
}

func (e Ending) check(from day.Date, until *day.Date) error {
	if e.Until < from {
		return fault.Broken(fault.Field("/until", "ends_before_start", "结束日期早于开始日期", "it ends before it starts"))
	}
	if until != nil && e.Until > *until {
		return fault.Broken(fault.Field("/until", "ends_already",
			"已于 %s 结束：如需继续，请另建一条", "it ends on %s already: create another one to prolong it", *until))
	}
	return nil
}
