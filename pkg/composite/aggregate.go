package composite

import (
	"bulwark/pkg/composite/stats"
	"math"
)

// AggregationKind names how a node combines its children.
type AggregationKind string

// The aggregations; each is the exported function of the same name.
const (
	Arithmetic AggregationKind = "arithmetic" // ArithmeticMean, the default
	Geometric  AggregationKind = "geometric"  // GeometricMean
	Harmonic   AggregationKind = "harmonic"   // HarmonicMean
	Power      AggregationKind = "power"      // PowerMean with P
	Minimum    AggregationKind = "minimum"    // the lowest child; weights play no part
	Penalised  AggregationKind = "penalised"  // PenalisedMean
)

// Aggregation is the combination of one inner node.
type Aggregation struct {
	Kind AggregationKind `json:"kind"`        // Arithmetic when empty
	P    float64         `json:"p,omitempty"` // exponent of Power, −20 to 20, not 0
}

const maxExponent = 20

func (a Aggregation) check(r report) {
	switch a.Kind {
	case Arithmetic, Geometric, Harmonic, Minimum, Penalised:
	case Power:
		if !(math.Abs(a.P) <= maxExponent) || a.P == 0 {
			r("/p", "exponent_out_of_range", "give an exponent between -20 and 20 other than 0")
		}
	default:
		r("/kind", "unknown_aggregation", "%q is not an aggregation: use arithmetic, geometric, harmonic, power, minimum or penalised", a.Kind)
	}
}

// mean returns the function of the aggregation, of values and their weights.
func (a Aggregation) mean() func(x, w []float64) float64 {
	switch a.Kind {
	case Geometric:
		return stats.GeometricMean
	case Harmonic:
		return stats.HarmonicMean
	case Power:
		return func(x, w []float64) float64 { return stats.PowerMean(x, w, a.P) }
	case Minimum:
		return func(x, _ []float64) float64 { return stats.Lowest(x) }
	case Penalised:
		return stats.PenalisedMean
	}
	return stats.ArithmeticMean
}
