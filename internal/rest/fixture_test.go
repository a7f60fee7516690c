package rest

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/config"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/rest/resttest"
	"bulwark/internal/text"
)

// keys are the callers of the tests: KEY → principal.
var keys = map[string]access.Principal{
	"group":    {Towns: []string{"demo"}, Role: policy.LeadingGroup, Key: "bw_group"},
	"reader":   {Towns: []string{"demo"}, Role: policy.Reader, Key: "bw_reader"},
	"readonly": {Towns: []string{"demo"}, Role: policy.LeadingGroup, Key: "bw_ro", ReadOnly: true},
}

// newOptions returns an engine's options that admit the keys above by the real policy
// table.
func newOptions() Options {
	return Options{
		Config: &config.Config{RequestTimeout: time.Minute, BodyLimit: 4096},
		Log:    slog.New(slog.DiscardHandler),
		Now:    time.Now,
		Identify: func(r *http.Request, _ policy.Action) (access.Principal, error) {
			key, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			p, ok := keys[key]
			if given && !ok {
				return p, fault.Unauthenticated("unknown_key", "未知的密钥", "unknown key")
			}
			return p, nil
		},
		Authorise: func(ctx context.Context, a policy.Action, town string) error {
			p := access.PrincipalFrom(ctx)
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
	IfMatch
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
	PageQuery
}

// probes are routes that show what the engine does.
func probes(r Router) {
	Get(r, "/livez", policy.ReadService, func(context.Context, struct{}) (string, error) { return "ok", nil })
	v1 := r.Under("/api/v1")
	Get(v1, "/towns/:town/items", policy.ReadStructure, func(_ context.Context, q searchRequest) (Page[string], error) {
		var after string
		if err := q.Resume(&after); err != nil {
			return Page[string]{}, err
		}
		rows := []string{"a", "b", "c", "d", "e"}
		rows = rows[indexAfter(rows, after):]
		return NewPage(rows[:min(len(rows), q.Limit())], q.PageQuery, func(s string) []any { return []any{s} })
	})
	Create(v1, "/towns/:town/items", policy.WriteStructure, func(_ context.Context, q newItemRequest) (Created[thing], error) {
		return Created[thing]{q.Body.Code, thing{q.Body.item, 1}}, nil
	})
	Get(v1, "/towns/:town/items/:item", policy.ReadStructure, func(_ context.Context, q itemRequest) (thing, error) {
		return thing{item{Name: q.Item, Note: strings.Repeat("long ", 400)}, 3}, nil
	})
	change := func(_ context.Context, q changeRequest) (thing, error) { return thing{q.Body, q.Version + 1}, nil }
	Put(v1, "/towns/:town/items/:item", policy.WriteStructure, change)
	Delete(v1, "/towns/:town/items/:item", policy.WriteStructure, func(context.Context, struct {
		itemRequest
		IfMatch
	},
	) (Nothing, error) {
		return Nothing{}, nil
	})
	Post(v1, "/towns/:town/items/:item/open", policy.WriteStructure, func(_ context.Context, q itemRequest) (map[string]string, error) {
		return map[string]string{"item": q.Item}, nil
	})
	Post(v1, "/towns/:town/bulk", policy.WriteStructure, func(_ context.Context, q struct {
		Body []part `validate:"dive"`
	},
	) (int, error) {
		return len(q.Body), nil
	}, BodyLimit(100))
}

func indexAfter(rows []string, after string) int {
	for i, r := range rows {
		if cmp.Compare(r, after) > 0 {
			return i
		}
	}
	return len(rows)
}

// serveProbes is an engine with the probe routes and more.
func serveProbes(t testing.TB, o Options, more ...func(Router)) http.Handler {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, add := range append(more, probes) {
		add(e.Root())
	}
	h, err := e.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func do(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	return resttest.Do(h, method, target, body, header...)
}

func problemOf(t testing.TB, w *httptest.ResponseRecorder, status int) Problem {
	t.Helper()
	return resttest.ProblemOf[Problem](t, w, status)
}

// errorAt is the first error of a problem as "pointer code".
func errorAt(p Problem) string {
	if len(p.Errors) == 0 {
		return p.Code
	}
	return p.Errors[0].Pointer + " " + p.Errors[0].Code
}
