package effect

import (
	"math"

	"bulwark/pkg/composite/stats"
)

// excess is what the pairs of a comparison gained beyond their controls.
type excess struct {
	Estimate
	difference, slope, gap float64
	matched                int
}

// share divides each pair among its controls.
func (c *comparison) share() {
	for k := range c.cells {
		c.cells[k].share = 0
	}
	for _, p := range c.pairs {
		for _, k := range p.controls {
			c.cells[k].share += 1 / float64(len(p.controls))
		}
	}
}

// controls are the means of a pair's controls.
func (c *comparison) controls(p pair) (start, change float64) {
	n := float64(len(p.controls))
	for _, k := range p.controls {
		start += c.cells[k].start / n
		change += c.cells[k].change / n
	}
	return start, change
}

// units are how many different untreated units there are.
func (c *comparison) units() int {
	seen := map[int]bool{}
	for _, cell := range c.cells {
		seen[cell.unit] = true
	}
	return len(seen)
}

// excess is false where there are too few pairs, or too few untreated units to know
// their variance.
func (c comparison) excess(o EffectOptions) (excess, bool) {
	if len(c.pairs) < o.Least {
		return excess{}, false
	}
	l, ok := c.line()
	if !ok {
		return excess{}, false
	}
	out := excess{matched: len(c.pairs), slope: l.slope}
	n := float64(len(c.pairs))
	for _, p := range c.pairs {
		start, change := c.controls(p)
		out.difference += (p.change - change) / n
		out.gap += (p.start - start) / n
	}
	out.Effect = out.difference - float64(out.slope*out.gap)
	treated, untreated := c.treatedVariance(l), c.untreatedVariance(l, out.gap)
	out.interval(o.Level, treated, n-1, untreated, l.freedom)
	return out, true
}

// interval fills in the interval of Welch (1947) for a sum of two independent parts,
// each with its variance and degrees of freedom.
func (e *Estimate) interval(level, v1, f1, v0, f0 float64) {
	v := v1 + v0
	e.SE = math.Sqrt(v)
	e.Freedom = min(f1, f0)
	if v > 0 {
		a, b := v1/v, v0/v
		e.Freedom = 1 / (float64(a*a)/f1 + float64(b*b)/f0)
	}
	reach := e.SE * math.Sqrt(stats.QuantileF(level, 1, e.Freedom)) // F(1, f) is the square of t(f)
	e.Low, e.High = e.Effect-reach, e.Effect+reach
}

// treatedVariance is the variance of the mean of the pairs about the line of the
// untreated, whatever the effect is.
func (c *comparison) treatedVariance(l line) float64 {
	rest := make([]float64, len(c.pairs))
	for i, p := range c.pairs {
		rest[i] = p.change - l.at(p.group, p.start)
	}
	_, sd := stats.MeanSD(rest)
	return sd * sd / float64(len(rest))
}

// untreatedVariance is the variance of what is taken off: the changes of the cells by
// their weights, the slope's part among them.
func (c *comparison) untreatedVariance(l line, gap float64) float64 {
	n := float64(len(c.pairs))
	variance, weights := 0.0, map[int]float64{}
	for k, cell := range c.cells {
		w := cell.share/n + float64(gap*l.lever[k])
		variance += float64(w * w)
		weights[cell.unit] += w
	}
	between := -variance
	for _, unit := range l.units {
		between += float64(weights[unit] * weights[unit])
	}
	return float64(variance*l.variance) + max(float64(between*l.covariance), 0)
}

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
	groups := len(c.groups)
	l := line{start: make([]float64, groups), change: make([]float64, groups), lever: make([]float64, len(c.cells))}
	free := len(c.cells) - l.fitMeans(c.cells)
	if l.fitSlope(c.cells) {
		free--
	}
	l.fitVariance(c.cells, float64(free))
	l.freedom = float64(min(free, len(l.units)-1))
	return l, l.freedom >= 1
}

// fitMeans sets the means by group and returns the number of groups that have cells.
func (l *line) fitMeans(cells []cell) (groups int) {
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

// fitSlope fits the slope, and is false where starts do not vary but for noise.
func (l *line) fitSlope(cells []cell) bool {
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

// fitVariance sets the variance about the line, and the covariance of the cells of a
// unit, which is in several where treatments begin in several periods.
func (l *line) fitVariance(cells []cell, free float64) {
	sum, count, squares := map[int]float64{}, map[int]float64{}, 0.0
	for _, cell := range cells {
		if count[cell.unit] == 0 {
			l.units = append(l.units, cell.unit)
		}
		rest := cell.change - l.at(cell.group, cell.start)
		sum[cell.unit] += rest
		count[cell.unit]++
		squares += float64(rest * rest)
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
