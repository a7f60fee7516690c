package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type listExceptionsRequest struct {
	periodRequest
	rest.PageQuery
}

// listExceptions answers who may enter sheets after the window, and until when, in
// the order in which it was granted.
//
//	@ID			listExceptions
//	@Summary	List exceptions from the entry window
//	@Tags		entry
//	@Param		query	query		listExceptionsRequest	false	"."
//	@Success	200		{object}	rest.Page[evaluation.Exception]
//	@Router		/towns/{town}/periods/{period}/exceptions [get]
func (s *Server) listExceptions(ctx context.Context, req listExceptionsRequest) (rest.Page[evaluation.Exception], error) {
	var after string
	if err := req.Resume(&after); err != nil {
		return rest.Page[evaluation.Exception]{}, err
	}
	list, err := evaluation.ListExceptions(ctx, s.db(ctx), req.Town, req.Period, after, req.Limit())
	if err != nil {
		return rest.Page[evaluation.Exception]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(e evaluation.Exception) []any { return []any{e.ID} })
}

type exceptionInput struct {
	Branch    *string  `json:"branch" validate:"omitempty,code" example:"b07"`         // about this branch
	Evaluator *string  `json:"evaluator" validate:"omitempty,code" example:"mentor-1"` // by this person
	Until     day.Date `json:"until" validate:"required" swaggertype:"string" format:"date"`
	Reason    string   `json:"reason" validate:"required,max=2000" multiline:"true" example:"was away for the flood"`
}

type grantExceptionRequest struct {
	periodRequest
	Body exceptionInput
}

// grantException lets the sheets of a branch, of an evaluator, or of both together
// be entered after the window. Nobody grants one to himself or herself.
//
//	@ID			grantException
//	@Summary	Grant an exception from the entry window
//	@Tags		entry
//	@Param		body	body		exceptionInput	true	"for whom, until when and why"
//	@Success	201		{object}	evaluation.Exception
//	@Router		/towns/{town}/periods/{period}/exceptions [post]
func (s *Server) grantException(ctx context.Context, req grantExceptionRequest) (rest.Created[evaluation.Exception], error) {
	in := req.Body
	e, err := evaluation.GrantException(ctx, s.db(ctx), evaluation.Exception{
		TownID: req.Town, PeriodCode: req.Period, BranchCode: in.Branch, EvaluatorCode: in.Evaluator, Until: in.Until, Reason: in.Reason,
	})
	return rest.Created[evaluation.Exception]{Key: e.ID, Value: e}, err
}

type exceptionRequest struct {
	periodRequest
	Exception string `uri:"exception"`
}

// findException answers one exception and what the caller can do with it.
//
//	@ID			findException
//	@Summary	Read an exception from the entry window
//	@Tags		entry
//	@Success	200	{object}	evaluation.Exception
//	@Router		/towns/{town}/periods/{period}/exceptions/{exception} [get]
func (s *Server) findException(ctx context.Context, req exceptionRequest) (evaluation.Exception, error) {
	return evaluation.FindException(ctx, s.db(ctx), req.Town, req.Period, req.Exception)
}

type exceptionEnd struct {
	Reason string `json:"reason" validate:"required,max=2000" multiline:"true"`
}

type endExceptionRequest struct {
	exceptionRequest
	rest.IfMatch
	Body exceptionEnd
}

// endException withdraws an exception; what was entered under it stays.
//
//	@ID			endException
//	@Summary	End an exception from the entry window
//	@Tags		entry
//	@Param		If-Match	header		string			true	"."
//	@Param		body		body		exceptionEnd	true	"why"
//	@Success	200			{object}	evaluation.Exception
//	@Router		/towns/{town}/periods/{period}/exceptions/{exception}/end [post]
func (s *Server) endException(ctx context.Context, req endExceptionRequest) (evaluation.Exception, error) {
	return evaluation.EndException(ctx, s.db(ctx), req.Period, workflow.Ref{Town: req.Town, ID: req.Exception, Version: req.Version}, req.Body.Reason)
}
