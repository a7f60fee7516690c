package composite

import (
	"math"
	"reflect"
	"slices"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// ScoreChange is the change of the published score of one unit between two runs.
type ScoreChange struct {
	Unit     string
	Status   ChangeStatus
	From, To Standing // zero where the unit does not exist
	Score    float64  // To.Score − From.Score; 0 unless Compared
	Parts    Parts    // sum to Score within 1e-9; all 0 unless Compared
	// Leaves are the indicators of either scheme: those of the later one in its
	// order, then those that are gone. Their Points sum to the change of the base. Nil
	// unless Compared.
	Leaves []LeafChange
}

// ChangeStatus is whether two results of a unit can be compared, and why not.
type ChangeStatus string

// The states of a comparison.
const (
	Compared       ChangeStatus = "compared"
	UnitUnknown    ChangeStatus = "unknown"         // in neither run
	UnitNew        ChangeStatus = "new"             // not in the earlier run
	UnitGone       ChangeStatus = "gone"            // not in the later run
	UnscoredBefore ChangeStatus = "unscored_before" // no score in the earlier run
	UnscoredNow    ChangeStatus = "unscored_now"    // no score in the later run
	UnscoredBoth   ChangeStatus = "unscored_both"   // no score in either
)

// Parts are the points of a change by their cause.
type Parts struct {
	OwnData     float64 // values that the unit had entered both times
	Peers       float64 // the other units: their values, who they are, who is of which class
	Scheme      float64 // weights, rules, aggregation, and which indicators exist and apply
	Imputation  float64 // values entered in one run only, imputed values, and the policies
	Adjustments float64 // bonus minus deduction, after their caps
	Cut         float64 // clamp to 0–100, rounding, and vetoes on the score
}

// Sum returns the sum of the parts.
func (p Parts) Sum() float64 {
	return p.OwnData + p.Peers + p.Scheme + p.Imputation + p.Adjustments + p.Cut
}

// LeafChange is what one indicator carried of the base before and now; see
// Contributions. Where a scheme does not know it, or it had no score, that is 0.
type LeafChange struct {
	Code        string
	Before, Now LeafState
	Points      float64 // Now.Points − Before.Points
}

// LeafState is an indicator in one of two runs.
type LeafState struct {
	Known bool // whether the scheme has the indicator
	Cell  Cell // as in Result.Cell; NaN and CellMissing if not known
	Contribution
}

// Compare decomposes the change of the unit with the code from this run to a later
// one. Their schemes may differ: indicators are matched by code.
//
// The change of the base is decomposed by sequential replacement: own data, peers,
// scheme and imputation of the earlier run are replaced by those of the later one,
// one after another, in this order and in the reverse one; a part is the mean change
// of the base in the two (as in Das Gupta 1993, who takes all orders).
// An indicator that only one scheme has, or that applies in one run only, is replaced
// with its scheme, data included, and so is a value that the other scheme's rule would
// refuse. Where a counterfactual leaves the unit without any value, the change counts
// for the next step. Adjustments and cut need no order: they are added.
func (e *Explainer) Compare(later *Explainer, unit string) *ScoreChange {
	c := &ScoreChange{Unit: unit}
	m := newCounterfactual(e, later, unit)
	if m.early.unit >= 0 {
		c.From, _ = e.Standing(m.early.unit)
	}
	if m.late.unit >= 0 {
		c.To, _ = later.Standing(m.late.unit)
	}
	if c.Status = m.status(c.From, c.To); c.Status != Compared {
		return c
	}
	c.Score = c.To.Score - c.From.Score
	c.Parts = m.parts(c.From.Base, c.To.Base)
	c.Parts.Adjustments = (c.To.Bonus - c.To.Deduction) - (c.From.Bonus - c.From.Deduction)
	c.Parts.Cut = c.To.cut() - c.From.cut()
	c.Leaves = m.leaves()
	return c
}

// cut is what clamp, rounding and vetoes did to the adjusted base.
func (s Standing) cut() float64 { return s.Score - (s.Base + s.Bonus - s.Deduction) }

func (m *counterfactual) status(from, to Standing) ChangeStatus {
	was, is := m.early.unit >= 0, m.late.unit >= 0
	scored, scores := from.Status == UnitScored, to.Status == UnitScored
	switch {
	case !was && !is:
		return UnitUnknown
	case !was:
		return UnitNew
	case !is:
		return UnitGone
	case !scored && !scores:
		return UnscoredBoth
	case !scored:
		return UnscoredBefore
	case !scores:
		return UnscoredNow
	}
	return Compared
}

// parts replaces the four causes in both orders.
func (m *counterfactual) parts(before, now float64) Parts {
	var moved [causes]float64
	for _, order := range [][causes]int{{0, 1, 2, 3}, {3, 2, 1, 0}} {
		var s laterCauses
		last := before
		for i, cause := range order {
			s[cause] = true
			next, ok := now, true
			if i < causes-1 {
				next, ok = m.base(s)
			}
			if ok {
				moved[cause] += (next - last) / 2
				last = next
			}
		}
	}
	return Parts{
		OwnData: moved[ownData], Peers: moved[peerData], Scheme: moved[schemeRules], Imputation: moved[imputed],
	}
}

// leaves returns what the indicators carry in either run.
func (m *counterfactual) leaves() []LeafChange {
	before, _ := m.early.Contributions(m.early.unit)
	now, _ := m.late.Contributions(m.late.unit)
	var list []LeafChange
	for _, l := range m.late.index.leaves {
		list = append(list, m.leaf(m.late.index.nodes[l.node].Code, before, now))
	}
	for _, l := range m.early.index.leaves {
		if code := m.early.index.nodes[l.node].Code; !m.late.knows(code) {
			list = append(list, m.leaf(code, before, now))
		}
	}
	return list
}

func (m *counterfactual) leaf(code string, before, now *Contributions) LeafChange {
	c := LeafChange{Code: code, Before: m.early.leaf(code, before), Now: m.late.leaf(code, now)}
	c.Points = c.Now.Points - c.Before.Points
	return c
}

func (s *run) leaf(code string, c *Contributions) LeafState {
	column, ok := s.columns[code]
	if !ok {
		return LeafState{Cell: Cell{CellMissing, nan, nan, nan, nan}}
	}
	node := s.index.leaves[column].node
	return LeafState{true, s.result.Cell(node, s.unit), c.Nodes[node]}
}

// The causes that a counterfactual takes from one run or the other.
const (
	ownData = iota
	peerData
	schemeRules
	imputed
	causes
)

// laterCauses marks the causes that are those of the later run.
type laterCauses [causes]bool

// counterfactual computes runs between two runs, for one unit that may be in both.
type counterfactual struct{ early, late run }

// run is one of the two runs.
type run struct {
	*Explainer
	unit    int // −1 if it is not there
	columns map[string]int
	units   map[string]int // filled in when first needed
}

func newCounterfactual(from, to *Explainer, unit string) *counterfactual {
	return &counterfactual{newRun(from, unit), newRun(to, unit)}
}

func newRun(e *Explainer, unit string) run {
	s := run{Explainer: e, unit: slices.Index(e.result.data.Units, unit), columns: map[string]int{}}
	for c := range e.index.leaves {
		s.columns[e.index.code(c)] = c
	}
	return s
}

func (s *run) knows(code string) bool { _, ok := s.columns[code]; return ok }

// find is the unit with the code, −1 if it is not there.
func (s *run) find(code string) int {
	if s.units == nil {
		s.units = make(map[string]int, len(s.result.data.Units))
		for i, c := range s.result.data.Units {
			s.units[c] = i
		}
	}
	if i, ok := s.units[code]; ok {
		return i
	}
	return -1
}

func (m *counterfactual) run(late bool) *run {
	if late {
		return &m.late
	}
	return &m.early
}

// base returns the unit's base under the causes, false if it has no value at all. It
// is aggregated from the cells: a coverage too small for publication does not matter.
func (m *counterfactual) base(s laterCauses) (float64, bool) {
	ix, err := New(m.spec(s))
	if err != nil { // the rules are those of a checked spec, so are the policies
		return 0, false
	}
	d, unit := m.data(s)
	scores := ix.Score(d, KeepRoot).leafScores(unit)
	ix.aggregateUnit(scores)
	return num.Known(scores[0])
}

// spec returns the scheme of the rules with the policies of the imputation.
func (m *counterfactual) spec(s laterCauses) Spec {
	owner, donor := m.run(s[schemeRules]), m.run(s[imputed])
	spec := owner.index.spec.resolve()
	column := 0
	var visit func(n *Node)
	visit = func(n *Node) {
		for i := range n.Children {
			visit(&n.Children[i])
		}
		if len(n.Children) > 0 {
			return
		}
		policy := n.Missing.Kind
		if c, ok := donor.columns[n.Code]; ok {
			policy = donor.index.leaves[c].missing
		}
		if _, levels := n.Rule.(*Levels); levels && policy.imputes() {
			policy = owner.index.leaves[column].missing
		}
		n.Missing = Missing{Kind: policy}
		column++
	}
	visit(&spec.Tree)
	return spec
}

// data returns the values under the causes, and the place of the unit among them.
func (m *counterfactual) data(s laterCauses) (Data, int) {
	peers, owner := m.run(s[peerData]), m.run(s[schemeRules])
	d := Data{Units: peers.result.data.Units, Classes: peers.result.data.Classes}
	for c := range owner.index.leaves {
		column := newColumnBuilder(len(d.Units))
		from := m.peerColumn(owner, peers, c)
		for i := range d.Units {
			if i != peers.unit {
				column.put(i, from.value(i))
			}
		}
		column.put(peers.unit, m.own(s, owner, c))
		d.Columns = append(d.Columns, column.entered)
		d.NotApplicable = append(d.NotApplicable, column.absent)
		d.Carried = append(d.Carried, column.carried)
	}
	return d, peers.unit
}

// columnBuilder builds one column.
type columnBuilder struct {
	entered, carried []float64
	absent           []bool
}

func newColumnBuilder(units int) columnBuilder {
	return columnBuilder{make([]float64, units), make([]float64, units), make([]bool, units)}
}

func (m columnBuilder) put(i int, v entry) {
	m.entered[i], m.carried[i], m.absent[i] = v.entered, v.carried, v.absent
}

// entry is one cell of the Data.
type entry struct {
	entered, carried float64
	absent           bool // not applicable
}

func (s *run) value(column, unit int) entry {
	if unit < 0 {
		return entry{nan, nan, true}
	}
	d := &s.result.data
	v := entry{entered: d.Columns[column][unit], carried: nan}
	if carried := columnOf(d.Carried, column); carried != nil {
		v.carried = carried[unit]
	}
	if absent := columnOf(d.NotApplicable, column); absent != nil && absent[unit] {
		v = entry{nan, nan, true}
	}
	return v
}

// peerColumn returns the source of the peers' values for a column of the rules' owner.
func (m *counterfactual) peerColumn(owner, peers *run, column int) peerColumn {
	d := peerColumn{owner: owner, peers: peers, column: column, from: -1}
	if c, ok := peers.columns[owner.index.code(column)]; ok {
		d.from, d.read = c, translate(peers.index.leaves[c].rule, owner.index.leaves[column].rule)
	}
	return d
}

type peerColumn struct {
	owner, peers *run
	column, from int // of the owner, of the peers or −1
	read         func(float64) (float64, bool)
}

func (d peerColumn) value(unit int) entry {
	if d.from >= 0 {
		if v, ok := d.peers.value(d.from, unit).through(d.read); ok {
			return v
		}
	}
	return d.owner.value(d.column, d.owner.find(d.peers.result.data.Units[unit]))
}

// own returns the unit's own value for a column of the rules' owner. Where it applies
// in one run only, it follows the scheme; where it is entered in one run only, the
// imputation, as does what is carried.
func (m *counterfactual) own(s laterCauses, owner *run, column int) entry {
	fallback := owner.value(column, owner.unit)
	code := owner.index.code(column)
	if !m.early.knows(code) || !m.late.knows(code) {
		return fallback
	}
	early, late := m.early.cell(code), m.late.cell(code)
	if early.absent != late.absent {
		return fallback
	}
	entered := m.run(s[ownData])
	if math.IsNaN(early.entered) != math.IsNaN(late.entered) {
		entered = m.run(s[imputed])
	}
	imputing := m.run(s[imputed])
	v, ok := entered.cell(code).through(entered.reader(code, owner, column))
	w, ok2 := imputing.cell(code).through(imputing.reader(code, owner, column))
	if !ok || !ok2 {
		return fallback
	}
	return entry{v.entered, w.carried, v.absent}
}

func (s *run) cell(code string) entry { return s.value(s.columns[code], s.unit) }

func (s *run) reader(code string, owner *run, column int) func(float64) (float64, bool) {
	return translate(s.index.leaves[s.columns[code]].rule, owner.index.leaves[column].rule)
}

// through returns the value as another rule reads it, false if that rule refuses it.
func (v entry) through(read func(float64) (float64, bool)) (entry, bool) {
	entered, ok := read(v.entered)
	carried, ok2 := read(v.carried)
	return entry{entered, carried, v.absent}, ok && ok2
}

// translate returns a function that turns entries of one rule into those of another.
// Levels are matched by name.
func translate(from, to Rule) func(float64) (float64, bool) {
	a, fromLevels := from.(*Levels)
	b, toLevels := to.(*Levels)
	switch {
	case reflect.DeepEqual(from, to):
		return func(x float64) (float64, bool) { return x, true }
	case fromLevels && toLevels:
		names := a.Names()
		return func(x float64) (float64, bool) {
			if math.IsNaN(x) {
				return x, true
			}
			return b.Ordinal(names[int(num.Clamp(x, 0, float64(len(names)-1)))])
		}
	}
	return func(x float64) (float64, bool) {
		return x, math.IsNaN(x) || fromLevels == toLevels && stats.Valid(x) && to.refuses(x) == ""
	}
}
