package composite

import (
	"bulwark/pkg/composite/internal/num"
	"slices"
)

// Percentile scores 100·(peers strictly below)/(n−1), and 100 minus that for a
// cost; ties share the lower position. A constant column of two or more gives
// everybody 0 (a cost: 100) by the same formula and is flagged; a single peer,
// where the formula is 0/0, gets 50 and is flagged.
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
	score := 100 * float64(num.Below(p.sorted, x)) / float64(len(p.sorted)-1)
	if p.cost {
		return 100 - score
	}
	return score
}

// Rank scores 100·(n−r)/(n−1) with r the competition rank among the peers: the
// first gets 100 and the last, unless tied, 0. A constant column is all first and
// gets 100, so does a single peer; both are flagged.
type Rank struct{}

// Kind is "rank".
func (*Rank) Kind() string { return "rank" }

func (*Rank) resolve() Rule { return new(Rank) }

func (*Rank) check(Direction, report) {}

func (*Rank) refuses(float64) string { return "" }

func (*Rank) relative() bool { return true }

func (*Rank) fit(p peers) scorer {
	flagConstant(p)
	if len(p.sorted) == 1 {
		return constant(100)
	}
	return position{p.sorted, p.cost}
}

type position struct {
	sorted []float64
	cost   bool
}

func (p position) at(x float64) float64 {
	n := len(p.sorted)
	return 100 * float64(n-1-p.better(x)) / float64(n-1)
}

// better counts the peers ahead of x.
func (p position) better(x float64) int {
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
	return prizes{position{p.sorted, p.cost}, rp.Points}
}

type prizes struct {
	position
	points []float64
}

func (p prizes) at(x float64) float64 {
	r := min(p.better(x), len(p.points)-1)
	return 100 * p.points[r] / p.points[0]
}

func flagConstant(p peers) {
	if p.sorted[0] == p.sorted[len(p.sorted)-1] {
		p.flag(ConstantColumn)
	}
}
