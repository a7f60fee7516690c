package composite

import (
	"math"
	"math/bits"
)

// Contributions are what each node carries of a unit's base, and what it loses.
type Contributions struct {
	Unit  int
	Base  float64
	Nodes []Contribution // one per node of the tree, in preorder
	// Residual is the rounding noise, base minus sum, that the last leaf with a score
	// carries on top of its own points.
	Residual float64
}

// Contribution is the part of one node. A node without a score has none: all 0.
type Contribution struct {
	Present bool    // whether the node has a score
	Score   float64 // of the node, 0–100 unless its rule has no bounds
	Weight  float64 // share of the whole among what is present; 1 for the root
	Points  float64 // points of the base that it carries
	Lost    float64 // points of the base that it loses against a score of 100
	Method  Method  // of an inner node: how its points are divided among its children
}

// Contributions divides the base of a unit among the nodes of the tree. It reports
// false for a unit without a score.
//
// A node has at most Weight × 100 points to carry, loses Lost of them and carries
// Points = 100·Weight − Lost. Along arithmetic means Lost is Weight × (100 − score),
// so Points is Weight × score. Under any other mean, what the parent loses against
// 100 is divided by the Method of the parent. What a node loses is passed on to its
// children in the proportions in which they make it lose. The points of the children
// of a node sum to its own, those of the leaves to the base, Residual included.
// Points are below 0 where a child drags its siblings down by more than it carries,
// as a 0 does under a geometric mean.
func (e *Explainer) Contributions(unit int) (*Contributions, bool) {
	s, ok := e.scored(unit)
	if !ok {
		return nil, false
	}
	c := &Contributions{Unit: unit, Base: s.Base, Nodes: make([]Contribution, len(e.index.nodes))}
	scores := e.scores(unit)
	rate := make([]float64, len(scores)) // points of the base lost per point that the node loses
	c.Nodes[0], rate[0] = Contribution{Present: true, Score: s.Base, Weight: 1, Lost: 100 - s.Base}, 1
	for n := range c.Nodes { // parents come before their children
		if c.Nodes[n].Present && !e.index.nodes[n].Leaf {
			e.divide(n, scores, c.Nodes, rate)
		}
	}
	c.setPoints(e.index)
	return c, true
}

// divide sets the contributions of the children of a node.
func (e *Explainer) divide(n int, scores []float64, nodes []Contribution, rate []float64) {
	children, x, w := e.index.present(n, scores)
	loss, share, method := e.index.inner[n].losses(scores[n], x, w)
	nodes[n].Method = method
	for i, child := range children {
		nodes[child] = Contribution{
			Present: true, Score: x[i], Weight: nodes[n].Weight * share[i], Lost: rate[n] * loss[i],
		}
		// A child at 100 loses nothing, but its own children may lose and gain: then the
		// rate is what it tends to, the share.
		rate[child] = rate[n] * share[i]
		if gap := 100 - x[i]; method != byWeight && math.Abs(gap) > 1e-9 {
			rate[child] = nodes[child].Lost / gap
		}
	}
}

// setPoints sets the points from the leaves up.
func (c *Contributions) setPoints(ix *Index) {
	last, sum := 0, 0.0
	for n := range c.Nodes {
		if p := &c.Nodes[n]; p.Present && ix.nodes[n].Leaf {
			p.Points = float64(100*p.Weight) - p.Lost
			sum += p.Points
			last = n
		}
	}
	c.Residual = c.Base - sum
	c.Nodes[last].Points += c.Residual
	c.Nodes[last].Lost -= c.Residual
	for n := range c.Nodes {
		if !ix.nodes[n].Leaf {
			c.Nodes[n].Points, c.Nodes[n].Lost = 0, 0
		}
	}
	for n := len(c.Nodes) - 1; n > 0; n-- {
		parent := &c.Nodes[ix.nodes[n].Parent]
		parent.Points += c.Nodes[n].Points
		parent.Lost += c.Nodes[n].Lost
	}
}

// Method names how a node's points are divided among its children.
type Method string

// The methods. Each divides what the node loses against 100, so that they agree on
// what a contribution means; see Contributions.
const (
	// byWeight is the arithmetic mean's: a child loses its share of the weight
	// × (100 − its score).
	byWeight Method = "weight"
	// byShapley is the mean loss that a child adds when the children leave 100 for
	// their own scores one after another, over all orders (Shapley 1953).
	byShapley Method = "shapley"
	// byLogShare divides in proportion to weight × ln(100/score), for more children
	// than Shapley values are computed for. For the geometric mean it is the
	// logarithmic mean Divisia decomposition (Ang 2005). Scores above 100 lose
	// nothing there; scores below 0.01 count as 0.01.
	byLogShare Method = "log_share"
)

// maxShapley is the largest number of children whose Shapley values are computed.
const maxShapley = 12

var nan = math.NaN()

// losses divides 100 − value, with value the aggregate of x, among the children.
// Share is what each has of the full 100 points: its share of the weight, and an
// equal one where weights play no part.
func (in *inner) losses(value float64, x, w []float64) (loss, share []float64, method Method) {
	share = shares(in.kind, w)
	switch {
	case in.kind == Arithmetic:
		loss = make([]float64, len(x))
		for i := range x {
			loss[i] = float64(share[i] * (100 - x[i]))
		}
		return loss, share, byWeight
	case len(x) <= maxShapley:
		return in.shapley(value, x, w), share, byShapley
	}
	return logShare(100-value, x, share), share, byLogShare
}

func shares(kind AggregationKind, w []float64) []float64 {
	share, total := make([]float64, len(w)), 0.0
	for _, v := range w {
		total += v
	}
	for i, v := range w {
		share[i] = v / total
		if kind == Minimum {
			share[i] = 1 / float64(len(w))
		}
	}
	return share
}

// shapley is the Shapley value of the game in which a coalition is worth what the
// node loses when its members have their own scores and all others 100.
//
// Leaving the others out instead, or counting them as 0, was not chosen. Left out,
// a child would be credited for what the mean of the rest happens to be; as 0, any
// coalition short of the whole is worth 0 to a geometric mean, so that all children
// would get the same whatever their scores. Against 100 a child at 100 loses
// nothing, and for an arithmetic mean the value is weight × (100 − score) exactly.
func (in *inner) shapley(value float64, x, w []float64) []float64 {
	n := len(x)
	worth := make([]float64, 1<<n) // by set of members
	scores := make([]float64, n)
	for set := range worth {
		for i := range scores {
			scores[i] = 100
			if set>>i&1 == 1 {
				scores[i] = x[i]
			}
		}
		worth[set] = 100 - in.mean(scores, w)
	}
	worth[0], worth[len(worth)-1] = 0, 100-value
	chance := orders(n)
	loss := make([]float64, n)
	for set := range worth {
		for i := range loss {
			if set>>i&1 == 0 {
				loss[i] += float64(chance[bits.OnesCount(uint(set))] * (worth[set|1<<i] - worth[set]))
			}
		}
	}
	return loss
}

// orders is, by size of a set, the share of the orders of n children in which
// exactly that set comes before a given child: s!·(n−s−1)!/n!.
func orders(n int) []float64 {
	chance := make([]float64, n)
	chance[0] = 1 / float64(n)
	for s := 1; s < n; s++ {
		chance[s] = chance[s-1] * float64(s) / float64(n-s)
	}
	return chance
}

func logShare(loss float64, x, share []float64) []float64 {
	parts, total := make([]float64, len(x)), 0.0
	for i := range x {
		parts[i] = float64(share[i] * max(0, math.Log(100/max(x[i], 0.01))))
		total += parts[i]
	}
	if total == 0 { // no score is below 100
		copy(parts, share)
		total = 1
	}
	for i := range parts {
		parts[i] = loss * (parts[i] / total)
	}
	return parts
}
