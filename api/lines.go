package api

import (
	"context"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/town"
)

type resultLinesRequest struct {
	resultRequest
	rest.Localized
	// what a line is: a branch; a node of the tree for a branch; or an indicator for a branch
	Level string `form:"level" default:"branch" validate:"oneof=branch node indicator"`
}

// resultLine is a line of the results of a period: of a branch, or of a node of the tree for one.
type resultLine struct {
	Town        string         `json:"town" example:"demo"`
	Period      string         `json:"period" example:"2023Q3"`
	EndsOn      day.Date       `json:"ends_on" swaggertype:"string" format:"date"` // of the period
	Status      string         `json:"status" enums:"provisional,published,final,withdrawn"`
	Publication int64          `json:"publication,omitempty,omitzero" example:"1"` // absent while provisional
	Run         string         `json:"run,omitempty" format:"uuid"`                // likewise
	Branch      town.BranchRef `json:"branch"`
	Result      *branchFigures `json:"result,omitempty"` // with level=branch
	Node        *nodeFigures   `json:"node,omitempty"`   // with level=node and level=indicator
}

// branchFigures are the figures of one branch.
type branchFigures struct {
	Outcome   string   `json:"outcome" enums:"scored,insufficient,failed"`
	Coverage  float64  `json:"coverage" example:"1"`
	Base      *float64 `json:"base,omitempty"` // score of the root, before adjustments
	Bonus     float64  `json:"bonus"`
	Deduction float64  `json:"deduction"`
	Vetoes    []string `json:"vetoes"`
	Score     *float64 `json:"score,omitempty" example:"91.42"`
	Scale     float64  `json:"scale" example:"100"` // the highest possible score
	Grade     string   `json:"grade,omitempty" example:"excellent"`
	Rank      *int     `json:"rank,omitempty" example:"1"`
	Of        int      `json:"of,omitempty,omitzero" example:"40"` // branches with a score
	ClassRank *int     `json:"class_rank,omitempty" example:"1"`
	OfClass   int      `json:"of_class,omitempty,omitzero" example:"14"`
}

// nodeFigures are the figures of one node for one branch.
type nodeFigures struct {
	Code            string   `json:"code" example:"organisation.01"`
	Parent          string   `json:"parent,omitempty" example:"organisation"`
	Depth           int      `json:"depth" example:"2"`
	Name            string   `json:"name" example:"三会一课"`
	EffectiveWeight float64  `json:"effective_weight" example:"0.04"` // share of the index
	Status          string   `json:"status" enums:"entered,missing,imputed,carried,not_applicable,unscored,scored"`
	Raw             *float64 `json:"raw,omitempty" example:"96.5"`
	Level           *string  `json:"level,omitempty"`
	Unit            string   `json:"unit,omitempty" example:"%"`
	Score           *float64 `json:"score,omitempty" example:"93.1"`
	Coverage        *float64 `json:"coverage,omitempty"` // absent for an indicator
}

// resultLines returns the results of a period as one JSON value a line, without a limit: the figures of the ranking and
// of the scorecards, as far as the caller may read them. Who may not read the details of a branch gets its root and first
// level with level=node, and nothing of it with level=indicator.
//
//	@Summary	Read the results of a period line by line
func (s *Server) resultLines(ctx context.Context, req resultLinesRequest) (rest.Stream, error) {
	view, reach, err := s.view(ctx, req.resultRequest)
	if err != nil {
		return rest.Stream{}, err
	}
	detailed, err := access.PrincipalFrom(ctx).ReachOf(ctx, s.db(ctx), policy.ReadScorecard, req.Town, day.Of(s.Now()))
	if err != nil {
		return rest.Stream{}, err
	}
	view = view.For(detailed)
	ranking, err := view.Ranking(index.RankingFilter{}, string(req.Language))
	if err != nil {
		return rest.Stream{}, err
	}
	return rest.Lines(func(write func(any) error) error {
		each := func(branch town.BranchRef, endsOn day.Date) error {
			if !reach.Has(branch.Code) {
				return nil
			}
			card, err := view.Scorecard(branch.Code, string(req.Language), detailed.Has(branch.Code))
			if err != nil {
				return err
			}
			line := resultLine{
				Town: req.Town, Period: req.Period, EndsOn: endsOn, Status: ranking.Status, Publication: ranking.Publication,
				Run: ranking.Run, Branch: branch,
			}
			return line.write(card, req.Level, write)
		}
		for _, i := range ranking.Items {
			if err := each(i.Branch, i.EndsOn); err != nil {
				return err
			}
		}
		for _, i := range ranking.Insufficient {
			if err := each(i.Branch, i.EndsOn); err != nil {
				return err
			}
		}
		return nil
	}), nil
}

// write writes the lines of one branch.
func (l resultLine) write(card index.Scorecard, level string, write func(any) error) error {
	if level == "branch" {
		l.Result = &branchFigures{
			Outcome: card.Outcome, Coverage: card.Coverage, Base: card.Base, Bonus: card.Bonus, Deduction: card.Deduction,
			Vetoes: card.Vetoes, Score: card.Score, Scale: card.Scale, Grade: card.Grade, Rank: card.Rank, Of: card.Of,
			ClassRank: card.ClassRank, OfClass: card.OfClass,
		}
		return write(l)
	}
	for _, n := range card.Nodes {
		if level == "indicator" && n.Coverage != nil {
			continue
		}
		l.Node = &nodeFigures{
			Code: n.Code, Parent: n.Parent, Depth: n.Depth, Name: n.Name, EffectiveWeight: n.EffectiveWeight, Status: n.Status,
			Raw: n.Raw, Level: n.Level, Unit: n.Unit, Score: n.Score, Coverage: n.Coverage,
		}
		if err := write(l); err != nil {
			return err
		}
	}
	return nil
}
