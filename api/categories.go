package api

import (
	"context"

	"bulwark/internal/rest"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

type categoryInput struct {
	Code       string    `json:"code" validate:"required,code" example:"rural"`
	Name       text.Text `json:"name" validate:"required"`
	Provenance string    `json:"provenance" validate:"max=200"`
}

type createCategoryRequest struct {
	townRequest
	Body categoryInput
}

// listKinds answers what branches of the town can be, all on one page.
//
//	@ID			listKinds
//	@Summary	List the kinds of branch
//	@Tags		structure
//	@Security
//	@Success	200	{object}	rest.Page[town.Kind]
//	@Router		/towns/{town}/kinds [get]
func (s *Server) listKinds(ctx context.Context, req townRequest) (rest.Page[town.Kind], error) {
	kinds, err := town.ListKinds(ctx, s.db(ctx), req.Town)
	return rest.Page[town.Kind]{Items: kinds}, err
}

// createKind adds a kind of branch. It has no address of its own.
//
//	@ID			createKind
//	@Summary	Add a kind of branch
//	@Tags		structure
//	@Param		body	body		categoryInput	true	"the new kind"
//	@Success	201		{object}	town.Kind
//	@Router		/towns/{town}/kinds [post]
func (s *Server) createKind(ctx context.Context, req createCategoryRequest) (rest.Created[town.Kind], error) {
	b := req.Body
	k, err := town.CreateKind(ctx, s.db(ctx), town.Kind{TownID: req.Town, Code: b.Code, Name: b.Name, Provenance: b.Provenance})
	return rest.Created[town.Kind]{Value: k}, err
}

// listClasses answers the peer groups of the town, all on one page.
//
//	@ID			listClasses
//	@Summary	List the classes that rank together
//	@Tags		structure
//	@Security
//	@Success	200	{object}	rest.Page[town.Class]
//	@Router		/towns/{town}/classes [get]
func (s *Server) listClasses(ctx context.Context, req townRequest) (rest.Page[town.Class], error) {
	classes, err := town.ListClasses(ctx, s.db(ctx), req.Town)
	return rest.Page[town.Class]{Items: classes}, err
}

// createClass adds a peer group. It has no address of its own.
//
//	@ID			createClass
//	@Summary	Add a class that ranks together
//	@Tags		structure
//	@Param		body	body		categoryInput	true	"the new class"
//	@Success	201		{object}	town.Class
//	@Router		/towns/{town}/classes [post]
func (s *Server) createClass(ctx context.Context, req createCategoryRequest) (rest.Created[town.Class], error) {
	b := req.Body
	c, err := town.CreateClass(ctx, s.db(ctx), town.Class{TownID: req.Town, Code: b.Code, Name: b.Name, Provenance: b.Provenance})
	return rest.Created[town.Class]{Value: c}, err
}
