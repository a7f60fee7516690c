package rest

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"bulwark/internal/policy"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

func withLog(o Options) (Options, *bytes.Buffer) {
	var b bytes.Buffer
	o.Log = slog.New(slog.NewJSONHandler(&b, nil))
	return o, &b
}

func TestRequestIDs(t *testing.T) {
	h := serveProbes(t, newOptions())
	for given, kept := range map[string]bool{
		"01926f0e-7a3c-7b11": true, "trace_1.2-3": true,
		"": false, "short": false, "has space inside": false, "line\nbreak-is-bad": false, "<script>alert": false,
		strings.Repeat("a", 65): false,
	} {
		got := do(h, http.MethodGet, "/livez", "", "X-Request-Id", given).Header().Get("X-Request-Id")
		if kept && got != given {
			t.Errorf("%q became %q", given, got)
		}
		if id, err := uuid.Parse(got); !kept && (err != nil || id.Version() != 7) {
			t.Errorf("%q: %q is no UUIDv7", given, got)
		}
	}
}

func TestAccessLogHoldsNoSecret(t *testing.T) {
	s, log := withLog(newOptions())
	h := serveProbes(t, s)
	do(h, http.MethodGet, itemURL+"?token=hunter2", "", "Cookie", "session=hunter2", "X-API-Key", "hunter2",
		"User-Agent", "hunter2")
	do(h, http.MethodPut, itemURL, `{"name":1,"hunter2":"hunter2"}`, "If-Match", `"3"`)
	do(h, http.MethodGet, itemURL, "", "Authorization", "Bearer hunter2")
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("logged: %s", log)
	}
	log.Reset()
	w := do(h, http.MethodGet, itemURL, "")
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"method": "GET", "route": "/api/v1/towns/:town/items/:item", "status": 200.0, "bytes": float64(w.Body.Len()),
		"key": "bw_group", "request_id": w.Header().Get("X-Request-Id"), "client": "192.0.2.1",
	} {
		if line[name] != want {
			t.Errorf("%s: got %v, want %v", name, line[name], want)
		}
	}
}

func TestPanicsAreAnsweredAndLoggedWithoutHeaders(t *testing.T) {
	s, log := withLog(newOptions())
	h := serveProbes(t, s, func(r Router) {
		Get(r, "/panic", policy.ReadStructure, func(context.Context, struct{}) (Nothing, error) { panic("planted") })
	})
	w := do(h, http.MethodGet, "/panic", "", "Cookie", "session=hunter2", "X-API-Key", "hunter2")
	problemOf(t, w, http.StatusInternalServerError)
	if strings.Contains(w.Body.String(), "planted") || strings.Contains(log.String(), "hunter2") ||
		!strings.Contains(log.String(), "planted") ||
		!strings.Contains(log.String(), "observe_test.go") {
		t.Errorf("answer %s, log %s", w.Body, log)
	}
}

func TestAClientThatLeftIsNoFailure(t *testing.T) {
	s, log := withLog(newOptions())
	ctx, leave := context.WithCancel(t.Context())
	h := serveProbes(t, s, func(r Router) {
		Get(r, "/leave", policy.ReadStructure, func(ctx context.Context, _ struct{}) (Nothing, error) {
			leave()
			return Nothing{}, ctx.Err()
		})
	})
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/leave", nil)
	r.Header.Set("Authorization", "Bearer group")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Body.Len() != 0 || !strings.Contains(log.String(), `"status":499`) || strings.Contains(log.String(), "ERROR") {
		t.Errorf("%d %s: %s", w.Code, w.Body, log)
	}
}

func TestForwardedAddressesAreBelievedFromTrustedProxiesOnly(t *testing.T) {
	for _, c := range []struct {
		trusted []string
		want    string
	}{{nil, "192.0.2.1"}, {[]string{"192.0.2.0/24"}, "203.0.113.9"}, {[]string{"198.51.100.1"}, "192.0.2.1"}} {
		s, log := withLog(newOptions())
		s.Config.TrustedProxies = c.trusted
		do(serveProbes(t, s), http.MethodGet, "/livez", "", "X-Forwarded-For", "203.0.113.9", "X-Real-Ip", "203.0.113.8")
		if !strings.Contains(log.String(), `"client":"`+c.want+`"`) {
			t.Errorf("trusted %v: %s", c.trusted, log)
		}
	}
	s := newOptions()
	s.Config.TrustedProxies = []string{"nonsense"}
	if _, err := New(s); err == nil {
		t.Error("a wrong proxy was accepted")
	}
}

func TestAccess(t *testing.T) {
	h := serveProbes(t, newOptions())
	for name, c := range map[string]struct {
		method, target, authorization string
		status                        int
		code                          string
	}{
		"no key":             {"GET", itemURL, "", 401, "key_required"},
		"unknown key":        {"GET", itemURL, "Bearer nobody", 401, "unknown_key"},
		"no key, public":     {"GET", "/livez", "", 200, ""},
		"bad key, public":    {"GET", "/livez", "Bearer nobody", 200, ""},
		"other town":         {"GET", "/api/v1/towns/lishui/items/x", "Bearer group", 404, "not_found"},
		"not allowed":        {"PUT", itemURL, "Bearer reader", 403, "forbidden"},
		"read-only reads":    {"GET", itemURL, "Bearer readonly", 200, ""},
		"read-only writes":   {"PUT", itemURL, "Bearer readonly", 403, "key_read_only"},
		"read-only, a post":  {"POST", itemURL + "/open", "Bearer readonly", 403, "key_read_only"},
		"refused before 428": {"DELETE", itemURL, "Bearer reader", 403, "forbidden"},
	} {
		w := do(h, c.method, c.target, "", "Authorization", c.authorization)
		if w.Code == 200 && c.status == 200 {
			continue
		}
		if p := problemOf(t, w, c.status); p.Code != c.code ||
			(c.status == 401) != (w.Header().Get("WWW-Authenticate") == "Bearer") {
			t.Errorf("%s: %+v %v", name, p, w.Header())
		}
	}
}

func TestAnonymousAnswersAreRevalidated(t *testing.T) {
	s := newOptions()
	s.Authorise = func(context.Context, policy.Action, string) error { return nil }
	h := serveProbes(t, s)
	if got := do(h, http.MethodGet, itemURL, "", "Authorization", "").Header().Get("Cache-Control"); got != "no-cache" {
		t.Errorf("got %s", got)
	}
}

func TestSecurityHeaders(t *testing.T) {
	s := newOptions()
	for _, tls := range []bool{false, true} {
		s.Config.BehindTLS = tls
		for _, target := range []string{itemURL, "/nowhere"} {
			h := do(serveProbes(t, s), http.MethodGet, target, "").Header()
			if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
				!strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
				(h.Get("Strict-Transport-Security") != "") != tls {
				t.Errorf("%s: %v", target, h)
			}
		}
	}
}

func TestCORS(t *testing.T) {
	off := do(serveProbes(t, newOptions()), http.MethodGet, itemURL, "", "Origin", "https://a.example")
	if off.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error("on without configured origins")
	}
	s := newOptions()
	s.Config.CORSOrigins = []string{"https://a.example"}
	h := serveProbes(t, s)
	for origin, want := range map[string]string{
		"https://a.example": "https://a.example", "https://b.example": "", "null": "", "": "",
	} {
		w := do(h, http.MethodGet, itemURL, "", "Origin", origin)
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != want ||
			w.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("origin %q: %v", origin, w.Header())
		}
		if !strings.Contains(strings.Join(w.Header()["Vary"], ","), "Origin") {
			t.Errorf("origin %q: Vary %v", origin, w.Header()["Vary"])
		}
	}
	preflight := do(h, http.MethodOptions, itemURL, "", "Authorization", "", "Origin", "https://a.example",
		"Access-Control-Request-Method", "PUT")
	if preflight.Code != http.StatusNoContent ||
		!strings.Contains(preflight.Header().Get("Access-Control-Allow-Headers"), "If-Match") ||
		!strings.Contains(preflight.Header().Get("Access-Control-Allow-Headers"), "Act-As") {
		t.Errorf("preflight: %d %v", preflight.Code, preflight.Header())
	}
	if w := do(h, http.MethodOptions, itemURL, "", "Origin", "https://b.example", "Access-Control-Request-Method",
		"PUT"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("preflight of a stranger: %d", w.Code)
	}
}

// Whatever callers send, the labels come from routes and known methods.
func TestMetricsHaveFewLabels(t *testing.T) {
	s := newOptions()
	registry := prometheus.NewRegistry()
	s.Metrics = registry
	h := serveProbes(t, s)
	for _, target := range []string{"/a", "/b", "/c", itemURL + "1", itemURL + "2"} {
		do(h, http.MethodGet, target, "")
	}
	do(h, "BREW", "/a", "")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "bulwark_request_duration_seconds" && len(f.GetMetric()) != 3 {
			t.Errorf("%d series: %v", len(f.GetMetric()), f.GetMetric())
		}
	}
}
