package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/improve/plan"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type listPlansRequest struct {
	townRequest
	// only of this branch
	Branch string `form:"branch"`
	// only in this state
	State plan.State `form:"state" validate:"omitempty,state"`
	// only those approved and not closed on this day
	On *day.Date `form:"on" swaggertype:"string" format:"date"`
	rest.PageQuery
}

// listPlans returns the improvement plans that the caller may read, without their
// items and history.
//
//	@Summary	List improvement plans
func (s *Server) listPlans(ctx context.Context, req listPlansRequest) (rest.Page[plan.Plan], error) {
	f := plan.Filter{Branch: req.Branch, State: req.State, Limit: req.Limit()}
	if req.On != nil {
		f.On = *req.On
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[plan.Plan]{}, err
	}
	list, err := plan.List(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[plan.Plan]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(p plan.Plan) []any { return []any{p.ID} })
}

// planDraftInput is the branch and the published result that a plan starts from.
type planDraftInput struct {
	Branch      string `json:"branch" validate:"required" example:"b07"`
	Period      string `json:"period" validate:"required" example:"2023Q2"`
	Publication int64  `json:"publication" validate:"min=0"` // of the period; its latest if absent
}

type draftPlanRequest struct {
	townRequest
	rest.Localized
	Body planDraftInput
}

// draftPlan makes the plan of a branch with a generated document: what lies on the
// cheapest way to the next grade, the causes that mentors found, the weak points.
//
//	@Summary	Draft an improvement plan
func (s *Server) draftPlan(ctx context.Context, req draftPlanRequest) (rest.Created[plan.Plan], error) {
	in := req.Body
	p, err := plan.Begin(ctx, s.db(ctx), req.Town, in.Branch, plan.Source{
		Results: s.results, Period: in.Period, Publication: in.Publication, Language: string(req.Language),
	})
	return rest.Created[plan.Plan]{Key: p.ID, Value: p}, err
}

// planRedraftInput is the published result that the plan starts from anew.
type planRedraftInput struct {
	Period      string `json:"period" validate:"required" example:"2023Q2"`
	Publication int64  `json:"publication" validate:"min=0"` // of the period; its latest if absent
}

type redraftPlanRequest struct {
	planRequest
	rest.Localized
	rest.IfMatch
	Body planRedraftInput
}

// redraftPlan has a plan that was never approved generated anew, from another result
// or the same one. What was written in it is replaced.
//
//	@Summary	Draft a plan anew that was never approved
func (s *Server) redraftPlan(ctx context.Context, req redraftPlanRequest) (plan.Plan, error) {
	return plan.Redraft(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Plan, Version: req.Version}, plan.Source{
		Results: s.results, Period: req.Body.Period, Publication: req.Body.Publication, Language: string(req.Language),
	})
}

type planRequest struct {
	Town string `uri:"town"`
	Plan string `uri:"plan"`
}

// planListRequest asks for a list of the plan on one page.
type planListRequest struct {
	planRequest
	rest.TableQuery
}

// findPlan returns one plan with its items and history, and what the caller can do
// with it.
//
//	@Summary	Read an improvement plan
func (s *Server) findPlan(ctx context.Context, req planRequest) (plan.Plan, error) {
	return plan.Find(ctx, s.db(ctx), req.Town, req.Plan)
}

// itemOwnerInput is who is responsible for a plan item.
type itemOwnerInput struct {
	Kind string `json:"kind" validate:"required,oneof=person office branch"`
	Code string `json:"code" validate:"required,max=64" example:"b07"`
}

// planItemInput is one thing to do, and the gap of an indicator that it closes.
type planItemInput struct {
	// of an item that the plan has; absent for a new one
	ID        string         `json:"id" validate:"omitempty,uuid" format:"uuid"`
	Indicator string         `json:"indicator" validate:"required,max=64" example:"governance.01"`
	ValueGoal *float64       `json:"value_goal" validate:"required" example:"92"`
	Measure   int64          `json:"measure" validate:"min=1,max=7" example:"2"`
	Action    string         `json:"action" validate:"required,max=2000" multiline:"true"`
	Owner     itemOwnerInput `json:"owner"`
	DueOn     day.Date       `json:"due_on" validate:"required" swaggertype:"string" format:"date"`
	Cost      float64        `json:"cost" validate:"min=0,max=1000000000000"` // in yuan
}

// planInput is all items of a plan.
type planInput struct {
	Summary string          `json:"summary" validate:"max=5000" multiline:"true"`
	Items   []planItemInput `json:"items" validate:"max=40,dive"`
}

func (in planInput) document() plan.Document {
	d := plan.Document{Summary: in.Summary, Items: []plan.PlannedItem{}}
	for _, i := range in.Items {
		d.Items = append(d.Items, plan.PlannedItem{
			ID: i.ID, Indicator: i.Indicator, ValueGoal: *i.ValueGoal, Measure: i.Measure, Action: i.Action,
			Owner: plan.ItemOwner(i.Owner), DueOn: i.DueOn, Cost: i.Cost,
		})
	}
	return d
}

type writePlanRequest struct {
	planRequest
	rest.IfMatch
	Body planInput
}

// writePlan replaces the document of a plan, which is then advised on and approved
// again. What was approved before holds until then.
//
//	@Summary	Write an improvement plan
func (s *Server) writePlan(ctx context.Context, req writePlanRequest) (plan.Plan, error) {
	return plan.Write(ctx, s.db(ctx), s.results, workflow.Ref{Town: req.Town, ID: req.Plan, Version: req.Version},
		req.Body.document())
}

// planTransition is a step of a plan: the state to reach, and why.
type planTransition struct {
	To plan.State `json:"to" validate:"required,move"`
	// the advice; needed to send back, to return, and to close what is not accepted
	Reason string `json:"reason" validate:"max=5000" multiline:"true"`
}

type movePlanRequest struct {
	planRequest
	rest.IfMatch
	Body planTransition
}

// movePlan advises on a plan, approves it or sends it back, starts, returns, accepts
// and closes it.
//
//	@Summary	Move an improvement plan to another state
func (s *Server) movePlan(ctx context.Context, req movePlanRequest) (plan.Plan, error) {
	return plan.Move(ctx, s.db(ctx), s.results, workflow.Ref{Town: req.Town, ID: req.Plan, Version: req.Version},
		req.Body.To, req.Body.Reason)
}

type planItemRequest struct {
	planRequest
	Item string `uri:"item"`
}

// findPlanItem returns one item of an approved plan with its history.
//
//	@Summary	Read an item of an improvement plan
func (s *Server) findPlanItem(ctx context.Context, req planItemRequest) (plan.Item, error) {
	return plan.FindItem(ctx, s.db(ctx), req.Town, req.Plan, req.Item)
}

// planItemTransition is a step of a plan item: the state to reach, why, and what shows
// it.
type planItemTransition struct {
	To       plan.ItemState `json:"to" validate:"required,move"`
	Reason   string         `json:"reason" validate:"max=2000" multiline:"true"`   // needed to return
	Evidence string         `json:"evidence" validate:"max=5000" multiline:"true"` // needed with done
}

type movePlanItemRequest struct {
	planItemRequest
	rest.IfMatch
	Body planItemTransition
}

// movePlanItem reports an item done, verifies or returns it, and closes it.
//
//	@Summary	Move an item of an improvement plan to another state
func (s *Server) movePlanItem(ctx context.Context, req movePlanItemRequest) (plan.Item, error) {
	if _, err := plan.FindItem(ctx, s.db(ctx), req.Town, req.Plan, req.Item); err != nil {
		return plan.Item{}, err
	}
	return plan.MoveItem(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Item, Version: req.Version}, plan.ItemDecision{
		To: req.Body.To, Reason: req.Body.Reason, Evidence: req.Body.Evidence,
	})
}

type listPlanVersionsRequest struct {
	planRequest
	rest.PageQuery
}

// listPlanVersions returns the documents of a plan that were advised on or approved.
//
//	@Summary	List the versions of an improvement plan
func (s *Server) listPlanVersions(ctx context.Context, req listPlanVersionsRequest) (rest.Page[plan.Version], error) {
	var after int64
	if err := req.Resume(&after); err != nil {
		return rest.Page[plan.Version]{}, err
	}
	list, err := plan.ListVersions(ctx, s.db(ctx), req.Town, req.Plan, after, req.Limit())
	if err != nil {
		return rest.Page[plan.Version]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(v plan.Version) []any { return []any{v.Number} })
}

type planVersionRequest struct {
	planRequest
	Number int64 `uri:"version"`
}

// findPlanVersion returns one version of a plan, with what it was predicted to bring.
//
//	@Summary	Read a version of an improvement plan
func (s *Server) findPlanVersion(ctx context.Context, req planVersionRequest) (plan.Version, error) {
	return plan.FindVersion(ctx, s.db(ctx), req.Town, req.Plan, req.Number)
}

type diffPlanVersionsRequest struct {
	planVersionRequest
	From int64 `form:"from" validate:"required,min=1"` // number of the version to compare with
}

// diffPlanVersions returns what a version says otherwise than another.
//
//	@Summary	Compare versions of an improvement plan
func (s *Server) diffPlanVersions(ctx context.Context, req diffPlanVersionsRequest) (plan.Diff, error) {
	return plan.DiffVersions(ctx, s.db(ctx), req.Town, req.Plan, req.From, req.Number)
}

type branchPlanRequest struct {
	branchRequest
	On *day.Date `form:"on" swaggertype:"string" format:"date"` // that held on this day; today in Asia/Shanghai if absent
}

// findBranchPlan returns the version of a branch's plan that was approved on a day.
//
//	@Summary	Read the approved plan of a branch on a day
func (s *Server) findBranchPlan(ctx context.Context, req branchPlanRequest) (plan.Version, error) {
	on := day.Of(s.Now())
	if req.On != nil {
		on = *req.On
	}
	return plan.VersionOn(ctx, s.db(ctx), req.Town, req.Branch, on)
}

// listPlanOutcomes returns what became of a plan in each publication after its approval,
// on one page.
//
//	@Summary	Read what a plan brought beside what was predicted
func (s *Server) listPlanOutcomes(ctx context.Context, req planListRequest) (rest.Page[plan.Outcome], error) {
	list, err := plan.ListOutcomes(ctx, s.db(ctx), req.Town, req.Plan)
	return rest.Page[plan.Outcome]{Items: list}, err
}
