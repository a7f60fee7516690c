package composite

import (
	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// checker walks a resolved Spec and collects its faults.
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
	if s.Rounding != HalfUp {
		r("/rounding", "unknown_rounding", "%q is not a rounding: use half_up", s.Rounding)
	}
	if s.Ranking != Competition && s.Ranking != Dense {
		r("/ranking", "unknown_ranking", "%q is not a ranking: use competition or dense", s.Ranking)
	}
	reportShare(r, "/min_coverage", s.MinCoverage)
	c.node(&s.Tree, 0, r.under("/tree"))
	s.Adjustments.check(s.Grades, r.under("/adjustments"))
	checkGrades(s.Grades, r.under("/grades"))
	return c.faults
}

func (c *checker) node(n *Node, depth int, r report) {
	if c.nodes++; c.nodes == MaxNodes+1 {
		r("", "too_many_nodes", "a tree has at most %d nodes: split the scheme", MaxNodes)
	}
	if c.nodes > MaxNodes {
		return
	}
	if depth > MaxDepth {
		r("", "too_deep", "a tree has at most %d levels below its root: lift this node", MaxDepth)
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
	for i := range n.Children {
		c.node(&n.Children[i], depth+1, r.under("/children"+item(i)))
	}
}

func (n *Node) checkLeaf(r report) {
	if n.Aggregation != (Aggregation{}) {
		r("/aggregation", "aggregation_without_children", "an indicator has nothing to aggregate: remove the aggregation or add children")
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
