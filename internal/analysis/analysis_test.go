package analysis

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bulwark/internal/datafile"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

// asemFolder holds the tables of the ASEM Sustainable Connectivity Index, published with
// every step by the COINr package.
const asemFolder = "../../../shared/oracles/asem"

func asemTable(t *testing.T, name string) [][]string {
	t.Helper()
	f, err := os.Open(filepath.Join(asemFolder, name))
	if err != nil {
		t.Skipf("the ASEM tables are not at %s: %v", asemFolder, err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func column(t *testing.T, head []string, name string) int {
	t.Helper()
	i := slices.Index(head, name)
	if i < 0 {
		t.Fatalf("no column %q in %v", name, head)
	}
	return i
}

// asemStudy is the study of the normalised values, whose scores are the values themselves.
func asemStudy(t *testing.T) *Study {
	t.Helper()
	meta := asemTable(t, "imeta.csv")
	code, parent, kind := column(t, meta[0], "iCode"), column(t, meta[0], "Parent"), column(t, meta[0], "Type")
	var build func(name string) scheme.Node
	build = func(name string) scheme.Node {
		n := scheme.Node{Code: name, Name: text.Same(name), Weight: 1}
		for _, row := range meta[1:] {
			switch {
			case row[parent] != name:
			case row[kind] == "Indicator":
				n.Children = append(n.Children, scheme.Node{
					Code: row[code], Name: text.Same(row[code]), Weight: 1, Entry: scheme.Reported,
					Rule: &scheme.Rule{Rule: &composite.PointsRule{Max: 100}},
				})
			default:
				n.Children = append(n.Children, build(row[code]))
			}
		}
		return n
	}
	tree := build("Index")
	tree.Weight = 0
	c, err := scheme.Compile(scheme.Document{Code: "asem", Version: 1, Name: text.Same("asem"), Decimals: 9, Tree: tree})
	if err != nil {
		t.Fatal(err)
	}
	rows := asemTable(t, "normalised.csv")
	unit := column(t, rows[0], "uCode")
	d := composite.Data{Columns: make([][]float64, len(c.Indicators))}
	for _, row := range rows[1:] {
		d.Units = append(d.Units, row[unit])
		for i, n := range c.Indicators {
			x, err := strconv.ParseFloat(row[column(t, rows[0], n.Code)], 64)
			if err != nil {
				t.Fatal(err)
			}
			d.Columns[i] = append(d.Columns[i], x)
		}
	}
	return studyOf(t, c, &datafile.File{Values: datafile.Values{Data: d}})
}

func studyOf(t *testing.T, c *scheme.Compiled, f *datafile.File) *Study {
	t.Helper()
	view, err := index.OfflineView(c, f)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(view, "en")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The removal of each pillar and the α of one are the published ones.
func TestASEMAnalysis(t *testing.T) {
	s := asemStudy(t)
	want := map[string]float64{
		"Physical": 1.529411765, "ConEcFin": 2.627450980, "Political": 2.901960784, "Instit": 1.176470588,
		"P2P": 1.686274510, "Environ": 3.098039216, "Social": 3.960784314, "SusEcFin": 2.627450980,
	}
	removal, err := s.Removal()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, n := range removal.Items {
		change, published := want[n.Node.Code]
		if !published {
			continue
		}
		found++
		if math.Abs(n.RankChange-change) > 1e-6 {
			t.Errorf("without %s ranks change by %v, want %v", n.Node.Code, n.RankChange, change)
		}
		if len(n.Moved) == 0 || n.Moved[0].Rank == n.Moved[0].Without {
			t.Errorf("%s: moved %v", n.Node.Code, n.Moved)
		}
	}
	if found != len(want) {
		t.Errorf("%d of %d pillars", found, len(want))
	}
	for _, n := range s.Statistics().Nodes {
		if n.Node.Code == "P2P" && (n.Alpha == nil || math.Abs(*n.Alpha-0.8501684186) > 1e-6) {
			t.Errorf("α of P2P is %v", n.Alpha)
		}
		if n.Node.Code == "P2P" && (n.Components == nil || n.Components.Branches != 51) {
			t.Errorf("components of P2P: %+v", n.Components)
		}
	}
	// Published: the index without a pillar needs no new scheme, but with one it comes to the same.
	d := s.Scheme.Document
	d.Tree = without(d.Tree, "Social")
	c, err := scheme.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	variants, err := s.Variants([]*scheme.Compiled{c, s.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	if got := variants.Schemes[0].RankChange; math.Abs(got-want["Social"]) > 1e-6 {
		t.Errorf("a scheme without Social changes ranks by %v, want %v", got, want["Social"])
	}
	if same := variants.Schemes[1]; same.RankChange != 0 || *same.Agreement != 1 || len(same.Missing) != 0 {
		t.Errorf("the scheme itself: %+v", same)
	}
}

func without(n scheme.Node, code string) scheme.Node {
	n.Children = slices.DeleteFunc(slices.Clone(n.Children), func(c scheme.Node) bool { return c.Code == code })
	for i := range n.Children {
		n.Children[i] = without(n.Children[i], code)
	}
	return n
}

// threeIndicators is a scheme with two sources of uncertainty: weights, and one other aggregation.
const threeIndicators = `{"code": "s", "version": 1, "name": {"zh": "甲", "en": "s"}, "decimals": 4, "min_coverage": 0.5,
"uncertainty": {"weight_spread": 0.5, "aggregations": [{"kind": "geometric"}]},
"tree": {"code": "index", "children": [
{"code": "a", "name": {"zh": "丙", "en": "a"}, "weight": 1, "entry": "reported", "rule": {"kind": "goalposts", "low": 0, "high": 100}},
{"code": "b", "name": {"zh": "丁", "en": "b"}, "weight": 1, "entry": "reported", "rule": {"kind": "goalposts", "low": 0, "high": 100}},
{"code": "c", "name": {"zh": "戊", "en": "c"}, "weight": 2, "entry": "reported", "rule": {"kind": "goalposts", "low": 0, "high": 100}}]}}`

func compiled(t *testing.T, document string) *scheme.Compiled {
	t.Helper()
	d, err := scheme.Decode([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	c, err := scheme.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func study(t *testing.T, document, data string) *Study {
	t.Helper()
	c := compiled(t, document)
	f, err := datafile.Read(strings.NewReader(data), c)
	if err != nil {
		t.Fatal(err)
	}
	return studyOf(t, c, f)
}

// drawn are n branches with values that differ.
func drawn(n int) (string, [][]float64) {
	r := rand.New(rand.NewPCG(3, 5))
	var b strings.Builder
	b.WriteString("branch,class,a,b,c\n")
	var rows [][]float64
	for i := range n {
		row := []float64{math.Round(20 + 75*r.Float64()), math.Round(20 + 75*r.Float64()), math.Round(20 + 75*r.Float64())}
		rows = append(rows, row)
		fmt.Fprintf(&b, "b%02d,%s,%v,%v,%v\n", i, []string{"large", "large", "large", "small"}[min(i%8, 3)], row[0], row[1], row[2])
	}
	return b.String(), rows
}

// The shares of the sources in the score of a branch equal those of an estimator of our own: the
// score is computed here from its definition, and each share is the covariance of two scores that
// have one source in common (pick and freeze, Sobol 1993).
func TestSensitivityEqualsPickFreeze(t *testing.T) {
	data, rows := drawn(12)
	s := study(t, threeIndicators, data)
	found, err := s.Sensitivity("b04")
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Items) != 1 || found.Items[0].Branch.Code != "b04" || len(found.Ranking.Sources) != 2 {
		t.Fatalf("%+v", found)
	}
	r := rand.New(rand.NewPCG(1, 2))
	type choice struct {
		weights   [3]float64
		geometric bool
	}
	weights := func() (w [3]float64) {
		for i, weight := range []float64{1, 1, 2} {
			w[i] = weight * (0.5 + r.Float64())
		}
		return w
	}
	score := func(c choice) float64 {
		sum, total := 0.0, 0.0
		for i, w := range c.weights {
			x := rows[4][i]
			if c.geometric {
				x = math.Log(x)
			}
			sum, total = sum+w*x, total+w
		}
		if c.geometric {
			return math.Exp(sum / total)
		}
		return sum / total
	}
	const n = 400_000
	centre := score(choice{weights: [3]float64{1, 1, 2}}) // near the mean: products of what is left have little error
	var mean, square, sameWeights, sameAggregation float64
	for range n {
		one := choice{weights(), r.IntN(2) == 1}
		two := choice{one.weights, r.IntN(2) == 1}
		three := choice{weights(), one.geometric}
		y := score(one) - centre
		mean, square = mean+y/n, square+y*y/n
		sameWeights += y * (score(two) - centre) / n
		sameAggregation += y * (score(three) - centre) / n
	}
	variance := square - mean*mean
	want := map[string]float64{
		"weights": (sameWeights - mean*mean) / variance, "aggregation": (sameAggregation - mean*mean) / variance,
	}
	got := found.Items[0].Score
	if math.Abs(got.Mean-mean-centre) > 0.3 || math.Abs(got.Variance/variance-1) > 0.15 {
		t.Errorf("mean %v, variance %v; by hand %v, %v", got.Mean, got.Variance, mean+centre, variance)
	}
	for _, share := range got.Sources {
		const tolerance = 0.02 // of the estimate by hand
		if x := want[share.Source]; x < share.FirstInterval.Low-tolerance || x > share.FirstInterval.High+tolerance {
			t.Errorf("%s: %v in %+v; by hand %v", share.Source, share.First, share.FirstInterval, x)
		}
		other := 1 - want[map[string]string{"weights": "aggregation", "aggregation": "weights"}[share.Source]]
		if other < share.TotalInterval.Low-tolerance || other > share.TotalInterval.High+tolerance {
			t.Errorf("%s: total %v in %+v; by hand %v", share.Source, share.Total, share.TotalInterval, other)
		}
	}
	again, err := s.Sensitivity("b04")
	if err != nil || fmt.Sprint(*again) != fmt.Sprint(*found) {
		t.Errorf("the same run has other shares: %v", err)
	}
}

// Of a class with fewer than five scores nothing is stated.
func TestSmallClassesAreWithheld(t *testing.T) {
	data, _ := drawn(6) // five of class large would need 7 branches: large has 3, small 3
	for _, c := range study(t, threeIndicators, data).Statistics().Classes {
		if !c.Withheld || len(c.Nodes) > 0 {
			t.Errorf("%+v", c)
		}
	}
	data, _ = drawn(16)
	classes := study(t, threeIndicators, data).Statistics().Classes
	if len(classes) != 2 || classes[0].Withheld || len(classes[0].Nodes) != 4 || classes[0].Nodes[0].Values != classes[0].Branches {
		t.Errorf("%+v", classes)
	}
	few := study(t, threeIndicators, "branch,a,b,c\nb1,1,2,3\nb2,4,5,9\nb3,7,8,1\nb4,7,2,1\n").Statistics()
	for _, n := range few.Nodes {
		if n.Scores != nil || n.Entered != nil || n.Alpha != nil || n.Components != nil || n.Correlations != nil && n.Correlations.Rows[0][1] != 0 {
			t.Errorf("of four branches: %+v", n)
		}
	}
}

// Proposed weights sum to what the siblings weigh, and a document with them is a scheme.
func TestWeightsAreProposed(t *testing.T) {
	data, _ := drawn(12)
	s := study(t, threeIndicators, data)
	for _, m := range []Method{Entropy, CRITIC, Deviation, PCA, Balanced} {
		w, err := s.Weights(WeightsQuery{Method: m})
		if err != nil {
			t.Errorf("%s: %v", m, err)
			continue
		}
		sum, shares := 0.0, 0.0
		for _, child := range w.Nodes[0].Children {
			sum, shares = sum+child.Weight, shares+child.Proposed
		}
		if len(w.Nodes) != 1 || math.Abs(sum-4) > 1e-9 || math.Abs(shares-1) > 1e-5 || w.Nodes[0].Branches != 12 {
			t.Errorf("%s: %+v", m, w.Nodes)
		}
		if (w.Document == nil) != (len(w.Weightless) > 0) {
			t.Errorf("%s: weightless %v, document %v", m, w.Weightless, w.Document)
		}
	}
	if s.Scheme.Document.Tree.Children[2].Weight != 2 {
		t.Error("a proposal has changed the scheme")
	}
	judged := []Judgement{{"a", "b", 3}, {"a", "c", 5}, {"b", "c", 2}}
	w, err := PairwiseWeights(s.Scheme, WeightsQuery{Method: Pairwise, Node: "index", Judgements: judged}, "en")
	if err != nil {
		t.Fatal(err)
	}
	// Saaty's eigenvector of these judgements: 0.648, 0.230, 0.122, λmax 3.0037
	for i, want := range []float64{0.648329, 0.229651, 0.122020} {
		if got := w.Nodes[0].Children[i].Proposed; math.Abs(got-want) > 1e-5 {
			t.Errorf("child %d: %v, want %v", i, got, want)
		}
	}
	if c := w.Nodes[0].Consistency; math.Abs(c.LambdaMax-3.003695) > 1e-5 || !c.Acceptable {
		t.Errorf("%+v", c)
	}
}

func TestWeightsAreRefused(t *testing.T) {
	data, _ := drawn(12)
	many := study(t, threeIndicators, data)
	few := study(t, threeIndicators, "branch,a,b,c\nb1,1,2,3\nb2,4,5,9\n")
	same := study(t, threeIndicators, "branch,a,b,c\nb1,1,2,3\nb2,1,2,3\nb3,1,2,3\nb4,1,2,3\nb5,1,2,3\n")
	for _, c := range []struct {
		study *Study
		query WeightsQuery
		want  string
	}{
		{few, WeightsQuery{Method: Entropy}, "/period too_few_values"},
		{same, WeightsQuery{Method: CRITIC}, "/period nothing_varies"},
		{many, WeightsQuery{Method: PCA, Node: "a"}, "/node few_children"},
		{many, WeightsQuery{Method: PCA, Node: "x"}, "/node unknown_node"},
		{many, WeightsQuery{Method: Balanced, Node: "index", Importance: map[string]float64{"a": 1}}, "/importance/b required"},
		{many, WeightsQuery{Method: Balanced, Node: "index", Importance: map[string]float64{"a": 1, "b": 1, "c": -1}}, "/importance bad_importance"},
		{nil, WeightsQuery{Method: Pairwise}, "/node required"},
		{nil, WeightsQuery{Method: Pairwise, Node: "index", Judgements: []Judgement{{"a", "b", 2}}}, "/judgements missing"},
		{nil, WeightsQuery{Method: Pairwise, Node: "index", Judgements: []Judgement{{"a", "b", 10}}}, "/judgements/0/times out_of_range"},
		{nil, WeightsQuery{Method: Pairwise, Node: "index", Judgements: []Judgement{{"a", "z", 2}}}, "/judgements/0/less unknown_node"},
		{nil, WeightsQuery{Method: Pairwise, Node: "index", Judgements: []Judgement{{"a", "b", 2}, {"b", "a", 2}}}, "/judgements/1 repeated"},
	} {
		var err error
		if c.study == nil {
			_, err = PairwiseWeights(many.Scheme, c.query, "en")
		} else {
			_, err = c.study.Weights(c.query)
		}
		e, ok := err.(*fault.Error)
		if !ok || len(e.Fields) == 0 || e.Fields[0].Pointer+" "+e.Fields[0].Code != c.want {
			t.Errorf("%+v: %v, want %s", c.query, err, c.want)
		}
	}
}

// An evaluator who is 10 points below everybody is found as such; of too few ratings nothing is
// stated, and a mentor reads only about himself or herself.
func TestRaters(t *testing.T) {
	rated := strings.ReplaceAll(threeIndicators, `"code": "a", "name": {"zh": "丙", "en": "a"}, "weight": 1, "entry": "reported"`,
		`"code": "a", "name": {"zh": "丙", "en": "a"}, "weight": 1, "entry": "rated", "range": {"min": 0, "max": 100}`)
	data, rows := drawn(8)
	s := study(t, rated, data)
	s.Evaluators = []string{"kind", "severe", "rare"}
	cells := make([][]composite.EvaluatorRating, 8)
	for u := range cells {
		for e, shift := range []float64{5, -5} {
			cells[u] = append(cells[u], composite.EvaluatorRating{
				Evaluator: e, Rating: composite.Rating{Role: "mentor", Value: rows[u][0] + shift},
			})
		}
	}
	cells[0] = append(cells[0], composite.EvaluatorRating{Evaluator: 2, Rating: composite.Rating{Role: "mentor", Value: rows[0][0]}})
	s.Ratings = []composite.RatedColumn{{Column: 0, Ratings: cells}}
	all, err := s.Raters("")
	if err != nil {
		t.Fatal(err)
	}
	// One branch alone is rated by all three: too few for an intraclass correlation.
	if len(all.Items) != 3 || len(all.Indicators) != 1 || all.Indicators[0].ICC != nil || all.Indicators[0].Alpha == nil {
		t.Fatalf("%+v", all)
	}
	kind, severe, rare := all.Items[0], all.Items[1], all.Items[2]
	if kind.Severity == nil || severe.Severity == nil || math.Abs(*severe.Severity-*kind.Severity-10) > 1e-6 {
		t.Errorf("severities %v, %v", kind.Severity, severe.Severity)
	}
	if rare.Severity != nil || rare.Indicators[0].Severity != nil || rare.Ratings != 1 {
		t.Errorf("of one branch: %+v", rare)
	}
	if kind.Influence == nil || kind.Influence.ScoreChange <= 0 || severe.Influence.ScoreChange >= 0 {
		t.Errorf("influence %+v, %+v", kind.Influence, severe.Influence)
	}
	own, err := s.Raters("severe")
	if err != nil || len(own.Items) != 1 || own.Items[0].Influence != nil || len(own.Indicators) != 0 ||
		*own.Items[0].Severity != *severe.Severity {
		t.Errorf("own: %+v, %v", own, err)
	}
}

// A scheme that asks for other indicators says which have no entry.
func TestVariantsSayWhatIsMissing(t *testing.T) {
	data, _ := drawn(12)
	s := study(t, threeIndicators, data)
	other := compiled(t, strings.Replace(threeIndicators, `"code": "c"`, `"code": "new"`, 1))
	v, err := s.Variants([]*scheme.Compiled{other})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(v.Schemes[0].Missing, []string{"new"}) || len(v.Items) != 12 {
		t.Errorf("%+v", v.Schemes)
	}
	bad := compiled(t, strings.Replace(threeIndicators, `"rule": {"kind": "goalposts", "low": 0, "high": 100}`,
		`"rule": {"kind": "levels", "levels": {"x": 1, "y": 2}}`, 1))
	if v, err := s.Variants([]*scheme.Compiled{bad}); err != nil || !slices.Equal(v.Schemes[0].Missing, []string{"a"}) {
		t.Errorf("levels instead of numbers: %v, %v", v, err)
	}
}
