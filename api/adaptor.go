package api

import (
	"cmp"
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/gin-gonic/gin"

	"bulwark/internal/access"
	"bulwark/internal/audit"
)

// Handler is what a resource file writes: a plain function of a bound, cleaned,
// validated and authorized request.
type Handler[Req, Res any] func(ctx context.Context, req Req) (Res, error)

// routes is where routes are added: below a path of the server.
type routes struct {
	to     gin.IRouter
	server *Server
	below  string
}

func (r routes) under(path string) routes { return routes{r.to.Group(path), r.server, r.below + path} }

// offer is one route and the action that it takes to use it.
type offer struct {
	method, path string
	action       access.Action
}

// endpoint is one route: everything that is the same for each of them.
type endpoint[Req, Res any] struct {
	server *Server
	action access.Action
	handle Handler[Req, Res]
	plan   shape
	status int
	limits
}

// get answers 200 and also HEAD.
func get[Req, Res any](r routes, path string, action access.Action, h Handler[Req, Res], opts ...option) {
	serve := adapt(r, http.MethodGet, path, action, http.StatusOK, h, opts)
	r.to.GET(path, serve)
	r.to.HEAD(path, serve)
}

// create answers 201 with the Location of what was made.
func create[Req, T any](r routes, path string, action access.Action, h Handler[Req, Created[T]], opts ...option) {
	r.to.POST(path, adapt(r, http.MethodPost, path, action, http.StatusCreated, h, opts))
}

// post answers 200: a transition or a computation.
func post[Req, Res any](r routes, path string, action access.Action, h Handler[Req, Res], opts ...option) {
	r.to.POST(path, adapt(r, http.MethodPost, path, action, http.StatusOK, h, opts))
}

// put replaces a thing; the request must carry If-Match.
func put[Req, Res any](r routes, path string, action access.Action, h Handler[Req, Res], opts ...option) {
	r.to.PUT(path, adapt(r, http.MethodPut, path, action, http.StatusOK, h, opts))
}

// patch changes parts of a thing; the request must carry If-Match.
func patch[Req, Res any](r routes, path string, action access.Action, h Handler[Req, Res], opts ...option) {
	r.to.PATCH(path, adapt(r, http.MethodPatch, path, action, http.StatusOK, h, opts))
}

// remove deletes or closes a thing; the request must carry If-Match.
func remove[Req, Res any](r routes, path string, action access.Action, h Handler[Req, Res], opts ...option) {
	r.to.DELETE(path, adapt(r, http.MethodDelete, path, action, http.StatusOK, h, opts))
}

// option changes one route.
type option func(*limits)

type limits struct {
	body   int64
	secret bool
}

// bodyLimit is the most bytes that the route reads, instead of the configured limit.
func bodyLimit(n int64) option { return func(l *limits) { l.body = n } }

// secret marks a route whose request or answer holds a secret, of which nothing may
// be stored.
func secret(l *limits) { l.secret = true }

func adapt[Req, Res any](r routes, method, path string, action access.Action, status int, h Handler[Req, Res], opts []option) gin.HandlerFunc {
	l := limits{body: r.server.Config.BodyLimit}
	for _, o := range opts {
		o(&l)
	}
	if method == http.MethodPost && !l.secret && tells(reflect.TypeFor[Res]()) {
		panic(method + " " + path + ": the answer tells a secret: give the route the option secret")
	}
	r.server.offers = append(r.server.offers, offer{method, r.below + path, action})
	e := endpoint[Req, Res]{r.server, action, h, planOf[Req](method, path), status, l}
	return e.serve
}

func (e endpoint[Req, Res]) serve(c *gin.Context) {
	if err := e.answer(c); err != nil {
		writeProblem(c.Writer, c.Request, err)
	}
}

// answer admits the caller before it reads the body, so that strangers cost little.
func (e endpoint[Req, Res]) answer(c *gin.Context) error {
	p, err := e.server.admit(c.Request, e.action)
	if err != nil {
		return err
	}
	var req Req
	b := e.plan.bind(&req)
	b.path(c.Param)
	if err := b.err(); err != nil {
		return err
	}
	ctx := access.WithPrincipal(c.Request.Context(), p)
	if err := e.server.authorize(ctx, p, e.action, strings.TrimSpace(c.Param("town"))); err != nil {
		return err
	}
	b.query(c.Request.URL)
	if err := b.headers(c.Request.Header); err != nil {
		return err
	}
	claim, err := claimOf(c.Request, p, e.secret)
	if err != nil {
		return err
	}
	if err := b.body(c.Request, c.Writer, e.body); err != nil {
		return err
	}
	if err := b.finish(); err != nil {
		return err
	}
	return e.work(recorded(ctx, p), c, claim, req)
}

// work does what was asked, once where the request has a claim to that.
func (e endpoint[Req, Res]) work(ctx context.Context, c *gin.Context, claim *claim, req Req) error {
	do := func(ctx context.Context, w http.ResponseWriter) error {
		res, err := e.handle(ctx, req)
		if err != nil {
			return err
		}
		return respond(w, c.Request, e.status, res)
	}
	if claim == nil {
		return do(ctx, c.Writer)
	}
	return e.server.once(ctx, c.Writer, claim, e.secret, do)
}

// recorded lets the trail know who acts in which request.
func recorded(ctx context.Context, p access.Principal) context.Context {
	return audit.As(ctx, audit.Actor{Name: p.Name(), Role: cmp.Or(string(p.Role), "none"), Credential: cmp.Or(p.Key, p.Account), RequestID: traceOf(ctx).id})
}
