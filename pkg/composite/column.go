package composite

import (
	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
	"math"
	"slices"
)

// column is one leaf fitted to the data of a run: all that is needed to say what
// any unit's cell holds and scores.
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

// fit measures the column of a leaf: fills it, treats it, and fits its rule to the
// peers, in this order. Statistics go over sorted values, so the order of the
// units does not show in any bit.
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

// impute works out the stand-in of each group from its entered values.
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
			c.imputed[g] = stats.Median(x)
		} else {
			c.imputed[g] = stats.ArithmeticMean(x, nil)
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
	p.flag = func(code FlagCode) {
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
			r.Treated = append(r.Treated, stats.TreatedPoint{Node: c.leaf.node, Unit: unit, Before: x, After: num.Clamp(x, b.low, b.high)})
		}
	}
}
