package improve

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// PlanState is where a plan stands in its life, or a document of it in its own.
type PlanState string

// The states of a plan. Its document knows the first three of them: a plan that is
// approved or running can have a new document under way.
const (
	PlanDraft    PlanState = "draft"
	PlanAdvised  PlanState = "advised"
	PlanApproved PlanState = "approved"
	PlanRunning  PlanState = "running"
	PlanReturned PlanState = "returned"
	PlanAccepted PlanState = "accepted"
	PlanClosed   PlanState = "closed"
)

// Plan is how one branch is to improve (一村一策). A branch has one at a time that is
// not closed. Its document is what is being written, or what was approved last.
type Plan struct {
	TownID            string                      `gorm:"primaryKey" json:"-"`
	ID                string                      `gorm:"primaryKey" json:"id" format:"uuid"`
	BranchCode        string                      `json:"branch" example:"b07"`
	TargetID          *string                     `json:"target,omitempty" format:"uuid"` // the branch was a confirmed target when it was drafted
	PeriodCode        string                      `json:"period" example:"2023Q2"`        // whose published result it starts from
	PublicationNumber int64                       `json:"publication" example:"1"`
	Document          database.JSON[PlanDocument] `json:"document"`
	Stage             PlanState                   `json:"stage" swaggertype:"string" enums:"draft,advised,approved"` // of the document
	State             PlanState                   `json:"state" swaggertype:"string" enums:"draft,advised,approved,running,returned,accepted,closed"`
	ApprovedVersion   *int64                      `json:"approved_version,omitempty" example:"2"` // that holds now, whatever is being written
	ApprovedOn        *day.Date                   `json:"approved_on,omitempty" swaggertype:"string" format:"date"`
	ClosedOn          *day.Date                   `json:"closed_on,omitempty" swaggertype:"string" format:"date"`
	StateBy           string                      `json:"state_by" example:"group-1"`
	StateAt           time.Time                   `json:"state_at"`
	StateReason       string                      `json:"state_reason,omitempty"`
	Items             []PlanItem                  `gorm:"-" json:"items,omitempty"`   // of the approved version, in the answer about one
	History           []PlanMove                  `gorm:"-" json:"history,omitempty"` // in the answer about one
	Allowed           []string                    `gorm:"-" json:"allowed"`
	database.Versioned
}

// PlanMove is one step of a plan, kept for ever under the version that it made.
type PlanMove struct {
	TownID  string      `gorm:"primaryKey" json:"-"`
	PlanID  string      `gorm:"primaryKey" json:"-"`
	Version int64       `gorm:"primaryKey" json:"version"`
	Verb    string      `json:"verb" enums:"draft,redraft,write,advise,send_back,approve,start,return,resume,accept,close,abandon"`
	At      time.Time   `json:"at"`
	Actor   string      `json:"by" example:"group-1"`
	Role    access.Role `json:"role" swaggertype:"string" example:"leading_group"`
	Reason  string      `json:"reason,omitempty"` // of an advice: its text
}

var planNoun = text.Text{ZH: "提升方案", EN: "plan"}

type planMachine = workflow.Machine[PlanState, workflow.Free]

// documentMoves is the life of a document, planMoves that of the plan from its first
// approval on.
var (
	documentMoves = planMachine{
		{Verb: "write", From: []PlanState{PlanDraft, PlanAdvised, PlanApproved}, Action: access.WritePlans},
		{Verb: "redraft", From: []PlanState{PlanDraft, PlanAdvised}, Action: access.DraftPlans},
		{Verb: "advise", From: []PlanState{PlanDraft}, To: PlanAdvised, Action: access.AdvisePlans, Reason: true},
		{Verb: "send_back", From: []PlanState{PlanAdvised}, To: PlanDraft, Action: access.ApprovePlans, Reason: true},
		{Verb: "approve", From: []PlanState{PlanAdvised}, To: PlanApproved, Action: access.ApprovePlans},
	}
	planMoves = planMachine{
		{Verb: "start", From: []PlanState{PlanApproved}, To: PlanRunning, Action: access.WritePlans},
		{Verb: "return", From: []PlanState{PlanRunning}, To: PlanReturned, Action: access.ApprovePlans, Reason: true},
		{Verb: "resume", From: []PlanState{PlanReturned}, To: PlanRunning, Action: access.WritePlans},
		{Verb: "accept", From: []PlanState{PlanRunning}, To: PlanAccepted, Action: access.ApprovePlans},
		{Verb: "close", From: []PlanState{PlanAccepted}, To: PlanClosed, Action: access.ApprovePlans},
		{Verb: "abandon", From: []PlanState{PlanApproved, PlanRunning, PlanReturned}, To: PlanClosed, Action: access.ApprovePlans, Reason: true},
	}
)

// over reports whether the plan's work is done, so that its document stays.
func (p Plan) over() bool { return p.State == PlanAccepted || p.State == PlanClosed }

// ofDocument reports whether a move to the state is one of the document.
func (p Plan) ofDocument(to PlanState) bool {
	return p.Stage != PlanApproved && slices.Contains([]PlanState{PlanDraft, PlanAdvised, PlanApproved}, to)
}

// stand is who brought the plan where it stands.
func (p Plan) stand() workflow.Standing {
	return workflow.Standing{By: p.StateBy, At: p.StateAt, Reason: p.StateReason, CanLift: string(access.LeadingGroup)}
}

// planViewer is what an answer about plans depends on besides them. Whoever may read
// the plans of a branch reaches as far with what else the role may do.
type planViewer struct {
	access.Principal
	reach access.Reach
	led   map[string]bool // branches about which the caller does not decide
}

func planViewerOf(ctx context.Context, db *gorm.DB, townID string) (v planViewer, err error) {
	v.Principal = access.Caller(ctx)
	if v.reach, err = access.ReachOf(ctx, db, v.Principal, access.ReadPlans, townID, day.Of(db.NowFunc())); err != nil {
		return v, err
	}
	v.led, err = access.LedBy(ctx, db, townID, access.ApprovePlans)
	return v, err
}

// allowed leaves out deciding about a branch that the caller leads.
func (v planViewer) allowed(p Plan) []string {
	verbs := []string{}
	if v.led[p.BranchCode] {
		return verbs
	}
	if !p.over() {
		verbs = slices.DeleteFunc(documentMoves.Allowed(v.Principal, p.Stage, p.stand()), func(verb string) bool {
			return verb == "redraft" && p.ApprovedVersion != nil
		})
	}
	return append(verbs, planMoves.Allowed(v.Principal, p.State, p.stand())...)
}

// FindPlan gives one plan with the items of its approved version and its history, if
// the caller may read those of its branch.
func FindPlan(ctx context.Context, db *gorm.DB, townID, id string) (Plan, error) {
	v, err := planViewerOf(ctx, db, townID)
	if err != nil {
		return Plan{}, err
	}
	return v.find(ctx, db, townID, id)
}

func (v planViewer) find(ctx context.Context, db *gorm.DB, townID, id string) (Plan, error) {
	var p Plan
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&p).Error
	if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && !v.reach.Has(p.BranchCode) {
		return Plan{}, fault.Missing(planNoun, id)
	}
	if err != nil {
		return Plan{}, err
	}
	p.Allowed = v.allowed(p)
	if p.Items, err = v.items(ctx, db, p); err != nil {
		return Plan{}, err
	}
	err = db.WithContext(ctx).Where("town_id = ? AND plan_id = ?", townID, id).Order("version").Find(&p.History).Error
	return p, err
}

// PlanFilter narrows a list; zero fields do not.
type PlanFilter struct {
	Branch string
	State  PlanState
	On     day.Date // only those that were approved and not closed on the day
	After  string
	Limit  int // 0 = all
}

// ListPlans gives the plans that the caller may read, in the order of their drafting.
func ListPlans(ctx context.Context, db *gorm.DB, townID string, f PlanFilter) ([]Plan, error) {
	v, err := planViewerOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := v.reach.Narrow(db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After))
	if f.Branch != "" {
		q = q.Where("branch_code = ?", f.Branch)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.On != "" {
		q = q.Where("approved_on <= ? AND (closed_on IS NULL OR closed_on > ?)", f.On, f.On)
	}
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	var list []Plan
	err = q.Order("id").Find(&list).Error
	for i := range list {
		list[i].Allowed = v.allowed(list[i])
	}
	return list, err
}

// CountPlans counts the plans of the branches in the reach by their state, in one
// statement.
func CountPlans(ctx context.Context, db *gorm.DB, townID string, reach access.Reach) (map[PlanState]int64, error) {
	return database.CountStates[PlanState](reach.Narrow(db.WithContext(ctx).Model(&Plan{}).Where("town_id = ?", townID)))
}

// CountPlanItems counts the items of those plans likewise, of plans that are closed too.
func CountPlanItems(ctx context.Context, db *gorm.DB, townID string, reach access.Reach) (map[ItemState]int64, error) {
	return database.CountStates[ItemState](reach.Narrow(db.WithContext(ctx).Model(&PlanItem{}).Where("town_id = ?", townID)))
}
