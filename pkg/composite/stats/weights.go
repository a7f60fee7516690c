package stats

import (
	"errors"
	"fmt"
	"math"

	"bulwark/pkg/composite/internal/num"
)

// The weights below come from the data alone: they measure what separates the units,
// not what matters. All sum to 1. A column that never varies separates nothing and
// has weight 0; where no column varies, all weigh the same. A Spec takes no weight
// of 0: such a column has to leave it. Scores, cost already turned round, are what
// the columns should hold. The order of the units changes no bit.

// EntropyWeights returns for each column 1 − H, with H = −Σp·ln p/ln n the entropy of its
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
	var sum, entropy exactSum
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

// DeviationWeights returns for each column its standard deviation after min-max scaling
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
	return math.Sqrt(exactDot(d, d)/float64(len(d)-1)) / (high - low)
}

// CRITICWeights returns for each column s·Σ(1−r): its standard deviation after
// min-max scaling times the conflict with the other columns that vary, r being their
// Pearson correlations (Diakoulaki, Mavrotas and Papayannakis 1995). Deviations go
// over the units that have a value, correlations over those that have both; a pair
// without a correlation counts as 0. Where the columns that vary are all perfectly
// correlated, they weigh the same. Columns of different length are an error.
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

// PCAWeights returns for each column the square of its element in the first principal
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

// AHP are the weights implied by pairwise judgements (Saaty 1980).
type AHP struct {
	Weights          []float64 `json:"weights"`           // they sum to 1
	LambdaMax        float64   `json:"lambda_max"`        // the principal eigenvalue, n or more
	ConsistencyIndex float64   `json:"consistency_index"` // (λmax − n)/(n − 1)
	// ConsistencyRatio is the index over that of random judgements; 0 for one or
	// two items, which cannot contradict each other. Saaty asks for 0.1 or less.
	ConsistencyRatio float64 `json:"consistency_ratio"`
}

// randomIndex is Saaty's mean index of random judgements, by number of items.
var randomIndex = [...]float64{0, 0, 0, .58, .90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49, 1.51, 1.48, 1.56, 1.57, 1.59}

// PairwiseWeights returns the weights of the analytic hierarchy process: cell [a][b]
// is how many times as important a is as b, from 1/9 to 9, and the weights are the
// principal eigenvector. It takes 1 to 15 items. It is an error, with its place, if the
// matrix is not square, a judgement is out of range, or [b][a] is not 1/[a][b] to
// six digits.
func PairwiseWeights(judgements [][]float64) (*AHP, error) {
	n := len(judgements)
	if n < 1 || n >= len(randomIndex) {
		return nil, fmt.Errorf("there are %d items: give 1 to %d, or split them into groups", n, len(randomIndex)-1)
	}
	if err := checkJudgements(judgements); err != nil {
		return nil, err
	}
	w, lambda := principal(judgements)
	a := &AHP{Weights: w, LambdaMax: lambda}
	if n > 2 {
		a.ConsistencyIndex = max(lambda-float64(n), 0) / float64(n-1)
		a.ConsistencyRatio = a.ConsistencyIndex / randomIndex[n]
	}
	return a, nil
}

func checkJudgements(judgements [][]float64) error {
	for a, row := range judgements {
		if len(row) != len(judgements) {
			return fmt.Errorf("row %d has %d judgements for %d items", a, len(row), len(judgements))
		}
		for b, v := range row {
			switch {
			case !(v >= 1./9-1e-6 && v <= 9+1e-6):
				return fmt.Errorf("row %d, column %d: %v is not between 1/9 and 9", a, b, v)
			case b > a:
			case !(math.Abs(v*judgements[b][a]-1) <= 1e-6):
				return fmt.Errorf("row %d, column %d: %v is not 1/%v, the judgement the other way round",
					a, b, v, judgements[b][a])
			}
		}
	}
	return nil
}

// principal is the principal eigenvector, of sum 1, and eigenvalue of a matrix of
// positive numbers, by the power method. Of such a matrix it always converges
// (Perron 1907).
func principal(matrix [][]float64) (w []float64, lambda float64) {
	w = sumToOne(make([]float64, len(matrix)))
	for range 10_000 {
		next, change := make([]float64, len(w)), 0.0
		for a, row := range matrix {
			for b, v := range row {
				next[a] += float64(v * w[b])
			}
		}
		lambda = 0
		for _, v := range next {
			lambda += v
		}
		for a := range next {
			next[a] /= lambda
			change = max(change, math.Abs(next[a]-w[a]))
		}
		if w = next; change < 1e-16 {
			break
		}
	}
	return w, lambda
}

// Balance are weights under which columns have the importance that they are meant
// to have.
type Balance struct {
	Weights []float64 `json:"weights"` // they sum to 1
	// Correlations of each column with the weighted sum; 0 where either never varies.
	Correlations []float64 `json:"correlations"`
	// Balanced: the correlations are in the wanted proportions, to 1e-6.
	Balanced bool `json:"balanced"`
}

// BalancedWeights returns weights of an arithmetic mean whose correlations with
// the columns are in the proportions of importance (nil: all equal). A weight is
// not an importance: correlated columns pull the mean towards them (Paruolo,
// Saisana and Saltelli 2013; Becker, Saisana, Paruolo and Vandecasteele 2017).
//
// With R the correlations among the columns and t the importance, the weights times
// the deviations, u, solve R·u = t; of several solutions the shortest is taken, which
// treats equal columns alike. Where the solution has a weight below 0, u minimises
// ½u'Ru − t'u over u ≥ 0 instead: a column that correlates more than wanted even
// without weight then has none, and Balanced is false. A column that never varies has
// weight 0; where none varies, all weigh the same. It counts the units that have all
// values. It is an error if columns are of different length, or an importance is
// missing, not finite or not above 0.
func BalancedWeights(columns [][]float64, importance []float64) (*Balance, error) {
	x, err := Complete(columns)
	if err != nil {
		return nil, err
	}
	if importance, err = checkImportance(importance, len(columns)); err != nil {
		return nil, err
	}
	related, err := Correlations(x, nil)
	if err != nil {
		return nil, err
	}
	spread := deviations(x)
	for c, s := range spread {
		if s == 0 {
			related[c][c] = 0
		}
	}
	u, exact := solve(related, importance)
	if !exact {
		u = leastWithin(related, importance)
	}
	b := &Balance{Weights: make([]float64, len(x))}
	for c := range u {
		if spread[c] > 0 {
			b.Weights[c] = u[c] / spread[c]
		}
	}
	sumToOne(b.Weights)
	b.setCorrelations(related, u, spread, importance)
	return b, nil
}

func checkImportance(t []float64, n int) ([]float64, error) {
	if t == nil {
		t = make([]float64, n)
		for c := range t {
			t[c] = 1
		}
	}
	if len(t) != n {
		return nil, fmt.Errorf("there are %d importances for %d columns", len(t), n)
	}
	for c, v := range t {
		if !(v >= num.MinWeight && v <= num.MaxWeight) {
			return nil, fmt.Errorf("importance %d is %v: give a number between 1e-9 and 1e9", c, v)
		}
	}
	if n == 0 {
		return nil, errors.New("there is no column to weigh")
	}
	return sumToOne(append([]float64(nil), t...)), nil
}

// deviations are the standard deviations of complete columns, relative to the
// largest, and 0 for columns that never vary.
func deviations(x [][]float64) []float64 {
	s, powers := make([]float64, len(x)), make([]int, len(x))
	highest := math.MinInt
	for c, column := range x {
		if !varies(column) {
			continue
		}
		d, e := centred(column)
		s[c], powers[c] = math.Sqrt(exactDot(d, d)), e
		highest = max(highest, e)
	}
	for c := range s {
		if s[c] > 0 {
			s[c] = math.Ldexp(s[c], max(powers[c]-highest, -900)) // never quite 0
		}
	}
	return s
}

// solve is the shortest u with R·u = t, by the eigenvectors of R, and whether there
// is one without an element below 0.
func solve(related [][]float64, t []float64) (u []float64, ok bool) {
	copied := make([][]float64, len(related))
	for a := range related {
		copied[a] = append([]float64(nil), related[a]...)
	}
	values, vectors := jacobi(copied)
	u = make([]float64, len(t))
	for i, v := range vectors {
		if values[i] <= 1e-10*values[0] {
			break // what is left of 0
		}
		along := 0.0
		for c := range v {
			along += float64(v[c] * t[c])
		}
		for c := range v {
			u[c] += float64(along / values[i] * v[c])
		}
	}
	for a, row := range related {
		rest := t[a]
		for b, r := range row {
			rest -= float64(r * u[b])
		}
		if row[a] > 0 && math.Abs(rest) > 1e-9*t[a] || u[a] < -1e-12 {
			return nil, false
		}
		u[a] = max(u[a], 0)
	}
	return u, true
}

// leastWithin minimises ½u'Ru − t'u over u ≥ 0, one element after the other until
// none moves (Hildreth 1957).
func leastWithin(related [][]float64, t []float64) []float64 {
	u := make([]float64, len(t))
	for range 10_000 {
		moved := 0.0
		for a, row := range related {
			if row[a] == 0 {
				continue
			}
			rest := t[a]
			for b, r := range row {
				if b != a {
					rest -= float64(r * u[b])
				}
			}
			next := max(rest, 0)
			moved = max(moved, math.Abs(next-u[a]))
			u[a] = next
		}
		if moved < 1e-15 {
			break
		}
	}
	return u
}

// setCorrelations sets the correlations under the weights.
func (b *Balance) setCorrelations(related [][]float64, u, spread, importance []float64) {
	b.Correlations = make([]float64, len(u))
	variance := 0.0
	for a, row := range related {
		for c, r := range row {
			b.Correlations[a] += float64(r * u[c])
		}
		variance += float64(u[a] * b.Correlations[a])
	}
	least, most := math.Inf(1), 0.0
	for a := range u {
		if variance <= 1e-12 || spread[a] == 0 {
			b.Correlations[a] = 0
			continue
		}
		b.Correlations[a] = num.Clamp(b.Correlations[a]/math.Sqrt(variance), -1, 1)
		least = min(least, b.Correlations[a]/importance[a])
		most = max(most, b.Correlations[a]/importance[a])
	}
	b.Balanced = variance > 1e-12 && least >= most*(1-1e-6)
}
