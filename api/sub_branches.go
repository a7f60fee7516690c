package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

type listSubBranchesRequest struct {
	townRequest
	Branch string `form:"branch"` // only those below this branch
	pageQuery
}

// listSubBranches answers in the order of branch and code.
//
//	@ID			listSubBranches
//	@Summary	List the sub-branches of a town
//	@Tags		structure
//	@Security
//	@Param		query	query		listSubBranchesRequest	false	"."
//	@Success	200		{object}	Page[town.SubBranch]
//	@Router		/towns/{town}/sub-branches [get]
func (s *Server) listSubBranches(ctx context.Context, req listSubBranchesRequest) (Page[town.SubBranch], error) {
	var after [2]string
	if err := req.resume(&after[0], &after[1]); err != nil {
		return Page[town.SubBranch]{}, err
	}
	subs, err := town.ListSubBranches(ctx, s.db(ctx), req.Town, req.Branch, after, req.limit())
	if err != nil {
		return Page[town.SubBranch]{}, err
	}
	return page(subs, req.pageQuery, func(b town.SubBranch) []any { return []any{b.BranchCode, b.Code} })
}

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
//	@ID			createSubBranch
//	@Summary	Add a sub-branch
//	@Tags		structure
//	@Param		body	body		subBranchInput	true	"the new sub-branch"
//	@Success	201		{object}	town.SubBranch
//	@Router		/towns/{town}/branches/{branch}/sub-branches [post]
func (s *Server) createSubBranch(ctx context.Context, req createSubBranchRequest) (Created[town.SubBranch], error) {
	b := req.Body
	sub, err := town.CreateSubBranch(ctx, s.db(ctx), town.SubBranch{
		TownID: req.Town, BranchCode: req.Branch, Code: b.Code, Name: b.Name, FoundedOn: b.FoundedOn, Provenance: b.Provenance,
	})
	return Created[town.SubBranch]{Value: sub}, err
}
