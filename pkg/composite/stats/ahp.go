package stats

import (
	"fmt"
	"math"
)

// AHP are the weights that judgements in pairs imply (Saaty 1980).
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

// PairwiseWeights is the analytic hierarchy process: cell [a][b] says how many
// times as important a is as b, from 1/9 to 9, and the weights are the principal
// eigenvector. It takes 1 to 15 items. It is an error, with its place, if the
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
				return fmt.Errorf("row %d, column %d: %v is not 1/%v, the judgement the other way round", a, b, v, judgements[b][a])
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
