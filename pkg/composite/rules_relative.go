package composite

import (
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// MinMax scores 100·(x−min)/(max−min) over the peers, 100·(max−x)/(max−min) for
// a cost. Where all peers are equal, or there is one only, everybody gets
// Constant and the column is flagged.
type MinMax struct {
	Constant *float64 `json:"constant,omitempty"` // 50
}

// Kind is "minmax".
func (*MinMax) Kind() string { return "minmax" }

func (m *MinMax) resolve() Rule { return &MinMax{orDefault(m.Constant, 50)} }

func (m *MinMax) check(_ Direction, r report) { reportScore(r, "/constant", *m.Constant) }

func (*MinMax) refuses(float64) string { return "" }

func (*MinMax) relative() bool { return true }

func (m *MinMax) fit(p peers) scorer {
	low, high := p.sorted[0], p.sorted[len(p.sorted)-1]
	if low == high {
		p.flag(stats.ConstantColumn)
		return constant(*m.Constant)
	}
	if p.cost {
		low, high = high, low
	}
	return linear{low, high - low, 100}
}

// ZScore scores mean + sd·(x−x̄)/s over the peers, mean − sd·(x−x̄)/s for a cost,
// with s the sample standard deviation (n−1). It is not bounded unless Clamp
// holds it in 0–100. Where all peers are equal, or there is one only, everybody
// gets Mean and the column is flagged.
type ZScore struct {
	Mean  *float64 `json:"mean,omitempty"` // 50
	SD    *float64 `json:"sd,omitempty"`   // 10, above 0
	Clamp bool     `json:"clamp,omitempty"`
}

// Kind is "zscore".
func (*ZScore) Kind() string { return "zscore" }

func (z *ZScore) resolve() Rule { return &ZScore{orDefault(z.Mean, 50), orDefault(z.SD, 10), z.Clamp} }

func (z *ZScore) check(_ Direction, r report) {
	for _, p := range []struct {
		at    string
		value float64
	}{{"/mean", *z.Mean}, {"/sd", *z.SD}} {
		if !(math.Abs(p.value) <= 1e6) {
			r(p.at, "value_out_of_range", "give a number between -1e6 and 1e6")
		}
	}
	if *z.SD <= 0 {
		r("/sd", "not_positive", "give a number above 0")
	}
}

func (*ZScore) refuses(float64) string { return "" }

func (*ZScore) relative() bool { return true }

func (z *ZScore) fit(p peers) scorer {
	line := standard{mean: *z.Mean, sd: *z.SD, s: 1, low: -num.MaxScore, high: num.MaxScore}
	if z.Clamp {
		line.low, line.high = 0, 100
	}
	// The values themselves are compared: rounding can leave a constant column a tiny s.
	if p.sorted[0] == p.sorted[len(p.sorted)-1] {
		p.flag(stats.ConstantColumn)
		return constant(num.Clamp(line.mean, line.low, line.high))
	}
	if line.centre, line.s = p.mean, p.sd; p.sd == 0 {
		line.centre, line.s = stats.MeanSD(p.sorted)
	}
	if p.cost {
		line.sd = -line.sd
	}
	return line
}

// standard is mean + sd·(x−centre)/s, held between low and high.
type standard struct{ mean, sd, centre, s, low, high float64 }

func (z standard) at(x float64) float64 {
	return num.Clamp(z.mean+float64(z.sd*(x-z.centre)/z.s), z.low, z.high)
}

// TargetRule scores the way from the worst peer to a target:
// 100·min(1, (x−min)/(target−min)), for a cost 100·min(1, (max−x)/(max−target)).
// Where even the worst peer has reached the target, or is the only peer and has,
// everybody gets 100 and the column is flagged; a single peer short of it gets 0.
type TargetRule struct {
	Target float64 `json:"target"`
	Cap    *bool   `json:"cap,omitempty"` // true; false lets a score pass 100
}

// Kind is "target".
func (*TargetRule) Kind() string { return "target" }

func (t *TargetRule) resolve() Rule { return &TargetRule{t.Target, orDefault(t.Cap, true)} }

func (t *TargetRule) check(_ Direction, r report) { reportValue(r, "/target", t.Target) }

func (*TargetRule) refuses(float64) string { return "" }

func (*TargetRule) relative() bool { return true }

func (t *TargetRule) fit(p peers) scorer {
	worst := p.sorted[0]
	reached := worst >= t.Target
	if p.cost {
		worst = p.sorted[len(p.sorted)-1]
		reached = worst <= t.Target
	}
	if reached {
		p.flag(TargetReached)
		return constant(100)
	}
	top := 100.0
	if !*t.Cap {
		top = num.MaxScore
	}
	return linear{worst, t.Target - worst, top}
}

// Percentile scores 100·(peers strictly below)/(n−1), and 100 minus that for a
// cost; ties share the lower position. In a constant column of two or more all
// score 0 (a cost: 100) by the same formula; a single peer, where the formula is
// 0/0, scores 50. Both are flagged.
type Percentile struct{}

// Kind is "percentile".
func (*Percentile) Kind() string { return "percentile" }

func (*Percentile) resolve() Rule { return new(Percentile) }

func (*Percentile) check(Direction, report) {}

func (*Percentile) refuses(float64) string { return "" }

func (*Percentile) relative() bool { return true }

func (*Percentile) fit(p peers) scorer {
	flagConstant(p)
	if len(p.sorted) == 1 {
		return constant(50)
	}
	return percentile{p.sorted, p.cost}
}

type percentile struct {
	sorted []float64
	cost   bool
}

func (p percentile) at(x float64) float64 {
	// A value that is no peer, because the peers are those of other periods, may have all of them below.
	score := 100 * float64(min(num.Below(p.sorted, x), len(p.sorted)-1)) / float64(len(p.sorted)-1)
	if p.cost {
		return 100 - score
	}
	return score
}

// RankRule scores 100·(n−r)/(n−1) with r the competition rank among the peers: the
// first gets 100 and the last, unless tied, 0. A constant column is all first and
// gets 100, so does a single peer; both are flagged.
type RankRule struct{}

// Kind is "rank".
func (*RankRule) Kind() string { return "rank" }

func (*RankRule) resolve() Rule { return new(RankRule) }

func (*RankRule) check(Direction, report) {}

func (*RankRule) refuses(float64) string { return "" }

func (*RankRule) relative() bool { return true }

func (*RankRule) fit(p peers) scorer {
	flagConstant(p)
	if len(p.sorted) == 1 {
		return constant(100)
	}
	return rankPosition{p.sorted, p.cost}
}

type rankPosition struct {
	sorted []float64
	cost   bool
}

func (p rankPosition) at(x float64) float64 {
	n := len(p.sorted)
	return 100 * float64(max(n-1-p.better(x), 0)) / float64(n-1)
}

// better counts the peers ahead of x.
func (p rankPosition) better(x float64) int {
	if p.cost {
		return num.Below(p.sorted, x)
	}
	return num.Above(p.sorted, x)
}

// RankPoints scores by a table over the competition rank among the peers,
// rescaled so that the first gets 100; ranks past the end get the last entry. A
// constant column is all first and gets 100, so does a single peer; both are
// flagged.
type RankPoints struct {
	Points []float64 `json:"points"` // never rising, the first above 0
}

// Kind is "rank_points".
func (*RankPoints) Kind() string { return "rank_points" }

func (rp *RankPoints) resolve() Rule { return &RankPoints{slices.Clone(rp.Points)} }

func (rp *RankPoints) check(_ Direction, r report) {
	if len(rp.Points) == 0 {
		r("/points", "points_empty", "give the points of at least the first rank")
	}
	for i, p := range rp.Points {
		at := "/points" + item(i)
		switch {
		case !reportValue(r, at, p):
		case i == 0:
			reportPositive(r, at, p)
		case p < 0:
			r(at, "negative", "give points of 0 or more")
		case p > rp.Points[i-1]:
			r(at, "points_rising", "give at most %v, the points of the rank before", rp.Points[i-1])
		}
	}
}

func (*RankPoints) refuses(float64) string { return "" }

func (*RankPoints) relative() bool { return true }

func (rp *RankPoints) fit(p peers) scorer {
	flagConstant(p)
	return rankTable{rankPosition{p.sorted, p.cost}, rp.Points}
}

type rankTable struct {
	rankPosition
	points []float64
}

func (p rankTable) at(x float64) float64 {
	r := min(p.better(x), len(p.points)-1)
	return 100 * p.points[r] / p.points[0]
}

func flagConstant(p peers) {
	if p.sorted[0] == p.sorted[len(p.sorted)-1] {
		p.flag(stats.ConstantColumn)
	}
}

// BestRule scores in proportion to the best peer: 100·x/max, or 100·min/x for a
// cost. Entries are 0 or more. Where all peers are equal, or there is one only,
// everybody is the best and gets 100, and the column is flagged; where the best
// of a cost is 0, those at 0 get 100 and all others 0.
type BestRule struct{}

// Kind is "best".
func (*BestRule) Kind() string { return "best" }

func (*BestRule) resolve() Rule { return new(BestRule) }

func (*BestRule) check(Direction, report) {}

func (*BestRule) refuses(x float64) string { return refusesNegative(x) }

func (*BestRule) relative() bool { return true }

func (*BestRule) fit(p peers) scorer {
	low, high := p.sorted[0], p.sorted[len(p.sorted)-1]
	if low == high {
		p.flag(stats.ConstantColumn)
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
// weight, coverage leaves the column out, and the column is flagged.
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
