// Package jobs does the work for which no request waits: figures that follow from
// publications, reminders, and the removal of what is kept for a while only.
package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/evidence"
	"bulwark/internal/evidence/store"
	"bulwark/internal/fault"
	"bulwark/internal/improve/plan"
	"bulwark/internal/improve/report"
	"bulwark/internal/index"
	"bulwark/internal/rest"
	"bulwark/internal/webhook"
)

const (
	// interval is how often Run looks for what another process left undone, and
	// stores which keys were used.
	interval = time.Minute
	// deliverEvery is how often Deliver looks for events to send.
	deliverEvery = time.Second
	// lastFlush is how long Run may take for the latter after its end.
	lastFlush = 5 * time.Second
)

// Runner does background work.
type Runner struct {
	DB          *gorm.DB
	Log         *slog.Logger
	Now         func() time.Time
	KeepAnswers time.Duration // how long the answers of requests with an Idempotency-Key are stored
	Evidence    store.Store   // of which loose files are collected; nil: none
	Webhooks    *webhook.Deliverer

	wake    chan struct{}
	figures figures
	keyUsage
}

// New returns a Runner; Run starts its work. Webhooks reach public addresses only, unless
// another Deliverer is set.
func New(db *gorm.DB, log *slog.Logger, now func() time.Time, keepAnswers time.Duration) *Runner {
	return &Runner{
		DB: db, Log: log, Now: now, KeepAnswers: keepAnswers, wake: make(chan struct{}, 1),
		Webhooks: webhook.NewDeliverer(db, log, webhook.Guard{}),
	}
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

// Deliver sends events to webhooks, once a second, until ctx ends. Call it once. Several
// processes on one database share the work.
func (r *Runner) Deliver(ctx context.Context) {
	tick := time.NewTicker(deliverEvery)
	defer tick.Stop()
	for {
		_, err := r.Webhooks.Deliver(ctx)
		r.figures.ran(ctx, webhooksJob, err)
		if err != nil && ctx.Err() == nil {
			r.Log.Error("deliver to webhooks", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
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

// pending are the jobs of RunPending: their names in metrics and in words.
var pending = []struct {
	name, words string
	do          func(context.Context, *gorm.DB) (int, error)
}{
	{"robustness", "compute the robustness of runs", index.ComputePendingRobustness},
	{"outcomes", "measure the outcomes of plans", plan.MeasureOutcomes},
	{"relapses", "reopen plan items that relapsed", plan.ReopenRelapsed},
	{"reminders", "make reminders", report.Remind},
}

// Names of the other jobs in metrics.
const (
	cleanupJob  = "cleanup"
	keyUsageJob = "key_usage"
	webhooksJob = "webhooks"
)

// RunPending does what follows from publications and from days that have passed, once,
// and returns how much there was. What fails does not keep the rest from being done.
func (r *Runner) RunPending(ctx context.Context) (done int, err error) {
	for _, job := range pending {
		n, failed := job.do(ctx, r.DB)
		r.figures.ran(ctx, job.name, failed)
		done += n
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", job.words, failed))
		}
	}
	return done, err
}

// Cleanup deletes what is kept for a while only.
func (r *Runner) Cleanup(ctx context.Context) {
	err := r.cleanup(ctx)
	r.figures.ran(ctx, cleanupJob, err)
	if err != nil && ctx.Err() == nil {
		r.Log.Error("delete old answers", "error", err.Error())
	}
}

const (
	// passEvery is how often a cleanup records that it was there.
	passEvery = 10 * time.Minute
	// longestGap is the most time between two cleanups of a service that runs and whose
	// clock nobody moves.
	longestGap = time.Hour
)

// cleanup deletes loose files and answers that were kept long enough. Time in which no cleanup ran does
// not count: the clock was moved, or nobody could have sent a request again.
func (r *Runner) cleanup(ctx context.Context) error {
	now := r.Now()
	last, err := LastMaintenance(ctx, r.DB)
	if err != nil {
		return err
	}
	gap := now.Sub(last[CleanupTask].At)
	if gap.Abs() > longestGap && !last[CleanupTask].At.IsZero() {
		r.Log.Warn("the clock was moved, or no service ran: kept answers stay as long as before", "gap", gap.String())
		if err := rest.ShiftStoredResponses(ctx, r.DB, gap); err != nil {
			return err
		}
	}
	if gap.Abs() > passEvery {
		if err := Record(ctx, r.DB, CleanupTask, nil); err != nil {
			return err
		}
	}
	if r.Evidence != nil {
		_, err = evidence.Collect(ctx, r.DB, r.Evidence)
	}
	_, failed := rest.DeleteStoredResponses(ctx, r.DB, now.Add(-r.KeepAnswers))
	return errors.Join(err, failed)
}

func (r *Runner) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastFlush)
	defer cancel()
	err := r.Flush(ctx, r.DB)
	r.figures.ran(ctx, keyUsageJob, err)
	if err != nil {
		r.Log.Warn("store when keys were used", "error", err.Error())
	}
}

// Tasks on the database itself, of which the database holds when they were done last.
const (
	BackupTask  = "backup"
	VerifyTask  = "verify"
	CleanupTask = "cleanup"
)

// Maintenance is when a task on the database itself was done last, and whether it went well.
type Maintenance struct {
	Task        string     `gorm:"primaryKey"`
	At          time.Time  // of the last attempt
	Detail      string     // what went wrong; empty: nothing
	SucceededAt *time.Time // of the last success; nil: never
}

// OK reports whether the last attempt went well.
func (m Maintenance) OK() bool { return m.Detail == "" }

// TableName returns the name of the table.
func (Maintenance) TableName() string { return "maintenance" }

// Record stores that a task was done now, and failed if failure is not nil.
func Record(ctx context.Context, db *gorm.DB, task string, failure error) (err error) {
	defer fault.Wrap(&err, "record the last %s", task)
	return database.InTx(ctx, db, func(tx *gorm.DB) error {
		m := Maintenance{Task: task}
		if err := tx.Where("task = ?", task).Limit(1).Find(&m).Error; err != nil {
			return err
		}
		m.At, m.Detail = tx.NowFunc(), ""
		if failure != nil {
			m.Detail = cmp.Or(failure.Error(), "failed")
		} else {
			m.SucceededAt = &m.At
		}
		return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&m).Error
	})
}

// LastMaintenance returns when each task was done last; one that never was is missing.
func LastMaintenance(ctx context.Context, db *gorm.DB) (_ map[string]Maintenance, err error) {
	defer fault.Wrap(&err, "last maintenance")
	var list []Maintenance
	err = db.WithContext(ctx).Find(&list).Error
	last := make(map[string]Maintenance, len(list))
	for _, m := range list {
		last[m.Task] = m
	}
	return last, err
}

// figures are the metrics of jobs; the zero value counts nothing.
type figures struct {
	runs, failures *prometheus.CounterVec
	succeeded      *prometheus.GaugeVec
}

// Observe makes the Runner count its jobs. Call it before Run.
func (r *Runner) Observe(to prometheus.Registerer) {
	metrics, labels := promauto.With(to), []string{"job"}
	r.figures = figures{
		metrics.NewCounterVec(prometheus.CounterOpts{
			Name: "bulwark_job_runs_total", Help: "Runs of background jobs.",
		}, labels),
		metrics.NewCounterVec(prometheus.CounterOpts{
			Name: "bulwark_job_failures_total", Help: "Runs of background jobs that failed.",
		}, labels),
		metrics.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bulwark_job_last_success_timestamp_seconds",
			Help: "When a background job last succeeded in this process; 0: not yet.",
		}, labels),
	}
	names := []string{cleanupJob, keyUsageJob, webhooksJob}
	for _, job := range pending {
		names = append(names, job.name)
	}
	for _, name := range names {
		r.figures.runs.WithLabelValues(name)
		r.figures.failures.WithLabelValues(name)
		r.figures.succeeded.WithLabelValues(name)
	}
}

func (f figures) ran(ctx context.Context, job string, err error) {
	if f.runs == nil || err != nil && ctx.Err() != nil { // it is the end that has interrupted it
		return
	}
	f.runs.WithLabelValues(job).Inc()
	if err != nil {
		f.failures.WithLabelValues(job).Inc()
		return
	}
	f.succeeded.WithLabelValues(job).SetToCurrentTime()
}

// keyUsage holds when each key was last used until that is stored: a request does
// not wait for it. Safe for concurrent use; the zero value is empty.
type keyUsage struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// Touch records that a key was used; "" is no key.
func (u *keyUsage) Touch(key string, at time.Time) {
	if key == "" {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last == nil {
		u.last = map[string]time.Time{}
	}
	u.last[key] = at
}

// Flush stores what was recorded since the last call. What cannot be stored is dropped:
// the next use of the key is stored.
func (u *keyUsage) Flush(ctx context.Context, db *gorm.DB) error {
	u.mu.Lock()
	last := u.last
	u.last = nil
	u.mu.Unlock()
	if len(last) == 0 {
		return nil
	}
	return credential.NoteUses(ctx, db, last)
}
