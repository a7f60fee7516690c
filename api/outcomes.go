package api

import (
	"context"

	"bulwark/internal/improve"
	"bulwark/internal/rest"
)

// listPlanOutcomes returns what became of a plan in each publication after its approval,
// on one page.
//
//	@Summary	Read what a plan brought beside what was predicted
func (s *Server) listPlanOutcomes(ctx context.Context, req planRequest) (rest.Page[improve.PlanOutcome], error) {
	list, err := improve.ListOutcomes(ctx, s.db(ctx), req.Town, req.Plan)
	return rest.Page[improve.PlanOutcome]{Items: list}, err
}
