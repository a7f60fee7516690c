package api

import (
	"context"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/explanation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/text"
)

// branchView is the view of a period for a question about one branch, and whether
// the caller may see its details.
func (s *Server) branchView(ctx context.Context, req scorecardRequest) (index.View, bool, error) {
	view, reach, err := s.view(ctx, req.resultRequest)
	if err != nil {
		return view, false, err
	}
	p := access.PrincipalFrom(ctx)
	if !reach.Has(req.Branch) {
		return view, false, notYetPublished(p)
	}
	detailed, err := p.ReachOf(ctx, s.db(ctx), policy.ReadScorecard, req.Town, day.Of(s.Now()))
	return view.For(detailed), detailed.Has(req.Branch), err
}

type explanationRequest struct {
	scorecardRequest
	Precise bool `form:"precise"` // with all digits; for who may read the details of the branch
}

// explainedView is branchView with the digits that are asked for.
func (s *Server) explainedView(ctx context.Context, req explanationRequest) (index.View, bool, error) {
	view, detailed, err := s.branchView(ctx, req.scorecardRequest)
	if err != nil || !req.Precise {
		return view, detailed, err
	}
	if !detailed {
		return view, false, access.PrincipalFrom(ctx).InScope(ctx, s.db(ctx), policy.ReadScorecard, req.Town, req.Branch,
			day.Of(s.Now()))
	}
	return view.Precise(), true, nil
}

// findExplanation returns how the score of a branch arose.
//
//	@Summary	Explain the score of a branch
func (s *Server) findExplanation(ctx context.Context, req explanationRequest) (explanation.Explanation, error) {
	view, detailed, err := s.explainedView(ctx, req)
	if err != nil {
		return explanation.Explanation{}, err
	}
	return explanation.Of(view, req.Branch, string(req.Language), detailed)
}

type scoreChangeRequest struct {
	explanationRequest
	// a published period; the one of the same kind before if absent
	From string `form:"from"`
	// of that period, or of the same one if from is absent; its latest if absent
	FromPublication int64 `form:"from_publication" validate:"min=0"`
}

// findChange returns where a change of score comes from.
//
//	@Summary	Take the change of a branch's score apart
func (s *Server) findChange(ctx context.Context, req scoreChangeRequest) (explanation.ScoreChange, error) {
	view, detailed, err := s.explainedView(ctx, req.explanationRequest)
	if err != nil {
		return explanation.ScoreChange{}, err
	}
	return explanation.ChangeOf(ctx, s.db(ctx), s.results, view, explanation.ScoreChangeQuery{
		Branch: req.Branch, From: req.From, Number: req.FromPublication, Language: string(req.Language), Detailed: detailed,
	})
}

// findGains returns what would move a branch up: what each indicator is worth and
// the cheapest way to the next rank and grade.
//
//	@Summary	Say what would move a branch up
func (s *Server) findGains(ctx context.Context, req scorecardRequest) (explanation.Gains, error) {
	view, detailed, err := s.branchView(ctx, req)
	if err != nil {
		return explanation.Gains{}, err
	}
	if !detailed {
		return explanation.Gains{}, access.PrincipalFrom(ctx).InScope(ctx, s.db(ctx), policy.ReadScorecard, req.Town, req.Branch,
			day.Of(s.Now()))
	}
	return explanation.GainsOf(ctx, view, req.Branch, string(req.Language))
}

type robustnessRequest struct {
	resultRequest
	rest.Localized
}

// findRobustness returns how sure the ranks of a published period are.
//
//	@Summary	Say how sure each rank is
func (s *Server) findRobustness(ctx context.Context, req robustnessRequest) (index.Robustness, error) {
	view, published, err := s.results.Published(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
	if err != nil {
		return index.Robustness{}, err
	}
	if !published {
		return index.Robustness{}, fault.Missing(text.Text{ZH: "已公布的考评周期", EN: "published period"}, req.Period)
	}
	return view.Robustness(string(req.Language))
}

// supposedValue is another value of one indicator of a branch.
type supposedValue struct {
	Branch    string   `json:"branch" validate:"required" example:"b07"`
	Indicator string   `json:"indicator" validate:"required" example:"governance.01"`
	Value     *float64 `json:"value" example:"92"` // absent: nothing entered
}

// supposition is what would be otherwise: values, weights or both.
type supposition struct {
	Weights map[string]float64 `json:"weights" validate:"max=1000"` // by code of the node, relative to its siblings
	Values  []supposedValue    `json:"values" validate:"max=1000,dive"`
}

type whatIfRequest struct {
	periodRequest
	rest.Localized
	Body supposition
}

// whatIf returns the ranking as it would be with other weights or values. Nothing
// is stored.
//
//	@Summary	Suppose other weights or values
func (s *Server) whatIf(ctx context.Context, req whatIfRequest) (explanation.WhatIf, error) {
	view, _, err := s.view(ctx, resultRequest{periodRequest: req.periodRequest})
	if err != nil {
		return explanation.WhatIf{}, err
	}
	reach, err := access.PrincipalFrom(ctx).ReachOf(ctx, s.db(ctx), policy.ReadScorecard, req.Town, day.Of(s.Now()))
	if err != nil {
		return explanation.WhatIf{}, err
	}
	in := explanation.Supposition{Weights: req.Body.Weights}
	for _, v := range req.Body.Values {
		in.Values = append(in.Values, explanation.SupposedValue{Branch: v.Branch, Indicator: v.Indicator, Value: v.Value})
	}
	return explanation.Suppose(ctx, view.For(reach), in, string(req.Language))
}
