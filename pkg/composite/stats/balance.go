package stats

import (
	"bulwark/pkg/composite/internal/num"
	"errors"
	"fmt"
	"math"
)

// Balance are weights under which columns have the importance that they are meant
// to have.
type Balance struct {
	Weights []float64 `json:"weights"` // they sum to 1
	// Correlations of each column with the weighted sum; 0 where either never varies.
	Correlations []float64 `json:"correlations"`
	// Balanced says that the correlations are in the wanted proportions, to 1e-6.
	Balanced bool `json:"balanced"`
}

// BalancedWeights looks for weights of an arithmetic mean whose correlations with
// the columns are in the proportions of importance (nil: all equal). A weight is
// not an importance: columns that go together pull the mean their way (Paruolo,
// Saisana and Saltelli 2013; Becker, Saisana, Paruolo and Vandecasteele 2017).
//
// With R the correlations among the columns and t the importance, R·u = t has the
// answer, u being the weights times the deviations; of several, the shortest, which
// treats columns that say the same alike. Where that needs a weight below 0, the
// answer is the least ½u'Ru − t'u without one: a column that correlates more than
// wanted even without weight then has none, and Balanced is false. A column that never varies has weight 0; where none varies, all weigh
// the same. It counts the units that have all values. It is an error if columns
// are of different length, or an importance is missing, not finite or not above 0.
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
	b.judge(related, u, spread, importance)
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
		s[c], powers[c] = math.Sqrt(steadyDot(d, d)), e
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

// judge fills in the correlations that the weights bring about.
func (b *Balance) judge(related [][]float64, u, spread, importance []float64) {
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
