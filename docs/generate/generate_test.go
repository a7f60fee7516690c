package main

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/docs/generate/testdata/api"
)

var update = flag.Bool("update", false, "write testdata/openapi.json anew")

// fixture reads testdata as make generate reads the service.
func fixture(t *testing.T) source {
	t.Helper()
	s, err := read([]string{
		"testdata/api", "testdata/town", "../../internal/rest", "../../internal/fault", "../../internal/text",
		"../../pkg/composite",
	}, "api.go", api.Routes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFixture(t *testing.T) {
	got, err := generate(fixture(t))
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/openapi.json"
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the document changed; if that is right run go test ./docs/generate -update\n%s", diff)
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	s := fixture(t)
	first, err := generate(s)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := generate(s)
		if err != nil || string(again) != string(first) {
			t.Fatalf("the second run differs (error %v)", err)
		}
	}
}

// Each mistake is told with its place.
func TestMistakesAreTold(t *testing.T) {
	good := fixture(t)
	for _, tt := range []struct{ name, old, new, want string }{
		{"handler is no name", `"createBranch"`, `"create-branch"`, "camelCase"},
		{"handler twice", `"createBranch"`, `"listBranches"`, "listBranches also serves GET /towns/{town}/branches"},
		{"no summary", `"summary":"Found a branch",`, ``, "@Summary"},
		{"unknown tag", `"tags":["structure"]`, `"tags":["other"]`, `tag "other"`},
		{
			"two schemas of one name", `"town.Name":{`, `"api.Branch":{"type":"object"},"town.Name":{`,
			"api.Branch and town.Branch",
		},
		{"dangling reference", `"town.Name":{`, `"town.Gone":{`, "Name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(string(good.swagger), tt.old) {
				t.Fatalf("the fixture has no %s", tt.old)
			}
			swagger := []byte(strings.ReplaceAll(string(good.swagger), tt.old, tt.new))
			bad := source{swagger, swagger, good.words, good.routes}
			if _, err := generate(bad); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestShortName(t *testing.T) {
	for definition, want := range map[string]string{
		"town.Branch":                  "Branch",
		"api.createBranchBody":         "CreateBranchBody",
		"api.Page-town_Branch":         "BranchPage",
		"api.Page-api_entry":           "EntryPage",
		"api.Pair-town_Branch-api_run": "BranchRunPair",
		"Renamed":                      "Renamed",
	} {
		if got := shortName(definition); got != want {
			t.Errorf("%s: got %s, want %s", definition, got, want)
		}
	}
}

func TestParametersOfPathsHaveWords(t *testing.T) {
	for name, want := range map[string]string{
		"area": "statistical code of the area", "visit": "identifier of the visit, a UUID",
		"what_not": "identifier of the what not, a UUID",
	} {
		if got := wordsOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
