package api

import (
	"context"

	"bulwark/internal/evaluation"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type listAdjustmentsRequest struct {
	townRequest
	Period string `form:"period"`                                                                // only of this period
	Branch string `form:"branch"`                                                                // only of this branch
	State  string `form:"state" validate:"omitempty,oneof=proposed approved rejected withdrawn"` // only in this state
	rest.PageQuery
}

// listAdjustments answers the adjustments that the caller may read.
//
//	@ID			listAdjustments
//	@Summary	List bonuses, deductions and vetoes
//	@Tags		entry
//	@Param		query	query		listAdjustmentsRequest	false	"."
//	@Success	200		{object}	rest.Page[evaluation.Adjustment]
//	@Router		/towns/{town}/adjustments [get]
func (s *Server) listAdjustments(ctx context.Context, req listAdjustmentsRequest) (rest.Page[evaluation.Adjustment], error) {
	f := evaluation.AdjustmentFilter{Period: req.Period, Branch: req.Branch, State: evaluation.AdjustmentState(req.State), Limit: req.Limit()}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[evaluation.Adjustment]{}, err
	}
	list, err := evaluation.ListAdjustments(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[evaluation.Adjustment]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(a evaluation.Adjustment) []any { return []any{a.ID} })
}

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
//	@ID			proposeAdjustment
//	@Summary	Propose a bonus, deduction or veto
//	@Tags		entry
//	@Param		body	body		adjustmentInput	true	"what, for whom and why"
//	@Success	201		{object}	evaluation.Adjustment
//	@Router		/towns/{town}/adjustments [post]
func (s *Server) proposeAdjustment(ctx context.Context, req proposeAdjustmentRequest) (rest.Created[evaluation.Adjustment], error) {
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

// findAdjustment answers one adjustment and what the caller can do with it.
//
//	@ID			findAdjustment
//	@Summary	Read an adjustment
//	@Tags		entry
//	@Success	200	{object}	evaluation.Adjustment
//	@Router		/towns/{town}/adjustments/{adjustment} [get]
func (s *Server) findAdjustment(ctx context.Context, req adjustmentRequest) (evaluation.Adjustment, error) {
	return evaluation.FindAdjustment(ctx, s.db(ctx), req.Town, req.Adjustment)
}

type adjustmentTransition struct {
	To     string `json:"to" validate:"required,oneof=approved rejected withdrawn"`
	Reason string `json:"reason" validate:"max=2000" multiline:"true"` // needed to reject
}

type moveAdjustmentRequest struct {
	adjustmentRequest
	rest.IfMatch
	Body adjustmentTransition
}

// moveAdjustment approves, rejects or withdraws an adjustment.
//
//	@ID			moveAdjustment
//	@Summary	Decide on an adjustment
//	@Tags		entry
//	@Param		If-Match	header		string					true	"."
//	@Param		body		body		adjustmentTransition	true	"where to, and why"
//	@Success	200			{object}	evaluation.Adjustment
//	@Router		/towns/{town}/adjustments/{adjustment}/transitions [post]
func (s *Server) moveAdjustment(ctx context.Context, req moveAdjustmentRequest) (evaluation.Adjustment, error) {
	ref := workflow.Ref{Town: req.Town, ID: req.Adjustment, Version: req.Version}
	return evaluation.MoveAdjustment(ctx, s.db(ctx), ref, evaluation.AdjustmentState(req.Body.To), req.Body.Reason)
}
