package effect

import "math"

// line is the least-squares line of change on start among the untreated: one slope for
// all, and a height for each group.
type line struct {
	start, change []float64 // means by group
	slope         float64
	lever         []float64 // by cell: what a point of its change adds to the slope
	variance      float64   // of a cell about the line
	covariance    float64   // of two cells of one unit
	units         []int     // that the cells are of, each once
	freedom       float64
}

func (l *line) at(group int, start float64) float64 {
	return l.change[group] + float64(l.slope*(start-l.start[group]))
}

// line is false where the cells leave no degree of freedom, or are of one unit.
func (c *comparison) line() (line, bool) {
	l := line{start: make([]float64, len(c.groups)), change: make([]float64, len(c.groups)), lever: make([]float64, len(c.cells))}
	free := len(c.cells) - l.centre(c.cells)
	if l.tilt(c.cells) {
		free--
	}
	l.spread(c.cells, float64(free))
	l.freedom = float64(min(free, len(l.units)-1))
	return l, l.freedom >= 1
}

// centre takes the means by group and counts the groups that have cells.
func (l *line) centre(cells []cell) (groups int) {
	count := make([]float64, len(l.start))
	for _, cell := range cells {
		count[cell.group]++
		l.start[cell.group] += cell.start
		l.change[cell.group] += cell.change
	}
	for g, n := range count {
		if n > 0 {
			groups++
			l.start[g] /= n
			l.change[g] /= n
		}
	}
	return groups
}

// tilt fits the slope, and is false where starts do not vary but for noise.
func (l *line) tilt(cells []cell) bool {
	square, largest := 0.0, 0.0
	for k, cell := range cells {
		l.lever[k] = cell.start - l.start[cell.group]
		square += float64(l.lever[k] * l.lever[k])
		largest = max(largest, math.Abs(cell.start))
	}
	noise := max(1e-9, 1e-12*largest)
	if square <= float64(len(cells))*noise*noise {
		clear(l.lever)
		return false
	}
	for k, cell := range cells {
		l.lever[k] /= square
		l.slope += float64(l.lever[k] * (cell.change - l.change[cell.group]))
	}
	return true
}

// spread takes the variance about the line, and the covariance of the cells of a unit,
// which is in several where treatments begin in several periods.
func (l *line) spread(cells []cell, free float64) {
	sum, count, squares := map[int]float64{}, map[int]float64{}, 0.0
	for _, cell := range cells {
		if count[cell.unit] == 0 {
			l.units = append(l.units, cell.unit)
		}
		apart := cell.change - l.at(cell.group, cell.start)
		sum[cell.unit] += apart
		count[cell.unit]++
		squares += float64(apart * apart)
	}
	l.variance = squares / free
	products, pairs := -squares, 0.0
	for _, unit := range l.units {
		products += float64(sum[unit] * sum[unit])
		pairs += float64(count[unit] * (count[unit] - 1))
	}
	if pairs > 0 {
		l.covariance = products / pairs * float64(len(cells)) / free
	}
}
