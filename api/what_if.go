package api

import (
	"context"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/index"
	"bulwark/internal/rest"
)

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
func (s *Server) whatIf(ctx context.Context, req whatIfRequest) (index.WhatIf, error) {
	view, _, err := s.view(ctx, resultRequest{periodRequest: req.periodRequest})
	if err != nil {
		return index.WhatIf{}, err
	}
	reach, err := access.ReachOf(ctx, s.db(ctx), access.Caller(ctx), access.ReadScorecard, req.Town, day.Of(s.Now()))
	if err != nil {
		return index.WhatIf{}, err
	}
	in := index.Supposition{Weights: req.Body.Weights}
	for _, v := range req.Body.Values {
		in.Values = append(in.Values, index.SupposedValue{Branch: v.Branch, Indicator: v.Indicator, Value: v.Value})
	}
	return view.WhatIf(in, string(req.Language), reach.Has)
}
