package api

import (
	"context"

	"bulwark/internal/improve"
	"bulwark/internal/improve/report"

	"bulwark/internal/improve/measure"
	"bulwark/internal/rest"
	"bulwark/internal/text"
)

// listMeasures answers the seven measures of a town, named or not, and how far
// their tasks have come.
//
//	@ID			listMeasures
//	@Summary	List the measures
//	@Tags		improvement
//	@Security
//	@Success	200	{object}	rest.Page[measure.Measure]
//	@Router		/towns/{town}/measures [get]
func (s *Server) listMeasures(ctx context.Context, req townRequest) (rest.Page[measure.Measure], error) {
	list, err := measure.List(ctx, s.db(ctx), req.Town)
	return rest.Page[measure.Measure]{Items: list}, err
}

type measureRequest struct {
	Town    string `uri:"town"`
	Measure int64  `uri:"measure"`
}

// findMeasure answers one measure.
//
//	@ID			findMeasure
//	@Summary	Read a measure
//	@Tags		improvement
//	@Security
//	@Success	200	{object}	measure.Measure
//	@Router		/towns/{town}/measures/{measure} [get]
func (s *Server) findMeasure(ctx context.Context, req measureRequest) (measure.Measure, error) {
	return measure.Find(ctx, s.db(ctx), req.Town, req.Measure)
}

type measureInput struct {
	Name        text.Text `json:"name"` // empty = as the public source names it
	Description text.Text `json:"description"`
}

type nameMeasureRequest struct {
	measureRequest
	rest.IfMatch
	Body measureInput
}

// nameMeasure names and describes a measure. What the public source calls it stays
// visible.
//
//	@ID			nameMeasure
//	@Summary	Name a measure
//	@Tags		improvement
//	@Param		body	body		measureInput	true	"its name and what it is"
//	@Success	200		{object}	measure.Measure
//	@Router		/towns/{town}/measures/{measure} [put]
func (s *Server) nameMeasure(ctx context.Context, req nameMeasureRequest) (measure.Measure, error) {
	return measure.Name(ctx, s.db(ctx), req.Town, req.Measure, req.Version, req.Body.Name, req.Body.Description)
}

type measureProgressRequest struct {
	townRequest
	rest.Localized
	By string `form:"by" default:"measure" validate:"oneof=measure branch"` // one row per measure, or per branch and measure
}

// listMeasureProgress answers how far the tasks have come that the caller may read: of the
// branches in reach, and of the town.
//
//	@ID			listMeasureProgress
//	@Summary	Count the tasks of measures
//	@Tags		improvement
//	@Param		query	query		measureProgressRequest	false	"."
//	@Success	200		{object}	rest.Page[measure.Progress]
//	@Router		/towns/{town}/measures/progress [get]
func (s *Server) listMeasureProgress(ctx context.Context, req measureProgressRequest) (rest.Page[measure.Progress], error) {
	list, err := measure.ProgressInReach(ctx, s.db(ctx), req.Town, string(req.Language), req.By == "branch")
	return rest.Page[measure.Progress]{Items: list}, err
}

// findImprovementSettings answers the rules of improvement of a town: those of
// targets, the intervals, the holidays. While nobody has made any it is the example
// that ships, without times.
//
//	@ID			findImprovementSettings
//	@Summary	Read the rules of improvement
//	@Tags		improvement
//	@Security
//	@Success	200	{object}	improve.TownSettings
//	@Router		/towns/{town}/improvement-settings [get]
func (s *Server) findImprovementSettings(ctx context.Context, req townRequest) (improve.TownSettings, error) {
	stored, err := improve.FindSettings(ctx, s.db(ctx), req.Town)
	return stored.View(), err
}

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
//	@ID			updateImprovementSettings
//	@Summary	Replace the rules of improvement
//	@Tags		improvement
//	@Param		body	body		improvementSettingsInput	true	"all rules, and why they change"
//	@Success	200		{object}	improve.TownSettings
//	@Router		/towns/{town}/improvement-settings [put]
func (s *Server) updateImprovementSettings(ctx context.Context, req updateImprovementSettingsRequest) (improve.TownSettings, error) {
	stored, err := improve.UpdateSettings(ctx, s.db(ctx), req.Town, req.Version, req.Body.Settings, req.Body.Reason)
	return stored.View(), err
}

type effectRequest struct {
	townRequest
	rest.Localized
	Of      string `form:"of" validate:"required,oneof=measure targeting plans mentoring instructing" example:"targeting"`
	Measure int64  `form:"measure" validate:"required_if=Of measure,omitempty,min=1,max=7"` // which measure, 1 to 7
	Kind    string `form:"kind" default:"quarter"`                                          // of period
	Horizon int    `form:"horizon" default:"1" validate:"min=1,max=40"`                     // periods from the score before to the one after
}

// findEffect answers whether branches gained more by it than comparable ones did
// without. Under a minimum of comparable branches it gives no figure.
//
//	@ID			findEffect
//	@Summary	Estimate the effect of a measure, of mentoring or of plans
//	@Tags		improvement
//	@Param		query	query		effectRequest	false	"."
//	@Success	200		{object}	report.EffectReport
//	@Router		/towns/{town}/effects [get]
func (s *Server) findEffect(ctx context.Context, req effectRequest) (report.EffectReport, error) {
	return report.FindEffect(ctx, s.db(ctx), s.board, req.Town, string(req.Language), report.EffectQuestion{
		Of: req.Of, Measure: req.Measure, Kind: req.Kind, Horizon: req.Horizon,
	})
}
