package stats

import (
	"errors"
	"math"
)

// PCA are the principal components of columns that are brought to mean 0 and
// deviation 1 first (Pearson 1901; Hotelling 1933), the strongest first, one per
// column. Which of several components of the same strength comes first, and how
// they turn among each other, means nothing.
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
