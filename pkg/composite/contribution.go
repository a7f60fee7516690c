package composite

import (
	"math"
	"math/bits"
	"slices"

	"bulwark/pkg/composite/stats"
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
	Method  method  // of an inner node: how its points are divided among its children
	// Undivided: a node above has no method to divide its points (byNone). This one then has neither weight nor points.
	Undivided bool
}

// Contributions divides the base of a unit among the nodes of the tree. It reports
// false for a unit without a score.
//
// A node has at most Weight × 100 points to carry, or, with a Sum at the root, Weight × its points. It loses Lost
// of them and carries the rest. Along arithmetic means Lost is Weight × (100 − score),
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
	d := division{e.index, unit, e.scores(unit), c.Nodes, make([]float64, len(c.Nodes)), make([]float64, len(c.Nodes))}
	c.Nodes[0], d.rate[0] = Contribution{Present: true, Score: s.Base, Weight: 1, Lost: e.index.full() - s.Base}, 1
	for n := range c.Nodes { // parents come before their children
		if c.Nodes[n].Present && !e.index.nodes[n].Leaf {
			d.divide(n, e)
		}
	}
	c.setPoints(e.index)
	return c, true
}

// division is the dividing of the points of one unit.
type division struct {
	index  *Index
	unit   int
	scores []float64
	nodes  []Contribution
	rate   []float64 // by node: points of the base lost per point that the node loses
	fixed  []float64 // by node: points of the base lost even if the node had 100
}

// divide sets the contributions of the children of a node.
func (d *division) divide(n int, e *Explainer) {
	nodes := d.nodes
	children, x, w := d.index.present(n, d.scores)
	in := &d.index.inner[n]
	var loss, share []float64
	if !nodes[n].Undivided {
		loss, share, nodes[n].Method = in.losses(d.scores[n], x, w, d.value(n, children, w, e))
	}
	if loss == nil {
		for i, child := range children {
			nodes[child] = Contribution{Present: true, Score: x[i], Undivided: true}
		}
		return
	}
	unlost := 100*in.factor - d.scores[n] // what the children do not lose: where all have 100, others may have too
	for _, l := range loss {
		unlost -= l
	}
	if in.kind != Copeland {
		unlost = 0
	}
	for i, child := range children {
		d.fixed[child] = share[i] * (d.fixed[n] + d.rate[n]*unlost)
		lost := d.rate[n] * loss[i]
		nodes[child] = Contribution{
			Present: true, Score: x[i], Weight: nodes[n].Weight * share[i], Lost: lost + d.fixed[child],
		}
		// A child at 100 loses nothing, but its own children may lose and gain: then the
		// rate is what it tends to, the share.
		d.rate[child] = d.rate[n] * share[i] * in.factor
		if gap := 100 - x[i]; nodes[n].Method != byWeight && math.Abs(gap) > 1e-9 {
			d.rate[child] = lost / gap
		}
	}
}

// value returns what the score of the node would be, by the scores of its children.
func (d *division) value(n int, children []int, w []float64, e *Explainer) func(x []float64) float64 {
	in := &d.index.inner[n]
	if in.kind != Copeland {
		return func(x []float64) float64 { return in.mean(x, w) }
	}
	if len(children) > maxShapley {
		return nil
	}
	weights := make([]float64, len(in.children))
	for i, child := range in.children {
		weights[i] = d.index.weights[child]
	}
	t, all := stats.NewTournament(e.columns(in.children), weights), make([]float64, len(in.children))
	return func(x []float64) float64 {
		for i, child := range in.children {
			all[i] = math.NaN()
			if at := slices.Index(children, child); at >= 0 {
				all[i] = x[at]
			}
		}
		return t.Score(d.unit, all)
	}
}

// columns returns the scores of nodes by unit.
func (e *Explainer) columns(nodes []int) [][]float64 {
	columns := make([][]float64, len(nodes))
	for u := range e.places {
		scores := e.scores(u)
		for i, n := range nodes {
			columns[i] = append(columns[i], scores[n])
		}
	}
	return columns
}

// carries reports whether the points of the node do not come from below it.
func (c *Contributions) carries(ix *Index, n int) bool {
	p := &c.Nodes[n]
	return p.Present && !p.Undivided && (ix.nodes[n].Leaf || p.Method == byNone)
}

// setPoints sets the points from the leaves up.
func (c *Contributions) setPoints(ix *Index) {
	last, sum, full := 0, 0.0, ix.full()
	for n := range c.Nodes {
		if p := &c.Nodes[n]; c.carries(ix, n) {
			p.Points = float64(full*p.Weight) - p.Lost
			sum += p.Points
			last = n
		}
	}
	c.Residual = c.Base - sum
	c.Nodes[last].Points += c.Residual
	c.Nodes[last].Lost -= c.Residual
	for n := range c.Nodes {
		if !c.carries(ix, n) {
			c.Nodes[n].Points, c.Nodes[n].Lost = 0, 0
		}
	}
	for n := len(c.Nodes) - 1; n > 0; n-- {
		parent := &c.Nodes[ix.nodes[n].Parent]
		parent.Points += c.Nodes[n].Points
		parent.Lost += c.Nodes[n].Lost
	}
}

// method names how a node's points are divided among its children.
type method string

// The methods. Each but the last divides what the node loses against 100, so that they agree on
// what a contribution means; see Contributions.
const (
	// byWeight is the arithmetic mean's: a child loses its share of the weight
	// × (100 − its score).
	byWeight method = "weight"
	// byShapley is the mean loss that a child adds when the children leave 100 for
	// their own scores one after another, over all orders (Shapley 1953).
	byShapley method = "shapley"
	// byLogShare divides in proportion to weight × ln(100/score), for more children
	// than Shapley values are computed for. For the geometric mean it is the
	// logarithmic mean Divisia decomposition (Ang 2005). Scores above 100 lose
	// nothing there; scores below 0.01 count as 0.01.
	byLogShare method = "log_share"
	// byNone divides nothing: a median, maximum or Copeland score of more children than Shapley values are computed for
	// has no shares that mean the same. The children carry nothing of their own.
	byNone method = "none"
)

// maxShapley is the largest number of children whose Shapley values are computed.
const maxShapley = 12

var nan = math.NaN()

// losses divides the points that are short of 100, with value the aggregate of x, among the children; of a Sum,
// those short of its points. Share is what each has of the full points: its share of the weight, and an
// equal one where weights play no part. For a linear mean share × (100 − score) is the Shapley value.
func (in *inner) losses(
	value float64, x, w []float64, mean func(x []float64) float64,
) (loss, share []float64, method method) {
	share = shares(in.kind, w)
	switch {
	case in.kind == Arithmetic || in.kind == Sum:
		loss = make([]float64, len(x))
		for i := range x {
			loss[i] = float64(in.factor * share[i] * (100 - x[i]))
		}
		return loss, share, byWeight
	case len(x) <= maxShapley:
		return in.shapley(value, x, mean), share, byShapley
	case in.kind == Median || in.kind == Maximum || in.kind == Copeland:
		return nil, share, byNone
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
		if kind == Minimum || kind == Maximum {
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
func (in *inner) shapley(value float64, x []float64, mean func(x []float64) float64) []float64 {
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
		worth[set] = 100 - mean(scores)
	}
	worth[len(worth)-1] = 100 - value
	if in.kind != Copeland { // of which others may be as good as 100 in everything
		worth[0] = 0
	}
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
