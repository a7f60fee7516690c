package improve

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// ItemState is where an item of an approved plan stands.
type ItemState string

// The states of an item. A dropped one is in the approved version no more.
const (
	ItemOpen     ItemState = "open"
	ItemDone     ItemState = "done"
	ItemVerified ItemState = "verified"
	ItemReturned ItemState = "returned"
	ItemClosed   ItemState = "closed"
	ItemDropped  ItemState = "dropped"
)

// PlanItem is an item of an approved plan, and how far it is.
type PlanItem struct {
	TownID     string `gorm:"primaryKey" json:"-"`
	PlanID     string `json:"plan" format:"uuid"`
	BranchCode string `json:"branch" example:"b07"`
	Position   int64  `json:"position"` // in the plan, from 1
	PlannedItem
	State       ItemState  `json:"state" swaggertype:"string" enums:"open,done,verified,returned,closed,dropped"`
	Evidence    string     `json:"evidence,omitempty"` // that it is done
	DoneBy      string     `json:"done_by,omitempty"`
	StateBy     string     `json:"state_by" example:"instructor-1"`
	StateAt     time.Time  `json:"state_at"`
	StateReason string     `json:"state_reason,omitempty"`
	ClosedAt    *time.Time `json:"closed_at,omitempty"`
	Relapses    int64      `json:"relapses"` // how often it was closed and came back
	History     []ItemMove `gorm:"-" json:"history,omitempty"`
	Allowed     []string   `gorm:"-" json:"allowed"`
	database.Versioned
}

// ItemMove is one step of an item, kept for ever under the version that it made.
type ItemMove struct {
	TownID   string      `gorm:"primaryKey" json:"-"`
	ItemID   string      `gorm:"primaryKey" json:"-"`
	Version  int64       `gorm:"primaryKey" json:"version"`
	Verb     string      `json:"verb" enums:"done,verify,return,close,relapse"`
	At       time.Time   `json:"at"`
	Actor    string      `json:"by" example:"instructor-1"`
	Role     people.Role `json:"role" swaggertype:"string" example:"instructor"`
	Reason   string      `json:"reason,omitempty"`
	Evidence string      `json:"evidence,omitempty"`

	PeriodCode        *string `json:"period,omitempty" example:"2023Q3"` // of a relapse: the result that shows it
	PublicationNumber *int64  `json:"publication,omitempty"`
	Closing           *int64  `json:"closing,omitempty"` // of a relapse: the version that the closing had made
}

// TableName is the table of the moves of items.
func (ItemMove) TableName() string { return "plan_item_moves" }

var itemNoun = text.Text{ZH: "提升事项", EN: "plan item"}

// itemMoves is the life of an item.
var itemMoves = workflow.Machine[ItemState, workflow.Free]{
	{Verb: "done", From: []ItemState{ItemOpen, ItemReturned}, To: ItemDone, Action: people.WritePlans},
	{Verb: "verify", From: []ItemState{ItemDone}, To: ItemVerified, Action: people.VerifyPlans},
	{Verb: "return", From: []ItemState{ItemDone}, To: ItemReturned, Action: people.VerifyPlans, Reason: true},
	{Verb: "return", From: []ItemState{ItemVerified}, To: ItemReturned, Action: people.ApprovePlans, Reason: true},
	{Verb: "close", From: []ItemState{ItemVerified}, To: ItemClosed, Action: people.ApprovePlans},
}

// stand is who brought the item where it stands.
func (i PlanItem) stand() workflow.Standing {
	return workflow.Standing{By: i.StateBy, At: i.StateAt, Reason: i.StateReason, CanLift: string(people.LeadingGroup)}
}

// workable reports whether the item can move: while its plan runs, and after a
// relapse whatever became of the plan.
func (i PlanItem) workable(p Plan) bool {
	return p.State == PlanRunning || p.State == PlanReturned || i.Relapses > 0
}

// allowed leaves out deciding about a branch that the caller leads, and verifying
// what one has done.
func (v planViewer) allowedItem(p Plan, i PlanItem) []string {
	if v.led[i.BranchCode] || !i.workable(p) {
		return []string{}
	}
	verbs := itemMoves.Allowed(v.Principal, i.State, i.stand())
	return slices.DeleteFunc(verbs, func(verb string) bool { return verb == "verify" && i.DoneBy == v.Name() })
}

// items are those of the plan, in its order.
func (v planViewer) items(ctx context.Context, db *gorm.DB, p Plan) ([]PlanItem, error) {
	var list []PlanItem
	err := db.WithContext(ctx).Where("town_id = ? AND plan_id = ?", p.TownID, p.ID).Order("position, id").Find(&list).Error
	for i := range list {
		list[i].Allowed = v.allowedItem(p, list[i])
	}
	return list, err
}

// FindPlanItem gives one item of an approved plan with its history, if the caller may
// read the plans of its branch.
func FindPlanItem(ctx context.Context, db *gorm.DB, townID, id string) (PlanItem, error) {
	v, err := planViewerOf(ctx, db, townID)
	if err != nil {
		return PlanItem{}, err
	}
	i, _, err := v.findItem(ctx, db, townID, id)
	return i, err
}

func (v planViewer) findItem(ctx context.Context, db *gorm.DB, townID, id string) (PlanItem, Plan, error) {
	var i PlanItem
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&i).Error
	if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && !v.reach.Has(i.BranchCode) {
		return i, Plan{}, fault.Missing(itemNoun, id)
	}
	if err != nil {
		return i, Plan{}, err
	}
	var p Plan
	if err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, i.PlanID).Take(&p).Error; err != nil {
		return i, p, err
	}
	i.Allowed = v.allowedItem(p, i)
	err = db.WithContext(ctx).Where("town_id = ? AND item_id = ?", townID, id).Order("version").Find(&i.History).Error
	return i, p, err
}

// syncItems makes the items those of the document that is approved now. Those that
// are in it already stay where they are; those gone are dropped.
func (p Plan) syncItems(ctx context.Context, tx *gorm.DB) error {
	var there []PlanItem
	if err := tx.WithContext(ctx).Where("town_id = ? AND plan_id = ?", p.TownID, p.ID).Find(&there).Error; err != nil {
		return err
	}
	who := people.Caller(ctx).Name()
	for n, planned := range p.Document.V.Items {
		at := slices.IndexFunc(there, func(i PlanItem) bool { return i.ID == planned.ID })
		if at < 0 {
			i := PlanItem{
				TownID: p.TownID, PlanID: p.ID, BranchCode: p.BranchCode, Position: int64(n + 1), PlannedItem: planned,
				State: ItemOpen, StateBy: who, StateAt: tx.NowFunc(), Versioned: database.Versioned{Version: 1},
			}
			if err := tx.Create(&i).Error; err != nil {
				return err
			}
			continue
		}
		change := map[string]any{
			"position": n + 1, "value_goal": planned.ValueGoal, "score_goal": planned.ScoreGoal, "points": planned.Points, "measure": planned.Measure,
			"action": planned.Action, "owner_kind": planned.Owner.Kind, "owner_code": planned.Owner.Code, "due_on": planned.DueOn, "cost": planned.Cost,
		}
		if err := database.UpdateVersioned(tx, &PlanItem{TownID: p.TownID, PlannedItem: PlannedItem{ID: planned.ID}}, there[at].Version, change); err != nil {
			return err
		}
	}
	for _, i := range there {
		if _, kept := p.Document.V.find(i.ID); kept || i.State == ItemDropped {
			continue
		}
		change := map[string]any{"state": ItemDropped, "state_by": who, "state_at": tx.NowFunc()}
		if err := database.UpdateVersioned(tx, &PlanItem{TownID: p.TownID, PlannedItem: PlannedItem{ID: i.ID}}, i.Version, change); err != nil {
			return err
		}
	}
	return nil
}

// MovePlanItem takes an item to another state: the secretary says by evidence that it
// is done, the paired instructor, who is not the same person, verifies or returns it,
// and the leading group closes it (销号).
func MovePlanItem(ctx context.Context, db *gorm.DB, townID, id string, version int64, to ItemState, reason, evidence string) (PlanItem, error) {
	var after PlanItem
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := planViewerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		before, p, err := v.findItem(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		mv, err := itemMoves.Find(v.Principal, before.State, to, before.stand(), reason)
		if err != nil {
			return err
		}
		if err := v.refuseItem(ctx, tx, p, before, mv, to, evidence); err != nil {
			return err
		}
		change := map[string]any{"state": to, "state_by": v.Name(), "state_at": tx.NowFunc(), "state_reason": reason, "closed_at": nil}
		switch to {
		case ItemDone:
			change["done_by"], change["evidence"] = v.Name(), evidence
		case ItemClosed:
			change["closed_at"] = tx.NowFunc()
		}
		if err := database.UpdateVersioned(tx, &PlanItem{TownID: townID, PlannedItem: PlannedItem{ID: id}}, version, change); err != nil {
			return err
		}
		step := ItemMove{TownID: townID, ItemID: id, Version: version + 1, Verb: mv.Verb, At: tx.NowFunc(), Actor: v.Name(), Role: v.Role, Reason: reason, Evidence: evidence}
		if err := tx.Create(&step).Error; err != nil {
			return err
		}
		if after, _, err = v.findItem(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "plan-item." + mv.Verb, Subject: "plans/" + p.ID + "/items/" + id, Before: before, After: after, Reason: reason})
	})
	return after, err
}

// refuseItem says what besides state and role stands in the way of the move.
func (v planViewer) refuseItem(ctx context.Context, tx *gorm.DB, p Plan, i PlanItem, mv workflow.Move[ItemState, workflow.Free], to ItemState, evidence string) error {
	switch {
	case !i.workable(p):
		return workflow.Conflict(p.stand(), "plan_not_running", text.F("方案尚未启动或已结束：请先启动", "the plan does not run: start it first"))
	case to == ItemDone && evidence == "":
		return fault.Broken(fault.At("/evidence", "evidence_needed", text.F("请填写完成佐证", "say what shows that it is done")))
	case to != ItemDone && evidence != "":
		return fault.Broken(fault.At("/evidence", "evidence_refused", text.F("只有报告完成时才填写佐证", "evidence is given with done only")))
	case to == ItemVerified && i.DoneBy == v.Name():
		return fault.New(fault.Forbidden, "own_work", text.F("不能核验自己报告完成的事项", "nobody verifies what he or she has done"))
	case mv.Action == people.ApprovePlans:
		return refuseLed(ctx, tx, p.TownID, p.BranchCode)
	}
	return nil
}

// FindItemOf is FindPlanItem for an item that must be of the plan.
func FindItemOf(ctx context.Context, db *gorm.DB, townID, plan, id string) (PlanItem, error) {
	i, err := FindPlanItem(ctx, db, townID, id)
	if err == nil && i.PlanID != plan {
		return PlanItem{}, fault.Missing(itemNoun, id)
	}
	return i, err
}
