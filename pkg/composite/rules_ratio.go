package composite

import (
	"bulwark/pkg/composite/internal/num"
	"math"
)

// Best scores in proportion to the best peer: 100·x/max, or 100·min/x for a
// cost. Entries are 0 or more. Where all peers are equal, or there is one only,
// everybody is the best and gets 100, and the column is flagged; where the best
// of a cost is 0, those at 0 get 100 and all others 0.
type Best struct{}

// Kind is "best".
func (*Best) Kind() string { return "best" }

func (*Best) resolve() Rule { return new(Best) }

func (*Best) check(Direction, report) {}

func (*Best) refuses(x float64) string { return refusesNegative(x) }

func (*Best) relative() bool { return true }

func (*Best) fit(p peers) scorer {
	low, high := p.sorted[0], p.sorted[len(p.sorted)-1]
	if low == high {
		p.flag(ConstantColumn)
		return constant(100)
	}
	if p.cost {
		return inverse{low, 100}
	}
	return linear{0, high, 100}
}

// Reference scores in proportion to a fixed value or to the value of a named
// unit: 100·x/reference, or 100·reference/x for a cost. It may exceed 100 unless
// Clamp holds it there; a cost needs Clamp, because x may be 0. Entries are 0 or
// more. Other peers play no part. Where the named unit has no value above 0, no
// cell of the column has a score: each is CellUnscored and leaves with its
// weight, and the column is flagged.
type Reference struct {
	Unit  string  `json:"branch,omitempty"` // the reference unit, or
	Value float64 `json:"value,omitempty"`  // the reference value, above 0
	Clamp bool    `json:"clamp,omitempty"`
}

// Kind is "reference".
func (*Reference) Kind() string { return "reference" }

func (ref *Reference) resolve() Rule { c := *ref; return &c }

func (ref *Reference) check(d Direction, r report) {
	switch {
	case ref.Unit != "" && ref.Value != 0:
		r("/value", "reference_ambiguous", "give either a branch or a value, not both")
	case ref.Unit == "":
		reportPositive(r, "/value", ref.Value)
	}
	if d == Cost && !ref.Clamp {
		r("/clamp", "cost_needs_clamp", "a cost of 0 has no bound: set clamp to true")
	}
}

func (*Reference) refuses(x float64) string { return refusesNegative(x) }

func (ref *Reference) relative() bool { return ref.Unit != "" }

func (ref *Reference) fit(p peers) scorer {
	value, top := ref.Value, num.MaxScore
	if ref.Unit != "" {
		value = p.reference
	}
	if ref.Clamp {
		top = 100
	}
	switch {
	case !(value > 0):
		p.flag(NoReference)
		return constant(math.NaN())
	case p.cost:
		return inverse{value, top}
	}
	return linear{0, value, top}
}

// inverse is 100·best/x up to top, for x of 0 or more.
type inverse struct{ best, top float64 }

func (v inverse) at(x float64) float64 {
	if x == 0 {
		return v.top
	}
	return min(100*v.best/x, v.top)
}

func refusesNegative(x float64) string {
	if x < 0 {
		return "a proportion needs a value of 0 or more"
	}
	return ""
}
