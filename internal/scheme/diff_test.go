package scheme_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"bulwark/internal/scheme"
)

func TestDiffSaysWhatChanged(t *testing.T) {
	for _, tt := range []struct {
		name, old, new string
		want           []string
	}{
		{"nothing", `"s"`, `"s"`, nil},
		{"a number of the version", `"version":1`, `"version":2`, nil},
		{"a weight", `"weight":3`, `"weight":4`, []string{"b weight 3 → 4"}},
		{
			"a rule", `"high":100`, `"high":90`,
			[]string{`a rule {"high":100,"kind":"goalposts","low":0} → {"high":90,"kind":"goalposts","low":0}`},
		},
		{"a member that was not there", `"weight":3`, `"weight":3,"unit":"%"`, []string{`b unit <nil> → "%"`}},
		{"a member that is gone", `"direction":"benefit",`, ``, []string{`a direction "benefit" → <nil>`}},
		{"the scheme", `"decimals":2`, `"decimals":1`, []string{"scheme decimals 2 → 1"}},
		{"a grade", `"from":60`, `"from":70`, []string{"grades/good from 60 → 70"}},
		{"a grade more", `"grades":[`, `"grades":[{"code":"top","from":90},`, []string{"grades/top added"}},
		{
			"another indicator", `"code":"b"`, `"code":"c"`,
			[]string{"b removed", "c added", `index children ["a","b"] → ["a","c"]`},
		},
		{
			"a bonus", `"grades"`,
			`"adjustments":{"bonus":{"cap":5,"items":[{"code":"x","name":{"zh":"x"},"points":1}]}},"grades"`,
			[]string{"bonus cap 0 → 5", "bonus/x added"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := changes(t, small, strings.Replace(small, tt.old, tt.new, 1)); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A node that moves is one node, with another parent.
func TestDiffFollowsANodeThatMoves(t *testing.T) {
	const leaf = `{"code":"x","name":{"zh":"x"},"weight":1,"entry":"reported","rule":{"kind":"minmax"}}`
	const other = `{"code":"y","name":{"zh":"y"},"weight":1,"entry":"reported","rule":{"kind":"minmax"}}`
	tree := func(first, second string) string {
		return `{"code":"s","name":{"zh":"s"},"decimals":2,"min_coverage":0,"tree":{"code":"index","children":[
			{"code":"p","name":{"zh":"p"},"weight":1,"children":[` + first + `]},{"code":"q","name":{"zh":"q"},"weight":1,"children":[` + second + `]}]}}`
	}
	got := changes(t, tree(leaf+","+other,
		`{"code":"z","name":{"zh":"z"},"weight":1,"entry":"reported","rule":{"kind":"minmax"}}`),
		tree(other, leaf+`,{"code":"z","name":{"zh":"z"},"weight":1,"entry":"reported","rule":{"kind":"minmax"}}`))
	want := []string{`p children ["x","y"] → ["y"]`, `q children ["z"] → ["x","z"]`, `x parent "p" → "q"`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got = changes(t, tree(leaf+","+other, ""), tree(other+","+leaf, ""))
	if want := []string{`p children ["x","y"] → ["y","x"]`}; !slices.Equal(got, want) {
		t.Errorf("another order: got %q, want %q", got, want)
	}
}

func changes(t *testing.T, from, to string) (words []string) {
	t.Helper()
	before, err := scheme.Decode([]byte(from))
	if err != nil {
		t.Fatal(err)
	}
	after, err := scheme.Decode([]byte(to))
	if err != nil {
		t.Fatal(err)
	}
	list, err := scheme.Diff(before, after)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.Change == "changed" {
			words = append(words, fmt.Sprintf("%s %s %s → %s", c.Subject, c.Field, value(c.Before), value(c.After)))
		} else {
			words = append(words, c.Subject+" "+c.Change)
		}
	}
	return words
}

func value(v any) string {
	if v == nil {
		return "<nil>"
	}
	return fmt.Sprint(v)
}
