package api

import (
	"context"

	"bulwark/internal/improve"
	"bulwark/internal/improve/report"

	"bulwark/internal/improve/measure"
	"bulwark/internal/rest"
	"bulwark/internal/text"
)

// listMeasures returns the seven measures of a town, named or not, and how far
// their tasks have come.
//
//	@Summary	List the measures
func (s *Server) listMeasures(ctx context.Context, req townListRequest) (rest.Page[measure.Measure], error) {
	list, err := measure.List(ctx, s.db(ctx), req.Town)
	return rest.Page[measure.Measure]{Items: list}, err
}

type measureRequest struct {
	Town    string `uri:"town"`
	Measure int64  `uri:"measure"`
}

// findMeasure returns one measure.
//
//	@Summary	Read a measure
func (s *Server) findMeasure(ctx context.Context, req measureRequest) (measure.Measure, error) {
	return measure.Find(ctx, s.db(ctx), req.Town, req.Measure)
}

// measureInput is the name of a measure and what it is.
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
//	@Summary	Name a measure
func (s *Server) nameMeasure(ctx context.Context, req nameMeasureRequest) (measure.Measure, error) {
	return measure.Name(ctx, s.db(ctx), req.Town, req.Measure, req.Version, req.Body.Name, req.Body.Description)
}

type measureProgressRequest struct {
	townRequest
	rest.TableQuery
	rest.Localized
	// one row per measure, or per branch and measure
	By string `form:"by" default:"measure" validate:"oneof=measure branch"`
}

// listMeasureProgress returns how far the tasks have come that the caller may read: of the
// branches in reach, and of the town.
//
//	@Summary	Count the tasks of measures
func (s *Server) listMeasureProgress(
	ctx context.Context, req measureProgressRequest,
) (rest.Page[measure.Progress], error) {
	list, err := measure.ProgressInReach(ctx, s.db(ctx), req.Town, string(req.Language), req.By == "branch")
	return rest.Page[measure.Progress]{Items: list}, err
}

// findImprovementSettings returns the rules of improvement of a town: those of
// targets, the intervals, the holidays. While nobody has made any it is the example
// that ships, without times.
//
//	@Summary	Read the rules of improvement
func (s *Server) findImprovementSettings(ctx context.Context, req townRequest) (improve.TownSettings, error) {
	stored, err := improve.FindSettings(ctx, s.db(ctx), req.Town)
	return stored.View(), err
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
func (s *Server) updateImprovementSettings(
	ctx context.Context, req updateImprovementSettingsRequest,
) (improve.TownSettings, error) {
	stored, err := improve.UpdateSettings(ctx, s.db(ctx), req.Town, req.Version, req.Body.Settings, req.Body.Reason)
	return stored.View(), err
}

type effectRequest struct {
	townRequest
	rest.Localized
	Of      string `form:"of" validate:"required,oneof=measure targeting plans mentoring instructing" example:"targeting"`
	Measure int64  `form:"measure" validate:"required_if=Of measure,omitempty,min=1,max=7"` // which measure, 1 to 7
	Kind    string `form:"kind" default:"quarter"`                                          // of period
	// periods from the score before to the one after
	Horizon int `form:"horizon" default:"1" validate:"min=1,max=40"`
}

// findEffect reports whether branches gained more by it than comparable ones did
// without. Under a minimum of comparable branches it gives no figure.
//
//	@Summary	Estimate the effect of a measure, of mentoring or of plans
func (s *Server) findEffect(ctx context.Context, req effectRequest) (report.EffectReport, error) {
	return report.FindEffect(ctx, s.db(ctx), s.results, req.Town, string(req.Language), report.EffectQuestion{
		Of: req.Of, Measure: req.Measure, Kind: req.Kind, Horizon: req.Horizon,
	})
}
