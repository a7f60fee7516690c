package stats

// Outranking compares all pairs of units over several columns with weights w (nil:
// equal). Cell [a][b] is the share of the weight of the columns in which a scores
// higher than b, ties counting half; columns in which either is NaN leave with
// their weight. Of a pair without a common column, and of a unit with itself, it is
// 0.5. Time and memory grow with the square of the units. Slices of different length
// give nil.
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
