package probe

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bulwark/internal/policy"
)

// document is what the probe needs of docs/openapi.json: a test of package api holds
// the paths in it to be those of the router.
type document struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct{ Parameters map[string]queryParameter }
}

type operation struct{ Parameters []queryParameter }

type queryParameter struct {
	Ref      string `json:"$ref"` // to one of the components, which is said once
	Name, In string
	Schema   struct{ Enum []string }
}

func readDocument(t *testing.T) (d document) {
	t.Helper()
	content, err := os.ReadFile("../../docs/openapi.json")
	if err == nil {
		err = json.Unmarshal(content, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// paths returns those with the method, collections before what is in them.
func (d document) paths(method string) []string {
	var paths []string
	for path, operations := range d.Paths {
		if operations[method] != nil {
			paths = append(paths, path)
		}
	}
	slices.SortFunc(paths, func(a, b string) int {
		return strings.Compare(fmt.Sprintf("%02d", strings.Count(a, "/"))+a, fmt.Sprintf("%02d", strings.Count(b, "/"))+b)
	})
	return paths
}

func (d document) operation(path, method string) (o operation) {
	_ = json.Unmarshal(d.Paths[path][method], &o) // no path, no parameters
	for i, p := range o.Parameters {
		if p.Ref != "" {
			o.Parameters[i] = d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
		}
	}
	return o
}

// excluded are answers that are no behaviour of the demo: the document itself, which
// is kept whole in the repository.
var excluded = []string{"/openapi.json"}

// nothing stands for what is not there.
const nothing = "00000000-0000-7000-8000-000000000000"

// numbered are the parameters that are numbers.
var numbered = []string{"measure", "publication", "sequence", "version"}

// missing returns a value of the parameter that nothing in the demo has.
func missing(name string) string {
	if slices.Contains(numbered, name) {
		return "9999"
	}
	return nothing
}

// walk asks each path of the document about what the demo has: as every caller in
// English, and as those who see most and least in Chinese.
func (s *service) walk(d document) {
	w := &walker{s, map[string][]string{}}
	for _, path := range d.paths("get") {
		if slices.Contains(excluded, path) {
			continue
		}
		for i, address := range w.fill("", path) {
			s.get(address)
			if strings.HasSuffix(path, "/diff") {
				s.get(address + "?from=1")
			}
			if i == 0 || strings.HasPrefix(address, "/towns/demo/periods/2023Q2/") && !strings.Contains(address, "/branches/") {
				s.variants(address, d.operation(path, "get"))
			}
		}
	}
	for _, address := range tour {
		s.get(address)
	}
	for _, address := range []string{"/livez", "/readyz"} {
		s.get(root + address)
	}
}

// tour are questions that README and the guides ask, and others with a query of
// several parts.
var tour = []string{
	"/rankings?area=999999&period=2023Q2", "/rankings?area=999999999&period=2023Q1", "/rankings?area=44&period=2023Q2",
	"/towns/demo/periods/2023Q2/ranking?around=b07&span=2",
	"/towns/demo/periods/2023Q2/ranking?class=rural&format=csv",
	"/towns/demo/periods/2023Q2/ranking?publication=1&format=csv",
	"/towns/demo/pairings?on=2023-06-30&branch=b01",
	"/towns/demo/branches/b18/plan?on=2023-03-01", "/towns/demo/branches/b08/plan?on=2023-08-01",
	"/towns/demo/branches/b18/recommended-cases?period=2023Q2", "/towns/demo/branches/b01/recommended-cases?period=2023Q2",
	"/towns/demo/effects?of=plans", "/towns/demo/effects?of=cases", "/towns/demo/effects?of=projects",
	"/towns/demo/targets?on=2023-03-01&branch=b18", "/towns/demo/evaluations?period=2023Q3",
	"/towns/demo/evaluations?period=2023Q3&branch=b01", "/towns/demo/reports/draft?from=2023-07-01&until=2023-09-30",
	"/towns/demo/periods/2023Q2/publications/2/diff?from=1",
	"/towns/demo/periods/2023Q2/branches/b07/change?from=2022Q4",
	"/towns/demo/periods/2023Q2/branches/b07/change?from=2023Q2&from_publication=1",
	"/towns/demo/dashboard?period=2023Q1", "/towns/demo/ratings?period=2023Q2", "/towns/demo/usefulness?period=2023Q2",
}

// get asks for the address.
func (s *service) get(address string) {
	for _, c := range s.callers {
		w := s.send(c, http.MethodGet, address, "en", nil)
		s.note(c, "GET "+address, "en", w)
		if c.name == string(policy.Secretary) {
			s.tellsNoJudge(address, w.Body.String())
		}
		s.asPublished(address, w.Body.String())
		if c.name == "nobody" || c.name == "leading_group" {
			s.note(c, "GET "+address, "zh", s.send(c, http.MethodGet, address, "zh", nil))
		}
	}
}

// judge finds the codes of persons of the demo who judge: mentors, instructors, members of
// offices, and the leading group.
var judge = regexp.MustCompile(`"(mentor|instructor|office|group)-[0-9]+"`)

// helpers are the fields by which a branch knows who helps it, and whom it was to meet:
// that is no judgement.
var helpers = regexp.MustCompile(`"(person|subject|people|office|responsible)": ?(\[[^\]]*\]|"[^"]*")`)

// tellsNoJudge fails where an answer names to a secretary, whose branch is judged, somebody
// who judges.
func (s *service) tellsNoJudge(address, body string) {
	if name := judge.FindString(helpers.ReplaceAllString(body, "")); name != "" {
		s.t.Errorf("GET %s names the judge %s to a secretary", address, name)
	}
}

// long finds a score with more decimals than the demo publishes.
var long = regexp.MustCompile(`"(score(_before|_now|_goal|_at_lowest|_median|_mean)?|base|predicted)": ?-?[0-9]+\.[0-9]{3,}`)

// asPublished fails where an answer shows a figure with other decimals than it is published with,
// unless all digits were asked for.
func (s *service) asPublished(address, body string) {
	if figures := long.FindAllString(body, 3); figures != nil && !strings.Contains(address, "precise") {
		s.t.Errorf("GET %s shows %v", address, figures)
	}
}

// samples are values of the parameters of queries.
var samples = map[string][]string{
	"on": {"2023-03-01"}, "branch": {"b01", "b18"}, "period": {"2023Q2"}, "class": {"rural"}, "format": {"csv"},
	"publication": {"1", "9"},
	"page_token":  {"wrong"}, "page_size": {"0"}, "by": {"person", "branch"}, "person": {"mentor-1"},
	"from": {"2023-01-01"}, "area": {"999999"}, "town": {"demo"}, "indicator": {"org.leadership"}, "overdue": {"true"},
	"since": {"2023-09-01T00:00:00Z"},
}

var planVersions = regexp.MustCompile(`/plans/[^/]+/versions$`)

// variants asks for the address with each parameter of its query, and for the first
// pages of a list.
func (s *service) variants(address string, o operation) {
	for _, p := range o.Parameters {
		values := p.Schema.Enum
		if len(values) == 0 || p.Name == "format" {
			values = samples[p.Name]
		}
		// The head of a table is of its columns alone. The digest of a plan is of ids, which CSV does not mark as such.
		if p.In != "query" || p.Name == "header" || p.Name == "format" && ("GET "+address == keys || planVersions.MatchString(address)) {
			continue
		}
		for _, value := range values[:min(len(values), 4)] {
			s.get(address + "?" + p.Name + "=" + value)
		}
		if p.Name == "page_token" && "GET "+address != keys {
			s.pages(address)
		}
	}
}

// pages asks for the first two pages of three.
func (s *service) pages(address string) {
	for _, c := range s.callers {
		first := s.send(c, http.MethodGet, address+"?page_size=3", "en", nil)
		s.note(c, "GET "+address+"?page_size=3", "en", first)
		var page struct {
			Token string `json:"next_page_token"`
		}
		if json.Unmarshal(first.Body.Bytes(), &page) == nil && page.Token != "" {
			s.note(c, "GET "+address+"?page_size=3&page_token={next}", "en",
				s.send(c, http.MethodGet, address+"?page_size=3&page_token="+page.Token, "en", nil))
		}
	}
}

// walker finds what the demo has in each collection.
type walker struct {
	*service
	known map[string][]string // what was found at an address
}

var parameter = regexp.MustCompile(`\{(\w+)\}`)

// fill returns the addresses that begin with done and go on as path does.
func (w *walker) fill(done, path string) (addresses []string) {
	at := parameter.FindStringSubmatchIndex(path)
	if at == nil {
		return []string{done + path}
	}
	done, name, rest := done+path[:at[0]], path[at[2]:at[3]], path[at[1]:]
	for _, value := range w.values(done, name) {
		if value == missing(name) && rest != "" {
			continue
		}
		addresses = append(addresses, w.fill(done+value, rest)...)
	}
	return addresses
}

// values are those of a parameter behind the address.
func (w *walker) values(done, name string) []string {
	switch {
	case name == "town":
		return []string{"demo", "demo-street", "lishui", nothing}
	case name == "scheme" && strings.HasPrefix(done, "/scheme-templates"):
		return []string{"five-forces", nothing}
	case name == "branch" && strings.HasPrefix(done, "/towns/demo/"):
		return []string{"b01", "b07", "b08", "b18", "b21", nothing}
	case name == "measure":
		return []string{"1", "6", missing(name)}
	case name == "branch":
		done = strings.Join(strings.SplitN(done, "/", 5)[:3], "/") + "/branches/"
	}
	if values, ok := w.known[done]; ok {
		return values
	}
	values := w.find(done, name)
	w.known[done] = values
	return values
}

// find returns some of what a collection has: of the whole, and the first of what
// each caller sees. Ids get their names.
func (w *walker) find(done, name string) []string {
	var all []string
	chosen := map[string]bool{}
	for _, c := range w.callers {
		own := w.list(c, strings.TrimSuffix(done, "/"), name)
		if len(own) > len(all) {
			all = own
		}
		if len(own) > 0 && strings.HasPrefix(done, "/towns/demo/") {
			chosen[own[0]] = true
		}
	}
	for i, value := range all {
		if id.MatchString(value) && w.names[value] == "" {
			w.names[value] = fmt.Sprintf("{%s-%d}", name, i+1)
		}
	}
	n := len(all)
	spread := []int{0, n / 3, 2 * n / 3, n - 1}
	switch {
	case name == "period":
		spread = spread[:0]
		for i := range all {
			spread = append(spread, i)
		}
	case !strings.HasPrefix(done, "/towns/demo/"):
		spread = []int{n - 1}
	}
	for _, i := range spread {
		if 0 <= i && i < n {
			chosen[all[i]] = true
		}
	}
	values := slices.DeleteFunc(all, func(v string) bool { return !chosen[v] })
	for _, v := range slices.Sorted(maps.Keys(chosen)) {
		if !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return append(values, missing(name))
}

// list returns the values that a caller finds in a collection, or in what the
// collection belongs to.
func (w *walker) list(c caller, address, name string) (values []string) {
	if owner, ok := strings.CutSuffix(address, "/items"); ok {
		address = owner
	}
	var of string // the parent by which a flat list is picked
	if owner, ok := strings.CutSuffix(address, "/versions"); ok && strings.Contains(owner, "/schemes/") {
		address, of, _ = strings.Cut(owner, "/schemes/")
		address += "/schemes"
	}
	for token := ""; ; {
		separator := "?page_size=200"
		if name == "item" {
			separator = "?"
		}
		answer := w.send(c, http.MethodGet, address+separator+token, "en", nil)
		if (answer.Code == http.StatusUnprocessableEntity || answer.Code == http.StatusBadRequest) && token == "" {
			token = "&period=2023Q2"
			if answer = w.send(c, http.MethodGet, address+separator+token, "en", nil); answer.Code != http.StatusOK {
				answer = w.send(c, http.MethodGet, address, "en", nil) // a list without pages
			}
		}
		var page struct {
			Items []map[string]any
			Token string `json:"next_page_token"`
		}
		if answer.Code != http.StatusOK || json.Unmarshal(answer.Body.Bytes(), &page) != nil {
			return values
		}
		for _, item := range page.Items {
			if of != "" && item["code"] != of {
				continue
			}
			if value := key(item, name); value != "" && !slices.Contains(values, value) {
				values = append(values, value)
			}
		}
		if page.Token == "" {
			return values
		}
		token = "&page_token=" + page.Token
	}
}

// key returns what names the item in an address.
func key(item map[string]any, name string) string {
	fields := []string{name, "id", "code", "number", "name"}
	if slices.Contains(numbered, name) {
		fields = []string{"number", name}
	}
	for _, field := range fields {
		switch v := item[field].(type) {
		case string:
			return v
		case float64:
			return fmt.Sprint(int64(v))
		}
	}
	return ""
}

// writing are the addresses whose empty body says enough, or that guard against
// guessing.
var writing = []string{
	"/sessions", "/setup", "/towns/{town}/periods/{period}/runs", "/towns/{town}/periods/{period}/targets/propose",
}

// refusals sends an empty object to each collection: nobody gets anything made.
func (s *service) refusals(d document) {
	for _, path := range d.paths("post") {
		address := strings.NewReplacer("{town}", "demo", "{period}", "2023Q3").Replace(path)
		if slices.Contains(writing, path) || strings.Contains(address, "{") {
			continue
		}
		for _, c := range s.callers {
			w := s.send(c, http.MethodPost, address, "en", []byte("{}"))
			if w.Code < 300 && !strings.HasSuffix(path, "/what-if") {
				s.t.Errorf("POST %s as %s with an empty object: %d", address, c.name, w.Code)
			}
			s.note(c, "POST "+address+" {}", "en", w)
		}
	}
}
