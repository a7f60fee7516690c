package api

import (
	"context"

	"bulwark/internal/access"
	"bulwark/internal/rest"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

type listTownsRequest struct{ rest.PageQuery }

// listTowns returns the towns that the caller may know of: without a key those
// that open their results, with a key limited to towns those.
//
//	@Summary	List the towns that the caller may know of
func (s *Server) listTowns(ctx context.Context, req listTownsRequest) (rest.Page[town.Town], error) {
	p := access.Caller(ctx)
	f := town.Filter{Only: p.Towns, Open: p.Role == "", Limit: req.Limit()}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[town.Town]{}, err
	}
	towns, err := town.List(ctx, s.db(ctx), f)
	if err != nil {
		return rest.Page[town.Town]{}, err
	}
	return rest.NewPage(towns, req.PageQuery, func(t town.Town) []any { return []any{t.Code} })
}

// townInput is a new town.
type townInput struct {
	Code        string    `json:"code" validate:"required,code" example:"lishui"`
	AreaCode    string    `json:"area_code" validate:"required" example:"440605126"`
	Name        text.Text `json:"name" validate:"required"`
	OpenResults bool      `json:"open_results"` // anyone may read what is published, without a key
	Provenance  string    `json:"provenance" validate:"max=200"`
}

type createTownRequest struct{ Body townInput }

// createTown adds a town with the usual kinds of branch.
//
//	@Summary	Add a town
func (s *Server) createTown(ctx context.Context, req createTownRequest) (rest.Created[town.Town], error) {
	b := req.Body
	t, err := town.Create(ctx, s.db(ctx), town.Town{
		Code: b.Code, AreaCode: b.AreaCode, Name: b.Name, OpenResults: b.OpenResults, Provenance: b.Provenance,
	})
	return rest.Created[town.Town]{Key: t.Code, Value: t}, err
}

type townRequest struct {
	Town string `uri:"town"`
}

// findTown returns one town.
//
//	@Summary	Read a town
func (s *Server) findTown(ctx context.Context, req townRequest) (town.Town, error) {
	return town.Find(ctx, s.db(ctx), req.Town)
}

// townChange is all that can change of a town.
type townChange struct {
	Name        text.Text `json:"name" validate:"required"`
	OpenResults *bool     `json:"open_results" validate:"required"`
}

type updateTownRequest struct {
	townRequest
	rest.IfMatch
	Body townChange
}

// updateTown changes what a town is called and whether it opens its results.
//
//	@Summary	Rename a town, open or close its results
func (s *Server) updateTown(ctx context.Context, req updateTownRequest) (town.Town, error) {
	defer rest.AfterCommit(ctx, s.authCache.forget)
	return town.Update(ctx, s.db(ctx), req.Town, req.Version, req.Body.Name, *req.Body.OpenResults)
}
