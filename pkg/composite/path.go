package composite

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"bulwark/pkg/composite/stats"
)

// Lever is how one indicator may be changed on a path, and at what cost. The zero
// Lever changes it in steps of 0.01 as far as its rule rewards; every point of the
// indicator's score costs 1.
type Lever struct {
	Fixed    bool     // the value stays as it is
	Min, Max *float64 // what can be entered; nil: as far as the rule rewards
	Step     float64  // entries are multiples of it: 1, 0.1, 5; 0 or less: 0.01. Levels ignore it
	Cost     float64  // per raw unit moved; 0 or less: 1 per point of the indicator's score gained
}

// Path is the cheapest way found for one unit to a goal.
type Path struct {
	Status PathStatus
	Target float64    // the published figure that the goal takes while others stand where they do
	Grade  string     // that is aimed at; "" for a path to a rank
	Ahead  []int      // the units to pass, by code; nil for a path to a grade
	Moves  []pathMove // in document order; only if found
	Cost   float64    // sum of the costs of the moves
	// Bound is what no path can cost less than: Cost where Exact, a little less where
	// the search was cut short, 0 where nothing is known.
	Bound float64
	// Exact: no cheaper path exists among the allowed entries (to nine digits of the
	// cost) or, if unreachable, no path exists at all. If unreachable and not Exact,
	// none was found.
	Exact bool
	// Reached is the unit's standing with the moves made, recomputed through Score and
	// Standings; if unreachable, with every lever at its best.
	Reached Standing
}

// pathMove is one value to change on a path.
type pathMove struct {
	Node               int
	From, To           float64
	ScoreBefore, Score float64 // of the leaf
	Cost               float64
	Points             float64 // the base gains if this move alone is made
}

// PathStatus is the outcome of the search for a path.
type PathStatus string

// The states of a path.
const (
	PathFound       PathStatus = "found"
	PathUnreachable PathStatus = "unreachable"  // not with the levers given; see Path.Exact
	PathNotComputed PathStatus = "not_computed" // a node that compares units stands above what would have to move
	PathVetoed      PathStatus = "vetoed"       // a veto prevents it, whatever the values
	PathAtTop       PathStatus = "at_top"       // first already, in the best grade already, or no grades
	PathUnscored    PathStatus = "unscored"     // the unit has no score, or does not exist
)

// PathToRank looks for the cheapest path of a unit to the next rank: a published
// figure strictly above that of the units just ahead of it, ties included, and a
// better rank. Levers are by node of the leaf; an indicator without one has the zero
// Lever. Only values that the unit has entered are moved, only to a better score of
// the indicator.
//
// Entries of others stay as they are, but rules that look at peers are fitted again,
// and every path is replayed through Score and Standings before it is returned. Where
// the means above what can be moved are arithmetic, the search is a branch and bound
// over all entries allowed, with the linear relaxation of the multiple-choice
// knapsack problem as its bound (Sinha and Zoltners 1979). It is Exact unless it is
// cut short, an indicator has more than 20,000 entries to choose from (500, if its
// rule looks at peers), its rule or its treatment of outliers sets no end to what a
// further move may bring, or moving a value also moves those ahead. Under other means
// a path is found by descent from the best values, and is not claimed to be cheapest.
func (e *Explainer) PathToRank(unit int, levers map[int]Lever) *Path {
	s, ok := e.scored(unit)
	if !ok {
		return &Path{Status: PathUnscored}
	}
	p := &Path{Reached: s}
	ahead := e.ahead(s)
	if len(ahead) == 0 {
		p.Status, p.Exact = PathAtTop, true
		return p
	}
	for _, a := range ahead {
		p.Ahead = append(p.Ahead, a.Unit)
	}
	p.Target = e.above(ahead[0].Score)
	return e.findPath(p, levers, goal{s, p.Ahead, -1})
}

// PathToGrade looks for the cheapest path of a unit to the next better grade, quotas
// included; see PathToRank.
func (e *Explainer) PathToGrade(unit int, levers map[int]Lever) *Path {
	s, ok := e.scored(unit)
	if !ok {
		return &Path{Status: PathUnscored}
	}
	p := &Path{Reached: s}
	next := gradeIndex(e.index.spec.Grades, s.Grade) - 1
	if next < 0 {
		p.Status, p.Exact = PathAtTop, true
		return p
	}
	p.Grade = e.index.spec.Grades[next].Code
	p.Target = e.figureFor(s, next)
	if next < e.limits[unit].grade {
		p.Status, p.Exact = PathVetoed, true
		return p
	}
	return e.findPath(p, levers, goal{s, nil, next})
}

// maxAttempts is how often findPath raises the figure to reach.
const maxAttempts = 8

// findPath searches, replays, and raises the figure to reach where a replay falls short
// because the unit's own moves moved others. At last it tries every lever at its best.
func (e *Explainer) findPath(p *Path, levers map[int]Lever, a goal) *Path {
	q := e.pathSearch(p.Reached.Unit, levers)
	fixed := !q.coupled || !a.dependsOnOthers(e.index.spec.Grades) // the figure to reach does not move
	if l, ok := e.limits[p.Reached.Unit]; ok && l.score < min(p.Target, e.index.spec.Scale) {
		p.Status, p.Exact = PathVetoed, fixed
		return p
	}
	target := p.Target
	for range maxAttempts {
		if target > e.index.spec.Scale || stopped(e.done) {
			break
		}
		found, ok := q.search(e.baseFor(a.before, target))
		if !ok {
			break
		}
		list := q.replay(found.picks)
		if a.met(list, e.index.spec.Grades) {
			p.Exact = fixed && found.exact && !q.partial
			if p.Bound = 0; fixed && !q.partial {
				p.Bound = found.bound
			}
			return q.found(p, found.picks, list)
		}
		target = e.above(max(target, a.highest(list)))
	}
	best := q.best()
	list := q.replay(best)
	if a.met(list, e.index.spec.Grades) {
		best, list = q.trim(best, a)
		return q.found(p, best, list)
	}
	if p.Status = PathUnreachable; q.compared {
		p.Status = PathNotComputed
	}
	p.Exact, p.Reached = fixed && q.monotone && !q.partial, find(list, p.Reached.Unit)
	return p
}

// goal is what a path has to reach.
type goal struct {
	before Standing
	ahead  []int // the units to pass, or
	grade  int   // the grade to have or better, −1 for a rank
}

// dependsOnOthers reports whether the figure to reach depends on other units.
func (a goal) dependsOnOthers(grades []Grade) bool {
	return a.grade < 0 || slices.ContainsFunc(grades[:a.grade+1], func(g Grade) bool { return g.MaxShare != nil })
}

// met reports whether the unit has reached it.
func (a goal) met(list []Standing, grades []Grade) bool {
	s := find(list, a.before.Unit)
	if s.Status != UnitScored {
		return false
	}
	if a.grade >= 0 {
		return gradeIndex(grades, s.Grade) <= a.grade
	}
	return s.Rank < a.before.Rank && s.Score > a.highest(list)
}

// highest is the figure of the units to pass; −1 where there are none.
func (a goal) highest(list []Standing) float64 {
	highest := -1.0
	for _, s := range list {
		if slices.Contains(a.ahead, s.Unit) && s.Status == UnitScored {
			highest = max(highest, s.Score)
		}
	}
	return highest
}

func find(list []Standing, unit int) Standing {
	return list[slices.IndexFunc(list, func(s Standing) bool { return s.Unit == unit })]
}

// ahead are the units with the least score above that of s, by code.
func (e *Explainer) ahead(s Standing) []Standing {
	end := e.places[s.Unit]
	for end > 0 && e.standings[end-1].Score == s.Score {
		end--
	}
	start := end
	for start > 0 && e.standings[start-1].Score == e.standings[end-1].Score {
		start--
	}
	return e.standings[start:end]
}

// unit is the least difference between two published figures.
func (e *Explainer) unit() float64 { return 1 / math.Pow10(e.index.spec.Decimals) }

// above is the least published figure above another.
func (e *Explainer) above(figure float64) float64 { return e.published(figure + e.unit()) }

// baseFor is the least base that is published as the figure. Round snaps to nine
// decimals first, which brings a base up to half of the ninth; a little less is used.
func (e *Explainer) baseFor(s Standing, figure float64) float64 {
	return figure - e.unit()/2 - 4.9e-10 - (s.Bonus - s.Deduction)
}

// figureFor returns the least published figure at which the unit has the grade or a
// better one while others stand where they do; above the scale where none does.
func (e *Explainer) figureFor(s Standing, grade int) float64 {
	grades := e.index.spec.Grades
	least := e.published(grades[grade].From)
	if least < grades[grade].From {
		least = e.above(least)
	}
	if !(goal{grade: grade}).dependsOnOthers(grades) {
		return least
	}
	figures := []float64{least}
	for _, other := range e.standings {
		if other.Status == UnitScored && other.Score >= least {
			figures = append(figures, other.Score, e.above(other.Score))
		}
	}
	slices.Sort(figures)
	at := sort.Search(len(figures), func(i int) bool { return e.gradeAt(s.Unit, figures[i]) <= grade })
	if at == len(figures) {
		return e.above(e.index.spec.Scale)
	}
	return figures[at]
}

// gradeAt is the grade of the unit if its published figure were another.
func (e *Explainer) gradeAt(unit int, figure float64) int {
	list, scored := make([]Standing, len(e.standings)), 0
	for _, s := range e.standings {
		if s.Unit == unit {
			s.Score = math.Min(figure, e.index.spec.Scale)
		}
		if s.Status == UnitScored {
			scored++
		}
		list[s.Unit] = s
	}
	list = inOrder(list, e.result.data.Units)
	e.index.grade(list[:scored], e.limits)
	return gradeIndex(e.index.spec.Grades, find(list, unit).Grade)
}

// pathSearch is the search for one unit's path: what it can enter, and what that
// leads to.
type pathSearch struct {
	*whatIf
	items    []pathItem // in document order
	coupled  bool       // some item also moves other units
	partial  bool       // some entries that are allowed were not looked at
	compared bool       // some of them because a node above compares units
	linear   bool       // the base is linear in the scores of the items
	monotone bool       // a better item never makes the base worse
}

// pathItem is an indicator that can be moved. The first option leaves it as it is;
// cost and score ascend.
type pathItem struct {
	column  int
	options []option
}

type option struct{ value, score, cost float64 }

func (e *Explainer) pathSearch(unit int, levers map[int]Lever) *pathSearch {
	q := &pathSearch{whatIf: e.whatIf(unit), linear: true, monotone: true}
	for c, l := range e.index.leaves {
		x, ok := q.entered(c)
		lever := levers[l.node]
		switch {
		case !ok || lever.Fixed || stopped(e.done):
		case e.index.compared(l.node): // a move also changes what the others score: it is not looked for
			q.partial, q.compared = true, true
		default:
			q.add(c, x, lever)
		}
	}
	for _, it := range q.items {
		q.noteMeans(e.index.leaves[it.column].node)
	}
	return q
}

// noteMeans records the kinds of means between the leaf and the root.
func (q *pathSearch) noteMeans(node int) {
	for n := q.index.nodes[node].Parent; n >= 0; n = q.index.nodes[n].Parent {
		if children, _, _ := q.index.present(n, q.scratch); len(children) > 1 {
			kind := q.index.inner[n].kind
			q.linear = q.linear && (kind == Arithmetic || kind == Sum)
			q.monotone = q.monotone && kind != Penalised
		}
	}
}

// add adds the item of a column, unless no entry improves its score.
func (q *pathSearch) add(column int, x float64, lever Lever) {
	was := q.score(column, x)
	options := []option{{x, was, 0}}
	values, thinned := q.entries(column, x, lever)
	q.partial = q.partial || thinned || q.unbounded(column, lever)
	for _, v := range values {
		if q.index.leaves[column].rule.refuses(v) != "" || v == x {
			continue
		}
		score := q.score(column, v)
		// a gain that rounds to nothing is none: it would cost nothing, and stand in the place of what is entered
		if cost := lever.cost(x, v, score-was); score > was && cost > 0 && cost <= stats.MaxValue {
			options = append(options, option{v, score, cost})
		}
	}
	slices.SortStableFunc(options, func(a, b option) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(b.score, a.score))
	})
	useful := options[:1]
	for _, o := range options[1:] {
		if o.score > useful[len(useful)-1].score {
			useful = append(useful, o)
		}
	}
	if len(useful) == 1 {
		return
	}
	q.items = append(q.items, pathItem{column, slices.Clip(useful)})
	q.coupled = q.coupled || q.whatIf.coupled(column)
}

func (l Lever) cost(from, to, gained float64) float64 {
	if l.Cost > 0 {
		return l.Cost * math.Abs(to-from)
	}
	return stats.Round(gained, stats.MaxDecimals)
}

// top picks the best option of every item.
func (q *pathSearch) top() []int {
	picks := make([]int, len(q.items))
	for i, it := range q.items {
		picks[i] = len(it.options) - 1
	}
	return picks
}

// at is the base with the picks.
func (q *pathSearch) at(picks []int) float64 {
	copy(q.scratch, q.leaves)
	for i, it := range q.items {
		q.scratch[q.index.leaves[it.column].node] = it.options[picks[i]].score
	}
	q.index.aggregateUnit(q.scratch)
	return q.scratch[0]
}

func (q *pathSearch) cost(picks []int) float64 {
	cost := 0.0
	for i, it := range q.items {
		cost += it.options[picks[i]].cost
	}
	return cost
}

// replay computes the standings with the picks entered.
func (q *pathSearch) replay(picks []int) []Standing {
	d := q.result.data
	d.Columns = slices.Clone(d.Columns)
	for i, it := range q.items {
		if picks[i] > 0 {
			d.Columns[it.column] = slices.Clone(d.Columns[it.column])
			d.Columns[it.column][q.unit] = it.options[picks[i]].value
		}
	}
	list, err := q.index.Standings(q.index.Score(d, KeepRoot), q.adjustments)
	if err != nil {
		return q.standings // the adjustments fitted when the Explainer was made
	}
	return list
}

// trim undoes the moves that the goal does not need, the most costly first.
func (q *pathSearch) trim(picks []int, a goal) ([]int, []Standing) {
	order := make([]int, len(picks))
	for i := range order {
		order[i] = i
	}
	costOf := func(i int) float64 { return q.items[i].options[picks[i]].cost }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(costOf(b), costOf(a)) })
	list := q.replay(picks)
	for _, i := range order {
		was := picks[i]
		low := -1 // does not do; was does
		picks[i] = 0
		if try := q.replay(picks); a.met(try, q.index.spec.Grades) { // it may even have stood in the way
			list = try
			continue
		}
		for high := was; high-low > 1 && !stopped(q.done); {
			picks[i] = (low + high) / 2
			if try := q.replay(picks); a.met(try, q.index.spec.Grades) {
				high, was, list = picks[i], picks[i], try
			} else {
				low = picks[i]
			}
		}
		picks[i] = was
	}
	return picks, list
}

// found completes a path that has been replayed.
func (q *pathSearch) found(p *Path, picks []int, list []Standing) *Path {
	p.Status, p.Cost, p.Reached = PathFound, q.cost(picks), find(list, q.unit)
	if p.Exact {
		p.Bound = p.Cost
	}
	for i, it := range q.items {
		if picks[i] == 0 {
			continue
		}
		from, to := it.options[0], it.options[picks[i]]
		points, _, _ := q.gain(it.column, to.value)
		p.Moves = append(p.Moves, pathMove{
			Node: q.index.leaves[it.column].node, From: from.value, To: to.value,
			ScoreBefore: from.score, Score: to.score, Cost: to.cost, Points: points,
		})
	}
	return p
}
