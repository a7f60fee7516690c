// Package rest is the HTTP engine of the API: it turns plain functions into routes.
// It binds, decodes and validates requests, admits callers, writes answers and
// problems, and keeps answers for requests that are sent again. It knows paths,
// actions and callers, and no resource.
package rest

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/config"
	"bulwark/internal/policy"
	"bulwark/internal/ratelimit"
)

// Engine serves routes. Fill the fields of Options, then call New.
type Engine struct {
	Options
	to       *gin.Engine
	routes   []Route
	pages    []Route            // which are no operations of the API
	callers  *ratelimit.Limiter // nil: no limit
	costly   *ratelimit.Limiter // of routes that are Costly; nil: no limit
	queue    queue              // before them
	writers  *ratelimit.Limiter // nil: no limit
	inflight inflight

	maxRows     int // of a workbook
	rowsAtATime int // that are read for a table
	transfer    transfer
	receiving   chan struct{} // uploads that are being received
}

// Options are what an Engine works with.
type Options struct {
	DB     *gorm.DB
	Config *config.Config // read at each request
	Log    *slog.Logger
	// Now is the clock: UTC, truncated to microseconds as both databases store it.
	Now func() time.Time
	// Metrics receives the figures of requests; nil turns them off.
	Metrics prometheus.Registerer
	// Labels are the Chinese names of fields in messages.
	Labels Labels
	// Words returns the Chinese names of codes in the cells of tables of the town, "" outside
	// towns; nil: codes stay.
	Words func(ctx context.Context, town string) (Words, error)
	// Identify returns the caller behind the key or session of a request, the zero
	// Principal where it has neither.
	Identify func(r *http.Request, action policy.Action) (access.Principal, error)
	// Authorise returns an error unless the caller of the context, access.Caller, may
	// do the action in the town ("" outside towns).
	Authorise func(ctx context.Context, action policy.Action, town string) error
	// SessionCookie is the name of the cookie of a session.
	SessionCookie string
	// ErrorPage returns the page that states the problem to people, or the address to which
	// the browser goes instead. The action is that of the page, empty at an unknown address.
	// nil: there are no pages.
	ErrorPage func(ctx context.Context, p Problem, action policy.Action) (body []byte, to string)
}

// New returns an Engine without routes.
func New(o Options) (*Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	e := &Engine{Options: o, to: gin.New(), queue: newQueue(max(1, runtime.GOMAXPROCS(0)/2)), transfer: uploads, maxRows: maxRows, rowsAtATime: rowsAtATime}
	e.receiving = make(chan struct{}, e.transfer.most)
	e.to.HandleMethodNotAllowed = true
	e.to.RedirectTrailingSlash = false                 // one address per resource
	e.to.RemoteIPHeaders = []string{"X-Forwarded-For"} // proxies pass other headers on as a stranger sent them
	if err := e.to.SetTrustedProxies(o.Config.TrustedProxies); err != nil {
		return nil, err
	}
	if o.Config.Rate > 0 {
		e.callers = ratelimit.New(float64(o.Config.Rate), o.Config.Burst, maxCallers)
		e.costly = ratelimit.New(costlyRate, costlyBurst, maxCallers)
	}
	if o.Config.WriteRate > 0 {
		e.writers = ratelimit.New(float64(o.Config.WriteRate), o.Config.WriteBurst, maxCallers)
	}
	e.to.Use(e.observe(), e.protect, recoverPanics)
	e.to.NoRoute(func(c *gin.Context) {
		if e.wantsPage(c.Request) {
			e.prepare(c)
			e.writeErrorPage(c, noPage, "")
			return
		}
		writeProblem(c.Writer, c.Request, noRoute)
	})
	e.to.NoMethod(func(c *gin.Context) { writeProblem(c.Writer, c.Request, noMethod) })
	return e, nil
}

// Root returns the router of the addresses that begin at "/".
func (e *Engine) Root() Router { return Router{to: e.to, engine: e} }

// Routes returns the routes in the order in which they were added.
func (e *Engine) Routes() []Route { return e.routes }

// Pages returns the pages in the order in which they were added.
func (e *Engine) Pages() []Route { return e.pages }

// Handler returns the whole service: routes, middleware and compression.
func (e *Engine) Handler() (http.Handler, error) { return compress(e.byEnding(e.to)) }
