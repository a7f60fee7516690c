package index

import (
	"cmp"
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/review"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
)

// Ruler is whether two figures were measured alike.
type Ruler string

// The rulers. Figures of other schemes are never subtracted.
const (
	// SameRuler: by schemes that score alike, and nothing in them depends on other branches
	// or the data were the same.
	SameRuler Ruler = "same"
	// RelativeRuler: by schemes that score alike, with a rule, a treatment or a replacement of
	// missing values that was fitted to the branches of each result.
	RelativeRuler Ruler = "relative"
	OtherScheme   Ruler = "other_scheme" // what scores differs
)

// measured is how the figures of a run were made.
type measured struct {
	scheme *scheme.Compiled
	data   string // hash of the data file; empty while nothing is stored
}

// ruler returns what the figures of both have in common: the one place where figures of two
// results are compared.
func (m measured) ruler(other measured) Ruler {
	switch {
	case m.scheme.Scoring != other.scheme.Scoring:
		return OtherScheme
	case m.scheme.Index.Relative() && (m.data == "" || m.data != other.data):
		return RelativeRuler
	}
	return SameRuler
}

func (o *Outcome) measured() measured {
	m := measured{scheme: o.Scheme}
	if o.Run != nil {
		m.data = o.Run.DataHash
	}
	return m
}

// ruler returns what the figures of the outcome have in common with those of another.
func (o *Outcome) ruler(other *Outcome) Ruler { return o.measured().ruler(other.measured()) }

// RulerOf returns what the figures of two stored runs of a town have in common.
func RulerOf(ctx context.Context, db *gorm.DB, townID, run, other string) (_ Ruler, err error) {
	defer fault.Wrap(&err, "ruler of the runs %s and %s", run, other)
	var pair [2]measured
	for i, id := range []string{run, other} {
		var r Run
		if err := db.WithContext(ctx).Omit("data").Where("town_id = ? AND id = ?", townID, id).Take(&r).Error; err != nil {
			return "", err
		}
		if pair[i].scheme, err = scheme.Load(ctx, db, townID, r.Scheme.Code, r.Scheme.Number); err != nil {
			return "", err
		}
		pair[i].data = r.DataHash
	}
	return pair[0].ruler(pair[1]), nil
}

// Compared is the publication that changes are counted from.
type Compared struct {
	Period      string `json:"period" example:"2023Q2"`
	Publication int64  `json:"publication" example:"1"`
	// relative: by the same rules, fitted to other values; other_scheme: there are no changes
	Ruler Ruler `json:"ruler" swaggertype:"string" enums:"same,relative,other_scheme"`
	// it was taken back after it was compared with; never in a cited publication
	Withdrawn bool `json:"withdrawn,omitempty,omitzero"`
} // @name ComparedPublication

// Comparison is a branch beside its result in the publication that changes are counted
// from.
type Comparison struct {
	Change *RankChange `json:"change,omitempty"` // absent where either has no score, and with other_scheme
	// both have a score, by schemes that score differently: there is no change to state
	OtherScheme bool `json:"other_scheme,omitempty,omitzero"`
	// branches that merged into it since
	Merged []string `json:"merged,omitempty" example:"b08"`
	// its score rose, and would not have with every missing value at the lowest of its class
	LeftOut bool `json:"left_out,omitempty,omitzero"`
}

// baseline is what changes of an outcome are counted from.
type baseline struct {
	outcome *Outcome // nil: nothing was published before
	number  int64    // of its publication
	ended   []evaluation.EndedBranch
}

// compared returns the publication of the baseline; nil where there is none.
func (b baseline) compared(o *Outcome) *Compared {
	if b.outcome == nil {
		return nil
	}
	return &Compared{
		Period: b.outcome.Period.Code, Publication: b.number, Ruler: o.ruler(b.outcome), Withdrawn: b.outcome.withdrawn,
	}
}

// compare returns the result beside that of the same branch in the baseline.
func (o *Outcome) compare(now *Result, from baseline) (c Comparison) {
	c.Merged = from.mergedInto(now.BranchCode)
	if from.outcome == nil {
		return c
	}
	then := from.outcome.find(now.BranchCode)
	if now.Score == nil || then == nil || then.Score == nil {
		return c
	}
	ruler := o.ruler(from.outcome)
	if ruler == OtherScheme {
		c.OtherScheme = true
		return c
	}
	c.Change = o.change(now, then)
	c.Change.Ruler = ruler
	c.LeftOut = c.Change.Score > 0 && o.decimal(*now.lowest()-*then.lowest()) <= 0
	return c
}

// mergedInto returns the branches that ended by merging into the branch, or into one of
// these.
func (b baseline) mergedInto(branch string) (codes []string) {
	for _, e := range b.ended {
		if e.Into == branch && e.Code != branch {
			codes = append(append(codes, e.Code), b.mergedInto(e.Code)...)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// Signals returns a signal for each branch that is better only by what it left out: its
// score rose, and would not have with every missing value at the lowest of its class.
func (v View) Signals(language string) []review.Signal {
	list := []review.Signal{}
	for i := range v.current.Results {
		now := &v.current.Results[i]
		c := v.current.compare(now, v.before)
		if !c.LeftOut {
			continue
		}
		change := v.current.decimal(*now.lowest() - *v.before.outcome.find(now.BranchCode).lowest())
		missing := len(now.Missing())
		list = append(list, review.Signal{
			Code: "left_out", Evaluators: []string{}, Branches: []string{now.BranchCode},
			Figures: map[string]float64{"change": c.Change.Score, "change_at_lowest": change, "missing": float64(missing)},
			Message: text.F("%[1]s 的得分上升 %[2]v 分，但有 %[3]d 项指标缺失；若按同类最低分计，变化为 %[4]v 分",
				"the score of %[1]s rose by %[2]v with %[3]d values missing: with these at the lowest of its class it changed by %[4]v",
				now.BranchCode, c.Change.Score, missing, change).In(language),
		})
	}
	slices.SortFunc(list, func(a, b review.Signal) int { return cmp.Compare(a.Branches[0], b.Branches[0]) })
	return list
}
