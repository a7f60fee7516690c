package api

import (
	"cmp"
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
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// keys are the callers of the tests: KEY → principal.
var keys = map[string]access.Principal{
	"group":    {Towns: []string{"demo"}, Role: access.LeadingGroup, Key: "bw_group"},
	"reader":   {Towns: []string{"demo"}, Role: access.Reader, Key: "bw_reader"},
	"readonly": {Towns: []string{"demo"}, Role: access.LeadingGroup, Key: "bw_ro", ReadOnly: true},
}

// newTestServer admits the keys above by the real policy table.
func newTestServer() *Server {
	return &Server{
		Config:  config.Config{RequestTimeout: time.Minute, BodyLimit: 4096},
		Log:     slog.New(slog.DiscardHandler),
		Version: "test",
		Now:     time.Now,
		Authenticate: func(_ context.Context, key string) (access.Principal, error) {
			p, ok := keys[key]
			if !ok {
				return p, fault.Unauthenticated("unknown_key", "未知的密钥", "unknown key")
			}
			return p, nil
		},
		Authorize: func(_ context.Context, p access.Principal, a access.Action, town string) error {
			switch {
			case p.Role == "":
				return fault.Unauthenticated("key_required", "需要密钥", "a key is needed")
			case town != "" && !slices.Contains(p.Towns, town):
				return fault.Missing(text.F("镇", "town"), town)
			case access.ScopeOf(a, p.Role) == access.None:
				return fault.Forbidden("forbidden", "没有权限", "not allowed")
			}
			return nil
		},
		Ready: func(context.Context) error { return nil },
	}
}

type item struct {
	Name  string          `json:"name" validate:"required,max=20"`
	Kind  string          `json:"kind" validate:"omitempty,code"`
	Note  string          `json:"note" multiline:"true"`
	Value *float64        `json:"value" validate:"omitempty,min=0"`
	Count int64           `json:"count"`
	On    day.Date        `json:"on"`
	At    *time.Time      `json:"at"`
	Flag  bool            `json:"flag"`
	Parts []part          `json:"parts" validate:"dive"`
	ByKey map[string]part `json:"by_key" validate:"dive"`
}

type part struct {
	Weight float64 `json:"weight" validate:"gt=0"`
}

type thing struct {
	item
	Version int64 `json:"version"`
}

func (t thing) ETag() string { return `"` + string(rune('0'+t.Version)) + `"` }

type itemRequest struct {
	Town string `uri:"town"`
	Item string `uri:"item"`
}

type changeRequest struct {
	itemRequest
	ifMatch
	Body item
}

type newItemRequest struct {
	Town string `uri:"town"`
	Body struct {
		Code string `json:"code" validate:"required,code"`
		item
	}
}

type searchRequest struct {
	Town  string    `uri:"town"`
	Class string    `form:"class" validate:"omitempty,oneof=urban rural"`
	Kinds []string  `form:"kind"`
	On    *day.Date `form:"on"`
	Least float64   `form:"least"`
	Open  *bool     `form:"open"`
	Sort  string    `form:"sort"`
	pageQuery
}

// probes are routes that show what the adaptor does.
func probes(r routes) {
	v1 := r.under("/api/v1")
	get(v1, "/towns/:town/items", access.ReadStructure, func(_ context.Context, q searchRequest) (Page[string], error) {
		var after string
		if err := q.resume(&after); err != nil {
			return Page[string]{}, err
		}
		if _, err := sortBy(q.Sort, "score", "code"); err != nil {
			return Page[string]{}, err
		}
		rows := []string{"a", "b", "c", "d", "e"}
		rows = rows[indexAfter(rows, after):]
		return page(rows[:min(len(rows), q.limit())], q.pageQuery, func(s string) []any { return []any{s} })
	})
	create(v1, "/towns/:town/items", access.WriteStructure, func(_ context.Context, q newItemRequest) (Created[thing], error) {
		return Created[thing]{q.Body.Code, thing{q.Body.item, 1}}, nil
	})
	get(v1, "/towns/:town/items/:item", access.ReadStructure, func(_ context.Context, q itemRequest) (thing, error) {
		return thing{item{Name: q.Item, Note: strings.Repeat("long ", 400)}, 3}, nil
	})
	change := func(_ context.Context, q changeRequest) (thing, error) { return thing{q.Body, q.Version + 1}, nil }
	put(v1, "/towns/:town/items/:item", access.WriteStructure, change)
	patch(v1, "/towns/:town/items/:item", access.WriteStructure, change)
	remove(v1, "/towns/:town/items/:item", access.WriteStructure, func(context.Context, struct {
		itemRequest
		ifMatch
	},
	) (Nothing, error) {
		return Nothing{}, nil
	})
	post(v1, "/towns/:town/items/:item/open", access.WriteStructure, func(_ context.Context, q itemRequest) (map[string]string, error) {
		return map[string]string{"item": q.Item}, nil
	})
	post(v1, "/towns/:town/bulk", access.WriteStructure, func(_ context.Context, q struct {
		Body []part `validate:"dive"`
	},
	) (int, error) {
		return len(q.Body), nil
	}, bodyLimit(100))
}

func indexAfter(rows []string, after string) int {
	for i, r := range rows {
		if cmp.Compare(r, after) > 0 {
			return i
		}
	}
	return len(rows)
}

// serveProbes is the real router and middleware with the probe routes added.
func serveProbes(t testing.TB, s *Server, more ...func(routes)) http.Handler {
	t.Helper()
	e, err := s.engine()
	if err != nil {
		t.Fatal(err)
	}
	probes(routes{to: e, server: s})
	for _, add := range more {
		add(routes{to: e, server: s})
	}
	h, err := compress(e)
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
func problemOf(t testing.TB, w *httptest.ResponseRecorder, status int) Problem {
	t.Helper()
	var p Problem
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

// errorAt is the first error of a problem as "pointer code".
func errorAt(p Problem) string {
	if len(p.Errors) == 0 {
		return p.Code
	}
	return p.Errors[0].Pointer + " " + p.Errors[0].Code
}
