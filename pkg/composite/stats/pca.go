package stats

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
)

// PCA are the principal components of columns that are brought to mean 0 and
// deviation 1 first (Pearson 1901; Hotelling 1933), the strongest first, one per
// column. The order of several components of the same strength, and their rotation
// among each other, have no meaning.
type PCA struct {
	Units       int         `json:"units"`       // units that have all values, and were used
	Eigenvalues []float64   `json:"eigenvalues"` // descending, 0 or more; they sum to the number of columns that vary
	Explained   []float64   `json:"explained"`   // share of each eigenvalue; they sum to 1
	Vectors     [][]float64 `json:"vectors"`     // by component, then column; of length 1, the largest element positive
	Loadings    [][]float64 `json:"loadings"`    // by component, then column: the correlation of the two
}

// PrincipalComponents returns the components of the columns. A column that never
// varies takes no part: its loadings are 0. It is an error if columns are of
// different length, or if there is nothing to explain because no column varies
// among the units that have all values.
func PrincipalComponents(columns [][]float64) (*PCA, error) {
	x, err := Complete(columns)
	if err != nil {
		return nil, err
	}
	varying := 0
	matrix, err := Correlations(x, nil)
	if err != nil {
		return nil, err
	}
	for c := range x {
		if varies(x[c]) {
			varying++
			continue
		}
		matrix[c][c] = 0
	}
	if varying == 0 {
		return nil, errors.New("no column varies among the units that have all values")
	}
	p := &PCA{Units: len(x[0])}
	p.Eigenvalues, p.Vectors = jacobi(matrix)
	total := 0.0
	for i, value := range p.Eigenvalues {
		p.Eigenvalues[i] = max(value, 0) // rounding can leave −1e-17
		total += p.Eigenvalues[i]
	}
	for i, value := range p.Eigenvalues {
		p.Explained = append(p.Explained, value/total)
		p.Loadings = append(p.Loadings, times(p.Vectors[i], math.Sqrt(value)))
	}
	return p, nil
}

// varies reports whether not all values are equal.
func varies(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return true
		}
	}
	return false
}

func times(x []float64, factor float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v * factor
	}
	return y
}

// jacobi returns the eigenvalues of a symmetric matrix, descending, and their
// eigenvectors of length 1, by cyclic rotations (Jacobi 1846; Golub and Van Loan
// 2013, section 8.5). The largest element of a vector, the first of equals, is
// positive. The matrix is used up.
func jacobi(a [][]float64) (values []float64, vectors [][]float64) {
	n := len(a)
	v := square(n)
	for i := range v {
		v[i][i] = 1
	}
	for sweep := 0; sweep < 64 && rotateAll(a, v); sweep++ {
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(a[j][j], a[i][i]) })
	for _, i := range order {
		values = append(values, a[i][i])
		vectors = append(vectors, orient(v[i]))
	}
	return values, vectors
}

// rotateAll goes once over the elements above the diagonal. It reports whether any
// mattered; v collects the rotations, its rows becoming eigenvectors.
func rotateAll(a, v [][]float64) bool {
	rotated := false
	for p := range a {
		for q := p + 1; q < len(a); q++ {
			noise := 1e-18 * math.Sqrt(math.Abs(a[p][p])) * math.Sqrt(math.Abs(a[q][q]))
			if math.Abs(a[p][q]) <= noise || math.Abs(a[p][q]) < 1e-150 {
				continue
			}
			c, s := rotation(a[p][p], a[q][q], a[p][q])
			for k := range a {
				a[k][p], a[k][q] = turn(c, s, a[k][p], a[k][q])
			}
			turnRows(c, s, a[p], a[q])
			turnRows(c, s, v[p], v[q])
			a[p][q], a[q][p] = 0, 0
			rotated = true
		}
	}
	return rotated
}

// rotation is the cosine and sine of the smaller angle that brings the element
// apq to 0.
func rotation(app, aqq, apq float64) (c, s float64) {
	theta := (aqq - app) / (2 * apq)
	t := 1 / (math.Abs(theta) + math.Hypot(theta, 1))
	if theta < 0 {
		t = -t
	}
	c = 1 / math.Hypot(t, 1)
	return c, t * c
}

func turn(c, s, x, y float64) (float64, float64) {
	return float64(c*x) - float64(s*y), float64(s*x) + float64(c*y)
}

func turnRows(c, s float64, x, y []float64) {
	for k := range x {
		x[k], y[k] = turn(c, s, x[k], y[k])
	}
}

// orient changes the sign of v where its largest element is negative. Elements within
// 1e-9 of it count as equal: rounding must not choose the sign.
func orient(v []float64) []float64 {
	largest := 0.0
	for _, x := range v {
		largest = max(largest, math.Abs(x))
	}
	for _, x := range v {
		if math.Abs(x) < largest-1e-9 {
			continue
		}
		if x < 0 {
			for i := range v {
				v[i] = -v[i]
			}
		}
		break
	}
	return v
}

// CronbachAlpha returns how far the columns measure one thing: k/(k−1)·(1 − Σs²/S²),
// with k columns, s² the variance of each and S² that of their sum (Cronbach
// 1951). It counts the units that have all values. It is at most 1 and below 0
// where columns work against each other. It reports false for fewer than two
// columns or two such units, a sum that never varies, or columns of different
// length.
func CronbachAlpha(columns [][]float64) (float64, bool) {
	x, err := Complete(columns)
	if err != nil || len(x) < 2 || len(x[0]) < 2 {
		return 0, false
	}
	sum := make([]float64, len(x[0]))
	for _, column := range x {
		for unit, v := range column {
			sum[unit] += v
		}
	}
	whole, e := centred(sum)
	variance := exactDot(whole, whole)
	parts := 0.0
	for _, column := range x {
		d, own := centred(column)
		parts += math.Ldexp(exactDot(d, d), 2*(own-e))
	}
	if variance <= 1e-24*parts { // what is left of a sum that cancels is rounding
		return 0, false
	}
	k := float64(len(x))
	return num.Known(k / (k - 1) * (1 - parts/variance))
}
