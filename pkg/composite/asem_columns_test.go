package composite_test

import (
	"math"
	"slices"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// asemColumns are the indicators of one stage, in the order of imeta.csv, with the
// units of idata.csv.
type asemColumns struct {
	codes        []string
	costs        []bool
	denominators []string
	units        []string
	groups       []string
}

func asemShape(t *testing.T) asemColumns {
	t.Helper()
	meta, info := asem(t, "imeta.csv"), asem(t, "idata.csv")
	s := asemColumns{units: info.strings("uCode"), groups: info.strings("EurAsia_group")}
	types, directions, denominators := meta.strings("Type"), meta.strings("Direction"), meta.strings("Denominator")
	for i, code := range meta.strings("iCode") {
		if types[i] == "Indicator" {
			s.codes = append(s.codes, code)
			s.costs = append(s.costs, directions[i] == "-1")
			s.denominators = append(s.denominators, denominators[i])
		}
	}
	return s
}

// sameAs compares columns with a stage, every cell to 1e-9 relative.
func (s asemColumns) sameAs(t *testing.T, stage string, columns [][]float64) {
	t.Helper()
	tb := asem(t, stage)
	for c, code := range s.codes {
		for u, want := range tb.byUnit(s.units, code) {
			got := columns[c][u]
			if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > 1e-9*math.Abs(want)+1e-15 {
				t.Fatalf("%s: %s of %s is %.17g, want %.17g", stage, code, s.units[u], got, want)
			}
		}
	}
}

// TestASEMByColumns goes from the raw table to the published index with functions
// on columns alone, each stage compared, then to the two variants.
func TestASEMByColumns(t *testing.T) {
	s := asemShape(t)
	raw, info := asem(t, "raw.csv"), asem(t, "idata.csv")
	var columns [][]float64
	for c, code := range s.codes {
		x := raw.byUnit(s.units, code)
		if by := s.denominators[c]; by != "NA" {
			x = stats.Denominate(x, info.numbers(by), 1)
		}
		columns = append(columns, x)
	}
	s.sameAs(t, "denominated.csv", columns)
	missing := 0
	for c, x := range columns {
		missing += stats.Summarise(x).Missing
		columns[c] = stats.ImputeMean(x, s.groups)
	}
	s.sameAs(t, "imputed.csv", columns)
	treated, points := 0, 0
	for c, x := range columns {
		held, err := (composite.Treatment{}).Treat(x)
		if err != nil {
			t.Fatal(err)
		}
		if columns[c] = held.Values; held.Kind == stats.Winsorised {
			treated, points = treated+1, points+len(held.Points)
		} else if held.Kind != stats.Untreated {
			t.Errorf("%s was treated by %s", s.codes[c], held.Kind)
		}
	}
	if missing == 0 || treated != 15 || points != 35 {
		t.Errorf("%d missing, %d columns and %d points treated; want some, 15 and 35", missing, treated, points)
	}
	s.sameAs(t, "treated.csv", columns)

	scores := s.normalise(t, columns, &composite.MinMax{})
	s.sameAs(t, "normalised.csv", scores)
	index := s.aggregate(t, scores, composite.Arithmetic)
	s.published(t, index)
	s.index(t, "index_zscore_amean.csv",
		s.aggregate(t, s.normalise(t, columns, &composite.ZScore{Mean: new(0.0), SD: new(1.0)}), composite.Arithmetic))
	for c, x := range scores {
		scores[c] = stats.Rescale(x, 1, 100)
	}
	s.index(t, "index_gmean_minmax1_100.csv", s.aggregate(t, scores, composite.Geometric))
}

func (s asemColumns) normalise(t *testing.T, columns [][]float64, rule composite.Rule) [][]float64 {
	t.Helper()
	scores := make([][]float64, len(columns))
	for c, x := range columns {
		var err error
		if scores[c], err = composite.Normalise(x, rule, asemDirection(s.costs[c])); err != nil {
			t.Fatal(err)
		}
	}
	return scores
}

// aggregate goes up the tree level by level and returns every node's column.
func (s asemColumns) aggregate(t *testing.T, scores [][]float64, kind composite.AggregationKind) map[string][]float64 {
	t.Helper()
	nodes := map[string][]float64{}
	for c, code := range s.codes {
		nodes[code] = scores[c]
	}
	meta := asem(t, "imeta.csv")
	codes, parents, levels := meta.strings("iCode"), meta.strings("Parent"), meta.numbers("Level")
	for level := 2.; level <= 4; level++ {
		for i, code := range codes {
			if levels[i] != level {
				continue
			}
			var below [][]float64
			for k, parent := range parents {
				if parent == code {
					below = append(below, nodes[codes[k]])
				}
			}
			var err error
			if nodes[code], err = (composite.Aggregation{Kind: kind}).Aggregate(below, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	return nodes
}

func (s asemColumns) index(t *testing.T, file string, nodes map[string][]float64) {
	t.Helper()
	for u, want := range asem(t, file).byUnit(s.units, "Index") {
		if got := nodes["Index"][u]; !near(got, want, 1e-9) {
			t.Errorf("%s: %s is %.17g, want %.17g", file, s.units[u], got, want)
		}
	}
}

// published compares every node with the table of 17 digits, and the index with the
// published ranks and scores.
func (s asemColumns) published(t *testing.T, nodes map[string][]float64) {
	t.Helper()
	aggregated := asem(t, "aggregated.csv")
	for code, x := range nodes {
		for u, want := range aggregated.byUnit(s.units, code) {
			if !near(x[u], want, 1e-9) {
				t.Fatalf("%s of %s is %.17g, want %.17g", code, s.units[u], x[u], want)
			}
		}
	}
	index := nodes["Index"]
	descending := slices.Clone(index)
	slices.Sort(descending)
	slices.Reverse(descending)
	ranks := asem(t, "published_ranks_coinr6.csv").byUnit(s.units, "Index")
	scores := asem(t, "published_scores_coinr6.csv").byUnit(s.units, "Index")
	eight := map[string]float64{"CHE": 68.38372424, "NLD": 64.81951617, "DNK": 64.80407996, "RUS": 35.65554451}
	for u, code := range s.units {
		rank := 1 + slices.Index(descending, index[u])
		if float64(rank) != ranks[u] || stats.Round(index[u], 2) != scores[u] {
			t.Errorf("%s: %.9f at rank %d, published %v at %v", code, index[u], rank, scores[u], ranks[u])
		}
		if want, ok := eight[code]; ok && math.Abs(index[u]-want) > 1e-7 {
			t.Errorf("%s: %.9f, published %.8f", code, index[u], want)
		}
	}
	if len(s.units) != 51 {
		t.Errorf("%d countries, want 51", len(s.units))
	}
}

// TestASEMStatistics holds the statistics of the tree to the figures of COINr: α of
// P2P, skewness and kurtosis of every imputed column and the columns it treats.
func TestASEMStatistics(t *testing.T) {
	ix := asemIndex(t, composite.Arithmetic, func(_ string, cost bool) composite.Node {
		return composite.Node{
			Direction: asemDirection(cost), Rule: &composite.MinMax{}, Treat: &composite.Treatment{Kind: "winsorise"},
		}
	})
	list := ix.Score(asemData(t, ix, "imputed.csv"), composite.KeepAll).Statistics(stats.FlagLimits{})
	details := asem(t, "treat_details.csv")
	passes, skews, kurts := details.strings("check_SkewKurt0.Pass"), details.numbers("check_SkewKurt0.Skew"),
		details.numbers("check_SkewKurt0.Kurt")
	place := map[string]int{}
	for i, code := range details.strings("iCode") {
		place[code] = i
	}
	alpha := 0.0
	for n, info := range ix.Nodes() {
		s := list[n]
		if info.Code == "P2P" && s.Alpha != nil {
			alpha = *s.Alpha
		}
		if !info.Leaf {
			continue
		}
		at := place[info.Code]
		if !near(*s.Entered.Skewness, skews[at], 1e-12) || !near(*s.Entered.Kurtosis, kurts[at], 1e-12) {
			t.Errorf("%s: skewness %v and kurtosis %v, want %v and %v", info.Code, *s.Entered.Skewness, *s.Entered.Kurtosis,
				skews[at], kurts[at])
		}
		if flagged := slices.Contains(s.Flags, stats.Outliers); flagged == (passes[at] == "TRUE") {
			t.Errorf("%s: flags %v, passes %s", info.Code, s.Flags, passes[at])
		}
	}
	if !near(alpha, .8501684186, 5e-11) {
		t.Errorf("α of P2P = %.10f, want .8501684186", alpha)
	}
}
