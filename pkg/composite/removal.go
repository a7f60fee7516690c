package composite

import (
	"bulwark/pkg/composite/stats"
	"math"
)

// Removal says what happens to the ranking when something is left out: a node of the
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
// A large mean |rank change| means that the ranking hangs on the node; 0 means that
// no rank does. r must have been kept whole (KeepAll), else the list is empty. The
// error, of type *DataFaults, is that of Standings.
func (ix *Index) RemoveOne(r *Result, adjustments []Adjustment) ([]NodeRemoval, error) {
	c, err := newContest(r, adjustments)
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
	r        *Result
	walk     *walk
	base     []float64
	from, to int // the nodes left out
	nothing  []float64
}

func newRemover(r *Result) *remover {
	m := &remover{r: r, base: make([]float64, r.Units())}
	keep := make([][]float64, len(r.scores))
	keep[0] = m.base
	m.walk = newWalk(r.index, r.Units(), keep)
	m.nothing = make([]float64, m.walk.size)
	for i := range m.nothing {
		m.nothing[i] = math.NaN()
	}
	whole := make([][]bool, len(r.index.leaves))
	for c, l := range r.index.leaves {
		whole[c] = wholeBlocks(r.scores[l.node])
	}
	m.walk.leaf = func(column, lo int, block []float64) ([]float64, bool) {
		node := r.index.leaves[column].node
		if node >= m.from && node < m.to {
			return m.nothing[:len(block)], false
		}
		return r.scores[node][lo : lo+len(block)], whole[column][lo/blockSize]
	}
	return m
}

// without are the root scores of all units without the node.
func (m *remover) without(node int) []float64 {
	m.from, m.to = node, m.r.index.nodes[node].End
	for lo := 0; lo < len(m.base); lo += blockSize {
		m.walk.block(lo, min(lo+blockSize, len(m.base)))
	}
	return m.base
}

// removal compares the last round with the standings.
func (c *contest) removal(units int) Removal {
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
