package improve

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/index"
	"bulwark/internal/text"
)

// mostItems is how many items are proposed: more is no plan.
const mostItems = 8

// leastPoints is what a goal must bring to be worth planning for: the cheapest way
// ends with a move that only fills up what is missing.
const leastPoints = 0.05

// ownPlan is the measure that an item is counted under unless the plan says another:
// one village, one plan.
const ownPlan = 2

// generate proposes a document from a publication: first what is on the cheapest way
// to the next grade or rank, then what mentors found to be causes, then where the
// branch is weak. The same publication and analyses give the same items.
func generate(ctx context.Context, tx *gorm.DB, v index.View, p Plan, language string) (PlanDocument, error) {
	zh, err := basisOf(v, p.BranchCode, "zh")
	if err != nil {
		return PlanDocument{}, err
	}
	en, err := basisOf(v, p.BranchCode, "en")
	if err != nil {
		return PlanDocument{}, err
	}
	gains, err := v.Gains(p.BranchCode, language)
	if err != nil {
		return PlanDocument{}, err
	}
	settings, err := FindSettings(ctx, tx, p.TownID)
	if err != nil {
		return PlanDocument{}, err
	}
	g := generator{
		gains: gains, language: language, moves: map[string]float64{},
		item: PlannedItem{Measure: ownPlan, Owner: ItemOwner{"branch", p.BranchCode}, DueOn: settings.Document.V.itemDue(day.Of(tx.NowFunc()))},
	}
	for _, m := range cheapest(gains).Steps {
		if m.Points >= leastPoints {
			g.moves[m.Code] = m.To
		}
	}
	g.weak(zh, en, "cheapest_gain")
	if err := g.causes(ctx, tx, p); err != nil {
		return PlanDocument{}, err
	}
	g.weak(zh, en, "")
	return PlanDocument{Items: g.items}.complete(v, p.BranchCode, PlanDocument{})
}

// generator gathers items.
type generator struct {
	gains    index.Gains
	language string
	moves    map[string]float64 // on the cheapest way
	item     PlannedItem        // what all have in common
	items    []PlannedItem
}

// weak adds the indicators of the basis that have a reason of the code, or any where
// it is empty.
func (g *generator) weak(zh, en AnalysisBasis, code string) {
	for i, f := range en.Findings {
		if !slices.ContainsFunc(f.Reasons, func(r BasisReason) bool { return code == "" || r.Code == code }) {
			continue
		}
		for j, r := range f.Reasons {
			g.add(f.Indicator, ItemReason{Code: r.Code, Text: text.Text{ZH: zh.Findings[i].Reasons[j].Text, EN: r.Text}})
		}
	}
}

// causes adds what submitted analyses of the result have found.
func (g *generator) causes(ctx context.Context, tx *gorm.DB, p Plan) error {
	var list []Analysis
	err := tx.WithContext(ctx).Where("town_id = ? AND branch_code = ? AND period_code = ? AND publication_number = ? AND state = ?",
		p.TownID, p.BranchCode, p.PeriodCode, p.PublicationNumber, AnalysisSubmitted).Order("id").Find(&list).Error
	for _, a := range list {
		for _, f := range a.Findings {
			g.add(f.Indicator, ItemReason{Code: "cause", Text: text.Same(f.Cause), Analysis: a.ID})
		}
	}
	return err
}

// add gives the item of the indicator one more reason. An item that does not exist
// is made, where there is a better value to aim at and the plan is not full.
func (g *generator) add(indicator string, r ItemReason) {
	i := slices.IndexFunc(g.items, func(x PlannedItem) bool { return x.Indicator == indicator })
	if i >= 0 {
		if !slices.Contains(g.items[i].Why, r) {
			g.items[i].Why = append(g.items[i].Why, r)
		}
		return
	}
	n := slices.IndexFunc(g.gains.Indicators, func(x index.Gain) bool { return x.Code == indicator })
	if n < 0 || len(g.items) == mostItems {
		return
	}
	goal, ok := g.goal(g.gains.Indicators[n])
	if !ok {
		return
	}
	x := g.item
	x.Indicator, x.ValueGoal, x.Why = indicator, goal, ItemReasons{r}
	x.Action = text.F("将%[1]s改进到目标 %[2]s", "bring %[1]s to %[2]s", g.gains.Indicators[n].Name, amount(goal, g.gains.Indicators[n].Unit)).In(g.language)
	g.items = append(g.items, x)
}

// goal is the value to aim at: that on the cheapest way, or the nearest of the next
// step, the median of the class and full marks that brings enough.
func (g *generator) goal(n index.Gain) (float64, bool) {
	if to, ok := g.moves[n.Code]; ok {
		return to, true
	}
	for _, r := range []*index.PossibleValue{n.Next, n.Median, n.Goal} {
		if r != nil && r.Points >= leastPoints {
			return r.Value, true
		}
	}
	return 0, false
}
