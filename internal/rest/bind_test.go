package rest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"bulwark/internal/policy"
)

const itemsURL = "/api/v1/towns/demo/items"

func TestBadParametersAreRefusedAndNamed(t *testing.T) {
	h := serveProbes(t, newOptions())
	for query, want := range map[string]string{
		"klass=urban":                    "query/klass unknown_parameter",
		"Class=urban":                    "query/Class unknown_parameter",
		"town=demo":                      "query/town unknown_parameter",
		"class=urban&class=rural":        "query/class repeated_parameter",
		"class=village":                  "query/class oneof",
		"on=2023-02-30":                  "query/on wrong_type",
		"least=NaN":                      "query/least wrong_type",
		"least=-Inf":                     "query/least wrong_type",
		"least=1e999":                    "query/least wrong_type",
		"open=yes":                       "query/open wrong_type",
		"page_size=many":                 "query/page_size wrong_type",
		"page_size=":                     "query/page_size wrong_type",
		"page_size=0":                    "query/page_size min",
		"page_size=201":                  "query/page_size max",
		"page_size=99999999999999999999": "query/page_size wrong_type",
		"kind=a%07":                      "query/kind unprintable",
		"kind=%ff":                       "query/kind unprintable",
		"kind=%zz":                       "query query_syntax",
		"kind=a;class=b":                 "query query_syntax",
		"page_token=%21":                 "query/page_token page_token",
		"page_token=AAAA":                "query/page_token page_token",
	} {
		for _, language := range []string{"en", "zh"} {
			p := problemOf(t, do(h, http.MethodGet, itemsURL+"?"+query, "", "Accept-Language", language), http.StatusBadRequest)
			if got := errorAt(p); got != want || strings.Contains(p.Errors[0].Message, "%!") {
				t.Errorf("%s: got %q, want %q: %+v", query, got, want, p.Errors)
			}
		}
	}
}

func TestAllBadParametersComeTogether(t *testing.T) {
	h := serveProbes(t, newOptions())
	p := problemOf(t, do(h, http.MethodGet, itemsURL+"?x=1&y=2&least=a&open=b", ""), http.StatusBadRequest)
	if len(p.Errors) != 4 {
		t.Errorf("got %+v", p.Errors)
	}
}

func TestParametersAreBound(t *testing.T) {
	var got searchRequest
	h := serveProbes(t, newOptions(), func(r Router) {
		Get(r, "/towns/:town/bound", policy.ReadStructure, func(_ context.Context, q searchRequest) (Nothing, error) {
			got = q
			return Nothing{}, nil
		})
	})
	do(h, http.MethodGet,
		"/towns/demo/bound?class=urban&kind=a&kind=+e%CC%81&on=2023-09-30&least=0&open=false&page_size=200", "")
	if got.Town != "demo" || got.Class != "urban" || len(got.Kinds) != 2 || got.Kinds[1] != "é" || got.On == nil ||
		*got.On != "2023-09-30" ||
		got.Open == nil || *got.Open || got.PageSize != 200 {
		t.Errorf("got %+v", got)
	}
	do(h, http.MethodGet, "/towns/demo/bound", "")
	if got.On != nil || got.Open != nil || got.PageSize != 50 || got.Limit() != 51 {
		t.Errorf("without parameters: got %+v", got)
	}
}

func TestPathIsCleaned(t *testing.T) {
	h := serveProbes(t, newOptions())
	if p := problemOf(t, do(h, http.MethodGet, itemsURL+"/a%00b", ""),
		http.StatusBadRequest); errorAt(p) != "path/item unprintable" {
		t.Errorf("got %+v", p)
	}
}

// A request struct that cannot work must stop the program at its start.
func TestWrongRequestStructsPanicAtStart(t *testing.T) {
	type untagged struct{ Town string }
	type twice struct {
		A string `form:"a"`
		B string `header:"a"`
	}
	type noPath struct {
		B string `uri:"b"`
	}
	type odd struct {
		C complex128 `form:"c"`
	}
	type undivedList struct {
		Body struct {
			Parts []part `json:"parts"`
		}
	}
	type wrongRule struct {
		A string `form:"a" validate:"nonsense"`
	}
	for name, start := range map[string]func(){
		"untagged": func() { shapeOf(reflect.TypeFor[untagged](), http.MethodGet, "/x") },
		"twice":    func() { shapeOf(reflect.TypeFor[twice](), http.MethodGet, "/x") },
		"no path":  func() { shapeOf(reflect.TypeFor[noPath](), http.MethodGet, "/x/:bb") },
		"odd type": func() { shapeOf(reflect.TypeFor[odd](), http.MethodGet, "/x") },
		"no dive":  func() { shapeOf(reflect.TypeFor[undivedList](), http.MethodGet, "/x") },
		"rule":     func() { shapeOf(reflect.TypeFor[wrongRule](), http.MethodGet, "/x") },
		"version":  func() { shapeOf(reflect.TypeFor[itemRequest](), http.MethodPut, "/:town/:item") },
		"string":   func() { shapeOf(reflect.TypeFor[string](), http.MethodGet, "/x") },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			start()
		})
	}
}

func TestHeaderLinesOfOneNameAreOneList(t *testing.T) {
	var got string
	h := serveProbes(t, newOptions(), func(r Router) {
		Get(r, "/accept", policy.ReadStructure, func(_ context.Context, q struct {
			Accept string `header:"accept"`
		},
		) (Nothing, error) {
			got = q.Accept
			return Nothing{}, nil
		})
	})
	r := httptest.NewRequest(http.MethodGet, "/accept", nil)
	r.Header = http.Header{"Accept": {"text/csv", "application/json"}, "Authorization": {"Bearer group"}}
	h.ServeHTTP(httptest.NewRecorder(), r)
	if got != "text/csv, application/json" {
		t.Errorf("got %q", got)
	}
}
