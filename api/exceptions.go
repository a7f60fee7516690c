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

// listExceptions returns who may enter sheets after the window, and until when, in
// the order in which it was granted.
//
//	@Summary	List exceptions from the entry window
func (s *Server) listExceptions(
	ctx context.Context, req listExceptionsRequest,
) (rest.Page[evaluation.Exception], error) {
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

// exceptionInput is an evaluator who may write after the deadline: for which branch,
// until when and why.
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
//	@Summary	Grant an exception from the entry window
func (s *Server) grantException(
	ctx context.Context, req grantExceptionRequest,
) (rest.Created[evaluation.Exception], error) {
	in := req.Body
	e, err := evaluation.GrantException(ctx, s.db(ctx), evaluation.Exception{
		TownID: req.Town, PeriodCode: req.Period, BranchCode: in.Branch, EvaluatorCode: in.Evaluator, Until: in.Until,
		Reason: in.Reason,
	})
	return rest.Created[evaluation.Exception]{Key: e.ID, Value: e}, err
}

type exceptionRequest struct {
	periodRequest
	Exception string `uri:"exception"`
}

// findException returns one exception and what the caller can do with it.
//
//	@Summary	Read an exception from the entry window
func (s *Server) findException(ctx context.Context, req exceptionRequest) (evaluation.Exception, error) {
	return evaluation.FindException(ctx, s.db(ctx), req.Town, req.Period, req.Exception)
}

// exceptionEnd is why an exception ends early.
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
//	@Summary	End an exception from the entry window
func (s *Server) endException(ctx context.Context, req endExceptionRequest) (evaluation.Exception, error) {
	return evaluation.EndException(ctx, s.db(ctx), req.Period,
		workflow.Ref{Town: req.Town, ID: req.Exception, Version: req.Version}, req.Body.Reason)
}
