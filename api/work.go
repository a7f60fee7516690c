package api

import (
	"context"
	"time"

	"gorm.io/gorm"

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
// each new run is, measures what plans brought, reopens their items that fell back
// below their goals, makes reminders, writes down when keys were used, and removes
// answers that were kept long enough. Call it once, beside the handler, after
// Handler; end it after the last request.
func (s *Server) Work(ctx context.Context) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		s.tidy(ctx)
		s.catchUp(ctx)
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

// catchUp does what follows from publications and from days that have passed, once.
// What fails is tried again the next time.
func (s *Server) catchUp(ctx context.Context) {
	for _, chore := range []struct {
		what string
		do   func(context.Context, *gorm.DB) (int, error)
	}{
		{"appraise runs", index.ComputePendingRobustness},
		{"measure the outcomes of plans", improve.MeasureOutcomes},
		{"reopen plan items that relapsed", improve.ReopenRelapsed},
		{"make reminders", improve.Remind},
	} {
		if _, err := chore.do(ctx, s.DB); err != nil && ctx.Err() == nil {
			s.Log.Error(chore.what, "error", err.Error())
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
