package api

import (
	"context"

	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type listAdjustmentsRequest struct {
	townRequest
	Period string                     `form:"period"`                           // only of this period
	Branch string                     `form:"branch"`                           // only of this branch
	State  evaluation.AdjustmentState `form:"state" validate:"omitempty,state"` // only in this state
	rest.PageQuery
}

// listAdjustments returns the adjustments that the caller may read.
//
//	@Summary	List bonuses, deductions and vetoes
func (s *Server) listAdjustments(
	ctx context.Context, req listAdjustmentsRequest,
) (rest.Page[evaluation.Adjustment], error) {
	f := evaluation.AdjustmentFilter{
		Period: req.Period, Branch: req.Branch, State: req.State, Limit: req.Limit(),
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[evaluation.Adjustment]{}, err
	}
	list, err := evaluation.ListAdjustments(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[evaluation.Adjustment]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(a evaluation.Adjustment) []any { return []any{a.ID} })
}

// adjustmentInput is a proposed bonus, deduction or veto: which item, for which branch,
// and why.
type adjustmentInput struct {
	Period   string `json:"period" validate:"required" example:"2023Q3"`
	Branch   string `json:"branch" validate:"required" example:"b07"`
	Kind     string `json:"kind" validate:"required,oneof=bonus deduction veto"`
	Item     string `json:"item" validate:"required" example:"top-ten"` // code in the scheme, which sets the points
	Reason   string `json:"reason" validate:"required,max=2000" multiline:"true"`
	Evidence string `json:"evidence" validate:"max=2000" multiline:"true"`
}

type proposeAdjustmentRequest struct {
	townRequest
	Body adjustmentInput
}

// proposeAdjustment enters a bonus, deduction or veto of the scheme for a branch.
//
//	@Summary	Propose a bonus, deduction or veto
func (s *Server) proposeAdjustment(
	ctx context.Context, req proposeAdjustmentRequest,
) (rest.Created[evaluation.Adjustment], error) {
	in := req.Body
	a, err := evaluation.Propose(ctx, s.db(ctx), evaluation.Adjustment{
		TownID: req.Town, PeriodCode: in.Period, BranchCode: in.Branch,
		Kind: in.Kind, ItemCode: in.Item, Reason: in.Reason, Evidence: in.Evidence,
	})
	return rest.Created[evaluation.Adjustment]{Key: a.ID, Value: a}, err
}

type adjustmentRequest struct {
	Town       string `uri:"town"`
	Adjustment string `uri:"adjustment"`
}

// findAdjustment returns one adjustment and what the caller can do with it.
//
//	@Summary	Read an adjustment
func (s *Server) findAdjustment(ctx context.Context, req adjustmentRequest) (evaluation.Adjustment, error) {
	return evaluation.FindAdjustment(ctx, s.db(ctx), req.Town, req.Adjustment)
}

// adjustmentDecisionInput is one decision about many adjustments.
type adjustmentDecisionInput struct {
	To     string         `json:"to" validate:"required,oneof=approved rejected withdrawn"` // withdrawn: one's own
	Reason string         `json:"reason" validate:"max=2000" multiline:"true"`              // needed to reject
	Items  []decisionItem `json:"items" validate:"min=1,max=500,dive"`
}

type decideAdjustmentsRequest struct {
	townRequest
	rest.Localized
	DryRun bool `form:"dry_run"` // say what would happen, and change nothing
	Body   adjustmentDecisionInput
}

// decideAdjustments approves, rejects or withdraws up to 500 adjustments. Those that can
// be moved are; the others stay as they were and say why.
//
//	@Summary	Decide on many adjustments
func (s *Server) decideAdjustments(ctx context.Context, req decideAdjustmentsRequest) (decisions, error) {
	in := req.Body
	verdicts, err := evaluation.MoveAdjustments(ctx, s.db(ctx), workflow.Bulk[evaluation.AdjustmentState]{
		Town: req.Town, Refs: refsOf(req.Town, in.Items), To: evaluation.AdjustmentState(in.To), Reason: in.Reason,
		DryRun: req.DryRun,
	})
	return decisionsOf(in.To, req.DryRun, verdicts, string(req.Language)), err
}

// adjustmentTransition is a step of an adjustment: the state to reach, and why.
type adjustmentTransition struct {
	To     evaluation.AdjustmentState `json:"to" validate:"required,move"`
	Reason string                     `json:"reason" validate:"max=2000" multiline:"true"` // needed to reject, and with acknowledge
	// approve although the same evidence served another adjustment: say why in the reason
	Acknowledge bool `json:"acknowledge"`
}

type moveAdjustmentRequest struct {
	adjustmentRequest
	rest.IfMatch
	Body adjustmentTransition
}

// moveAdjustment approves, rejects or withdraws an adjustment.
//
//	@Summary	Decide on an adjustment
func (s *Server) moveAdjustment(ctx context.Context, req moveAdjustmentRequest) (evaluation.Adjustment, error) {
	ref := workflow.Ref{Town: req.Town, ID: req.Adjustment, Version: req.Version}
	if req.Body.Acknowledge {
		if req.Body.Reason == "" {
			return evaluation.Adjustment{}, fault.Broken(fault.Field("/reason", "reason_needed", "请说明理由", "give a reason"))
		}
		ctx = evaluation.Acknowledging(ctx)
	}
	return evaluation.MoveAdjustment(ctx, s.db(ctx), ref, req.Body.To, req.Body.Reason)
}
