package improve

import (
	"bulwark/internal/index"
	"bulwark/pkg/composite/stats"
)

// PlanPrediction is what a plan would have brought, had all its items reached their
// goals in the result that it starts from. It is a supposition, kept with what it
// assumes, and never a published figure.
type PlanPrediction struct {
	Period      string           `json:"period" example:"2023Q2"`
	Publication int64            `json:"publication" example:"1"`
	Run         string           `json:"run" format:"uuid"`
	Score       float64          `json:"score" example:"61.7"` // as published
	ScoreThen   float64          `json:"score_then"`           // with every goal reached together
	Points      float64          `json:"points"`               // their difference: not the sum of the items
	Rank        int              `json:"rank"`
	RankThen    int              `json:"rank_then"`
	Grade       string           `json:"grade,omitempty"`
	GradeThen   string           `json:"grade_then,omitempty"`
	Items       []ItemPrediction `json:"items"`
	Assumptions []string         `json:"assumptions" enums:"goals_reached,others_unchanged,adjustments_unchanged"`
}

// ItemPrediction is what one item would have brought alone.
type ItemPrediction struct {
	Item      string  `json:"item" format:"uuid"`
	Indicator string  `json:"indicator" example:"governance.01"`
	Goal      float64 `json:"goal"`
	Points    float64 `json:"points"`
}

// predict computes it from the publication that the plan starts from.
func (p Plan) predict(v index.View) (PlanPrediction, error) {
	card, err := cardOf(v, p.BranchCode)
	if err != nil {
		return PlanPrediction{}, err
	}
	then, err := v.Predict(p.BranchCode, p.Document.V.goals())
	if err != nil {
		return PlanPrediction{}, err
	}
	x := PlanPrediction{
		Period: p.PeriodCode, Publication: p.PublicationNumber, Run: card.Run, Score: *card.Score, ScoreThen: then.Score,
		Points: stats.Round(then.Score-*card.Score, stats.MaxDecimals), Rank: *card.Rank, RankThen: then.Rank,
		Grade: card.Grade, GradeThen: then.Grade, Items: []ItemPrediction{},
		Assumptions: []string{"goals_reached", "others_unchanged", "adjustments_unchanged"},
	}
	for _, i := range p.Document.V.Items {
		x.Items = append(x.Items, ItemPrediction{Item: i.ID, Indicator: i.Indicator, Goal: i.ValueGoal, Points: i.Points})
	}
	return x, nil
}
