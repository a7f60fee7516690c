package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/rest"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

type listBranchesRequest struct {
	townRequest
	Kind          string    `form:"kind"`                                  // only this kind
	Class         string    `form:"class"`                                 // only this class
	On            *day.Date `form:"on" swaggertype:"string" format:"date"` // as it was on this day; today in Asia/Shanghai if absent
	IncludeClosed bool      `form:"include_closed"`                        // also branches that had ended, and those not yet founded
	rest.PageQuery
}

// today is the day itself, or today where none is given.
func (s *Server) dayOrToday(d *day.Date) day.Date {
	if d != nil && *d != "" {
		return *d
	}
	return day.Of(s.Now())
}

// listBranches returns the branches that existed on a day, in the order of codes.
//
//	@Summary	List the branches of a town
func (s *Server) listBranches(ctx context.Context, req listBranchesRequest) (rest.Page[town.Branch], error) {
	f := town.BranchFilter{On: s.dayOrToday(req.On), Kind: req.Kind, Class: req.Class, Closed: req.IncludeClosed, Limit: req.Limit()}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[town.Branch]{}, err
	}
	branches, err := town.ListBranches(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[town.Branch]{}, err
	}
	return rest.NewPage(branches, req.PageQuery, func(b town.Branch) []any { return []any{b.Code} })
}

// branchInput is a new branch.
type branchInput struct {
	Code            string    `json:"code" validate:"required,code" example:"b07"`
	StatisticalCode *string   `json:"statistical_code" validate:"omitempty,numeric,len=12" example:"440605126222"`
	Name            text.Text `json:"name" validate:"required"`
	Kind            string    `json:"kind" validate:"required" example:"village"`
	Class           *string   `json:"class" validate:"omitempty,code" example:"rural"`
	FoundedOn       *day.Date `json:"founded_on" swaggertype:"string" format:"date"` // absent = not known
	Provenance      string    `json:"provenance" validate:"max=200" example:"public statistical list 2021"`
}

type createBranchRequest struct {
	townRequest
	Body branchInput
}

// createBranch founds a branch.
//
//	@Summary	Found a branch
func (s *Server) createBranch(ctx context.Context, req createBranchRequest) (rest.Created[town.Branch], error) {
	in := req.Body
	b := town.Branch{Name: in.Name, Kind: in.Kind, Class: in.Class}
	b.Life = town.Life{TownID: req.Town, Code: in.Code, StatisticalCode: in.StatisticalCode, FoundedOn: in.FoundedOn, Provenance: in.Provenance}
	b, err := town.CreateBranch(ctx, s.db(ctx), b)
	return rest.Created[town.Branch]{Key: b.Code, Value: b}, err
}

type branchRequest struct {
	Town   string `uri:"town"`
	Branch string `uri:"branch"`
}

type findBranchRequest struct {
	branchRequest
	On *day.Date `form:"on" swaggertype:"string" format:"date"` // as it was on this day; today in Asia/Shanghai if absent
}

// findBranch returns one branch as it was on a day, one that has ended too.
//
//	@Summary	Read a branch
func (s *Server) findBranch(ctx context.Context, req findBranchRequest) (town.Branch, error) {
	return town.FindBranch(ctx, s.db(ctx), req.Town, req.Branch, s.dayOrToday(req.On))
}

// branchHistory returns the life of a branch, oldest event first, on one page.
//
//	@Summary	Read the history of a branch
func (s *Server) branchHistory(ctx context.Context, req branchRequest) (rest.Page[town.Event], error) {
	events, err := town.BranchHistory(ctx, s.db(ctx), req.Town, req.Branch)
	return rest.Page[town.Event]{Items: events}, err
}
