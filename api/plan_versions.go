package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/improve"
	"bulwark/internal/rest"
)

type listPlanVersionsRequest struct {
	planRequest
	rest.PageQuery
}

// listPlanVersions returns the documents of a plan that were advised on or approved.
//
//	@Summary	List the versions of an improvement plan
func (s *Server) listPlanVersions(ctx context.Context, req listPlanVersionsRequest) (rest.Page[improve.PlanVersion], error) {
	var after int64
	if err := req.Resume(&after); err != nil {
		return rest.Page[improve.PlanVersion]{}, err
	}
	list, err := improve.ListPlanVersions(ctx, s.db(ctx), req.Town, req.Plan, after, req.Limit())
	if err != nil {
		return rest.Page[improve.PlanVersion]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(v improve.PlanVersion) []any { return []any{v.Number} })
}

type planVersionRequest struct {
	planRequest
	Number int64 `uri:"version"`
}

// findPlanVersion returns one version of a plan, with what it was predicted to bring.
//
//	@Summary	Read a version of an improvement plan
func (s *Server) findPlanVersion(ctx context.Context, req planVersionRequest) (improve.PlanVersion, error) {
	return improve.FindPlanVersion(ctx, s.db(ctx), req.Town, req.Plan, req.Number)
}

type diffPlanVersionsRequest struct {
	planVersionRequest
	From int64 `form:"from" validate:"required,min=1"` // number of the version to compare with
}

// diffPlanVersions returns what a version says otherwise than another.
//
//	@Summary	Compare versions of an improvement plan
func (s *Server) diffPlanVersions(ctx context.Context, req diffPlanVersionsRequest) (improve.PlanDiff, error) {
	return improve.DiffPlanVersions(ctx, s.db(ctx), req.Town, req.Plan, req.From, req.Number)
}

type branchPlanRequest struct {
	branchRequest
	On *day.Date `form:"on" swaggertype:"string" format:"date"` // that held on this day; today in Asia/Shanghai if absent
}

// findBranchPlan returns the version of a branch's plan that was approved on a day.
//
//	@Summary	Read the approved plan of a branch on a day
func (s *Server) findBranchPlan(ctx context.Context, req branchPlanRequest) (improve.PlanVersion, error) {
	on := day.Of(s.Now())
	if req.On != nil {
		on = *req.On
	}
	return improve.PlanOn(ctx, s.db(ctx), req.Town, req.Branch, on)
}
