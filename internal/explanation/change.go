package explanation

import (
	"cmp"
	"context"
	"math"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// ScoreChange is the change of a branch's published score between two periods, by its
// causes.
type ScoreChange struct {
	Town   string         `json:"town" example:"demo"`
	Branch town.BranchRef `json:"branch"`
	From   string         `json:"from" example:"2023Q1"`
	To     string         `json:"to" example:"2023Q2"`
	// relative: by the same rules, fitted to other values; other_scheme: the part of the scheme is what other weights and
	// rules made
	Ruler      index.Ruler       `json:"ruler" swaggertype:"string" enums:"same,relative,other_scheme"`
	Outcome    string            `json:"outcome" enums:"compared,new,gone,unscored_before,unscored_now,unscored_both"`
	Before     *float64          `json:"before,omitempty"`
	Now        *float64          `json:"now,omitempty"`
	Change     *float64          `json:"change,omitempty"`     // only where compared
	Parts      []changePart      `json:"parts"`                // sum to the change; empty unless compared
	Indicators []IndicatorChange `json:"indicators,omitempty"` // what moved most first; only for callers who see details
}

// changePart is one cause of a change.
type changePart struct {
	Code   string  `json:"code" enums:"own_data,peers,scheme,imputation,adjustments,cut"`
	Points float64 `json:"points"` // rounded so that all sum to the change, or with all digits if precise
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
	{
		"imputation",
		text.Text{ZH: "缺失数据及其处理", EN: "missing values and their replacements"},
		func(p composite.Parts) float64 { return p.Imputation },
	},
	{
		"adjustments",
		text.Text{ZH: "加分、扣分", EN: "bonuses and deductions"},
		func(p composite.Parts) float64 { return p.Adjustments },
	},
	{
		"cut",
		text.Text{ZH: "封顶、舍入与否决", EN: "limits, rounding and vetoes"},
		func(p composite.Parts) float64 { return p.Cut },
	},
}

// ScoreChangeQuery selects the change of one branch since an earlier publication.
type ScoreChangeQuery struct {
	Branch   string
	From     string // period; empty: what the changes of the view are counted from, or with Number its own period
	Number   int64  // publication of it; 0: the latest
	Language string
	Detailed bool // the caller may see below the first level
}

// ChangeOf returns the change from the publication that the query names to the one of
// the view.
func ChangeOf(
	ctx context.Context, db *gorm.DB, published *index.ResultCache, view index.View, q ScoreChangeQuery,
) (_ ScoreChange, err error) {
	defer fault.Wrap(&err, "change of %s", q.Branch)
	v := reading{view}
	before, err := published.Earlier(ctx, db, view, q.From, q.Number)
	if err != nil {
		return ScoreChange{}, err
	}
	early, err := before.Explainer()
	if err != nil {
		return ScoreChange{}, err
	}
	late, err := v.Explainer()
	if err != nil {
		return ScoreChange{}, err
	}
	compared := early.Compare(late, q.Branch)
	branch := v
	if v.Find(q.Branch) == nil {
		branch = reading{before}
	}
	if branch.Find(q.Branch) == nil || compared.Status == composite.UnitUnknown {
		return ScoreChange{}, fault.Missing(text.Text{ZH: "党组织", EN: "branch"}, q.Branch)
	}
	x := ScoreChange{
		Town: v.Subject().Town, Branch: branch.Branch(q.Branch, q.Language), From: before.Subject().Period, To: v.Subject().Period,
		Ruler: v.Ruler(before), Outcome: string(compared.Status), Parts: []changePart{},
	}
	if old := before.Find(q.Branch); old != nil {
		x.Before = old.Score
	}
	if r := v.Find(q.Branch); r != nil {
		x.Now = r.Score
	}
	if compared.Status == composite.Compared {
		x.Change = new(stats.Round(compared.Score, stats.MaxDecimals))
		points := make([]float64, len(causes))
		for i, cause := range causes {
			points[i] = cause.of(compared.Parts)
		}
		if !v.Exact() {
			points = stats.Apportion(*x.Change, points, v.Scheme().Document.Decimals)
		}
		for i, cause := range causes {
			x.Parts = append(x.Parts, changePart{Code: cause.code, Points: points[i], Text: cause.words.In(q.Language)})
		}
	}
	if q.Detailed {
		x.Indicators = v.indicatorChanges(compared)
	}
	return x, nil
}

func (v reading) indicatorChanges(c *composite.ScoreChange) []IndicatorChange {
	var list []IndicatorChange
	for _, l := range c.Leaves {
		if l.Points == 0 && l.Before.Cell.Entered == l.Now.Cell.Entered {
			continue
		}
		list = append(list, IndicatorChange{
			Code: l.Code, Before: entered(l.Before), Now: entered(l.Now), Points: v.figure(l.Points),
		})
	}
	slices.SortStableFunc(list, func(a, b IndicatorChange) int {
		return cmp.Compare(math.Abs(b.Points), math.Abs(a.Points))
	})
	return list
}

// entered is the raw value of an indicator in one of the two runs.
func entered(s composite.LeafState) *float64 {
	if !s.Known || math.IsNaN(s.Cell.Entered) {
		return nil
	}
	return &s.Cell.Entered
}
