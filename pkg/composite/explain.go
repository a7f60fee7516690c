package composite

import (
	"cmp"
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// Explainer explains the standing of a unit in a run, and what would change it. It
// recomputes through the same rules as Score and Standings. It holds the Result and
// the Data behind it, which must not change. Safe for concurrent use. For a unit that
// does not exist it reports nothing; it never panics.
type Explainer struct {
	index       *Index
	result      *Result
	adjustments []Adjustment
	standings   []Standing
	limits      map[int]limit
	places      []int // of each unit in the standings
	done        <-chan struct{}
}

// Until returns an Explainer whose searches, Gains and paths, end early once done is
// closed. What they return then is of no use: whoever closes it must look.
func (e *Explainer) Until(done <-chan struct{}) *Explainer {
	x := *e
	x.done = done
	return &x
}

// stopped reports whether done is closed.
func stopped(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// Explain computes the standings of r under the adjustments, as Standings does, and
// returns an Explainer for them. How much of r was kept does not matter. The error,
// of type *DataFaults, is that of Standings.
func (r *Result) Explain(adjustments []Adjustment) (*Explainer, error) {
	e := &Explainer{index: r.index, result: r, adjustments: slices.Clone(adjustments), places: make([]int, r.Units())}
	var err error
	if e.standings, err = r.index.Standings(r, adjustments); err != nil {
		return nil, err
	}
	if e.limits, err = r.index.adjust(make([]Standing, r.Units()), r.data.Units, adjustments); err != nil {
		return nil, err
	}
	for i, s := range e.standings {
		e.places[s.Unit] = i
	}
	return e, nil
}

// Standings returns the standings that are explained, in their order. They must not
// be changed.
func (e *Explainer) Standings() []Standing { return e.standings }

// Standing returns the standing of the unit, and false if there is no such unit.
func (e *Explainer) Standing(unit int) (Standing, bool) {
	if unit < 0 || unit >= len(e.places) {
		return Standing{}, false
	}
	return e.standings[e.places[unit]], true
}

// scored returns the standing of a unit that has a score.
func (e *Explainer) scored(unit int) (Standing, bool) {
	s, ok := e.Standing(unit)
	return s, ok && s.Status == UnitScored
}

// leafScores returns a slice for the scores of all nodes of the unit, in which those
// of the leaves are set, and of the nodes that compare units, which one unit alone does
// not determine.
func (e *Explainer) leafScores(unit int) []float64 { return e.result.leafScores(unit) }

func (r *Result) leafScores(unit int) []float64 {
	scores := make([]float64, len(r.index.nodes))
	for _, l := range r.index.leaves {
		scores[l.node] = r.Cell(l.node, unit).Score
	}
	for n := range scores {
		if r.index.inner[n].kind == Copeland {
			scores[n] = r.scores[n][unit]
		}
	}
	return scores
}

// scores returns the scores of all nodes of the unit, to the bit those of Score; but
// a unit without a score keeps that of its root.
func (e *Explainer) scores(unit int) []float64 {
	scores := e.leafScores(unit)
	e.index.aggregateUnit(scores)
	return scores
}

// aggregateUnit sets the scores of the inner nodes of one unit from what leafScores sets.
func (ix *Index) aggregateUnit(scores []float64) { ix.aggregateBy(scores, num.Significant) }

// aggregateBy is aggregateUnit with another rounding of the nodes.
func (ix *Index) aggregateBy(scores []float64, round func(float64) float64) {
	var x, w []float64
	for n := len(scores) - 1; n >= 0; n-- { // children come after their parent
		if ix.nodes[n].Leaf || ix.inner[n].kind == Copeland {
			continue
		}
		x, w = x[:0], w[:0]
		for _, child := range ix.inner[n].children {
			if s := scores[child]; s == s {
				x, w = append(x, ix.inner[n].kind.taken(s)), append(w, ix.weights[child])
			}
		}
		scores[n] = nan
		if len(x) > 0 {
			scores[n] = round(ix.inner[n].mean(x, w))
		}
	}
}

// present are the children of a node that have a score, in document order, with
// their scores and weights.
func (ix *Index) present(node int, scores []float64) (children []int, x, w []float64) {
	in := &ix.inner[node]
	for _, child := range in.children {
		if s := scores[child]; s == s {
			children, x, w = append(children, child), append(x, in.kind.taken(s)), append(w, ix.weights[child])
		}
	}
	return children, x, w
}

// Comparison is a node of a unit that stands out from what it is compared with. Its
// Points are what the gap is worth; there is no comparison without a gap.
type Comparison struct {
	Node      int
	Code      ComparisonCode
	Score     float64 // of the node
	Reference float64 // what it is compared with
	Gap       float64 // Score − Reference
	Points    float64 // Weight × Gap, with the Weight of the unit's Contribution; × points ÷ 100 under a Sum
	// Of the units of the class with a score of the node, the unit itself left out, for
	// ClassMedian comparisons only. Ties count in neither.
	Above, Below int
}

// ComparisonCode names a comparison and its outcome.
type ComparisonCode string

// The codes of comparisons.
const (
	AboveClassMedian ComparisonCode = "above_class_median"
	BelowClassMedian ComparisonCode = "below_class_median"
	Risen            ComparisonCode = "risen" // since the unit's own last period
	Fallen           ComparisonCode = "fallen"
	AboveTarget      ComparisonCode = "above_target"
	BelowTarget      ComparisonCode = "below_target"
)

// Strong reports whether the code is that of a strength rather than a weak point.
func (c ComparisonCode) Strong() bool { return c == AboveClassMedian || c == Risen || c == AboveTarget }

// ComparisonOptions are what to compare with besides the median of the class.
type ComparisonOptions struct {
	Before  *Explainer      // an earlier run; nodes and unit are matched by code. May be nil
	Targets map[int]float64 // scores to reach, by node. May be nil
}

// Comparisons returns the strengths and weak points of a unit, over all nodes but the
// root: against the median score of its class, itself included; against its own score
// in an earlier run; and against targets. Scores are compared at the decimals that
// are published, so that what reads the same is a tie, and a tie is left out. The
// list starts with what is worth most points, either way; equal ones go by document
// order. A unit without a score has none.
func (e *Explainer) Comparisons(unit int, o ComparisonOptions) []Comparison {
	c, ok := e.Contributions(unit)
	if !ok {
		return nil
	}
	var list []Comparison
	before := e.before(unit, o.Before)
	peers := e.classScores(unit)
	for n := 1; n < len(c.Nodes); n++ {
		if !c.Nodes[n].Present {
			continue
		}
		add := func(reference float64, above, below ComparisonCode) *Comparison {
			f := e.comparison(n, c.Nodes[n], reference, above, below)
			if f.Gap == 0 {
				return nil
			}
			list = append(list, f)
			return &list[len(list)-1]
		}
		if f := add(stats.Median(peers[n]), AboveClassMedian, BelowClassMedian); f != nil {
			f.Above, f.Below = e.countDiffering(peers[n], f.Score)
		}
		if was, ok := before[e.index.nodes[n].Code]; ok {
			add(was, Risen, Fallen)
		}
		if target, ok := o.Targets[n]; ok && num.Finite(target) {
			add(target, AboveTarget, BelowTarget)
		}
	}
	slices.SortStableFunc(list, func(a, b Comparison) int { return cmp.Compare(b.weight(), a.weight()) })
	return list
}

// weight is the size of the points: it decides ties.
func (f Comparison) weight() float64 { return size(f.Points) }

// size is the magnitude of points without their binary noise.
func size(points float64) float64 { return stats.Round(math.Abs(points), stats.MaxDecimals) }

func (e *Explainer) comparison(n int, c Contribution, reference float64, above, below ComparisonCode) Comparison {
	f := Comparison{Node: n, Code: above, Score: e.published(c.Score), Reference: e.published(reference)}
	if f.Gap = stats.Round(f.Score-f.Reference, stats.MaxDecimals); f.Gap < 0 {
		f.Code = below
	}
	f.Points = c.Weight * f.Gap * (e.index.full() / 100)
	return f
}

func (e *Explainer) published(score float64) float64 {
	return stats.Round(score, e.index.spec.Decimals)
}

// countDiffering counts the scores above and below, leaving ties out.
func (e *Explainer) countDiffering(scores []float64, score float64) (higher, lower int) {
	for _, s := range scores {
		switch s = e.published(s); {
		case s > score:
			higher++
		case s < score:
			lower++
		}
	}
	return higher, lower
}

// classScores are the scores of the units of the unit's class, by node, ascending;
// of units without a published score too, but not of nodes without one.
func (e *Explainer) classScores(unit int) [][]float64 {
	peers := make([][]float64, len(e.index.nodes))
	classes := e.result.data.Classes
	for u := range e.places {
		if classes != nil && classes[u] != classes[unit] {
			continue
		}
		for n, s := range e.scores(u) {
			if s == s {
				peers[n] = append(peers[n], s)
			}
		}
	}
	for _, scores := range peers {
		slices.Sort(scores)
	}
	return peers
}

// before are the unit's scores in an earlier run, by the code of the node.
func (e *Explainer) before(unit int, earlier *Explainer) map[string]float64 {
	scores := map[string]float64{}
	if earlier == nil {
		return scores
	}
	at := slices.Index(earlier.result.data.Units, e.result.data.Units[unit])
	if at < 0 {
		return scores
	}
	for n, s := range earlier.scores(at) {
		if s == s {
			scores[earlier.index.nodes[n].Code] = s
		}
	}
	return scores
}

// Leading returns the first comparisons of a list in order, at most most of them, and
// never part of a tie: those that are worth the same come together or not at all.
func Leading(list []Comparison, most int) []Comparison {
	most = min(max(most, 0), len(list))
	if most == len(list) {
		return list
	}
	for most > 0 && list[most-1].weight() == list[most].weight() {
		most--
	}
	return list[:most]
}

// Neighbour is a unit next to another in the standings.
type Neighbour struct {
	Standing
	Places int     // in the list: −1 is the one just above, 1 the one just below
	Gap    float64 // its published score − the unit's
	// Differences are those of the nodes of the first level, the one that decides most
	// first. Their Points sum to the difference of the bases.
	Differences []difference
}

// difference is how a neighbour differs from the unit in one node.
type difference struct {
	Node   int
	Score  float64 // its score − the unit's; 0 if either has none
	Points float64 // points that it carries of its base − those that the unit's carries
}

// Neighbours returns up to span units just above and up to span just below, in the order
// of the standings, overall or within the unit's class. A unit without a score has
// none.
func (e *Explainer) Neighbours(unit, span int, class bool) []Neighbour {
	own, ok := e.Contributions(unit)
	if !ok || span <= 0 {
		return nil
	}
	around := e.around(unit, class)
	at := slices.IndexFunc(around, func(s Standing) bool { return s.Unit == unit })
	var list []Neighbour
	for i := max(0, at-span); i < len(around) && i-at <= span; i++ {
		if other, ok := e.Contributions(around[i].Unit); ok && i != at {
			list = append(list, Neighbour{
				Standing: around[i], Places: i - at,
				Gap:         stats.Round(around[i].Score-around[at].Score, stats.MaxDecimals),
				Differences: e.differences(own, other),
			})
		}
	}
	return list
}

// around returns the units with a score: all, or those of the unit's class.
func (e *Explainer) around(unit int, class bool) []Standing {
	classes := e.result.data.Classes
	var list []Standing
	for _, s := range e.standings {
		if s.Status == UnitScored && (!class || classes == nil || classes[s.Unit] == classes[unit]) {
			list = append(list, s)
		}
	}
	return list
}

func (e *Explainer) differences(own, other *Contributions) []difference {
	var list []difference
	for n, info := range e.index.nodes {
		a, b := own.Nodes[n], other.Nodes[n]
		if info.Depth != 1 || !a.Present && !b.Present {
			continue
		}
		d := difference{Node: n, Points: b.Points - a.Points}
		if a.Present && b.Present {
			d.Score = b.Score - a.Score
		}
		list = append(list, d)
	}
	slices.SortStableFunc(list, func(a, b difference) int {
		return cmp.Compare(size(b.Points), size(a.Points))
	})
	return list
}
