package api

import (
	"context"

	"bulwark/internal/improve/plan"
)

// listOutcomes answers what became of a plan in each publication after its approval,
// on one page.
//
//	@ID			listPlanOutcomes
//	@Summary	Read what a plan brought beside what was predicted
//	@Tags		improvement
//	@Success	200	{object}	Page[plan.Outcome]
//	@Router		/towns/{town}/plans/{plan}/outcomes [get]
func (s *Server) listOutcomes(ctx context.Context, req planRequest) (Page[plan.Outcome], error) {
	list, err := plan.ListOutcomes(ctx, s.db(ctx), req.Town, req.Plan)
	return Page[plan.Outcome]{Items: list}, err
}
