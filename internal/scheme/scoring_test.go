package scheme_test

import (
	"strings"
	"testing"

	"bulwark/internal/scheme"
)

func scoringHash(t *testing.T, document string) string {
	t.Helper()
	d, err := scheme.Decode([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	c, err := scheme.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return c.Scoring
}

// What scores is the tree with weights, rules, policies and grades: no name, no number of a
// version, and not what limits an entry.
func TestTheScoringHashIsOfWhatScores(t *testing.T) {
	want := scoringHash(t, small)
	for _, tt := range []struct {
		name, old, new string
		same           bool
	}{
		{"code of the scheme", `"code":"s"`, `"code":"other"`, true},
		{"version", `"version":1`, `"version":7`, true},
		{"name of the scheme", `"zh":"小"`, `"zh":"大"`, true},
		{"name of an indicator", `"zh":"甲"`, `"zh":"丙"`, true},
		{"unit", `"code":"a",`, `"code":"a","unit":"%",`, true},
		{"how it is verified", `"code":"a",`, `"code":"a","verify":{"how":{"zh":"查记录"},"tolerance":1,"by":"leading_group"},`, true},
		{"range of an entry", `"code":"a",`, `"code":"a","range":{"min":0,"max":100},`, true},
		{"name of a grade", `"code":"good",`, `"code":"good","name":{"zh":"好"},`, true},
		{"code of an indicator", `"code":"b"`, `"code":"c"`, false},
		{"a weight", `"weight":3`, `"weight":4`, false},
		{"a rule", `"high":100`, `"high":99`, false},
		{"a band", `"points":90`, `"points":91`, false},
		{"coverage", `"min_coverage":0.5`, `"min_coverage":0.6`, false},
		{"decimals", `"decimals":2`, `"decimals":1`, false},
		{"a limit of a grade", `"from":60`, `"from":61`, false},
		{"missing values", `"code":"a",`, `"code":"a","missing":{"kind":"zero"},`, false},
	} {
		changed := strings.Replace(small, tt.old, tt.new, 1)
		if changed == small {
			t.Fatalf("%s: nothing was replaced", tt.name)
		}
		if got := scoringHash(t, changed); (got == want) != tt.same {
			t.Errorf("%s: same hash %v, want %v", tt.name, got == want, tt.same)
		}
	}
}
