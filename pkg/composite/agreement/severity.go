package agreement

import (
	"cmp"
	"math"
	"slices"

	"bulwark/pkg/composite/stats"
)

// EvaluatorScore is the score of one target by one evaluator in one period. All
// scores of an analysis are on one scale.
type EvaluatorScore struct {
	Target, Evaluator, Period int
	Score                     float64
}

// SeverityModel is how severe evaluators are, and the scores of their targets from an
// evaluator of average severity.
type SeverityModel struct {
	// Components are the parts of the design that share no evaluator and no target in
	// a period. Severities and adjusted scores compare only inside a component: with
	// more than one, the design is disconnected. 0 means no scores at all.
	Components int
	// ResidualSD is what the model leaves unexplained, √(Σe²/df); 0 with df = 0.
	ResidualSD       float64
	DegreesOfFreedom int
	Evaluators       []EvaluatorSeverity // by number
	Targets          []AdjustedTarget    // by number, then period
}

// EvaluatorSeverity is the severity of one evaluator in points: how far the evaluator
// scores below the average evaluator of the component for the same targets; below 0
// is lenient. It is 0 for the only evaluator of a component.
type EvaluatorSeverity struct {
	Evaluator int
	Component int // from 0
	Scores    int
	Severity  float64
	Periods   []PeriodSeverity // ascending
	// Drift is the least-squares slope of the severity over the periods, in points per
	// period, each period weighing as many scores as it has; 0 for a single period.
	Drift float64
}

// PeriodSeverity is the severity of an evaluator in one period, relative to those who
// scored the same targets then.
type PeriodSeverity struct {
	Period   int
	Scores   int
	Severity float64
}

// AdjustedTarget is a target in a period: its mean score, and beside it, not instead,
// the one adjusted for the severity of those who scored it.
type AdjustedTarget struct {
	Target, Period int
	Component      int
	Scores         int
	Raw, Adjusted  float64
}

// FitSeverity fits score = target in its period − severity of the evaluator by least
// squares, whatever the design: incomplete, unbalanced or disconnected (Raymond and
// Viswesvaran 1993). Severities of a component average 0 over its evaluators. The
// adjusted score of a target is the mean of score + severity. The severity in a period
// is the overall one less the mean residual of the evaluator's scores there. Scores
// that are not finite or beyond ±MaxValue do not count; the order of scores does not
// matter.
func FitSeverity(scores []EvaluatorScore) SeverityModel {
	d := newDesign(scores)
	severity, component, components := d.solve(), d.components(), 0
	for _, c := range component {
		components = max(components, c+1)
	}
	centre(severity, component, components)
	m := SeverityModel{Components: components, DegreesOfFreedom: d.freedom(components)}
	m.ResidualSD = d.residualSD(severity, m.DegreesOfFreedom)
	m.Targets = d.adjusted(severity, component)
	m.Evaluators = d.severities(severity, component)
	return m
}

// centre makes the severities of each component average 0.
func centre(severity []float64, component []int, components int) {
	sum, count := make([]float64, components), make([]float64, components)
	for e, c := range component {
		sum[c] += severity[e]
		count[c]++
	}
	for e, c := range component {
		severity[e] -= sum[c] / count[c]
		if count[c] == 1 {
			severity[e] = 0
		}
	}
}

func (d *design) freedom(components int) int {
	return len(d.scores) - (len(d.first) - 1) - len(d.evaluators) + components
}

func (d *design) residualSD(severity []float64, freedom int) float64 {
	if freedom == 0 {
		return 0
	}
	sum := 0.0
	d.residuals(severity, func(_ int, e float64) { sum += float64(e * e) })
	return math.Sqrt(sum / float64(freedom))
}

func (d *design) adjusted(severity []float64, component []int) []AdjustedTarget {
	var list []AdjustedTarget
	for t := range len(d.first) - 1 {
		from, to := d.first[t], d.first[t+1]
		a := AdjustedTarget{
			Target: d.scores[from].Target, Period: d.scores[from].Period,
			Component: component[d.evaluator[from]], Scores: to - from,
		}
		shift := 0.0
		for i := from; i < to; i++ {
			a.Raw += d.rel[i] / float64(a.Scores)
			shift += severity[d.evaluator[i]] / float64(a.Scores)
		}
		a.Raw += d.scores[from].Score
		a.Adjusted = a.Raw + shift
		list = append(list, a)
	}
	return list
}

func (d *design) severities(severity []float64, component []int) []EvaluatorSeverity {
	list := make([]EvaluatorSeverity, len(d.evaluators))
	for e, number := range d.evaluators {
		list[e] = EvaluatorSeverity{
			Evaluator: number, Component: component[e], Scores: int(d.count[e]), Severity: severity[e],
		}
	}
	periods := map[[2]int]*PeriodSeverity{} // by place of the evaluator, then period
	d.residuals(severity, func(i int, residual float64) {
		at := [2]int{d.evaluator[i], d.scores[i].Period}
		if periods[at] == nil {
			periods[at] = &PeriodSeverity{Period: at[1]}
		}
		periods[at].Scores++
		periods[at].Severity -= residual
	})
	for at, p := range periods {
		p.Severity = severity[at[0]] + p.Severity/float64(p.Scores)
		list[at[0]].Periods = append(list[at[0]].Periods, *p)
	}
	for e := range list {
		slices.SortFunc(list[e].Periods, func(a, b PeriodSeverity) int { return cmp.Compare(a.Period, b.Period) })
		list[e].Drift = drift(list[e].Periods)
	}
	return list
}

// drift is the weighted least-squares slope of severity over the period.
func drift(periods []PeriodSeverity) float64 {
	var n, meanT, meanS float64
	for _, p := range periods {
		n += float64(p.Scores)
	}
	for _, p := range periods {
		share := float64(p.Scores) / n
		meanT += share * float64(p.Period)
		meanS += share * p.Severity
	}
	var square, product float64
	for _, p := range periods {
		t, share := float64(p.Period)-meanT, float64(p.Scores)/n
		square += float64(share * t * t)
		product += float64(share * t * (p.Severity - meanS))
	}
	if len(periods) < 2 || square == 0 {
		return 0
	}
	return product / square
}

// design numbers evaluators, and targets within periods, from 0 in ascending order.
type design struct {
	scores     []EvaluatorScore // sorted
	evaluators []int            // numbers of the caller
	evaluator  []int            // by score: place in evaluators
	target     []int            // by score: place in first
	first      []int            // by target in a period: its first score, and the end
	count      []float64        // scores by evaluator
	rel        []float64        // by score: less the first of the target, which keeps digits
}

func newDesign(scores []EvaluatorScore) *design {
	d := &design{}
	for _, s := range scores {
		if stats.Valid(s.Score) {
			d.scores = append(d.scores, s)
			d.evaluators = append(d.evaluators, s.Evaluator)
		}
	}
	slices.SortFunc(d.scores, func(a, b EvaluatorScore) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Period, b.Period),
			cmp.Compare(a.Evaluator, b.Evaluator), cmp.Compare(a.Score, b.Score))
	})
	slices.Sort(d.evaluators)
	d.evaluators = slices.Compact(d.evaluators)
	d.count = make([]float64, len(d.evaluators))
	for i, s := range d.scores {
		if i == 0 || s.Target != d.scores[i-1].Target || s.Period != d.scores[i-1].Period {
			d.first = append(d.first, i)
		}
		d.target = append(d.target, len(d.first)-1)
		e, _ := slices.BinarySearch(d.evaluators, s.Evaluator)
		d.evaluator = append(d.evaluator, e)
		d.count[e]++
		d.rel = append(d.rel, s.Score-d.scores[d.first[len(d.first)-1]].Score)
	}
	d.first = append(d.first, len(d.scores))
	return d
}

// within subtracts the mean of the target from f of each score, and sums the rest by
// evaluator.
func (d *design) within(dst []float64, f func(score int) float64) {
	clear(dst)
	for t := range len(d.first) - 1 {
		from, to := d.first[t], d.first[t+1]
		mean := 0.0
		for i := from; i < to; i++ {
			mean += f(i)
		}
		mean /= float64(to - from)
		for i := from; i < to; i++ {
			dst[d.evaluator[i]] += f(i) - mean
		}
	}
}

// solve finds severities by conjugate gradients on the normal equations with the
// targets eliminated, scaled by their diagonal (Hestenes and Stiefel 1952). The
// equations are singular, one direction for each component, but consistent, which is
// all that the method needs.
func (d *design) solve() []float64 {
	n := len(d.evaluators)
	room := make([]float64, 4*n)
	r, p, q, z := room[:n], room[n:2*n], room[2*n:3*n], room[3*n:]
	x := make([]float64, n)
	d.within(r, func(i int) float64 { return -d.rel[i] })
	rho, start := 0.0, 0.0
	for step := range 10*n + 100 {
		before := rho
		for i := range z {
			z[i] = r[i] / d.count[i]
		}
		if rho = dot(r, z); step == 0 {
			start = rho
		}
		if !(rho > start*1e-26) {
			break
		}
		for i := range p {
			if step > 0 {
				z[i] += float64(rho / before * p[i])
			}
			p[i] = z[i]
		}
		d.within(q, func(i int) float64 { return p[d.evaluator[i]] })
		curve, length := dot(p, q), 0.0
		for i, v := range p {
			length += float64(d.count[i] * v * v)
		}
		if !(curve > 1e-14*length) {
			break // a direction that the design does not determine: noise of rounding
		}
		for i := range x {
			x[i] += float64(rho / curve * p[i])
			r[i] -= float64(rho / curve * q[i])
		}
	}
	return x
}

func dot(x, y []float64) float64 {
	sum := 0.0
	for i, v := range x {
		sum += float64(v * y[i])
	}
	return sum
}

// residuals calls do with each score and what the model leaves of it.
func (d *design) residuals(severity []float64, do func(score int, residual float64)) {
	for t := range len(d.first) - 1 {
		from, to := d.first[t], d.first[t+1]
		level := 0.0
		for i := from; i < to; i++ {
			level += (d.rel[i] + severity[d.evaluator[i]]) / float64(to-from)
		}
		for i := from; i < to; i++ {
			do(i, d.rel[i]+severity[d.evaluator[i]]-level)
		}
	}
}

// components numbers the connected parts of the design, by evaluator.
func (d *design) components() []int {
	parent := make([]int, len(d.evaluators))
	for e := range parent {
		parent[e] = e
	}
	root := func(e int) int {
		for parent[e] != e {
			parent[e] = parent[parent[e]]
			e = parent[e]
		}
		return e
	}
	for i, e := range d.evaluator {
		a, b := root(e), root(d.evaluator[d.first[d.target[i]]])
		parent[max(a, b)] = min(a, b)
	}
	number, next := make([]int, len(parent)), 0
	for e := range parent {
		if parent[e] == e { // the lowest of its part, so it comes first
			number[e] = next
			next++
			continue
		}
		number[e] = number[root(e)]
	}
	return number
}
