package composite

import (
	"bulwark/pkg/composite/internal/num"
	"maps"
	"slices"
)

// Bands scores the points of the highest band whose From is at most x, and 0
// below all bands: each band holds from its From up to, not including, the next.
// It does not look at peers. The direction is only said, not used: the points may
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

func (b *Bands) fit(peers) scorer { return stairs(b.Bands) }

type stairs []Band

func (s stairs) at(x float64) float64 {
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
