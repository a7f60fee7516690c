package stats

import (
	"cmp"
	"math"
	"slices"
)

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
		vectors = append(vectors, facing(v[i]))
	}
	return values, vectors
}

// rotateAll goes once over the elements above the diagonal. It reports whether any
// mattered; v collects the rotations, its rows becoming eigenvectors.
func rotateAll(a, v [][]float64) bool {
	rotated := false
	for p := range a {
		for q := p + 1; q < len(a); q++ {
			if math.Abs(a[p][q]) <= 1e-18*math.Sqrt(math.Abs(a[p][p]))*math.Sqrt(math.Abs(a[q][q])) || math.Abs(a[p][q]) < 1e-150 {
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

// facing turns v round where its largest element is negative. Elements within
// 1e-9 of it count as equal: rounding must not choose the sign.
func facing(v []float64) []float64 {
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
