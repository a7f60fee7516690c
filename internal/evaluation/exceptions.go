package evaluation

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
)

// ExceptionState is where an exception stands today.
type ExceptionState string

// The states of an exception. Only one in force lets anything be entered.
const (
	InForce ExceptionState = "in_force"
	Expired ExceptionState = "expired" // its last day has passed
	Ended   ExceptionState = "ended"   // it was withdrawn
)

// Exception is leave to enter sheets of a period after its window, or to correct
// returned ones after they were due: about one branch, by one evaluator, or both.
// It never serves whoever granted it.
type Exception struct {
	TownID        string         `gorm:"primaryKey" json:"-"`
	ID            string         `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode    string         `json:"period" example:"2023Q3"`
	BranchCode    *string        `json:"branch,omitempty" example:"b07"`           // absent = about any branch
	EvaluatorCode *string        `json:"evaluator,omitempty" example:"mentor-1"`   // absent = by anyone
	Until         day.Date       `json:"until" swaggertype:"string" format:"date"` // the last day
	Reason        string         `json:"reason" example:"was away for the flood"`
	GrantedBy     string         `json:"granted_by" example:"group-1"`
	GrantedAt     time.Time      `json:"granted_at"`
	EndedBy       string         `json:"ended_by,omitempty"`
	EndedAt       *time.Time     `json:"ended_at,omitempty"`
	EndReason     string         `json:"end_reason,omitempty"`
	State         ExceptionState `gorm:"-" json:"state" swaggertype:"string" enums:"in_force,expired,ended"`
	Allowed       []string       `gorm:"-" json:"allowed"`
	database.Versioned
}

// TableName of exceptions.
func (Exception) TableName() string { return "entry_exceptions" }

var exceptionNoun = text.Text{ZH: "补报许可", EN: "exception"}

// exceptionMoves is the life of an exception.
var exceptionMoves = machine[ExceptionState]{
	{Verb: "end", From: []ExceptionState{InForce}, To: Ended, Action: access.WritePeriods, When: stage{during: unlocked}, Reason: true},
}

// covers reports whether the exception is leave for the sheet.
func (e Exception) covers(s Sheet) bool {
	return e.PeriodCode == s.PeriodCode && e.GrantedBy != s.EvaluatorCode &&
		(e.BranchCode == nil || *e.BranchCode == s.BranchCode) &&
		(e.EvaluatorCode == nil || *e.EvaluatorCode == s.EvaluatorCode)
}

func (e Exception) state(today day.Date) ExceptionState {
	switch {
	case e.EndedAt != nil:
		return Ended
	case e.Until < today:
		return Expired
	}
	return InForce
}

func (e Exception) stand(period Period) stand {
	lock := fault.Lock{By: e.GrantedBy, Role: string(access.LeadingGroup), At: e.GrantedAt, Reason: e.Reason, CanLift: string(access.LeadingGroup)}
	if e.EndedAt != nil {
		lock.By, lock.At, lock.Reason = e.EndedBy, *e.EndedAt, e.EndReason
	}
	return stand{period: period, lock: lock}
}

// shown is the exception with where it stands and what the caller can do with it.
func (v viewer) exception(e Exception, period Period) Exception {
	e.State, e.Allowed = e.state(v.today), []string{}
	if v.refuseInterest(e) == nil {
		e.Allowed = exceptionMoves.Allowed(v.Principal, e.State, e.stand(period))
	}
	return e
}

// refuseInterest keeps people from granting leave to themselves or for a branch
// that they lead, and from taking it away.
func (v viewer) refuseInterest(e Exception) error {
	if v.Person != "" && e.EvaluatorCode != nil && *e.EvaluatorCode == v.Person {
		return fault.Forbidden("own_exception",
			"不能为自己批准或收回补报许可，请由他人办理", "nobody grants or ends an exception for himself or herself: ask a colleague")
	}
	if e.BranchCode != nil && v.led[*e.BranchCode] {
		return ownBranch()
	}
	return nil
}

// inForce reads the exceptions of the town that are in force on the day.
func inForce(ctx context.Context, db *gorm.DB, townID string, on day.Date) ([]Exception, error) {
	var list []Exception
	err := db.WithContext(ctx).Where("town_id = ? AND ended_at IS NULL AND until >= ?", townID, on).Order("id").Find(&list).Error
	return list, err
}

// exceptionsSeen narrows a query to the exceptions that the caller may know of:
// one's own, and those of everybody about the branches in reach.
func (v viewer) exceptionsSeen(q *gorm.DB) *gorm.DB {
	if v.reach.All {
		return q
	}
	return q.Where("(evaluator_code = ? OR evaluator_code IS NULL AND branch_code IN ?)", v.Person, append(v.reach.Codes(), ""))
}

// FindException gives one exception of the period, if the caller may know of it.
func FindException(ctx context.Context, db *gorm.DB, townID, period, id string) (Exception, error) {
	v, err := viewerOf(ctx, db, townID)
	if err != nil {
		return Exception{}, err
	}
	p, err := FindPeriod(ctx, db, townID, period)
	if err != nil {
		return Exception{}, err
	}
	return v.findException(ctx, db, p, id)
}

func (v viewer) findException(ctx context.Context, db *gorm.DB, p Period, id string) (Exception, error) {
	var e Exception
	err := v.exceptionsSeen(db.WithContext(ctx)).Where("town_id = ? AND period_code = ? AND id = ?", p.TownID, p.Code, id).Take(&e).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Exception{}, fault.Missing(exceptionNoun, id)
	}
	return v.exception(e, p), err
}

// ListExceptions gives the exceptions of the period that the caller may know of,
// after the id, in the order of their making.
func ListExceptions(ctx context.Context, db *gorm.DB, townID, period, after string, limit int) ([]Exception, error) {
	p, err := FindPeriod(ctx, db, townID, period)
	if err != nil {
		return nil, err
	}
	v, err := viewerOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	var list []Exception
	err = v.exceptionsSeen(db.WithContext(ctx)).Where("town_id = ? AND period_code = ? AND id > ?", townID, period, after).
		Order("id").Limit(limit).Find(&list).Error
	for i, e := range list {
		list[i] = v.exception(e, p)
	}
	return list, err
}

// GrantException lets sheets be entered until a day, today at the earliest, while
// the period is not locked.
func GrantException(ctx context.Context, db *gorm.DB, e Exception) (Exception, error) {
	e.ID, e.EndedBy, e.EndedAt, e.EndReason = database.NewID(), "", nil, ""
	var after Exception
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := viewerOf(ctx, tx, e.TownID)
		if err != nil {
			return err
		}
		period, err := lockPeriod(ctx, tx, e.TownID, e.PeriodCode)
		if err != nil {
			return err
		}
		grant := move[ExceptionState]{Action: access.WritePeriods, When: stage{during: unlocked}}
		if err := grant.Refuse(v.Principal, e.stand(period), e.Reason); err != nil {
			return err
		}
		if err := v.refuseInterest(e); err != nil {
			return err
		}
		if err := e.check(ctx, tx, period, v.today); err != nil {
			return err
		}
		e.GrantedBy, e.GrantedAt, e.Versioned = v.Name(), tx.NowFunc(), database.Versioned{Version: 1}
		if err := tx.Create(&e).Error; err != nil {
			return err
		}
		after = v.exception(e, period)
		return audit.Write(ctx, tx, audit.Change{Town: e.TownID, Action: "exception.grant", Subject: "exceptions/" + e.ID, After: after, Reason: e.Reason})
	})
	return after, err
}

// check makes sure that the exception is for someone or something that is there,
// and that its day is still to come.
func (e Exception) check(ctx context.Context, tx *gorm.DB, period Period, today day.Date) error {
	var faults []fault.FieldError
	if e.BranchCode == nil && e.EvaluatorCode == nil {
		faults = append(faults, fault.Field("/branch", "for_whom", "请指明党组织或考评人", "say for which branch or evaluator"))
	}
	if e.Until < today {
		faults = append(faults, fault.Field("/until", "in_the_past", "不得早于今天", "it cannot be before today"))
	}
	if e.EvaluatorCode != nil {
		_, err := people.Find(ctx, tx, e.TownID, *e.EvaluatorCode)
		if fault.Is(err, fault.KindNotFound) {
			faults = append(faults, fault.Field("/evaluator", "unknown_person", "本镇没有人员“%s”", "this town has no person %q", *e.EvaluatorCode))
		} else if err != nil {
			return err
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	if e.BranchCode == nil {
		return nil
	}
	_, err := period.branch(ctx, tx, *e.BranchCode)
	return err
}

// EndException withdraws an exception. What was entered under it stays.
func EndException(ctx context.Context, db *gorm.DB, townID, periodCode, id string, version int64, reason string) (Exception, error) {
	var after Exception
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := viewerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		period, err := lockPeriod(ctx, tx, townID, periodCode)
		if err != nil {
			return err
		}
		before, err := v.findException(ctx, tx, period, id)
		if err != nil {
			return err
		}
		if _, err := exceptionMoves.Find(v.Principal, before.State, Ended, before.stand(period), reason); err != nil {
			return err
		}
		if err := v.refuseInterest(before); err != nil {
			return err
		}
		change := map[string]any{"ended_by": v.Name(), "ended_at": tx.NowFunc(), "end_reason": reason}
		if err := database.UpdateVersioned(tx, &Exception{TownID: townID, ID: id}, version, change); err != nil {
			return err
		}
		if after, err = v.findException(ctx, tx, period, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "exception.end", Subject: "exceptions/" + id, Before: before, After: after, Reason: reason})
	})
	return after, err
}
