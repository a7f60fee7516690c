// Package evaluation holds periods, the sheets that evaluators write in them with their
// exceptions, the adjustments, and what has been approved of all that.
package evaluation

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// PeriodState is where a period is in its life.
type PeriodState string

// The states of a period, in order.
const (
	Planned   PeriodState = "planned"
	Open      PeriodState = "open"      // sheets are written
	Review    PeriodState = "review"    // sheets are decided on, returned ones corrected
	Locked    PeriodState = "locked"    // nothing changes; runs are made
	Published PeriodState = "published" // one run is the result
	Final     PeriodState = "final"     // and stays it
	Cancelled PeriodState = "cancelled" // planned by mistake: it keeps no days and no code
)

var periodTitles = workflow.Titles[PeriodState]{
	Planned:   {ZH: "计划中", EN: "planned"},
	Open:      {ZH: "填报中", EN: "open"},
	Review:    {ZH: "审核中", EN: "under review"},
	Locked:    {ZH: "已锁定", EN: "locked"},
	Published: {ZH: "已公布", EN: "published"},
	Final:     {ZH: "已定为最终", EN: "final"},
	Cancelled: {ZH: "已取消", EN: "cancelled"},
}

// Title returns the name of the state.
func (s PeriodState) Title() text.Text { return periodTitles.Of(s) }

var (
	entering = []PeriodState{Open, Review}
	unlocked = []PeriodState{Planned, Open, Review}
)

// Period is one round of evaluation (考评周期). It pins one version of a scheme.
type Period struct {
	TownID   string      `gorm:"primaryKey" json:"-"`
	Code     string      `gorm:"primaryKey" json:"code" example:"2023Q3"`
	Kind     string      `json:"kind" enums:"quarter,half_year,year"`
	StartsOn day.Date    `json:"starts_on" swaggertype:"string" format:"date"`
	EndsOn   day.Date    `json:"ends_on" swaggertype:"string" format:"date"`
	Scheme   scheme.Ref  `gorm:"embedded;embeddedPrefix:scheme_" json:"scheme"`
	State    PeriodState `json:"state"`
	// who moved it there; a role where the caller may not read people
	StateBy     string    `json:"state_by" example:"group-1"`
	StateAt     time.Time `json:"state_at"`
	StateReason string    `json:"state_reason,omitempty"`
	// what the town had set when the period was opened; a town that requires two persons since requires them here too
	SecondPerson string `json:"second_person" enums:"required,none" example:"required"`
	// since when it is locked: its branches are those that were known then
	LockedAt *time.Time `json:"locked_at,omitempty"`
	Calendar
	Notice   *Notice   `gorm:"-" json:"notice,omitempty"`   // 公示; absent before it is published, and where there is none
	Warnings []Warning `gorm:"-" json:"warnings,omitempty"` // in the answer to a move
	DryRun   *Preview  `gorm:"-" json:"dry_run,omitempty"`  // in the answer to a dry run
	Allowed  []string  `gorm:"-" json:"allowed"`            // what the caller can do with it now
	database.Versioned
}

// Notice is the public notice of a result (公示): the days, both included, in which
// the branches can appeal against it.
type Notice struct {
	From  day.Date `json:"from" swaggertype:"string" format:"date"`
	Until day.Date `json:"until" swaggertype:"string" format:"date"`

	OnePerson bool `json:"one_person,omitempty,omitzero"` // published by one person: no second one confirmed it
	Signed    bool `json:"signed"`                        // whether what it announces has a signature: see docs/trust.md
	// published although too few branches had a score or the period had not ended
	Forced bool `json:"forced,omitempty,omitzero"`
	// branches that ended since the publication before, and are scored no more
	Ended []EndedBranch `json:"ended,omitempty"`
}

// Open reports whether the day is one of them.
func (n Notice) Open(on day.Date) bool { return n.From <= on && on <= n.Until }

// DefaultDays is how long public notice lasts, and how soon an appeal is
// answered, where the town does not set it.
const DefaultDays = 5

// maxDays bounds both.
const maxDays = 90

// Calendar is when the sheets of a period are entered and decided on, how long
// its result is on public notice (公示) and how soon an appeal is answered. Days
// are those of Asia/Shanghai, both ends included; without one there is no limit.
type Calendar struct {
	EntryFrom  *day.Date `json:"entry_from,omitempty" swaggertype:"string" format:"date"`
	EntryUntil *day.Date `json:"entry_until,omitempty" swaggertype:"string" format:"date"`
	// later decisions are overdue, not refused
	ReviewUntil  *day.Date  `json:"review_until,omitempty" swaggertype:"string" format:"date"`
	NoticeDays   int64      `json:"notice_days" example:"5"` // 0 = no public notice
	AnswerDays   int64      `json:"answer_days" example:"5"`
	WindowBy     string     `json:"window_by,omitempty" example:"group-1"` // who set these days last, as state_by
	WindowAt     *time.Time `json:"window_at,omitempty"`
	WindowReason string     `json:"window_reason,omitempty"`
}

var periodNoun = text.Text{ZH: "考评周期", EN: "period"}

// publishing is the verb that makes a run the result.
const publishing = "publish"

// withdrawing is the verb that takes a publication back.
const withdrawing = "withdraw"

// cancelling is the verb that takes back a period that was planned by mistake, and planning
// the one that plans a cancelled one again.
const (
	cancelling = "cancel"
	planning   = "plan"
)

// periodKind names periods in the history.
const periodKind = "period"

// periodActor is a caller who reads or changes periods.
type periodActor struct{ access.Principal }

// State returns the state of the period, and who brought it there.
func (periodActor) State(p Period) (PeriodState, fault.Lock) { return p.State, p.Lock() }

// periods is the life of a period. It is a table alone: package index publishes and makes
// final, by what it knows of runs, notices and appeals.
var periods = workflow.Table[Period, PeriodState, periodActor]{
	Noun: periodNoun, Titles: periodTitles,
	Frozen: func(_ periodActor, p Period) error { return p.locked() },
	Verbs: []workflow.Verb[Period, PeriodState, periodActor]{
		{Name: "change", From: unlocked, Action: policy.WritePeriods, Reason: true},
		{Name: "open", From: []PeriodState{Planned, Review}, To: Open, Action: policy.WritePeriods},
		{Name: "review", From: []PeriodState{Open}, To: Review, Action: policy.WritePeriods},
		{Name: "unlock", From: []PeriodState{Locked}, To: Review, Action: policy.WritePeriods, Reason: true},
		{Name: "lock", From: []PeriodState{Review}, To: Locked, Action: policy.WritePeriods},
		{Name: publishing, From: []PeriodState{Locked}, To: Published, Action: policy.WritePeriods},
		{Name: "finalise", From: []PeriodState{Published}, To: Final, Action: policy.WritePeriods},
		// takes a publication back; the state changes only where no other one stands
		{Name: withdrawing, From: []PeriodState{Published}, Action: policy.WritePeriods, Reason: true},
		{Name: cancelling, From: []PeriodState{Planned, Open}, To: Cancelled, Action: policy.WritePeriods, Reason: true},
		{Name: planning, From: []PeriodState{Cancelled}, To: Planned, Action: policy.WritePeriods, Reason: true},
	},
}.Checked()

// Ref names the period.
func (p Period) Ref() workflow.Ref {
	return workflow.Ref{Town: p.TownID, ID: p.Code, Version: p.Version}
}

// For returns the period as the caller sees it, with what he or she can do.
func (p Period) For(caller access.Principal) Period {
	p.StateBy, p.WindowBy = caller.Told(p.StateBy, policy.LeadingGroup), caller.Told(p.WindowBy, policy.LeadingGroup)
	p.Allowed = periods.Allowed(periodActor{caller}, p)
	return p
}

// Lock returns who brought the period to its state, when, why, and who can take it
// further.
func (p Period) Lock() fault.Lock {
	l := fault.Lock{
		By: p.StateBy, Role: string(policy.LeadingGroup), At: p.StateAt, Reason: p.StateReason,
		CanLift: string(policy.LeadingGroup),
	}
	if p.State == Final {
		l.CanLift = fault.Nobody
	}
	return l
}

// Lock returns who set the days last, when, why and who can change them.
func (c Calendar) Lock() fault.Lock {
	return fault.Lock{
		By: c.WindowBy, Role: string(policy.LeadingGroup), At: orZero(c.WindowAt), Reason: c.WindowReason,
		CanLift: string(policy.LeadingGroup),
	}
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// locked refuses a change that the state of the period does not allow.
func (p Period) locked() error {
	next := text.F("请联系工作领导小组", "ask the leading group to open it")
	switch p.State {
	case Published:
		next = text.F("已公布的数值只能通过申诉或更正改变", "what is published changes by an appeal or a correction only")
	case Final:
		next = text.F("最终结果不再改变", "a final result stays")
	case Cancelled:
		next = text.F("工作领导小组可以重新制定该周期", "the leading group can plan it again")
	}
	return fault.Locked("period_"+string(p.State), "考评周期 %s 处于“%s”状态，不能修改：%s",
		"the period %s is %s, so this cannot be changed now: %s", p.Code, p.State.Title(), next).Held(p.Lock())
}

// Correctable refuses corrections before the period is published and after it is
// final.
func (p Period) Correctable() error {
	switch p.State {
	case Published:
		return nil
	case Final:
		return p.locked()
	}
	return fault.Conflict("not_published", "考评周期 %s 尚未公布，请退回考评表修改；已锁定的须先解锁",
		"the period %s is not published: return its sheets to change them, after unlocking it where it is locked",
		p.Code).Held(p.Lock())
}

// Known returns up to when changes of branches count: the lock of the period; zero, for
// all, where it is not locked.
func (p Period) Known() time.Time {
	if slices.Contains(unlocked, p.State) || p.State == Cancelled {
		return time.Time{}
	}
	return orZero(p.LockedAt)
}

// BranchFilter returns which branches are scored in the period: those of its last day, as
// they were known at its lock.
func (p Period) BranchFilter() town.BranchFilter {
	return town.BranchFilter{On: p.EndsOn, Known: p.Known()}
}

// branch returns a branch as it is at the end of the period. One that has ended by
// then is not scored, so nothing can be entered for it.
func (p Period) branch(ctx context.Context, db *gorm.DB, code string) (town.Branch, error) {
	return town.FindLiving(ctx, db, p.TownID, code, p.EndsOn)
}

// TakesTwo reports whether what is published of the period takes two persons: where the
// town requires it now, or did when the period was opened. So nobody can do without a
// second person by a change of the setting.
func (p Period) TakesTwo(t town.Town) bool {
	return p.SecondPerson == town.SecondRequired || t.SecondPerson == town.SecondRequired
}

// Span returns the days on which an assignment makes a sheet expected.
func (p Period) Span() (from, until day.Date) {
	from, until = p.StartsOn, p.EndsOn
	if p.EntryFrom != nil {
		from = *p.EntryFrom
	}
	if p.EntryUntil != nil {
		until = *p.EntryUntil
	}
	return from, max(from, until)
}

// FindPeriod returns one period of the town.
func FindPeriod(ctx context.Context, db *gorm.DB, townID, code string) (p Period, err error) {
	defer fault.Wrap(&err, "period %s", code)
	return database.Take[Period](db.WithContext(ctx).Where("town_id = ? AND code = ?", townID, code), periodNoun, code)
}

// The locks of a period. Every change under a period takes Shared, or a sheet could be
// approved between the lock of the period and the run; who changes the period takes
// exclusive and so waits for the changes under way, and its time is later than theirs.
// SQLite has one writer anyway.
var (
	shared    = clause.Locking{Strength: "SHARE"}
	exclusive = clause.Locking{Strength: "NO KEY UPDATE"}
)

// HoldPeriod returns the period and keeps its state as it is until tx ends: whoever
// would lock it waits.
func HoldPeriod(ctx context.Context, tx *gorm.DB, townID, code string) (Period, error) {
	return FindPeriod(ctx, tx.Clauses(shared), townID, code)
}

// HoldPeriods returns the periods of the town that were opened, are not cancelled and end on the
// day or later, in the order of their codes, and keeps their states until tx ends.
func HoldPeriods(ctx context.Context, tx *gorm.DB, townID string, from day.Date) (list []Period, err error) {
	err = tx.WithContext(ctx).Clauses(shared).Where("town_id = ? AND ends_on >= ? AND state NOT IN ?", townID, from,
		[]PeriodState{Planned, Cancelled}).Order("code").Find(&list).Error
	return list, err
}

// lockPeriod returns the period to whoever changes it.
func lockPeriod(ctx context.Context, tx *gorm.DB, townID, code string) (Period, error) {
	return FindPeriod(ctx, tx.Clauses(exclusive), townID, code)
}

// readPeriods returns the periods of the codes, by code; q may lock them.
func readPeriods(q *gorm.DB, townID string, codes []string) (map[string]Period, error) {
	var list []Period
	// never an empty list
	err := q.Where("town_id = ? AND code IN ?", townID, append(codes, "")).Order("code").Find(&list).Error
	byCode := make(map[string]Period, len(list))
	for _, p := range list {
		byCode[p.Code] = p
	}
	return byCode, err
}

// PeriodFilter narrows a list; zero fields do not.
type PeriodFilter struct {
	Kind   string
	State  PeriodState
	Before day.Date // start before this day, newest first, without cancelled ones
	After  [2]string
	Limit  int
}

// ListPeriods returns the periods of the town in the order of their starts, after
// the pair (start, code).
func ListPeriods(ctx context.Context, db *gorm.DB, townID string, f PeriodFilter) (list []Period, err error) {
	defer fault.Wrap(&err, "periods")
	q := db.WithContext(ctx).Where("town_id = ?", townID)
	if f.Kind != "" {
		q = q.Where("kind = ?", f.Kind)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.Before != "" {
		q = q.Where("starts_on < ? AND state <> ?", f.Before, Cancelled).Order("starts_on DESC, code DESC")
	} else {
		q = q.Where("(starts_on > ? OR (starts_on = ? AND code > ?))", f.After[0], f.After[0], f.After[1]).
			Order("starts_on, code")
	}
	err = q.Limit(f.Limit).Find(&list).Error
	return list, err
}
