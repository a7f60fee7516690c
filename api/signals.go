package api

import (
	"context"

	"bulwark/internal/evaluation"
)

// findSignals returns patterns in the sheets of a period that someone should look
// at. A signal is a question, not a finding.
//
//	@Summary	Look for patterns that raise questions
func (s *Server) findSignals(ctx context.Context, req periodRequest) (evaluation.Signals, error) {
	return evaluation.FindSignals(ctx, s.db(ctx), req.Town, req.Period)
}
