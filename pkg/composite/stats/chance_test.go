package stats_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// counted returns counts of one unit.
func counted(kind stats.Chance, n, d float64) *stats.Counts {
	return &stats.Counts{Chance: kind, Scale: 100, Numerator: []float64{n}, Denominator: []float64{d}}
}

func TestCountsHas(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		kind stats.Chance
		n, d float64
		want bool
	}{
		{stats.Binomial, 3, 4, true},
		{stats.Binomial, 0, 4, true},
		{stats.Binomial, 4, 4, true},
		{stats.Binomial, 5, 4, false},
		{stats.Poisson, 5, 4, true},
		{stats.Poisson, 0, 0, false},
		{stats.Binomial, -1, 4, false},
		{stats.Binomial, nan, 4, false},
		{stats.Poisson, 1, nan, false},
		{stats.Poisson, 1, -4, false},
		{stats.Poisson, 1, math.Inf(1), false},
	} {
		if got := counted(c.kind, c.n, c.d).Has(0); got != c.want {
			t.Errorf("%s %v of %v: %v", c.kind, c.n, c.d, got)
		}
	}
}

// The limits are quantiles of the exact distribution, which is summed here from its probabilities in long numbers.
func TestLimitsAreThoseOfTheExactDistribution(t *testing.T) {
	for _, c := range []struct {
		kind         stats.Chance
		cases        float64
		target, tail float64
	}{
		{stats.Binomial, 10, 50, .025},
		{stats.Binomial, 10, 90, .025},
		{stats.Binomial, 47, 83.3, .001},
		{stats.Binomial, 400, 2, .025},
		{stats.Binomial, 3, 50, .025},
		{stats.Poisson, 12, 20, .025},
		{stats.Poisson, 300, 7.5, .001},
		{stats.Poisson, 4, 400, .025},
	} {
		low, high := counted(c.kind, 0, c.cases).Limits(0, c.target, 1-2*c.tail)
		p := exactProbabilities(c.kind, c.cases, c.target/100)
		wantLow := min(100*exactInverse(p, c.tail)/c.cases, c.target)
		wantHigh := max(100*exactInverse(p, 1-c.tail)/c.cases, c.target)
		if math.Abs(low-wantLow) > 1e-8 || math.Abs(high-wantHigh) > 1e-8 {
			t.Errorf("%+v: %v–%v, want %v–%v", c, low, high, wantLow, wantHigh)
		}
	}
}

// exactProbabilities are those of 0, 1, 2 … counts.
func exactProbabilities(kind stats.Chance, cases, rate float64) (list []float64) {
	long := func(x float64) *big.Float { return new(big.Float).SetPrec(300).SetFloat64(x) }
	times := func(a, b *big.Float) *big.Float { return new(big.Float).SetPrec(300).Mul(a, b) }
	most := int(cases)
	p := long(1)
	if kind == stats.Poisson {
		most = 2000
		p = long(math.Exp(-rate * cases))
	} else {
		for range most {
			p = times(p, long(1-rate))
		}
	}
	for k := range most + 1 {
		x, _ := p.Float64()
		list = append(list, x)
		if kind == stats.Poisson {
			p = times(p, long(rate*cases/float64(k+1)))
			continue
		}
		p = times(p, long((cases-float64(k))/float64(k+1)*rate/(1-rate)))
	}
	return list
}

// exactInverse is the smallest count with at least the probability.
func exactInverse(p []float64, probability float64) float64 {
	total := 0.0
	for k, x := range p {
		if total+x >= probability {
			return float64(k)
		}
		total += x
	}
	return float64(len(p) - 1)
}

// Limits hold the target, grow with the share and shrink with the cases, down to no width at a ratio that
// chance cannot change.
func TestLimitsNarrowWithMoreCases(t *testing.T) {
	for _, kind := range []stats.Chance{stats.Binomial, stats.Poisson} {
		for _, target := range []float64{3, 50, 97} {
			width := math.Inf(1)
			for _, cases := range []float64{8, 40, 200, 1000, 5000} {
				low, high := counted(kind, 1, cases).Limits(0, target, 0.95)
				far, further := counted(kind, 1, cases).Limits(0, target, 0.998)
				if low > target || high < target || far > low || further < high || high-low > width {
					t.Errorf("%s %v of %v cases: %v–%v, far %v–%v, before %v wide", kind, target, cases, low, high, far, further, width)
				}
				width = high - low
			}
		}
		for _, target := range []float64{0, 100} {
			if low, high := counted(stats.Binomial, 1, 9).Limits(0, target, 0.95); low != target || high != target {
				t.Errorf("%v: %v–%v", target, low, high)
			}
		}
	}
}

// What is drawn has the mean and the spread of Beta(n+½, d−n+½) and Gamma(n+½, d).
func TestDrawsHaveTheMomentsOfTheirDistribution(t *testing.T) {
	const draws = 20000
	for _, c := range []struct{ n, d float64 }{{0, 3}, {3, 3}, {9, 10}, {40, 80}, {700, 1000}} {
		a, b := c.n+0.5, c.d-c.n+0.5
		for kind, want := range map[stats.Chance][2]float64{
			stats.Binomial: {a / (a + b), math.Sqrt(a * b / ((a + b) * (a + b) * (a + b + 1)))},
			stats.Poisson:  {a / c.d, math.Sqrt(a) / c.d},
		} {
			source := rand.NewPCG(1, uint64(c.n))
			list := make([]float64, draws)
			for i := range list {
				list[i] = counted(kind, c.n, c.d).Draw(0, source) / 100
				if list[i] != num.Significant(100*list[i])/100 || list[i] < 0 || kind == stats.Binomial && list[i] > 1 {
					t.Fatal(kind, c, list[i])
				}
			}
			m := stats.Summarise(list)
			if math.Abs(m.Mean-want[0]) > 4*want[1]/math.Sqrt(draws) || math.Abs(m.SD/want[1]-1) > 0.03 {
				t.Errorf("%s %v: mean %v, sd %v, want %v", kind, c, m.Mean, m.SD, want)
			}
		}
	}
}

func TestPooledTakesAllCasesTogether(t *testing.T) {
	c := &stats.Counts{
		Chance: stats.Binomial, Scale: 100,
		Numerator: []float64{9, math.NaN(), 10, 7}, Denominator: []float64{10, 10, 90, 5},
	}
	if got, ok := c.Pooled(); got != 19 || !ok { // 7 of 5 is no share
		t.Error(got, ok)
	}
	if _, ok := counted(stats.Poisson, 1, 0).Pooled(); ok {
		t.Error("no cases have a ratio")
	}
}
