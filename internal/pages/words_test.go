package pages

import (
	"testing"

	"bulwark/internal/scheme"
	"bulwark/pkg/composite"
)

// Every kind of rule has words in both languages.
func TestEveryRuleHasWords(t *testing.T) {
	for _, kind := range composite.RuleKinds() {
		rule, ok := composite.NewRule(kind)
		if !ok {
			t.Fatal(kind)
		}
		switch r := rule.(type) {
		case *composite.Bands:
			r.Bands = []composite.Band{{From: 1, Points: 50}}
		case *composite.Levels:
			r.Levels = map[string]float64{"A": 100}
		}
		words := RuleWords(&scheme.Node{Rule: &scheme.Rule{Rule: rule}})
		if words.ZH == "" || words.EN == "" || words.ZH == words.EN {
			t.Errorf("%s: %+v", kind, words)
		}
	}
}

// The words of codes are there in both languages.
func TestCodesHaveWords(t *testing.T) {
	for kind, codes := range wordsOf {
		for code, words := range codes {
			if words.ZH == "" || words.EN == "" {
				t.Errorf("%s %s: %+v", kind, code, words)
			}
		}
	}
}

func TestFigures(t *testing.T) {
	value := -4.5
	var nothing *float64
	for _, c := range []struct{ got, want string }{
		{fixed(2, 92.8), "92.80"},
		{fixed(2, nothing), "—"},
		{fixed(2, &value), "−4.50"},
		{signed(2, 1.0), "+1.00"},
		{signed(2, value), "−4.50"},
		{signed(2, -0.001), "0.00"},
		{signed(2, nothing), "—"},
		{number(81.5666666667), "81.5667"},
		{figure(81.5666666667), "81.57"},
		{number(nothing), "—"},
		{number(0.0), "0"},
		{percent(0.968), "96.8 %"},
		{percent(1.0), "100 %"},
		{arrow(2.0), "▲"},
		{arrow(-2.0), "▼"},
		{arrow(0.0), "＝"},
		{places(-4).ZH, "升4位"},
		{places(3).EN, "down 3"},
		{places(0).EN, "same rank"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// The tone of a grade follows from its place among the thresholds of the scheme.
func TestTones(t *testing.T) {
	grades := func(codes string) (list []scheme.Grade) {
		for _, c := range codes {
			list = append(list, scheme.Grade{Code: string(c)})
		}
		return list
	}
	for _, c := range []struct {
		codes, tones string
	}{{"abcd", "1234"}, {"ab", "14"}, {"abc", "134"}, {"abcde", "12334"}, {"a", "0"}} {
		got := ""
		for _, g := range c.codes {
			got += string(rune('0' + tone(grades(c.codes), string(g))))
		}
		if got != c.tones {
			t.Errorf("%s: %s, want %s", c.codes, got, c.tones)
		}
	}
}
