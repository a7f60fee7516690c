package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/improve/target"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type listTargetsRequest struct {
	townRequest
	// only those that this period led to
	Period string       `form:"period"`
	Branch string       `form:"branch"`                           // only of this branch
	State  target.State `form:"state" validate:"omitempty,state"` // only in this state
	// only those that were targets on this day, whatever became of them
	On *day.Date `form:"on" swaggertype:"string" format:"date"`
	rest.PageQuery
}

// listTargets returns the improvement targets that the caller may read, and who
// was one on a day.
//
//	@Summary	List improvement targets
func (s *Server) listTargets(ctx context.Context, req listTargetsRequest) (rest.Page[target.Target], error) {
	f := target.Filter{Period: req.Period, Branch: req.Branch, State: req.State, Limit: req.Limit()}
	if req.On != nil {
		f.On = *req.On
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[target.Target]{}, err
	}
	list, err := target.List(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[target.Target]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(t target.Target) []any { return []any{t.ID} })
}

// proposeTargets applies the town's rules to the latest publication of a period.
// Asked again, it proposes nothing twice.
//
//	@Summary	Propose improvement targets by the rules
func (s *Server) proposeTargets(ctx context.Context, req periodRequest) (target.Proposal, error) {
	return target.Propose(ctx, s.db(ctx), s.results, req.Town, req.Period)
}

// targetInput is a branch proposed for improvement, and why.
type targetInput struct {
	Branch string `json:"branch" validate:"required" example:"b07"`
	Reason string `json:"reason" validate:"required,max=2000" multiline:"true"`
}

type addTargetRequest struct {
	townRequest
	Body targetInput
}

// addTarget proposes a branch that no rule names.
//
//	@Summary	Propose an improvement target by hand
func (s *Server) addTarget(ctx context.Context, req addTargetRequest) (rest.Created[target.Target], error) {
	t, err := target.Add(ctx, s.db(ctx), req.Town, req.Body.Branch, req.Body.Reason)
	return rest.Created[target.Target]{Key: t.ID, Value: t}, err
}

type targetRequest struct {
	Town   string `uri:"town"`
	Target string `uri:"target"`
}

// findTarget returns one improvement target, its history and what the caller can
// do with it.
//
//	@Summary	Read an improvement target
func (s *Server) findTarget(ctx context.Context, req targetRequest) (target.Target, error) {
	return target.Find(ctx, s.db(ctx), req.Town, req.Target)
}

// targetTransition is a step of an improvement target: the state to reach, why, and
// what came of it.
type targetTransition struct {
	To target.State `json:"to" validate:"required,move"`
	// needed to dismiss and to end, and to confirm what has lapsed
	Reason  string `json:"reason" validate:"max=2000" multiline:"true"`
	Outcome string `json:"outcome" validate:"omitempty,oneof=improved unimproved other"` // needed to end
}

type decideTargetRequest struct {
	targetRequest
	rest.IfMatch
	Body targetTransition
}

// decideTarget confirms or dismisses a proposal, or ends a target.
//
//	@Summary	Decide on an improvement target
func (s *Server) decideTarget(ctx context.Context, req decideTargetRequest) (target.Target, error) {
	return target.Decide(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Target, Version: req.Version}, target.Decision{
		To: req.Body.To, Reason: req.Body.Reason, Outcome: req.Body.Outcome,
	})
}
