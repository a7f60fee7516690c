package entry

import (
	"testing"

	"bulwark/internal/scheme"
)

// A value raises a question where it may be a slip of the decimal point, of a digit or of the line, and no other.
func TestQuestions(t *testing.T) {
	share := Column{Kind: "reported", unit: "%", Range: &scheme.Range{Min: new(0.0), Max: new(100.0)}}
	count := Column{Kind: "quantity", unit: "件"}
	usual := func(median, low, high float64) *Median {
		return &Median{Median: median, Usual: &scheme.Range{Min: new(low), Max: new(high)}}
	}
	for name, c := range map[string]struct {
		column Column
		x      float64
		last   *float64
		class  *Median
		want   string
	}{
		"a fraction for a percentage":        {share, 0.885, new(91.0), nil, "looks_like_fraction"},
		"a fraction, nothing known":          {share, 0.885, nil, nil, "looks_like_fraction"},
		"a fraction beside the class":        {share, 1, nil, usual(80, 60, 100), "looks_like_fraction"},
		"a small share as ever":              {share, 0.8, new(0.9), usual(1, 0, 2), ""},
		"nothing of a share":                 {share, 0, new(91.0), nil, ""},
		"a fraction of another unit":         {count, 0.5, nil, nil, ""},
		"a digit too many":                   {count, 340, new(34.0), nil, "far_from_last"},
		"a digit too few":                    {count, 3, new(34.0), nil, "far_from_last"},
		"five times as much":                 {count, 50, new(10.0), nil, "far_from_last"},
		"not quite":                          {count, 49, new(10.0), nil, ""},
		"something after nothing":            {count, 40, new(0.0), nil, ""},
		"nothing after something":            {count, 0, new(40.0), nil, ""},
		"below the class":                    {share, 40, new(45.0), usual(80, 60, 100), "far_from_class"},
		"above the class":                    {count, 400, nil, usual(80, 60, 100), "far_from_class"},
		"at its limit":                       {count, 60, nil, usual(80, 60, 100), ""},
		"a class of which most are the same": {count, 400, nil, &Median{Median: 80}, ""},
		"a judgement":                        {Column{Kind: "rated"}, 1, new(9.0), usual(8, 6, 10), ""},
	} {
		kind, why := c.column.question(c.x, c.last, c.class)
		if kind != c.want || (kind == "") != (why.ZH == "") {
			t.Errorf("%s: %q %v, want %q", name, kind, why, c.want)
		}
	}
	if r := share.Usual([]float64{90, 92, 94, 95, 96, 98, 12}); r == nil || *r.Min != 79.174 || *r.Max != 100 {
		t.Errorf("one that is far away moves the limits to %v", r)
	}
	if r := share.Usual([]float64{90, 90, 90, 90, 12}); r != nil {
		t.Errorf("most are equal: %v", *r)
	}
}
