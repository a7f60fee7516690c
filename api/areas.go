package api

import (
	"context"

	"bulwark/internal/rest"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

type listAreasRequest struct{ rest.PageQuery }

// listAreas returns the nodes of the administrative tree in the order of codes.
//
//	@Summary	List the areas of the administrative tree
func (s *Server) listAreas(ctx context.Context, req listAreasRequest) (rest.Page[town.Area], error) {
	var after string
	if err := req.Resume(&after); err != nil {
		return rest.Page[town.Area]{}, err
	}
	areas, err := town.ListAreas(ctx, s.db(ctx), after, req.Limit())
	if err != nil {
		return rest.Page[town.Area]{}, err
	}
	return rest.NewPage(areas, req.PageQuery, func(a town.Area) []any { return []any{a.Code} })
}

// areaInput is a new area.
type areaInput struct {
	Code       string    `json:"code" validate:"required,numeric,min=2,max=12" example:"440605126"`
	ParentCode *string   `json:"parent_code" validate:"omitempty,numeric,min=2,max=12" example:"440605"`
	Level      string    `json:"level" validate:"required,oneof=province city district town" example:"town"`
	Name       text.Text `json:"name" validate:"required"`
	Provenance string    `json:"provenance" validate:"max=200" example:"public statistical list 2021"`
}

type createAreaRequest struct{ Body areaInput }

// createArea adds a node to the administrative tree. It has no address of its own.
//
//	@Summary	Add an area to the administrative tree
func (s *Server) createArea(ctx context.Context, req createAreaRequest) (rest.Created[town.Area], error) {
	b := req.Body
	a, err := town.CreateArea(ctx, s.db(ctx), town.Area{
		Code: b.Code, ParentCode: b.ParentCode, Level: b.Level, Name: b.Name, Provenance: b.Provenance,
	})
	return rest.Created[town.Area]{Value: a}, err
}
