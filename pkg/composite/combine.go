package composite

import (
	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
	"maps"
	"slices"
)

// Rating is the value that one evaluator gave.
type Rating struct {
	Role  string
	Value float64
}

// Combination says how several ratings become one raw value: by Kind among the
// ratings of each role, then by the weighted mean over the roles.
type Combination struct {
	Kind CombinationKind `json:"kind"`           // Mean when empty
	Drop int             `json:"drop,omitempty"` // for Trimmed: so many highest and so many lowest; 1 when 0
	// RoleWeights gives each role its weight, above 0. Nil: all roles weigh the
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

// Combine returns the raw value that the ratings make, and whether there is one.
// Ratings that are not finite, and roles without weight, do not count. The order
// of the ratings does not matter, to the last bit.
func Combine(ratings []Rating, rule Combination) (float64, bool) {
	byRole := map[string][]float64{}
	for _, r := range ratings {
		if num.Finite(r.Value) {
			byRole[r.Role] = append(byRole[r.Role], r.Value)
		}
	}
	var values, weights []float64
	for _, role := range slices.Sorted(maps.Keys(byRole)) {
		w := 1.0
		if rule.RoleWeights != nil {
			w = rule.RoleWeights[role]
		}
		if w > 0 && num.Finite(w) {
			values = append(values, rule.one(byRole[role]))
			weights = append(weights, w)
		}
	}
	return num.Known(stats.ArithmeticMean(values, weights))
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
