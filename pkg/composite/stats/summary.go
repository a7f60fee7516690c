package stats

import (
	"math"
	"slices"
)

// Summary describes one column. NaN, and with it what lies beyond ±MaxValue,
// counts as missing. Without values, the figures are 0.
type Summary struct {
	N            int     `json:"n"` // values that are there
	Missing      int     `json:"missing"`
	Availability float64 `json:"availability"` // n ÷ all; 0 for an empty column
	Distinct     int     `json:"distinct"`     // different values: 1 is a column that never varies
	Min          float64 `json:"min"`
	Max          float64 `json:"max"`
	Mean         float64 `json:"mean"`
	Median       float64 `json:"median"`
	SD           float64 `json:"sd"` // n−1; 0 for a single value
	// Skewness and Kurtosis are of type 2; see the functions. Nil for fewer than 3
	// (4) values or equal ones.
	Skewness *float64 `json:"skewness,omitempty"`
	Kurtosis *float64 `json:"kurtosis,omitempty"`
}

// Summarise describes the column. Sums go over sorted values, so the order of the
// units changes no bit.
func Summarise(x []float64) Summary {
	sorted := present(x)
	slices.Sort(sorted)
	s := Summary{N: len(sorted), Missing: len(x) - len(sorted)}
	if s.N == 0 {
		return s
	}
	s.Availability = float64(s.N) / float64(len(x))
	s.Min, s.Max = sorted[0], sorted[s.N-1]
	s.Median = Median(sorted)
	for i, v := range sorted {
		if i == 0 || v != sorted[i-1] {
			s.Distinct++
		}
	}
	if s.Distinct == 1 { // a sum of equal values need not divide back to the value
		s.Mean = s.Min
		return s
	}
	s.Mean = steadyMean(sorted)
	s.shape(sorted)
	return s
}

// shape fills in what two different values and more have. Moments are taken of
// deviations scaled by a power of two, so that no power of them is out of range.
func (s *Summary) shape(sorted []float64) {
	d, e := centred(sorted)
	s.SD = math.Ldexp(math.Sqrt(steadyDot(d, d)/float64(s.N-1)), e)
	if s.N >= 3 {
		s.Skewness = new(Skewness(d))
	}
	if s.N >= 4 {
		s.Kurtosis = new(Kurtosis(d))
	}
}
