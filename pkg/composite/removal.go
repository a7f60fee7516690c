package composite

import (
	"maps"
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// Removal is what happens to the ranking when something is left out: a node of the
// tree, or an evaluator. Only units with a score in Standings are ranked, before and
// after, with their adjustments held; coverage is not judged again.
type Removal struct {
	RankChange    float64 // mean |rank change| over the units that keep a score
	MaxRankChange int
	Agreement     float64 // Kendall's τ-b between the ranks before and after, 1 where it is not defined
	GradesChanged int
	NoScore       int   // units for which nothing is left to score them by; they rank last
	Ranks         []int // by Data.Units: the rank without it, 0 for units not ranked
}

// NodeRemoval is the removal of one node with all below it; its weight leaves with it.
type NodeRemoval struct {
	Node int
	Removal
}

// RemoveOne leaves out each node of the tree but the root, in preorder, one at a time.
// A large mean |rank change| means that the ranking depends on the node; 0 means that
// no rank does. r must have been kept whole (KeepAll), else the list is empty. The
// error, of type *DataFaults, is that of Standings.
func (ix *Index) RemoveOne(r *Result, adjustments []Adjustment) ([]NodeRemoval, error) {
	c, err := newSimulation(r, adjustments)
	if err != nil || !r.whole() {
		return nil, err
	}
	var list []NodeRemoval
	scores := newRemover(r)
	for n := 1; n < len(ix.nodes); n++ {
		c.run(scores.without(n))
		list = append(list, NodeRemoval{n, c.removal(r.Units())})
	}
	return list, nil
}

// whole reports whether the scores of all nodes were kept.
func (r *Result) whole() bool {
	for _, column := range r.scores {
		if column == nil {
			return false
		}
	}
	return true
}

// remover aggregates the leaf scores of a result without those below one node.
type remover struct {
	r         *Result
	evaluator *evaluator
	base      []float64
	from, to  int // the nodes left out
	nothing   []float64
}

func newRemover(r *Result) *remover {
	m := &remover{r: r, base: make([]float64, r.Units())}
	keep := make([][]float64, len(r.scores))
	keep[0] = m.base
	m.evaluator = newEvaluator(r.index, r.Units(), keep)
	m.nothing = make([]float64, m.evaluator.size)
	for i := range m.nothing {
		m.nothing[i] = math.NaN()
	}
	whole := make([][]bool, len(r.index.leaves))
	for c, l := range r.index.leaves {
		whole[c] = wholeBlocks(r.scores[l.node])
	}
	m.evaluator.leaf = func(column, lo int, block []float64) ([]float64, bool) {
		node := r.index.leaves[column].node
		if node >= m.from && node < m.to {
			return m.nothing[:len(block)], false
		}
		return r.scores[node][lo : lo+len(block)], wholeFrom(whole[column], lo, len(block))
	}
	return m
}

// without are the root scores of all units without the node.
func (m *remover) without(node int) []float64 {
	m.from, m.to = node, m.r.index.nodes[node].End
	for lo := 0; lo < len(m.base); lo += m.evaluator.size {
		m.evaluator.block(lo, min(lo+m.evaluator.size, len(m.base)))
	}
	return m.base
}

// removal compares the last run of the simulation with the standings.
func (c *simulation) removal(units int) Removal {
	out := Removal{Ranks: make([]int, units), Agreement: 1}
	before, after := make([]float64, len(c.units)), make([]float64, len(c.units))
	sum := 0
	for i, u := range c.units {
		s := &c.before[i]
		out.Ranks[u] = int(c.rank[i])
		before[i], after[i] = float64(s.Rank), float64(c.rank[i])
		if c.score[i] != c.score[i] {
			out.NoScore++
			continue
		}
		change := max(int(c.rank[i])-s.Rank, s.Rank-int(c.rank[i]))
		sum += change
		out.MaxRankChange = max(out.MaxRankChange, change)
		if g := c.grade[i]; g >= 0 && c.index.spec.Grades[g].Code != s.Grade {
			out.GradesChanged++
		}
	}
	if ranked := len(c.units) - out.NoScore; ranked > 0 {
		out.RankChange = float64(sum) / float64(ranked)
	}
	if tau, ok := stats.Kendall(before, after); ok {
		out.Agreement = tau
	}
	return out
}

// LeafBurden is whether an indicator is worth the work of entering it.
type LeafBurden struct {
	NodeRemoval // what the ranking loses without it

	// NeverDecisive: without it no rank and no grade changes, and no unit loses its
	// score.
	NeverDecisive bool
	// Constant: all units that have a score for it have the same one.
	Constant bool
	// Redundant are the siblings whose scores are nearly the same. Each pair is listed
	// with both.
	Redundant []leafCorrelation
}

// leafCorrelation is Pearson's r with the scores of another leaf over so many units that
// have both.
type leafCorrelation struct {
	Node  int
	R     float64
	Units int
}

// Burden reports which indicators could be dropped: those that decide nothing and
// those whose scores correlate with those of a sibling by more than limit in
// magnitude (0.9 is usual; a limit that is not above 0 takes it). Correlations need
// three units with a score in Standings and are not defined for a constant score.
// Each figure is for dropping one indicator alone: of two that are redundant, one may
// go. The list is in the order of Data.Columns. r must have been kept whole (KeepAll),
// else it is empty; so it is where the root is the only indicator. The error is that
// of Standings.
func (ix *Index) Burden(r *Result, adjustments []Adjustment, limit float64) ([]LeafBurden, error) {
	if !(limit > 0) {
		limit = 0.9
	}
	removals, err := ix.RemoveOne(r, adjustments)
	if err != nil {
		return nil, err
	}
	var list []LeafBurden
	for _, removal := range removals {
		if !ix.nodes[removal.Node].Leaf {
			continue
		}
		list = append(list, LeafBurden{
			NodeRemoval:   removal,
			NeverDecisive: removal.MaxRankChange == 0 && removal.GradesChanged == 0 && removal.NoScore == 0,
			Constant:      r.constant(removal.Node),
		})
	}
	for a := range list {
		for b := a + 1; b < len(list); b++ {
			one, two := list[a].Node, list[b].Node
			if ix.nodes[one].Parent != ix.nodes[two].Parent {
				continue
			}
			c, n := r.together(one, two)
			if math.Abs(c) > limit {
				list[a].Redundant = append(list[a].Redundant, leafCorrelation{two, c, n})
				list[b].Redundant = append(list[b].Redundant, leafCorrelation{one, c, n})
			}
		}
	}
	return list, nil
}

// together returns the correlation of two leaves, 0 where it is not defined, and the
// number of units with both. Two units always lie on a line, so they do not count.
func (r *Result) together(one, two int) (correlation float64, units int) {
	both, err := stats.Complete([][]float64{r.ranked(one), r.ranked(two)})
	if err != nil || len(both[0]) < 3 {
		return 0, 0
	}
	correlation, _ = stats.Pearson(both[0], both[1])
	return correlation, len(both[0])
}

// ranked are the scores of the leaf with NaN for units without a score of their own.
func (r *Result) ranked(node int) []float64 {
	scores := make([]float64, r.Units())
	for u := range scores {
		scores[u] = math.NaN()
		if r.status[u] == UnitScored {
			scores[u] = r.scores[node][u]
		}
	}
	return scores
}

// constant reports whether no two units differ in the score of the leaf.
func (r *Result) constant(node int) bool {
	first := math.NaN()
	for _, x := range r.ranked(node) {
		if x == x && first == first && x != first {
			return false
		}
		if x == x {
			first = x
		}
	}
	return true
}

// EvaluatorInfluence is what happens to the ranking without one evaluator.
type EvaluatorInfluence struct {
	Evaluator int
	Ratings   int // of the evaluator that counted

	Removal
	ScoreChange    float64 // mean of published score with − without, over the units that keep a score
	MaxScoreChange float64 // the largest magnitude
}

// LeaveOutEvaluators scores the index anew without the ratings of each evaluator, one
// at a time, in the order of their numbers. A cell that keeps other ratings becomes
// what Combine makes of them; one that loses its last becomes missing and follows the
// policy of its indicator. Only cells with a rating of the evaluator change. Errors
// are those of Robustness.
func (ix *Index) LeaveOutEvaluators(
	d Data, rated []RatedColumn, adjustments []Adjustment,
) ([]EvaluatorInfluence, error) {
	p, err := ix.scenarios(d, RobustnessOptions{Replicates: 1, Adjustments: adjustments, Ratings: rated})
	if err != nil {
		return nil, err
	}
	count := ratingsOf(d, rated)
	var list []EvaluatorInfluence
	for _, evaluator := range slices.Sorted(maps.Keys(count)) {
		p.simulation.run(p.trees[0].Score(d.without(evaluator, rated), KeepRoot).scores[0])
		e := EvaluatorInfluence{
			Evaluator: evaluator, Ratings: count[evaluator], Removal: p.simulation.removal(len(d.Units)),
		}
		e.ScoreChange, e.MaxScoreChange = p.simulation.scoreChange()
		list = append(list, e)
	}
	return list, nil
}

// ratingsOf counts, by evaluator, the ratings in cells that have an entry.
func ratingsOf(d Data, rated []RatedColumn) map[int]int {
	count := map[int]int{}
	for _, rc := range rated {
		for u, cell := range rc.Ratings {
			for _, rating := range cell {
				if num.Finite(rating.Value) && !math.IsNaN(d.Columns[rc.Column][u]) {
					count[rating.Evaluator]++
				}
			}
		}
	}
	return count
}

// without is the data as they are without the ratings of the evaluator.
func (d Data) without(evaluator int, rated []RatedColumn) Data {
	d.Columns = slices.Clone(d.Columns)
	for _, rc := range rated {
		column := slices.Clone(d.Columns[rc.Column])
		for u, cell := range rc.Ratings {
			var rest []Rating
			for _, rating := range cell {
				if rating.Evaluator != evaluator {
					rest = append(rest, rating.Rating)
				}
			}
			if len(rest) == len(cell) || column[u] != column[u] {
				continue
			}
			value, ok := rc.Combine.Combine(rest)
			if !ok {
				value = math.NaN()
			}
			column[u] = value
		}
		d.Columns[rc.Column] = column
	}
	return d
}

// scoreChange is the mean and the largest magnitude of published score before −
// published score of the last run.
func (c *simulation) scoreChange() (mean, largest float64) {
	n := 0
	for i, s := range c.before {
		if c.score[i] == c.score[i] {
			change := s.Score - c.score[i]
			mean += change
			largest = max(largest, math.Abs(change))
			n++
		}
	}
	return mean / float64(max(n, 1)), largest
}
