package composite

import (
	"maps"
	"slices"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// Rating is the value that one evaluator entered.
type Rating struct {
	Role  string
	Value float64
}

// Combination is how several ratings become one raw value: by Kind among the
// ratings of each role, then by the weighted mean over the roles.
type Combination struct {
	Kind CombinationKind `json:"kind"`           // Mean when empty
	Drop int             `json:"drop,omitempty"` // for Trimmed: so many highest and so many lowest; 1 when 0
	// RoleWeights are the weights of the roles, above 0. Nil: all roles weigh the
	// same. A role that is not in it does not count.
	RoleWeights map[string]float64 `json:"role_weights,omitempty"`
}

// CombinationKind names how the ratings of one role are combined.
type CombinationKind string

// The combinations of one role's ratings.
const (
	Mean       CombinationKind = "mean"
	MedianKind CombinationKind = "median"
	Trimmed    CombinationKind = "trimmed" // the mean of those left, or of all where fewer than 2·Drop+1
)

func (c *Combination) check(r report) {
	switch c.Kind {
	case "", Mean, MedianKind, Trimmed:
	default:
		r("/kind", "unknown_combination", "%q is not a combination: use mean, median or trimmed", c.Kind)
	}
	if c.Drop < 0 {
		r("/drop", "negative", "give 0 or more ratings to drop")
	}
	for _, role := range slices.Sorted(maps.Keys(c.RoleWeights)) {
		reportWeight(r, "/role_weights"+key(role), c.RoleWeights[role])
	}
}

// Combine returns the raw value that the ratings combine to, rounded to 12 significant
// digits, and whether there is one.
// Ratings that are not finite, and roles without weight, do not count. The order
// of the ratings does not matter, to the last bit.
func (c Combination) Combine(ratings []Rating) (float64, bool) {
	byRole := map[string][]float64{}
	for _, r := range ratings {
		if num.Finite(r.Value) {
			byRole[r.Role] = append(byRole[r.Role], r.Value)
		}
	}
	var values, weights []float64
	for _, role := range slices.Sorted(maps.Keys(byRole)) {
		w := 1.0
		if c.RoleWeights != nil {
			w = c.RoleWeights[role]
		}
		if w > 0 && num.Finite(w) {
			values = append(values, c.one(byRole[role]))
			weights = append(weights, w)
		}
	}
	return num.Known(overRoles(values, weights))
}

// overRoles is the raw value that the values of the roles combine to. Rounded, it is the
// same for ratings with the same mean on paper, whatever they are.
func overRoles(values, weights []float64) float64 {
	return num.Significant(stats.ArithmeticMean(values, weights))
}

// one combines the ratings of one role, of which there is at least one.
func (c Combination) one(values []float64) float64 {
	slices.Sort(values)
	switch c.Kind {
	case MedianKind:
		return stats.Median(values)
	case Trimmed:
		drop := c.Drop
		if drop == 0 {
			drop = 1
		}
		if drop > 0 && drop <= (len(values)-1)/2 {
			values = values[drop : len(values)-drop]
		}
	}
	return stats.ArithmeticMean(values, nil)
}

// ratedColumn is a RatedColumn made ready for drawing.
type ratedColumn struct {
	combine Combination
	cells   [][]roleRatings // by unit
	keys    []uint64        // by unit
}

// roleRatings are the ratings of one role in one cell, ascending, so that their
// order in the input plays no part.
type roleRatings struct {
	weight float64
	values []float64
}

func newRatedColumn(rc RatedColumn, code string, units []string) ratedColumn {
	out := ratedColumn{combine: rc.Combine}
	for u, cell := range rc.Ratings {
		byRole := map[string][]float64{}
		for _, rating := range cell {
			if num.Finite(rating.Value) {
				byRole[rating.Role] = append(byRole[rating.Role], rating.Value)
			}
		}
		var roles []roleRatings
		for _, role := range slices.Sorted(maps.Keys(byRole)) {
			weight := 1.0
			if rc.Combine.RoleWeights != nil {
				weight = rc.Combine.RoleWeights[role]
			}
			if weight > 0 {
				roles = append(roles, roleRatings{weight, slices.Sorted(slices.Values(byRole[role]))})
			}
		}
		out.cells = append(out.cells, roles)
		out.keys = append(out.keys, num.TextKey(units[u])^num.TextKey(code))
	}
	return out
}

// draw writes a value of every unit: its ratings drawn with replacement within each
// role and combined. A unit without ratings keeps its entry, one without an entry
// stays without.
func (rc *ratedColumn) draw(dst, entered []float64, s *num.Stream, key uint64) {
	var buffer, values, weights []float64
	for u, roles := range rc.cells {
		dst[u] = entered[u]
		if len(roles) == 0 || entered[u] != entered[u] {
			continue
		}
		s.Start(key ^ rc.keys[u])
		values, weights = values[:0], weights[:0]
		for _, role := range roles {
			buffer = buffer[:0]
			for range role.values {
				buffer = append(buffer, role.values[num.Pick(s.Uint64(), len(role.values))])
			}
			values = append(values, rc.combine.one(buffer))
			weights = append(weights, role.weight)
		}
		dst[u] = overRoles(values, weights)
	}
}
