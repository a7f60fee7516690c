package api

import (
	"context"

	"bulwark/internal/improve"
	"bulwark/internal/rest"
)

// findImprovementSettings returns the rules of improvement of a town: those of
// targets, the intervals, the holidays. While nobody has made any it is the example
// that ships, without times.
//
//	@Summary	Read the rules of improvement
func (s *Server) findImprovementSettings(ctx context.Context, req townRequest) (improve.TownSettings, error) {
	stored, err := improve.FindSettings(ctx, s.db(ctx), req.Town)
	return stored.Told(), err
}

// improvementSettingsInput is all rules of improvement, and why they change.
type improvementSettingsInput struct {
	Settings improve.Settings `json:"settings" validate:"required"`
	Reason   string           `json:"reason" validate:"required,max=2000" multiline:"true"`
}

type updateImprovementSettingsRequest struct {
	townRequest
	rest.IfMatch
	Body improvementSettingsInput
}

// updateImprovementSettings replaces the rules of improvement. What was due is
// counted anew by them.
//
//	@Summary	Replace the rules of improvement
func (s *Server) updateImprovementSettings(ctx context.Context, req updateImprovementSettingsRequest) (improve.TownSettings, error) {
	stored, err := improve.UpdateSettings(ctx, s.db(ctx), req.Town, req.Version, req.Body.Settings, req.Body.Reason)
	return stored.Told(), err
}
