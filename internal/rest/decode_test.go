package rest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

const itemURL = "/api/v1/towns/demo/items/x"

func TestBadJSONIsRefusedAndLocated(t *testing.T) {
	h := serveProbes(t, newOptions())
	deep := strings.Repeat("[", 33) + strings.Repeat("]", 33)
	for name, c := range map[string]struct{ body, want string }{
		"unknown field":        {`{"name":"a","colour":1}`, "/colour unknown_field"},
		"unknown nested field": {`{"name":"a","parts":[{"weight":1},{"wait":1}]}`, "/parts/1/wait unknown_field"},
		"field with a slash":   {`{"a/b":1}`, "/a~1b unknown_field"},
		"duplicate field":      {`{"name":"a","name":"b"}`, "/name duplicate_field"},
		"duplicate map key":    {`{"by_key":{"k":{"weight":1},"k":{"weight":2}}}`, "/by_key/k duplicate_field"},
		"other letter case":    {`{"Name":"a"}`, "/Name unknown_field"},
		"embedded type's name": {`{"item":{"name":"a"}}`, "/item unknown_field"},
		"trailing value":       {`{"name":"a"} {}`, " json_syntax"},
		"trailing text":        {`{"name":"a"}x`, " json_syntax"},
		"deep nesting":         {`{"parts":` + deep + `}`, " json_nesting"},
		"deep, in text":        {`{"name":1,"note":"` + strings.Repeat("[", 99) + `"}`, "/name wrong_type"},
		"number for text":      {`{"name":1}`, "/name wrong_type"},
		"text for number":      {`{"name":"a","value":"1"}`, "/value wrong_type"},
		"fraction for integer": {`{"name":"a","count":1.5}`, "/count wrong_type"},
		"list for object":      {`[]`, " wrong_type"},
		"object for list":      {`{"parts":{}}`, "/parts wrong_type"},
		"text for flag":        {`{"flag":"true"}`, "/flag wrong_type"},
		"huge number":          {`{"value":1e999}`, "/value out_of_range"},
		"huge integer":         {`{"count":9223372036854775808}`, "/count out_of_range"},
		"null number":          {`{"count":null}`, "/count null"},
		"null text":            {`{"name":null}`, "/name null"},
		"null body":            {`null`, " null"},
		"null in a list":       {`{"name":"a","parts":[null]}`, "/parts/0 null"},
		"no such day":          {`{"on":"2023-02-30"}`, "/on wrong_type"},
		"no such time":         {`{"at":"noon"}`, "/at wrong_type"},
		"NaN":                  {`{"value":NaN}`, " json_syntax"},
		"Infinity":             {`{"value":-Infinity}`, " json_syntax"},
		"single quotes":        {`{'name':'a'}`, " json_syntax"},
		"comment":              {`{"name":"a"/*b*/}`, " json_syntax"},
		"comma at the end":     {`{"name":"a",}`, " json_syntax"},
		"leading zero":         {`{"count":01}`, " json_syntax"},
		"lone surrogate":       {`{"name":"\ud800"}`, " json_syntax"},
		"raw line break":       {"{\"name\":\"a\nb\"}", " json_syntax"},
		"byte order mark":      {"\ufeff{\"name\":\"a\"}", " json_bom"},
		"only space":           {" \n ", " body_empty"},
		"invalid UTF-8":        {"{\"name\":\"a\xff\"}", " json_utf8"},
		"cut off":              {`{"name":"a"`, " json_truncated"},
		"control character":    {`{"name":"a\u0007"}`, "/name unprintable"},
		"direction override": {
			`{"name":"a","parts":[{"weight":1}],"by_key":{"a\u202eb":{"weight":1}}}`, "/by_key/a\u202eb unprintable",
		},
		"line break in a name": {`{"name":"a\nb"}`, "/name unprintable"},
	} {
		for _, language := range []string{"en", "zh"} {
			w := do(h, http.MethodPut, itemURL, c.body, "If-Match", `"3"`, "Accept-Language", language)
			p := problemOf(t, w, http.StatusBadRequest)
			if got := errorAt(p); got != c.want {
				t.Errorf("%s: got %q, want %q", name, got, c.want)
			}
			if m := p.Errors[0].Message; m == "" || strings.Contains(m, "%!") || strings.Contains(m, "Go ") {
				t.Errorf("%s: %s: %q", name, language, m)
			}
		}
	}
}

func TestSyntaxErrorsGiveLineAndColumn(t *testing.T) {
	h := serveProbes(t, newOptions())
	p := problemOf(t, do(h, http.MethodPut, itemURL, "{\n \"name\": \"鹤峰\", \"value\": NaN}", "If-Match", `"3"`),
		http.StatusBadRequest)
	if want := `line 2, column 25 ("NaN}"): is not valid JSON`; p.Errors[0].Message != want {
		t.Errorf("got %q, want %q", p.Errors[0].Message, want)
	}
}

func TestGoodJSONIsAccepted(t *testing.T) {
	h := serveProbes(t, newOptions())
	for name, c := range map[string]struct{ body, want string }{
		"a real 0":           {`{"name":"a","value":0}`, `"value":0`},
		"no value":           {`{"name":"a"}`, `"value":null`},
		"null pointer":       {`{"name":"a","value":null}`, `"value":null`},
		"cleaned":            {`{"name":" e\u0301 "}`, `"name":"é"`},
		"cleaned, then max":  {`{"name":"` + strings.Repeat(" ", 30) + `a"}`, `"name":"a"`},
		"several lines":      {`{"name":"a","note":"b\nc"}`, `"note":"b\nc"`},
		"a day":              {`{"name":"a","on":"2023-09-30"}`, `"on":"2023-09-30"`},
		"an empty list":      {`{"name":"a"}`, `"parts":[]`},
		"32 levels are read": {`{"name":"` + strings.Repeat("{", 40) + `"}`, `"status":422`}, // braces in text are no levels
	} {
		w := do(h, http.MethodPut, itemURL, c.body, "If-Match", `"3"`)
		if !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestBodyEnvelope(t *testing.T) {
	h := serveProbes(t, newOptions())
	good := `{"name":"a"}`
	for name, c := range map[string]struct {
		body   string
		header []string
		status int
	}{
		"no type":         {good, []string{"Content-Type", ""}, 415},
		"form":            {good, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		"problem":         {good, []string{"Content-Type", "application/problem+json"}, 415},
		"broken type":     {good, []string{"Content-Type", "application/json;;"}, 415},
		"other charset":   {good, []string{"Content-Type", "application/json; charset=gbk"}, 415},
		"compressed":      {good, []string{"Content-Encoding", "gzip"}, 415},
		"utf-8":           {good, []string{"Content-Type", "application/json; charset=UTF-8"}, 200},
		"empty":           {"", []string{"Content-Type", "application/json"}, 400},
		"over the limit":  {`{"name":"` + strings.Repeat("a", 4096), nil, 413},
		"up to the limit": {good + strings.Repeat(" ", 4096-len(good)), nil, 200},
	} {
		w := do(h, http.MethodPut, itemURL, c.body, append([]string{"If-Match", `"3"`}, c.header...)...)
		if w.Code != c.status {
			t.Errorf("%s: got %d, want %d: %s", name, w.Code, c.status, w.Body)
		}
	}
	if w := do(h, http.MethodPost, "/api/v1/towns/demo/bulk",
		`[`+strings.Repeat(" ", 100)+`]`); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("limit of the route: got %d", w.Code)
	}
	if w := do(h, http.MethodPost, itemURL+"/open", `{}`); errorAt(problemOf(t, w, 400)) != " unexpected_body" {
		t.Errorf("a body where none is taken: %s", w.Body)
	}
}

func TestBrokenRulesComeTogetherWithPointers(t *testing.T) {
	h := serveProbes(t, newOptions())
	body := `{"name":"","kind":"a b","value":-1,"parts":[{"weight":1},{"weight":0}],"by_key":{"a.b/c":{"weight":0}}}`
	want := map[string]string{
		"/name": "required", "/kind": "code", "/value": "min", "/parts/1/weight": "gt", "/by_key/a.b~1c/weight": "gt",
	}
	for _, language := range []string{"en", "zh"} {
		p := problemOf(t, do(h, http.MethodPut, itemURL, body, "If-Match", `"3"`, "Accept-Language", language),
			http.StatusUnprocessableEntity)
		if len(p.Errors) != len(want) {
			t.Errorf("got %d errors, want %d: %+v", len(p.Errors), len(want), p.Errors)
		}
		for _, e := range p.Errors {
			if want[e.Pointer] != e.Code || e.Message == "" || strings.Contains(e.Message, "Key:") {
				t.Errorf("%s: %+v", language, e)
			}
		}
	}
	p := problemOf(t, do(h, http.MethodPost, "/api/v1/towns/demo/items", `{"code":"-"}`), http.StatusUnprocessableEntity)
	if len(p.Errors) != 2 || p.Errors[0].Pointer != "/code" || p.Errors[1].Pointer != "/name" {
		t.Errorf("embedded struct: %+v", p.Errors)
	}
	p = problemOf(t, do(h, http.MethodPost, "/api/v1/towns/demo/bulk", `[{"weight":1},{"weight":-1}]`),
		http.StatusUnprocessableEntity)
	if errorAt(p) != "/1/weight gt" {
		t.Errorf("list as body: %+v", p.Errors)
	}
}

// FuzzDecode holds that no body makes the service panic or answer 5xx, and that
// what is accepted is clean.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"name":"a"}`, `{"name":"e\u0301","parts":[{"weight":1}],"by_key":{"k":{"weight":2}},"at":"2023-09-30T08:00:00Z"}`,
		`[[[`, "\xff", `{"a":{"b":[null]}}`,
	} {
		f.Add(s)
	}
	h := serveProbes(f, newOptions())
	f.Fuzz(func(t *testing.T, body string) {
		w := do(h, http.MethodPut, itemURL, body, "If-Match", `"3"`, "Content-Type", "application/json")
		if w.Code >= 500 || !jsontext.Value(w.Body.Bytes()).IsValid() {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	})
}
