package stats

import (
	"math"
	"math/rand/v2"
	"slices"

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
	rng := rand.New(src) //nolint:gosec // a simulation, repeatable by its seed
	hits := gamma(n+0.5, rng)
	if c.Chance == Poisson {
		return num.Significant(c.Scale * hits / d)
	}
	return num.Significant(c.Scale * hits / (hits + gamma(d-n+0.5, rng)))
}

// gamma draws from the gamma distribution of the shape, which is at least ½, and the scale 1 (Marsaglia and Tsang 2000).
func gamma(shape float64, rng *rand.Rand) float64 {
	if shape < 1 {
		return gamma(shape+1, rng) * math.Pow(1-rng.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := 1 + float64(c*x)
		if v <= 0 {
			continue
		}
		v = v * v * v
		if u := 1 - rng.Float64(); math.Log(u) < float64(x*x/2)+float64(d*(1-v+math.Log(v))) {
			return d * v
		}
	}
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

// Limits returns between which ratios, both included, a unit of its size, which must have counts, lies by chance with at
// least the probability share if its true ratio is the target, which for a share of cases must be at most Scale: beyond either lie
// counts that together have at most half of what is left. They are those of a funnel plot (Spiegelhalter 2005), without his
// interpolation between counts, by which too many small units would lie outside.
func (c *Counts) Limits(unit int, target, share float64) (low, high float64) {
	d, rate := c.Denominator[unit], target/c.Scale
	if rate <= 0 || c.Chance == Binomial && rate >= 1 {
		return target, target
	}
	counts := c.quantiles(d, rate, (1-share)/2)
	at := func(n float64) float64 { return num.Significant(c.Scale * n / d) }
	return min(at(counts[0]), target), max(at(counts[1]), target)
}

// manyCases is the variance from which counts are as good as normal.
const manyCases = 1e8

// quantiles returns the smallest counts with at least the probabilities tail and 1 − tail among d cases, or in the size d,
// at the rate. Probabilities are summed from the most likely count outwards, each from its neighbour.
func (c *Counts) quantiles(d, rate, tail float64) (counts [2]float64) {
	mean, variance := rate*d, rate*d
	next := func(k float64) float64 { return mean / (k + 1) } // p(k+1) : p(k)
	if c.Chance == Binomial {
		variance = mean * (1 - rate)
		next = func(k float64) float64 { return max(d-k, 0) / (k + 1) * rate / (1 - rate) }
	}
	if variance > manyCases {
		far := math.Sqrt(variance) * math.Sqrt2 * math.Erfinv(1-2*tail)
		return [2]float64{math.Floor(mean - far), math.Ceil(mean + far)}
	}
	const negligible = 1e-20
	first := math.Floor(mean)
	p := []float64{1}
	for k, x := first, 1.0; k > 0 && x > negligible; k-- {
		x /= next(k - 1)
		p, first = append(p, x), k-1
	}
	slices.Reverse(p)
	for k, x := math.Floor(mean), 1.0; x > negligible; k++ {
		x *= next(k)
		p = append(p, x)
	}
	total := exactMean(p) * float64(len(p))
	sum, i := 0.0, 0
	for q, want := range [2]float64{tail * total, (1 - tail) * total} {
		for ; i < len(p)-1 && sum+p[i] < want; i++ {
			sum += p[i]
		}
		counts[q] = first + float64(i)
	}
	return counts
}
