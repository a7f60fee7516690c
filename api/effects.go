package api

import (
	"context"

	"bulwark/internal/improve"
	"bulwark/internal/rest"
)

type effectRequest struct {
	townRequest
	rest.Localized
	Of      string `form:"of" validate:"required,oneof=measure targeting plans mentoring instructing" example:"targeting"`
	Measure int64  `form:"measure" validate:"required_if=Of measure,omitempty,min=1,max=7"` // which measure, 1 to 7
	Kind    string `form:"kind" default:"quarter"`                                          // of period
	Horizon int    `form:"horizon" default:"1" validate:"min=1,max=40"`                     // periods from the score before to the one after
}

// findEffect reports whether branches gained more by it than comparable ones did
// without. Under a minimum of comparable branches it gives no figure.
//
//	@Summary	Estimate the effect of a measure, of mentoring or of plans
func (s *Server) findEffect(ctx context.Context, req effectRequest) (improve.EffectReport, error) {
	return improve.FindEffect(ctx, s.db(ctx), s.board, req.Town, string(req.Language), improve.EffectQuestion{
		Of: req.Of, Measure: req.Measure, Kind: req.Kind, Horizon: req.Horizon,
	})
}
