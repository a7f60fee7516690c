package apitest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/rest"
)

func fixture(t *testing.T) *spec {
	t.Helper()
	data, err := os.ReadFile("../../docs/generate/testdata/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := read(data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const (
	branch     = `{"code":"b07","kind":"village","label":{},"marks":{},"ranks":[1],"score":null,"version":1,"created_at":"2026-01-02T03:04:05Z"}`
	goodBody   = `{"code":"b07","score":90,"name":{"zh":"禾丰"}}`
	goodPage   = `{"items":[` + branch + `]}`
	goodFault  = `{"type":"about:blank","title":"Conflict","status":409,"code":"taken","request_id":"1"}`
	branches   = "/api/v1/towns/demo/branches"
	listOfDay  = branches + "?from=2026-01-01"
	jsonType   = "application/json"
	problemish = "application/problem+json"
)

// Every way in which a service can drift from its document is seen.
func TestDriftIsSeen(t *testing.T) {
	s := fixture(t)
	for _, tt := range []struct {
		name                string
		method, target      string
		sent                string
		status              int
		contentType, answer string
		bad                 bool
		want                string // part of the only fault; empty = none
	}{
		{"good list", "GET", listOfDay, "", 200, jsonType, goodPage, false, ""},
		{"good table", "GET", listOfDay, "", 200, "text/csv; charset=utf-8", "code\nb07\n", false, ""},
		{"good creation", "POST", branches, goodBody, 201, jsonType, branch, false, ""},
		{"good failure", "POST", branches, goodBody, 409, problemish, goodFault, false, ""},
		{"not modified", "GET", listOfDay, "", 304, "", "", false, ""},
		{"client gone", "GET", listOfDay, "", 499, "", "", false, ""},

		{"unknown address", "GET", "/api/v1/nothing", "", 404, problemish, goodFault, false, "no such operation"},
		{"unknown address on purpose", "GET", "/api/v1/nothing", "", 404, problemish, goodFault, true, ""},
		{
			"query not documented", "GET", listOfDay + "&colour=red", "", 200, jsonType, goodPage, false,
			`query parameter "colour"`,
		},
		{"query of the wrong kind", "GET", listOfDay + "&page_size=many", "", 200, jsonType, goodPage, false, "page_size"},
		{"query missing", "GET", branches, "", 200, jsonType, goodPage, false, "from"},
		{
			"body with an unknown field", "POST", branches, `{"code":"b","score":1,"name":{},"x":1}`, 201, jsonType, branch,
			false, "request",
		},
		{
			"body without a required field", "POST", branches, `{"code":"b","score":1}`, 201, jsonType, branch, false, "request",
		},
		{"condition missing", "DELETE", branches + "/7", "", 204, "", "", false, "If-Match"},
		{"bad and refused", "POST", branches, `{"code":1}`, 422, problemish, goodFault, true, ""},
		{"bad but accepted", "POST", branches, `{"code":1}`, 201, jsonType, branch, true, "marked bad"},

		{"status not documented", "GET", listOfDay, "", 418, problemish, goodFault, false, "no status 418"},
		{"failure that is no problem", "GET", listOfDay, "", 404, jsonType, goodFault, false, "application/json"},
		{"media type not documented", "GET", listOfDay, "", 200, "text/html", "<p>", false, "text/html"},
		{"body where none is", "DELETE", branches + "/7", "", 401, jsonType, "{}", true, "application/json"},
		{
			"field not documented", "POST", branches, goodBody, 201, jsonType, strings.Replace(branch, "{", `{"secret":1,`, 1),
			false, "secret",
		},
		{
			"nested field not documented", "GET", listOfDay, "", 200, jsonType,
			strings.Replace(goodPage, `"label":{`, `"label":{"x":1`, 1), false, `x`,
		},
		{
			"field missing", "POST", branches, goodBody, 201, jsonType, strings.Replace(branch, `"code":"b07",`, "", 1),
			false, "code",
		},
		{"null where no null may be", "GET", listOfDay, "", 200, jsonType, `{"items":null}`, false, "items"},
		{
			"not in the enum", "POST", branches, goodBody, 201, jsonType, strings.Replace(branch, "village", "castle", 1),
			false, "kind",
		},
		{
			"no time", "POST", branches, goodBody, 201, jsonType, strings.Replace(branch, "2026-01-02T", "yesterday ", 1),
			false, "created_at",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.sent))
			if tt.sent != "" {
				r.Header.Set("Content-Type", jsonType)
			}
			answer := &Answer{Status: tt.status, Header: http.Header{}, Body: []byte(tt.answer)}
			if tt.contentType != "" {
				answer.Header.Set("Content-Type", tt.contentType)
			}
			got := s.check(r, answer, tt.bad)
			switch {
			case tt.want == "" && len(got) > 0:
				t.Errorf("got %q, want none", got)
			case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)):
				t.Errorf("got %q, want one with %q", got, tt.want)
			}
		})
	}
}

func TestClientSendsWhatItSays(t *testing.T) {
	var got *http.Request
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Content-Type", jsonType)
		w.Header().Set("ETag", `"1"`)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(branch))
	})
	s := fixture(t)
	client := &Client{t: t, handler: h, spec: s, header: http.Header{}}
	keyed := client.As("bw_1").Lang("zh")
	a := keyed.Post("/towns/demo/branches", goodBody)
	if code := Decode[struct{ Code string }](a, http.StatusCreated).Code; code != "b07" || a.Version() != 1 {
		t.Errorf("got code %q, ETag %s", code, a.ETag())
	}
	if got.URL.Path != branches || got.Header.Get("Authorization") != "Bearer bw_1" ||
		got.Header.Get("Accept-Language") != "zh" {
		t.Errorf("sent %s with %v", got.URL.Path, got.Header)
	}
	client.Post("/towns/demo/branches", map[string]any{"code": "b07", "score": 1, "name": map[string]string{}})
	if got.Header.Get("Authorization") != "" {
		t.Error("As changed the client it was called on")
	}
	if diff := cmp.Diff(map[string][]int{"createBranch": {201}}, s.exercised()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"listBranches", "removeBranch", "renameBranch"}, s.untried()); diff != "" {
		t.Error(diff)
	}
}

func TestTheMoreLiteralTemplateIsMeant(t *testing.T) {
	s := fixture(t)
	for path, want := range map[string]string{
		branches:                  "/towns/{town}/branches",
		branches + "/":            "",
		"/api/v1/towns//branches": "",
		branches + "/7/8":         "",
		"/towns/demo/branches":    "",
	} {
		got := ""
		if r, _ := s.find("GET", path); r != nil {
			got = r.Path
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	s.routes = append(s.routes, s.routes[0], s.routes[0])
	for i, path := range []string{"/a/{x}", "/a/latest"} {
		r := &s.routes[len(s.routes)-2+i]
		r.method, r.segments, r.to.Path = "GET", strings.Split(path, "/"), path
	}
	if r, _ := s.find("GET", "/api/v1/a/latest"); r.Path != "/a/latest" {
		t.Errorf("got %s", r.Path)
	}
	slices.Reverse(s.routes)
	if r, _ := s.find("GET", "/api/v1/a/latest"); r.Path != "/a/latest" {
		t.Errorf("reversed: got %s", r.Path)
	}
}

func TestRoutesAndDocumentAreCompared(t *testing.T) {
	s := fixture(t)
	served := []rest.Route{
		{Method: "GET", Path: "/livez"},
		{Method: "GET", Path: "/api/v1/towns/:town/branches"},
		{Method: "DELETE", Path: "/api/v1/towns/:town/branches/:version"},
		{Method: "POST", Path: "/api/v1/towns/:town/branches/:branch/rename"},
		{Method: "PUT", Path: "/api/v1/towns/:town"},
	}
	got := s.compare(served)
	if len(got) != 2 || !strings.HasPrefix(got[0], "POST /towns/{town}/branches is in") ||
		!strings.HasPrefix(got[1], "PUT /towns/{town} is served") {
		t.Errorf("got %q", got)
	}
}
