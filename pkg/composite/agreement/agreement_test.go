package agreement_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"bulwark/pkg/composite/agreement"
	"bulwark/pkg/composite/stats"
)

// Six targets by four judges: Shrout and Fleiss (1979), table 2.
func shroutFleiss() [][]float64 {
	return [][]float64{{9, 2, 5, 8}, {6, 1, 3, 2}, {8, 4, 6, 8}, {7, 1, 2, 6}, {10, 5, 6, 9}, {6, 2, 4, 7}}
}

// Coefficients and mean squares as published, table 4 and 3 of Shrout and Fleiss
// (1979); intervals as the psych package for R prints them for the same data.
func TestIntraclassCorrelation(t *testing.T) {
	c, ok := agreement.IntraclassCorrelation(append(shroutFleiss(), []float64{1, 2, nan, 4}))
	if !ok || c.Targets != 6 || c.Evaluators != 4 || c.Dropped != 1 {
		t.Fatalf("%+v %v", c, ok)
	}
	for name, x := range map[string][3]float64{
		"ICC(2,1)": {c.Single, .29, .005}, "low": {c.SingleLow, .019, .0005}, "high": {c.SingleHigh, .76, .005},
		"ICC(2,k)": {c.Average, .62, .005}, "low k": {c.AverageLow, .071, .0005}, "high k": {c.AverageHigh, .93, .005},
		"BMS": {c.MeanSquareTargets, 11.24, .005}, "JMS": {c.MeanSquareEvaluators, 32.49, .005},
		"EMS": {c.MeanSquareError, 1.02, .005}, "F": {c.MeanSquareTargets / c.MeanSquareError, 11.03, .005},
	} {
		if math.Abs(x[0]-x[1]) > x[2] {
			t.Errorf("%s %v, want %v", name, x[0], x[1])
		}
	}
}

func TestIntraclassCorrelationDegenerate(t *testing.T) {
	for _, ratings := range [][][]float64{
		nil, {{}}, {{1, 2}}, {{1}, {2}}, {{1, 2}, {3}}, {{5, 5}, {5, 5}}, {{1, nan}, {2, 3}}, {{1, math.Inf(1)}, {2, 3}},
	} {
		if c, ok := agreement.IntraclassCorrelation(ratings); ok {
			t.Errorf("%v: %+v", ratings, c)
		}
	}
	perfect, ok := agreement.IntraclassCorrelation([][]float64{{1, 1}, {2, 2}, {9e14, 9e14}})
	if !ok || perfect.Single != 1 || perfect.Average != 1 || perfect.SingleLow != 1 || perfect.MeanSquareError != 0 {
		t.Errorf("perfect agreement: %+v %v", perfect, ok)
	}
	// The order of targets is the reverse for the second judge.
	worst, ok := agreement.IntraclassCorrelation([][]float64{{1, 2}, {2, 1}})
	if !ok || worst.Single != -1 || worst.Average != -1 {
		t.Errorf("worst: %+v %v", worst, ok)
	}
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 4).Draw(t, "k")
		table := rapid.SliceOfN(rapid.SliceOfN(rapid.Float64Range(-1e15, 1e15), k, k), 0, 5).Draw(t, "table")
		c, ok := agreement.IntraclassCorrelation(table)
		for _, x := range []float64{c.Single, c.SingleLow, c.SingleHigh, c.Average, c.AverageLow, c.AverageHigh} {
			if !(x >= -1 && x <= 1) {
				t.Fatalf("%+v %v", c, ok)
			}
		}
		if c.SingleLow > c.Single || c.Single > c.SingleHigh || c.AverageLow > c.Average || c.Average > c.AverageHigh {
			t.Fatalf("an interval without its estimate: %+v", c)
		}
		if moved, again := agreement.IntraclassCorrelation(permute(table,
			rapid.Permutation(indices(len(table))).Draw(t, "order"))); moved != c || again != ok {
			t.Fatalf("in another order %+v, was %+v", moved, c)
		}
	})
}

// Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability": four observers,
// twelve units, missing data.
func krippendorff() [][]float64 {
	observers := [][]float64{
		{1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan},
		{1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3},
		{nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan},
		{1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan},
	}
	units := make([][]float64, 12)
	for u := range units {
		for _, o := range observers {
			units[u] = append(units[u], o[u])
		}
	}
	return units
}

func TestKrippendorffAlpha(t *testing.T) {
	for level, want := range map[agreement.ScaleLevel]float64{
		agreement.NominalScale: .743, agreement.OrdinalScale: .815, agreement.IntervalScale: .849,
	} {
		if got, ok := agreement.KrippendorffAlpha(krippendorff(), level); !ok || math.Abs(got-want) > .0005 {
			t.Errorf("%s: %v %v, want %v", level, got, ok, want)
		}
		for _, none := range [][][]float64{nil, {{1}, {2}}, {{3, 3}, {3, nan}}, {{nan, 1}, {math.Inf(1), 2}}} {
			if got, ok := agreement.KrippendorffAlpha(none, level); ok || got != 0 {
				t.Errorf("%s of %v is %v", level, none, got)
			}
		}
		if got, ok := agreement.KrippendorffAlpha([][]float64{{1, 1}, {2, 2, 2}}, level); !ok || got != 1 {
			t.Errorf("perfect %s: %v", level, got)
		}
	}
	if _, ok := agreement.KrippendorffAlpha(krippendorff(), "ratio"); ok {
		t.Error("an unknown level has an alpha")
	}
}

// scoresOf are target effects less severities, without noise.
func scoresOf(pairs [][2]int, effect, severity []float64) (scores []agreement.EvaluatorScore) {
	for _, p := range pairs {
		scores = append(scores, agreement.EvaluatorScore{Target: p[0], Evaluator: p[1], Score: effect[p[0]] - severity[p[1]]})
	}
	return scores
}

// On a connected incomplete design without noise, severities come back exactly, and
// so does the score that an average evaluator would have given.
func TestFitSeverity(t *testing.T) {
	effect, severity := []float64{60, 70, 80, 90}, []float64{5, -2, -3}
	m := agreement.FitSeverity(scoresOf([][2]int{{0, 0}, {1, 0}, {1, 1}, {2, 1}, {2, 2}, {3, 2}}, effect, severity))
	if m.Components != 1 || m.DegreesOfFreedom != 0 || m.ResidualSD != 0 {
		t.Errorf("%+v", m)
	}
	for e, s := range m.Evaluators {
		if s.Evaluator != e || !near(s.Severity, severity[e], 1e-9) || s.Drift != 0 || s.Scores != 2 {
			t.Errorf("%+v, want severity %v", s, severity[e])
		}
	}
	for i, a := range m.Targets {
		if a.Target != i || !near(a.Adjusted, effect[i], 1e-9) {
			t.Errorf("%+v, want %v", a, effect[i])
		}
	}
	if raw := m.Targets[0].Raw; !near(raw, 55, 1e-12) {
		t.Errorf("raw %v, want 55", raw)
	}
}

func TestFitSeverityDisconnected(t *testing.T) {
	m := agreement.FitSeverity(scoresOf([][2]int{{0, 7}, {1, 7}, {1, 1}, {2, 2}, {3, 2}, {3, 4}, {4, 9}},
		[]float64{60, 70, 80, 90, 50}, []float64{0, 3, 0, 0, 8, 0, 0, -3, 0, 6}))
	if m.Components != 3 {
		t.Errorf("%d components, want 3", m.Components)
	}
	want := map[int][2]float64{1: {0, 3}, 7: {0, -3}, 2: {1, -4}, 4: {1, 4}, 9: {2, 0}}
	for _, s := range m.Evaluators {
		if w := want[s.Evaluator]; float64(s.Component) != w[0] || !near(s.Severity, w[1], 1e-9) {
			t.Errorf("%+v, want component and severity %v", s, w)
		}
	}
	for i, component := range []int{0, 0, 1, 1, 2} {
		if m.Targets[i].Component != component {
			t.Errorf("%+v, want component %d", m.Targets[i], component)
		}
	}
	// Alone, nothing can be said of an evaluator: what was given stands.
	if last := m.Targets[4]; last.Raw != last.Adjusted || !near(last.Raw, 44, 1e-12) {
		t.Errorf("%+v", last)
	}
	if empty := agreement.FitSeverity(nil); empty.Components != 0 || len(empty.Targets)+len(empty.Evaluators) > 0 {
		t.Errorf("%+v", empty)
	}
}

// The same fit by the singular value decomposition of gonum, which finds the shortest
// solution: adjusted differences and residuals must agree.
func TestFitSeverityAgainstGonum(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	for range 30 {
		const targets, evaluators = 8, 6
		var scores []agreement.EvaluatorScore
		for a := range targets {
			for e := range evaluators {
				if rng.IntN(3) == 0 || e == 0 {
					scores = append(scores, agreement.EvaluatorScore{Target: a, Evaluator: e, Score: 50 + 20*rng.NormFloat64()})
				}
			}
		}
		x, y := mat.NewDense(len(scores), targets+evaluators, nil), mat.NewVecDense(len(scores), nil)
		for i, s := range scores {
			x.Set(i, s.Target, 1)
			x.Set(i, targets+s.Evaluator, -1)
			y.SetVec(i, s.Score)
		}
		var svd mat.SVD
		if !svd.Factorize(x, mat.SVDThin) {
			t.Fatal("no decomposition")
		}
		m := agreement.FitSeverity(scores)
		var b mat.VecDense
		svd.SolveVecTo(&b, y, targets+len(m.Evaluators)-1)
		mean := 0.0
		for _, s := range m.Evaluators {
			mean += b.AtVec(targets+s.Evaluator) / float64(len(m.Evaluators))
		}
		for _, s := range m.Evaluators {
			if want := b.AtVec(targets+s.Evaluator) - mean; !near(s.Severity, want, 1e-8) {
				t.Fatalf("severity %v, gonum %v", s.Severity, want)
			}
		}
		for _, a := range m.Targets {
			if want := b.AtVec(a.Target) - mean; !near(a.Adjusted, want, 1e-8) {
				t.Fatalf("adjusted %v, gonum %v", a.Adjusted, want)
			}
		}
	}
}

// One of two evaluators of the same targets grows 3 points more severe each period;
// half of it shows on either, as it is unknown who moved.
func TestFitSeverityDrift(t *testing.T) {
	var scores []agreement.EvaluatorScore
	for period := range 4 {
		for target := range 5 {
			level := 50 + float64(10*target+7*period)
			scores = append(scores,
				agreement.EvaluatorScore{Target: target, Evaluator: 1, Period: period, Score: level},
				agreement.EvaluatorScore{Target: target, Evaluator: 2, Period: period, Score: level - float64(3*period)})
		}
	}
	m := agreement.FitSeverity(scores)
	steady, drifting := m.Evaluators[0], m.Evaluators[1]
	if !near(drifting.Drift, 1.5, 1e-9) || !near(steady.Drift, -1.5, 1e-9) || !near(drifting.Severity, 2.25, 1e-9) {
		t.Errorf("%+v", m.Evaluators)
	}
	for period, p := range drifting.Periods {
		if p.Period != period || p.Scores != 5 || !near(p.Severity, 1.5*float64(period), 1e-9) {
			t.Errorf("%+v", p)
		}
	}
}

func TestFitSeverityIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scores := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) agreement.EvaluatorScore {
			return agreement.EvaluatorScore{
				Target: rapid.IntRange(-2, 4).Draw(t, "target"), Evaluator: rapid.IntRange(-2, 4).Draw(t, "evaluator"),
				Period: rapid.IntRange(0, 2).Draw(t, "period"), Score: rapid.Float64Range(-1e15, 1e15).Draw(t, "score"),
			}
		}), 0, 20).Draw(t, "scores")
		m := agreement.FitSeverity(scores)
		if diff := cmp.Diff(m,
			agreement.FitSeverity(permute(scores, rapid.Permutation(indices(len(scores))).Draw(t, "order")))); diff != "" {
			t.Fatal(diff)
		}
		// Residuals of a fit are orthogonal to it: raw and adjusted agree in sum, by
		// component, once each counts by its scores.
		for _, a := range m.Targets {
			if math.IsNaN(a.Adjusted) || math.IsInf(a.Adjusted, 0) {
				t.Fatalf("%+v", a)
			}
		}
	})
}

func ExampleIntraclassCorrelation() {
	c, ok := agreement.IntraclassCorrelation([][]float64{
		{9, 2, 5, 8}, {6, 1, 3, 2}, {8, 4, 6, 8}, {7, 1, 2, 6}, {10, 5, 6, 9}, {6, 2, 4, 7},
	})
	fmt.Printf("%.2f for one evaluator, %.2f for the mean of four, %v\n", c.Single, c.Average, ok)
	// Output: 0.29 for one evaluator, 0.62 for the mean of four, true
}

func ExampleFitSeverity() {
	model := agreement.FitSeverity([]agreement.EvaluatorScore{
		{Target: 0, Evaluator: 1, Score: 80},
		{Target: 0, Evaluator: 2, Score: 70},
		{Target: 1, Evaluator: 2, Score: 75},
		{Target: 1, Evaluator: 3, Score: 80},
		{Target: 2, Evaluator: 2, Score: 75},
	})
	for _, e := range model.Evaluators {
		fmt.Printf("evaluator %d gives %v points less than the average one\n", e.Evaluator, stats.Round(e.Severity, 1))
	}
	for _, a := range model.Targets {
		fmt.Printf("target %d: %.1f, adjusted %.1f\n", a.Target, a.Raw, a.Adjusted)
	}
	// Output:
	// evaluator 1 gives -5 points less than the average one
	// evaluator 2 gives 5 points less than the average one
	// evaluator 3 gives 0 points less than the average one
	// target 0: 75.0, adjusted 75.0
	// target 1: 77.5, adjusted 80.0
	// target 2: 75.0, adjusted 80.0
}
