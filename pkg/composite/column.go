package composite

import (
	"math"
	"slices"
	"strings"

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

// Treatment holds back outliers of a column before its peers are measured. A column
// passes if |skewness| < Skew or excess kurtosis < Kurtosis, both of type 2. Fewer than
// four values, or equal ones, always pass. What does not pass is treated, as in COINr
// (Becker and others 2022), by kind:
//
//   - winsorise: the largest value (the smallest, where skewness is negative) is set to
//     the next one inward, until the column passes. Equal values move together; a step
//     that would move more than MaxPoints values in all, or leave the column constant,
//     is not taken.
//   - log: every value becomes ln(x − min + (max − min)/100), COINr's log_CT; in a column
//     that is skewed to the left, where that would make it worse, −ln(max − x + (max − min)/100).
//   - boxcox: every value becomes ((x − min + 1)^λ − 1)/λ, or ln(x − min + 1) where λ is 0
//     (Box and Cox 1964): COINr's boxcox. Without Lambda, λ is the one of greatest likelihood
//     within −5 and 5.
//
// The last two keep the order but not the unit of the values: their rule has to be one
// that is fitted to the peers.
type Treatment struct {
	Kind      string   `json:"kind"`                 // "winsorise", "log" or "boxcox"
	MaxPoints *int     `json:"max_points,omitempty"` // 5, of winsorise
	Skew      *float64 `json:"skew,omitempty"`       // 2
	Kurtosis  *float64 `json:"kurtosis,omitempty"`   // 3.5
	Lambda    *float64 `json:"lambda,omitempty"`     // of boxcox, −5 to 5
}

// The kinds of treatment.
const (
	winsoriseKind = "winsorise"
	logKind       = "log"
	boxCoxKind    = "boxcox"
)

func (t *Treatment) resolve() *Treatment {
	if t == nil {
		return nil
	}
	c := Treatment{Kind: t.Kind, Skew: orDefault(t.Skew, 2), Kurtosis: orDefault(t.Kurtosis, 3.5)}
	if t.MaxPoints != nil || t.Kind == winsoriseKind || t.Kind == "" {
		c.MaxPoints = orDefault(t.MaxPoints, 5)
	}
	if t.Lambda != nil {
		c.Lambda = orDefault(t.Lambda, 0)
	}
	return &c
}

func (t *Treatment) check(rule Rule, r report) {
	switch t.Kind {
	case winsoriseKind:
	case logKind, boxCoxKind:
		if rule != nil && !keepsNoUnit(rule) {
			r("/kind", "treatment_changes_unit",
				"%s changes the unit of the values: use the rule minmax, zscore, percentile, rank or rank_points", t.Kind)
		}
		if t.MaxPoints != nil {
			r("/max_points", "treatment_moves_all", "%s has no number of points: remove it", t.Kind)
		}
	default:
		r("/kind", "unknown_treatment", "%q is not a treatment: use winsorise, log or boxcox", t.Kind)
	}
	if t.MaxPoints != nil && *t.MaxPoints < 0 {
		r("/max_points", "negative", "give 0 or more points")
	}
	switch {
	case t.Lambda == nil:
	case t.Kind != boxCoxKind:
		r("/lambda", "lambda_without_boxcox", "only boxcox has a lambda: remove it")
	case !(math.Abs(*t.Lambda) <= stats.MaxLambda):
		r("/lambda", "lambda_out_of_range", "give a lambda between -5 and 5")
	}
	if reportValue(r, "/skew", *t.Skew) && *t.Skew < 0 {
		r("/skew", "negative", "give a limit of 0 or more")
	}
	reportValue(r, "/kurtosis", *t.Kurtosis)
	if rule != nil && rule.Kind() == "levels" {
		r("", "treatment_needs_numbers", "levels have no outliers: remove the treatment")
	}
}

// keepsNoUnit reports whether the rule looks only at where a value lies among its peers.
func keepsNoUnit(rule Rule) bool {
	switch rule.(type) {
	case *MinMax, *ZScore, *Percentile, *RankRule, *RankPoints:
		return true
	}
	return false
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
	setDefault(&t.Kind, winsoriseKind)
	faults := collect(func(r report) { t.check(nil, r) })
	if t.Kind != winsoriseKind && len(faults) == 0 {
		faults.Add("/kind", "unknown_treatment", "%q is not Winsorisation", t.Kind)
	}
	if len(faults) > 0 {
		return stats.OutlierLimits{}, faults
	}
	return t.limits(), nil
}

// limits of a resolved treatment.
func (t *Treatment) limits() stats.OutlierLimits {
	limits := stats.OutlierLimits{Skew: *t.Skew, Kurtosis: *t.Kurtosis}
	if t.MaxPoints != nil {
		limits.MaxPoints = *t.MaxPoints
	}
	return limits
}

// transform is a treatment fitted to a column. It never lowers a value below a lower one. Nil leaves values as they are.
type transform struct {
	Kind string  `json:"kind"`
	Low  float64 `json:"low"`  // values below are held there; by log and boxcox the least value that was treated
	High float64 `json:"high"` // values above are held there; by log and boxcox the greatest value that was treated
	// of log: −ln(high − x + (high − low)/100)
	Reflected bool    `json:"reflected,omitempty"`
	Lambda    float64 `json:"lambda,omitempty"` // of boxcox
}

// fit returns the treatment of the ascending values, nil where they pass, and treats them.
func (t *Treatment) fit(x []float64) *transform {
	if len(x) == 0 {
		return nil
	}
	f := &transform{Kind: t.Kind, Low: x[0], High: x[len(x)-1]}
	summary := stats.Summarise(x)
	switch {
	case t.Kind == winsoriseKind:
		f.Low, f.High = t.limits().Bounds(x)
		return f
	case t.limits().Pass(summary):
		return nil
	case t.Kind == logKind:
		f.Reflected = *summary.Skewness < 0
	case t.Lambda != nil:
		f.Lambda = *t.Lambda
	default:
		f.Lambda = stats.LikeliestLambda(x, 1-f.Low)
	}
	for i := range x {
		x[i] = f.at(x[i])
	}
	return f
}

// at returns the treated value. What was fitted to other values may meet one beyond them, where a logarithm has no value.
func (f *transform) at(x float64) float64 {
	switch {
	case f == nil:
		return x
	case f.Kind == winsoriseKind:
		return num.Clamp(x, f.Low, f.High)
	case f.Kind == logKind && f.Reflected:
		return -math.Log(f.High - min(x, f.High) + (f.High-f.Low)/100)
	case f.Kind == logKind:
		return math.Log(max(x, f.Low) - f.Low + (f.High-f.Low)/100)
	}
	return stats.BoxCoxOf(max(x, f.Low)-f.Low+1, f.Lambda)
}

// Fitted is what a rule and a treatment were fitted to, of one group of peers. With it a Node scores any value as if
// these peers were beside it.
type Fitted struct {
	Class string  `json:"class,omitempty"` // of the peers; "" where all are peers
	N     int     `json:"n"`               // values
	Low   float64 `json:"low"`             // the least value, treated
	High  float64 `json:"high"`            // the greatest value, treated
	// mean and sample standard deviation of the treated values, for a zscore
	Mean float64 `json:"mean,omitempty"`
	SD   float64 `json:"sd,omitempty"`
	// all treated values, ascending, for percentile, rank and rank_points
	Values []float64  `json:"values,omitempty"`
	Treat  *transform `json:"treat,omitempty"` // absent where the values passed
}

// newFitted returns what the rule is fitted to: one or more ascending treated values of a class.
func newFitted(rule Rule, class string, sorted []float64, treat *transform) Fitted {
	f := Fitted{Class: class, N: len(sorted), Low: sorted[0], High: sorted[len(sorted)-1], Treat: treat}
	switch rule.(type) {
	case *ZScore:
		if f.Low < f.High {
			f.Mean, f.SD = stats.MeanSD(sorted)
		}
	case *Percentile, *RankRule, *RankPoints:
		f.Values = slices.Clone(sorted)
	}
	return f
}

// peers returns the peers that a rule is fitted to.
func (f *Fitted) peers(cost bool) peers {
	p := peers{sorted: f.Values, cost: cost, reference: math.NaN(), mean: f.Mean, sd: f.SD}
	if p.sorted == nil {
		p.sorted = []float64{f.Low, f.High}
	}
	return p
}

// Fits reports whether the rule or the treatment of a leaf is fitted to peers. One that looks at a single unit is not.
func (n *Node) Fits() bool {
	rule := resolveRule(n.Rule)
	if _, reference := rule.(*Reference); rule == nil || reference {
		return false
	}
	return rule.relative() || n.Treat != nil
}

// checkFitted reports what cannot be the outcome of a fit of the leaf.
func (n *Node) checkFitted(r report) {
	seen := map[string]bool{}
	if n.Rule == nil {
		return
	}
	if !n.Fits() {
		r("", "nothing_to_fit", "the rule does not look at peers: it has nothing to be fitted to")
		return
	}
	for i, f := range n.Fitted {
		if seen[f.Class] || (f.Class == "") == (n.Peers == ClassPeers) || !f.usable(n.Rule, n.Treat) {
			r(item(i), "bad_fit", "these are not the figures of a fit of this rule and treatment to peers")
		}
		seen[f.Class] = true
	}
}

func (f *Fitted) usable(rule Rule, treat *Treatment) bool {
	if f.N < 1 || !(f.Low <= f.High) || !num.Finite(f.Low) || !num.Finite(f.High) {
		return false
	}
	if t := f.Treat; t != nil && (treat == nil || t.Kind != treat.Kind || !(t.Low <= t.High) ||
		!stats.Valid(t.Low) || !stats.Valid(t.High) || t.Kind != winsoriseKind && t.Low == t.High ||
		!(math.Abs(t.Lambda) <= stats.MaxLambda)) {
		return false
	}
	switch rule.(type) {
	case *ZScore:
		return f.Low == f.High || f.SD > 0 && num.Finite(f.SD) && num.Finite(f.Mean)
	case *Percentile, *RankRule, *RankPoints:
		return len(f.Values) == f.N && slices.IsSorted(f.Values) && f.Values[0] == f.Low && f.Values[f.N-1] == f.High
	}
	return true
}

// frozen is a rule that was fitted before.
type frozen struct {
	treat  *transform
	scorer scorer
	flags  []stats.FlagCode
	span   [2]float64 // raw values from the worst to the best peer, or the other way round
}

func newFrozen(n *Node, f *Fitted) *frozen {
	z := &frozen{treat: f.Treat, span: [2]float64{f.Low, f.High}}
	if f.Treat != nil {
		z.span = [2]float64{f.Treat.Low, f.Treat.High}
	}
	p := f.peers(n.Direction == Cost)
	p.flag = func(code stats.FlagCode) { z.flags = append(z.flags, code) }
	z.scorer = n.Rule.fit(p)
	return z
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
	treated       []*transform // by group of peers; nil: untreated
	peers         *grouping
	scorers       []scorer // by group of peers, or one for all
	unmeasured    bool     // the reference has no value: nothing is scored, and coverage leaves the column out
}

// direct reports whether one scorer scores all entered values as they are.
func (c *column) direct() bool { return c.treated == nil && len(c.scorers) == 1 }

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
	cell := Cell{Status: status, Entered: math.NaN(), Filled: used, Used: used, Score: math.NaN()}
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
	if c.treated != nil {
		cell.Used = c.treated[group].at(used)
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
	switch {
	case l.frozen != nil:
		r.useFrozen(c)
	case l.compares():
		r.fitPeers(c)
	}
}

// useFrozen scores by what was fitted before. A class that had no values then has no scores.
func (r *Result) useFrozen(c *column) {
	c.scorers = make([]scorer, len(c.peers.names))
	if c.leaf.treat != nil {
		c.treated = make([]*transform, len(c.scorers))
	}
	for g, class := range c.peers.names {
		f := c.leaf.frozen[class]
		if f == nil {
			c.scorers[g] = constant(math.NaN())
			r.Flags = append(r.Flags, Flag{c.leaf.node, class, NoReference})
			continue
		}
		if c.scorers[g] = f.scorer; c.treated != nil {
			c.treated[g] = f.treat
		}
		for _, code := range f.flags {
			r.Flags = append(r.Flags, Flag{c.leaf.node, class, code})
		}
	}
	if c.treated != nil {
		r.logTreated(c)
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
		c.treated = make([]*transform, len(groups))
		for g, x := range groups {
			c.treated[g] = c.leaf.treat.fit(x)
		}
		r.logTreated(c)
	}
	if rule, ok := c.leaf.rule.(*Reference); ok && rule.Unit != "" {
		c.unmeasured = !(r.reference(c, rule.Unit) > 0)
	}
	c.scorers = make([]scorer, len(groups))
	for g, x := range groups {
		c.scorers[g] = constant(math.NaN())
		if len(x) == 0 {
			continue
		}
		c.scorers[g] = r.fitRule(c, g, x)
		if r.fitted != nil {
			var treat *transform
			if c.treated != nil {
				treat = c.treated[g]
			}
			at := r.index.nodes[c.leaf.node].Column
			r.fitted[at] = append(r.fitted[at], newFitted(c.leaf.rule, c.peers.names[g], x, treat))
		}
	}
}

// Fit returns, by column, what rules and treatments are fitted to in the data, for Node.Fitted: by class in
// alphabetical order, nil where nothing looks at peers or there is no value. The data must have passed Check.
func (ix *Index) Fit(d Data) [][]Fitted {
	r := ix.newResult(d, KeepRoot)
	r.fitted = make([][]Fitted, len(ix.leaves))
	classes := everyone
	if ix.byClass {
		classes = classGroups(d.Classes)
	}
	for c := range r.columns {
		r.fit(c, classes)
		slices.SortFunc(r.fitted[c], func(a, b Fitted) int { return strings.Compare(a.Class, b.Class) })
	}
	return r.fitted
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
	if c.treated != nil {
		x = c.treated[c.peers.group(unit)].at(x)
	}
	return x
}

func (r *Result) logTreated(c *column) {
	for unit := range c.entered {
		_, x := c.complete(unit)
		if after := c.treated[c.peers.group(unit)].at(x); after != x && x == x {
			r.Treated = append(r.Treated, stats.TreatedPoint{Node: c.leaf.node, Unit: unit, Before: x, After: after})
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
