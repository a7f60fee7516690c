package composite

import (
	"fmt"
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// Index is a checked Spec, ready to score. It is immutable and safe for
// concurrent use.
type Index struct {
	spec    Spec // resolved: defaults filled in, nothing shared with the caller
	nodes   []NodeInfo
	inner   []inner   // by node; zero for leaves
	leaves  []leaf    // by column
	weights []float64 // by node
	byClass bool      // whether any leaf looks at classes
	pairs   bool      // whether any node compares the units in pairs
}

// NodeInfo describes one node of the tree.
type NodeInfo struct {
	Code            string
	Parent          int // index of the parent, −1 for the root
	Depth           int // 0 for the root
	End             int // the subtree is the nodes from this one up to, not including, End
	Leaf            bool
	Column          int       // index into Data.Columns, −1 for inner nodes
	Direction       Direction // of a leaf, with the default filled in
	Weight          float64   // as in the Spec; 1 for the root
	EffectiveWeight float64   // share of the whole: the product of normalised weights
}

type inner struct {
	kind     AggregationKind
	mean     func(x, w []float64) float64 // nil for Copeland, which compares units
	factor   float64                      // what the mean is multiplied by: 1, of a Sum its points ÷ 100
	children []int
}

// rescale makes the score of a node whose children all have 100 the points.
func (in *inner) rescale(points float64) {
	factor, mean := points/100, in.mean
	if in.factor = factor; factor != 1 && mean != nil {
		in.mean = func(x, w []float64) float64 { return factor * mean(x, w) }
	}
}

type leaf struct {
	node      int
	rule      Rule
	cost      bool
	missing   MissingKind
	byClass   bool
	treat     *Treatment
	effective float64
	fixed     []scorer           // the one scorer of a rule that is not relative, else nil
	frozen    map[string]*frozen // by class, of a rule that was fitted before, else nil
}

// compares reports whether the score of a value depends on the values of others in the data.
func (l *leaf) compares() bool { return l.frozen == nil && (l.rule.relative() || l.treat != nil) }

// New checks the spec and returns its Index. The error is of type Faults and
// holds every fault, in document order. The spec is copied.
func New(spec Spec) (*Index, error) {
	spec = spec.resolve()
	if faults := spec.check(); len(faults) > 0 {
		return nil, faults
	}
	ix := &Index{spec: spec}
	ix.add(&ix.spec.Tree, -1, 1, 1)
	return ix, nil
}

// Nodes returns the tree in preorder, that is, in document order. Everywhere else
// a node is named by its index in this slice.
func (ix *Index) Nodes() []NodeInfo { return append([]NodeInfo(nil), ix.nodes...) }

// Leaves returns the nodes of the leaves in the order of Data.Columns.
func (ix *Index) Leaves() []int {
	nodes := make([]int, len(ix.leaves))
	for c, l := range ix.leaves {
		nodes[c] = l.node
	}
	return nodes
}

// Relative reports whether anything about a unit depends on what others have entered,
// apart from ranks and from grades with a quota: a rule that looks at peers, a treatment
// of outliers, a missing value that takes that of peers, or a node that compares units.
// Where codes are given only these leaves are asked about, with the nodes above them.
func (ix *Index) Relative(codes ...string) bool {
	return slices.ContainsFunc(ix.leaves, func(l leaf) bool {
		asked := len(codes) == 0 || slices.Contains(codes, ix.nodes[l.node].Code)
		return asked && (l.compares() || l.missing.imputes() || ix.pairs && ix.compared(l.node))
	})
}

// Quotas reports whether a grade depends on how many units have a better figure.
func (ix *Index) Quotas() bool {
	return slices.ContainsFunc(ix.spec.Grades, func(g Grade) bool { return g.MaxShare != nil })
}

// Spec returns a copy of the spec with its defaults filled in.
func (ix *Index) Spec() Spec { return ix.spec.resolve() }

// add appends the subtree of n and returns the index of its root.
func (ix *Index) add(n *Node, parent int, weight, effective float64) int {
	at := len(ix.nodes)
	info := NodeInfo{Code: n.Code, Parent: parent, Column: -1, Weight: weight, EffectiveWeight: effective}
	if parent >= 0 {
		info.Depth = ix.nodes[parent].Depth + 1
	}
	if len(n.Children) == 0 {
		info.Leaf, info.Column, info.Direction = true, len(ix.leaves), n.Direction
		ix.leaves = append(ix.leaves, newLeaf(n, at, effective))
		ix.byClass = ix.byClass || n.Peers == ClassPeers || n.Missing.Kind == ClassMean
	}
	ix.nodes = append(ix.nodes, info)
	ix.weights = append(ix.weights, weight)
	ix.inner = append(ix.inner, inner{})
	if !info.Leaf {
		ix.addChildren(n, at, effective)
	}
	ix.nodes[at].End = len(ix.nodes)
	return at
}

func (ix *Index) addChildren(n *Node, at int, effective float64) {
	total := n.points()
	in := inner{kind: n.Aggregation.Kind, mean: n.Aggregation.mean(), factor: 1}
	for i := range n.Children {
		c := &n.Children[i]
		in.children = append(in.children, ix.add(c, at, c.Weight, effective*(c.Weight/total)))
	}
	ix.pairs = ix.pairs || in.kind == Copeland
	ix.inner[at] = in
	if in.kind == Sum && at == 0 { // below the root the points of a sum are 100
		ix.inner[at].rescale(total)
	}
}

// full returns the base of a unit that has 100 in everything: 100, or the points of a Sum at the root.
func (ix *Index) full() float64 {
	if ix.nodes[0].Leaf {
		return 100
	}
	return 100 * ix.inner[0].factor
}

// setFull makes the base of a unit that has 100 in everything the points.
func (ix *Index) setFull(points float64) {
	if in := &ix.inner[0]; !ix.nodes[0].Leaf {
		in.mean = ix.spec.Tree.Aggregation.mean()
		in.rescale(points)
	}
}

// compared reports whether a node above the node compares units in pairs.
func (ix *Index) compared(node int) bool {
	for n := ix.nodes[node].Parent; n >= 0; n = ix.nodes[n].Parent {
		if ix.inner[n].kind == Copeland {
			return true
		}
	}
	return false
}

func newLeaf(n *Node, at int, effective float64) leaf {
	l := leaf{
		node: at, rule: n.Rule, cost: n.Direction == Cost, missing: n.Missing.Kind,
		byClass: n.Peers == ClassPeers, treat: n.Treat, effective: effective,
	}
	if len(n.Fitted) > 0 {
		l.frozen = map[string]*frozen{}
		for i := range n.Fitted {
			l.frozen[n.Fitted[i].Class] = newFrozen(n, &n.Fitted[i])
		}
	}
	if !n.Rule.relative() {
		l.fixed = []scorer{n.Rule.fit(peers{cost: l.cost})}
	}
	return l
}

// AggregationKind names how a node combines its children.
type AggregationKind string

// The aggregations; each is the exported function of the same name.
const (
	Arithmetic AggregationKind = "arithmetic" // ArithmeticMean, the default
	Geometric  AggregationKind = "geometric"  // GeometricMean
	Harmonic   AggregationKind = "harmonic"   // HarmonicMean
	Power      AggregationKind = "power"      // PowerMean with P
	Minimum    AggregationKind = "minimum"    // the lowest child; weights play no part
	Maximum    AggregationKind = "maximum"    // the highest child; weights play no part
	Median     AggregationKind = "median"     // stats.LowerMedian
	Penalised  AggregationKind = "penalised"  // PenalisedMean
	// Sum is Σwx/100: weights are points. A child without a score leaves with its points, and what the others have is
	// raised in proportion, so that the points of the node stay what they are. Below the root they are 100.
	Sum AggregationKind = "sum"
	// Copeland compares the units in pairs, by the weight of the children in which each is ahead, and scores
	// 50 + 50·(wins − losses)/(n − 1); see stats.Tournament. For at most 2,000 units.
	Copeland AggregationKind = "copeland"
)

// maxCompeting is the most units that Copeland compares: time grows with their square.
const maxCompeting = 2000

// taken is the score of a child as the mean takes it: some jump at 0, and noise is none.
func (k AggregationKind) taken(x float64) float64 {
	if k == Arithmetic || k == Sum {
		return x
	}
	return num.NearZero(x)
}

// Aggregation is the combination of one inner node.
type Aggregation struct {
	Kind AggregationKind `json:"kind"`        // Arithmetic when empty
	P    float64         `json:"p,omitempty"` // exponent of Power, −20 to 20, not 0
}

const maxExponent = 20

func (a Aggregation) check(r report) {
	switch a.Kind {
	case Arithmetic, Geometric, Harmonic, Minimum, Maximum, Median, Penalised, Sum, Copeland:
	case Power:
		if !(math.Abs(a.P) <= maxExponent) || a.P == 0 {
			r("/p", "exponent_out_of_range", "give an exponent between -20 and 20 other than 0")
		}
	default:
		r("/kind", "unknown_aggregation",
			"%q is not an aggregation: use arithmetic, geometric, harmonic, power, minimum, maximum, median, "+
				"penalised, sum or copeland", a.Kind)
	}
}

// points returns the sum of the weights of the children.
func (n *Node) points() (sum float64) {
	for i := range n.Children {
		sum += n.Children[i].Weight
	}
	return sum
}

// checkSum reports a sum below the root that is not out of 100.
func (n *Node) checkSum(depth int, r report) {
	if n.Aggregation.Kind != Sum || depth == 0 {
		return
	}
	total := n.points()
	if !(math.Abs(total-100) <= 1e-9) {
		r("/aggregation/kind", "sum_not_100",
			"the weights of this sum are %v points in all: below the root they must be 100, or use arithmetic", total)
	}
}

// mean returns the function of the aggregation, of values and their weights; nil for Copeland. That of Sum is what
// its points are multiplied by.
func (a Aggregation) mean() func(x, w []float64) float64 {
	switch a.Kind {
	case Geometric:
		return stats.GeometricMean
	case Harmonic:
		return stats.HarmonicMean
	case Power:
		return func(x, w []float64) float64 { return stats.PowerMean(x, w, a.P) }
	case Minimum:
		return func(x, _ []float64) float64 { return stats.Lowest(x) }
	case Maximum:
		return func(x, _ []float64) float64 { return stats.Highest(x) }
	case Median:
		return stats.LowerMedian
	case Penalised:
		return stats.PenalisedMean
	case Copeland:
		return nil
	}
	return stats.ArithmeticMean
}

// Aggregate combines columns unit by unit under the weights w, one per column (nil:
// equal), and rounds to 12 significant digits as a node of a tree does. A column without score leaves with its weight; a unit without any has NaN.
// What lies beyond ±1e12, where the scores of rules end, counts as missing.
// The error is of type Faults, or names the column of another length or the weight
// weight is out of range (1e-9 to 1e9).
func (a Aggregation) Aggregate(columns [][]float64, w []float64) ([]float64, error) {
	setDefault(&a.Kind, Arithmetic)
	if err := a.checkColumns(columns, w); err != nil {
		return nil, err
	}
	if len(columns) == 0 {
		return nil, nil
	}
	if a.Kind == Copeland {
		return competed(columns, w)
	}
	mean := a.mean()
	if a.Kind == Sum {
		points := float64(len(columns))
		if w != nil {
			points = total(w)
		}
		in := inner{mean: mean}
		in.rescale(points)
		mean = in.mean
	}
	result := make([]float64, len(columns[0]))
	x, weight := make([]float64, 0, len(columns)), make([]float64, 0, len(columns))
	for unit := range result {
		x, weight = x[:0], weight[:0]
		for c, column := range columns {
			if !(math.Abs(column[unit]) <= num.MaxScore) {
				continue
			}
			x = append(x, a.Kind.taken(column[unit]))
			if w == nil {
				weight = append(weight, 1)
			} else {
				weight = append(weight, w[c])
			}
		}
		result[unit] = num.Significant(mean(x, weight))
	}
	return result, nil
}

func total(w []float64) (sum float64) {
	for _, v := range w {
		sum += v
	}
	return sum
}

// competed returns Copeland scores of columns that may hold what is out of range.
func competed(columns [][]float64, w []float64) ([]float64, error) {
	if units := len(columns[0]); units > maxCompeting {
		return nil, fmt.Errorf("there are %d units: copeland compares at most %d", units, maxCompeting)
	}
	valid := make([][]float64, len(columns))
	for c, column := range columns {
		valid[c] = slices.Clone(column)
		for u, x := range column {
			if !(math.Abs(x) <= num.MaxScore) {
				valid[c][u] = math.NaN()
			}
		}
	}
	scores := stats.NewTournament(valid, w).Scores()
	num.SignificantAll(scores)
	return scores, nil
}

func (a Aggregation) checkColumns(columns [][]float64, w []float64) error {
	if err := collect(a.check).Err(); err != nil {
		return err
	}
	if err := num.SameLength(columns); err != nil {
		return err
	}
	if w != nil && len(w) != len(columns) {
		return fmt.Errorf("there are %d weights for %d columns", len(w), len(columns))
	}
	for c, v := range w {
		if !(v >= num.MinWeight && v <= num.MaxWeight) {
			return fmt.Errorf("weight %d is %v: give one between 1e-9 and 1e9", c, v)
		}
	}
	return nil
}
