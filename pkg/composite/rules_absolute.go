package composite

import (
	"maps"
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
)

// The transforms of Goalposts. The default, "linear", takes values as they are.
const (
	linearTransform = "linear"
	Log             = "log"
)

// Goalposts scores 100·(f(x)−f(low))/(f(high)−f(low)), clamped to 0–100, with f
// the transform. Low above High makes it a cost. It does not look at peers, so a
// constant column or a single unit changes nothing. With Log, x and both posts
// must be above 0.
type Goalposts struct {
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	Transform string  `json:"transform,omitempty"` // "linear", also when empty, or Log; of the value and both goalposts
}

// Kind is "goalposts".
func (*Goalposts) Kind() string { return "goalposts" }

func (g *Goalposts) resolve() Rule {
	c := *g
	if c.Transform == "" {
		c.Transform = linearTransform
	}
	return &c
}

func (g *Goalposts) check(d Direction, r report) {
	low, high := reportValue(r, "/low", g.Low), reportValue(r, "/high", g.High)
	switch {
	case !low || !high:
	case g.Low == g.High:
		r("/high", "goalposts_equal", "low and high are both %v: give two different goalposts", g.High)
	case d == Cost && g.Low < g.High:
		r("/low", "direction_contradicts_goalposts",
			"direction is cost but low %v is below high %v: swap them or change the direction", g.Low, g.High)
	case d == Benefit && g.Low > g.High:
		r("/low", "direction_contradicts_goalposts",
			"direction is benefit but low %v is above high %v: swap them or change the direction", g.Low, g.High)
	}
	switch g.Transform {
	case linearTransform:
	case Log:
		if g.Low <= 0 || g.High <= 0 {
			r("/transform", "log_not_positive", "a log scale needs low and high above 0")
		} else if math.Log(g.Low) == math.Log(g.High) {
			r("/high", "goalposts_equal", "low and high have the same logarithm: move them apart")
		}
	default:
		r("/transform", "unknown_transform", "%q is not a transform: use linear or log", g.Transform)
	}
}

func (g *Goalposts) refuses(x float64) string {
	if g.Transform == Log && x <= 0 {
		return "a log scale needs a value above 0"
	}
	return ""
}

func (*Goalposts) relative() bool { return false }

func (g *Goalposts) fit(peers) scorer {
	if g.Transform == Log {
		low := math.Log(g.Low)
		return logarithm{linear{low, math.Log(g.High) - low, 100}}
	}
	return linear{g.Low, g.High - g.Low, 100}
}

// PointsRule scores 100·x/max. An entry must lie between 0 and Max. It does not look
// at peers.
type PointsRule struct {
	Max float64 `json:"max"`
}

// Kind is "points".
func (*PointsRule) Kind() string { return "points" }

func (p *PointsRule) resolve() Rule { c := *p; return &c }

func (p *PointsRule) check(d Direction, r report) {
	reportPositive(r, "/max", p.Max)
	reportDirection(r, d, Benefit, "points")
}

func (p *PointsRule) refuses(x float64) string {
	if x < 0 || x > p.Max {
		return "points must lie between 0 and the maximum"
	}
	return ""
}

func (*PointsRule) relative() bool { return false }

func (p *PointsRule) fit(peers) scorer { return linear{0, p.Max, 100} }

// linear is 100·(x−low)/span clamped to 0–top. The span is not 0; it is negative for
// a cost.
type linear struct{ low, span, top float64 }

// at keeps a NaN. Unlike comparisons, min and max never mispredict.
func (l linear) at(x float64) float64 { return min(max(100*(x-l.low)/l.span, 0), l.top) }

// logarithm is linear in ln x.
type logarithm struct{ linear }

func (l logarithm) at(x float64) float64 { return l.linear.at(math.Log(x)) }

// constant is the same score for every unit.
type constant float64

func (c constant) at(float64) float64 { return float64(c) }

// Deduct scores max(floor, full − per·x/step): so many points off for each step
// of x, an entry of 0 or more. It does not look at peers.
type Deduct struct {
	Full  *float64 `json:"full,omitempty"`  // 100
	Per   float64  `json:"per"`             // points off, above 0
	Step  *float64 `json:"step,omitempty"`  // 1
	Floor *float64 `json:"floor,omitempty"` // 0
}

// Kind is "deduct".
func (*Deduct) Kind() string { return "deduct" }

func (d *Deduct) resolve() Rule {
	return &Deduct{orDefault(d.Full, 100), d.Per, orDefault(d.Step, 1), orDefault(d.Floor, 0)}
}

func (d *Deduct) check(dir Direction, r report) {
	reportScore(r, "/full", *d.Full)
	reportScore(r, "/floor", *d.Floor)
	if *d.Floor > *d.Full {
		r("/floor", "floor_above_full", "floor %v is above full %v: lower it", *d.Floor, *d.Full)
	}
	reportPositive(r, "/per", d.Per)
	reportPositive(r, "/step", *d.Step)
	reportDirection(r, dir, Cost, "deduct")
}

func (*Deduct) refuses(x float64) string {
	if x < 0 {
		return "what is deducted for cannot be negative"
	}
	return ""
}

func (*Deduct) relative() bool { return false }

func (d *Deduct) fit(peers) scorer {
	return deduction{full: *d.Full, per: d.Per, step: *d.Step, floor: *d.Floor}
}

// Shortfall scores max(0, 100 − per·max(0, target − x)/step): points off for
// every step that x stays below the target. It does not look at peers.
type Shortfall struct {
	Target float64  `json:"target"`
	Per    float64  `json:"per"`            // points off, above 0
	Step   *float64 `json:"step,omitempty"` // 1
}

// Kind is "shortfall".
func (*Shortfall) Kind() string { return "shortfall" }

func (s *Shortfall) resolve() Rule { return &Shortfall{s.Target, s.Per, orDefault(s.Step, 1)} }

func (s *Shortfall) check(d Direction, r report) {
	reportValue(r, "/target", s.Target)
	reportPositive(r, "/per", s.Per)
	reportPositive(r, "/step", *s.Step)
	reportDirection(r, d, Benefit, "shortfall")
}

func (*Shortfall) refuses(float64) string { return "" }

func (*Shortfall) relative() bool { return false }

func (s *Shortfall) fit(peers) scorer {
	return shortfall{s.Target, deduction{full: 100, per: s.Per, step: *s.Step}}
}

type deduction struct{ full, per, step, floor float64 }

func (d deduction) at(x float64) float64 {
	return max(d.floor, d.full-float64(d.per*x/d.step))
}

type shortfall struct {
	target float64
	deduction
}

func (s shortfall) at(x float64) float64 { return s.deduction.at(max(0, s.target-x)) }

// Bands scores the points of the highest band whose From is at most x, and 0
// below all bands: each band holds from its From up to, not including, the next.
// It does not look at peers. The direction is declared but not used: the points may
// rise or fall.
type Bands struct {
	Bands []Band `json:"bands"` // ascending by From
}

// Band is one step of Bands.
type Band struct {
	From   float64 `json:"from"`
	Points float64 `json:"points"` // 0 to 100
}

// Kind is "bands".
func (*Bands) Kind() string { return "bands" }

func (b *Bands) resolve() Rule { return &Bands{slices.Clone(b.Bands)} }

func (b *Bands) check(_ Direction, r report) {
	if len(b.Bands) == 0 {
		r("/bands", "bands_empty", "give at least one band")
	}
	for i, band := range b.Bands {
		at := "/bands" + item(i)
		reportScore(r, at+"/points", band.Points)
		if reportValue(r, at+"/from", band.From) && i > 0 && !(band.From > b.Bands[i-1].From) {
			r(at+"/from", "bands_not_ascending", "start above %v, where the band before starts", b.Bands[i-1].From)
		}
	}
}

func (*Bands) refuses(float64) string { return "" }

func (*Bands) relative() bool { return false }

func (b *Bands) fit(peers) scorer { return steps(b.Bands) }

type steps []Band

func (s steps) at(x float64) float64 {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i].From <= x {
			return s[i].Points
		}
	}
	return 0
}

// Levels scores a categorical value by a table from level to points. The data
// column holds the ordinal of the level; see Ordinal. It does not look at peers,
// and values between levels do not exist, so a missing one cannot be a mean.
type Levels struct {
	Levels map[string]float64 `json:"levels"` // points, 0 to 100
}

// Kind is "levels".
func (*Levels) Kind() string { return "levels" }

// Ordinal returns the place of the level, from 0, among all levels sorted by
// points and then by name, and whether the level exists.
func (l *Levels) Ordinal(level string) (float64, bool) {
	points, ok := l.Levels[level]
	if !ok {
		return 0, false
	}
	ordinal := 0.0
	for name, p := range l.Levels {
		if p < points || p == points && name < level {
			ordinal++
		}
	}
	return ordinal, true
}

// Names returns the levels in the order of their ordinals.
func (l *Levels) Names() []string {
	return slices.SortedFunc(maps.Keys(l.Levels), func(a, b string) int {
		x, _ := l.Ordinal(a)
		y, _ := l.Ordinal(b)
		return int(x - y)
	})
}

func (l *Levels) resolve() Rule { return &Levels{maps.Clone(l.Levels)} }

func (l *Levels) check(_ Direction, r report) {
	if len(l.Levels) == 0 {
		r("/levels", "levels_empty", "give at least one level")
	}
	for _, name := range slices.Sorted(maps.Keys(l.Levels)) {
		reportScore(r, "/levels"+key(name), l.Levels[name])
	}
}

func (l *Levels) refuses(x float64) string {
	if x < 0 || x >= float64(len(l.Levels)) || x != float64(int(x)) {
		return "unknown level"
	}
	return ""
}

func (*Levels) relative() bool { return false }

func (l *Levels) fit(peers) scorer {
	return lookup(slices.Sorted(maps.Values(l.Levels)))
}

// lookup holds the points of each ordinal, ascending.
type lookup []float64

func (l lookup) at(x float64) float64 { return l[int(num.Clamp(x, 0, float64(len(l)-1)))] }
