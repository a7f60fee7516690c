package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type listEvaluationsRequest struct {
	townRequest
	Period    string `form:"period"`                                                             // only of this period
	Branch    string `form:"branch"`                                                             // only of this branch
	Evaluator string `form:"evaluator"`                                                          // only by this person
	State     string `form:"state" validate:"omitempty,oneof=draft submitted returned approved"` // only in this state
	rest.PageQuery
}

// listEvaluations returns the sheets that the caller may read, without entries,
// in the order of their making.
//
//	@Summary	List evaluations
func (s *Server) listEvaluations(ctx context.Context, req listEvaluationsRequest) (rest.Page[evaluation.Sheet], error) {
	f := evaluation.SheetFilter{
		Period: req.Period, Branch: req.Branch, Evaluator: req.Evaluator,
		State: evaluation.SheetState(req.State), Limit: req.Limit(),
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[evaluation.Sheet]{}, err
	}
	sheets, err := evaluation.ListSheets(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[evaluation.Sheet]{}, err
	}
	return rest.NewPage(sheets, req.PageQuery, func(s evaluation.Sheet) []any { return []any{s.ID} })
}

// entryInput is the value of one indicator, where it comes from and what shows it.
type entryInput struct {
	Code          string   `json:"code" validate:"required" example:"organisation.01"` // of an indicator or quantity
	Value         *float64 `json:"value" example:"96.5"`
	Level         *string  `json:"level"`          // instead of a value, for a categorical indicator
	NotApplicable bool     `json:"not_applicable"` // where the indicator may be waived; say why in evidence
	Evidence      string   `json:"evidence" validate:"max=2000" multiline:"true" example:"minutes of 12 meetings"`
	Source        string   `json:"source" validate:"max=200" example:"branch ledger"`
}

// sheetInput is all entries of an evaluation sheet.
type sheetInput struct {
	Note    string       `json:"note" validate:"max=2000" multiline:"true"`
	Entries []entryInput `json:"entries" validate:"max=10000,dive"`
}

func (in sheetInput) entries() []evaluation.Entry {
	entries := make([]evaluation.Entry, len(in.Entries))
	for i, e := range in.Entries {
		entries[i] = evaluation.Entry{Code: e.Code, Value: e.Value, Level: e.Level, NotApplicable: e.NotApplicable, Evidence: e.Evidence, Source: e.Source}
	}
	return entries
}

// newSheet is a new evaluation sheet; entries may follow later.
type newSheet struct {
	Period string `json:"period" validate:"required" example:"2023Q3"`
	Branch string `json:"branch" validate:"required" example:"b07"`
	sheetInput
}

type beginEvaluationRequest struct {
	townRequest
	Body newSheet
}

// beginEvaluation opens the caller's sheet for a branch in an open period, a
// draft. Every fault of its entries is told at once.
//
//	@Summary	Begin an evaluation
func (s *Server) beginEvaluation(ctx context.Context, req beginEvaluationRequest) (rest.Created[evaluation.Sheet], error) {
	in := req.Body
	sheet, err := evaluation.BeginSheet(ctx, s.db(ctx), req.Town, in.Period, in.Branch, in.Note, in.entries())
	return rest.Created[evaluation.Sheet]{Key: sheet.ID, Value: sheet}, err
}

type evaluationRequest struct {
	Town       string `uri:"town"`
	Evaluation string `uri:"evaluation"`
}

// findEvaluation returns one sheet with its entries and what the caller can do.
//
//	@Summary	Read an evaluation
func (s *Server) findEvaluation(ctx context.Context, req evaluationRequest) (evaluation.Sheet, error) {
	return evaluation.FindSheet(ctx, s.db(ctx), req.Town, req.Evaluation)
}

type writeEvaluationRequest struct {
	evaluationRequest
	rest.IfMatch
	Body sheetInput
}

// writeEvaluation replaces note and entries of the caller's own draft or
// returned sheet.
//
//	@Summary	Write an evaluation
func (s *Server) writeEvaluation(ctx context.Context, req writeEvaluationRequest) (evaluation.Sheet, error) {
	return evaluation.WriteSheet(ctx, s.db(ctx), req.Town, req.Evaluation, req.Version, req.Body.Note, req.Body.entries())
}

// sheetTransition is a step of an evaluation sheet: the state to reach, and why.
type sheetTransition struct {
	To     string    `json:"to" validate:"required,oneof=draft submitted returned approved"`
	Reason string    `json:"reason" validate:"max=2000" multiline:"true"` // needed to return a sheet
	DueOn  *day.Date `json:"due_on" swaggertype:"string" format:"date"`   // with returned: the last day to correct it
}

type moveEvaluationRequest struct {
	evaluationRequest
	rest.IfMatch
	Body sheetTransition
}

// moveEvaluation submits, withdraws, approves or returns a sheet.
//
//	@Summary	Move an evaluation to another state
func (s *Server) moveEvaluation(ctx context.Context, req moveEvaluationRequest) (evaluation.Sheet, error) {
	to, due := evaluation.SheetState(req.Body.To), given(req.Body.DueOn)
	if due == nil {
		return evaluation.MoveSheet(ctx, s.db(ctx), req.Town, req.Evaluation, req.Version, to, req.Body.Reason)
	}
	d := evaluation.Decision{To: to, Reason: req.Body.Reason, DueOn: due}
	return evaluation.DecideSheet(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Evaluation, Version: req.Version}, d)
}
