package api

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

func withLog(s *Server) (*Server, *bytes.Buffer) {
	var b bytes.Buffer
	s.Log = slog.New(slog.NewJSONHandler(&b, nil))
	return s, &b
}

func TestTheSchemeOfAuthorization(t *testing.T) {
	h := servingRoutes(t, newTestServer(), func(r rest.Router) {
		rest.Get(r, "/probe", policy.ReadStructure, func(context.Context, struct{}) (string, error) { return "", nil })
	})
	for authorization, status := range map[string]int{"Basic Z3JvdXA6": 401, "Bearer": 401, "bearer group": 200} {
		w := do(h, http.MethodGet, "/probe", "", "Authorization", authorization)
		if w.Code == http.StatusOK && status == http.StatusOK {
			continue
		}
		if p := problemOf(t, w, status); p.Code != "authorization_scheme" || w.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: %+v %v", authorization, p, w.Header())
		}
	}
}

func TestHealth(t *testing.T) {
	s := newTestServer()
	var broken error
	s.Ready = func(context.Context) error { return broken }
	h := servingRoutes(t, s, func(rest.Router) {})
	if w := do(h, http.MethodGet, "/readyz", ""); w.Code != http.StatusOK {
		t.Errorf("ready: %d", w.Code)
	}
	s.Trail = func() string { return "differs" }
	for _, stop := range []bool{false, true} {
		s.Config.StopOnTampering = stop
		switch w := do(h, http.MethodGet, "/readyz", ""); {
		case !stop && (w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"trail":"differs"`)):
			t.Errorf("tampered with: %d %s", w.Code, w.Body)
		case stop:
			if p := problemOf(t, w, http.StatusServiceUnavailable); p.Code != "trail_differs" {
				t.Errorf("tampered with, to be stopped: %+v", p)
			}
		}
	}
	s.Trail = nil
	s.DiskFull = func() bool { return true }
	if w := do(h, http.MethodGet, "/readyz", ""); w.Code != http.StatusOK ||
		!strings.Contains(w.Body.String(), `"disk":"full"`) {
		t.Errorf("full: %d %s", w.Code, w.Body)
	}
	broken = errors.New("dial: hunter2")
	w := do(h, http.MethodGet, "/readyz", "")
	if p := problemOf(t, w, http.StatusServiceUnavailable); p.Code != "not_ready" ||
		strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("broken: %s", w.Body)
	}
	broken = nil
	s.Drain()
	if p := problemOf(t, do(h, http.MethodGet, "/readyz", ""), http.StatusServiceUnavailable); p.Code != "shutting_down" {
		t.Errorf("draining: %+v", p)
	}
	if w := do(h, http.MethodGet, "/livez", ""); w.Code != http.StatusOK {
		t.Errorf("live while draining: %d", w.Code)
	}
}

// A defect is opaque to the caller, and its line in the log names the place on the way
// to it in each room.
func TestADefectIsLoggedWithItsPlace(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		_, lines := withLog(h.server)
		handler, err := h.server.Handler()
		h.must(err)
		caller, owner := apitest.New(t, handler).As(h.secrets[policy.LeadingGroup]), dbtest.Owner(t, db)
		for _, c := range []struct{ table, path, place string }{
			{"pioneer_teams", "/towns/demo/teams", "teams of demo: "},
			{"improvement_targets", "/towns/demo/dashboard", "dashboard of demo: count the targets of demo: "},
			{"visits", "/towns/demo/visits/" + nothing, "visit " + nothing + ": "},
		} {
			h.must(owner.Exec("ALTER TABLE " + c.table + " RENAME TO missing").Error)
			lines.Reset()
			if p := caller.Get(c.path).Problem(http.StatusInternalServerError); p.Code != "internal" ||
				strings.Contains(p.Detail, c.table) {
				t.Errorf("%s: %+v", c.path, p)
			}
			if !strings.Contains(lines.String(), `"`+c.place) || !strings.Contains(lines.String(), c.table) {
				t.Errorf("%s: no %q in the log: %s", c.path, c.place, lines)
			}
			h.must(owner.Exec("ALTER TABLE missing RENAME TO " + c.table).Error)
		}
	})
}

// In read-only mode no route that changes anything is admitted, whoever asks; the others
// answer as before.
func TestReadOnlyModeRefusesEveryWrite(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.server.Config.ReadOnly = true
		handler, err := h.server.Handler()
		if err != nil {
			t.Fatal(err)
		}
		computing := []string{"/periods/:period/what-if", "/periods/:period/what-if/schemes", "/schemes/weights"}
		placeholders, writes := regexp.MustCompile(`:[a-z]+`), 0
		for _, route := range Routes() {
			path := placeholders.ReplaceAllString(strings.Replace(route.Path, ":town", "demo", 1), "x")
			w := do(handler, route.Method, path, "{}", "Authorization", "Bearer "+h.secrets[policy.Admin], "Content-Type",
				"application/json", "If-Match", `"1"`)
			refused := strings.Contains(w.Body.String(), `"read_only"`) && w.Code == http.StatusServiceUnavailable
			reads := rest.Safe(route.Method) && route.Action != policy.SignIn ||
				slices.Contains(computing, strings.TrimPrefix(route.Path, "/api/v1/towns/:town"))
			if refused == reads {
				t.Errorf("%s %s: %d %s", route.Method, route.Path, w.Code, w.Body)
			}
			if refused {
				writes++
			}
		}
		if writes < 100 {
			t.Errorf("only %d routes were refused", writes)
		}
	})
}
