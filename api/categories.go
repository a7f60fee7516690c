package api

import (
	"context"

	"bulwark/internal/rest"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// categoryInput is a new kind or class of branches.
type categoryInput struct {
	Code       string    `json:"code" validate:"required,code" example:"rural"`
	Name       text.Text `json:"name" validate:"required"`
	Provenance string    `json:"provenance" validate:"max=200"`
}

type createCategoryRequest struct {
	townRequest
	Body categoryInput
}

// listKinds returns what branches of the town can be, all on one page.
//
//	@Summary	List the kinds of branch
func (s *Server) listKinds(ctx context.Context, req townRequest) (rest.Page[town.Kind], error) {
	kinds, err := town.ListKinds(ctx, s.db(ctx), req.Town)
	return rest.Page[town.Kind]{Items: kinds}, err
}

// createKind adds a kind of branch. It has no address of its own.
//
//	@Summary	Add a kind of branch
func (s *Server) createKind(ctx context.Context, req createCategoryRequest) (rest.Created[town.Kind], error) {
	b := req.Body
	k, err := town.CreateKind(ctx, s.db(ctx), town.Kind{TownID: req.Town, Code: b.Code, Name: b.Name, Provenance: b.Provenance})
	return rest.Created[town.Kind]{Value: k}, err
}

// listClasses returns the peer groups of the town, all on one page.
//
//	@Summary	List the classes that rank together
func (s *Server) listClasses(ctx context.Context, req townRequest) (rest.Page[town.Class], error) {
	classes, err := town.ListClasses(ctx, s.db(ctx), req.Town)
	return rest.Page[town.Class]{Items: classes}, err
}

// createClass adds a peer group. It has no address of its own.
//
//	@Summary	Add a class that ranks together
func (s *Server) createClass(ctx context.Context, req createCategoryRequest) (rest.Created[town.Class], error) {
	b := req.Body
	c, err := town.CreateClass(ctx, s.db(ctx), town.Class{TownID: req.Town, Code: b.Code, Name: b.Name, Provenance: b.Provenance})
	return rest.Created[town.Class]{Value: c}, err
}
