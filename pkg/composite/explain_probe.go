package composite

import (
	"bulwark/pkg/composite/stats"
	"slices"
)

// probe asks what one unit would score with other entries. Its peers stay as they
// are, but what is measured over them, the unit included, is measured again.
type probe struct {
	*Explainer
	unit    int
	classes *grouping
	leaves  []float64 // by node: scores of the leaves as they are
	scratch []float64
	trial   *Result // columns are fitted again in here
	base    float64
}

func (e *Explainer) probe(unit int) *probe {
	p := &probe{Explainer: e, unit: unit, classes: everyone, leaves: e.leafScores(unit)}
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
func (p *probe) entered(column int) (float64, bool) {
	cell := p.result.columns[column].cell(p.unit)
	return cell.Entered, cell.Status == CellEntered
}

// score is the score of the leaf with x entered, NaN if it has none.
func (p *probe) score(column int, x float64) float64 {
	l := &p.index.leaves[column]
	if p.result.columns[column].excludes(p.unit) {
		return nan
	}
	if l.fixed != nil && l.treat == nil {
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

// baseWith is the unit's base where the leaf of the column scores so much. A column
// of −1 leaves all as they are.
func (p *probe) baseWith(column int, score float64) float64 {
	copy(p.scratch, p.leaves)
	if column >= 0 {
		p.scratch[p.index.leaves[column].node] = score
	}
	p.index.roll(p.scratch)
	return p.scratch[0]
}

// gain is what the base gains with x entered, and the score of the leaf then. It is
// false where x cannot be entered or has no score.
func (p *probe) gain(column int, x float64) (points, score float64, ok bool) {
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
func (p *probe) coupled(column int) bool {
	l := &p.index.leaves[column]
	return l.rule.relative() || l.treat != nil || p.result.columns[column].imputed != nil
}

// group are the entries of the units that the unit is measured against in the
// column, or of those of its class, ascending, the unit's own included.
func (p *probe) group(column int, class bool) []float64 {
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
