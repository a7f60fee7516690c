package plan

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/improve"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
	"bulwark/pkg/composite/stats"
)

// ItemState is the state of an item of an approved plan.
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

var itemTitles = workflow.Titles[ItemState]{
	ItemOpen:     {ZH: "进行中", EN: "open"},
	ItemDone:     {ZH: "已报完成", EN: "done"},
	ItemVerified: {ZH: "已核验", EN: "verified"},
	ItemReturned: {ZH: "已退回", EN: "returned"},
	ItemClosed:   {ZH: "已销号", EN: "closed"},
	ItemDropped:  {ZH: "已取消", EN: "dropped"},
}

// Title returns the name of the state.
func (s ItemState) Title() text.Text { return itemTitles.Of(s) }

// Item is an item of an approved plan, and how far it is.
type Item struct {
	TownID     string `gorm:"primaryKey" json:"-"`
	PlanID     string `json:"plan" format:"uuid"`
	BranchCode string `json:"branch" example:"b07"`
	Position   int64  `json:"position"` // in the plan, from 1
	PlannedItem
	State       ItemState  `json:"state"`
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
} // @name PlanItem

// TableName is the table of items.
func (Item) TableName() string { return "plan_items" }

// ItemMove is one step of an item.
type ItemMove struct {
	workflow.Transition
	itemExtra
}

type itemExtra struct {
	Evidence          string  `json:"evidence,omitempty"`
	PeriodCode        *string `json:"period,omitempty" example:"2023Q3"` // of a relapse: the result that shows it
	PublicationNumber *int64  `json:"publication,omitempty"`
	Withdrawn         bool    `json:"withdrawn,omitempty,omitzero"` // that publication was taken back since: the item need not have relapsed
	Closing           *int64  `json:"closing,omitempty"`            // of a relapse: the version that the closing had made
	// of a relapse; relative: by the same rules as the plan's own result, fitted to other values
	Ruler index.Ruler `json:"ruler,omitempty" swaggertype:"string" enums:"same,relative"`
}

// itemReader is a caller who reads or changes items.
type itemReader struct {
	access.Caller
	plans map[string]Plan // of the items at hand
}

func newItemReader(ctx context.Context, db *gorm.DB, townID string) (*itemReader, error) {
	v, err := access.CallerOf(ctx, db, townID, policy.ReadPlans, policy.ApprovePlans)
	return &itemReader{Caller: v}, err
}

type (
	itemRules = []workflow.Rule[Item, *itemReader]
	itemVerbs = []workflow.Verb[Item, ItemState, *itemReader]
)

// items is the life of an item: the secretary shows by evidence that it is done, the
// paired instructor, who is not the same person, verifies or returns it, and the
// leading group closes it (销号). It relapses by itself.
var items = workflow.Kind[Item, ItemState, *itemReader]{
	Noun: text.Text{ZH: "提升事项", EN: "plan item"}, Name: "plan-item", Titles: itemTitles, Reader: newItemReader,
	Verbs: itemVerbs{
		{
			Name: "done", From: []ItemState{ItemOpen, ItemReturned}, To: ItemDone, Action: policy.WritePlans,
			When: itemRules{workable},
		},
		{
			Name: "attach", From: []ItemState{ItemOpen, ItemReturned}, Action: policy.WritePlans, Silent: true,
			When: itemRules{workable},
		},
		{
			Name: "verify", From: []ItemState{ItemDone}, To: ItemVerified, Action: policy.VerifyPlans,
			When: itemRules{workable, notOwnWork},
		},
		{
			Name: "return", From: []ItemState{ItemDone}, To: ItemReturned, Action: policy.VerifyPlans, Reason: true,
			When: itemRules{workable},
		},
		{
			Name: "return", From: []ItemState{ItemVerified}, To: ItemReturned, Action: policy.ApprovePlans, Reason: true,
			Who: itemRules{itemNotLed}, When: itemRules{workable},
		},
		{
			Name: "close", From: []ItemState{ItemVerified}, To: ItemClosed, Action: policy.ApprovePlans,
			Who: itemRules{itemNotLed}, When: itemRules{workable},
		},
		{Name: "relapse", From: []ItemState{ItemClosed}, To: ItemOpen, Reason: true},
	},
}.Checked()

// Ref names the item.
func (i Item) Ref() workflow.Ref {
	return workflow.Ref{Town: i.TownID, ID: i.ID, Version: i.Version}
}

var itemNotLed = workflow.NotTied[Item, *itemReader]

// AboutBranch returns the code of the branch.
func (i Item) AboutBranch() string { return i.BranchCode }

// State returns where the item is, and who brought it there.
func (v *itemReader) State(i Item) (ItemState, fault.Lock) {
	return i.State, fault.Lock{By: i.StateBy, At: i.StateAt, Reason: i.StateReason, CanLift: string(policy.LeadingGroup)}
}

// Show returns the item with what the caller can do.
func (v *itemReader) Show(i Item, allowed []string) Item {
	i.Allowed = allowed
	return i
}

// itemMovers are the roles that bring an item into its states, as far as a state says.
var itemMovers = map[ItemState]policy.Role{
	ItemOpen: policy.LeadingGroup, ItemDone: policy.Secretary, ItemVerified: policy.Instructor,
	ItemReturned: policy.Instructor, ItemClosed: policy.LeadingGroup, ItemDropped: policy.LeadingGroup,
}

// Tell returns the item with roles in place of names, where the caller may not read people.
func (v *itemReader) Tell(i Item) Item {
	i.StateBy, i.DoneBy = v.Told(i.StateBy, itemMovers[i.State]), v.Told(i.DoneBy, policy.Secretary)
	for n, m := range i.History {
		i.History[n].Actor = v.Told(m.Actor, m.Role)
	}
	return i
}

// Audit returns the whole item.
func (v *itemReader) Audit(i Item, _ string) (string, any) {
	return "plans/" + i.PlanID + "/items/" + i.ID, i
}

// workable refuses while the plan does not run, but for what relapsed, whatever became
// of the plan.
func workable(v *itemReader, i Item) error {
	if p := v.plans[i.PlanID]; p.State != Running && p.State != Returned && i.Relapses == 0 {
		return fault.Conflict("plan_not_running", "方案尚未启动或已结束：请先启动", "the plan is not started or has ended: start it first").Held(p.lock())
	}
	return nil
}

func notOwnWork(v *itemReader, i Item) error {
	if i.DoneBy == v.Name() {
		return fault.Forbidden("own_work", "不能核验自己报告完成的事项", "nobody verifies an item that he or she reported as done")
	}
	return nil
}

// Load reads the plans of the items.
func (v *itemReader) Load(ctx context.Context, db *gorm.DB, list []Item, depth workflow.Depth) (err error) {
	if v.plans == nil {
		ids := []string{""} // never an empty list
		for _, i := range list {
			ids = append(ids, i.PlanID)
		}
		var plans []Plan
		if err := db.WithContext(ctx).Where("town_id = ? AND id IN ?", list[0].TownID, ids).Find(&plans).Error; err != nil {
			return err
		}
		v.plans = map[string]Plan{}
		for _, p := range plans {
			v.plans[p.ID] = p
		}
	}
	if depth != workflow.ForOne {
		return nil
	}
	withdrawn, err := index.TakenBack(ctx, db, v.Town)
	for n := range list {
		if err != nil {
			return err
		}
		list[n].History, err = workflow.History[ItemMove](ctx, db, items.Name, list[n].Ref())
		for m, move := range list[n].History {
			list[n].History[m].Withdrawn = move.PublicationNumber != nil && withdrawn(*move.PeriodCode, *move.PublicationNumber)
		}
	}
	return err
}

// itemsOf returns the items of the plan, in its order.
func itemsOf(ctx context.Context, db *gorm.DB, v access.Caller, p Plan) ([]Item, error) {
	r := &itemReader{v, map[string]Plan{p.ID: p}}
	return items.List(ctx, db, r, db.WithContext(ctx).Where("town_id = ? AND plan_id = ?", p.TownID, p.ID).
		Order("position, id"))
}

// syncItems stores the items of the document that is approved now. Those that are stored
// already keep their state; those that are not in it any more are dropped.
func (p Plan) syncItems(ctx context.Context, tx *gorm.DB) error {
	var there []Item
	if err := tx.WithContext(ctx).Where("town_id = ? AND plan_id = ?", p.TownID, p.ID).Find(&there).Error; err != nil {
		return err
	}
	who := access.PrincipalFrom(ctx).Name()
	for n, planned := range p.Document.V.Items {
		at := slices.IndexFunc(there, func(i Item) bool { return i.ID == planned.ID })
		if at < 0 {
			i := Item{
				TownID: p.TownID, PlanID: p.ID, BranchCode: p.BranchCode, Position: int64(n + 1), PlannedItem: planned,
				State: ItemOpen, StateBy: who, StateAt: tx.NowFunc(), Versioned: database.Versioned{Version: 1},
			}
			if err := tx.Create(&i).Error; err != nil {
				return err
			}
			continue
		}
		change := map[string]any{
			"position": n + 1, "value_goal": planned.ValueGoal, "score_goal": planned.ScoreGoal, "points": planned.Points,
			"measure": planned.Measure,
			"action":  planned.Action, "owner_kind": planned.Owner.Kind, "owner_code": planned.Owner.Code,
			"due_on": planned.DueOn, "cost": planned.Cost,
		}
		if err := database.UpdateVersioned(tx, &Item{TownID: p.TownID, PlannedItem: PlannedItem{ID: planned.ID}},
			there[at].Version, change); err != nil {
			return err
		}
	}
	for _, i := range there {
		if _, kept := p.Document.V.find(i.ID); kept || i.State == ItemDropped {
			continue
		}
		change := map[string]any{"state": ItemDropped, "state_by": who, "state_at": tx.NowFunc()}
		if err := database.UpdateVersioned(tx, &Item{TownID: p.TownID, PlannedItem: PlannedItem{ID: i.ID}}, i.Version,
			change); err != nil {
			return err
		}
	}
	return nil
}

// ItemDecision is where an item is taken.
type ItemDecision struct {
	To       ItemState
	Reason   string // needed to return it
	Evidence string // that it is done; needed then, and only then
}

// MoveItem takes an item to another state.
func MoveItem(ctx context.Context, db *gorm.DB, ref workflow.Ref, d ItemDecision) (Item, error) {
	return items.Move(ctx, db, ref, d.To, d.Reason, func(tx *gorm.DB, v *itemReader, _ Item) (workflow.Change, error) {
		columns := map[string]any{"state_by": v.Name(), "state_at": tx.NowFunc(), "state_reason": d.Reason, "closed_at": nil}
		switch {
		case d.To == ItemDone && d.Evidence == "":
			return workflow.Change{},
				fault.Broken(fault.Field("/evidence", "evidence_needed", "请填写完成佐证", "give evidence that the item is done"))
		case d.To != ItemDone && d.Evidence != "":
			return workflow.Change{}, fault.Broken(fault.Field("/evidence", "evidence_refused", "只有报告完成时才填写佐证",
				"evidence belongs only to an item that is done"))
		case d.To == ItemDone:
			columns["done_by"], columns["evidence"] = v.Name(), d.Evidence
		case d.To == ItemClosed:
			columns["closed_at"] = tx.NowFunc()
		}
		return workflow.Change{Columns: columns, Extra: itemExtra{Evidence: d.Evidence}}, nil
	})
}

// FindItem returns one item of the plan's approved version with its history, if the
// caller may read the plans of its branch.
func FindItem(ctx context.Context, db *gorm.DB, townID, plan, id string) (Item, error) {
	i, err := ReadItem(ctx, db, townID, id)
	if err == nil && i.PlanID != plan {
		return Item{}, fault.Missing(items.Noun, id)
	}
	return i, err
}

// ReadItem returns one item with its history, if the caller may read the plans of its branch.
func ReadItem(ctx context.Context, db *gorm.DB, townID, id string) (Item, error) {
	return items.Find(ctx, db, townID, id)
}

// Hold locks the item until tx ends, if the caller can attach evidence to it now.
func (i Item) Hold(ctx context.Context, tx *gorm.DB) error {
	_, err := items.Hold(ctx, tx, i.TownID, i.ID, "attach")
	return err
}

// ListItems returns the items in the state that the caller may read, at most so many, in the
// order of their making.
func ListItems(ctx context.Context, db *gorm.DB, townID string, state ItemState, limit int) ([]Item, error) {
	v, err := newItemReader(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	return items.List(ctx, db, v, db.WithContext(ctx).Where("town_id = ? AND state = ?", townID, state).Order("id").Limit(limit))
}

// fallen is a closed item whose indicator scores below the item's goal in a result
// that was first published after the closing.
type fallen struct {
	TownID, ID, PlanID, Indicator string
	Version                       int64
	PeriodCode                    string
	Number                        int64
	RunID, BaseRunID              string // of the result, and of the one that the plan starts from
	DueOn                         day.Date
	Score, ScoreGoal              float64
	// of the period among those after the plan's own that were first published after the closing, from
	// 1
	Place int64
}

// fallenItems selects them, in the order of the calendar: the indicator's score of each
// latest publication, for periods of the kind that the plan started from.
var fallenItems = `SELECT i.town_id, i.id, i.plan_id, i.indicator, i.version, i.due_on, q.code AS period_code, c.number, c.run_id, base.run_id AS base_run_id, n.score, i.score_goal,
	(SELECT COUNT(*) FROM periods o JOIN publications f ON f.town_id = o.town_id AND f.period_code = o.code AND ` + index.First("f") + `
	 WHERE o.town_id = i.town_id AND o.kind = q.kind AND o.starts_on > b.starts_on AND o.starts_on <= q.starts_on AND f.published_at > i.closed_at) AS place
FROM plan_items i
JOIN plans p ON p.town_id = i.town_id AND p.id = i.plan_id
JOIN periods b ON b.town_id = p.town_id AND b.code = p.period_code
JOIN publications base ON base.town_id = p.town_id AND base.period_code = p.period_code AND base.number = p.publication_number
JOIN periods q ON q.town_id = b.town_id AND q.kind = b.kind AND q.starts_on > b.starts_on
JOIN publications f ON f.town_id = q.town_id AND f.period_code = q.code AND ` + index.First("f") + ` AND f.published_at > i.closed_at
JOIN publications c ON c.town_id = q.town_id AND c.period_code = q.code
	AND ` + index.Last("c") + `
JOIN result_nodes n ON n.town_id = c.town_id AND n.run_id = c.run_id AND n.branch_code = i.branch_code AND n.node_code = i.indicator
WHERE i.state = @closed AND n.score < i.score_goal
ORDER BY i.town_id, q.starts_on, i.id`

// ReopenRelapsed reopens each closed item whose indicator has fallen below the item's
// goal in one of the next periods published after the closing, as many as the
// settings of the town have (反弹). A result by a scheme that scores otherwise than that of
// the plan reopens nothing: the goal is a score by another ruler. It returns how many it reopened; called again it
// finds nothing.
func ReopenRelapsed(ctx context.Context, db *gorm.DB) (int, error) {
	var list []fallen
	if err := db.WithContext(ctx).Raw(fallenItems, map[string]any{"closed": ItemClosed}).Scan(&list).Error; err != nil {
		return 0, err
	}
	var failed error
	done, seen := 0, map[[2]string]bool{}
	for _, f := range list {
		settings, err := improve.FindSettings(ctx, db, f.TownID)
		if err != nil {
			return done, err
		}
		if seen[[2]string{f.TownID, f.ID}] || f.Place > settings.Document.V.RelapsePeriods {
			continue
		}
		ruler, err := index.RulerOf(ctx, db, f.TownID, f.RunID, f.BaseRunID)
		if err != nil {
			return done, err
		}
		decimals, err := index.DecimalsOf(ctx, db, f.TownID, f.RunID)
		if err != nil {
			return done, err
		}
		if ruler == index.OtherScheme || stats.Round(f.Score, decimals) >= stats.Round(f.ScoreGoal, decimals) {
			continue // by another ruler, or as good as the goal in the figures that are published
		}
		seen[[2]string{f.TownID, f.ID}] = true
		if err := f.reopen(ctx, db, settings.Document.V, ruler); err != nil {
			failed = errors.Join(failed, err) // one that cannot be must not hold up the others
			continue
		}
		done++
	}
	return done, failed
}

// reopen moves the item back to open, with a step that names the closing. Its due day is
// that of a new item, if that is later: an item closed in time is not overdue because it
// relapsed.
func (f fallen) reopen(ctx context.Context, db *gorm.DB, s improve.Settings, ruler index.Ruler) error {
	why := text.F("考评周期 %[1]s 中“%[2]s”得 %.2[3]f 分，低于目标 %.2[4]f 分",
		"in the period %[1]s %[2]s scores %.2[3]f, below the goal of %.2[4]f",
		f.PeriodCode, f.Indicator, f.Score, f.ScoreGoal)
	if ruler == index.RelativeRuler {
		why.ZH += "（计分规则相同，但按各期数据重新拟合）"
		why.EN += " (by the same rules, fitted to the values of each period)"
	}
	reason := why.ZH + " / " + why.EN
	ref := workflow.Ref{Town: f.TownID, ID: f.ID, Version: f.Version}
	_, err := items.Apply(ctx, db, ref, "relapse", reason, func(tx *gorm.DB, _ *itemReader, _ Item) (workflow.Change, error) {
		return workflow.Change{
			Columns: map[string]any{
				"state_by": audit.ActorOf(ctx).Name, "state_at": tx.NowFunc(), "state_reason": reason,
				"closed_at": (*time.Time)(nil), "relapses": gorm.Expr("relapses + 1"),
				"due_on": max(f.DueOn, s.ItemDue(day.Of(tx.NowFunc()))),
			},
			Extra: itemExtra{PeriodCode: &f.PeriodCode, PublicationNumber: &f.Number, Closing: &f.Version, Ruler: ruler},
		}, nil
	})
	return err
}
