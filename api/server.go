// Package api speaks HTTP and nothing else: it reads requests, asks the rooms
// below, and writes answers. Every route is one line in router.go; every
// handler is a plain function from a request struct to a result.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/config"
	"bulwark/internal/gate"
	"bulwark/internal/index"
	"bulwark/internal/oidc"
)

// Server holds what handlers need. Fill the fields, then call Handler once.
type Server struct {
	DB      *gorm.DB
	Config  config.Config
	Log     *slog.Logger
	Version string

	// Now is the clock: UTC, truncated to microseconds as both databases store it.
	Now func() time.Time
	// Authenticate resolves an API key; an unknown one is fault.Unauthenticated.
	Authenticate func(ctx context.Context, key string) (access.Principal, error)
	// Authorize decides whether the caller may do the action in the town (""
	// outside towns). A zero principal is an anonymous caller.
	Authorize func(ctx context.Context, p access.Principal, action access.Action, town string) error
	// Ready reports why the service cannot take requests now, or nil.
	Ready func(ctx context.Context) error
	// Passwords hashes them; nil: at the usual cost.
	Passwords *access.Passwords
	// Metrics receives the figures of requests; nil turns them off.
	Metrics prometheus.Registerer

	offers   []offer // every route, as it was added
	board    *index.ResultCache
	wake     chan struct{} // a run was made: Work has something to do
	answers  answers
	doors    doors
	flights  flights
	uses     uses
	logins   *gate.Login
	paces    *gate.Gate     // nil: no limit
	provider *oidc.Provider // nil: none
	signIns  *prometheus.CounterVec
	draining atomic.Bool
}

// Drain makes /readyz answer 503, so that a load balancer stops sending
// requests before the listener closes.
func (s *Server) Drain() { s.draining.Store(true) }

// Handler is the whole service: router, middleware and compression.
func (s *Server) Handler() (http.Handler, error) {
	engine, err := s.engine()
	if err != nil {
		return nil, err
	}
	return compress(engine)
}

// engine is the router with its middleware; tests read its routes.
func (s *Server) engine() (*gin.Engine, error) {
	s.board, s.wake = index.NewResultCache(), make(chan struct{}, 1)
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false                 // one address per resource
	e.RemoteIPHeaders = []string{"X-Forwarded-For"} // proxies pass other headers on as a stranger sent them
	if err := e.SetTrustedProxies(s.Config.TrustedProxies); err != nil {
		return nil, err
	}
	s.guard()
	s.use(e)
	s.routes(routes{to: e, server: s})
	return e, nil
}
