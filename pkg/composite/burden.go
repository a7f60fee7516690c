package composite

import (
	"bulwark/pkg/composite/stats"
	"math"
)

// LeafBurden says whether an indicator earns the work of entering it.
type LeafBurden struct {
	NodeRemoval // what the ranking loses without it

	// NeverDecisive: without it no rank and no grade changes, and no unit loses its score.
	NeverDecisive bool
	// Constant: all units that have a score for it have the same one.
	Constant bool
	// Redundant are the siblings that say much the same. Each pair is listed with both.
	Redundant []Correlation
}

// Correlation is Pearson's r with the scores of another leaf over so many units that
// have both.
type Correlation struct {
	Node  int
	R     float64
	Units int
}

// Burden looks for indicators that could be dropped: those that decide nothing and
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
				list[a].Redundant = append(list[a].Redundant, Correlation{two, c, n})
				list[b].Redundant = append(list[b].Redundant, Correlation{one, c, n})
			}
		}
	}
	return list, nil
}

// together is the correlation of two leaves and the number of units with both, 0 where
// it has no answer. Two units always lie on a line and say nothing.
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
