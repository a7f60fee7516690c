package api

import (
	"context"

	"bulwark/internal/improve"
	"bulwark/internal/rest"
	"bulwark/internal/text"
)

// listMeasures returns the seven measures of a town, named or not, and how far
// their tasks have come.
//
//	@Summary	List the measures
func (s *Server) listMeasures(ctx context.Context, req townRequest) (rest.Page[improve.Measure], error) {
	list, err := improve.ListMeasures(ctx, s.db(ctx), req.Town)
	return rest.Page[improve.Measure]{Items: list}, err
}

type measureRequest struct {
	Town    string `uri:"town"`
	Measure int64  `uri:"measure"`
}

// findMeasure returns one measure.
//
//	@Summary	Read a measure
func (s *Server) findMeasure(ctx context.Context, req measureRequest) (improve.Measure, error) {
	return improve.FindMeasure(ctx, s.db(ctx), req.Town, req.Measure)
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
func (s *Server) nameMeasure(ctx context.Context, req nameMeasureRequest) (improve.Measure, error) {
	return improve.NameMeasure(ctx, s.db(ctx), req.Town, req.Measure, req.Version, req.Body.Name, req.Body.Description)
}

type measureProgressRequest struct {
	townRequest
	By string `form:"by" default:"measure" validate:"oneof=measure branch"` // one row per measure, or per branch and measure
}

// listMeasureProgress returns how far the tasks have come that the caller may read: of the
// branches in reach, and of the town.
//
//	@Summary	Count the tasks of measures
func (s *Server) listMeasureProgress(ctx context.Context, req measureProgressRequest) (rest.Page[improve.Progress], error) {
	list, err := improve.ProgressInReach(ctx, s.db(ctx), req.Town, req.By == "branch")
	return rest.Page[improve.Progress]{Items: list}, err
}
