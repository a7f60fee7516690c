package composite

import (
	"bulwark/pkg/composite/stats"
	"cmp"
	"math"
	"slices"
)

// Neighbour is a unit next to another in the standings.
type Neighbour struct {
	Standing
	Places int     // in the list: −1 is the one just above, 1 the one just below
	Gap    float64 // its published score − the unit's
	// Differences are those of the nodes of the first level, the one that decides most
	// first. Their Points sum to the difference of the bases.
	Differences []Difference
}

// Difference is how a neighbour differs from the unit in one node.
type Difference struct {
	Node   int
	Score  float64 // its score − the unit's; 0 if either has none
	Points float64 // points that it carries of its base − those that the unit's carries
}

// Neighbours are up to span units just above and up to span just below, in the order
// of the standings, overall or within the unit's class. A unit without a score has
// none.
func (e *Explainer) Neighbours(unit, span int, class bool) []Neighbour {
	own, ok := e.Contributions(unit)
	if !ok || span <= 0 {
		return nil
	}
	around := e.around(unit, class)
	at := slices.IndexFunc(around, func(s Standing) bool { return s.Unit == unit })
	var list []Neighbour
	for i := max(0, at-span); i < len(around) && i-at <= span; i++ {
		if other, ok := e.Contributions(around[i].Unit); ok && i != at {
			list = append(list, Neighbour{
				Standing: around[i], Places: i - at,
				Gap:         stats.Round(around[i].Score-around[at].Score, stats.MaxDecimals),
				Differences: e.differences(own, other),
			})
		}
	}
	return list
}

// around are the units with a score that the unit is among.
func (e *Explainer) around(unit int, class bool) []Standing {
	classes := e.result.data.Classes
	var list []Standing
	for _, s := range e.standings {
		if s.Status == UnitScored && (!class || classes == nil || classes[s.Unit] == classes[unit]) {
			list = append(list, s)
		}
	}
	return list
}

func (e *Explainer) differences(own, other *Contributions) []Difference {
	var list []Difference
	for n, info := range e.index.nodes {
		a, b := own.Nodes[n], other.Nodes[n]
		if info.Depth != 1 || !a.Present && !b.Present {
			continue
		}
		d := Difference{Node: n, Points: b.Points - a.Points}
		if a.Present && b.Present {
			d.Score = b.Score - a.Score
		}
		list = append(list, d)
	}
	slices.SortStableFunc(list, func(a, b Difference) int {
		return cmp.Compare(stats.Round(math.Abs(b.Points), stats.MaxDecimals), stats.Round(math.Abs(a.Points), stats.MaxDecimals))
	})
	return list
}
