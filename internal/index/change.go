package index

import (
	"cmp"
	"context"
	"math"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// ScoreChange takes the change of a branch's published score between two periods
// apart.
type ScoreChange struct {
	Town       string            `json:"town" example:"demo"`
	Branch     BranchRef         `json:"branch"`
	From       string            `json:"from" example:"2023Q1"`
	To         string            `json:"to" example:"2023Q2"`
	Outcome    string            `json:"outcome" enums:"compared,new,gone,unscored_before,unscored_now,unscored_both"`
	Before     *float64          `json:"before,omitempty"`
	Now        *float64          `json:"now,omitempty"`
	Change     *float64          `json:"change,omitempty"`     // only where compared
	Parts      []ChangePart      `json:"parts"`                // sha256Hex to the change; empty unless compared
	Indicators []IndicatorChange `json:"indicators,omitempty"` // what moved most first; only for callers who see details
}

// ChangePart is one cause of a change.
type ChangePart struct {
	Code   string  `json:"code" enums:"own_data,peers,scheme,imputation,adjustments,cut"`
	Points float64 `json:"points"` // exact
	Text   string  `json:"text"`
}

// IndicatorChange is what one indicator carried of the base before and now.
type IndicatorChange struct {
	Code   string   `json:"code" example:"organisation.01"`
	Before *float64 `json:"before,omitempty"` // raw value
	Now    *float64 `json:"now,omitempty"`
	Points float64  `json:"points"` // points of the base
}

var causes = []struct {
	code  string
	words text.Text
	of    func(composite.Parts) float64
}{
	{"own_data", text.Text{ZH: "自身数据变化", EN: "its own values"}, func(p composite.Parts) float64 { return p.OwnData }},
	{"peers", text.Text{ZH: "其他党组织变化", EN: "the other branches"}, func(p composite.Parts) float64 { return p.Peers }},
	{"scheme", text.Text{ZH: "权重与规则变化", EN: "weights and rules"}, func(p composite.Parts) float64 { return p.Scheme }},
	{"imputation", text.Text{ZH: "缺失数据及其处理", EN: "missing values and what stands in for them"}, func(p composite.Parts) float64 { return p.Imputation }},
	{"adjustments", text.Text{ZH: "加分、扣分", EN: "bonuses and deductions"}, func(p composite.Parts) float64 { return p.Adjustments }},
	{"cut", text.Text{ZH: "封顶、舍入与否决", EN: "limits, rounding and vetoes"}, func(p composite.Parts) float64 { return p.Cut }},
}

// Change takes the change from a publication of a period to the one of the view
// apart, the latest one where number is 0. An empty from is the period of the same
// kind before, or with a number the period of the view.
func (b *ResultCache) Change(ctx context.Context, db *gorm.DB, v View, branch, from string, number int64, language string, detailed bool) (ScoreChange, error) {
	before := v.previous
	if from == "" && number > 0 {
		from = v.current.Period.Code
	}
	if from != "" {
		var err error
		if before, _, err = b.publishedOutcome(ctx, db, v.current.Period.TownID, from, number); err != nil {
			return ScoreChange{}, err
		}
	}
	if before == nil {
		return ScoreChange{}, fault.NotFound("nothing_before",
			"之前没有已公布的同类考评周期", "no period of this kind was published before")
	}
	early, err := before.explainer()
	if err != nil {
		return ScoreChange{}, err
	}
	late, err := v.current.explainer()
	if err != nil {
		return ScoreChange{}, err
	}
	c := composite.Compare(early, late, branch)
	r := v.current.find(branch)
	if r == nil {
		r = before.find(branch)
	}
	if r == nil || c.Status == composite.UnitUnknown {
		return ScoreChange{}, fault.Missing(text.Text{ZH: "党组织", EN: "branch"}, branch)
	}
	x := ScoreChange{Town: v.current.Period.TownID, Branch: r.ref(language), From: before.Period.Code, To: v.current.Period.Code, Outcome: string(c.Status), Parts: []ChangePart{}}
	if old := before.find(branch); old != nil {
		x.Before = old.Score
	}
	if r := v.current.find(branch); r != nil {
		x.Now = r.Score
	}
	if c.Status == composite.Compared {
		x.Change = rounded(&c.Score, stats.MaxDecimals)
		for _, cause := range causes {
			x.Parts = append(x.Parts, ChangePart{Code: cause.code, Points: cause.of(c.Parts), Text: cause.words.In(language)})
		}
	}
	if detailed {
		x.Indicators = indicatorChanges(c)
	}
	return x, nil
}

func indicatorChanges(c *composite.Change) []IndicatorChange {
	var list []IndicatorChange
	for _, l := range c.Leaves {
		if l.Points == 0 && l.Before.Cell.Entered == l.Now.Cell.Entered {
			continue
		}
		list = append(list, IndicatorChange{Code: l.Code, Before: entered(l.Before), Now: entered(l.Now), Points: l.Points})
	}
	slices.SortStableFunc(list, func(a, b IndicatorChange) int { return cmp.Compare(math.Abs(b.Points), math.Abs(a.Points)) })
	return list
}

// entered is the raw value of an indicator in one of the two runs.
func entered(s composite.LeafState) *float64 {
	if !s.Known || math.IsNaN(s.Cell.Entered) {
		return nil
	}
	return &s.Cell.Entered
}
