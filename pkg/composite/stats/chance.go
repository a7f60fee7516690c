package stats

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"bulwark/pkg/composite/internal/num"
)

// Chance is how counts vary by chance alone.
type Chance string

// The kinds of chance.
const (
	// Binomial is that of a share: so many of a number of cases, such as attended of invited.
	Binomial Chance = "binomial"
	// Poisson is that of a rate: so many events by size, such as petitions per 1,000 residents.
	Poisson Chance = "poisson"
)

// Counts are the parts of a ratio by unit, with how they vary by chance. A unit of which a part
// is missing or negative, that has a size of 0, or of which a share would be above 1, has none.
type Counts struct {
	Column      int // of the data to which the ratio belongs
	Chance      Chance
	Scale       float64 // the ratio is Scale·Numerator/Denominator
	Numerator   []float64
	Denominator []float64
}

// Has reports whether the unit has counts that can vary by chance.
func (c *Counts) Has(unit int) bool {
	n, d := c.Numerator[unit], c.Denominator[unit]
	return Valid(n) && Valid(d) && n >= 0 && d > 0 && (c.Chance == Poisson || n <= d)
}

// Draw returns a ratio that the unit, which must have counts, could as well have: drawn from
// what its counts say of its true ratio under the prior of Jeffreys, Beta(n+½, d−n+½) for a share
// and Gamma(n+½, d) for a rate. The fewer the cases, the further it strays; of 0 in 3 it is rarely 0.
func (c *Counts) Draw(unit int, src rand.Source) float64 {
	n, d := c.Numerator[unit], c.Denominator[unit]
	hits := distuv.Gamma{Alpha: n + 0.5, Beta: 1, Src: src}.Rand()
	if c.Chance == Poisson {
		return num.Significant(c.Scale * hits / d)
	}
	misses := distuv.Gamma{Alpha: d - n + 0.5, Beta: 1, Src: src}.Rand()
	return num.Significant(c.Scale * hits / (hits + misses))
}

// Pooled returns the ratio of all units that have counts, taken together, and false where none has.
func (c *Counts) Pooled() (float64, bool) {
	var n, d []float64
	for u := range c.Numerator {
		if c.Has(u) {
			n, d = append(n, c.Numerator[u]), append(d, c.Denominator[u])
		}
	}
	if len(n) == 0 {
		return 0, false
	}
	return Ratio(exactMean(n), exactMean(d), c.Scale)
}

// Limits returns between which ratios a unit of its size, which must have counts, lies by chance with
// the probability share if its true ratio is the target, which for a share of cases must be at most Scale.
// They are those of a funnel plot, interpolated between counts (Spiegelhalter 2005, appendix A.1.1).
func (c *Counts) Limits(unit int, target, share float64) (low, high float64) {
	d, rate := c.Denominator[unit], target/c.Scale
	if rate <= 0 || c.Chance == Binomial && rate >= 1 {
		return target, target
	}
	cumulative, most := distuv.Poisson{Lambda: rate * d}.CDF, math.Inf(1)
	if c.Chance == Binomial {
		cumulative, most = distuv.Binomial{N: d, P: rate}.CDF, d
	}
	tail := (1 - share) / 2
	at := func(p float64) float64 {
		return num.Significant(c.Scale * num.Clamp(interpolated(cumulative, p, rate*d), 0, most) / d)
	}
	return min(at(tail), target), max(at(1-tail), target)
}

// interpolated returns the count that the probability p does not exceed, between the first one that
// reaches it and the one before. The search begins at the mean.
func interpolated(cumulative func(float64) float64, p, mean float64) float64 {
	low, high := -1.0, math.Ceil(mean)+1 // p is above the cumulative at low and reached at high
	for cumulative(high) < p {
		low, high = high, 2*high
	}
	for high-low > 1 {
		if middle := math.Floor((low + high) / 2); cumulative(middle) < p {
			low = middle
		} else {
			high = middle
		}
	}
	before := 0.0
	if high > 0 {
		before = cumulative(high - 1)
	}
	reached := cumulative(high)
	return high - (reached-p)/(reached-before)
}
