package composite

import (
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// Gain is what a change of one indicator's raw value is worth to a unit, in points of
// its base, all else as it is.
type Gain struct {
	Node int
	// Compared: a node above compares units in pairs (Copeland), so that what the unit enters changes what the others
	// score. What it is worth is not computed: there are no slopes and no other values.
	Compared bool
	Entered  bool    // whether the unit has entered a value; without one there are no slopes
	Value    float64 // the value entered, 0 without
	Score    float64 // of the leaf, 0 if it has none
	// The derivatives of the base by the raw value, towards lower and higher values.
	Below, Above Slope
	// What the base gains with another value, nil where there is no such value. Points
	// are 0 where the unit is there already, below 0 where it is beyond.
	Goal   *ValueGain // the first value with full marks; nil if the rule looks at peers
	Next   *ValueGain // the nearest step with more points, of bands and levels
	Median *ValueGain // the median entry of the class; of levels the lower one
	Best   *ValueGain // the best entry of the class by the direction; of bands and levels by points
}

// Slope is how the base changes on one side of a value. Where it jumps, PerUnit is 0
// and Jump the points of the jump in the direction away from the value.
type Slope struct {
	PerUnit float64 // points per raw unit: positive where more of the raw value is better
	Jump    float64
}

// ValueGain is another raw value and what the base gains with it.
type ValueGain struct {
	Value  float64
	Score  float64 // of the leaf there
	Points float64 // of the base gained
}

// Gains returns the marginal gains of every indicator that applies to the unit, in
// document order; nil for a unit without a score. Slopes are taken over steps of about
// a millionth of the column's range with one Richardson extrapolation: exact to
// rounding for a piecewise linear rule under arithmetic means, and to about 1e-6
// relative elsewhere. A value that the rule refuses has slope 0. Rules that
// look at peers are fitted again with the new value.
func (e *Explainer) Gains(unit int) []Gain {
	if _, ok := e.scored(unit); !ok {
		return nil
	}
	p := e.whatIf(unit)
	var gains []Gain
	for c := range e.index.leaves {
		if !p.result.columns[c].excludes(unit) && !stopped(e.done) {
			gains = append(gains, p.gains(c))
		}
	}
	return gains
}

func (p *whatIf) gains(column int) Gain {
	l := &p.index.leaves[column]
	g := Gain{Node: l.node}
	g.Score, _ = num.Known(p.leaves[l.node])
	if g.Compared = p.index.compared(l.node); g.Compared {
		g.Value, g.Entered = p.entered(column)
		if !g.Entered {
			g.Value = 0
		}
		return g
	}
	entered := p.group(column, true)
	if x, ok := p.entered(column); ok {
		g.Entered, g.Value = true, x
		if _, levels := l.rule.(*Levels); !levels {
			h := stepAt(x, p.group(column, false))
			g.Below, g.Above = p.slope(column, x, -h), p.slope(column, x, h)
		}
		g.Next = p.next(column, x)
	}
	if x, ok := fullMarks(l.rule); ok {
		g.Goal = p.valueGain(column, x)
	}
	if len(entered) > 0 {
		g.Median = p.valueGain(column, middle(l.rule, entered))
		g.Best = p.valueGain(column, p.best(column, entered))
	}
	return g
}

// valueGain returns nil where x cannot be entered, and where a better score of the
// indicator makes the base worse, as a penalised mean can: nobody is to be sent there.
func (p *whatIf) valueGain(column int, x float64) *ValueGain {
	points, score, ok := p.gain(column, x)
	if was := p.leaves[p.index.leaves[column].node]; !ok || score > was && stats.Round(points, stats.MaxDecimals) < 0 {
		return nil
	}
	return &ValueGain{x, score, points}
}

// stepAt is a power of two of about a millionth of the range of the column.
func stepAt(x float64, sorted []float64) float64 {
	scale := max(math.Abs(x), sorted[len(sorted)-1]-sorted[0])
	if scale == 0 {
		scale = 1
	}
	_, exponent := math.Frexp(scale)
	return math.Ldexp(1, exponent-20)
}

// slope compares the gains of three steps h, h/2 and h/64. Where the function has a
// slope, the last is about a 64th of the first; where it jumps, far more.
func (p *whatIf) slope(column int, x, h float64) Slope {
	here := p.unrounded(p.leaves[p.index.leaves[column].node], column)
	at := func(h float64) (float64, bool) {
		_, score, ok := p.gain(column, x+h)
		return p.unrounded(score, column) - here, ok
	}
	whole, ok := at(h)
	half, ok2 := at(h / 2)
	tiny, ok3 := at(h / 64)
	switch {
	case !ok || !ok2 || !ok3:
		return Slope{}
	case math.Abs(tiny) > 1e-9 && math.Abs(tiny) > math.Abs(whole)/8:
		return Slope{Jump: tiny}
	}
	per, _ := num.Known((4*half - whole) / h) // 2·D(h/2) − D(h)
	return Slope{PerUnit: per}
}

// fullMarks returns the first raw value with full marks, as far as that does not
// depend on peers.
func fullMarks(rule Rule) (float64, bool) {
	switch r := rule.(type) {
	case *Goalposts:
		return r.High, true
	case *PointsRule:
		return r.Max, true
	case *Deduct:
		return 0, true
	case *Shortfall:
		return r.Target, true
	case *TargetRule:
		return r.Target, true
	case *Reference:
		return r.Value, r.Unit == ""
	case *Bands:
		top := r.Bands[0]
		for _, b := range r.Bands {
			if b.Points > top.Points {
				top = b
			}
		}
		return top.From, true
	case *Levels:
		return float64(len(r.Levels) - 1), true
	}
	return 0, false
}

// next returns the nearest value of a step rule that has more points than x.
func (p *whatIf) next(column int, x float64) *ValueGain {
	var steps []float64
	switch r := p.index.leaves[column].rule.(type) {
	case *Bands:
		for _, b := range r.Bands {
			steps = append(steps, b.From)
		}
	case *Levels:
		for range r.Levels {
			steps = append(steps, float64(len(steps)))
		}
	}
	was := p.score(column, x)
	var nearest *ValueGain
	for _, s := range steps {
		r := p.valueGain(column, s)
		if r != nil && r.Score > was && (nearest == nil || math.Abs(s-x) < math.Abs(nearest.Value-x)) {
			nearest = r
		}
	}
	return nearest
}

func middle(rule Rule, sorted []float64) float64 {
	if _, levels := rule.(*Levels); levels {
		return sorted[(len(sorted)-1)/2]
	}
	return stats.Median(sorted)
}

// best is the entry that is best for the unit: the first or the last, or for step
// rules, whose points may rise and fall, the one with most points.
func (p *whatIf) best(column int, sorted []float64) float64 {
	l := &p.index.leaves[column]
	switch l.rule.(type) {
	case *Bands, *Levels:
		best := sorted[0]
		for _, x := range sorted {
			if p.score(column, x) > p.score(column, best) {
				best = x
			}
		}
		return best
	}
	if l.cost {
		return sorted[0]
	}
	return sorted[len(sorted)-1]
}

// whatIf computes what one unit would score with other entries. Its peers stay as they
// are, but what is measured over them, the unit included, is measured again.
type whatIf struct {
	*Explainer
	unit    int
	classes *grouping
	leaves  []float64 // by node: scores of the leaves as they are
	scratch []float64
	trial   *Result // columns are fitted again in here
	base    float64
}

func (e *Explainer) whatIf(unit int) *whatIf {
	p := &whatIf{Explainer: e, unit: unit, classes: everyone, leaves: e.leafScores(unit)}
	if e.index.byClass {
		p.classes = classGroups(e.result.data.Classes)
	}
	p.scratch = make([]float64, len(p.leaves))
	p.trial = &Result{index: e.index, data: e.result.data, columns: make([]column, len(e.index.leaves))}
	p.trial.data.Columns = slices.Clone(e.result.data.Columns)
	p.base = p.baseWith(-1, 0)
	return p
}

// entered is the unit's entry, and whether it has one that applies and has a score.
func (p *whatIf) entered(column int) (float64, bool) {
	cell := p.result.columns[column].cell(p.unit)
	return cell.Entered, cell.Status == CellEntered
}

// score is the score of the leaf with x entered, NaN if it has none.
func (p *whatIf) score(column int, x float64) float64 {
	l := &p.index.leaves[column]
	if p.result.columns[column].excludes(p.unit) {
		return nan
	}
	if l.fixed != nil && l.treat == nil && l.frozen == nil {
		return l.fixed[0].at(x)
	}
	entered := p.trial.data.Columns[column]
	if &entered[0] == &p.result.data.Columns[column][0] {
		entered = slices.Clone(entered)
		p.trial.data.Columns[column] = entered
	}
	entered[p.unit] = x
	p.trial.fit(column, p.classes)
	p.trial.Flags, p.trial.Treated = p.trial.Flags[:0], p.trial.Treated[:0]
	return p.trial.columns[column].cell(p.unit).Score
}

// baseWith returns the unit's base with the given score of the leaf of the column. A
// column of −1 changes nothing.
func (p *whatIf) baseWith(column int, score float64) float64 {
	copy(p.scratch, p.leaves)
	if column >= 0 {
		p.scratch[p.index.leaves[column].node] = score
	}
	p.index.aggregateUnit(p.scratch)
	return p.scratch[0]
}

// unrounded is the base with the score of the leaf of the column, no node rounded: a slope
// is taken over a step so short that the rounding would show.
func (p *whatIf) unrounded(score float64, column int) float64 {
	copy(p.scratch, p.leaves)
	p.scratch[p.index.leaves[column].node] = score
	p.index.aggregateBy(p.scratch, func(x float64) float64 { return x })
	return p.scratch[0]
}

// gain returns what the base gains with x entered, and the score of the leaf then. It
// reports false where x cannot be entered or has no score.
func (p *whatIf) gain(column int, x float64) (points, score float64, ok bool) {
	if !stats.Valid(x) || p.index.leaves[column].rule.refuses(x) != "" {
		return 0, 0, false
	}
	score = p.score(column, x)
	if score != score {
		return 0, 0, false
	}
	return p.baseWith(column, score) - p.base, score, true
}

// coupled reports whether what the unit enters can change the scores of others.
func (p *whatIf) coupled(column int) bool {
	l := &p.index.leaves[column]
	return l.compares() || p.result.columns[column].imputed != nil
}

// group are the entries of the units that the unit is measured against in the
// column, or of those of its class, ascending, the unit's own included.
func (p *whatIf) group(column int, class bool) []float64 {
	c, classes := &p.result.columns[column], p.result.data.Classes
	var x []float64
	for u, v := range c.entered {
		if class && classes != nil && classes[u] != classes[p.unit] {
			continue
		}
		if v == v && !c.excludes(u) {
			x = append(x, v)
		}
	}
	slices.Sort(x)
	return x
}
