// Package agreement measures how well evaluators agree and how severe they are.
package agreement

import (
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// ICC is the agreement of evaluators, each of whom rates each target: how much of the
// variance of ratings is between targets. Evaluators count as a sample of those who
// might have rated, so that one who is always severe lowers the agreement.
type ICC struct {
	Targets, Evaluators int // n and k of the complete targets
	Dropped             int // targets left out because a rating is missing

	Single, SingleLow, SingleHigh    float64 // ICC(2,1), of one evaluator's rating, with a 95 % interval
	Average, AverageLow, AverageHigh float64 // ICC(2,k), of the mean of all k

	// Mean squares between targets, between evaluators, and residual. With the degrees
	// of freedom n−1 and (n−1)(k−1), MeanSquareTargets/MeanSquareError is the F that
	// tests for any difference between targets.
	MeanSquareTargets, MeanSquareEvaluators, MeanSquareError float64
}

// IntraclassCorrelation returns ICC(2,1) and ICC(2,k), two-way random effects, absolute
// agreement, with their intervals (Shrout and Fleiss 1979; McGraw and Wong 1996):
//
//	ICC(2,1) = (MST − MSE) / (MST + (k−1)·MSE + k·(MSE′ − MSE)/n)
//	ICC(2,k) = (MST − MSE) / (MST + (MSE′ − MSE)/n)
//
// with MST, MSE′ and MSE the mean squares of targets, evaluators and error. Ratings
// are by target, then evaluator; a target with a missing rating (NaN, or beyond
// ±MaxValue) is left out, as the design must be complete; see KrippendorffAlpha for
// those that are not. All are held within −1 and 1. It is not defined, false, with
// rows of different length, fewer than two evaluators or complete targets, or where
// all ratings are equal.
func IntraclassCorrelation(ratings [][]float64) (ICC, bool) {
	var c ICC
	rows, ok := completeRows(ratings)
	if !ok || len(rows) < 2 || len(rows[0]) < 2 {
		return c, false
	}
	c.Targets, c.Evaluators = len(rows), len(rows[0])
	c.Dropped = len(ratings) - len(rows)
	scale := c.meanSquares(rows)
	if scale == 0 {
		return ICC{}, false
	}
	c.estimate()
	c.bounds()
	c.MeanSquareTargets *= scale * scale
	c.MeanSquareEvaluators *= scale * scale
	c.MeanSquareError *= scale * scale
	return c, true
}

// completeRows are the rows without a missing value, and false for a ragged table.
func completeRows(ratings [][]float64) (rows [][]float64, ok bool) {
	for _, row := range ratings {
		if len(row) != len(ratings[0]) {
			return nil, false
		}
		whole := true
		for _, x := range row {
			whole = whole && stats.Valid(x)
		}
		if whole {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, slices.Compare) // the order of the targets changes no bit
	return rows, true
}

// meanSquares is the analysis of variance of the ratings divided by the scale that
// it returns, which is 0 where they are all equal.
func (c *ICC) meanSquares(rows [][]float64) (scale float64) {
	n, k := len(rows), len(rows[0])
	table := make([]float64, 0, n*k)
	for _, row := range rows {
		table = append(table, row...)
	}
	if slices.Min(table) == slices.Max(table) {
		return 0
	}
	scale = centreScale(table)
	columns := make([]float64, k)
	var targets, evaluators, total float64
	for i := range n {
		sum := 0.0
		for j, x := range table[i*k : (i+1)*k] {
			sum += x
			columns[j] += x
			total += float64(x * x)
		}
		targets += sum * sum / float64(k)
	}
	for _, sum := range columns {
		evaluators += sum * sum / float64(n)
	}
	c.MeanSquareTargets = targets / float64(n-1)
	c.MeanSquareEvaluators = evaluators / float64(k-1)
	c.MeanSquareError = max(total-targets-evaluators, 0) / float64((n-1)*(k-1))
	if c.MeanSquareError < 1e-14 { // of values of at most 1: noise of rounding
		c.MeanSquareError = 0
	}
	return scale
}

// centreScale takes the mean off and scales to at most 1, so that no square
// overflows or vanishes, and returns the scale. The values are not all equal.
func centreScale(x []float64) (scale float64) {
	mean := stats.ArithmeticMean(x, nil)
	for i := range x {
		x[i] -= mean
		scale = max(scale, math.Abs(x[i]))
	}
	for i := range x {
		x[i] /= scale
	}
	return scale
}

func (c *ICC) estimate() {
	n, k := float64(c.Targets), float64(c.Evaluators)
	signal, excess := c.MeanSquareTargets-c.MeanSquareError, (c.MeanSquareEvaluators-c.MeanSquareError)/n
	c.Single = agreement(signal, c.MeanSquareTargets+float64((k-1)*c.MeanSquareError)+float64(k*excess))
	c.Average = agreement(signal, c.MeanSquareTargets+excess)
}

// agreement is signal/total within −1 and 1. The total is not above 0 only where the
// signal is below 0.
func agreement(signal, total float64) float64 {
	if !(total > 0) {
		return -1
	}
	return num.Clamp(signal/total, -1, 1)
}

// bounds are those of Shrout and Fleiss, with Satterthwaite's degrees of freedom v,
// held at 1 or more.
func (c *ICC) bounds() {
	n, k, rho := float64(c.Targets), float64(c.Evaluators), c.Single
	t, j, e := c.MeanSquareTargets, c.MeanSquareEvaluators, c.MeanSquareError
	a, b := k*rho*j, (n*(1+(k-1)*rho)-k*rho)*e
	v := 1.0
	if squares := (n-1)*a*a + b*b; squares > 0 {
		v = max((k-1)*(n-1)*(a+b)*(a+b)/squares, 1)
	}
	above, below := stats.QuantileF(.975, n-1, v), stats.QuantileF(.975, v, n-1)
	rest := float64(k*j) + float64((k*n-k-n)*e)
	c.SingleLow = min(agreement(n*(t-float64(above*e)), float64(above*rest)+float64(n*t)), rho)
	c.SingleHigh = max(agreement(n*(float64(below*t)-e), rest+float64(n*below*t)), rho)
	c.AverageLow = min(stepUp(c.SingleLow, k), c.Average)
	c.AverageHigh = max(stepUp(c.SingleHigh, k), c.Average)
}

// stepUp is the reliability of the mean of k ratings from that of one (Spearman 1910,
// Brown 1910).
func stepUp(single, k float64) float64 { return agreement(k*single, 1+float64((k-1)*single)) }
