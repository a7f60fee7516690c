package composite_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var allMutations = flag.Bool("mutations", false, "try every mutation of the formulas, not three of them")

// mutations are mistakes in the formulas of this package, each of which the reference has
// to notice.
var mutations = []struct{ file, from, to string }{
	{"stats/mean.go", "sum += float64(weight * f(v))", "sum += f(v)"},
	{"standing.go", "score := num.Clamp(s.Base+s.Bonus-s.Deduction, 0, ix.spec.Scale)", "score := num.Clamp(s.Base+s.Bonus, 0, ix.spec.Scale)"},
	{"rating.go", "return num.Significant(stats.ArithmeticMean(values, weights))", "return stats.ArithmeticMean(values, weights)"},
	{"stats/impute.go", "num.Known(num.Significant(scale * numerator / denominator))", "num.Known(scale * numerator / denominator)"},
	{"stats/mean.go", "return math.Exp(weighted(x, w, math.Log))", "return math.Exp(weighted(x, nil, math.Log))"},
	{"stats/mean.go", "return 1 / weighted(x, w, func(v float64) float64 { return 1 / v })", "return weighted(x, w, func(v float64) float64 { return v })"},
	{"stats/mean.go", "func(v float64) float64 { return math.Pow(max(v, 0), p) }), 1/p)", "func(v float64) float64 { return math.Pow(max(v, 0), p) }), 1/(p+1))"},
	{"stats/mean.go", "max(m-unit*variance/scaled, 0)", "max(m-variance/scaled, 0)"},
	{"stats/mean.go", "const base, unit = 70, 0.6", "const base, unit = 0, 0.6"},
	{"stats/mean.go", "return (x[half-1] + x[half]) / 2", "return x[half]"},
	{"stats/mean.go", "math.Sqrt(m.second * n / (n - 1))", "math.Sqrt(m.second)"},
	{"rules_absolute.go", "return linear{g.Low, g.High - g.Low, 100}", "return linear{g.Low, g.High, 100}"},
	{"rules_absolute.go", "if s[i].From <= x {", "if s[i].From < x {"},
	{"rules_absolute.go", "d.full-float64(d.per*x/d.step)", "d.full-float64(d.per*x)"},
	{"rules_absolute.go", "max(0, s.target-x)", "max(0, x-s.target)"},
	{"rules_absolute.go", "return logarithm{linear{low, math.Log(g.High) - low, 100}}", "return logarithm{linear{low, math.Log(g.High), 100}}"},
	{"rules_relative.go", "low, high = high, low", "low, high = low, high"},
	{"rules_relative.go", "return 100 - score", "return score"},
	{"rules_relative.go", "float64(n-1-p.better(x))", "float64(n-p.better(x))"},
	{"rules_relative.go", "return num.Below(p.sorted, x)\n\t}\n\treturn num.Above", "return num.Above(p.sorted, x)\n\t}\n\treturn num.Above"},
	{"rules_relative.go", "return 100 * p.points[r] / p.points[0]", "return p.points[r]"},
	{"rules_relative.go", "line.sd = -line.sd", "line.sd = +line.sd"},
	{"rules_relative.go", "return linear{worst, t.Target - worst, top}", "return linear{0, t.Target, top}"},
	{"rules_relative.go", "return linear{0, high, 100}", "return linear{low, high - low, 100}"},
	{"rules_relative.go", "return inverse{value, top}", "return inverse{value, num.MaxScore}"},
	{"column.go", "if x := c.carried[unit]; x == x {", "if x := c.carried[unit]; x != x {"},
	{"column.go", "c.unmeasured = !(r.reference(c, rule.Unit) > 0)", "c.unmeasured = false"},
	{"column.go", "c.imputed[g] = num.Significant(stats.Median(x))", "c.imputed[g] = num.Significant(stats.ArithmeticMean(x, nil))"},
	{"evaluator.go", "\tnum.SignificantAll(dst)\n", ""},
	{"evaluator.go", "dst[i] += float64(w * x)", "dst[i] += x"},
	{"result.go", "coverage != 1 && !enough(coverage, least)", "coverage != 1 && !(coverage > least)"},
	{"standing.go", "s.Bonus = min(s.Bonus, ix.spec.Adjustments.Bonus.Cap)", "_ = s.Bonus"},
	{"standing.go", "l.score = min(l.score, e.Score)", "l.score = max(l.score, e.Score)"},
	{"standing.go", "best = max(best, first)", "best = first"},
	{"standing.go", "0, ix.spec.Scale)", "0, 100)"},
	{"standing.go", "l.score = ix.spec.Scale", "l.score = 100"},
	{"index.go", "factor, mean := points/100, in.mean", "factor, mean := points/points, in.mean"},
	{"index.go", "return stats.LowerMedian", "return func(x, _ []float64) float64 { return stats.LowerMedian(x, nil) }"},
	{"index.go", "return func(x, _ []float64) float64 { return stats.Highest(x) }", "return func(x, _ []float64) float64 { return stats.Lowest(x) }"},
	{"stats/mean.go", "2*reached >= total*(1-1e-12)", "2*reached > total*(1+1e-12)"},
	{"stats/summary.go", "return 50 + 50*float64(balance)/float64(units-1)", "return 50 + 50*float64(balance)/float64(units)"},
	{"stats/summary.go", "margin += t.w[c]", "margin++"},
	{"column.go", "f.Reflected = *summary.Skewness < 0", "f.Reflected = false"},
	{"column.go", "return math.Log(max(x, f.Low) - f.Low + (f.High-f.Low)/100)", "return math.Log(max(x, f.Low) - f.Low + 1)"},
	{"column.go", "return stats.BoxCoxOf(max(x, f.Low)-f.Low+1, f.Lambda)", "return stats.BoxCoxOf(max(x, f.Low)-f.Low+1, 0)"},
	{"column.go", "return num.Clamp(x, f.Low, f.High)", "return x"},
	{"stats/transform.go", "nextLo+len(x)-nextHi > l.MaxPoints", "nextLo+len(x)-nextHi > l.MaxPoints+1"},
	{"stats/mean.go", "(float64((n+1)*g) + 6)", "(float64((n+1)*g) + 3)"},
	{"stats/value.go", "q := (snapped + unit/2) / unit", "q := snapped / unit"},
}

// Each mutation makes the test of the reference fail. The package is copied and tried
// there: nothing of it is made to be replaced. Three run always, all with -mutations.
func TestMutation(t *testing.T) {
	list := mutations
	if !*allMutations {
		if testing.Short() {
			t.Skip("builds the package again")
		}
		list = list[:3]
	}
	dir := t.TempDir()
	copyPackage(t, dir)
	if out, err := tryReference(t, dir); err != nil {
		t.Fatalf("the copy fails as it is: %v\n%s", err, out)
	}
	for _, m := range list {
		name := filepath.Join(dir, "pkg/composite", m.file)
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		mutant := strings.Replace(string(source), m.from, m.to, 1)
		if mutant == string(source) {
			t.Errorf("%s has no %q", m.file, m.from)
			continue
		}
		if err := os.WriteFile(name, []byte(mutant), 0o600); err != nil {
			t.Fatal(err)
		}
		switch out, err := tryReference(t, dir); {
		case err == nil:
			t.Errorf("%s: %q for %q goes unnoticed", m.file, m.to, m.from)
		case !strings.Contains(out, "--- FAIL: TestReference"):
			t.Errorf("%s: %q does not run: %s", m.file, m.to, out)
		}
		if err := os.WriteFile(name, source, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// copyPackage copies the package, of its tests only the reference, as a module of its own.
func copyPackage(t *testing.T, dir string) {
	t.Helper()
	for _, from := range []string{".", "stats", "internal/num"} {
		files, err := filepath.Glob(filepath.Join(from, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, "pkg/composite", from)
		if err := os.MkdirAll(to, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") && filepath.Base(file) != "reference_test.go" {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), source, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(module), "\n")
	own := []string{lines[0]}
	for _, l := range lines {
		if strings.HasPrefix(l, "go ") {
			own = append(own, l)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(strings.Join(own, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func tryReference(t *testing.T, dir string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-count=1", "-run", "^TestReference$", "./pkg/composite")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}
