package evaluation

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// periodMoves is the life of a period. Publishing goes through package index,
// which says what is published.
var periodMoves = machine[PeriodState]{
	{Verb: "change", From: unlocked, Action: access.WritePeriods, Reason: true},
	{Verb: "open", From: []PeriodState{Planned, Review}, To: Open, Action: access.WritePeriods},
	{Verb: "review", From: []PeriodState{Open}, To: Review, Action: access.WritePeriods},
	{Verb: "unlock", From: []PeriodState{Locked}, To: Review, Action: access.WritePeriods, Reason: true},
	{Verb: "lock", From: []PeriodState{Review}, To: Locked, Action: access.WritePeriods},
	{Verb: "publish", From: []PeriodState{Locked}, To: Published, Action: access.WritePeriods},
	{Verb: "finalise", From: []PeriodState{Published}, To: Final, Action: access.WritePeriods},
}

// MovePeriod takes the period to another state. The moves to Published and Final
// belong to package index, which knows runs and appeals; anyone else is refused here.
func MovePeriod(ctx context.Context, db *gorm.DB, townID, code string, version int64, to PeriodState, reason string) (Period, error) {
	if to == Published || to == Final {
		return Period{}, refuseShortcut(ctx, db, townID, code, to)
	}
	return movePeriod(ctx, db, townID, code, version, to, reason, false)
}

// refuseShortcut says how a period becomes what only package index makes it.
func refuseShortcut(ctx context.Context, db *gorm.DB, townID, code string, to PeriodState) error {
	p, err := FindPeriod(ctx, db, townID, code)
	if err != nil {
		return err
	}
	if to == Published {
		return workflow.Conflict(p.stand(), "publish_a_run", text.F("请通过发布计算批次来公布", "a period is published by publishing one of its runs"))
	}
	return workflow.Conflict(p.stand(), "finalise_a_result", text.F("请通过办结公示来定为最终", "a period is made final by closing its public notice"))
}

// LockPeriod locks a period under review by force: sheets and adjustments on
// which nobody decided are left out. It needs a reason.
func LockPeriod(ctx context.Context, db *gorm.DB, townID, code string, version int64, reason string) (Period, error) {
	if reason == "" {
		return Period{}, fault.Broken(fault.Field("/reason", "reason_needed", "强制锁定须说明理由", "say why those on which nobody decided are left out"))
	}
	return movePeriod(ctx, db, townID, code, version, Locked, reason, true)
}

// PublishPeriod moves a locked period to Published, in the transaction that
// stores the publication.
func PublishPeriod(ctx context.Context, tx *gorm.DB, townID, code string, version int64, reason string) (Period, error) {
	return movePeriod(ctx, tx, townID, code, version, Published, reason, false)
}

// FinalisePeriod moves a published period to Final, in the transaction that found
// its notice closed and its appeals decided.
func FinalisePeriod(ctx context.Context, tx *gorm.DB, townID, code string, version int64, reason string) (Period, error) {
	return movePeriod(ctx, tx, townID, code, version, Final, reason, false)
}

func movePeriod(ctx context.Context, db *gorm.DB, townID, code string, version int64, to PeriodState, reason string, force bool) (Period, error) {
	caller := access.Caller(ctx)
	var after Period
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := lockPeriod(ctx, tx, townID, code)
		if err != nil {
			return err
		}
		if _, err := periodMoves.Find(caller, before.State, to, before.stand(), reason); err != nil {
			return err
		}
		warnings, err := before.leaving(ctx, tx, to, force)
		if err != nil {
			return err
		}
		at, err := before.next(tx, to)
		if err != nil {
			return err
		}
		change := map[string]any{"state": to, "state_by": audit.ActorOf(ctx).Name, "state_at": at, "state_reason": reason}
		if err := database.UpdateVersioned(tx, &Period{TownID: townID, Code: code}, version, change); err != nil {
			return err
		}
		if after, err = FindPeriod(ctx, tx, townID, code); err != nil {
			return err
		}
		after.Warnings = warnings
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "period." + string(to), Subject: "periods/" + code,
			Before: before.State, After: after.State, Reason: reason,
		})
	})
	after = after.For(caller)
	if to == Locked { // of which nothing was computed yet
		after.Allowed = slices.DeleteFunc(after.Allowed, func(verb string) bool { return verb == "publish" })
	}
	return after, err
}
