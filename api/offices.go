package api

import (
	"context"

	"bulwark/internal/people"
	"bulwark/internal/rest"
	"bulwark/internal/text"
)

type listOfficesRequest struct {
	townRequest
	rest.PageQuery
}

// listOffices returns the liaison offices of the town in the order of codes.
//
//	@Summary	List the liaison offices of a town
func (s *Server) listOffices(ctx context.Context, req listOfficesRequest) (rest.Page[people.LiaisonOffice], error) {
	var after string
	if err := req.Resume(&after); err != nil {
		return rest.Page[people.LiaisonOffice]{}, err
	}
	offices, err := people.ListOffices(ctx, s.db(ctx), req.Town, after, req.Limit())
	if err != nil {
		return rest.Page[people.LiaisonOffice]{}, err
	}
	return rest.NewPage(offices, req.PageQuery, func(o people.LiaisonOffice) []any { return []any{o.Code} })
}

// officeInput is a new liaison office.
type officeInput struct {
	Code       string    `json:"code" validate:"required,code" example:"agriculture"`
	Name       text.Text `json:"name" validate:"required"`
	Provenance string    `json:"provenance" validate:"max=200" example:"invented"`
}

type createOfficeRequest struct {
	townRequest
	Body officeInput
}

// createOffice adds a liaison office to the town.
//
//	@Summary	Add a liaison office
func (s *Server) createOffice(ctx context.Context, req createOfficeRequest) (rest.Created[people.LiaisonOffice], error) {
	b := req.Body
	o, err := people.CreateOffice(ctx, s.db(ctx), people.LiaisonOffice{TownID: req.Town, Code: b.Code, Name: b.Name, Provenance: b.Provenance})
	return rest.Created[people.LiaisonOffice]{Key: o.Code, Value: o}, err
}

type officeRequest struct {
	Town   string `uri:"town"`
	Office string `uri:"office"`
}

// findOffice returns one liaison office.
//
//	@Summary	Read a liaison office
func (s *Server) findOffice(ctx context.Context, req officeRequest) (people.LiaisonOffice, error) {
	return people.FindOffice(ctx, s.db(ctx), req.Town, req.Office)
}

type updateOfficeRequest struct {
	officeRequest
	rest.IfMatch
	Body renaming
}

// updateOffice changes what a liaison office is called.
//
//	@Summary	Rename a liaison office
func (s *Server) updateOffice(ctx context.Context, req updateOfficeRequest) (people.LiaisonOffice, error) {
	return people.UpdateOffice(ctx, s.db(ctx), req.Town, req.Office, req.Version, req.Body.Name)
}
