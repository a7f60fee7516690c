package api

import (
	"context"
	"time"

	"bulwark/internal/idempotency"
	"bulwark/internal/index"
)

// lookAgain is how often Work looks for what another process left undone.
const lookAgain = time.Minute

// Work does what need not be waited for, until ctx ends: it appraises how sure
// each new run is, and removes answers that were kept long enough. Call it once, beside the handler, after Handler.
func (s *Server) Work(ctx context.Context) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		s.tidy(ctx)
		if _, err := index.AppraisePending(ctx, s.DB); err != nil && ctx.Err() == nil {
			s.Log.Error("appraise runs", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-tick.C:
		}
	}
}

// tidy removes what is kept for a while only.
func (s *Server) tidy(ctx context.Context) {
	if _, err := idempotency.Forget(ctx, s.DB, s.Now().Add(-s.Config.KeepAnswers)); err != nil && ctx.Err() == nil {
		s.Log.Error("forget old answers", "error", err.Error())
	}
}

// hurry wakes Work; if it is awake already it will look once more.
func (s *Server) hurry() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
