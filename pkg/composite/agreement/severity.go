package agreement

import (
	"cmp"
	"math"
	"slices"
)

// EvaluatorScore is what one evaluator gave one target in one period. All scores of an
// analysis are on one scale.
type EvaluatorScore struct {
	Target, Evaluator, Period int
	Score                     float64
}

// SeverityModel says how severe evaluators are and what their targets would have got
// from an evaluator of average severity.
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

// EvaluatorSeverity is the severity of one evaluator in points: what the evaluator
// gives below the average evaluator of the component for the same targets; below 0
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
// the one adjusted for who happened to score it.
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
		list[e] = EvaluatorSeverity{Evaluator: number, Component: component[e], Scores: int(d.count[e]), Severity: severity[e]}
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
