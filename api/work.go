package api

import (
	"context"
	"time"

	"bulwark/internal/idempotency"
	"bulwark/internal/improve"
	"bulwark/internal/index"
)

const (
	// lookAgain is how often Work looks for what another process left undone, and
	// writes down which keys were used.
	lookAgain = time.Minute
	// lastWords is how long Work may take for that after its end.
	lastWords = 5 * time.Second
)

// Work does what need not be waited for, until ctx ends: it appraises how sure
// each new run is, makes reminders of what is due, reopens items of plans that fell
// back below their goals, writes down when keys were used, and removes answers that
// were kept long enough. Call it once, beside the handler, after Handler; end it
// after the last request.
func (s *Server) Work(ctx context.Context) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		s.tidy(ctx)
		if _, err := index.AppraisePending(ctx, s.DB); err != nil && ctx.Err() == nil {
			s.Log.Error("appraise runs", "error", err.Error())
		}
		if _, err := improve.Remind(ctx, s.DB); err != nil && ctx.Err() == nil {
			s.Log.Error("make reminders", "error", err.Error())
		}
		if _, err := improve.ReopenRelapsed(ctx, s.DB); err != nil && ctx.Err() == nil {
			s.Log.Error("reopen plan items that relapsed", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			s.writeUses(context.WithoutCancel(ctx))
			return
		case <-s.wake:
		case <-tick.C:
			s.writeUses(ctx)
		}
	}
}

// tidy removes what is kept for a while only.
func (s *Server) tidy(ctx context.Context) {
	if _, err := idempotency.Forget(ctx, s.DB, s.Now().Add(-s.Config.KeepAnswers)); err != nil && ctx.Err() == nil {
		s.Log.Error("forget old answers", "error", err.Error())
	}
}

func (s *Server) writeUses(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	if err := s.uses.write(ctx, s.DB); err != nil {
		s.Log.Warn("write down when keys were used", "error", err.Error())
	}
}

// hurry wakes Work; if it is awake already it will look once more.
func (s *Server) hurry() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
