package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/rest"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

type listSubBranchesRequest struct {
	townRequest
	Branch string `form:"branch"` // only those below this branch
	rest.PageQuery
}

// listSubBranches returns the sub-branches of the town in the order of branch and code.
//
//	@Summary	List the sub-branches of a town
func (s *Server) listSubBranches(ctx context.Context, req listSubBranchesRequest) (rest.Page[town.SubBranch], error) {
	var after [2]string
	if err := req.Resume(&after[0], &after[1]); err != nil {
		return rest.Page[town.SubBranch]{}, err
	}
	subs, err := town.ListSubBranches(ctx, s.db(ctx), req.Town, req.Branch, after, req.Limit())
	if err != nil {
		return rest.Page[town.SubBranch]{}, err
	}
	return rest.NewPage(subs, req.PageQuery, func(b town.SubBranch) []any { return []any{b.BranchCode, b.Code} })
}

// subBranchInput is a new sub-branch.
type subBranchInput struct {
	Code       string    `json:"code" validate:"required,code" example:"dazhou"`
	Name       text.Text `json:"name" validate:"required"`
	FoundedOn  *day.Date `json:"founded_on" swaggertype:"string" format:"date"` // absent = not known
	Provenance string    `json:"provenance" validate:"max=200"`
}

type createSubBranchRequest struct {
	branchRequest
	Body subBranchInput
}

// createSubBranch adds a sub-branch below a branch. It has no address of its own.
//
//	@Summary	Add a sub-branch
func (s *Server) createSubBranch(ctx context.Context, req createSubBranchRequest) (rest.Created[town.SubBranch], error) {
	b := req.Body
	sub, err := town.CreateSubBranch(ctx, s.db(ctx), town.SubBranch{
		TownID: req.Town, BranchCode: req.Branch, Code: b.Code, Name: b.Name, FoundedOn: b.FoundedOn, Provenance: b.Provenance,
	})
	return rest.Created[town.SubBranch]{Value: sub}, err
}
