package api

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// odataPage is a page of a set.
type odataPage struct {
	Context string           `json:"@odata.context"`
	Value   []map[string]any `json:"value"`
	Next    string           `json:"@odata.nextLink"`
	Error   *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// odataCall asks as Excel does: with a name and a key as the password.
func odataCall(t *testing.T, h http.Handler, path, key string) (*httptest.ResponseRecorder, odataPage) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if key != "" {
		r.SetBasicAuth("any", key)
	}
	r.Header.Set("Accept", "application/json;odata.metadata=minimal;q=1.0, application/xml;q=0.5")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var page odataPage
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
			t.Fatalf("%s: %v in %s", path, err, w.Body)
		}
	}
	return w, page
}

// What programs load is what the API shows of what is published, to each caller.
func TestODataIsWhatTheAPIShows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.alone()
		published(h)
		handler, err := h.server.Handler()
		h.must(err)
		keys := map[policy.Role]string{}
		for _, role := range []policy.Role{policy.Reader, policy.Mentor, policy.LeadingGroup} {
			person := string(role)
			keys[role] = h.key(credential.Key{Roles: []policy.Role{role}, Towns: []string{"demo"}, PersonCode: &person, ReadOnly: true})
		}
		ranking := apitest.Decode[index.Ranking](h.as(policy.Reader).Get(q1+"/ranking"), http.StatusOK)
		_, page := odataCall(t, handler, "/odata/demo/results?$filter=period%20eq%20'2026Q1'&$orderby=rank", keys[policy.Reader])
		scored := page.Value[len(ranking.Insufficient):] // null comes first
		if len(scored) != len(ranking.Items) || len(scored) == 0 || page.Next != "" {
			t.Fatalf("%+v, want %+v", page, ranking.Items)
		}
		for i, x := range ranking.Items {
			got := fmt.Sprint(scored[i]["branch"], scored[i]["score"], scored[i]["rank"], scored[i]["class_rank"], scored[i]["grade"], scored[i]["coverage"])
			want := fmt.Sprint(x.Branch.Code, x.Score, x.Rank, x.ClassRank, gradeOf(x.Grade), x.Coverage)
			if got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		for role, key := range keys {
			_, page := odataCall(t, handler, "/odata/demo/nodes?$orderby=branch", key)
			byNode := map[string]map[string]any{}
			for _, row := range page.Value {
				byNode[fmt.Sprint(row["branch"], "/", row["node"])] = row
			}
			n := 0
			for _, branch := range []string{"b01", "b02", "b03"} {
				card := apitest.Decode[index.Scorecard](h.as(role).Get(q1+"/branches/"+branch), http.StatusOK)
				for _, want := range card.Nodes {
					n++
					got := byNode[branch+"/"+want.Code]
					if got == nil || fmt.Sprint(got["score"]) != fmt.Sprint(deref(want.Score)) ||
						fmt.Sprint(got["raw"]) != fmt.Sprint(deref(want.Raw)) || got["status"] != want.Status {
						t.Errorf("%s %s/%s: %v, want %+v", role, branch, want.Code, got, want)
					}
				}
			}
			if n != len(page.Value) {
				t.Errorf("%s: %d nodes, the scorecards have %d", role, len(page.Value), n)
			}
		}
		w, page := odataCall(t, handler, "/odata/demo/completeness", keys[policy.Reader])
		if w.Code != http.StatusForbidden || page.Error == nil || page.Error.Code != "not_allowed" {
			t.Errorf("a reader asks for completeness: %d %s", w.Code, w.Body)
		}
		if _, page = odataCall(t, handler, "/odata/demo/completeness", keys[policy.LeadingGroup]); len(page.Value) != 3 {
			t.Errorf("completeness: %+v", page)
		}
		for _, set := range []string{"branches", "indicators", "periods"} {
			if w, page := odataCall(t, handler, "/odata/demo/"+set, ""); w.Code != http.StatusOK || len(page.Value) == 0 ||
				page.Context != h.server.Config.Link("/odata/demo/$metadata#"+set) {
				t.Errorf("%s: %d %+v", set, w.Code, page)
			}
		}
	})
}

func gradeOf(g string) any {
	if g == "" {
		return nil
	}
	return g
}

func deref(x *float64) any {
	if x == nil {
		return nil
	}
	return *x
}

// What programs need around the tables: the documents, the challenge, the errors of OData.
func TestODataAsProgramsExpectIt(t *testing.T) {
	h := newHarness(t, dbtest.Open(t, dbtest.Dialects[0]))
	handler, err := h.server.Handler()
	h.must(err)
	w, _ := odataCall(t, handler, "/odata/demo/", "")
	var service struct {
		Context string `json:"@odata.context"`
		Value   []struct{ Name, Kind, URL string }
	}
	h.must(json.Unmarshal(w.Body.Bytes(), &service))
	if len(service.Value) != 6 || service.Value[0].URL != "results" || w.Header().Get("OData-Version") != "4.0" {
		t.Errorf("the service document is %s", w.Body)
	}
	w, _ = odataCall(t, handler, "/odata/demo/$metadata", "")
	if *update {
		h.must(os.WriteFile("testdata/odata.xml", w.Body.Bytes(), 0o600))
	}
	stored, err := os.ReadFile("testdata/odata.xml") // which make clients has others read
	h.must(err)
	if !bytes.Equal(stored, w.Body.Bytes()) {
		t.Errorf("testdata/odata.xml should be, which -update writes:\n%s", w.Body)
	}
	var types struct {
		XMLName xml.Name
	}
	if err := xml.Unmarshal(w.Body.Bytes(), &types); err != nil || types.XMLName.Local != "Edmx" || w.Header().Get("Content-Type") != "application/xml" {
		t.Errorf("the types are %s: %v", w.Body, err)
	}
	w, _ = odataCall(t, handler, "/odata/demo/connection.pbids", "")
	if !strings.Contains(w.Body.String(), `"protocol":"odata"`) || !strings.Contains(w.Header().Get("Content-Disposition"), "demo.pbids") {
		t.Errorf("the connection file is %s", w.Body)
	}
	for path, want := range map[string]int{
		"/odata/demo/results?$filter=" + url.QueryEscape("rank gt 1"): http.StatusNotImplemented,
		"/odata/demo/results?$expand=x":                               http.StatusNotImplemented,
		"/odata/demo/results?$select=x":                               http.StatusBadRequest,
		"/odata/demo/wishes":                                          http.StatusNotFound,
		"/odata/quiet/":                                               http.StatusUnauthorized,
		"/odata/quiet/results":                                        http.StatusUnauthorized,
	} {
		w, page := odataCall(t, handler, path, "")
		challenge := strings.Join(w.Header()["Www-Authenticate"], " ")
		if w.Code != want || page.Error == nil || page.Error.Code == "" || page.Error.Message == "" ||
			(want == http.StatusUnauthorized) != strings.Contains(challenge, "Basic") {
			t.Errorf("%s: %d %s %q", path, w.Code, w.Body, challenge)
		}
	}
	h.Get("/towns/quiet").Want(http.StatusUnauthorized)
	writing := h.secrets[policy.LeadingGroup]
	if w, _ := odataCall(t, handler, "/odata/demo/", writing); w.Code != http.StatusUnauthorized {
		t.Errorf("a key that may write is taken as a password: %d", w.Code)
	}
}
