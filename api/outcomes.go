package api

import (
	"context"

	"bulwark/internal/improve"
	"bulwark/internal/rest"
)

// listOutcomes answers what became of a plan in each publication after its approval,
// on one page.
//
//	@ID			listPlanOutcomes
//	@Summary	Read what a plan brought beside what was predicted
//	@Tags		improvement
//	@Success	200	{object}	rest.Page[improve.PlanOutcome]
//	@Router		/towns/{town}/plans/{plan}/outcomes [get]
func (s *Server) listOutcomes(ctx context.Context, req planRequest) (rest.Page[improve.PlanOutcome], error) {
	list, err := improve.ListOutcomes(ctx, s.db(ctx), req.Town, req.Plan)
	return rest.Page[improve.PlanOutcome]{Items: list}, err
}
