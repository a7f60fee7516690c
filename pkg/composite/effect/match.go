package effect

import (
	"cmp"
	"math"
	"slices"

	"bulwark/pkg/composite/stats"
)

// matcher finds the controls of treated units. It numbers the units by their place in
// the order of their codes, so that the order in the panel plays no part.
type matcher struct {
	panel     Panel
	options   EffectOptions
	order     []int     // by place: index into Panel.Units
	place     []int     // the other way round
	began     []int     // by place: first period of the intervention, untreatedPeriod without one
	treated   []int     // places
	starts    []float64 // of the treated units with both scores
	unmatched []Unmatched
}

const untreatedPeriod = math.MaxInt

// comparison are treated units with their controls, and all untreated units that could
// have been controls but for their start.
type comparison struct {
	groups []matchGroup
	cells  []cell // group by group
	pairs  []pair
}

// matchGroup are the units of one class over one window of periods.
type matchGroup struct {
	class    string
	before   []int // the latest first
	after    int
	from, to int // its cells
}

// cell is an untreated unit in the window of its group.
type cell struct {
	unit, group   int // place
	start, change float64
	share         float64 // of the controls of all pairs; a pair shares out 1
}

// pair is a treated unit with its controls.
type pair struct {
	unit, group   int // place
	start, change float64
	controls      []int // cells, the nearest first
}

func newMatcher(p Panel, began []Intervention, o EffectOptions) *matcher {
	n := len(p.Units)
	m := &matcher{
		panel: p, options: o, order: make([]int, n), place: make([]int, n),
		began: slices.Repeat([]int{untreatedPeriod}, n),
	}
	for u := range m.order {
		m.order[u] = u
	}
	slices.SortFunc(m.order, func(a, b int) int { return cmp.Compare(p.Units[a], p.Units[b]) })
	for i, u := range m.order {
		m.place[u] = i
	}
	for _, b := range began {
		m.began[m.place[b.Unit]] = min(m.began[m.place[b.Unit]], b.Period)
	}
	for i, t := range m.began {
		if t != untreatedPeriod {
			m.treated = append(m.treated, i)
		}
	}
	return m
}

func (m *matcher) score(period, unit int) float64 { return m.panel.Scores[period][m.order[unit]] }

func (m *matcher) class(unit int) string {
	if m.panel.Classes == nil {
		return ""
	}
	return m.panel.Classes[m.order[unit]]
}

// match pairs every treated unit that can be paired, and records why others cannot.
func (m *matcher) match() comparison {
	var c comparison
	for _, unit := range m.treated {
		if reason := m.pair(&c, unit); reason != "" {
			m.unmatched = append(m.unmatched, Unmatched{m.order[unit], reason})
		}
	}
	c.share()
	return c
}

func (m *matcher) pair(c *comparison, unit int) UnmatchedReason {
	after := m.began[unit] - 1 + m.options.Horizon
	before := m.before(unit, after)
	if before == nil {
		if m.scoredBefore(unit) {
			return OtherRuler
		}
		return NoScoreBefore
	}
	start, change, ok := m.observe(unit, before, after)
	if !ok {
		return NoScoreAfter
	}
	m.starts = append(m.starts, start)
	group := m.group(c, m.class(unit), before, after)
	g := c.groups[group]
	if g.from == g.to {
		return NoControl
	}
	controls := m.nearest(c.cells, g, start)
	if controls == nil {
		return NoneNear
	}
	c.pairs = append(c.pairs, pair{unit, group, start, change, controls})
	return ""
}

// before are the last periods before the intervention in which the unit has a score by the
// ruler of the period after, as many as the options want, the latest first; nil where there
// are fewer.
func (m *matcher) before(unit, after int) []int {
	var before []int
	for t := min(m.began[unit], len(m.panel.Scores)) - 1; t >= 0 && len(before) < m.options.Before; t-- {
		if x := m.score(t, unit); x == x && m.alike(t, after) {
			before = append(before, t)
		}
	}
	if len(before) < m.options.Before {
		return nil
	}
	return before
}

// scoredBefore reports whether the unit has as many scores before the intervention as the
// options want, by whichever ruler.
func (m *matcher) scoredBefore(unit int) bool {
	n := 0
	for t := range min(m.began[unit], len(m.panel.Scores)) {
		if x := m.score(t, unit); x == x {
			n++
		}
	}
	return n >= m.options.Before
}

// alike reports whether two periods were scored by one ruler. One that is not in the panel
// has none to differ.
func (m *matcher) alike(t, u int) bool {
	r := m.panel.Rulers
	return r == nil || u < 0 || u >= len(r) || r[t] == r[u]
}

// observe returns the score before and the change to the one after, and false where any
// of the scores is missing.
func (m *matcher) observe(unit int, before []int, after int) (start, change float64, ok bool) {
	if after < 0 || after >= len(m.panel.Scores) {
		return 0, 0, false
	}
	for _, t := range before {
		start += m.score(t, unit)
	}
	start /= float64(len(before))
	change = m.score(after, unit) - start
	return start, change, change == change
}

// group finds the group, or makes it with its cells: the units of the class without an
// intervention up to the period after.
func (m *matcher) group(c *comparison, class string, before []int, after int) int {
	for i, g := range c.groups {
		if g.class == class && g.after == after && slices.Equal(g.before, before) {
			return i
		}
	}
	g := matchGroup{class: class, before: before, after: after, from: len(c.cells)}
	for unit, began := range m.began {
		if began <= after || m.class(unit) != class {
			continue
		}
		if start, change, ok := m.observe(unit, before, after); ok {
			c.cells = append(c.cells, cell{unit: unit, group: len(c.groups), start: start, change: change})
		}
	}
	g.to = len(c.cells)
	c.groups = append(c.groups, g)
	return len(c.groups) - 1
}

// nearest are the cells of the group that started nearest, within the caliper. Distances
// are cut at 9 decimals: what is equal on paper is a tie, and goes by code.
func (m *matcher) nearest(cells []cell, g matchGroup, start float64) []int {
	type candidate struct {
		cell     int
		distance float64
	}
	var near []candidate
	for k := g.from; k < g.to; k++ {
		if d := stats.Round(math.Abs(cells[k].start-start), stats.MaxDecimals); d <= m.options.Caliper {
			near = append(near, candidate{k, d})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var nearest []int
	for _, c := range near[:min(len(near), m.options.Neighbours)] {
		nearest = append(nearest, c.cell)
	}
	return nearest
}

// earlier is the comparison of the same units and controls a horizon earlier: the
// change is the one up to the score before. What has no score that early is left out.
func (m *matcher) earlier(c comparison) comparison {
	past := comparison{groups: c.groups}
	kept := make([]int, len(c.cells)) // 1 more than the new index
	change := func(unit, group int, start float64) (float64, bool) {
		before := c.groups[group].before
		t := before[len(before)-1] - m.options.Horizon
		if t < 0 || !m.alike(t, before[0]) {
			return 0, false
		}
		x := start - m.score(t, unit)
		return x, x == x
	}
	for k, cell := range c.cells {
		if x, ok := change(cell.unit, cell.group, cell.start); ok {
			cell.change = x
			past.cells = append(past.cells, cell)
			kept[k] = len(past.cells)
		}
	}
	for _, p := range c.pairs {
		var controls []int
		for _, k := range p.controls {
			if kept[k] > 0 {
				controls = append(controls, kept[k]-1)
			}
		}
		if x, ok := change(p.unit, p.group, p.start); ok && controls != nil {
			past.pairs = append(past.pairs, pair{p.unit, p.group, p.start, x, controls})
		}
	}
	past.share()
	return past
}

// imbalance compares the starts before and after matching.
func (m *matcher) imbalance(c comparison, gap float64) Imbalance {
	starts := make([]float64, len(c.cells))
	for k := range c.cells {
		starts[k] = c.cells[k].start
	}
	if len(m.starts) < 2 || len(starts) < 2 {
		return Imbalance{}
	}
	treated, s1 := stats.MeanSD(m.starts)
	untreated, s0 := stats.MeanSD(starts)
	spread := math.Sqrt((float64(s1*s1) + float64(s0*s0)) / 2)
	if !(spread > 1e-9) {
		return Imbalance{}
	}
	return Imbalance{Before: (treated - untreated) / spread, After: gap / spread}
}
