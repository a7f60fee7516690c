package api

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/fields.txt from what the service shows now")

// views are the fields that each caller is shown: route → fields → who about what
// in which state. They are held against testdata/fields.txt, in which a person
// reads who sees what: a field that is shown to one more caller changes the file.
type views map[string]map[string][]string

func (v views) add(c cell, answer *httptest.ResponseRecorder) {
	if answer.Code >= http.StatusMultipleChoices ||
		!strings.HasPrefix(answer.Header().Get("Content-Type"), "application/json") || strings.HasSuffix(c.Path, ".json") {
		return
	}
	var body any
	if json.Unmarshal(answer.Body.Bytes(), &body) != nil {
		return
	}
	found := map[string]bool{}
	members("", body, found)
	if v[rowOf(c.Route)] == nil {
		v[rowOf(c.Route)] = map[string][]string{}
	}
	shown := strings.Join(slices.Sorted(maps.Keys(found)), " ")
	who := c.caller
	if who == "" {
		who = "nobody"
	}
	v[rowOf(c.Route)][shown] = append(v[rowOf(c.Route)][shown],
		strings.TrimSpace(fmt.Sprintf("%s/%s %s", who, c.about, c.state)))
}

// members gathers the paths of all members; elements of a list count as one.
func members(at string, v any, found map[string]bool) {
	switch x := v.(type) {
	case map[string]any:
		if strings.HasSuffix(at, "before") || strings.HasSuffix(at, "after") {
			found[at] = true // the trail keeps things of every kind
			return
		}
		for name, member := range x {
			members(strings.TrimPrefix(at+"."+name, "."), member, found)
		}
		if at != "" && len(x) == 0 {
			found[at+"{}"] = true
		}
	case []any:
		for _, element := range x {
			members(at+"[]", element, found)
		}
		if len(x) == 0 {
			found[at+"[]"] = true
		}
	default:
		if s, ok := x.(string); ok && (strings.HasSuffix(at, "branch") || strings.HasSuffix(at, "branch.code")) {
			at += "=" + s // whose things a list shows
		}
		if s, ok := x.(string); ok && slices.ContainsFunc(publicNames, func(name string) bool { return strings.HasSuffix(at, name) }) {
			at += "=" + s // a person or a role
		}
		found[at] = true
	}
}

// publicNames are the fields of what everybody reads that say who did it.
var publicNames = []string{"state_by", "window_by", "published_by", "created_by"}

// String lists each route, what it shows, and under it to whom.
func (v views) String() string {
	var out strings.Builder
	for _, route := range slices.Sorted(maps.Keys(v)) {
		fmt.Fprintf(&out, "%s\n", route)
		for _, shown := range slices.Sorted(maps.Keys(v[route])) {
			fmt.Fprintf(&out, "  shows %s\n", shown)
			for _, line := range together(v[route][shown]) {
				fmt.Fprintf(&out, "    to %s\n", line)
			}
		}
	}
	return out.String()
}

// together puts the states of one caller and subject on one line, and callers who
// share them too.
func together(cells []string) []string {
	in := map[string][]string{}
	for _, c := range cells {
		who, state, _ := strings.Cut(c, " ")
		in[who] = append(in[who], state)
	}
	who := map[string][]string{}
	for caller, states := range in {
		when := strings.TrimSpace(strings.Join(states, " "))
		who[when] = append(who[when], caller)
	}
	var lines []string
	for when, callers := range who {
		slices.Sort(callers)
		line := strings.Join(callers, " ")
		if when != "" {
			line += " in " + when
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// comparing guards testdata/fields.txt, which both databases write with -update.
var comparing sync.Mutex

func (v views) compare(t *testing.T) {
	t.Helper()
	comparing.Lock()
	defer comparing.Unlock()
	const file = "testdata/fields.txt"
	if *update {
		if err := os.WriteFile(file, []byte(v.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(v.String(), "\n")); d != "" {
		t.Errorf("callers are shown other fields than %s says (-file +shown); if that is right, run the test with -update and read the difference:\n%s", file, d)
	}
}
