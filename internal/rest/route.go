package rest

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"strings"

	"github.com/gin-gonic/gin"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
)

// Handler is a plain function of a bound, cleaned, validated and authorised request.
type Handler[Req, Res any] func(ctx context.Context, req Req) (Res, error)

// Route is one route, and what documentation and tests need to know of it.
type Route struct {
	Method, Path string        // Path with :NAME for parameters
	Tag          string        // area of the API to which the route belongs
	Action       policy.Action // what the caller must be allowed to do
	Handler      string        // name of the function, without its receiver
	Request      reflect.Type  // struct with uri, form and header tags and perhaps Body
	Body         reflect.Type  // of the request, as JSON; nil where it has none
	Answer       reflect.Type  // of a success, without Created around it; Nothing where there is no body
	Waiting      reflect.Type  // of 202, where the work may wait for somebody else; else nil
	MediaTypes   []string      // of the answer; empty: application/json
	Files        []string      // media types of a body that is a File; else empty
	Status       int           // of a success
	Secret       bool          // request or answer hold a secret
	Computes     bool          // changes nothing, although its method is not one that reads
	BodyLimit    int64         // in bytes
	Costly       bool          // takes much computing: see Costly
	Uploads      bool          // its body is a file: see Uploads
	Columns      []string      // codes of the columns of a list as a table; empty: it is no list
	Page         bool          // a page for people, and no operation of the API

	read func(ctx context.Context, param func(string) string) error // of a GET: see Engine.Readable
}

// Open reports whether anyone may use the route, with or without a key.
func (r Route) Open() bool { return open(r.Action) }

// Router adds routes below a path.
type Router struct {
	to     gin.IRouter
	engine *Engine
	below  string
	tag    string
}

// Under returns the router of the addresses below path.
func (r Router) Under(path string) Router {
	return Router{r.to.Group(path), r.engine, r.below + path, r.tag}
}

// Tag returns the router of the same addresses, for an area of the API.
func (r Router) Tag(area string) Router { return Router{r.to, r.engine, r.below, area} }

// Get adds a route that reads: 200, and HEAD too.
func Get[Req, Res any](r Router, path string, action policy.Action, h Handler[Req, Res], opts ...Option) {
	serve := adapt(r, Route{Method: http.MethodGet, Path: path, Action: action, Status: http.StatusOK}, h, opts)
	r.to.GET(path, serve)
	r.to.HEAD(path, serve)
}

// Create adds a route that makes something: 201 with its Location.
func Create[Req, T any](r Router, path string, action policy.Action, h Handler[Req, Created[T]], opts ...Option) {
	opts = append([]Option{answer[T]}, opts...)
	r.to.POST(path,
		adapt(r, Route{Method: http.MethodPost, Path: path, Action: action, Status: http.StatusCreated}, h, opts))
}

// Post adds a route of a transition or a computation: 200.
func Post[Req, Res any](r Router, path string, action policy.Action, h Handler[Req, Res], opts ...Option) {
	r.to.POST(path, adapt(r, Route{Method: http.MethodPost, Path: path, Action: action, Status: http.StatusOK}, h, opts))
}

// Put adds a route that replaces something; its requests must carry If-Match.
func Put[Req, Res any](r Router, path string, action policy.Action, h Handler[Req, Res], opts ...Option) {
	r.to.PUT(path, adapt(r, Route{Method: http.MethodPut, Path: path, Action: action, Status: http.StatusOK}, h, opts))
}

// Patch adds a route that changes parts of something; its requests must carry If-Match.
func Patch[Req, Res any](r Router, path string, action policy.Action, h Handler[Req, Res], opts ...Option) {
	r.to.PATCH(path, adapt(r, Route{Method: http.MethodPatch, Path: path, Action: action, Status: http.StatusOK}, h, opts))
}

// Delete adds a route that deletes or ends something; its requests must carry If-Match.
func Delete[Req, Res any](r Router, path string, action policy.Action, h Handler[Req, Res], opts ...Option) {
	r.to.DELETE(path,
		adapt(r, Route{Method: http.MethodDelete, Path: path, Action: action, Status: http.StatusOK}, h, opts))
}

// Option changes one route.
type Option func(*Route)

// BodyLimit sets the most bytes that the route reads, instead of the configured limit.
func BodyLimit(n int64) Option { return func(r *Route) { r.BodyLimit = n } }

// Costly marks a route whose answer takes much computing. Each caller has a budget of such
// answers, strangers one for each address, and few are computed at the same time.
func Costly(r *Route) { r.Costly = true }

// HoldsSecret marks a route whose request or answer holds a secret, of which nothing
// may be stored.
func HoldsSecret(r *Route) { r.Secret = true }

// Computes marks a route that changes nothing, although its method is not one that reads:
// keys that may only read may use it.
func Computes(r *Route) { r.Computes = true }

// Status sets the status of a success: of a Redirect, see other or found.
func Status(status int) Option { return func(r *Route) { r.Status = status } }

// Sends states what a route sends that answers Raw: T as JSON, or in the media types.
func Sends[T any](mediaTypes ...string) Option {
	return func(r *Route) { answer[T](r); r.MediaTypes = mediaTypes }
}

// Takes states what is in a body that the handler decodes by itself: T as JSON.
func Takes[T any]() Option { return func(r *Route) { r.Body = reflect.TypeFor[T]() } }

func answer[T any](r *Route) { r.Answer = reflect.TypeFor[T]() }

// endpoint is one route at work: all that is the same for each of them. It knows no type of
// a request or an answer: what does is compiled again for every route.
type endpoint struct {
	*Engine
	Route
	shape  shape
	list   *listTable                                              // nil: the answer is no list
	handle func(ctx context.Context, req any) (res any, err error) // req points to a Route.Request
}

func adapt[Req, Res any](r Router, route Route, h Handler[Req, Res], opts []Option) gin.HandlerFunc {
	route.Handler = nameOf(h)
	route.Request, route.Answer = reflect.TypeFor[Req](), reflect.TypeFor[Res]()
	var none Res
	if d, ok := any(none).(interface {
		answers() (done, waiting reflect.Type)
	}); ok {
		route.Answer, route.Waiting = d.answers()
	}
	return r.add(route, opts, func(ctx context.Context, req any) (any, error) { return h(ctx, *req.(*Req)) })
}

// add makes a route of what the functions for methods state, and returns what serves it.
func (r Router) add(route Route, opts []Option, handle func(context.Context, any) (any, error)) gin.HandlerFunc {
	route.Path, route.Tag = r.below+route.Path, r.tag
	if body, ok := route.Request.FieldByName("Body"); ok {
		route.Body = body.Type
	}
	route.BodyLimit = r.engine.Config.BodyLimit
	if route.Answer == reflect.TypeFor[Nothing]() {
		route.Status = http.StatusNoContent
	}
	for _, o := range opts {
		o(&route)
	}
	if route.Method == http.MethodPost && !route.Secret && holdsSecret(route.Answer) {
		panic(route.Method + " " + route.Path + ": the answer holds a secret: give the route the option HoldsSecret")
	}
	if (route.Body == fileType) != (len(route.Files) > 0) {
		panic(route.Method + " " + route.Path + ": a body that is a File needs the option TakesFile, and no other body has it")
	}
	list := tableOf(route)
	if list != nil {
		route.MediaTypes = tableTypes
		for _, c := range list.heads {
			route.Columns = append(route.Columns, c.Code)
		}
	}
	e := &endpoint{r.engine, route, shapeOf(route.Request, route.Method, route.Path), list, handle}
	if route.Page {
		r.engine.pages = append(r.engine.pages, route)
		return e.servePage
	}
	if route.Method == http.MethodGet {
		route.read = e.read
	}
	r.engine.routes = append(r.engine.routes, route)
	return e.serve
}

// nameOf returns the name of a function or method value: findRun of
// bulwark/api.(*Server).findRun-fm.
func nameOf(f any) string {
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	return strings.TrimSuffix(name[strings.LastIndexByte(name, '.')+1:], "-fm")
}

// read does what a GET of the address does for the caller of ctx, and keeps only whether it
// can be done.
func (e *endpoint) read(ctx context.Context, param func(string) string) error {
	req := reflect.New(e.Request).Interface()
	b := e.shape.bind(req, e.Labels)
	b.path(param)
	b.query(new(url.URL))
	if err := errors.Join(b.headers(http.Header{}), b.finish()); err != nil {
		return err
	}
	if err := e.Authorise(ctx, e.Action, param("town")); err != nil {
		return err
	}
	_, err := e.handle(ctx, req)
	return err
}

// Readable reports whether the caller of ctx may read what is at the path now: false where
// no route reads it. Parts of the path are as they are stored, not escaped.
func (e *Engine) Readable(ctx context.Context, path string) (bool, error) {
	parts := strings.Split(path, "/")
	for _, r := range e.routes {
		params, ok := paramsOf(r.Path, parts)
		if r.read == nil || !ok {
			continue
		}
		err := r.read(ctx, func(name string) string { return params[name] })
		if err != nil && !fault.Is(err, fault.KindInternal) && !fault.Is(err, fault.KindUnavailable) {
			if _, refused := errors.AsType[*fault.Error](err); refused {
				return false, nil
			}
		}
		return err == nil, err
	}
	return false, nil
}

// paramsOf returns the values of the parameters of a route in a path, and false where it is
// a path of another route.
func paramsOf(route string, parts []string) (map[string]string, bool) {
	pattern := strings.Split(route, "/")
	if len(pattern) != len(parts) {
		return nil, false
	}
	params := map[string]string{}
	for i, p := range pattern {
		switch name, isParam := strings.CutPrefix(p, ":"); {
		case isParam:
			params[name] = parts[i]
		case p != parts[i]:
			return nil, false
		}
	}
	return params, true
}

func (e *endpoint) serve(c *gin.Context) {
	if err := e.answer(c); err != nil {
		writeProblem(c.Writer, c.Request, err)
	}
}

// answer admits the caller before it reads the body, so that strangers cost little.
func (e *endpoint) answer(c *gin.Context) error {
	if e.Config.ReadOnly && e.changes() {
		return errReadOnly
	}
	p, err := e.admit(c.Request, e.Route)
	if err != nil {
		return err
	}
	req := reflect.New(e.Request).Interface()
	b := e.shape.bind(req, e.Labels)
	b.path(c.Param)
	if err := b.err(); err != nil {
		return err
	}
	ctx, town := access.WithPrincipal(c.Request.Context(), p), strings.TrimSpace(c.Param("town"))
	if !e.Open() {
		if err := e.Authorise(ctx, e.Action, town); err != nil {
			return err
		}
	}
	if e.Costly {
		if err := e.spend(ctx, p); err != nil {
			return err
		}
	}
	if known := p.In(town); known.Role != p.Role { // a stranger here
		caller := p
		caller.Role, caller.Roles, caller.Person = known.Role, known.Roles, known.Person
		SetCaller(ctx, caller)
		p = known
		ctx = access.WithPrincipal(ctx, p)
	}
	if _, ok := preferred(c.Request.Header["Accept"], e.offers()...); !ok {
		return notAcceptable
	}
	b.query(c.Request.URL)
	if err := b.headers(c.Request.Header); err != nil {
		return err
	}
	var claim *claim
	if e.changes() && !e.Uploads && !b.rehearses() { // else nothing is done that must be done once, or it is by its content
		if claim, err = claimOf(c.Request, p, e.Secret); err != nil {
			return err
		}
	}
	switch {
	case e.Uploads:
		u, err := e.receive(c.Request, c.Writer, e.BodyLimit)
		if err != nil {
			return err
		}
		defer u.close()
		b.req.FieldByIndex(b.bodyAt).Set(reflect.ValueOf(u))
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.Config.RequestTimeout) // from now on it is as any other
		defer cancel()
	case len(e.Files) > 0:
		err = b.file(c.Request, c.Writer, e.Route)
	default:
		err = b.body(c.Request, c.Writer, e.BodyLimit)
	}
	if err != nil {
		return err
	}
	if err := b.finish(); err != nil {
		return err
	}
	return e.work(WithActor(ctx, p), c, claim, req)
}

// work does what was asked, once where the request has a claim to that.
func (e *endpoint) work(ctx context.Context, c *gin.Context, claim *claim, req any) error {
	do := func(ctx context.Context, w http.ResponseWriter) error {
		if e.Costly {
			leave, err := e.queue.enter(ctx, access.PrincipalFrom(ctx).Credential() == "")
			if err != nil {
				return err
			}
			defer leave()
		}
		res, err := e.result(ctx, c.Request, req)
		if err != nil {
			return err
		}
		switch res := res.(type) {
		case Download:
			return e.sendFile(w, c.Request, e.Status, res)
		case Stream:
			return e.sendStream(w, c.Request, e.Status, res)
		}
		return respond(w, c.Request, e.Status, res)
	}
	if claim == nil {
		return do(ctx, c.Writer)
	}
	return e.once(ctx, c.Writer, claim, e.Secret, do)
}

// offers returns the media types of a success; what has no body takes any.
func (r Route) offers() []string {
	if len(r.MediaTypes) > 0 {
		return r.MediaTypes
	}
	return tableTypes[:1]
}

// WithActor returns a context in which the audit trail records p as who acts.
func WithActor(ctx context.Context, p access.Principal) context.Context {
	return audit.As(ctx, audit.Actor{
		Name: p.Name(), Role: cmp.Or(string(p.Role), "none"), Credential: cmp.Or(p.Key, p.Account), RequestID: RequestID(ctx),
	})
}
