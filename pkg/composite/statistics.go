package composite

import (
	"bulwark/pkg/composite/stats"
)

// NodeStatistics describe one node over all units.
type NodeStatistics struct {
	Node int `json:"node"`
	// Entered describes the values that a leaf was given, among the units that it
	// applies to; nil for an inner node.
	Entered *stats.ColumnSummary `json:"entered,omitempty"`
	Scores  stats.ColumnSummary  `json:"scores"`
	// Flags are those of the entered values of a leaf and of the scores of an inner
	// node.
	Flags []stats.FlagCode `json:"flags,omitempty"`
	// Alpha is CronbachAlpha of the children's scores, nil where it is not defined.
	Alpha *float64 `json:"alpha,omitempty"`
	// Correlated are the pairs of children whose scores are so closely correlated that
	// one of the two adds little.
	Correlated []stats.CorrelatedPair `json:"correlated,omitempty"`
}

// Statistics describes every node, in preorder. It needs all scores (KeepAll) and
// is nil without them. Time grows with the square of the children of a node.
func (r *Result) Statistics(limits stats.FlagLimits) []NodeStatistics {
	list := make([]NodeStatistics, len(r.scores))
	for n, scores := range r.scores {
		if scores == nil {
			return nil
		}
		s := NodeStatistics{Node: n, Scores: stats.Summarise(scores)}
		if c := r.index.nodes[n].Column; c >= 0 {
			s.Entered = new(r.columns[c].summary())
			s.Flags = s.Entered.Flags(limits)
		} else {
			s.Flags = s.Scores.Flags(limits)
			r.relate(&s, limits)
		}
		list[n] = s
	}
	return list
}

// Children returns the children of a node in document order, and their scores,
// one per unit with NaN for none. They are what [PrincipalComponents], [CronbachAlpha]
// and the weights from data take; they must not be changed. Both are nil for a leaf,
// and the scores where they were not kept.
func (r *Result) Children(node int) (nodes []int, scores [][]float64) {
	nodes = append(nodes, r.index.inner[node].children...)
	for _, child := range nodes {
		if r.scores[child] == nil {
			return nodes, nil
		}
		scores = append(scores, r.scores[child])
	}
	return nodes, scores
}

func (c *column) summary() stats.ColumnSummary {
	var x []float64
	for unit, v := range c.entered {
		if !c.excludes(unit) {
			x = append(x, v)
		}
	}
	return stats.Summarise(x)
}

// relate sets how the scores of the children of a node are related.
func (r *Result) relate(s *NodeStatistics, limits stats.FlagLimits) {
	nodes, scores := r.Children(s.Node)
	if alpha, ok := stats.CronbachAlpha(scores); ok {
		s.Alpha = &alpha
	}
	for _, pair := range stats.CorrelatedPairs(scores, limits) {
		pair.A, pair.B = nodes[pair.A], nodes[pair.B]
		s.Correlated = append(s.Correlated, pair)
	}
}
