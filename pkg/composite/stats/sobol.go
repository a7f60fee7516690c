package stats

import (
	"cmp"
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
)

// SobolOptions are how Sobol indices are estimated.
type SobolOptions struct {
	Seed      uint64 `json:"seed"`
	Rows      int    `json:"rows,omitempty"`      // N; 1000 when 0, 2 to 1e6. The model is called N·(k+2) times
	Bootstrap int    `json:"bootstrap,omitempty"` // resamples of the rows for the intervals; 200 when 0, at most 10,000
}

// SobolIndex is what one factor does to the variance of an output.
type SobolIndex struct {
	First, FirstLow, FirstHigh float64 // its share alone, with a 95 % interval
	Total, TotalLow, TotalHigh float64 // with all its interactions
}

// SobolIndices are the indices of one output. Where the output never varies, nothing
// has a share: the variance and all indices are 0.
type SobolIndices struct {
	Mean, Variance float64
	Rows           int // that counted: all of their outputs were usable
	Factors        []SobolIndex
}

// Sobol estimates how much of the variance of the model is due to each of k factors,
// which are independent and uniform on [0, 1).
//
// Two matrices A and B of N rows are drawn, and A with column i from B, ABᵢ, for each
// factor (Saltelli 2002). With y the outputs less their mean and V their variance
// over A and B:
//
//	first order  Sᵢ  = Σ y_B·(y_ABᵢ − y_A) / (N·V)   (Saltelli et al. 2010)
//	total        STᵢ = Σ (y_A − y_ABᵢ)² / (2·N·V)     (Jansen 1999)
//
// Estimates are not forced into 0–1: a small negative first order means about 0. The
// intervals are the quantiles .025 and .975 over bootstrap resamples of the rows
// (Archer, Saltelli and Sobol 1997), widened where needed to hold the estimate. They
// need rows drawn independently of each other, so the rows are PCG numbers and not
// a low-discrepancy sequence. Rows with an output beyond ±1e100, or not a number, do
// not count. Options out of range are taken to the nearest that is in range; with k < 1
// there are no factors. x must not be kept or changed by the model.
func Sobol(k int, model func(x []float64) float64, o SobolOptions) SobolIndices {
	o = o.Resolve()
	k = max(k, 0)
	s := NewSobolSample(k, o.Rows)
	x := NewSobolRows(k, o)
	for row := range o.Rows {
		x.Draw(row)
		for m := range k + 2 {
			s.Set(row, m, model(x.Row(m)))
		}
	}
	return s.Indices(o)
}

// Resolve returns o with its defaults and within its limits.
func (o SobolOptions) Resolve() SobolOptions {
	o.Rows = min(max(cmp.Or(o.Rows, 1000), 2), 1_000_000)
	o.Bootstrap = min(max(cmp.Or(o.Bootstrap, 200), 1), 10_000)
	return o
}

// SobolRows draws one row of A and of B at a time.
type SobolRows struct {
	seed   uint64
	stream num.Stream
	a, b   []float64
	x      []float64
}

// NewSobolRows returns a SobolRows for k factors.
func NewSobolRows(k int, o SobolOptions) *SobolRows {
	return &SobolRows{seed: o.Seed, a: make([]float64, k), b: make([]float64, k), x: make([]float64, k)}
}

// Draw draws the row of that number.
func (r *SobolRows) Draw(row int) {
	r.stream.Start(num.Mix64(r.seed) + uint64(row))
	for i := range r.a {
		r.a[i], r.b[i] = r.stream.Unit(), r.stream.Unit()
	}
}

// Row returns the row of matrix 0, A; 1, B; or 2+i, ABᵢ. It is valid until the next call.
func (r *SobolRows) Row(matrix int) []float64 {
	if matrix == 1 {
		copy(r.x, r.b)
		return r.x
	}
	copy(r.x, r.a)
	if matrix >= 2 {
		r.x[matrix-2] = r.b[matrix-2]
	}
	return r.x
}

// SobolSample holds the outputs by matrix, as in SobolRows.
type SobolSample struct {
	y      [][]float64
	usable []bool
}

// NewSobolSample returns a sample of so many rows for k factors.
func NewSobolSample(k, rows int) *SobolSample {
	s := &SobolSample{y: make([][]float64, k+2), usable: slices.Repeat([]bool{true}, rows)}
	for m := range s.y {
		s.y[m] = make([]float64, rows)
	}
	return s
}

// Set sets an output. A row with an output that is not usable does not count.
func (s *SobolSample) Set(row, matrix int, y float64) {
	s.y[matrix][row] = y
	s.usable[row] = s.usable[row] && math.Abs(y) <= 1e100
}

// Indices returns the indices over the rows that are usable. It can be called once.
func (s *SobolSample) Indices(o SobolOptions) SobolIndices {
	var rows []int
	for row, ok := range s.usable {
		if ok {
			rows = append(rows, row)
		}
	}
	out := SobolIndices{Rows: len(rows), Factors: make([]SobolIndex, len(s.y)-2)}
	if len(rows) == 0 {
		return out
	}
	mean, scale := s.centre(rows)
	out.Mean = mean
	estimate, variance := s.estimate(rows)
	out.Variance = variance * scale * scale
	if variance == 0 {
		return out
	}
	first, total := make([][]float64, len(out.Factors)), make([][]float64, len(out.Factors))
	var rng num.Stream
	drawn := make([]int, len(rows))
	for b := range o.Bootstrap {
		rng.Start(num.Mix64(^o.Seed) + uint64(b))
		for i := range drawn {
			drawn[i] = rows[num.Pick(rng.Uint64(), len(rows))]
		}
		again, v := s.estimate(drawn)
		for i := range out.Factors {
			if v > 0 {
				first[i], total[i] = append(first[i], again[i].First), append(total[i], again[i].Total)
			}
		}
	}
	for i, e := range estimate {
		e.FirstLow, e.FirstHigh = interval(first[i], e.First)
		e.TotalLow, e.TotalHigh = interval(total[i], e.Total)
		out.Factors[i] = e
	}
	return out
}

// centre takes the mean off the outputs of the rows and scales them to at most 1, so
// that no square overflows or vanishes.
func (s *SobolSample) centre(rows []int) (mean, scale float64) {
	for _, row := range rows {
		mean += s.y[0][row]/float64(2*len(rows)) + s.y[1][row]/float64(2*len(rows))
	}
	for _, y := range s.y {
		for _, row := range rows {
			scale = max(scale, math.Abs(y[row]-mean))
		}
	}
	if scale == 0 {
		return mean, 0
	}
	for _, y := range s.y {
		for _, row := range rows {
			y[row] = (y[row] - mean) / scale
		}
	}
	return mean, scale
}

// estimate returns the indices without intervals over the rows, which may repeat,
// and the variance over A and B.
func (s *SobolSample) estimate(rows []int) ([]SobolIndex, float64) {
	a, b, n := s.y[0], s.y[1], float64(len(rows))
	sum, squares := 0.0, 0.0
	for _, row := range rows {
		sum += a[row] + b[row]
		squares += float64(a[row]*a[row]) + float64(b[row]*b[row])
	}
	mean := sum / (2 * n)
	variance := squares/(2*n) - float64(mean*mean)
	indices := make([]SobolIndex, len(s.y)-2)
	if !(variance > 1e-14) { // of outputs of at most 1: only noise of rounding is left
		return indices, 0
	}
	for i := range indices {
		ab, first, total := s.y[2+i], 0.0, 0.0
		for _, row := range rows {
			d := ab[row] - a[row]
			first += float64((b[row] - mean) * d)
			total += float64(d * d)
		}
		indices[i].First = first / n / variance
		indices[i].Total = total / (2 * n) / variance
	}
	return indices, variance
}

// interval are the quantiles .025 and .975 of the resamples, made to hold the
// estimate.
func interval(x []float64, estimate float64) (low, high float64) {
	if len(x) == 0 {
		return estimate, estimate
	}
	slices.Sort(x)
	n := len(x)
	return min(x[(25*n+999)/1000-1], estimate), max(x[(975*n+999)/1000-1], estimate)
}
