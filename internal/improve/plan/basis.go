package plan

import (
	"context"
	"slices"
	"strconv"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/evaluation"
	"bulwark/internal/explanation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite/stats"
)

// AnalysisBasis is what an analysis starts from: the indicators in which a published
// result is weak, and why they are named. The causes are for a person to find.
type AnalysisBasis struct {
	Town        string         `json:"town" example:"demo"`
	Period      string         `json:"period" example:"2023Q2"`
	Publication int64          `json:"publication" example:"1"`
	Branch      town.BranchRef `json:"branch"`
	Score       float64        `json:"score" example:"61.7"`
	Rank        int            `json:"rank" example:"38"`
	Findings    []BasisFinding `json:"findings"` // what costs most first, then what else is on the cheapest way up
}

// BasisFinding is one indicator to look into.
type BasisFinding struct {
	Indicator string                     `json:"indicator" example:"governance.01"`
	Name      string                     `json:"name"`
	Unit      string                     `json:"unit,omitempty" example:"%"`
	Value     *float64                   `json:"value,omitempty"` // entered; absent where nothing is
	Score     float64                    `json:"score"`
	Reasons   []BasisReason              `json:"reasons"`
	Median    *explanation.PossibleValue `json:"median,omitempty"` // the median of the class
	Goal      *explanation.PossibleValue `json:"goal,omitempty"`   // where the rule has full marks
}

// BasisReason is why an indicator is named, for programs by its code and for people
// in words.
type BasisReason struct {
	Code   string  `json:"code" enums:"below_class_median,fallen,below_target,cheapest_gain"`
	Points float64 `json:"points"` // of the index that it costs, or that it would bring
	Text   string  `json:"text"`
}

// FindBasis returns what an analysis of a publication of the period starts from,
// the latest where number is 0.
func FindBasis(
	ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, period string, number int64, branch, language string,
) (_ AnalysisBasis, err error) {
	defer fault.Wrap(&err, "basis of an analysis of %s", branch)
	v, there, err := b.Published(ctx, db, townID, period, number)
	if err != nil {
		return AnalysisBasis{}, err
	}
	if !there {
		return AnalysisBasis{}, fault.Missing(text.Text{ZH: "已公布的考评周期", EN: "published period"}, period)
	}
	return basisOf(ctx, ofBranch(v, branch), branch, language)
}

// ofBranch returns the view for who may know the details of the branch alone. Analyses and
// plans rest on it, whoever writes, approves or reads them: those who work with one branch
// choose the values that are tried out, and are to learn nothing of others by it.
func ofBranch(v index.View, branch string) index.View {
	return v.For(access.Reach{Branches: map[string]bool{branch: true}})
}

// basisOf returns the basis from the explanation of the branch's score and from what would
// move it. The view must be of a publication, for the branch. A branch without a score is a
// Conflict.
func basisOf(ctx context.Context, v index.View, branch, language string) (AnalysisBasis, error) {
	explained, err := explanation.Of(v, branch, language, true)
	if err != nil {
		return AnalysisBasis{}, err
	}
	gains, err := explanation.GainsOf(ctx, v, branch, language)
	if err != nil {
		return AnalysisBasis{}, err
	}
	b := AnalysisBasis{
		Town: explained.Town, Period: explained.Period, Publication: explained.Publication, Branch: explained.Branch,
		Score: explained.Score, Rank: explained.Rank, Findings: []BasisFinding{},
	}
	for _, r := range explained.WeakPoints {
		b.name(gains, r.Node, BasisReason{Code: r.Code, Points: r.Points, Text: r.Text})
	}
	for _, m := range cheapest(gains).Steps {
		b.name(gains, m.Code, BasisReason{Code: "cheapest_gain", Points: m.Points, Text: text.F(
			"由 %[1]s 改进到 %[2]s，指数提高 %.2[3]f 分", "moving it from %[1]s to %[2]s brings %.2[3]f points of the index",
			amount(m.From, m.Unit), amount(m.To, m.Unit), m.Points).In(language)})
	}
	return b, nil
}

// amount returns a value with its unit: 56.1%, 3 visits. It has four
// decimals at most.
func amount(x float64, unit string) string {
	number := strconv.FormatFloat(stats.Round(x, 4), 'f', -1, 64)
	if unit == "" || unit == "%" {
		return number + unit
	}
	return number + " " + unit
}

// cheapest returns the way to the next grade, or to the next rank where there is none. The
// gains must be of a publication. The way is empty where it depends on other branches.
func cheapest(g explanation.Gains) explanation.Path {
	if g.ToNextGrade != nil && len(g.ToNextGrade.Steps) > 0 {
		return *g.ToNextGrade
	}
	if g.ToNextRank != nil {
		return *g.ToNextRank
	}
	return explanation.Path{}
}

// name adds a reason to the finding of the indicator.
func (b *AnalysisBasis) name(gains explanation.Gains, indicator string, r BasisReason) {
	i := slices.IndexFunc(b.Findings, func(f BasisFinding) bool { return f.Indicator == indicator })
	if i >= 0 {
		b.Findings[i].Reasons = append(b.Findings[i].Reasons, r)
		return
	}
	g := slices.IndexFunc(gains.Indicators, func(g explanation.Gain) bool { return g.Code == indicator })
	if g < 0 {
		return // it does not apply to the branch
	}
	n := gains.Indicators[g]
	b.Findings = append(b.Findings, BasisFinding{
		Indicator: n.Code, Name: n.Name, Unit: n.Unit, Value: n.Value, Score: n.Score,
		Median: n.Median, Goal: n.Goal, Reasons: []BasisReason{r},
	})
}

// publishedView returns the view of a publication, the latest where number is 0.
func publishedView(
	ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, period string, number int64,
) (index.View, error) {
	p, err := evaluation.FindPeriod(ctx, db, townID, period)
	if err != nil {
		return index.View{}, err
	}
	v, there, err := b.Published(ctx, db, townID, period, number)
	if err == nil && !there {
		e := fault.Conflict("period_not_published",
			"考评周期 %[1]s 尚未公布：请等待公布", "the period %[1]s is not published: wait until it is", p.Code)
		e.Lock = &fault.Lock{
			By: p.StateBy, Role: string(policy.LeadingGroup), At: p.StateAt, Reason: p.StateReason,
			CanLift: string(policy.LeadingGroup),
		}
		return v, e
	}
	return v, err
}
