// Package api maps requests to the rooms below and their results to answers. Every
// route is one line in router.go; every handler is a plain function from a request
// struct to a result. How requests are read and answers written is internal/rest.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/cache"
	"bulwark/internal/config"
	"bulwark/internal/credential"
	"bulwark/internal/evidence/store"
	"bulwark/internal/feed"
	"bulwark/internal/index"
	"bulwark/internal/jobs"
	"bulwark/internal/oidc"
	"bulwark/internal/policy"
	"bulwark/internal/ratelimit"
	"bulwark/internal/rest"
	"bulwark/internal/signature"
	"bulwark/internal/webhook"
)

// Server holds what handlers need. Fill the fields, then call Handler once.
type Server struct {
	DB      *gorm.DB
	Config  config.Config
	Log     *slog.Logger
	Version string

	// Now is the clock: UTC, truncated to microseconds as both databases store it.
	Now func() time.Time
	// Authenticate returns the caller of an API key; an unknown one is
	// fault.Unauthenticated.
	Authenticate func(ctx context.Context, key string) (access.Principal, error)
	// Authorize returns an error unless the caller may do the action in the town (""
	// outside towns). A zero principal is an anonymous caller.
	Authorize func(ctx context.Context, p access.Principal, action policy.Action, town string) error
	// Ready returns why the service cannot take requests now, or nil.
	Ready func(ctx context.Context) error
	// Trail returns whether the audit trails have the anchors that the service keeps:
	// "ok", "differs", or "" where it keeps none. nil: none.
	Trail func() string
	// DiskFull reports whether the disk of the database has no space. nil: unknown.
	DiskFull func() bool
	// Evidence keeps the files of evidence. nil: none can be attached.
	Evidence store.Store
	// Signing is what publications and heads of audit trails are signed with.
	Signing signature.Settings
	// Jobs learns of new work and of the use of keys.
	Jobs *jobs.Runner
	// Passwords hashes them; nil: at the usual cost.
	Passwords *credential.Passwords
	// Metrics receives the figures of requests; nil turns them off.
	Metrics prometheus.Registerer

	engine    *rest.Engine
	results   *index.ResultCache
	responses rest.ResponseCache[cacheKey]
	// reads of what is kept of people that have their record in the trail
	readsNoted *cache.Cache[string, bool]
	changes    feed.Source
	waiting    *feed.Waiting // for changes
	webhooks   webhook.Guard
	authCache  authCache
	logins     *ratelimit.Login
	provider   *oidc.Provider // nil: none
	signIns    *prometheus.CounterVec
	draining   atomic.Bool
}

// cacheKey names a ranking or a dashboard.
type cacheKey struct {
	view                        string
	town, period, class, around string
	publication                 int64 // as asked: a file is named by it
	span                        int
	language                    rest.Language
	format, header              string
}

// Drain makes /readyz answer 503, so that a load balancer stops sending
// requests before the listener closes, and ends requests that wait for changes.
func (s *Server) Drain() {
	s.draining.Store(true)
	if s.waiting != nil {
		s.waiting.Close()
	}
}

// Handler returns the whole service.
func (s *Server) Handler() (http.Handler, error) {
	e, err := s.newEngine()
	if err != nil {
		return nil, err
	}
	handler, err := e.Handler()
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(signature.With(r.Context(), s.Signing)))
	}), nil
}

// newEngine returns the engine with every route.
func (s *Server) newEngine() (*rest.Engine, error) {
	e, err := rest.New(rest.Options{
		DB: s.DB, Config: &s.Config, Log: s.Log, Now: s.Now, Metrics: s.Metrics, Labels: labels,
		Words: s.tableWords, Identify: s.identify, Authorise: s.authorise, SessionCookie: sessionCookie, ErrorPage: s.errorPage,
	})
	if err != nil {
		return nil, err
	}
	s.engine, s.results = e, index.NewResultCache()
	s.readsNoted = cache.New[string, bool](1 << 20)
	s.changes = feed.Source{
		Link: func(path string) string { return s.Config.Link(path) },
		Readable: func(ctx context.Context, town, subject string) (bool, error) {
			return s.engine.Readable(ctx, "/api/v1/towns/"+town+"/"+subject)
		},
	}
	s.waiting, s.webhooks = feed.NewWaiting(s.DB), webhook.NewGuard(s.Config.WebhookAllow)
	promauto.With(s.Metrics).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bulwark_changes_waiting", Help: "Requests that wait for changes now.",
	}, func() float64 { return float64(s.waiting.Len()) })
	if s.Jobs != nil {
		s.Jobs.Webhooks = webhook.NewDeliverer(s.DB, s.Log, s.webhooks)
		s.Jobs.Webhooks.Source = s.changes
	}
	s.setupSecurity()
	s.addRoutes(e.Root())
	return e, nil
}

// setupSecurity prepares what signing in needs. Sign-ins are counted as in, refused,
// limited (before the password was looked at) or failed (for a reason of ours).
func (s *Server) setupSecurity() {
	c := s.Config
	s.logins = ratelimit.NewLogin()
	s.signIns = promauto.With(s.Metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "bulwark_sign_ins_total",
		Help: "Sign-ins by outcome: in, refused, limited, failed.",
	}, []string{"outcome"})
	for _, outcome := range []string{"in", "refused", "limited", "failed"} {
		s.signIns.WithLabelValues(outcome)
	}
	if s.Passwords == nil {
		s.Passwords = credential.NewPasswords(credential.PasswordCost)
	}
	if c.OIDCIssuer != "" {
		s.provider = &oidc.Provider{
			Issuer: c.OIDCIssuer, ClientID: c.OIDCClientID, ClientSecret: c.OIDCClientSecret,
			RedirectURL: c.ProviderReturn(), Now: s.Now,
		}
	}
}

// db returns the handle of a request: its transaction where it has one.
func (s *Server) db(ctx context.Context) *gorm.DB { return rest.Tx(ctx, s.DB) }
