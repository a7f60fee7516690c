package probe

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/api"
	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/config"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/jobs"
	"bulwark/internal/policy"
)

// today is the moment at which everything is asked, days after the demo ends.
var today = time.Date(2023, 10, 9, 2, 0, 0, 0, time.UTC)

func now() time.Time { return today }

// service is the program on a copy of the demo.
type service struct {
	t       *testing.T
	handler http.Handler
	callers []caller
	names   names
	record  *record
}

// caller is a role with its key, or nobody.
type caller struct{ name, key string }

// ask asks everything of the demo on the database and records the answers.
func ask(t *testing.T, dialect string, r *record) {
	db := dbtest.Connect(t, demotest.Towns.URL(t, dialect), database.Options{Now: now})
	chores(t, db)
	s := &service{t: t, names: names{}, record: r}
	s.tables(db) // before there are keys, whose secrets are random
	s.serve(db)
	s.additions()
	d := readDocument(t)
	s.walk(d)
	s.refusals(d)
	_, err := audit.VerifyRows(t.Context(), db, "", func(d audit.Difference) { t.Error(d.Message().EN) })
	if err != nil {
		t.Error(err)
	}
}

// runner does the background work of the service.
func runner(db *gorm.DB) *jobs.Runner {
	return jobs.New(db, slog.New(slog.DiscardHandler), now, time.Hour)
}

// chores does what the service does in the background.
func chores(t *testing.T, db *gorm.DB) {
	t.Helper()
	for r := runner(db); ; {
		switch done, err := r.RunPending(t.Context()); {
		case err != nil:
			t.Fatal(err)
		case done == 0:
			return
		}
	}
}

// additions are one of each thing that the demo lacks.
func (s *service) additions() {
	scheme := s.send(s.as(policy.LeadingGroup), http.MethodGet, "/scheme-templates/five-forces", "en", nil).Body.String()
	for _, a := range []struct {
		by            policy.Role
		address, body string
	}{
		{
			policy.Office, "/towns/demo/events",
			`{"kind": "event", "held_on": "2023-09-20", "topic": "invented", "branches": ["b01", "b07"], "people": ["mentor-1"]}`,
		},
		{
			policy.Office, "/towns/demo/events",
			`{"kind": "study_visit", "held_on": "2023-09-21", "topic": "invented", "branches": ["b01"], "host": "b11"}`,
		},
		{
			policy.LeadingGroup, "/towns/demo/periods/2023Q3/exceptions",
			`{"branch": "b01", "reason": "invented", "until": "2023-10-31"}`,
		},
		{
			policy.LeadingGroup, "/towns/demo/measures/6/tasks",
			`{"branch": "b01", "person": "instructor-1", "title": "invented", "due_on": "2023-10-31"}`,
		},
		{
			policy.LeadingGroup, "/towns/demo/measures/1/tasks",
			`{"person": "group-1", "title": "invented", "due_on": "2023-09-30"}`,
		},
		{
			policy.Secretary, "/towns/demo/ratings",
			`{"period": "2023Q2", "branch": "b01", "kind": "mentor", "subject": "mentor-1", "score": 4}`,
		},
		{policy.LeadingGroup, "/towns/demo/schemes", scheme},
	} {
		if w := s.send(s.as(a.by), http.MethodPost, a.address, "en", []byte(a.body)); w.Code != http.StatusCreated {
			s.t.Errorf("POST %s: %d %.500s", a.address, w.Code, w.Body)
		}
	}
}

// as returns the caller with the role.
func (s *service) as(role policy.Role) caller {
	return s.callers[slices.IndexFunc(s.callers, func(c caller) bool { return c.name == string(role) })]
}

func (s *service) serve(db *gorm.DB) {
	server := &api.Server{
		DB: db, Config: config.Config{RequestTimeout: time.Minute, BodyLimit: 1 << 20}, Log: slog.New(slog.DiscardHandler),
		Version: "probe", Now: now, Jobs: runner(db),
		Authenticate: func(ctx context.Context, key string) (access.Principal, error) {
			return credential.Authenticate(ctx, db, key)
		},
		Authorize: func(ctx context.Context, p access.Principal, a policy.Action, town string) error {
			return p.Authorize(ctx, db, a, town)
		},
		Ready: func(context.Context) error { return nil },
	}
	var err error
	if s.handler, err = server.Handler(); err != nil {
		s.t.Fatal(err)
	}
	credentials, err := demo.Credentials(s.t.Context(), db)
	if err != nil {
		s.t.Fatal(err)
	}
	s.callers = []caller{{"nobody", ""}}
	for _, c := range credentials {
		s.callers = append(s.callers, caller{string(c.Role), c.Key})
	}
}

// base is where the addresses of the document begin, root leads out of it.
const base, root = "/api/v1", "/../.."

// send puts a request to an address under base.
func (s *service) send(who caller, method, path, language string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(s.t.Context(), method, strings.TrimPrefix(base+path, base+root),
		bytes.NewReader(body))
	r.Header.Set("Accept-Language", language)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if who.key != "" {
		r.Header.Set("Authorization", "Bearer "+who.key)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// note records an answer under the address.
func (s *service) note(who caller, address, language string, w *httptest.ResponseRecorder) {
	q := question{strings.Replace(s.names.text(address), root, "", 1), language, who.name}
	s.record.add(q, strconv.Itoa(w.Code), s.names.answer(address, w.Header(), w.Body.Bytes()))
}
