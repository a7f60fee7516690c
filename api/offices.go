package api

import (
	"context"

	"bulwark/internal/database"
	"bulwark/internal/people"
	"bulwark/internal/text"
)

type listOfficesRequest struct {
	townRequest
	pageQuery
}

// listOffices answers the liaison offices of the town in the order of codes.
//
//	@ID			listOffices
//	@Summary	List the liaison offices of a town
//	@Tags		people
//	@Param		query	query		listOfficesRequest	false	"."
//	@Success	200		{object}	Page[people.LiaisonOffice]
//	@Router		/towns/{town}/offices [get]
func (s *Server) listOffices(ctx context.Context, req listOfficesRequest) (Page[people.LiaisonOffice], error) {
	var after string
	if err := req.resume(&after); err != nil {
		return Page[people.LiaisonOffice]{}, err
	}
	offices, err := people.ListOffices(ctx, s.db(ctx), req.Town, after, req.limit())
	if err != nil {
		return Page[people.LiaisonOffice]{}, err
	}
	return page(offices, req.pageQuery, func(o people.LiaisonOffice) []any { return []any{o.Code} })
}

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
//	@ID			createOffice
//	@Summary	Add a liaison office
//	@Tags		people
//	@Param		body	body		officeInput	true	"the new office"
//	@Success	201		{object}	people.LiaisonOffice
//	@Router		/towns/{town}/offices [post]
func (s *Server) createOffice(ctx context.Context, req createOfficeRequest) (Created[people.LiaisonOffice], error) {
	b := req.Body
	o, err := people.CreateOffice(ctx, s.db(ctx), people.LiaisonOffice{TownID: req.Town, Code: b.Code, Name: b.Name, Provenance: b.Provenance})
	return Created[people.LiaisonOffice]{Key: o.Code, Value: o}, err
}

type officeRequest struct {
	Town   string `uri:"town"`
	Office string `uri:"office"`
}

// findOffice answers one liaison office.
//
//	@ID			findOffice
//	@Summary	Read a liaison office
//	@Tags		people
//	@Success	200	{object}	people.LiaisonOffice
//	@Router		/towns/{town}/offices/{office} [get]
func (s *Server) findOffice(ctx context.Context, req officeRequest) (people.LiaisonOffice, error) {
	return people.FindOffice(ctx, s.db(ctx), req.Town, req.Office)
}

type updateOfficeRequest struct {
	officeRequest
	ifMatch
	Body renaming
}

// updateOffice changes what a liaison office is called.
//
//	@ID			updateOffice
//	@Summary	Rename a liaison office
//	@Tags		people
//	@Param		body	body		renaming	true	"all that can change"
//	@Success	200		{object}	people.LiaisonOffice
//	@Router		/towns/{town}/offices/{office} [put]
func (s *Server) updateOffice(ctx context.Context, req updateOfficeRequest) (people.LiaisonOffice, error) {
	return people.UpdateOffice(ctx, s.db(ctx), people.LiaisonOffice{
		TownID: req.Town, Code: req.Office, Name: req.Body.Name, Versioned: database.Versioned{Version: req.Version},
	})
}
