package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/rest"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// branchRename is the name of a branch from a day on.
type branchRename struct {
	Name   text.Text `json:"name" validate:"required"`
	On     day.Date  `json:"on" validate:"required" swaggertype:"string" format:"date"`
	Reason string    `json:"reason" validate:"max=2000" multiline:"true"`
}

type renameBranchRequest struct {
	branchRequest
	rest.IfMatch
	Body branchRename
}

// renameBranch changes the name of a branch from a day on; earlier days keep the old one.
//
//	@Summary	Rename a branch from a day on
func (s *Server) renameBranch(ctx context.Context, req renameBranchRequest) (town.Branch, error) {
	b := req.Body
	return town.Rename(ctx, s.db(ctx), req.Town, req.Branch, req.Version, b.Name, b.On, b.Reason)
}

// branchReclassification is the kind and the class of a branch from a day on, both.
type branchReclassification struct {
	Kind   string   `json:"kind" validate:"required" example:"community"`
	Class  *string  `json:"class" validate:"omitempty,code" example:"urban"` // absent = no peer group
	On     day.Date `json:"on" validate:"required" swaggertype:"string" format:"date"`
	Reason string   `json:"reason" validate:"max=2000" multiline:"true"`
}

type reclassifyBranchRequest struct {
	branchRequest
	rest.IfMatch
	Body branchReclassification
}

// reclassifyBranch counts the branch as another kind and class.
//
//	@Summary	Change kind and class of a branch from a day on
func (s *Server) reclassifyBranch(ctx context.Context, req reclassifyBranchRequest) (town.Branch, error) {
	b := req.Body
	return town.Reclassify(ctx, s.db(ctx), req.Town, req.Branch, req.Version, b.Kind, b.Class, b.On, b.Reason)
}

// branchMerger is the branch that takes over another, from which day and why.
type branchMerger struct {
	Into   string   `json:"into" validate:"required" example:"b08"`
	On     day.Date `json:"on" validate:"required" swaggertype:"string" format:"date"` // the first day without the branch
	Reason string   `json:"reason" validate:"max=2000" multiline:"true"`
}

type mergeBranchRequest struct {
	branchRequest
	rest.IfMatch
	Body branchMerger
}

// mergeBranch ends the branch in favour of another one.
//
//	@Summary	Merge a branch into another
func (s *Server) mergeBranch(ctx context.Context, req mergeBranchRequest) (town.Branch, error) {
	b := req.Body
	return town.Merge(ctx, s.db(ctx), req.Town, req.Branch, req.Version, b.Into, b.On, b.Reason)
}

// branchClosure is the first day without the branch, and why it closed.
type branchClosure struct {
	On     day.Date `json:"on" validate:"required" swaggertype:"string" format:"date"` // the first day without the branch
	Reason string   `json:"reason" validate:"required,max=2000" multiline:"true"`
}

type closeBranchRequest struct {
	branchRequest
	rest.IfMatch
	Body branchClosure
}

// closeBranch ends the branch without a successor.
//
//	@Summary	Close a branch
func (s *Server) closeBranch(ctx context.Context, req closeBranchRequest) (town.Branch, error) {
	return town.Close(ctx, s.db(ctx), req.Town, req.Branch, req.Version, req.Body.On, req.Body.Reason)
}
