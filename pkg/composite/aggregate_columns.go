package composite

import (
	"bulwark/pkg/composite/internal/num"
	"fmt"
	"math"
)

// Aggregate combines columns unit by unit under the weights w, one per column (nil:
// equal). A column without score leaves with its weight; a unit without any has NaN.
// What lies beyond ±1e12, where the scores of rules end, counts as missing.
// The error is of type Faults, or says which column has another length or which
// weight is out of range (1e-9 to 1e9).
func Aggregate(columns [][]float64, w []float64, by Aggregation) ([]float64, error) {
	fill(&by.Kind, Arithmetic)
	if err := checkAggregate(columns, w, by); err != nil {
		return nil, err
	}
	if len(columns) == 0 {
		return nil, nil
	}
	mean := by.mean()
	result := make([]float64, len(columns[0]))
	x, weight := make([]float64, 0, len(columns)), make([]float64, 0, len(columns))
	for unit := range result {
		x, weight = x[:0], weight[:0]
		for c, column := range columns {
			if !(math.Abs(column[unit]) <= num.MaxScore) {
				continue
			}
			x = append(x, column[unit])
			if w == nil {
				weight = append(weight, 1)
			} else {
				weight = append(weight, w[c])
			}
		}
		result[unit] = mean(x, weight)
	}
	return result, nil
}

func checkAggregate(columns [][]float64, w []float64, by Aggregation) error {
	if err := collect(by.check).Err(); err != nil {
		return err
	}
	if err := num.SameLength(columns); err != nil {
		return err
	}
	if w != nil && len(w) != len(columns) {
		return fmt.Errorf("there are %d weights for %d columns", len(w), len(columns))
	}
	for c, v := range w {
		if !(v >= num.MinWeight && v <= num.MaxWeight) {
			return fmt.Errorf("weight %d is %v: give one between 1e-9 and 1e9", c, v)
		}
	}
	return nil
}
