package index

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strconv"

	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
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

// WhatIf computes the ranking under the supposition. For a reader who may not know the
// details of every branch it is computed from those in reach alone, and holds nothing but
// published figures of the others: else ranks under weights and values that the reader
// chooses would tell, question by question, all that the others have.
func (v View) WhatIf(ctx context.Context, s Supposition, language string) (WhatIf, error) {
	o := v.current
	if _, err := o.explainer(); err != nil {
		return WhatIf{}, err
	}
	c := &computation{
		scheme: o.Scheme, branches: o.computation.branches, values: o.computation.values, partial: o.computation.partial,
	}
	if v.limited() {
		var err error
		if c, err = c.only(v.reader.Has); err != nil {
			return WhatIf{}, err
		}
	}
	if len(s.Weights) > 0 {
		var err error
		if c.scheme, err = reweighed(o.Scheme, s.Weights); err != nil {
			return WhatIf{}, err
		}
	}
	if err := c.suppose(s.Values); err != nil {
		return WhatIf{}, err
	}
	if err := ctx.Err(); err != nil { // scoring once is not long; waiting for it may have been
		return WhatIf{}, err
	}
	if err := c.score(); err != nil {
		return WhatIf{}, err
	}
	w := WhatIf{
		Town: o.Period.TownID, Period: o.Period.Code, Supposed: true, Items: []Supposed{}, Insufficient: []string{},
	}
	actual, ranks := o.byBranch(), c.supposedRanks(o, len(s.Weights) > 0)
	for _, standing := range c.table {
		now := actual[c.branches[standing.Unit].Code]
		switch {
		case now == nil:
		case standing.Status != composite.UnitScored:
			w.Insufficient = append(w.Insufficient, now.BranchCode)
		default:
			w.Items = append(w.Items, Supposed{
				Branch: now.ref(language), Score: standing.Score, Rank: ranks[now.BranchCode], Grade: c.gradeOf(standing),
				RealScore: now.Score, RealRank: now.Rank, RealGrade: word(now.Grade),
			})
		}
	}
	return w, nil
}

// supposedRanks returns the rank of each branch of the computation: among all where all
// are in it, and otherwise among the published figures of the others, which were made
// with the weights of the scheme.
func (c *computation) supposedRanks(o *Outcome, reweighed bool) map[string]int {
	type figure struct {
		branch string
		score  float64
	}
	ranks, figures := map[string]int{}, []figure{}
	if c.partial && (reweighed || o.Run == nil) {
		return ranks
	}
	own := map[string]bool{}
	for _, s := range c.table {
		code := c.branches[s.Unit].Code
		if own[code] = true; s.Status == composite.UnitScored {
			ranks[code] = s.Rank
			figures = append(figures, figure{code, s.Score})
		}
	}
	if !c.partial {
		return ranks
	}
	for i := range o.Results {
		if r := &o.Results[i]; r.Score != nil && !own[r.BranchCode] {
			figures = append(figures, figure{r.BranchCode, *r.Score})
		}
	}
	slices.SortFunc(figures, func(a, b figure) int { return cmp.Compare(b.score, a.score) })
	ranker := composite.Ranker{Ranking: o.Scheme.Document.Ranking}
	for _, f := range figures {
		if rank := ranker.Next(f.score); own[f.branch] {
			ranks[f.branch] = rank
		}
	}
	return ranks
}

// suppose replaces values in copies of their columns.
func (c *computation) suppose(values []SupposedValue) error {
	var faults []fault.FieldError
	d := &c.values.Data
	d.Columns = slices.Clone(d.Columns)
	copied := map[int]bool{}
	for i, s := range values {
		at := "/values/" + strconv.Itoa(i)
		unit := slices.Index(d.Units, s.Branch)
		column := slices.IndexFunc(c.scheme.Indicators, func(n *scheme.Node) bool { return n.Code == s.Indicator })
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
	Indicators map[string]float64 // the scores of those that have one, to the decimals of the scheme
	Kept       []string           // indicators that were given a value and are computed with the real one, sorted
}

// Predict computes the result again with values of the branch, by indicator. Nothing
// is stored. For a reader who may not know the details of every branch, an indicator that
// is measured against the others keeps its real value: the score of values that the reader
// chooses would tell, question by question, what the others have.
func (v View) Predict(branch string, values map[string]float64) (Prediction, error) {
	o := v.current
	if _, err := o.explainer(); err != nil {
		return Prediction{}, err
	}
	c := &computation{scheme: o.Scheme, branches: o.computation.branches, values: o.computation.values}
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
	if err := c.suppose(list); err != nil {
		return Prediction{}, err
	}
	if err := c.score(); err != nil {
		return Prediction{}, err
	}
	for _, s := range c.table {
		if c.branches[s.Unit].Code != branch || s.Status != composite.UnitScored {
			continue
		}
		p := Prediction{Score: s.Score, Rank: s.Rank, Grade: s.Grade, Indicators: map[string]float64{}, Kept: kept}
		for n, info := range c.scheme.Index.Nodes() {
			if x, ok := c.result.Score(n, s.Unit); ok && info.Leaf {
				p.Indicators[info.Code] = o.decimal(x)
			}
		}
		return p, nil
	}
	return Prediction{}, fault.Conflict("not_scored", "党组织“%s”没有得分", "the branch %q has no score", branch)
}
