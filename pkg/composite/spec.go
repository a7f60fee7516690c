package composite

import (
	"maps"
	"math"
	"reflect"
	"slices"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// Spec is the mathematical part of a scheme: the tree of indicators with its
// weights and rules, and what happens to the figure at its root. The JSON names
// are those of the scheme document, so a Fault's pointer leads back into it.
type Spec struct {
	Decimals    int         `json:"decimals"`           // decimals of the published figure, 0 to 9
	Rounding    string      `json:"rounding,omitempty"` // "half_up", also when empty
	Ranking     RankingKind `json:"ranking,omitempty"`  // Competition when empty
	MinCoverage float64     `json:"min_coverage"`       // 0 to 1; a unit below it has no score
	// Scale is the highest published figure: 100 when 0, another one only with a Sum at the root.
	Scale       float64     `json:"scale,omitempty"`
	Tree        Node        `json:"tree"`
	Adjustments Adjustments `json:"adjustments"`
	Grades      []Grade     `json:"grades,omitempty"` // from the best down
}

// Node is one node of the tree. A node with Children is inner and aggregates
// them; a node without is a leaf, an indicator, and turns a raw value into a
// score by its Rule.
type Node struct {
	Code   string  `json:"code"`   // unique in the tree
	Weight float64 `json:"weight"` // relative to its siblings, 1e-9 to 1e9; the root's is ignored

	Aggregation Aggregation `json:"aggregation,omitzero"` // inner nodes only
	Children    []Node      `json:"children,omitempty"`

	Direction Direction    `json:"direction,omitempty"` // empty: what the rule implies
	Rule      Rule         `json:"rule,omitempty"`
	Missing   Missing      `json:"missing,omitzero"`
	Peers     Peers        `json:"peers,omitempty"`   // AllPeers when empty
	Treat     *Treatment   `json:"treat,omitempty"`   // nil: values are used as they are
	Combine   *Combination `json:"combine,omitempty"` // only checked here; see Combine
	// Fitted is what Rule and Treat were fitted to before; nil: they are fitted to the peers of the run.
	Fitted []Fitted `json:"fitted,omitempty"`
}

// Direction is whether more of an indicator is better or worse.
type Direction string

// The directions. The empty Direction means what the rule implies: cost for
// goalposts with low above high and for deduct, benefit otherwise.
const (
	Benefit Direction = "benefit"
	Cost    Direction = "cost"
)

// Peers names the units that an indicator is measured against.
type Peers string

// The peer groups: every unit that the indicator applies to, or those of the same class.
const (
	AllPeers   Peers = "all"
	ClassPeers Peers = "class"
)

// halfUp is the only rounding: that of stats.Round.
const halfUp = "half_up"

// RankingKind names how ties use up ranks.
type RankingKind string

// The rankings: 1 2 2 4 and 1 2 2 3.
const (
	Competition RankingKind = "competition"
	Dense       RankingKind = "dense"
)

// Limits of a Spec.
const (
	maxDepth = 16     // levels below the root
	maxNodes = 10_000 // nodes in the tree
	maxScale = 1e6

	fullScale  = 100  // the scale of a Spec without one
	maxFigures = 1e11 // published figures that a scale can tell apart
)

// resolve returns a deep copy of s with every default filled in.
func (s Spec) resolve() Spec {
	setDefault(&s.Rounding, halfUp)
	setDefault(&s.Ranking, Competition)
	setDefault(&s.Scale, fullScale)
	s.Tree = s.Tree.resolve(0)
	s.Grades = slices.Clone(s.Grades)
	for i, g := range s.Grades {
		if g.MaxShare != nil {
			s.Grades[i].MaxShare = new(*g.MaxShare)
		}
	}
	s.Adjustments.Bonus.Items = slices.Clone(s.Adjustments.Bonus.Items)
	s.Adjustments.Deduction.Items = slices.Clone(s.Adjustments.Deduction.Items)
	s.Adjustments.Vetoes = slices.Clone(s.Adjustments.Vetoes)
	return s
}

// resolve goes one level deeper than is allowed, so that check can report what is
// too deep.
func (n Node) resolve(depth int) Node {
	n.Children = slices.Clone(n.Children)
	if depth <= maxDepth {
		for i, c := range n.Children {
			n.Children[i] = c.resolve(depth + 1)
		}
	}
	if len(n.Children) > 0 {
		setDefault(&n.Aggregation.Kind, Arithmetic)
		return n
	}
	setDefault(&n.Missing.Kind, Exclude)
	if n.Missing.Kind == Carry {
		setDefault(&n.Missing.Periods, 1)
	}
	setDefault(&n.Peers, AllPeers)
	n.Treat = n.Treat.resolve()
	n.Rule = resolveRule(n.Rule)
	n.Direction = direction(n.Direction, n.Rule)
	n.Fitted = slices.Clone(n.Fitted)
	if n.Combine != nil {
		c := *n.Combine
		c.RoleWeights = maps.Clone(c.RoleWeights)
		n.Combine = &c
	}
	return n
}

// resolveRule returns r with its defaults, or no rule for a nil pointer, so that no
// method is called on one.
func resolveRule(r Rule) Rule {
	if r == nil || reflect.ValueOf(r).IsNil() {
		return nil
	}
	return r.resolve()
}

func setDefault[T comparable](p *T, fallback T) {
	var zero T
	if *p == zero {
		*p = fallback
	}
}

// checker collects the faults of a resolved Spec.
type checker struct {
	faults Faults
	codes  map[string]bool // node codes seen
	nodes  int
}

func (s *Spec) check() Faults {
	c := &checker{codes: map[string]bool{}}
	r := report(c.faults.Add)
	if s.Decimals < 0 || s.Decimals > stats.MaxDecimals {
		r("/decimals", "decimals_out_of_range", "give 0 to %d decimals", stats.MaxDecimals)
	}
	if s.Rounding != halfUp {
		r("/rounding", "unknown_rounding", "%q is not a rounding: use half_up", s.Rounding)
	}
	if s.Ranking != Competition && s.Ranking != Dense {
		r("/ranking", "unknown_ranking", "%q is not a ranking: use competition or dense", s.Ranking)
	}
	reportShare(r, "/min_coverage", s.MinCoverage)
	s.checkScale(r)
	c.node(&s.Tree, 0, r.under("/tree"))
	s.Adjustments.check(s, r.under("/adjustments"))
	checkGrades(s.Grades, s.Scale, r.under("/grades"))
	return c.faults
}

func (s *Spec) checkScale(r report) {
	switch {
	case !(s.Scale >= 1 && s.Scale <= maxScale):
		r("/scale", "scale_out_of_range", "give a scale from 1 to %v", maxScale)
	case s.Scale == fullScale:
	case s.Tree.Aggregation.Kind != Sum:
		r("/scale", "scale_without_sum", "only a sum at the root has points: make the root a sum or remove the scale")
	case s.Scale*math.Pow10(s.Decimals) > maxFigures:
		r("/scale", "scale_out_of_range", "a scale of %v with %d decimals is too fine: use fewer decimals", s.Scale, s.Decimals)
	}
}

func (c *checker) node(n *Node, depth int, r report) {
	if c.nodes++; c.nodes == maxNodes+1 {
		r("", "too_many_nodes", "a tree has at most %d nodes: split the scheme", maxNodes)
	}
	if c.nodes > maxNodes {
		return
	}
	if depth > maxDepth {
		r("", "too_deep", "a tree has at most %d levels below its root: lift this node", maxDepth)
		return
	}
	reportCode(r, c.codes, n.Code)
	if depth > 0 {
		reportWeight(r, "/weight", n.Weight)
	}
	if len(n.Children) == 0 {
		n.checkLeaf(r)
		return
	}
	if resolveRule(n.Rule) != nil {
		r("/rule", "rule_and_children", "a node with children aggregates them: remove the rule or the children")
	}
	n.Aggregation.check(r.under("/aggregation"))
	n.checkSum(depth, r)
	for i := range n.Children {
		c.node(&n.Children[i], depth+1, r.under("/children"+item(i)))
	}
}

func (n *Node) checkLeaf(r report) {
	if n.Aggregation != (Aggregation{}) {
		r("/aggregation", "aggregation_without_children",
			"an indicator has nothing to aggregate: remove the aggregation or add children")
	}
	switch n.Direction {
	case Benefit, Cost:
	default:
		r("/direction", "unknown_direction", "%q is not a direction: use benefit or cost", n.Direction)
	}
	if n.Rule == nil {
		r("/rule", "rule_missing", "a node without children needs a rule")
	} else {
		n.Rule.check(n.Direction, r.under("/rule"))
	}
	n.Missing.check(n.Rule, r.under("/missing"))
	if n.Peers != AllPeers && n.Peers != ClassPeers {
		r("/peers", "unknown_peers", "%q is not a peer group: use all or class", n.Peers)
	}
	if n.Treat != nil {
		n.Treat.check(n.Rule, r.under("/treat"))
	}
	if len(n.Fitted) > 0 {
		n.checkFitted(r.under("/fitted"))
	}
	if n.Combine != nil {
		n.Combine.check(r.under("/combine"))
	}
}

func reportCode(r report, seen map[string]bool, code string) {
	switch {
	case code == "":
		r("/code", "code_missing", "give a code")
	case seen[code]:
		r("/code", "code_duplicate", "%q is taken: give a code of its own", code)
	}
	seen[code] = true
}

func reportWeight(r report, at string, w float64) {
	switch {
	case !num.Finite(w):
		r(at, "weight_not_finite", "give a finite weight")
	case w <= 0:
		r(at, "weight_not_positive", "the weight is %v: give one above 0", w)
	case w < num.MinWeight || w > num.MaxWeight:
		r(at, "weight_out_of_range", "give a weight between 1e-9 and 1e9; weights are relative")
	}
}

func reportShare(r report, at string, x float64) {
	if !(x >= 0 && x <= 1) {
		r(at, "share_out_of_range", "give a share between 0 and 1")
	}
}
