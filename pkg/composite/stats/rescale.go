package stats

import "math"

// Rescale brings scores within 0–100, such as those of [Normalise], to low–high:
// low + (high − low)·x/100. A geometric mean wants scores above 0, 1 to 100 say;
// the adjusted Mazziotta–Pareto index has 70 to 130 and [PenalisedMean] (Mazziotta
// and Pareto 2016). What is missing, or goes beyond ±MaxValue, is NaN.
func Rescale(scores []float64, low, high float64) []float64 {
	y := make([]float64, len(scores))
	for i, x := range scores {
		y[i] = low + float64((high-low)*x/100)
		if !Valid(y[i]) {
			y[i] = math.NaN()
		}
	}
	return y
}
