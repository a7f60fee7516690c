package main

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/config"
)

// anchorEvery is how old the latest anchor of a chain that moves can be.
const anchorEvery = time.Minute

// anchorer gives what keeps anchors of the audit trails until ctx ends, and once
// more then. Without a file for them it does nothing. A file that cannot be
// written is an error now rather than in the middle of the night.
func anchorer(cfg config.Config, db *gorm.DB, log *slog.Logger) (work func(ctx context.Context), err error) {
	if cfg.AuditAnchors == "" {
		return func(context.Context) {}, nil
	}
	file, err := audit.OpenAnchors(cfg.AuditAnchors)
	if err != nil {
		return nil, err
	}
	keep := func(ctx context.Context) {
		if _, err := file.Keep(ctx, db); err != nil && ctx.Err() == nil {
			log.Error("anchor the audit trails", "error", err.Error())
		}
	}
	return func(ctx context.Context) {
		tick := time.NewTicker(anchorEvery)
		defer tick.Stop()
		for {
			keep(ctx)
			select {
			case <-ctx.Done():
				last, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.LockTimeout)
				defer cancel()
				keep(last)
				return
			case <-tick.C:
			}
		}
	}, nil
}
