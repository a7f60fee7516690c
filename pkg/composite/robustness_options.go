package composite

import (
	"bulwark/pkg/composite/stats"
	"math"
)

// RobustnessOptions say what is uncertain and how it is drawn. Each source is off
// at its zero value and can be on alone; with none on, every replicate is the
// published outcome. What one source draws does not depend on which others are on.
//
// A list of alternatives is one source. The scheme's own way is always one more
// choice, all are equally likely, and an alternative that changes nothing is left
// out.
type RobustnessOptions struct {
	Seed       uint64 `json:"seed"`
	Replicates int    `json:"replicates,omitempty"` // 1000 when 0, at most 1e6
	Top        int    `json:"top,omitempty"`        // k of P(top k); 3 when 0
	Bottom     int    `json:"bottom,omitempty"`     // k of P(bottom k); 3 when 0
	Workers    int    `json:"-"`                    // goroutines, GOMAXPROCS when 0; changes no bit

	// Adjustments are held: they apply in every replicate as in Standings.
	Adjustments []Adjustment `json:"-"`

	// WeightSpread f multiplies the weight of every node by its own uniform draw from
	// 1−f to 1+f. At least 0, below 1; 0.25 is usual.
	WeightSpread float64 `json:"weight_spread,omitempty"`
	// Ratings are drawn again with replacement, cell by cell, among the ratings of
	// the same role (Efron 1979). A role of one evaluator therefore does not vary.
	Ratings []RatedColumn `json:"-"`
	// Missing are policies that apply to all indicators at once; Fail is not one. An
	// indicator that cannot have a policy, such as a mean of levels, keeps its own.
	Missing []MissingKind `json:"missing,omitempty"`
	// Normalisations are rules that apply to all indicators at once. Indicators with
	// levels or bands keep their own, as do those with an entry that the rule refuses.
	Normalisations []Rule `json:"-"`
	// Aggregations apply to all inner nodes at once.
	Aggregations []Aggregation `json:"aggregations,omitempty"`
	// Variants are whole schemes over the same indicators, that is, with the codes of
	// the leaves in the same order. Their tree is used, and nothing else of them.
	Variants []Spec `json:"-"`
}

// RatedColumn holds the ratings behind one column of the Data. The column holds
// what Combine makes of them. A unit without ratings keeps its entry.
type RatedColumn struct {
	Column  int
	Combine Combination
	Ratings [][]EvaluatorRating // by unit
}

// EvaluatorRating is a Rating with the number of the evaluator who gave it.
type EvaluatorRating struct {
	Evaluator int
	Rating
}

// Limits of a robustness run. They bound its memory to some hundred megabytes.
const (
	MaxReplicates = 1_000_000
	maxCells      = 1 << 25 // units × replicates, and values of leaves over all alternatives
	maxWorkers    = 256
)

func (o RobustnessOptions) resolve() RobustnessOptions {
	fill(&o.Replicates, 1000)
	fill(&o.Top, 3)
	fill(&o.Bottom, 3)
	return o
}

// check reports the faults of resolved options for so many units, by the names of
// their JSON members.
func (o *RobustnessOptions) check(ix *Index, units int, r report) {
	switch {
	case o.Replicates < 1 || o.Replicates > MaxReplicates:
		r("/replicates", "replicates_out_of_range", "give 1 to %d replicates", MaxReplicates)
	case o.Replicates > maxCells/max(units, 1):
		r("/replicates", "too_large", "%d replicates of %d units need too much memory: at most %d in all", o.Replicates, units, maxCells)
	}
	if o.Top < 1 {
		r("/top", "not_positive", "give 1 or more")
	}
	if o.Bottom < 1 {
		r("/bottom", "not_positive", "give 1 or more")
	}
	if !(o.WeightSpread >= 0 && o.WeightSpread < 1) {
		r("/weight_spread", "spread_out_of_range", "give a share of 0 or more, below 1")
	}
	for i, kind := range o.Missing {
		r := r.under("/missing" + item(i))
		if kind == Fail {
			r("/kind", "missing_fails", "a policy that takes the score away is not an alternative")
		}
		Missing{Kind: kind}.check(nil, r)
	}
	for i, rule := range o.Normalisations {
		if resolveRule(rule) == nil {
			r("/normalisations"+item(i), "rule_missing", "give a rule")
		}
	}
	for i, a := range o.Aggregations {
		a.check(r.under("/aggregations" + item(i)))
	}
	for i, v := range o.Variants {
		ix.checkVariant(v, r.under("/variants"+item(i)))
	}
	checkRated(o.Ratings, len(ix.leaves), units, r.under("/ratings"))
}

func (ix *Index) checkVariant(v Spec, r report) {
	other, err := New(v)
	if faults, ok := err.(Faults); ok { //nolint:errorlint // New returns it bare
		for _, f := range faults {
			r(f.Pointer, f.Code, "%s", f.Message)
		}
		return
	}
	if len(other.leaves) != len(ix.leaves) {
		r("/tree", "other_indicators", "a variant has the same indicators: %d, not %d", len(ix.leaves), len(other.leaves))
		return
	}
	for c := range ix.leaves {
		if ix.code(c) != other.code(c) {
			r("/tree", "other_indicators", "indicator %d is %q, not %q: a variant has the same ones in the same order", c, other.code(c), ix.code(c))
			return
		}
	}
}

func checkRated(rated []RatedColumn, columns, units int, r report) {
	seen := map[int]bool{}
	for i, rc := range rated {
		r := r.under(item(i))
		switch {
		case rc.Column < 0 || rc.Column >= columns:
			r("/column", "unknown_column", "there are %d columns from 0", columns)
		case seen[rc.Column]:
			r("/column", "column_duplicate", "column %d is given twice", rc.Column)
		}
		seen[rc.Column] = true
		if len(rc.Ratings) != units {
			r("/ratings", "shape", "there are ratings for %d units of %d", len(rc.Ratings), units)
		}
		rc.Combine.check(r.under("/combine"))
		for u, cell := range rc.Ratings {
			for j, rating := range cell {
				if !stats.Valid(rating.Value) && !math.IsNaN(rating.Value) {
					r("/ratings"+item(u)+item(j), "value_out_of_range", "give a number between -1e15 and 1e15")
				}
			}
		}
	}
}
