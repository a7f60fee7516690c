package api

import (
	"context"
	"errors"

	"bulwark/internal/day"
	"bulwark/internal/entry"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/rest"
	"bulwark/internal/review"
	"bulwark/internal/workflow"
)

type listEvaluationsRequest struct {
	townRequest
	Period    string                `form:"period"`                           // only of this period
	Branch    string                `form:"branch"`                           // only of this branch
	Evaluator string                `form:"evaluator"`                        // only by this person
	State     evaluation.SheetState `form:"state" validate:"omitempty,state"` // only in this state
	rest.PageQuery
}

// listEvaluations returns the sheets that the caller may read, without entries,
// in the order of their making.
//
//	@Summary	List evaluations
func (s *Server) listEvaluations(ctx context.Context, req listEvaluationsRequest) (rest.Page[evaluation.Sheet], error) {
	f := evaluation.SheetFilter{
		Period: req.Period, Branch: req.Branch, Evaluator: req.Evaluator,
		State: req.State, Limit: req.Limit(),
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
	Code string `json:"code" validate:"required" example:"organisation.01"` // of an indicator or quantity
	entryValue
}

// entryValue is the value of one indicator, where it comes from and what shows it.
type entryValue struct {
	Value *float64 `json:"value" example:"96.5"` // in the unit of the indicator
	Level *string  `json:"level"`                // instead of a value, for a categorical indicator
	// where the indicator may be waived; say why in evidence
	NotApplicable bool `json:"not_applicable"`
	// what shows it
	Evidence string `json:"evidence" validate:"max=2000" multiline:"true" example:"minutes of 12 meetings"`
	Source   string `json:"source" validate:"max=200" example:"branch ledger"` // where it comes from
}

// sheetInput is all of an evaluation sheet: what is left out of it goes, so that no entries at all
// have to be meant.
type sheetInput struct {
	Note    string       `json:"note" validate:"max=2000" multiline:"true"`
	Entries []entryInput `json:"entries" validate:"required,max=10000,dive"` // [] for none
}

func entriesOf(list []entryInput) []evaluation.Entry {
	entries := make([]evaluation.Entry, len(list))
	for i, e := range list {
		entries[i] = e.entry()
		entries[i].Code = e.Code
	}
	return entries
}

// entry returns the entry without its code.
func (in entryValue) entry() evaluation.Entry {
	return evaluation.Entry{
		Value: in.Value, Level: in.Level, NotApplicable: in.NotApplicable, Evidence: in.Evidence, Source: in.Source,
	}
}

// newSheet is a new evaluation sheet; entries may follow later.
type newSheet struct {
	Period string `json:"period" validate:"required" example:"2023Q3"`
	Branch string `json:"branch" validate:"required" example:"b07"`

	Note    string       `json:"note" validate:"max=2000" multiline:"true"`
	Entries []entryInput `json:"entries" validate:"max=10000,dive"`
}

type beginEvaluationRequest struct {
	townRequest
	Body newSheet
}

// beginEvaluation opens the caller's sheet for a branch in an open period, a
// draft. Every fault of its entries is told at once.
//
//	@Summary	Begin an evaluation
func (s *Server) beginEvaluation(
	ctx context.Context, req beginEvaluationRequest,
) (rest.Created[evaluation.Sheet], error) {
	in := req.Body
	sheet, err := evaluation.BeginSheet(ctx, s.db(ctx), evaluation.Sheet{
		TownID: req.Town, PeriodCode: in.Period, BranchCode: in.Branch, Note: in.Note, Entries: entriesOf(in.Entries),
	})
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
	return evaluation.WriteSheet(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Evaluation, Version: req.Version},
		req.Body.Note, entriesOf(req.Body.Entries))
}

// sheetPatch changes single entries of an evaluation sheet.
type sheetPatch struct {
	Note *string `json:"note" validate:"omitempty,max=2000" multiline:"true"` // stays where it is absent
	// by code of the indicator or quantity: each replaces that entry as a whole, null removes it, the others stay
	Entries map[string]*entryValue `json:"entries" validate:"max=10000,dive"`
}

type patchEvaluationRequest struct {
	evaluationRequest
	rest.IfMatch
	Body sheetPatch
}

// patchEvaluation changes the named entries of the caller's own draft or returned sheet.
//
//	@Summary	Change single entries of an evaluation
func (s *Server) patchEvaluation(ctx context.Context, req patchEvaluationRequest) (evaluation.Sheet, error) {
	patch := evaluation.SheetPatch{Note: req.Body.Note, Entries: map[string]*evaluation.Entry{}}
	for code, value := range req.Body.Entries {
		if patch.Entries[code] = nil; value != nil {
			patch.Entries[code] = new(value.entry())
		}
	}
	return evaluation.PatchSheet(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Evaluation, Version: req.Version}, patch)
}

type listReviewRequest struct {
	periodRequest
	rest.Localized
	Branch    string                `form:"branch"`                                               // only of this branch
	Evaluator string                `form:"evaluator"`                                            // only by this person
	State     evaluation.SheetState `form:"state" default:"submitted" validate:"omitempty,state"` // only in this state
	FollowUp  bool                  `form:"follow_up"`                                            // only with a value that is to be followed up
	rest.PageQuery
}

// listReview returns sheets with all their values, each beside what the sheet had when somebody
// decided on it last, the last published value and what other sheets report, and with the
// signals about its evaluator and branch.
//
//	@Summary	List evaluations with values to review
func (s *Server) listReview(ctx context.Context, req listReviewRequest) (rest.Page[review.Sheet], error) {
	q := review.SheetQuery{Town: req.Town, Language: string(req.Language), FollowUp: req.FollowUp, SheetFilter: evaluation.SheetFilter{
		Period: req.Period, Branch: req.Branch, Evaluator: req.Evaluator, State: req.State, Limit: req.Limit(),
	}}
	if err := req.Resume(&q.After); err != nil {
		return rest.Page[review.Sheet]{}, err
	}
	list, err := s.results.Review(ctx, s.db(ctx), q)
	if err != nil {
		return rest.Page[review.Sheet]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(r review.Sheet) []any { return []any{r.Sheet.ID} })
}

// submissionInput is the sheets to submit, in the versions that were read.
type submissionInput struct {
	Items []decisionItem `json:"items" validate:"min=1,max=500,dive"` // sheets of the caller in the period
}

type submitFormRequest struct {
	periodRequest
	rest.Localized
	DryRun bool `form:"dry_run"` // say what would happen, and change nothing
	Body   submissionInput
}

// submissions are what became of each sheet, in the order of the request.
type submissions struct {
	DryRun  bool               `json:"dry_run"` // nothing was changed
	Done    int                `json:"done"`    // with dry_run: that can be submitted
	Refused int                `json:"refused"` // only with dry_run
	Items   []entry.Submission `json:"items"`   // in the order of the request
}

// submitForm submits up to 500 sheets of the caller: all of them, or none where one is refused.
//
//	@Summary	Submit many evaluations
func (s *Server) submitForm(ctx context.Context, req submitFormRequest) (submissions, error) {
	q, err := s.results.FormQuery(ctx, s.db(ctx), req.Town, req.Period, string(req.Language))
	if err != nil {
		return submissions{}, err
	}
	list, err := entry.Submit(ctx, s.db(ctx), q, refsOf(req.Town, req.Body.Items), req.DryRun)
	out := submissions{DryRun: req.DryRun, Items: list}
	for _, item := range list {
		if item.Refused == nil {
			out.Done++
		} else {
			out.Refused++
		}
	}
	return out, err
}

// sheetTransition is a step of an evaluation sheet: the state to reach, and why.
type sheetTransition struct {
	To     evaluation.SheetState `json:"to" validate:"required,move"`
	Reason string                `json:"reason" validate:"max=2000" multiline:"true"` // needed to return a sheet
	DueOn  *day.Date             `json:"due_on" swaggertype:"string" format:"date"`   // with returned: the last day to correct it
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
	ref := workflow.Ref{Town: req.Town, ID: req.Evaluation, Version: req.Version}
	to, due := req.Body.To, given(req.Body.DueOn)
	if due == nil {
		return evaluation.MoveSheet(ctx, s.db(ctx), ref, to, req.Body.Reason)
	}
	d := evaluation.SheetDecision{To: to, Reason: req.Body.Reason, DueOn: due}
	return evaluation.DecideSheet(ctx, s.db(ctx), ref, d)
}

// decisionItem is one record to decide on, in the version that was read.
type decisionItem struct {
	ID      string `json:"id" validate:"required"`
	Version int64  `json:"version" validate:"min=1"` // as it was read
}

// decisionInput is one decision about many sheets.
type decisionInput struct {
	To     evaluation.SheetState `json:"to" validate:"required,oneof=approved returned"`
	Reason string                `json:"reason" validate:"max=2000" multiline:"true"` // needed to return
	// with returned: the last day to correct them
	DueOn *day.Date      `json:"due_on" swaggertype:"string" format:"date"`
	Items []decisionItem `json:"items" validate:"min=1,max=500,dive"`
}

type decideEvaluationsRequest struct {
	townRequest
	rest.Localized
	DryRun bool `form:"dry_run"` // say what would happen, and change nothing
	Body   decisionInput
}

// decisions are what became of each record, in the order of the request.
type decisions struct {
	To      string     `json:"to" example:"approved"`
	DryRun  bool       `json:"dry_run"`
	Done    int        `json:"done"`
	Refused int        `json:"refused"`
	Items   []decision `json:"items"`
	// values of the approved sheets that other approved sheets contradict, until a person chooses
	Contradictions []evaluation.Contradiction `json:"contradictions,omitempty"`
}

// decision is what became of one record: its new version, or why it stayed as it
// was.
type decision struct {
	ID      string      `json:"id" format:"uuid"`
	Status  string      `json:"status" enums:"ok,refused"`
	Version int64       `json:"version,omitempty"`
	Code    string      `json:"code,omitempty" example:"stale_version"`
	Message string      `json:"message,omitempty"`
	Locked  *fault.Lock `json:"locked,omitempty"`
}

// decideEvaluations approves or returns up to 500 sheets. Those that can be
// decided on are; the others stay as they were and say why.
//
//	@Summary	Approve or return many evaluations
func (s *Server) decideEvaluations(ctx context.Context, req decideEvaluationsRequest) (decisions, error) {
	in := req.Body
	d := evaluation.SheetDecision{To: in.To, Reason: in.Reason, DueOn: given(in.DueOn)}
	verdicts, contradictions, err := evaluation.DecideSheets(ctx, s.db(ctx), req.Town, refsOf(req.Town, in.Items),
		d, req.DryRun)
	out := decisionsOf(string(in.To), req.DryRun, verdicts, string(req.Language))
	out.Contradictions = contradictions
	return out, err
}

// refsOf returns the records that a decision names.
func refsOf(town string, items []decisionItem) []workflow.Ref {
	refs := make([]workflow.Ref, len(items))
	for i, item := range items {
		refs[i] = workflow.Ref{Town: town, ID: item.ID, Version: item.Version}
	}
	return refs
}

// decisionsOf are the verdicts in the language of the caller.
func decisionsOf(to string, dryRun bool, verdicts []workflow.Verdict, language string) decisions {
	out := decisions{To: to, DryRun: dryRun, Items: make([]decision, len(verdicts))}
	for i, v := range verdicts {
		if out.Items[i] = decisionOf(v, language); v.Err == nil {
			out.Done++
		} else {
			out.Refused++
		}
	}
	return out
}

// listContradictions returns the reported values of a period that approved sheets
// contradict, with what was chosen, on one page.
//
//	@Summary	List the values that approved evaluations contradict
func (s *Server) listContradictions(
	ctx context.Context, req periodListRequest,
) (rest.Page[evaluation.Contradiction], error) {
	list, err := evaluation.ListContradictions(ctx, s.db(ctx), req.Town, req.Period)
	return rest.Page[evaluation.Contradiction]{Items: list}, err
}

// choiceInput is which of several reported values counts, and why.
type choiceInput struct {
	Sheet  string `json:"sheet" validate:"required" format:"uuid"` // id of the evaluation whose value counts
	Reason string `json:"reason" validate:"required,max=2000" multiline:"true" example:"the ledger shows 96.5"`
}

type chooseValueRequest struct {
	periodRequest
	Branch    string `uri:"branch"`
	Indicator string `uri:"indicator"`
	Body      choiceInput
}

// chooseValue settles which of the values counts that approved evaluations report of
// an indicator or quantity of a branch. Until the period is locked another choice can
// follow.
//
//	@Summary	Choose one of several reported values
func (s *Server) chooseValue(ctx context.Context, req chooseValueRequest) (evaluation.Contradiction, error) {
	return evaluation.Choose(ctx, s.db(ctx), evaluation.Choice{
		TownID: req.Town, PeriodCode: req.Period, BranchCode: req.Branch, Code: req.Indicator,
		SheetID: req.Body.Sheet, Reason: req.Body.Reason,
	})
}

// decisionOf is a verdict in the language of the caller.
func decisionOf(v workflow.Verdict, language string) decision {
	var refusal *fault.Error
	if !errors.As(v.Err, &refusal) {
		return decision{ID: v.ID, Status: "ok", Version: v.Version}
	}
	message := refusal.Message
	if len(refusal.Fields) > 0 {
		message = refusal.Fields[0].Message
	}
	return decision{ID: v.ID, Status: "refused", Code: refusal.Code, Message: message.In(language), Locked: refusal.Lock}
}
