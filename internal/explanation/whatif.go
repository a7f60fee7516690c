package explanation

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strconv"

	"bulwark/internal/access"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Supposition is a question: what if weights or values were others? Nothing is
// stored.
type Supposition struct {
	Weights map[string]float64 // by node, relative to its siblings
	Values  []SupposedValue
}

// SupposedValue is one value that is not the real one.
type SupposedValue struct {
	Branch    string
	Indicator string
	Value     *float64 // nil: nothing entered
}

// WhatIf is the ranking as it would be.
type WhatIf struct {
	Town         string     `json:"town" example:"demo"`
	Period       string     `json:"period" example:"2023Q2"`
	Supposed     bool       `json:"supposed" example:"true"` // these are not the published figures
	Items        []Supposed `json:"items"`                   // in the order that would be
	Insufficient []string   `json:"insufficient"`
}

// Supposed is one branch in the supposed ranking, beside what it really got.
type Supposed struct {
	Branch town.BranchRef `json:"branch"`
	Score  float64        `json:"score"`
	// among the published figures of the others where the caller may not know their details;
	// absent under other weights then, and before publication
	Rank      int      `json:"rank,omitempty,omitzero"`
	Grade     string   `json:"grade,omitempty"`
	RealScore *float64 `json:"real_score,omitempty"`
	RealRank  *int     `json:"real_rank,omitempty"`
	RealGrade string   `json:"real_grade,omitempty"`
}

// Suppose computes the ranking under the supposition. For a reader who may not know the
// details of every branch it is computed from those in reach alone, and holds nothing but
// published figures of the others: else ranks under weights and values that the reader
// chooses would tell, question by question, all that the others have.
func Suppose(ctx context.Context, view index.View, s Supposition, language string) (WhatIf, error) {
	return reading{view}.suppose(ctx, s, language, view.Subject().Run != "")
}

func (v reading) suppose(ctx context.Context, s Supposition, language string, stored bool) (w WhatIf, err error) {
	then, err := v.Supposing(func(d *composite.Data) (_ *scheme.Compiled, err error) {
		c := v.Scheme()
		if len(s.Weights) > 0 {
			if c, err = reweighed(c, s.Weights); err != nil {
				return nil, err
			}
		}
		if err := suppose(c, d, s.Values); err != nil {
			return nil, err
		}
		return c, ctx.Err() // scoring once is not long; waiting for it may have been
	})
	if err != nil {
		return WhatIf{}, err
	}
	subject := v.Subject()
	w = WhatIf{
		Town: subject.Town, Period: subject.Period, Supposed: true, Items: []Supposed{}, Insufficient: []string{},
	}
	ranks := map[string]int{}
	if !then.Partial() || len(s.Weights) == 0 && stored {
		ranks = v.supposedRanks(then)
	}
	for _, r := range then.Figures() {
		now := v.Find(r.BranchCode)
		switch {
		case now == nil:
		case r.Score == nil:
			w.Insufficient = append(w.Insufficient, r.BranchCode)
		default:
			w.Items = append(w.Items, Supposed{
				Branch: v.Branch(r.BranchCode, language), Score: *r.Score, Rank: ranks[r.BranchCode], Grade: value(r.Grade),
				RealScore: now.Score, RealRank: now.Rank, RealGrade: value(now.Grade),
			})
		}
	}
	return w, nil
}

// supposedRanks returns the rank of each supposed branch: among all where all are supposed,
// and otherwise among the published figures of the others, which were made with the weights
// of the scheme.
func (v reading) supposedRanks(then index.View) map[string]int {
	type figure struct {
		branch string
		score  float64
	}
	ranks, figures := map[string]int{}, []figure{}
	own := map[string]bool{}
	for _, r := range then.Figures() {
		if own[r.BranchCode] = true; r.Score != nil {
			ranks[r.BranchCode] = value(r.Rank)
			figures = append(figures, figure{r.BranchCode, *r.Score})
		}
	}
	if !then.Partial() {
		return ranks
	}
	for _, r := range v.Figures() {
		if r.Score != nil && !own[r.BranchCode] {
			figures = append(figures, figure{r.BranchCode, *r.Score})
		}
	}
	slices.SortFunc(figures, func(a, b figure) int { return cmp.Compare(b.score, a.score) })
	ranker := composite.Ranker{Ranking: v.Scheme().Document.Ranking}
	for _, f := range figures {
		if rank := ranker.Next(f.score); own[f.branch] {
			ranks[f.branch] = rank
		}
	}
	return ranks
}

// suppose replaces values in copies of their columns.
func suppose(c *scheme.Compiled, d *composite.Data, values []SupposedValue) error {
	var faults []fault.FieldError
	d.Columns = slices.Clone(d.Columns)
	copied := map[int]bool{}
	for i, s := range values {
		at := "/values/" + strconv.Itoa(i)
		unit := slices.Index(d.Units, s.Branch)
		column := slices.IndexFunc(c.Indicators, func(n *scheme.Node) bool { return n.Code == s.Indicator })
		switch {
		case unit < 0:
			faults = append(faults, fault.Field(at+"/branch", "unknown_branch",
				"没有党组织“%s”", "there is no branch %q", s.Branch))
			continue
		case column < 0:
			faults = append(faults, fault.Field(at+"/indicator", "unknown_indicator",
				"没有指标“%s”", "there is no indicator %q", s.Indicator))
			continue
		}
		if !copied[column] {
			d.Columns[column], copied[column] = slices.Clone(d.Columns[column]), true
		}
		d.Columns[column][unit] = math.NaN()
		if s.Value != nil {
			d.Columns[column][unit] = *s.Value
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// reweighed is the scheme with other weights.
func reweighed(c *scheme.Compiled, weights map[string]float64) (*scheme.Compiled, error) {
	var faults []fault.FieldError
	for code, w := range weights {
		if n := c.Node(code); n == nil || n == &c.Document.Tree || !(w > 0 && w <= 1e9) {
			faults = append(faults, fault.Field("/weights/"+code, "bad_weight",
				"须为本指标体系节点的代码和大于 0 的权重", "name a node below the root and give a weight above 0"))
		}
	}
	if len(faults) > 0 {
		return nil, fault.Broken(faults...)
	}
	return scheme.Compile(c.Document.WithWeights(weights))
}

// Prediction is the result of one branch as it would be with other values of its
// own, all others as they are.
type Prediction struct {
	Score      float64
	Rank       int
	Grade      string
	Indicators map[string]float64 // the scores of those that have one; exact to nine decimals
	Kept       []string           // indicators that were given a value and are computed with the real one, sorted
}

// Predict computes the result again with values of the branch, by indicator. Nothing
// is stored. For a reader who may not know the details of every branch, an indicator that
// is measured against the others keeps its real value: the score of values that the reader
// chooses would tell, question by question, what the others have.
func Predict(view index.View, branch string, values map[string]float64) (Prediction, error) {
	v := reading{view}
	var list []SupposedValue
	var kept []string
	for _, code := range slices.Sorted(maps.Keys(values)) {
		x := values[code]
		if v.hides(code) {
			kept = append(kept, code)
			continue
		}
		list = append(list, SupposedValue{Branch: branch, Indicator: code, Value: &x})
	}
	all := view.For(access.Reach{All: true}) // the others as they are
	then, err := all.Supposing(func(d *composite.Data) (*scheme.Compiled, error) {
		return v.Scheme(), suppose(v.Scheme(), d, list)
	})
	if err != nil {
		return Prediction{}, err
	}
	r := then.Find(branch)
	if r == nil || r.Score == nil {
		return Prediction{}, fault.Conflict("not_scored", "党组织“%s”没有得分", "the branch %q has no score", branch)
	}
	p := Prediction{
		Score: *r.Score, Rank: value(r.Rank), Grade: value(r.Grade), Indicators: map[string]float64{}, Kept: kept,
	}
	for n, info := range v.Scheme().Index.Nodes() {
		if x := r.Nodes[n].Score; x != nil && info.Leaf {
			p.Indicators[info.Code] = stats.Round(*x, stats.MaxDecimals)
		}
	}
	return p, nil
}
