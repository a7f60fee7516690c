package probe

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/api"
	"bulwark/internal/config"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/improve"
	"bulwark/internal/index"
	"bulwark/internal/people"
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
	d := readDocument(t)
	s.walk(d)
	s.refusals(d)
}

// chores does what the service does in the background.
func chores(t *testing.T, db *gorm.DB) {
	t.Helper()
	for _, do := range []func(context.Context, *gorm.DB) (int, error){
		index.AppraisePending, improve.MeasureOutcomes, improve.ReopenRelapsed, improve.Remind,
	} {
		for done := 1; done > 0; {
			var err error
			if done, err = do(t.Context(), db); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (s *service) serve(db *gorm.DB) {
	server := &api.Server{
		DB: db, Config: config.Config{RequestTimeout: time.Minute, BodyLimit: 1 << 20}, Log: slog.New(slog.DiscardHandler), Version: "probe",
		Now: now,
		Authenticate: func(ctx context.Context, key string) (people.Principal, error) {
			return people.Authenticate(ctx, db, key)
		},
		Authorize: func(ctx context.Context, p people.Principal, a people.Action, town string) error {
			return people.Authorize(ctx, db, p, a, town)
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

// send puts a request under /api/v1 or, with two slashes in front, at the root.
func (s *service) send(who caller, method, path, language string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(s.t.Context(), method, "/api/v1"+path, bytes.NewReader(body))
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
	q := question{s.names.text(address), language, who.name}
	s.record.add(q, strconv.Itoa(w.Code), s.names.answer(address, w.Header(), w.Body.Bytes()))
}
