package composite

import (
	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
	"cmp"
	"math"
	"slices"
)

// Finding is one way in which a node of a unit stands out, from what it is compared
// with. Its Points say what the gap is worth; a finding without a gap does not
// exist.
type Finding struct {
	Node      int
	Code      FindingCode
	Score     float64 // of the node
	Reference float64 // what it is compared with
	Gap       float64 // Score − Reference
	Points    float64 // Weight × Gap, with the Weight of the unit's Contribution
	// Of the units of the class with a score of the node, the unit itself left out, for
	// ClassMedian comparisons only. Ties count in neither.
	Above, Below int
}

// FindingCode names a comparison and its outcome.
type FindingCode string

// The codes of findings.
const (
	AboveClassMedian FindingCode = "above_class_median"
	BelowClassMedian FindingCode = "below_class_median"
	Risen            FindingCode = "risen" // since the unit's own last period
	Fallen           FindingCode = "fallen"
	AboveTarget      FindingCode = "above_target"
	BelowTarget      FindingCode = "below_target"
)

// Strong reports whether the code tells of a strength rather than a weak point.
func (c FindingCode) Strong() bool { return c == AboveClassMedian || c == Risen || c == AboveTarget }

// FindingOptions say what to compare with besides the median of the class.
type FindingOptions struct {
	Before  *Explainer      // an earlier run; nodes and unit are matched by code. May be nil
	Targets map[int]float64 // scores to reach, by node. May be nil
}

// Findings are the strengths and weak points of a unit, over all nodes but the root:
// against the median score of its class, itself included; against its own score in
// an earlier run; and against targets. Scores are compared at the decimals that are
// published, so that what reads the same is a tie, and a tie is no finding. The list
// starts with what is worth most points, either way; equal ones go by document
// order. A unit without a score has none.
func (e *Explainer) Findings(unit int, o FindingOptions) []Finding {
	c, ok := e.Contributions(unit)
	if !ok {
		return nil
	}
	var list []Finding
	before := e.before(unit, o.Before)
	peers := e.classScores(unit)
	for n := 1; n < len(c.Nodes); n++ {
		if !c.Nodes[n].Present {
			continue
		}
		add := func(reference float64, above, below FindingCode) *Finding {
			f := e.finding(n, c.Nodes[n], reference, above, below)
			if f.Gap == 0 {
				return nil
			}
			list = append(list, f)
			return &list[len(list)-1]
		}
		if f := add(stats.Median(peers[n]), AboveClassMedian, BelowClassMedian); f != nil {
			f.Above, f.Below = e.apart(peers[n], f.Score)
		}
		if was, ok := before[e.index.nodes[n].Code]; ok {
			add(was, Risen, Fallen)
		}
		if target, ok := o.Targets[n]; ok && num.Finite(target) {
			add(target, AboveTarget, BelowTarget)
		}
	}
	slices.SortStableFunc(list, func(a, b Finding) int { return cmp.Compare(b.weight(), a.weight()) })
	return list
}

// weight is the size of the points, without their binary noise: it decides ties.
func (f Finding) weight() float64 { return stats.Round(math.Abs(f.Points), stats.MaxDecimals) }

func (e *Explainer) finding(n int, c Contribution, reference float64, above, below FindingCode) Finding {
	f := Finding{Node: n, Code: above, Score: e.published(c.Score), Reference: e.published(reference)}
	if f.Gap = stats.Round(f.Score-f.Reference, stats.MaxDecimals); f.Gap < 0 {
		f.Code = below
	}
	f.Points = c.Weight * f.Gap
	return f
}

func (e *Explainer) published(score float64) float64 {
	return stats.Round(score, e.index.spec.Decimals)
}

// apart counts the scores above and below, leaving ties out.
func (e *Explainer) apart(scores []float64, score float64) (higher, lower int) {
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

// Leading returns the first findings of a list in order, at most most of them, and
// never part of a tie: findings that are worth the same come together or not at all.
func Leading(list []Finding, most int) []Finding {
	most = min(max(most, 0), len(list))
	if most == len(list) {
		return list
	}
	for most > 0 && list[most-1].weight() == list[most].weight() {
		most--
	}
	return list[:most]
}
