package evaluation

import (
	"context"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// ExceptionState is where an exception is today.
type ExceptionState string

// The states of an exception. Only one in force lets anything be entered.
const (
	InForce ExceptionState = "in_force"
	Expired ExceptionState = "expired" // its last day has passed
	Ended   ExceptionState = "ended"   // it was withdrawn
)

var exceptionTitles = workflow.Titles[ExceptionState]{
	InForce: {ZH: "有效", EN: "in force"},
	Expired: {ZH: "已到期", EN: "expired"},
	Ended:   {ZH: "已收回", EN: "ended"},
}

// Title returns the name of the state.
func (s ExceptionState) Title() text.Text { return exceptionTitles.Of(s) }

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
	State         ExceptionState `gorm:"-" json:"state"`
	Allowed       []string       `gorm:"-" json:"allowed"` // what the caller can do with it now
	database.Versioned
}

// TableName of exceptions.
func (Exception) TableName() string { return "entry_exceptions" }

// Ref names the exception.
func (e Exception) Ref() workflow.Ref {
	return workflow.Ref{Town: e.TownID, ID: e.ID, Version: e.Version}
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

// exceptionReader is a caller who reads or changes exceptions.
type exceptionReader struct{ viewer }

func exceptionReaderOf(ctx context.Context, db *gorm.DB, townID string) (*exceptionReader, error) {
	v, err := viewerOf(ctx, db, townID, policy.ReadSheets)
	return &exceptionReader{viewer: v}, err
}

var granting = []workflow.Rule[Exception, *exceptionReader]{whileUnlocked, disinterested}

// exceptions is the life of an exception. No column holds its state, which depends on the
// day.
var exceptions = workflow.Kind[Exception, ExceptionState, *exceptionReader]{
	Noun: text.Text{ZH: "补报许可", EN: "exception"}, Name: "exception", Titles: exceptionTitles, Column: "-",
	Reader: exceptionReaderOf,
	Verbs: []workflow.Verb[Exception, ExceptionState, *exceptionReader]{
		{Name: "grant", To: InForce, Action: policy.WritePeriods, When: granting},
		{Name: "end", From: []ExceptionState{InForce}, To: Ended, Action: policy.WritePeriods, Reason: true, When: granting},
	},
}.Checked()

// whileUnlocked refuses once the period is locked.
func whileUnlocked(v *exceptionReader, e Exception) error { return v.during(e.PeriodCode, unlocked...) }

// disinterested keeps people from granting leave to themselves or for a branch
// to which they are tied, and from taking it away.
func disinterested(v *exceptionReader, e Exception) error {
	if v.Person != "" && e.EvaluatorCode != nil && *e.EvaluatorCode == v.Person {
		return fault.Forbidden("own_exception", "不能为自己批准或收回补报许可，请由他人办理",
			"nobody grants or ends an exception for himself or herself: ask a colleague")
	}
	if e.BranchCode == nil {
		return nil
	}
	return v.refuseTied(*e.BranchCode, e.PeriodCode)
}

// State returns where the exception is today, and who brought it there.
func (v *exceptionReader) State(e Exception) (ExceptionState, fault.Lock) {
	group := string(policy.LeadingGroup)
	lock := fault.Lock{By: e.GrantedBy, Role: group, At: e.GrantedAt, Reason: e.Reason, CanLift: group}
	if e.EndedAt != nil {
		lock.By, lock.At, lock.Reason = e.EndedBy, *e.EndedAt, e.EndReason
	}
	return e.state(v.Today), lock
}

// Visible narrows a query to the exceptions that the caller may know of: one's own, and
// those of everybody about the branches in reach.
func (v *exceptionReader) Visible(q *gorm.DB) *gorm.DB {
	if v.Reach.All {
		return q
	}
	return q.Where("(evaluator_code = ? OR evaluator_code IS NULL AND branch_code IN ?)", v.Person,
		append(v.Reach.Codes(), ""))
}

// Load reads the periods of the exceptions. One under which exceptions change is locked
// as if it changed itself, so that sheets are written before or after.
func (v *exceptionReader) Load(ctx context.Context, db *gorm.DB, list []Exception, depth workflow.Depth) (err error) {
	if v.periods != nil {
		return nil
	}
	q, codes := db.WithContext(ctx), make([]string, len(list))
	if depth == workflow.ForChange {
		q = q.Clauses(exclusive)
	}
	for i, e := range list {
		codes[i] = e.PeriodCode
	}
	v.periods, err = readPeriods(q, v.Town, codes)
	return err
}

// Show returns the exception with its state today and what the caller can do with it.
func (v *exceptionReader) Show(e Exception, allowed []string) Exception {
	e.State, e.Allowed = e.state(v.Today), allowed
	return e
}

// Tell returns the exception with the role alone of who granted and ended it, where the
// caller may not read people.
func (v *exceptionReader) Tell(e Exception) Exception {
	e.GrantedBy, e.EndedBy = v.Told(e.GrantedBy, policy.LeadingGroup), v.Told(e.EndedBy, policy.LeadingGroup)
	return e
}

// Audit returns the whole exception.
func (v *exceptionReader) Audit(e Exception, _ string) (string, any) {
	e.State = e.state(v.Today)
	return "exceptions/" + e.ID, e
}

// GrantException lets sheets be entered until a day, today at the earliest, while
// the period is not locked.
func GrantException(ctx context.Context, db *gorm.DB, e Exception) (Exception, error) {
	period, err := FindPeriod(ctx, db, e.TownID, e.PeriodCode)
	if err != nil {
		return Exception{}, err
	}
	e.ID, e.EndedBy, e.EndedAt, e.EndReason = database.NewID(), "", nil, ""
	e.Versioned = database.Versioned{Version: 1}
	return exceptions.Create(ctx, db, "grant", e.Reason, e, func(tx *gorm.DB, v *exceptionReader, e *Exception) error {
		if err := e.check(ctx, tx, period, v.Today); err != nil {
			return err
		}
		e.GrantedBy, e.GrantedAt = v.Name(), tx.NowFunc()
		return tx.Create(e).Error
	})
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
			faults = append(faults, fault.Field("/evaluator", "unknown_person",
				"本镇没有人员“%s”", "this town has no person %q", *e.EvaluatorCode))
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

// EndException withdraws an exception of the period. What was entered under it stays.
func EndException(ctx context.Context, db *gorm.DB, period string, ref workflow.Ref, reason string) (Exception, error) {
	if _, err := FindException(ctx, db, ref.Town, period, ref.ID); err != nil {
		return Exception{}, err
	}
	return exceptions.Do(ctx, db, ref, "end", reason,
		func(tx *gorm.DB, v *exceptionReader, _ Exception) (workflow.Change, error) {
			return workflow.Change{Columns: map[string]any{
				"ended_by": v.Name(), "ended_at": tx.NowFunc(), "end_reason": reason,
			}}, nil
		})
}

// FindException returns one exception of the period, if the caller may know of it.
func FindException(ctx context.Context, db *gorm.DB, townID, period, id string) (Exception, error) {
	if _, err := FindPeriod(ctx, db, townID, period); err != nil {
		return Exception{}, err
	}
	e, err := exceptions.Find(ctx, db, townID, id)
	if err == nil && e.PeriodCode != period {
		return Exception{}, fault.Missing(exceptions.Noun, id)
	}
	return e, err
}

// ListExceptions returns the exceptions of the period that the caller may know of,
// after the id, in the order of their making.
func ListExceptions(ctx context.Context, db *gorm.DB, townID, period, after string, limit int) ([]Exception, error) {
	if _, err := FindPeriod(ctx, db, townID, period); err != nil {
		return nil, err
	}
	v, err := exceptionReaderOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := db.WithContext(ctx).Where("town_id = ? AND period_code = ? AND id > ?", townID, period, after)
	return exceptions.List(ctx, db, v, q.Order("id").Limit(limit))
}

// inForce returns the exceptions of the town that are in force on the day.
func inForce(ctx context.Context, db *gorm.DB, townID string, on day.Date) (list []Exception, err error) {
	err = db.WithContext(ctx).Where("town_id = ? AND ended_at IS NULL AND until >= ?", townID, on).
		Order("id").Find(&list).Error
	return list, err
}
