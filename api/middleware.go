package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"
)

// use puts around every request what has nothing to do with its meaning.
func (s *Server) use(e *gin.Engine) {
	e.Use(s.observe(), s.protect, recoverPanics)
	e.NoRoute(func(c *gin.Context) { writeProblem(c.Writer, c.Request, noRoute) })
	e.NoMethod(func(c *gin.Context) { writeProblem(c.Writer, c.Request, noMethod) })
}

// observe names the request, bounds its time, and records it once it is answered.
func (s *Server) observe() gin.HandlerFunc {
	figures := newFigures(s.Metrics)
	return func(c *gin.Context) {
		start := time.Now()
		t := &trace{id: requestID(c.GetHeader("X-Request-Id")), client: c.ClientIP(), jar: newJar(c)}
		c.Header("X-Request-Id", t.id)
		ctx, cancel := context.WithTimeout(withTrace(c.Request.Context(), t), s.Config.RequestTimeout)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		figures.inFlight.Inc()
		defer func() { // also when an answer is cut off by a panic
			figures.inFlight.Dec()
			took := time.Since(start)
			figures.record(c.FullPath(), c.Request.Method, c.Writer.Status(), took)
			s.record(c, t, took)
		}()
		c.Next()
	}
}

// record writes the one log line of a request: no header, no query, the route
// instead of the path, so that no secret and no name gets in.
func (s *Server) record(c *gin.Context, t *trace, took time.Duration) {
	level, status := slog.LevelInfo, c.Writer.Status()
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	ctx := c.Request.Context()
	if !s.Log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", c.Request.Method), slog.String("route", c.FullPath()), slog.Int("status", status),
		slog.Int("bytes", max(c.Writer.Size(), 0)), slog.Float64("took_ms", float64(took.Microseconds())/1000), slog.String("client", t.client),
		slog.String("key", t.caller.Key), slog.String("account", t.caller.Account), slog.String("request_id", t.id),
	}
	if t.cause != nil {
		attrs = append(attrs, t.outcome(level))
	}
	s.Log.LogAttrs(ctx, level, "request", attrs...)
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
