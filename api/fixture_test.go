package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/config"
	"bulwark/internal/fault"
	"bulwark/internal/jobs"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/rest/resttest"
	"bulwark/internal/text"
)

// keys are the callers of the tests: KEY → principal.
var keys = map[string]access.Principal{
	"group":    {Towns: []string{"demo"}, Role: policy.LeadingGroup, Key: "bw_group"},
	"reader":   {Towns: []string{"demo"}, Role: policy.Reader, Key: "bw_reader"},
	"readonly": {Towns: []string{"demo"}, Role: policy.LeadingGroup, Key: "bw_ro", ReadOnly: true},
}

// newTestServer admits the keys above by the real policy table.
func newTestServer() *Server {
	log := slog.New(slog.DiscardHandler)
	return &Server{
		Config:  config.Config{RequestTimeout: time.Minute, BodyLimit: 4096},
		Log:     log,
		Version: "test",
		Now:     time.Now,
		Jobs:    jobs.New(nil, log, time.Now, time.Hour),
		Authenticate: func(_ context.Context, key string) (access.Principal, error) {
			p, ok := keys[key]
			if !ok {
				return p, fault.Unauthenticated("unknown_key", "未知的密钥", "unknown key")
			}
			return p, nil
		},
		Authorize: func(_ context.Context, p access.Principal, a policy.Action, town string) error {
			switch {
			case p.Role == "":
				return fault.Unauthenticated("key_required", "需要密钥", "a key is needed")
			case town != "" && !slices.Contains(p.Towns, town):
				return fault.Missing(text.F("镇", "town"), town)
			case a.ScopeFor(p.Role) == policy.None:
				return fault.Forbidden("forbidden", "没有权限", "not allowed")
			}
			return nil
		},
		Ready: func(context.Context) error { return nil },
	}
}

// servingRoutes is the whole service with more routes.
func servingRoutes(t testing.TB, s *Server, add func(rest.Router)) http.Handler {
	t.Helper()
	e, err := s.newEngine()
	if err != nil {
		t.Fatal(err)
	}
	add(e.Root())
	h, err := e.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func do(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	return resttest.Do(h, method, target, body, header...)
}

func problemOf(t testing.TB, w *httptest.ResponseRecorder, status int) rest.Problem {
	t.Helper()
	return resttest.ProblemOf[rest.Problem](t, w, status)
}
