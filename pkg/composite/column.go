package composite

import (
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// MissingKind names what replaces a missing value.
type MissingKind string

// The policies for a missing value. Peer and class policies use the entered
// values of the indicator; where a group has none, they act as Exclude, and so
// does Carry where there is nothing to carry.
const (
	Exclude    MissingKind = "exclude"     // the weight leaves the parent; the default
	Zero       MissingKind = "zero"        // the score, not the raw value, is 0
	PeerMean   MissingKind = "peer_mean"   // mean of the peer group
	PeerMedian MissingKind = "peer_median" // median of the peer group
	ClassMean  MissingKind = "class_mean"  // mean of the unit's class
	Carry      MissingKind = "carry"       // the value in Data.Carried
	Fail       MissingKind = "fail"        // the unit gets no score
)

// Missing is the policy of one indicator.
type Missing struct {
	Kind    MissingKind `json:"kind"`              // Exclude when empty
	Periods int         `json:"periods,omitempty"` // for Carry: the caller looks back at most so far; 1 when 0
}

func (k MissingKind) imputes() bool { return k == PeerMean || k == PeerMedian || k == ClassMean }

func (m Missing) check(rule Rule, r report) {
	switch m.Kind {
	case Exclude, Zero, Carry, Fail:
	case PeerMean, PeerMedian, ClassMean:
		if rule != nil && rule.Kind() == "levels" {
			r("/kind", "missing_needs_numbers", "levels have no mean: use exclude, zero, carry or fail")
		}
	default:
		r("/kind", "unknown_missing",
			"%q is not a policy: use exclude, zero, peer_mean, peer_median, class_mean, carry or fail", m.Kind)
	}
	if m.Periods < 0 {
		r("/periods", "negative", "give 1 or more periods to look back")
	}
}

// Treatment holds back outliers of a column by Winsorisation before its peers are
// measured. A column passes if |skewness| < Skew or excess kurtosis < Kurtosis,
// both of type 2. While it does not, the largest value (the smallest, where
// skewness is negative) is set to the next one inward, and the column is tested
// again. Equal values move together; a step that would move more than MaxPoints
// values in all, or leave the column constant, is not taken. Fewer than four
// values, or equal ones, always pass.
type Treatment struct {
	Kind      string   `json:"kind"`                 // "winsorise"
	MaxPoints *int     `json:"max_points,omitempty"` // 5
	Skew      *float64 `json:"skew,omitempty"`       // 2
	Kurtosis  *float64 `json:"kurtosis,omitempty"`   // 3.5
}

func (t *Treatment) resolve() *Treatment {
	if t == nil {
		return nil
	}
	return &Treatment{t.Kind, orDefault(t.MaxPoints, 5), orDefault(t.Skew, 2), orDefault(t.Kurtosis, 3.5)}
}

func (t *Treatment) check(rule Rule, r report) {
	if t.Kind != "winsorise" {
		r("/kind", "unknown_treatment", "%q is not a treatment: use winsorise", t.Kind)
	}
	if *t.MaxPoints < 0 {
		r("/max_points", "negative", "give 0 or more points")
	}
	if reportValue(r, "/skew", *t.Skew) && *t.Skew < 0 {
		r("/skew", "negative", "give a limit of 0 or more")
	}
	reportValue(r, "/kurtosis", *t.Kurtosis)
	if rule != nil && rule.Kind() == "levels" {
		r("", "treatment_needs_numbers", "levels have no outliers: remove the treatment")
	}
}

// Winsorise treats one column as t does in a tree; an empty Kind will do. A column
// that passes, is constant or has fewer than four values is Untreated. The error is
// of type Faults.
func (t Treatment) Winsorise(x []float64) (*stats.TreatedColumn, error) {
	limits, err := t.checkedLimits()
	if err != nil {
		return nil, err
	}
	return limits.Winsorise(x), nil
}

// Treat tries Winsorise and, where the column does not pass then, a logarithm; see
// OutlierLimits.Treat. The error is of type Faults.
func (t Treatment) Treat(x []float64) (*stats.TreatedColumn, error) {
	limits, err := t.checkedLimits()
	if err != nil {
		return nil, err
	}
	return limits.Treat(x), nil
}

// checkedLimits returns the limits of t with its defaults, or its faults.
func (t *Treatment) checkedLimits() (stats.OutlierLimits, error) {
	t = t.resolve()
	setDefault(&t.Kind, string(stats.Winsorised))
	if faults := collect(func(r report) { t.check(nil, r) }); len(faults) > 0 {
		return stats.OutlierLimits{}, faults
	}
	return t.limits(), nil
}

// limits of a resolved treatment.
func (t *Treatment) limits() stats.OutlierLimits {
	return stats.OutlierLimits{MaxPoints: *t.MaxPoints, Skew: *t.Skew, Kurtosis: *t.Kurtosis}
}

// column is one leaf fitted to the data of a run. It determines the value and the
// score of every cell.
type column struct {
	leaf          *leaf
	entered       []float64
	notApplicable []bool    // nil: all apply
	carried       []float64 // nil: nothing to carry
	imputed       []float64 // by group of fillers; nil: nothing imputed
	fillers       *grouping
	bounds        []bound // Winsorisation by group of peers; nil: untreated
	peers         *grouping
	scorers       []scorer // by group of peers, or one for all
	unmeasured    bool     // the reference has no value: nothing is scored, and coverage leaves the column out
}

type bound struct{ low, high float64 }

// direct reports whether one scorer scores all entered values as they are.
func (c *column) direct() bool { return c.bounds == nil && len(c.scorers) == 1 }

// excludes reports whether the indicator does not concern the unit.
func (c *column) excludes(unit int) bool { return c.notApplicable != nil && c.notApplicable[unit] }

// complete is the value of a cell before treatment, NaN if it has none.
func (c *column) complete(unit int) (CellStatus, float64) {
	if c.excludes(unit) {
		return CellNotApplicable, math.NaN()
	}
	if x := c.entered[unit]; x == x {
		return CellEntered, x
	}
	if c.leaf.missing == Carry && c.carried != nil {
		if x := c.carried[unit]; x == x {
			return CellCarried, x
		}
	}
	if c.imputed != nil {
		if x := c.imputed[c.fillers.group(unit)]; x == x {
			return CellImputed, x
		}
	}
	return CellMissing, math.NaN()
}

// cell is everything about one cell.
func (c *column) cell(unit int) Cell {
	status, used := c.complete(unit)
	cell := Cell{Status: status, Entered: math.NaN(), Used: used, Score: math.NaN()}
	if status == CellEntered {
		cell.Entered = used
	}
	if used != used {
		if status == CellMissing && c.leaf.missing == Zero {
			cell.Score = 0
		}
		return cell
	}
	group := c.peers.group(unit)
	if c.bounds != nil {
		cell.Used = num.Clamp(used, c.bounds[group].low, c.bounds[group].high)
	}
	if len(c.scorers) == 1 {
		group = 0 // a rule that needs no peers has one scorer for all groups
	}
	if cell.Score = c.scorers[group].at(cell.Used); cell.Score != cell.Score {
		cell.Status = CellUnscored
	}
	return cell
}

// fit fills the column of a leaf, treats it, and fits its rule to the peers, in this
// order. Statistics go over sorted values, so the order of the units changes no bit.
func (r *Result) fit(at int, classes *grouping) {
	c, l := &r.columns[at], &r.index.leaves[at]
	c.leaf, c.scorers, c.fillers, c.peers = l, l.fixed, everyone, everyone
	c.entered = r.data.Columns[at]
	c.notApplicable = columnOf(r.data.NotApplicable, at)
	c.carried = columnOf(r.data.Carried, at)
	if l.byClass {
		c.fillers, c.peers = classes, classes
	}
	if l.missing == ClassMean {
		c.fillers = classes
	}
	if l.missing.imputes() && slices.ContainsFunc(c.entered, math.IsNaN) {
		c.impute()
	}
	if l.rule.relative() || l.treat != nil {
		r.fitPeers(c)
	}
}

// impute sets the imputed value of each group from its entered values, to 12 significant
// digits.
func (c *column) impute() {
	groups := c.fillers.split(len(c.entered), func(unit int) float64 {
		if c.excludes(unit) {
			return math.NaN()
		}
		return c.entered[unit]
	})
	c.imputed = make([]float64, len(groups))
	for g, x := range groups {
		slices.Sort(x)
		if c.leaf.missing == PeerMedian {
			c.imputed[g] = num.Significant(stats.Median(x))
		} else {
			c.imputed[g] = num.Significant(stats.ArithmeticMean(x, nil))
		}
	}
}

func (r *Result) fitPeers(c *column) {
	groups := c.peers.split(len(c.entered), func(unit int) float64 {
		_, x := c.complete(unit)
		return x
	})
	for _, x := range groups {
		slices.Sort(x)
	}
	if c.leaf.treat != nil {
		c.bounds = make([]bound, len(groups))
		for g, x := range groups {
			c.bounds[g].low, c.bounds[g].high = c.leaf.treat.limits().Bounds(x)
		}
		r.logTreated(c)
	}
	if rule, ok := c.leaf.rule.(*Reference); ok {
		c.unmeasured = !(r.reference(c, rule.Unit) > 0)
	}
	c.scorers = make([]scorer, len(groups))
	for g, x := range groups {
		c.scorers[g] = constant(math.NaN())
		if len(x) > 0 {
			c.scorers[g] = r.fitRule(c, g, x)
		}
	}
}

func (r *Result) fitRule(c *column, group int, sorted []float64) scorer {
	p := peers{sorted: sorted, cost: c.leaf.cost, reference: math.NaN()}
	p.flag = func(code stats.FlagCode) {
		r.Flags = append(r.Flags, Flag{c.leaf.node, c.peers.names[group], code})
	}
	if rule, ok := c.leaf.rule.(*Reference); ok {
		p.reference = r.reference(c, rule.Unit)
	}
	return c.leaf.rule.fit(p)
}

// reference is the used value of the unit with the code, NaN if it has none.
func (r *Result) reference(c *column, code string) float64 {
	unit := slices.Index(r.data.Units, code)
	if unit < 0 {
		return math.NaN()
	}
	_, x := c.complete(unit)
	if c.bounds != nil {
		b := c.bounds[c.peers.group(unit)]
		x = num.Clamp(x, b.low, b.high)
	}
	return x
}

func (r *Result) logTreated(c *column) {
	for unit := range c.entered {
		_, x := c.complete(unit)
		b := c.bounds[c.peers.group(unit)]
		if x < b.low || x > b.high {
			r.Treated = append(r.Treated, stats.TreatedPoint{
				Node: c.leaf.node, Unit: unit, Before: x, After: num.Clamp(x, b.low, b.high),
			})
		}
	}
}

// grouping splits the units into groups numbered from 0; of is nil for a single one.
type grouping struct {
	of    []int32
	names []string // class of each group, "" for the single one
}

var everyone = &grouping{names: []string{""}}

func classGroups(classes []string) *grouping {
	if classes == nil {
		return everyone
	}
	g := &grouping{of: make([]int32, len(classes))}
	number := map[string]int32{}
	for i, class := range classes {
		n, ok := number[class]
		if !ok {
			n = int32(len(g.names))
			number[class] = n
			g.names = append(g.names, class)
		}
		g.of[i] = n
	}
	return g
}

func (g *grouping) group(unit int) int {
	if g.of == nil {
		return 0
	}
	return int(g.of[unit])
}

// split returns the values of the units, where there are any, by group.
func (g *grouping) split(units int, value func(unit int) float64) [][]float64 {
	groups := make([][]float64, len(g.names))
	if len(groups) == 1 {
		groups[0] = make([]float64, 0, units)
	}
	for i := range units {
		if x := value(i); x == x {
			n := g.group(i)
			groups[n] = append(groups[n], x)
		}
	}
	return groups
}
