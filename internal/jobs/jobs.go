// Package jobs does the work for which no request waits: figures that follow from
// publications, reminders, and the removal of what is kept for a while only.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/improve/plan"
	"bulwark/internal/improve/report"
	"bulwark/internal/index"
	"bulwark/internal/rest"
)

const (
	// interval is how often Run looks for what another process left undone, and
	// stores which keys were used.
	interval = time.Minute
	// lastFlush is how long Run may take for the latter after its end.
	lastFlush = 5 * time.Second
)

// Runner does background work.
type Runner struct {
	DB          *gorm.DB
	Log         *slog.Logger
	Now         func() time.Time
	KeepAnswers time.Duration // how long the answers of requests with an Idempotency-Key are stored

	wake chan struct{}
	keyUsage
}

// New returns a Runner; Run starts its work.
func New(db *gorm.DB, log *slog.Logger, now func() time.Time, keepAnswers time.Duration) *Runner {
	return &Runner{DB: db, Log: log, Now: now, KeepAnswers: keepAnswers, wake: make(chan struct{}, 1)}
}

// Run does what is due, at once, at each Wake and after each interval, until ctx ends.
// Call it once, and end it after the last request.
func (r *Runner) Run(ctx context.Context) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		r.Cleanup(ctx)
		if _, err := r.RunPending(ctx); err != nil && ctx.Err() == nil {
			r.Log.Error("background work", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			r.flush(context.WithoutCancel(ctx))
			return
		case <-r.wake:
		case <-tick.C:
			r.flush(ctx)
		}
	}
}

// Wake makes Run look for work now, or once more if it is working.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// RunPending does what follows from publications and from days that have passed, once,
// and returns how much there was. What fails does not keep the rest from being done.
func (r *Runner) RunPending(ctx context.Context) (done int, err error) {
	for _, job := range []struct {
		name string
		do   func(context.Context, *gorm.DB) (int, error)
	}{
		{"compute the robustness of runs", index.ComputePendingRobustness},
		{"measure the outcomes of plans", plan.MeasureOutcomes},
		{"reopen plan items that relapsed", plan.ReopenRelapsed},
		{"make reminders", report.Remind},
	} {
		n, failed := job.do(ctx, r.DB)
		done += n
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", job.name, failed))
		}
	}
	return done, err
}

// Cleanup deletes what is kept for a while only.
func (r *Runner) Cleanup(ctx context.Context) {
	_, err := rest.DeleteStoredResponses(ctx, r.DB, r.Now().Add(-r.KeepAnswers))
	if err != nil && ctx.Err() == nil {
		r.Log.Error("delete old answers", "error", err.Error())
	}
}

func (r *Runner) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastFlush)
	defer cancel()
	if err := r.Flush(ctx, r.DB); err != nil {
		r.Log.Warn("store when keys were used", "error", err.Error())
	}
}
