package effect

import (
	"bulwark/pkg/composite/stats"
	"math"
)

// excess is what the pairs of a comparison gained beyond their controls.
type excess struct {
	Estimate
	difference, slope, gap float64
	matched                int
}

// share deals each pair out among its controls.
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
	apart := make([]float64, len(c.pairs))
	for i, p := range c.pairs {
		apart[i] = p.change - l.at(p.group, p.start)
	}
	_, sd := stats.MeanSD(apart)
	return sd * sd / float64(len(apart))
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
