package api

import (
	"context"
	"log/slog"

	"github.com/google/uuid"

	"bulwark/internal/access"
)

// trace is what the access log says of one request beyond the request itself.
type trace struct {
	id     string
	client string // address, of the proxy's client where the proxy is trusted
	jar    jar    // never logged
	caller access.Principal
	cause  error // the error answered with, private cause included
}

// outcome is the whole error where we are to blame, and only its code where the
// caller is: the message may repeat what was sent.
func (t *trace) outcome(level slog.Level) slog.Attr {
	if level == slog.LevelError {
		return slog.String("error", t.cause.Error())
	}
	_, e := explain(t.cause)
	return slog.String("code", e.Code)
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
