package api

import (
	"context"
	"time"

	"bulwark/internal/rest"
	"bulwark/internal/text"
)

// Health says that the service answers.
type Health struct {
	Status  string `json:"status" example:"ok"`
	Version string `json:"version" example:"v1.0.0"`
}

type healthRequest struct{}

// live returns as long as the process does; it asks nothing of the database.
//
//	@Summary	Is the process alive?
func (s *Server) live(context.Context, healthRequest) (Health, error) {
	return Health{"ok", s.Version}, nil
}

// ready returns whether requests can be served now.
//
//	@Summary	Can requests be served?
func (s *Server) ready(ctx context.Context, _ healthRequest) (Health, error) {
	if s.draining.Load() {
		return Health{}, rest.RetryLater("shutting_down", text.F("服务正在停止", "the service is shutting down"))
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		return Health{}, rest.RetryLater("not_ready", text.F("数据库暂不可用或尚未迁移", "the database is away or not migrated")).Because(err)
	}
	return Health{"ok", s.Version}, nil
}
