package api

import (
	"context"

	"bulwark/internal/evaluation"
)

// findSignals answers patterns in the sheets of a period that someone should look
// at. A signal is a question, not a finding.
//
//	@ID			findSignals
//	@Summary	Look for patterns that raise questions
//	@Tags		entry
//	@Success	200	{object}	evaluation.Signals
//	@Router		/towns/{town}/periods/{period}/signals [get]
func (s *Server) findSignals(ctx context.Context, req periodRequest) (evaluation.Signals, error) {
	return evaluation.FindSignals(ctx, s.db(ctx), req.Town, req.Period)
}
