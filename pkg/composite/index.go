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
	mean     func(x, w []float64) float64
	children []int
}

type leaf struct {
	node      int
	rule      Rule
	cost      bool
	missing   MissingKind
	byClass   bool
	treat     *Treatment
	effective float64
	fixed     []scorer // the one scorer of a rule that is not relative, else nil
}

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
// of outliers, or a missing value that takes that of peers. Where codes are given only
// these leaves are asked about.
func (ix *Index) Relative(codes ...string) bool {
	return slices.ContainsFunc(ix.leaves, func(l leaf) bool {
		asked := len(codes) == 0 || slices.Contains(codes, ix.nodes[l.node].Code)
		return asked && (l.rule.relative() || l.treat != nil || l.missing.imputes())
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
	total := 0.0
	for i := range n.Children {
		total += n.Children[i].Weight
	}
	in := inner{kind: n.Aggregation.Kind, mean: n.Aggregation.mean()}
	for i := range n.Children {
		c := &n.Children[i]
		in.children = append(in.children, ix.add(c, at, c.Weight, effective*(c.Weight/total)))
	}
	ix.inner[at] = in
}

func newLeaf(n *Node, at int, effective float64) leaf {
	l := leaf{
		node: at, rule: n.Rule, cost: n.Direction == Cost, missing: n.Missing.Kind,
		byClass: n.Peers == ClassPeers, treat: n.Treat, effective: effective,
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
	Penalised  AggregationKind = "penalised"  // PenalisedMean
)

// taken is the score of a child as the mean takes it: some jump at 0, and noise is none.
func (k AggregationKind) taken(x float64) float64 {
	if k == Arithmetic {
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
	case Arithmetic, Geometric, Harmonic, Minimum, Penalised:
	case Power:
		if !(math.Abs(a.P) <= maxExponent) || a.P == 0 {
			r("/p", "exponent_out_of_range", "give an exponent between -20 and 20 other than 0")
		}
	default:
		r("/kind", "unknown_aggregation",
			"%q is not an aggregation: use arithmetic, geometric, harmonic, power, minimum or penalised", a.Kind)
	}
}

// mean returns the function of the aggregation, of values and their weights.
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
	case Penalised:
		return stats.PenalisedMean
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
	mean := a.mean()
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
