package evaluation

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// PeriodState is where a period stands in its life.
type PeriodState string

// The states of a period, in order.
const (
	Planned   PeriodState = "planned"
	Open      PeriodState = "open"      // sheets are written
	Review    PeriodState = "review"    // sheets are decided on, returned ones corrected
	Locked    PeriodState = "locked"    // nothing changes; runs are made
	Published PeriodState = "published" // one run is the result
	Final     PeriodState = "final"     // and stays it
)

// Period is one round of evaluation (考评周期). It pins one version of a scheme.
type Period struct {
	TownID       string      `gorm:"primaryKey" json:"-"`
	Code         string      `gorm:"primaryKey" json:"code" example:"2023Q3"`
	Kind         string      `json:"kind" enums:"quarter,half_year,year"`
	StartsOn     day.Date    `json:"starts_on" swaggertype:"string" format:"date"`
	EndsOn       day.Date    `json:"ends_on" swaggertype:"string" format:"date"`
	SchemeCode   string      `json:"scheme_code" example:"five-forces"`
	SchemeNumber int64       `json:"scheme_number" example:"1"`
	State        PeriodState `json:"state" swaggertype:"string" enums:"planned,open,review,locked,published,final"`
	StateBy      string      `json:"state_by" example:"group-1"` // who moved it there; a role where the caller may not read people
	StateAt      time.Time   `json:"state_at"`
	StateReason  string      `json:"state_reason,omitempty"`
	Calendar
	Notice   *Notice   `gorm:"-" json:"notice,omitempty"`   // 公示; absent before it is published, and where there is none
	Warnings []Warning `gorm:"-" json:"warnings,omitempty"` // in the answer to a move
	Allowed  []string  `gorm:"-" json:"allowed"`            // what the caller can do with it now
	database.Versioned
}

// Notice is the public notice of a result (公示): the days, both included, in which
// the branches can appeal against it.
type Notice struct {
	From  day.Date `json:"from" swaggertype:"string" format:"date"`
	Until day.Date `json:"until" swaggertype:"string" format:"date"`
}

// Open reports whether the day is one of them.
func (n Notice) Open(on day.Date) bool { return n.From <= on && on <= n.Until }

var periodNoun = text.Text{ZH: "考评周期", EN: "period"}

// For is the period as the caller sees it, with what he or she can do.
func (p Period) For(caller access.Principal) Period {
	p.StateBy, p.WindowBy = caller.Told(p.StateBy, access.LeadingGroup), caller.Told(p.WindowBy, access.LeadingGroup)
	p.Allowed = periodMoves.Allowed(caller, p.State, p.stand())
	return p
}

// stand is where the period is in its life, and who brought it there.
func (p Period) stand() stand {
	return stand{period: p, lock: p.Lock()}
}

// Lock says who brought the period where it stands, when, why, and who can take it
// further.
func (p Period) Lock() fault.Lock {
	l := fault.Lock{By: p.StateBy, Role: string(access.LeadingGroup), At: p.StateAt, Reason: p.StateReason, CanLift: string(access.LeadingGroup)}
	if p.State == Final {
		l.CanLift = fault.Nobody
	}
	return l
}

// locked says who closed the period for changes, when, why and who can lift it.
func (p Period) locked() error {
	next := text.F("请联系工作领导小组", "ask the leading group to open it")
	switch p.State {
	case Published:
		next = text.F("已公布的数值只能通过申诉或更正改变", "what is published changes by an appeal or a correction only")
	case Final:
		next = text.F("结果已定为最终，不再改变", "a final result stays")
	}
	return fault.Locked("period_"+string(p.State),
		"考评周期 %[1]s 处于“%[2]s”状态，不能修改：%[3]s", "period %[1]s is %[2]s, so this cannot be changed now: %[4]s", p.Code, p.State, next.ZH, next.EN).Held(p.Lock())
}

// FindPeriod gives one period of the town.
func FindPeriod(ctx context.Context, db *gorm.DB, townID, code string) (Period, error) {
	var p Period
	err := db.WithContext(ctx).Where("town_id = ? AND code = ?", townID, code).Take(&p).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Period{}, fault.Missing(periodNoun, code)
	}
	return p, err
}

// HoldPeriod gives the period and keeps its state as it is until tx ends: whoever
// would lock it waits. Every change under a period goes through it, or a sheet
// could be approved between the lock and the run. SQLite has one writer anyway.
func HoldPeriod(ctx context.Context, tx *gorm.DB, townID, code string) (Period, error) {
	return FindPeriod(ctx, tx.Clauses(clause.Locking{Strength: "SHARE"}), townID, code)
}

// lockPeriod gives the period to whoever changes it. It waits for the changes under
// way, so that the time of the change is later than theirs.
func lockPeriod(ctx context.Context, tx *gorm.DB, townID, code string) (Period, error) {
	return FindPeriod(ctx, tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}), townID, code)
}

// branch gives a branch as it is at the end of the period. One that has ended by
// then is not scored, so nothing can be entered for it.
func (p Period) branch(ctx context.Context, db *gorm.DB, code string) (town.Branch, error) {
	return town.FindLiving(ctx, db, p.TownID, code, p.EndsOn)
}

// PeriodFilter narrows a list; zero fields do not.
type PeriodFilter struct {
	Kind   string
	State  PeriodState
	Before day.Date // start before this day, newest first
	After  [2]string
	Limit  int
}

// ListPeriods gives the periods of the town in the order of their starts, after
// the pair (start, code).
func ListPeriods(ctx context.Context, db *gorm.DB, townID string, f PeriodFilter) ([]Period, error) {
	q := db.WithContext(ctx).Where("town_id = ?", townID)
	if f.Kind != "" {
		q = q.Where("kind = ?", f.Kind)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.Before != "" {
		q = q.Where("starts_on < ?", f.Before).Order("starts_on DESC, code DESC")
	} else {
		q = q.Where("(starts_on > ? OR (starts_on = ? AND code > ?))", f.After[0], f.After[0], f.After[1]).Order("starts_on, code")
	}
	var periods []Period
	err := q.Limit(f.Limit).Find(&periods).Error
	return periods, err
}

// CreatePeriod plans a period under the active version of its scheme, or under
// the version of the number where that is not 0.
func CreatePeriod(ctx context.Context, db *gorm.DB, p Period) (Period, error) {
	if faults := checkPeriod(p); len(faults) > 0 {
		return Period{}, fault.Broken(faults...)
	}
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		active, err := scheme.FindActive(ctx, tx, p.TownID, p.SchemeCode)
		if fault.Is(err, fault.KindNotFound) || err == nil && p.SchemeNumber != 0 && p.SchemeNumber != active.Number {
			return fault.Broken(fault.Field("/scheme", "scheme_not_active", "没有已启用的指标体系“%s”", "no active version of the scheme %q", p.SchemeCode))
		}
		if err != nil {
			return err
		}
		if err := holdTown(tx, p.TownID); err != nil {
			return err
		}
		if err := refuseTaken(tx, p); err != nil {
			return err
		}
		p.SchemeCode, p.SchemeNumber = active.Code, active.Number
		p.State, p.StateBy, p.StateAt, p.StateReason = Planned, audit.ActorOf(ctx).Name, tx.NowFunc(), ""
		p.Calendar = p.setBy(p.StateBy, p.StateAt, "")
		p.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&p).Error; err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: p.TownID, Action: "period.create", Subject: "periods/" + p.Code, After: p})
	})
	return p, err
}

func checkPeriod(p Period) []fault.FieldError {
	var faults []fault.FieldError
	if !text.IsCode(p.Code) {
		faults = append(faults, fault.BadCode("/code"))
	}
	if p.StartsOn == "" || p.EndsOn < p.StartsOn {
		faults = append(faults, fault.Field("/ends_on", "ends_before_start", "结束日期早于开始日期", "it ends before it starts"))
	}
	return append(faults, p.check()...)
}

// holdTown makes others who plan a period of the town wait until tx ends: two
// overlapping ones must not miss each other.
func holdTown(tx *gorm.DB, code string) error {
	var held []town.Town
	return tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Select("code").Where("code = ?", code).Find(&held).Error
}

// refuseTaken keeps periods of one kind apart, so that "the period before" is
// always one, and their codes too.
func refuseTaken(tx *gorm.DB, p Period) error {
	var other Period
	err := tx.Where("town_id = ? AND (code = ? OR kind = ? AND starts_on <= ? AND ends_on >= ?)", p.TownID, p.Code, p.Kind, p.EndsOn, p.StartsOn).
		Order("starts_on, code").Limit(1).Find(&other).Error
	if err != nil || other.Code == "" {
		return err
	}
	held := other.Lock()
	held.CanLift = fault.Nobody
	if other.Kind != p.Kind || other.StartsOn > p.EndsOn || other.EndsOn < p.StartsOn { // only the code is the same
		return fault.Conflict("already_exists", "已有代码为 %s 的考评周期：请换一个代码", "there is a period %s already: choose another code", p.Code).Held(held)
	}
	return fault.Conflict("overlapping_period",
		"与考评周期 %s 的日期重叠：请换一段日期", "its days overlap those of the period %s: choose others", other.Code).Held(held)
}
