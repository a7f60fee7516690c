package composite

import (
	"bulwark/pkg/composite/stats"
	"math"
)

// StatisticsOptions are the limits beyond which Statistics flags. Nil means the
// default.
type StatisticsOptions struct {
	Availability *float64 `json:"availability,omitempty"` // 0.65: a smaller share of values is flagged
	Skew         *float64 `json:"skew,omitempty"`         // 2, and
	Kurtosis     *float64 `json:"kurtosis,omitempty"`     // 3.5: both reached are flagged, as by a Treatment
	Correlation  *float64 `json:"correlation,omitempty"`  // 0.9: siblings beyond ± it are listed
}

// The flags of Statistics, beside ConstantColumn.
const (
	LowAvailability FlagCode = "low_availability"
	Outliers        FlagCode = "outliers"
)

// NodeStatistics describe one node over all units.
type NodeStatistics struct {
	Node int `json:"node"`
	// Entered describes the values that a leaf was given, among the units that it
	// applies to; nil for an inner node.
	Entered *stats.Summary `json:"entered,omitempty"`
	Scores  stats.Summary  `json:"scores"`
	// Flags are those of the entered values of a leaf and of the scores of an inner
	// node.
	Flags []FlagCode `json:"flags,omitempty"`
	// Alpha is CronbachAlpha of the children's scores, nil where it has no answer.
	Alpha *float64 `json:"alpha,omitempty"`
	// Correlated are the pairs of children whose scores go together so closely that
	// one of them says little of its own.
	Correlated []CorrelatedPair `json:"correlated,omitempty"`
}

// CorrelatedPair are two sibling nodes and the Pearson correlation of their scores.
type CorrelatedPair struct {
	A           int     `json:"a"` // the earlier in document order
	B           int     `json:"b"`
	Correlation float64 `json:"correlation"`
}

// Statistics describes every node, in preorder. It needs all scores (KeepAll) and
// is nil without them. Time grows with the square of the children of a node.
func (r *Result) Statistics(o StatisticsOptions) []NodeStatistics {
	o = StatisticsOptions{or(o.Availability, .65), or(o.Skew, 2), or(o.Kurtosis, 3.5), or(o.Correlation, .9)}
	list := make([]NodeStatistics, len(r.scores))
	for n, scores := range r.scores {
		if scores == nil {
			return nil
		}
		s := NodeStatistics{Node: n, Scores: stats.Summarise(scores)}
		if c := r.index.nodes[n].Column; c >= 0 {
			s.Entered = new(r.columns[c].summary())
			s.Flags = flagsOf(*s.Entered, o)
		} else {
			s.Flags = flagsOf(s.Scores, o)
			r.relate(&s, *o.Correlation)
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

func (c *column) summary() stats.Summary {
	var x []float64
	for unit, v := range c.entered {
		if !c.excludes(unit) {
			x = append(x, v)
		}
	}
	return stats.Summarise(x)
}

// relate fills in how the children of a node go together.
func (r *Result) relate(s *NodeStatistics, limit float64) {
	nodes, scores := r.Children(s.Node)
	if alpha, ok := stats.CronbachAlpha(scores); ok {
		s.Alpha = &alpha
	}
	relate := stats.PearsonPairs(scores)
	for a := range scores {
		for b := a + 1; b < len(scores); b++ {
			if together, ok := relate(a, b); ok && math.Abs(together) > limit {
				s.Correlated = append(s.Correlated, CorrelatedPair{nodes[a], nodes[b], together})
			}
		}
	}
}

// flagsOf are what a reader should know of the column.
func flagsOf(s stats.Summary, o StatisticsOptions) (flags []FlagCode) {
	if s.N+s.Missing > 0 && stats.Round(s.Availability, stats.MaxDecimals) < *o.Availability {
		flags = append(flags, LowAvailability)
	}
	if s.Distinct == 1 {
		flags = append(flags, ConstantColumn)
	}
	if !(stats.OutlierLimits{Skew: *o.Skew, Kurtosis: *o.Kurtosis}).Pass(s) {
		flags = append(flags, Outliers)
	}
	return flags
}
