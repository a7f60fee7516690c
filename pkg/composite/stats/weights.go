package stats

import (
	"bulwark/pkg/composite/internal/num"
	"fmt"
	"math"
)

// The weights below come from the data alone: they say what separates the units,
// not what matters. All sum to 1. A column that never varies separates nothing and
// has weight 0; where no column varies, all weigh the same. A Spec takes no weight
// of 0: such a column has to leave it. Scores, cost already turned round, are what
// the columns should hold. The order of the units changes no bit.

// EntropyWeights gives each column 1 − H, with H = −Σp·ln p/ln n the entropy of its
// shares p = x/Σx among the n units that have a value (Shannon 1948; Zeleny 1982).
// Fewer than two such units, or a sum of 0, count as a column that never varies. It
// is an error if a value is below 0, or if columns are of different length.
func EntropyWeights(columns [][]float64) ([]float64, error) {
	if err := num.SameLength(columns); err != nil {
		return nil, err
	}
	w := make([]float64, len(columns))
	for c, column := range columns {
		for unit, v := range column {
			if Valid(v) && v < 0 {
				return nil, fmt.Errorf("column %d, unit %d: %v is below 0 and has no share", c, unit, v)
			}
		}
		w[c] = divergence(present(column))
	}
	return sumToOne(w), nil
}

// divergence is 1 − H.
func divergence(x []float64) float64 {
	if !varies(x) {
		return 0
	}
	n, e := float64(len(x)), binary(x)
	var sum, entropy steady
	for _, v := range x {
		sum.add(math.Ldexp(v, -e))
	}
	total := sum.value()
	for _, v := range x {
		if p := math.Ldexp(v, -e) / total; p > 0 {
			entropy.add(-p * math.Log(p)) // at most 1/e
		}
	}
	return max(1-entropy.value()/math.Log(n), 0)
}

// DeviationWeights gives each column its standard deviation after min-max scaling
// (Diakoulaki, Mavrotas and Papayannakis 1995), over the units that have a value.
// Columns of different length are an error.
func DeviationWeights(columns [][]float64) ([]float64, error) {
	if err := num.SameLength(columns); err != nil {
		return nil, err
	}
	w := make([]float64, len(columns))
	for c, column := range columns {
		w[c] = contrast(present(column))
	}
	return sumToOne(w), nil
}

// contrast is the standard deviation (n−1) relative to the range.
func contrast(x []float64) float64 {
	if !varies(x) {
		return 0
	}
	d, _ := centred(x)
	low, high := d[0], d[0]
	for _, v := range d {
		low, high = min(low, v), max(high, v)
	}
	return math.Sqrt(steadyDot(d, d)/float64(len(d)-1)) / (high - low)
}

// CRITICWeights gives each column s·Σ(1−r): its standard deviation after min-max
// scaling times the conflict with the other columns that vary, r being their Pearson
// correlations (Diakoulaki, Mavrotas and Papayannakis 1995). Deviations go over the
// units that have a value, correlations over those that have both; a pair without
// a correlation counts as 0. Where columns that vary are all in full accord, none
// has information of its own, and they weigh the same. Columns of different length
// are an error.
func CRITICWeights(columns [][]float64) ([]float64, error) {
	related, err := Correlations(columns, nil)
	if err != nil {
		return nil, err
	}
	w, alike, total := make([]float64, len(columns)), make([]float64, len(columns)), 0.0
	for c, column := range columns {
		if w[c] = contrast(present(column)); w[c] > 0 {
			alike[c] = 1
		}
	}
	for c := range w {
		conflict := 0.0
		for other, r := range related[c] {
			if other != c && alike[other] > 0 && r < 1-1e-12 { // nearer to 1 is rounding
				conflict += 1 - r
			}
		}
		w[c] *= conflict
		total += w[c]
	}
	if total == 0 {
		w = alike
	}
	return sumToOne(w), nil
}

// PCAWeights gives each column the square of its element in the first principal
// component (OECD and JRC 2008, section 6.1, with one component and no rotation):
// its share of what that component explains. The sign is lost; a column that works
// against the others shows in [PCA].Loadings. It counts the units that have all
// values; where none of the columns varies among them, all weigh the same. Columns
// of different length are an error.
func PCAWeights(columns [][]float64) ([]float64, error) {
	if err := num.SameLength(columns); err != nil {
		return nil, err
	}
	w := make([]float64, len(columns))
	if p, err := PrincipalComponents(columns); err == nil {
		for c, v := range p.Vectors[0] {
			w[c] = v * v
		}
	}
	return sumToOne(w), nil
}

// sumToOne scales weights of 0 or more to the sum 1; zeros become equal.
func sumToOne(w []float64) []float64 {
	total := 0.0
	for _, v := range w {
		total += v
	}
	for i := range w {
		if total > 0 {
			w[i] /= total
		} else {
			w[i] = 1 / float64(len(w))
		}
	}
	return w
}
