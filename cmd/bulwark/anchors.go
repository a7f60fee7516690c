package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/config"
)

// anchorEvery is how old the latest anchor of a chain that moves can be.
const anchorEvery = time.Minute

// anchorer keeps anchors of the audit trails.
type anchorer struct {
	file    *audit.AnchorFile // nil: none are kept
	db      *gorm.DB
	log     *slog.Logger
	last    time.Duration // for the anchoring at the end
	figures anchorFigures
}

// newAnchorer opens the file of anchors, if there is to be one. A file that cannot be
// written is an error now rather than in the middle of the night.
func newAnchorer(
	cfg config.Config, db *gorm.DB, log *slog.Logger, metrics prometheus.Registerer,
) (a *anchorer, err error) {
	a = &anchorer{db: db, log: log, last: cfg.LockTimeout}
	if cfg.AuditAnchors == "" {
		return a, nil
	}
	if a.file, err = audit.OpenAnchors(cfg.AuditAnchors); err != nil {
		return nil, err
	}
	if signer := signing(cfg).Signer; signer != nil {
		a.file.Sign = signer.Sign
	}
	a.figures = newAnchorFigures(metrics, a.file)
	return a, nil
}

// state returns "ok", "differs" where a trail does not have its last anchor any more, or
// "" where no anchors are kept.
func (a *anchorer) state() string {
	switch {
	case a.file == nil:
		return ""
	case a.file.Differing() > 0:
		return "differs"
	}
	return "ok"
}

// run keeps anchors until ctx ends, and once more then.
func (a *anchorer) run(ctx context.Context) {
	if a.file == nil {
		return
	}
	tick := time.NewTicker(anchorEvery)
	defer tick.Stop()
	for {
		a.keep(ctx)
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.last)
			defer cancel()
			a.keep(last)
			return
		case <-tick.C:
		}
	}
}

func (a *anchorer) keep(ctx context.Context) {
	_, err := a.file.Keep(ctx, a.db)
	if err != nil && ctx.Err() != nil {
		return // it is the end that has interrupted it
	}
	outcome := "ok"
	if err != nil {
		outcome = "failed"
		if a.file.Differing() > 0 {
			outcome = "differs"
		}
		a.log.Error("anchor the audit trails", "error", err.Error())
	}
	a.figures.anchorings.WithLabelValues(outcome).Inc()
	if err == nil {
		a.figures.succeeded.SetToCurrentTime()
	}
}

// anchorFigures are the metrics of the anchors.
type anchorFigures struct {
	anchorings *prometheus.CounterVec
	succeeded  prometheus.Gauge
}

func newAnchorFigures(to prometheus.Registerer, file *audit.AnchorFile) anchorFigures {
	metrics := promauto.With(to)
	metrics.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bulwark_audit_trails_differing",
		Help: "Audit trails that do not have their last anchor any more: other than 0 means tampering.",
	}, func() float64 { return float64(file.Differing()) })
	f := anchorFigures{metrics.NewCounterVec(prometheus.CounterOpts{
		Name: "bulwark_audit_anchorings_total", Help: "Anchorings of the audit trails by outcome: ok, differs, failed.",
	}, []string{"outcome"}), metrics.NewGauge(prometheus.GaugeOpts{
		Name: "bulwark_audit_last_anchoring_timestamp_seconds",
		Help: "When the anchors were last brought up to date by this process; 0: not yet.",
	})}
	for _, outcome := range []string{"ok", "differs", "failed"} {
		f.anchorings.WithLabelValues(outcome)
	}
	return f
}
