package evaluation

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// CreatePeriod plans a period under the active version of its scheme, or under
// the version of the number where that is not 0. It takes the code of a cancelled period
// over, with what was begun there. StateReason says why; with force, which needs one,
// the period may last longer than its kind.
func CreatePeriod(ctx context.Context, db *gorm.DB, p Period, force bool) (_ Period, err error) {
	defer fault.Wrap(&err, "period %s", p.Code)
	if faults := checkPeriod(p, force); len(faults) > 0 {
		return Period{}, fault.Broken(faults...)
	}
	reason := p.StateReason
	err = database.InTx(ctx, db, func(tx *gorm.DB) (err error) {
		if p.Scheme, err = activeScheme(ctx, tx, p.TownID, p.Scheme); err != nil {
			return err
		}
		t, err := holdTown(ctx, tx, p.TownID)
		if err != nil {
			return err
		}
		if err := refuseTaken(tx, p); err != nil {
			return err
		}
		if err := p.refuseUnderFloor(ctx, tx); err != nil {
			return err
		}
		p.SecondPerson = t.SecondPerson
		p.State, p.StateBy, p.StateAt = Planned, audit.ActorOf(ctx).Name, tx.NowFunc()
		p.Calendar = p.setBy(p.StateBy, p.StateAt, "")
		p.Versioned = database.Versioned{Version: 1}
		var cancelled Period
		err = tx.Clauses(exclusive).Where("town_id = ? AND code = ?", p.TownID, p.Code).Limit(1).Find(&cancelled).Error
		if err != nil {
			return err
		}
		if cancelled.Code != "" { // refuseTaken lets no other state pass
			p.Versioned, err = cancelled.replace(ctx, tx, p, reason)
			return err
		}
		if err := tx.Create(&p).Error; err != nil {
			return err
		}
		made := workflow.Step{Ref: p.Ref(), Verb: "create"}
		if err := workflow.AddTransitions(ctx, tx, periodKind, reason, nil, made); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: p.TownID, Action: "period.create", Subject: "periods/" + p.Code, After: p, Reason: reason,
		})
	})
	return p, err
}

// replace plans a cancelled period anew as next, whose code is the same. Its history goes on.
func (p Period) replace(ctx context.Context, tx *gorm.DB, next Period, reason string) (database.Versioned, error) {
	if _, err := periods.Do(periodActor{access.PrincipalFrom(ctx)}, p, planning, cmp.Or(reason, p.StateReason)); err != nil {
		return p.Versioned, err
	}
	columns := next.columns()
	maps.Copy(columns, next.outline())
	maps.Copy(columns, map[string]any{
		"second_person": next.SecondPerson, "state": next.State, "state_by": next.StateBy, "state_reason": reason,
		"state_at": Following(p.StateAt, next.StateAt), "created_at": next.StateAt,
	})
	after, err := storePeriod(ctx, tx, p.Ref(), planning, reason, columns)
	if err != nil {
		return p.Versioned, err
	}
	return after.Versioned, audit.Write(ctx, tx, audit.Change{
		Town: p.TownID, Action: "period." + string(Planned), Subject: "periods/" + p.Code, Before: p, After: after, Reason: reason,
	})
}

// outline is what a period is planned with, besides its calendar, as UpdateVersioned takes it.
func (p Period) outline() map[string]any {
	return map[string]any{
		"kind": p.Kind, "starts_on": p.StartsOn, "ends_on": p.EndsOn,
		"scheme_code": p.Scheme.Code, "scheme_number": p.Scheme.Number,
	}
}

// activeScheme returns the active version of the scheme; it refuses another number than 0 or that.
func activeScheme(ctx context.Context, tx *gorm.DB, townID string, r scheme.Ref) (scheme.Ref, error) {
	active, err := scheme.FindActive(ctx, tx, townID, r.Code)
	if fault.Is(err, fault.KindNotFound) || err == nil && r.Number != 0 && r.Number != active.Number {
		return r, fault.Broken(fault.Field("/scheme", "scheme_not_active",
			"没有已启用的指标体系“%s”", "no active version of the scheme %q", r.Code))
	}
	return scheme.Ref{Code: active.Code, Number: active.Number}, err
}

// longestOf is how many days a period of a kind can have.
var longestOf = map[string]int{"quarter": 92, "half_year": 184, "year": 366}

func checkPeriod(p Period, force bool) []fault.FieldError {
	var faults []fault.FieldError
	if !text.IsCode(p.Code) {
		faults = append(faults, fault.BadCode("/code"))
	}
	switch most := longestOf[p.Kind]; {
	case p.StartsOn == "" || p.EndsOn < p.StartsOn:
		faults = append(faults, fault.Field("/ends_on", "ends_before_start", "结束日期早于开始日期", "it ends before it starts"))
	case most == 0 || p.EndsOn < p.StartsOn.AddDays(most):
	case !force:
		faults = append(faults, fault.Field("/ends_on", "too_long",
			"此类考评周期最长 %d 天：请核对日期，确需更长的请说明理由并强制确认",
			"a period of this kind has at most %d days: check the days, or insist with force and a reason", most))
	case p.StateReason == "":
		faults = append(faults, fault.Field("/reason", "reason_needed",
			"考评周期超过此类最长天数，须说明理由", "give a reason for a period that is longer than its kind"))
	}
	return append(faults, p.check()...)
}

// holdTown makes others who plan a period of the town wait until tx ends: two
// overlapping ones must not miss each other.
func holdTown(ctx context.Context, tx *gorm.DB, code string) (town.Town, error) {
	return town.Find(ctx, tx.Clauses(exclusive), code)
}

// refuseTaken keeps periods of one kind apart, so that "the period before" is
// always one, and the codes of new ones too. Cancelled ones are in nobody's way.
func refuseTaken(tx *gorm.DB, p Period) error {
	var other Period
	q := tx.Where("town_id = ? AND state <> ? AND (lower(code) = ? OR kind = ? AND starts_on <= ? AND ends_on >= ?)",
		p.TownID, Cancelled, text.CodeKey(p.Code), p.Kind, p.EndsOn, p.StartsOn)
	if p.Version > 0 { // it is not in its own way
		q = q.Where("code <> ?", p.Code)
	}
	err := q.Order("starts_on, code").Limit(1).Find(&other).Error
	if err != nil || other.Code == "" {
		return err
	}
	held := other.Lock()
	held.CanLift = fault.Nobody
	if slices.Contains([]PeriodState{Planned, Open}, other.State) { // until something is approved
		held.CanLift = string(policy.LeadingGroup)
	}
	if other.Kind != p.Kind || other.StartsOn > p.EndsOn || other.EndsOn < p.StartsOn { // only the code is the same
		return fault.Conflict("already_exists",
			"已有代码为 %s 的考评周期：请换一个代码", "there is a period %s already: choose another code", other.Code).Held(held)
	}
	return fault.Conflict("overlapping_period",
		"与考评周期 %s 的日期重叠：请换一段日期", "its days overlap those of the period %s: choose others", other.Code).Held(held)
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
			faults = append(faults, fault.Field(pair.pointer, "ends_before_start",
				"不能早于 %s", "it cannot be before %s", *pair.first))
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

// setBy returns the calendar with who set it, when and why.
func (c Calendar) setBy(name string, at time.Time, reason string) Calendar {
	c.WindowBy, c.WindowAt, c.WindowReason = name, &at, reason
	return c
}

// columns are the calendar as UpdateVersioned takes it.
func (c Calendar) columns() map[string]any {
	return map[string]any{
		"entry_from": c.EntryFrom, "entry_until": c.EntryUntil, "review_until": c.ReviewUntil,
		"notice_days": c.NoticeDays, "answer_days": c.AnswerDays,
		"window_by": c.WindowBy, "window_at": c.WindowAt, "window_reason": c.WindowReason,
	}
}

// PeriodChange is what is corrected of a period. The calendar is replaced as a whole; of the rest
// what is empty stays.
type PeriodChange struct {
	Calendar         Calendar
	Kind             string
	StartsOn, EndsOn day.Date
	Scheme           scheme.Ref // the active version, as in CreatePeriod
	Force            bool       // longer than its kind
	Reason           string
}

// of returns the period as it becomes.
func (c PeriodChange) of(p Period) Period {
	p.Calendar, p.StateReason = c.Calendar, c.Reason
	p.Kind, p.StartsOn, p.EndsOn = cmp.Or(c.Kind, p.Kind), cmp.Or(c.StartsOn, p.StartsOn), cmp.Or(c.EndsOn, p.EndsOn)
	return p
}

// UpdatePeriod changes the calendar of a period that is not locked yet, and the rest of it
// while nothing is approved: kind and days of one that is planned or open, the scheme until the
// lock. Another scheme returns what is submitted. The trail keeps the period before and after
// and the reason, which must be given.
func UpdatePeriod(
	ctx context.Context, db *gorm.DB, ref workflow.Ref, c PeriodChange,
) (after Period, err error) {
	defer fault.Wrap(&err, "period %s", ref.ID)
	if faults := c.Calendar.check(); len(faults) > 0 {
		return Period{}, fault.Broken(faults...)
	}
	caller := access.PrincipalFrom(ctx)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if _, err := holdTown(ctx, tx, ref.Town); err != nil {
			return err
		}
		before, err := lockPeriod(ctx, tx, ref.Town, ref.ID)
		if err != nil {
			return err
		}
		if _, err := periods.Do(periodActor{caller}, before, "change", c.Reason); err != nil {
			return err
		}
		next := c.of(before)
		if err := next.refuseUnderFloor(ctx, tx); err != nil {
			return err
		}
		next.Calendar = c.Calendar.setBy(audit.ActorOf(ctx).Name, tx.NowFunc(), c.Reason)
		columns := next.columns()
		if c.Scheme.Code != "" && c.Scheme != before.Scheme {
			if next.Scheme, err = activeScheme(ctx, tx, ref.Town, c.Scheme); err != nil {
				return err
			}
		}
		if err := before.becomes(ctx, tx, next, c.Force); err != nil {
			return err
		}
		maps.Copy(columns, next.outline())
		if after, err = storePeriod(ctx, tx, ref, "change", c.Reason, columns); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: ref.Town, Action: "period.change", Subject: "periods/" + ref.ID,
			Before: before, After: after, Reason: c.Reason,
		})
	})
	if err != nil {
		return after, err
	}
	one := []Period{after.For(caller)}
	err = WithholdLock(ctx, db, one)
	return one[0], err
}

// becomes refuses to change what the period is planned with where that is too late or next
// cannot be; what was submitted under another scheme is returned.
func (p Period) becomes(ctx context.Context, tx *gorm.DB, next Period, force bool) error {
	moved := next.Kind != p.Kind || next.StartsOn != p.StartsOn || next.EndsOn != p.EndsOn
	if !moved && next.Scheme == p.Scheme {
		return nil
	}
	if moved && p.State == Review {
		return fault.Conflict("in_review", "考评周期已进入审核，不能更改类型和起止日期：请先恢复填报",
			"the period is under review: open it again before its kind and days are changed").Held(p.Lock())
	}
	if err := p.refuseApproved(ctx, tx); err != nil {
		return err
	}
	if moved {
		if faults := checkPeriod(next, force); len(faults) > 0 {
			return fault.Broken(faults...)
		}
		if err := refuseTaken(tx, next); err != nil {
			return err
		}
	}
	if next.Scheme == p.Scheme {
		return nil
	}
	return p.returnWaiting(ctx, tx, next.StateReason)
}

// approvedIn are the periods of the codes of which a sheet or an adjustment is approved.
const approvedIn = `SELECT period_code FROM evaluations WHERE town_id = @town AND period_code IN @codes AND state = @approved
UNION SELECT period_code FROM adjustments WHERE town_id = @town AND period_code IN @codes AND state = @approved`

// anyApproved returns the codes of those of the periods of which something is approved.
func anyApproved(ctx context.Context, db *gorm.DB, townID string, codes ...string) (list []string, err error) {
	err = db.WithContext(ctx).Raw(approvedIn, map[string]any{
		"town": townID, "codes": codes, "approved": string(Approved),
	}).Scan(&list).Error
	return list, err
}

// refuseApproved refuses what can be done only while nothing of the period is approved.
func (p Period) refuseApproved(ctx context.Context, tx *gorm.DB) error {
	list, err := anyApproved(ctx, tx, p.TownID, p.Code)
	if err != nil || len(list) == 0 {
		return err
	}
	return fault.Conflict("something_approved", "考评周期 %s 已有通过的考评表或加减分：请先退回考评表、驳回加减分",
		"sheets or adjustments of the period %s are approved: return and reject them first", p.Code).Held(p.Lock())
}

// withholdCancel removes cancel from what is allowed with the periods of which something is
// approved.
func withholdCancel(ctx context.Context, db *gorm.DB, periods []Period) error {
	var codes []string
	for _, p := range periods {
		if slices.Contains(p.Allowed, cancelling) {
			codes = append(codes, p.Code)
		}
	}
	if len(codes) == 0 {
		return nil
	}
	list, err := anyApproved(ctx, db, periods[0].TownID, codes...)
	for i := range periods {
		p := &periods[i]
		if slices.Contains(list, p.Code) {
			p.Allowed = slices.DeleteFunc(p.Allowed, func(verb string) bool { return verb == cancelling })
		}
	}
	return err
}

// returnWaiting returns the sheets of the period that are submitted and rejects its proposed
// adjustments: what they were written for changes.
func (p Period) returnWaiting(ctx context.Context, tx *gorm.DB, reason string) error {
	var submitted []Sheet
	err := tx.WithContext(ctx).Where("town_id = ? AND period_code = ? AND state = ?", p.TownID, p.Code, Submitted).
		Order("id").Find(&submitted).Error
	if err != nil {
		return err
	}
	decision := SheetDecision{To: Returned, Reason: reason}
	for _, s := range submitted {
		_, err := sheets.Apply(ctx, tx, s.Ref(), "return", reason,
			func(tx *gorm.DB, v *sheetReader, s Sheet) (workflow.Change, error) {
				return decision.change(tx, v, []Sheet{s})
			})
		if err != nil {
			return err
		}
	}
	var proposed []Adjustment
	err = tx.WithContext(ctx).Where("town_id = ? AND period_code = ? AND state = ?", p.TownID, p.Code, Proposed).
		Order("id").Find(&proposed).Error
	if err != nil {
		return err
	}
	for _, a := range proposed {
		_, err := adjustments.Apply(ctx, tx, a.Ref(), "reject", reason,
			func(tx *gorm.DB, v *adjustmentReader, _ Adjustment) (workflow.Change, error) {
				return v.decided(tx, reason), nil
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// storePeriod changes the columns of a period, if it still has the version, and adds the verb
// to its history.
func storePeriod(
	ctx context.Context, tx *gorm.DB, ref workflow.Ref, verb, reason string, columns map[string]any,
) (Period, error) {
	err := database.UpdateVersioned(tx, &Period{TownID: ref.Town, Code: ref.ID}, ref.Version, columns)
	if fault.Is(err, fault.KindStale) {
		return Period{}, workflow.Stale(ctx, tx, periodKind, ref)
	}
	if err != nil {
		return Period{}, err
	}
	ref.Version++
	if err := workflow.AddTransitions(ctx, tx, periodKind, reason, nil, workflow.Step{Ref: ref, Verb: verb}); err != nil {
		return Period{}, err
	}
	return FindPeriod(ctx, tx, ref.Town, ref.ID)
}

// PeriodMove is a request to take a period to another state.
type PeriodMove struct {
	To       PeriodState
	Reason   string
	Language string // of the warnings
	// needs a reason: with Locked, leave out the sheets and adjustments on which nobody decided; with Published, publish
	// although too few branches have a score or the period has not ended
	Force bool
	After time.Time // the move is later than this: a lock than the last run made before it
}

// MovePeriod takes the period to another state. It is package index that locks,
// publishes and makes final, since it knows runs and appeals: other callers are refused
// the last two here, and a lock of theirs may seem older than a run that came before it.
func MovePeriod(ctx context.Context, db *gorm.DB, ref workflow.Ref, m PeriodMove) (_ Period, err error) {
	defer fault.Wrap(&err, "period %s", ref.ID)
	if m.To == Published || m.To == Final {
		return Period{}, refuseShortcut(ctx, db, ref, m.To)
	}
	if m.To == Locked && m.Force && m.Reason == "" {
		return Period{}, fault.Broken(fault.Field("/reason", "reason_needed",
			"强制锁定须说明理由", "give a reason for leaving out sheets and adjustments that are not decided"))
	}
	return movePeriod(ctx, db, ref, m)
}

// refuseShortcut refuses moves that only package index makes.
func refuseShortcut(ctx context.Context, db *gorm.DB, ref workflow.Ref, to PeriodState) error {
	p, err := FindPeriod(ctx, db, ref.Town, ref.ID)
	if err != nil {
		return err
	}
	if to == Published {
		return fault.Conflict("publish_a_run",
			"请公布该周期的一个计算批次", "a period is published by publishing one of its runs").Held(p.Lock())
	}
	return fault.Conflict("finalise_a_result",
		"请办结该周期的公示，办结后即为最终", "a period is made final by closing its public notice").Held(p.Lock())
}

// PublishPeriod moves a locked period to Published, in the transaction that
// stores the publication.
func PublishPeriod(
	ctx context.Context, tx *gorm.DB, ref workflow.Ref, reason string,
) (Period, error) {
	return movePeriod(ctx, tx, ref, PeriodMove{To: Published, Reason: reason})
}

// RefusePublishing returns the refusal of PublishPeriod without doing anything.
func (p Period) RefusePublishing(ctx context.Context, tx *gorm.DB, version int64) error {
	if _, err := periods.Move(periodActor{access.PrincipalFrom(ctx)}, p, Published, ""); err != nil {
		return err
	}
	if version != p.Version {
		return workflow.Stale(ctx, tx, periodKind, workflow.Ref{Town: p.TownID, ID: p.Code, Version: version})
	}
	return nil
}

// WithdrawPeriod takes a published period back to Locked, in the transaction that withdrew
// its only publication: later than after, the time of its last run. Its branches stay
// those of its lock.
func WithdrawPeriod(ctx context.Context, tx *gorm.DB, p Period, reason string, after time.Time) error {
	verb, err := periods.Do(periodActor{access.PrincipalFrom(ctx)}, p, withdrawing, reason)
	if err != nil {
		return err
	}
	columns := map[string]any{
		"state": Locked, "state_by": audit.ActorOf(ctx).Name, "state_reason": reason,
		"state_at": Following(after, Following(p.StateAt, tx.NowFunc())),
	}
	if _, err := storePeriod(ctx, tx, p.Ref(), verb.Name, reason, columns); err != nil {
		return err
	}
	return audit.Write(ctx, tx, audit.Change{
		Town: p.TownID, Action: "period." + verb.Name, Subject: "periods/" + p.Code, Before: p.State, After: Locked,
		Reason: reason,
	})
}

// FinalisePeriod moves a published period to Final, in the transaction that found
// its notice closed and its appeals decided.
func FinalisePeriod(
	ctx context.Context, tx *gorm.DB, ref workflow.Ref, reason string,
) (Period, error) {
	return movePeriod(ctx, tx, ref, PeriodMove{To: Final, Reason: reason})
}

func movePeriod(ctx context.Context, db *gorm.DB, ref workflow.Ref, m PeriodMove) (after Period, err error) {
	caller := access.PrincipalFrom(ctx)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if m.To == Planned { // as in CreatePeriod
			if _, err := holdTown(ctx, tx, ref.Town); err != nil {
				return err
			}
		}
		before, err := lockPeriod(ctx, tx, ref.Town, ref.ID)
		if err != nil {
			return err
		}
		verb, err := periods.Move(periodActor{caller}, before, m.To, m.Reason)
		if err != nil {
			return err
		}
		warnings, err := before.leftBehind(ctx, tx, m)
		if err != nil {
			return err
		}
		columns := map[string]any{
			"state": m.To, "state_by": audit.ActorOf(ctx).Name, "state_reason": m.Reason,
			"state_at": Following(m.After, Following(before.StateAt, tx.NowFunc())),
		}
		if m.To == Open && before.State == Planned {
			if warnings, err = before.begin(ctx, tx, m.Language, columns); err != nil {
				return err
			}
		}
		switch m.To {
		case Cancelled:
			if err = before.refuseApproved(ctx, tx); err == nil {
				err = before.returnWaiting(ctx, tx, m.Reason)
			}
		case Planned:
			err = refuseTaken(tx, before)
		default:
			err = lockStructure(ctx, tx, before, m.To, columns)
		}
		if err != nil {
			return err
		}
		if after, err = storePeriod(ctx, tx, ref, verb.Name, m.Reason, columns); err != nil {
			return err
		}
		if m.To == Locked {
			changes, err := after.StructureWarnings(ctx, tx, m.Language)
			if err != nil {
				return err
			}
			warnings = append(warnings, changes...)
		}
		after.Warnings = warnings
		return audit.Write(ctx, tx, audit.Change{
			Town: ref.Town, Action: "period." + string(m.To), Subject: "periods/" + ref.ID,
			Before: before.State, After: after.State, Reason: m.Reason,
		})
	})
	after = after.For(caller)
	if m.To == Locked { // of which nothing was computed yet
		after.Allowed = slices.DeleteFunc(after.Allowed, func(verb string) bool { return verb == publishing })
	}
	if err != nil {
		return after, err
	}
	one := []Period{after}
	err = WithholdLock(ctx, db, one)
	return one[0], err
}

// Following returns the time of a step that follows another: now, or the time of that
// where the clock of the machine was moved back behind it.
func Following(step, now time.Time) time.Time {
	if now.Before(step) {
		return step
	}
	return now
}

// Warning is what a move of a period leaves behind.
type Warning struct {
	Code    string `json:"code" enums:"drafts_left,undecided_left_out,too_few_persons,retroactive_changes,changes_after_lock"`
	Count   int64  `json:"count"`
	Message string `json:"message"`
	// of branches, with the last two codes
	Changes []town.LaterChange `json:"changes,omitempty"`
}

// begin pins in the columns whether publications take two persons, and warns where fewer
// than two could make one.
func (p Period) begin(ctx context.Context, tx *gorm.DB, language string, columns map[string]any) ([]Warning, error) {
	t, err := town.Find(ctx, tx.Clauses(shared), p.TownID)
	if err != nil {
		return nil, err
	}
	columns["second_person"] = t.SecondPerson
	if t.SecondPerson != town.SecondRequired {
		return nil, nil
	}
	able, err := access.Deciders(ctx, tx, policy.DecideProposals, p.TownID, day.Of(tx.NowFunc()))
	if err != nil || len(able) >= 2 {
		return nil, err
	}
	return []Warning{TooFewPersons(int64(len(able)), language)}, nil
}

// TooFewPersons warns that n persons alone could publish or confirm what takes two, and
// names who can appoint another one.
func TooFewPersons(n int64, language string) Warning {
	return Warning{
		Code: "too_few_persons", Count: n,
		Message: text.F("公布须由两人完成，目前只有 %d 人有此权限：请由工作领导小组或管理员再聘任一名工作领导小组成员",
			"a publication takes two persons, but only %d can take part now: the leading group or an administrator can appoint another member of the leading group", n).In(language),
	}
}

// leftBehind returns what the move leaves behind. A lock is refused while something waits
// for a decision, unless by force.
func (p Period) leftBehind(ctx context.Context, tx *gorm.DB, m PeriodMove) ([]Warning, error) {
	if m.To != Review && m.To != Locked {
		return nil, nil
	}
	warnings, err := p.unfinished(ctx, tx, m.Language)
	if err != nil || m.To == Review || p.State != Review {
		return warnings, err
	}
	n, refusal, err := p.undecided(ctx, tx)
	switch {
	case err != nil:
		return nil, err
	case refusal != nil && !m.Force:
		return nil, refusal
	}
	if err := p.refuseContradictions(ctx, tx); err != nil {
		return nil, err
	}
	if n > 0 {
		warnings = append(warnings, Warning{
			Code: "undecided_left_out", Count: n,
			Message: text.F("%d 项未审批，不计入", "%d are not decided and do not count", n).In(m.Language),
		})
	}
	return warnings, nil
}

// undecidedItem is one sheet or adjustment that nobody has decided on.
type undecidedItem struct {
	ID         string
	BranchCode string
	By         string
	At         time.Time
	Reason     string // of a proposal
}

// maxListed is how many of those that wait a refusal names.
const maxListed = 100

// undecided refuses to lock a period while sheets or adjustments wait for a
// decision, and names them; nil where none does.
func (p Period) undecided(ctx context.Context, tx *gorm.DB) (n int64, refusal error, err error) {
	var sheets, adjustments []undecidedItem
	err = tx.WithContext(ctx).Model(&Sheet{}).Select("id, branch_code, evaluator_code AS by, submitted_at AS at").
		Where("town_id = ? AND period_code = ? AND state = ?", p.TownID, p.Code, Submitted).
		Order("submitted_at, id").Scan(&sheets).Error
	if err != nil {
		return 0, nil, err
	}
	err = tx.WithContext(ctx).Model(&Adjustment{}).Select("id, branch_code, proposed_by AS by, created_at AS at, reason").
		Where("town_id = ? AND period_code = ? AND state = ?", p.TownID, p.Code, Proposed).
		Order("created_at, id").Scan(&adjustments).Error
	if err != nil || len(sheets)+len(adjustments) == 0 {
		return 0, nil, err
	}
	code, first := "undecided_sheets", append(sheets, adjustments...)[0]
	if len(sheets) == 0 {
		code = "undecided_adjustments"
	}
	e := fault.Conflict(code,
		"尚有 %d 份考评表、%d 项加减分未审批：请先审批，或说明理由并强制锁定，未审批的不计入",
		"%d sheets and %d adjustments wait for a decision: decide on them, or lock by force with a reason, which leaves them out",
		len(sheets), len(adjustments))
	e = e.Held(fault.Lock{By: first.By, At: first.At, Reason: first.Reason, CanLift: string(policy.LeadingGroup)})
	for _, list := range []struct {
		path string
		of   []undecidedItem
	}{{"evaluations/", sheets}, {"adjustments/", adjustments}} {
		for _, w := range list.of[:min(len(list.of), maxListed)] {
			e = e.With(fault.Field(list.path+w.ID, "undecided", "%[1]s，%[2]s 提交", "%[1]s, by %[2]s", w.BranchCode, w.By))
		}
	}
	return int64(len(sheets) + len(adjustments)), e, nil
}

// unfinished warns of sheets that were begun or returned, and not submitted.
func (p Period) unfinished(ctx context.Context, tx *gorm.DB, language string) ([]Warning, error) {
	var n int64
	err := tx.WithContext(ctx).Model(&Sheet{}).
		Where("town_id = ? AND period_code = ? AND state IN ?", p.TownID, p.Code, []SheetState{Draft, Returned}).
		Count(&n).Error
	if err != nil || n == 0 {
		return nil, err
	}
	return []Warning{{
		Code: "drafts_left", Count: n,
		Message: text.F("%d 份考评表尚未提交，不计入", "%d sheets are not submitted and do not count", n).In(language),
	}}, nil
}
