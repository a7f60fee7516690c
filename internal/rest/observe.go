package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bulwark/internal/access"
)

// trace is what the access log records of one request beyond the request itself.
type trace struct {
	id      string
	client  string // address, of the proxy's client where the proxy is trusted
	request *http.Request
	writer  http.ResponseWriter
	caller  access.Principal
	cause   error // the error answered with, private cause included
}

type traceKey struct{}

func withTrace(ctx context.Context, t *trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

func traceOf(ctx context.Context) *trace {
	if t, ok := ctx.Value(traceKey{}).(*trace); ok {
		return t
	}
	return &trace{}
}

// RequestID returns the id of the request of the context.
func RequestID(ctx context.Context) string { return traceOf(ctx).id }

// ClientAddress returns the address that the request of the context came from.
func ClientAddress(ctx context.Context) string { return traceOf(ctx).client }

// SetCaller sets who the request of the context is from, for its log line and for
// how its answer may be cached.
func SetCaller(ctx context.Context, p access.Principal) { traceOf(ctx).caller = p }

// outcome is the whole error where we are to blame, and only its code where the
// caller is: the message may repeat what was sent.
func (t *trace) outcome(level slog.Level) slog.Attr {
	if level == slog.LevelError {
		return slog.String("error", t.cause.Error())
	}
	_, e := explain(t.cause)
	return slog.String("code", e.Code)
}

// requestID keeps the caller's id if it is short and plain, so that one id can
// follow a request through several services, and else makes a UUIDv7.
func requestID(given string) string {
	if len(given) >= 8 && len(given) <= 64 && plain(given) {
		return given
	}
	return uuid.Must(uuid.NewV7()).String()
}

func plain(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// observe names the request, bounds its time, and records it once it is answered.
func (e *Engine) observe() gin.HandlerFunc {
	figures := newFigures(e.Metrics)
	return func(c *gin.Context) {
		start := time.Now()
		t := &trace{id: requestID(c.GetHeader("X-Request-Id")), client: c.ClientIP(), request: c.Request, writer: c.Writer}
		c.Header("X-Request-Id", t.id)
		limit := e.Config.RequestTimeout
		if e.uploads(c) {
			limit += e.transfer.whole
		}
		ctx, cancel := context.WithTimeout(withTrace(c.Request.Context(), t), limit)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		figures.inFlight.Inc()
		defer func() { // also when an answer is cut off by a panic
			figures.inFlight.Dec()
			took := time.Since(start)
			figures.record(c.FullPath(), c.Request.Method, c.Writer.Status(), took)
			figures.countError(c.Writer.Status(), t.cause)
			e.record(c, t, took)
		}()
		c.Next()
	}
}

// uploads reports whether the request is one of a route that takes a file.
func (e *Engine) uploads(c *gin.Context) bool {
	return c.Request.Method == http.MethodPost && slices.ContainsFunc(e.routes, func(r Route) bool {
		return r.Uploads && r.Path == c.FullPath()
	})
}

// record writes the one log line of a request: no header, no query, the route
// instead of the path, so that no secret and no name gets in.
func (e *Engine) record(c *gin.Context, t *trace, took time.Duration) {
	level, status := slog.LevelInfo, c.Writer.Status()
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	ctx := c.Request.Context()
	if !e.Log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", c.Request.Method), slog.String("route", c.FullPath()), slog.Int("status", status),
		slog.Int("bytes", max(c.Writer.Size(), 0)), slog.Float64("took_ms", float64(took.Microseconds())/1000),
		slog.String("client", t.client), slog.String("key", t.caller.Key), slog.String("account", t.caller.Account),
		slog.String("request_id", t.id),
	}
	if t.cause != nil {
		attrs = append(attrs, t.outcome(level))
	}
	e.Log.LogAttrs(ctx, level, "request", attrs...)
}

// recoverPanics turns a panic into a 500 whose stack is in the log. Headers are
// not logged: they hold keys.
func recoverPanics(c *gin.Context) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		err := fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		if c.Writer.Written() {
			traceOf(c.Request.Context()).cause = err
			panic(http.ErrAbortHandler) // cut the answer: half of it would look whole
		}
		writeProblem(c.Writer, c.Request, err)
	}()
	c.Next()
}

// figures are the metrics of requests. Labels come from short lists, whatever
// a caller sends.
type figures struct {
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	errors   *prometheus.CounterVec
}

// errorCodes are those of answers with a status from 500: each is counted from 0, so that
// an alert sees its first one.
var errorCodes = []string{
	"database_busy", "database_unavailable", "internal", "not_appraised", "not_ready", "read_only", "shutting_down",
	"sign_in_busy", "timeout", "trail_differs",
}

func newFigures(to prometheus.Registerer) figures {
	metrics := promauto.With(to)
	f := figures{
		metrics.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "bulwark_request_duration_seconds",
			Help:    "Time to answer, by route, method and status; its count is the number of requests.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "method", "status"}),
		metrics.NewGauge(prometheus.GaugeOpts{Name: "bulwark_requests_in_flight", Help: "Requests being answered now."}),
		metrics.NewCounterVec(prometheus.CounterOpts{
			Name: "bulwark_server_errors_total", Help: "Answers with a status from 500, by code of the problem.",
		}, []string{"code"}),
	}
	for _, code := range errorCodes {
		f.errors.WithLabelValues(code)
	}
	return f
}

func (f figures) countError(status int, cause error) {
	if status >= http.StatusInternalServerError && cause != nil {
		_, e := explain(cause)
		f.errors.WithLabelValues(e.Code).Inc()
	}
}

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	http.MethodOptions,
}

func (f figures) record(route, method string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	if !slices.Contains(methods, method) {
		method = "other"
	}
	f.duration.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}
