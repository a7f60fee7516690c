package exchange

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/workflow"
)

type caseMove = workflow.Move[CaseState, workflow.Free]

// caseMoves is the life of a case. Its branch writes it, the leading group reviews
// it before anybody else reads it, and can take back what it published.
var caseMoves = workflow.Machine[CaseState, workflow.Free]{
	{Verb: "edit", From: []CaseState{Draft, Returned}, Action: access.WriteCases},
	{Verb: "submit", From: []CaseState{Draft, Returned}, To: Submitted, Action: access.WriteCases},
	{Verb: "publish", From: []CaseState{Submitted}, To: Published, Action: access.ReviewCases},
	{Verb: "return", From: []CaseState{Submitted}, To: Returned, Action: access.ReviewCases, Reason: true},
	{Verb: "withdraw", From: []CaseState{Draft, Submitted, Returned}, To: Withdrawn, Action: access.WriteCases},
	{Verb: "retract", From: []CaseState{Published}, To: Withdrawn, Action: access.ReviewCases, Reason: true},
	{Verb: "renew", From: []CaseState{Published}, Action: access.WriteCases},
}

// stand names who brought the case where it stands.
func (c Case) stand() workflow.Standing {
	lock := fault.Lock{By: c.Author, At: c.CreatedAt, CanLift: string(access.LeadingGroup)}
	if n := len(c.History); n > 0 {
		last := c.History[n-1]
		lock.By, lock.At, lock.Reason = last.Actor, last.At, last.Reason
	}
	return workflow.Standing(lock)
}

// MoveCase submits, publishes, returns or withdraws a case. Publishing an edition
// takes the place of the one before.
func MoveCase(ctx context.Context, db *gorm.DB, townID, id string, version int64, to CaseState, reason string) (Case, error) {
	var after Case
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindCase(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		v, err := newViewer(ctx, tx, townID)
		if err != nil {
			return err
		}
		mv, err := caseMoves.Find(v.Principal, before.State, to, before.stand(), reason)
		if err != nil {
			return err
		}
		if err := v.refuse(before, mv, reason); err != nil {
			return err
		}
		change := map[string]any{"state": to}
		if to == Published {
			change["published_at"] = tx.NowFunc()
			if err := supersede(ctx, tx, before); err != nil {
				return err
			}
		}
		if err := database.UpdateVersioned(tx, &Case{TownID: townID, ID: id}, version, change); err != nil {
			return err
		}
		if err := before.moved(ctx, tx, version+1, mv.Verb, reason); err != nil {
			return err
		}
		if after, err = FindCase(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "case." + mv.Verb, Subject: "cases/" + id, Before: before.State, After: after.State, Reason: reason,
		})
	})
	return after, err
}

// supersede takes the published edition of the series off the list.
func supersede(ctx context.Context, tx *gorm.DB, c Case) error {
	var old []Case
	err := tx.WithContext(ctx).Where("town_id = ? AND series_id = ? AND state = ?", c.TownID, c.SeriesID, Published).Find(&old).Error
	if err != nil || len(old) == 0 {
		return err
	}
	err = database.UpdateVersioned(tx, &Case{TownID: c.TownID, ID: old[0].ID}, old[0].Version, map[string]any{"state": Superseded})
	if err != nil {
		return err
	}
	return old[0].moved(ctx, tx, old[0].Version+1, "supersede", "")
}

// moved keeps a step of the case.
func (c Case) moved(ctx context.Context, tx *gorm.DB, version int64, verb, reason string) error {
	p := access.Caller(ctx)
	return tx.Create(&CaseMove{
		TownID: c.TownID, CaseID: c.ID, Version: version, Verb: verb, At: tx.NowFunc(), Actor: p.Name(), Role: p.Role, Reason: reason,
	}).Error
}
