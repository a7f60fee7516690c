package composite_test

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// The ASEM Sustainable Connectivity Index: 51 countries, 49 indicators, published
// with every intermediate table by the COINr package.
const asemFolder = "../../../shared/oracles/asem"

// table is a CSV file by its header; NA is NaN.
type table struct {
	t    *testing.T
	head map[string]int
	rows [][]string
}

func asem(t *testing.T, name string) table {
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
	tb := table{t: t, head: map[string]int{}, rows: rows[1:]}
	for i, h := range rows[0] {
		tb.head[h] = i
	}
	return tb
}

func (tb table) strings(column string) []string {
	tb.t.Helper()
	at, ok := tb.head[column]
	if !ok {
		tb.t.Fatalf("no column %q", column)
	}
	s := make([]string, len(tb.rows))
	for i, row := range tb.rows {
		s[i] = row[at]
	}
	return s
}

func (tb table) numbers(column string) []float64 {
	tb.t.Helper()
	x := make([]float64, len(tb.rows))
	for i, s := range tb.strings(column) {
		x[i] = math.NaN()
		if s != "NA" && s != "" {
			v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
			if err != nil {
				tb.t.Fatal(err)
			}
			x[i] = v
		}
	}
	return x
}

// asemTree builds the tree of the index; leaf makes the rest of an indicator.
func asemTree(
	t *testing.T, kind composite.AggregationKind, leaf func(code string, cost bool) composite.Node,
) composite.Node {
	meta := asem(t, "imeta.csv")
	codes, parents, types := meta.strings("iCode"), meta.strings("Parent"), meta.strings("Type")
	directions := meta.strings("Direction")
	var build func(code string) composite.Node
	build = func(code string) composite.Node {
		n := composite.Node{Code: code, Weight: 1, Aggregation: composite.Aggregation{Kind: kind}}
		for i, parent := range parents {
			switch {
			case parent != code:
			case types[i] == "Indicator":
				child := leaf(codes[i], directions[i] == "-1")
				child.Code, child.Weight = codes[i], 1
				n.Children = append(n.Children, child)
			default:
				n.Children = append(n.Children, build(codes[i]))
			}
		}
		return n
	}
	return build("Index")
}

func asemIndex(
	t *testing.T, kind composite.AggregationKind, leaf func(code string, cost bool) composite.Node,
) *composite.Index {
	t.Helper()
	ix, err := composite.New(composite.Spec{Decimals: 9, Tree: asemTree(t, kind, leaf)})
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func asemDirection(cost bool) composite.Direction {
	if cost {
		return composite.Cost
	}
	return composite.Benefit
}

// asemData reads the columns of ix; tables of later stages sort the countries
// otherwise than the raw one, so units are looked up by code.
func asemData(t *testing.T, ix *composite.Index, name string) composite.Data {
	tb := asem(t, name)
	d := composite.Data{Units: tb.strings("uCode")}
	info := asem(t, "idata.csv")
	class := map[string]string{}
	for i, code := range info.strings("uCode") {
		class[code] = info.strings("EurAsia_group")[i]
	}
	for _, code := range d.Units {
		d.Classes = append(d.Classes, class[code])
	}
	for _, leaf := range ix.Leaves() {
		d.Columns = append(d.Columns, tb.numbers(ix.Nodes()[leaf].Code))
	}
	if err := ix.Check(d); err != nil {
		t.Fatal(err)
	}
	return d
}

// byUnit returns the numbers of a table's column in the order of the units.
func (tb table) byUnit(units []string, column string) []float64 {
	x, place := tb.numbers(column), map[string]int{}
	header := "uCode"
	if _, ok := tb.head[header]; !ok {
		header = "UnitCode"
	}
	for i, code := range tb.strings(header) {
		place[code] = i
	}
	ordered := make([]float64, len(units))
	for i, code := range units {
		ordered[i] = x[place[code]]
	}
	return ordered
}

func near(got, want, tolerance float64) bool {
	return math.Abs(got-want) <= tolerance*max(1, math.Abs(want))
}

// TestASEM goes from the denominated values to the published index: imputation by
// the mean of the continent, Winsorisation, min-max, arithmetic mean.
func TestASEM(t *testing.T) {
	ix := asemIndex(t, composite.Arithmetic, func(_ string, cost bool) composite.Node {
		return composite.Node{
			Direction: asemDirection(cost), Rule: &composite.MinMax{},
			Missing: composite.Missing{Kind: composite.ClassMean},
			Treat:   &composite.Treatment{Kind: "winsorise"},
		}
	})
	d := asemData(t, ix, "denominated.csv")
	r := ix.Score(d, composite.KeepAll)
	stages := []struct {
		name  string
		value func(c composite.Cell) float64
	}{
		{"treated.csv", func(c composite.Cell) float64 { return c.Used }},
		{"normalised.csv", func(c composite.Cell) float64 { return c.Score }},
	}
	for _, stage := range stages {
		tb := asem(t, stage.name)
		for _, leaf := range ix.Leaves() {
			code := ix.Nodes()[leaf].Code
			for u, want := range tb.byUnit(d.Units, code) {
				if got := stage.value(r.Cell(leaf, u)); math.Abs(got-want) > 1e-9*math.Abs(want)+1e-15 {
					t.Fatalf("%s: %s of %s is %.17g, want %.17g", stage.name, code, d.Units[u], got, want)
				}
			}
		}
	}
	aggregated := asem(t, "aggregated.csv")
	for n, node := range ix.Nodes() {
		for u, want := range aggregated.byUnit(d.Units, node.Code) {
			if got, ok := r.Score(n, u); !ok || !near(got, want, 1e-9) {
				t.Errorf("%s of %s is %.17g, want %.17g", node.Code, d.Units[u], got, want)
			}
		}
	}
	if len(r.Treated) != 35 {
		t.Errorf("%d points treated, want 35", len(r.Treated))
	}
	asemPublished(t, ix, r, d)
}

func asemPublished(t *testing.T, ix *composite.Index, r *composite.Result, d composite.Data) {
	list, err := ix.Standings(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	scores := asem(t, "published_scores_coinr6.csv").byUnit(d.Units, "Index")
	ranks := asem(t, "published_ranks_coinr6.csv").byUnit(d.Units, "Index")
	for _, s := range list {
		if stats.Round(s.Score, 2) != scores[s.Unit] || float64(s.Rank) != ranks[s.Unit] {
			t.Errorf("%s: %.9f at rank %d, published %.9f at %v", d.Units[s.Unit], s.Score, s.Rank, scores[s.Unit],
				ranks[s.Unit])
		}
	}
	// The file has two decimals; these four are published with eight.
	for place, want := range map[int]struct {
		code  string
		score float64
	}{0: {"CHE", 68.38372424}, 1: {"NLD", 64.81951617}, 2: {"DNK", 64.80407996}, len(list) - 1: {"RUS", 35.65554451}} {
		s := list[place]
		if d.Units[s.Unit] != want.code || math.Abs(s.Score-want.score) > 1e-7 {
			t.Errorf("place %d: %s with %.9f, want %s with %.8f", place+1, d.Units[s.Unit], s.Score, want.code, want.score)
		}
	}
}

// TestASEMImputed checks the imputed values before treatment.
func TestASEMImputed(t *testing.T) {
	ix := asemIndex(t, composite.Arithmetic, func(_ string, cost bool) composite.Node {
		return composite.Node{
			Direction: asemDirection(cost), Rule: &composite.MinMax{},
			Missing: composite.Missing{Kind: composite.ClassMean},
		}
	})
	d := asemData(t, ix, "denominated.csv")
	r := ix.Score(d, composite.KeepAll)
	imputed, tb := 0, asem(t, "imputed.csv")
	for _, leaf := range ix.Leaves() {
		for u, want := range tb.byUnit(d.Units, ix.Nodes()[leaf].Code) {
			cell := r.Cell(leaf, u)
			if cell.Status == composite.CellImputed {
				imputed++
			}
			if math.Abs(cell.Used-want) > 1e-9*math.Abs(want) {
				t.Fatalf("%s of %s is %.17g, want %.17g", ix.Nodes()[leaf].Code, d.Units[u], cell.Used, want)
			}
		}
	}
	if imputed == 0 {
		t.Error("nothing was imputed")
	}
}

// TestASEMTreatment compares how many values of each column were moved.
func TestASEMTreatment(t *testing.T) {
	ix := asemIndex(t, composite.Arithmetic, func(_ string, cost bool) composite.Node {
		return composite.Node{
			Direction: asemDirection(cost), Rule: &composite.MinMax{},
			Treat: &composite.Treatment{Kind: "winsorise"},
		}
	})
	r := ix.Score(asemData(t, ix, "imputed.csv"), composite.KeepAll)
	moved := map[string]float64{}
	for _, p := range r.Treated {
		moved[ix.Nodes()[p.Node].Code]++
	}
	details := asem(t, "treat_details.csv")
	points := details.numbers("winsorise.nwin")
	for i, code := range details.strings("iCode") {
		want := points[i]
		if want != want {
			want = 0
		}
		if moved[code] != want {
			t.Errorf("%s: %v points moved, want %v", code, moved[code], want)
		}
	}
}

func TestASEMZScore(t *testing.T) {
	ix := asemIndex(t, composite.Arithmetic, func(_ string, cost bool) composite.Node {
		return composite.Node{
			Direction: asemDirection(cost), Rule: &composite.ZScore{Mean: new(0.0), SD: new(1.0)},
		}
	})
	d := asemData(t, ix, "treated.csv")
	r := ix.Score(d, composite.KeepRoot)
	for u, want := range asem(t, "index_zscore_amean.csv").byUnit(d.Units, "Index") {
		if got, ok := r.Base(u); !ok || !near(got, want, 1e-9) {
			t.Errorf("%s is %.17g, want %.17g", d.Units[u], got, want)
		}
	}
}

// TestASEMGeometric enters min-max scores on 1–100 as points.
func TestASEMGeometric(t *testing.T) {
	ix := asemIndex(t, composite.Geometric, func(string, bool) composite.Node {
		return composite.Node{Rule: &composite.PointsRule{Max: 100}}
	})
	d := asemData(t, ix, "normalised.csv")
	for _, column := range d.Columns {
		for i := range column {
			column[i] = 1 + column[i]*0.99
		}
	}
	r := ix.Score(d, composite.KeepRoot)
	for u, want := range asem(t, "index_gmean_minmax1_100.csv").byUnit(d.Units, "Index") {
		if got, ok := r.Base(u); !ok || !near(got, want, 1e-9) {
			t.Errorf("%s is %.17g, want %.17g", d.Units[u], got, want)
		}
	}
}

// TestASEMRemoveOne takes one pillar out and compares the mean rank change.
func TestASEMRemoveOne(t *testing.T) {
	leaf := func(string, bool) composite.Node { return composite.Node{Rule: &composite.PointsRule{Max: 100}} }
	full := asemIndex(t, composite.Arithmetic, leaf)
	before := asemRanks(t, full)
	want := map[string]float64{
		"Physical": 1.529411765, "ConEcFin": 2.627450980, "Political": 2.901960784, "Instit": 1.176470588,
		"P2P": 1.686274510, "Environ": 3.098039216, "Social": 3.960784314, "SusEcFin": 2.627450980,
	}
	for pillar, change := range want {
		tree := asemTree(t, composite.Arithmetic, leaf)
		for s := range tree.Children {
			sub := &tree.Children[s]
			for p := range sub.Children {
				if sub.Children[p].Code == pillar {
					sub.Children = append(sub.Children[:p:p], sub.Children[p+1:]...)
					break
				}
			}
		}
		ix, err := composite.New(composite.Spec{Decimals: 9, Tree: tree})
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for code, rank := range asemRanks(t, ix) {
			sum += math.Abs(float64(rank - before[code]))
		}
		if got := sum / float64(len(before)); !near(got, change, 1e-9) {
			t.Errorf("without %s ranks change by %.9f, want %.9f", pillar, got, change)
		}
	}
}

func asemRanks(t *testing.T, ix *composite.Index) map[string]int {
	d := asemData(t, ix, "normalised.csv")
	list, err := ix.Standings(ix.Score(d, composite.KeepRoot), nil)
	if err != nil {
		t.Fatal(err)
	}
	ranks := map[string]int{}
	for _, s := range list {
		ranks[d.Units[s.Unit]] = s.Rank
	}
	return ranks
}
