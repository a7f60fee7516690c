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

// listPlanVersions answers the documents of a plan that were advised on or approved.
//
//	@ID			listPlanVersions
//	@Summary	List the versions of an improvement plan
//	@Tags		improvement
//	@Param		query	query		listPlanVersionsRequest	false	"."
//	@Success	200		{object}	rest.Page[improve.PlanVersion]
//	@Router		/towns/{town}/plans/{plan}/versions [get]
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

// findPlanVersion answers one version of a plan, with what it was predicted to bring.
//
//	@ID			findPlanVersion
//	@Summary	Read a version of an improvement plan
//	@Tags		improvement
//	@Success	200	{object}	improve.PlanVersion
//	@Router		/towns/{town}/plans/{plan}/versions/{version} [get]
func (s *Server) findPlanVersion(ctx context.Context, req planVersionRequest) (improve.PlanVersion, error) {
	return improve.FindPlanVersion(ctx, s.db(ctx), req.Town, req.Plan, req.Number)
}

type diffPlanVersionsRequest struct {
	planVersionRequest
	From int64 `form:"from" validate:"required,min=1"` // number of the version to compare with
}

// diffPlanVersions answers what a version says otherwise than another.
//
//	@ID			diffPlanVersions
//	@Summary	Compare versions of an improvement plan
//	@Tags		improvement
//	@Param		query	query		diffPlanVersionsRequest	true	"."
//	@Success	200		{object}	improve.PlanDiff
//	@Router		/towns/{town}/plans/{plan}/versions/{version}/diff [get]
func (s *Server) diffPlanVersions(ctx context.Context, req diffPlanVersionsRequest) (improve.PlanDiff, error) {
	return improve.DiffPlanVersions(ctx, s.db(ctx), req.Town, req.Plan, req.From, req.Number)
}

type branchPlanRequest struct {
	branchRequest
	On *day.Date `form:"on" swaggertype:"string" format:"date"` // that held on this day; today in Asia/Shanghai if absent
}

// findBranchPlan answers the version of a branch's plan that was approved on a day.
//
//	@ID			findBranchPlan
//	@Summary	Read the approved plan of a branch on a day
//	@Tags		improvement
//	@Param		query	query		branchPlanRequest	false	"."
//	@Success	200		{object}	improve.PlanVersion
//	@Router		/towns/{town}/branches/{branch}/plan [get]
func (s *Server) findBranchPlan(ctx context.Context, req branchPlanRequest) (improve.PlanVersion, error) {
	on := day.Of(s.Now())
	if req.On != nil {
		on = *req.On
	}
	return improve.PlanOn(ctx, s.db(ctx), req.Town, req.Branch, on)
}
