package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/internal/access"
	"bulwark/internal/config"
	"bulwark/internal/fault"
	"bulwark/internal/jobs"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
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

// do sends one request as the leading group; header holds name, value, ….
func do(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	var from io.Reader
	if body != "" {
		from = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, from)
	r.Header.Set("Authorization", "Bearer group")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// problemOf reads the problem of an answer and holds it against the status.
func problemOf(t testing.TB, w *httptest.ResponseRecorder, status int) rest.Problem {
	t.Helper()
	var p rest.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("status %d, no problem: %v: %s", w.Code, err, w.Body)
	}
	if w.Code != status || p.Status != status || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("status %d (%s), want %d: %s", w.Code, w.Header().Get("Content-Type"), status, w.Body)
	}
	if p.RequestID == "" || p.RequestID != w.Header().Get("X-Request-Id") || p.Title == "" || p.Code == "" {
		t.Errorf("incomplete problem: %+v", p)
	}
	return p
}
