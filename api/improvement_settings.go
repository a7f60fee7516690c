package api

import (
	"context"

	"bulwark/internal/improve"
)

// findImprovementSettings answers the rules of improvement of a town: those of
// targets, the intervals, the holidays.
//
//	@ID			findImprovementSettings
//	@Summary	Read the rules of improvement
//	@Tags		improvement
//	@Security
//	@Success	200	{object}	improve.StoredSettings
//	@Router		/towns/{town}/improvement-settings [get]
func (s *Server) findImprovementSettings(ctx context.Context, req townRequest) (improve.StoredSettings, error) {
	return improve.FindSettings(ctx, s.db(ctx), req.Town)
}

type improvementSettingsInput struct {
	Settings improve.Settings `json:"settings" validate:"required"`
	Reason   string           `json:"reason" validate:"required,max=2000" multiline:"true"`
}

type updateImprovementSettingsRequest struct {
	townRequest
	ifMatch
	Body improvementSettingsInput
}

// updateImprovementSettings replaces the rules of improvement. What was due is
// counted anew by them.
//
//	@ID			updateImprovementSettings
//	@Summary	Replace the rules of improvement
//	@Tags		improvement
//	@Param		body	body		improvementSettingsInput	true	"all rules, and why they change"
//	@Success	200		{object}	improve.StoredSettings
//	@Router		/towns/{town}/improvement-settings [put]
func (s *Server) updateImprovementSettings(ctx context.Context, req updateImprovementSettingsRequest) (improve.StoredSettings, error) {
	return improve.UpdateSettings(ctx, s.db(ctx), req.Town, req.Version, req.Body.Settings, req.Body.Reason)
}
