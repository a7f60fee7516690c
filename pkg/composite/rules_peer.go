package composite

import (
	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
	"math"
)

// MinMax scores 100·(x−min)/(max−min) over the peers, 100·(max−x)/(max−min) for
// a cost. Where all peers are equal, or there is one only, everybody gets
// Constant and the column is flagged.
type MinMax struct {
	Constant *float64 `json:"constant,omitempty"` // 50
}

// Kind is "minmax".
func (*MinMax) Kind() string { return "minmax" }

func (m *MinMax) resolve() Rule { return &MinMax{or(m.Constant, 50)} }

func (m *MinMax) check(_ Direction, r report) { reportScore(r, "/constant", *m.Constant) }

func (*MinMax) refuses(float64) string { return "" }

func (*MinMax) relative() bool { return true }

func (m *MinMax) fit(p peers) scorer {
	low, high := p.sorted[0], p.sorted[len(p.sorted)-1]
	if low == high {
		p.flag(ConstantColumn)
		return constant(*m.Constant)
	}
	if p.cost {
		low, high = high, low
	}
	return linear{low, high - low, 100}
}

// ZScore scores mean + sd·(x−x̄)/s over the peers, mean − sd·(x−x̄)/s for a cost,
// with s the sample standard deviation (n−1). It is not bounded unless Clamp
// holds it in 0–100. Where all peers are equal, or there is one only, everybody
// gets Mean and the column is flagged.
type ZScore struct {
	Mean  *float64 `json:"mean,omitempty"` // 50
	SD    *float64 `json:"sd,omitempty"`   // 10, above 0
	Clamp bool     `json:"clamp,omitempty"`
}

// Kind is "zscore".
func (*ZScore) Kind() string { return "zscore" }

func (z *ZScore) resolve() Rule { return &ZScore{or(z.Mean, 50), or(z.SD, 10), z.Clamp} }

func (z *ZScore) check(_ Direction, r report) {
	for _, p := range []struct {
		at    string
		value float64
	}{{"/mean", *z.Mean}, {"/sd", *z.SD}} {
		if !(math.Abs(p.value) <= 1e6) {
			r(p.at, "value_out_of_range", "give a number between -1e6 and 1e6")
		}
	}
	if *z.SD <= 0 {
		r("/sd", "not_positive", "give a number above 0")
	}
}

func (*ZScore) refuses(float64) string { return "" }

func (*ZScore) relative() bool { return true }

func (z *ZScore) fit(p peers) scorer {
	line := standard{mean: *z.Mean, sd: *z.SD, s: 1, low: -num.MaxScore, high: num.MaxScore}
	if z.Clamp {
		line.low, line.high = 0, 100
	}
	// Equality is asked of the values: rounding can leave a constant column a tiny s.
	if p.sorted[0] == p.sorted[len(p.sorted)-1] {
		p.flag(ConstantColumn)
		return constant(num.Clamp(line.mean, line.low, line.high))
	}
	line.centre, line.s = stats.MeanSD(p.sorted)
	if p.cost {
		line.sd = -line.sd
	}
	return line
}

// standard is mean + sd·(x−centre)/s, held between low and high.
type standard struct{ mean, sd, centre, s, low, high float64 }

func (z standard) at(x float64) float64 {
	return num.Clamp(z.mean+float64(z.sd*(x-z.centre)/z.s), z.low, z.high)
}

// Target scores the way from the worst peer to a target:
// 100·min(1, (x−min)/(target−min)), for a cost 100·min(1, (max−x)/(max−target)).
// Where even the worst peer has reached the target, or is the only peer and has,
// everybody gets 100 and the column is flagged; a single peer short of it gets 0.
type Target struct {
	Target float64 `json:"target"`
	Cap    *bool   `json:"cap,omitempty"` // true; false lets a score pass 100
}

// Kind is "target".
func (*Target) Kind() string { return "target" }

func (t *Target) resolve() Rule { return &Target{t.Target, or(t.Cap, true)} }

func (t *Target) check(_ Direction, r report) { reportValue(r, "/target", t.Target) }

func (*Target) refuses(float64) string { return "" }

func (*Target) relative() bool { return true }

func (t *Target) fit(p peers) scorer {
	worst := p.sorted[0]
	reached := worst >= t.Target
	if p.cost {
		worst = p.sorted[len(p.sorted)-1]
		reached = worst <= t.Target
	}
	if reached {
		p.flag(TargetReached)
		return constant(100)
	}
	top := 100.0
	if !*t.Cap {
		top = num.MaxScore
	}
	return linear{worst, t.Target - worst, top}
}
