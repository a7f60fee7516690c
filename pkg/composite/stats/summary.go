package stats

import (
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
)

// ColumnSummary describes one column. NaN, and with it what lies beyond ±MaxValue,
// counts as missing. Without values, the figures are 0.
type ColumnSummary struct {
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
func Summarise(x []float64) ColumnSummary {
	sorted := present(x)
	slices.Sort(sorted)
	s := ColumnSummary{N: len(sorted), Missing: len(x) - len(sorted)}
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
	s.Mean = exactMean(sorted)
	s.shape(sorted)
	return s
}

// shape fills in what two different values and more have. Moments are taken of
// deviations scaled by a power of two, so that no power of them is out of range.
func (s *ColumnSummary) shape(sorted []float64) {
	d, e := centred(sorted)
	s.SD = math.Ldexp(math.Sqrt(exactDot(d, d)/float64(s.N-1)), e)
	if s.N >= 3 {
		s.Skewness = new(Skewness(d))
	}
	if s.N >= 4 {
		s.Kurtosis = new(Kurtosis(d))
	}
}

// FlagCode names something that a reader of a column should know.
type FlagCode string

// The flags of a column.
const (
	ConstantColumn  FlagCode = "constant_column" // all values are equal, or there is one only
	LowAvailability FlagCode = "low_availability"
	Outliers        FlagCode = "outliers"
)

// FlagLimits are the limits beyond which a column is flagged. Nil means the default.
type FlagLimits struct {
	Availability *float64 `json:"availability,omitempty"` // 0.65: a smaller share of values is flagged
	Skew         *float64 `json:"skew,omitempty"`         // 2, and
	Kurtosis     *float64 `json:"kurtosis,omitempty"`     // 3.5: both reached are flagged, as by OutlierLimits
	Correlation  *float64 `json:"correlation,omitempty"`  // 0.9: pairs beyond ± it are listed
}

// limit returns *p, or the default where p is nil.
func limit(p *float64, fallback float64) float64 {
	if p == nil {
		return fallback
	}
	return *p
}

// Flags returns what a reader of the column should know.
func (s *ColumnSummary) Flags(l FlagLimits) (flags []FlagCode) {
	if s.N+s.Missing > 0 && Round(s.Availability, MaxDecimals) < limit(l.Availability, .65) {
		flags = append(flags, LowAvailability)
	}
	if s.Distinct == 1 {
		flags = append(flags, ConstantColumn)
	}
	if !(OutlierLimits{Skew: limit(l.Skew, 2), Kurtosis: limit(l.Kurtosis, 3.5)}).Pass(*s) {
		flags = append(flags, Outliers)
	}
	return flags
}

// Gini returns Gini's coefficient of how unevenly something is distributed,
// Σ(2i − n − 1)·x₍ᵢ₎/(n·Σx) over the ascending values (Gini 1912): 0 where all have
// the same, towards 1 the fewer hold it all; (n−1)/n where one of n does. With
// [Summarise] it describes how evenly branches are distributed among mentors. Missing
// values do not count. It reports false without values or with one below 0.
func Gini(x []float64) (float64, bool) {
	sorted := present(x)
	slices.Sort(sorted)
	if len(sorted) == 0 || sorted[0] < 0 {
		return 0, false
	}
	n, sum, spread := float64(len(sorted)), 0.0, 0.0
	for i, v := range sorted {
		sum += v
		spread += float64((2*float64(i+1) - n - 1) * v)
	}
	if sorted[0] == sorted[len(sorted)-1] { // perhaps all 0
		return 0, true
	}
	return num.Clamp(spread/(n*sum), 0, 1), true
}

// Outranking compares all pairs of units over several columns with weights w (nil:
// equal). Cell [a][b] is the share of the weight of the columns in which a scores
// higher than b, ties counting half; columns in which either is NaN leave with
// their weight. Of a pair without a common column, and of a unit with itself, it is
// 0.5. Time and memory grow with the square of the units. It returns nil for
// slices of different length.
func Outranking(columns [][]float64, w []float64) [][]float64 {
	if len(columns) == 0 || w != nil && len(w) != len(columns) {
		return nil
	}
	units := len(columns[0])
	for _, column := range columns {
		if len(column) != units {
			return nil
		}
	}
	matrix := make([][]float64, units)
	for a := range matrix {
		matrix[a] = make([]float64, units)
		for b := range matrix[a] {
			matrix[a][b] = prevalence(columns, w, a, b)
		}
	}
	return matrix
}

// prevalence is the share of weight in which unit a is above unit b.
func prevalence(columns [][]float64, w []float64, a, b int) float64 {
	won, total := 0.0, 0.0
	for c, x := range columns {
		weight := 1.0
		if w != nil {
			weight = w[c]
		}
		switch {
		case x[a] > x[b]:
			won += weight
		case x[a] == x[b]:
			won += float64(weight / 2)
		case x[a] < x[b]:
		default:
			continue
		}
		total += weight
	}
	if total == 0 {
		return 0.5
	}
	return won / total
}

// Copeland scores each unit of an outranking matrix by the number of others that
// it beats, with more than half of the weight, minus the number that beat it.
func Copeland(outranking [][]float64) []float64 {
	scores := make([]float64, len(outranking))
	for a, row := range outranking {
		for _, share := range row {
			share = Round(share, MaxDecimals) // an even split must not turn on a bit of its sum
			switch {
			case share > 0.5:
				scores[a]++
			case share < 0.5:
				scores[a]--
			}
		}
	}
	return scores
}

// Tournament compares units in pairs over several columns with weights, as Outranking does, but without its matrix.
// A unit without any value takes no part. Values are compared at nine decimals, so that noise wins no pair.
type Tournament struct {
	columns [][]float64
	w       []float64 // by column
	takes   []bool    // by unit: whether it takes part
	parts   int       // units that do
}

// NewTournament returns the tournament of the units over the columns under weights w, one per column (nil: equal);
// nil for slices of different length.
func NewTournament(columns [][]float64, w []float64) *Tournament {
	if len(columns) == 0 || w != nil && len(w) != len(columns) {
		return nil
	}
	t := &Tournament{w: slices.Repeat([]float64{1}, len(columns)), takes: make([]bool, len(columns[0]))}
	if w != nil {
		copy(t.w, w)
	}
	for _, x := range columns {
		if len(x) != len(t.takes) {
			return nil
		}
		t.columns = append(t.columns, rounded(x))
		for u, v := range x {
			if v == v && !t.takes[u] {
				t.takes[u] = true
				t.parts++
			}
		}
	}
	return t
}

func rounded(x []float64) []float64 {
	values := make([]float64, len(x))
	for i, v := range x {
		values[i] = Round(v, MaxDecimals)
	}
	return values
}

// Scores returns for each unit 50 + 50·(wins − losses)/(n − 1) over the n units that take part: its Copeland score
// (Copeland 1951), rescaled to 0–100. One that is alone has 50, one that takes no part NaN. Time grows with the
// square of the units.
func (t *Tournament) Scores() []float64 {
	scores, balance := make([]float64, len(t.takes)), make([]int, len(t.takes))
	x := make([]float64, len(t.columns))
	for a := range scores {
		if !t.takes[a] {
			continue
		}
		for c := range x {
			x[c] = t.columns[c][a]
		}
		for b := range a {
			if t.takes[b] {
				won := t.duel(x, b)
				balance[a] += won
				balance[b] -= won
			}
		}
	}
	for u := range scores {
		if scores[u] = math.NaN(); t.takes[u] {
			scores[u] = copelandScore(balance[u], t.parts)
		}
	}
	return scores
}

// Score returns what Scores would have for the unit if its values were x, one per column, and those of all others as
// they are.
func (t *Tournament) Score(unit int, x []float64) float64 {
	x = rounded(x)
	balance, parts := 0, 1
	for b, takes := range t.takes {
		if takes && b != unit {
			balance += t.duel(x, b)
			parts++
		}
	}
	return copelandScore(balance, parts)
}

func copelandScore(balance, units int) float64 {
	if units == 1 {
		return 50
	}
	return 50 + 50*float64(balance)/float64(units-1)
}

// duel returns 1 where the values win more weight against unit b than they lose, −1 where they lose more, and 0 for
// a draw. A column in which either has no value does not count.
func (t *Tournament) duel(x []float64, b int) int {
	margin, total := 0.0, 0.0
	for c, column := range t.columns {
		switch {
		case x[c] > column[b]:
			margin += t.w[c]
			total += t.w[c]
		case x[c] < column[b]:
			margin -= t.w[c]
			total += t.w[c]
		}
	}
	switch {
	case margin > 1e-12*total: // an even split must not turn on a bit of its sum
		return 1
	case margin < -1e-12*total:
		return -1
	}
	return 0
}
