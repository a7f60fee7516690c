package api

import (
	"context"
	"errors"

	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

// decisionItem is one sheet to decide, in the version that was read.
type decisionItem struct {
	ID      string `json:"id" validate:"required"`
	Version int64  `json:"version" validate:"min=1"` // as it was read
}

// decisionInput is one decision about many sheets.
type decisionInput struct {
	To     string         `json:"to" validate:"required,oneof=approved returned"`
	Reason string         `json:"reason" validate:"max=2000" multiline:"true"` // needed to return
	DueOn  *day.Date      `json:"due_on" swaggertype:"string" format:"date"`   // with returned: the last day to correct them
	Items  []decisionItem `json:"items" validate:"min=1,max=500,dive"`
}

type decideEvaluationsRequest struct {
	townRequest
	rest.Localized
	DryRun bool `form:"dry_run"` // say what would happen, and change nothing
	Body   decisionInput
}

// decisions says what became of each sheet, in the order asked.
type decisions struct {
	To      string     `json:"to" example:"approved"`
	DryRun  bool       `json:"dry_run"`
	Done    int        `json:"done"`
	Refused int        `json:"refused"`
	Items   []decision `json:"items"`
}

// decision is what became of one sheet: its new version, or why it stayed as it
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
	items := make([]workflow.Ref, len(in.Items))
	for i, item := range in.Items {
		items[i] = workflow.Ref{Town: req.Town, ID: item.ID, Version: item.Version}
	}
	d := evaluation.Decision{To: evaluation.SheetState(in.To), Reason: in.Reason, DueOn: given(in.DueOn)}
	verdicts, err := evaluation.DecideSheets(ctx, s.db(ctx), req.Town, items, d, req.DryRun)
	if err != nil {
		return decisions{}, err
	}
	out := decisions{To: in.To, DryRun: req.DryRun, Items: make([]decision, len(verdicts))}
	for i, v := range verdicts {
		if out.Items[i] = decisionOf(v, string(req.Language)); v.Err == nil {
			out.Done++
		} else {
			out.Refused++
		}
	}
	return out, nil
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
