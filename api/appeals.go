package api

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/proposal"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type listAppealsRequest struct {
	townRequest
	Period string            `form:"period"`                           // only of this period
	Branch string            `form:"branch"`                           // only of this branch
	State  index.AppealState `form:"state" validate:"omitempty,state"` // only in this state
	// only those not decided by their day
	Overdue bool `form:"overdue"`
	rest.PageQuery
}

// listAppeals returns the appeals that the caller may read.
//
//	@Summary	List appeals
func (s *Server) listAppeals(ctx context.Context, req listAppealsRequest) (rest.Page[index.Appeal], error) {
	f := index.AppealFilter{
		Period: req.Period, Branch: req.Branch, State: req.State, Overdue: req.Overdue, Limit: req.Limit(),
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[index.Appeal]{}, err
	}
	list, err := index.ListAppeals(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[index.Appeal]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(a index.Appeal) []any { return []any{a.ID} })
}

// pointInput is one point of an appeal.
type pointInput struct {
	// of an indicator, quantity, other node or adjustment
	Code      string `json:"code" validate:"required,max=64" example:"organisation.01"`
	Claim     string `json:"claim" validate:"required,max=200" example:"98"` // what it should be
	Statement string `json:"statement" validate:"max=2000" multiline:"true"`
}

// appealInput is an objection of a branch to its published result, point by point.
type appealInput struct {
	Period    string       `json:"period" validate:"required" example:"2023Q2"`
	Branch    string       `json:"branch" validate:"required" example:"b07"`
	Points    []pointInput `json:"points" validate:"min=1,max=50,dive"`
	Statement string       `json:"statement" validate:"required,max=5000" multiline:"true"`
	Evidence  string       `json:"evidence" validate:"max=5000" multiline:"true"`
}

type fileAppealRequest struct {
	townRequest
	Body appealInput
}

// fileAppeal enters an appeal of the branch that the caller leads, against the
// latest publication of a period, while its public notice is open.
//
//	@Summary	Appeal against a published result
func (s *Server) fileAppeal(ctx context.Context, req fileAppealRequest) (rest.Created[index.Appeal], error) {
	in := req.Body
	a := index.Appeal{
		TownID: req.Town, PeriodCode: in.Period, BranchCode: in.Branch, Statement: in.Statement, Evidence: in.Evidence,
	}
	for _, p := range in.Points {
		a.Points = append(a.Points, index.Point(p))
	}
	a, err := index.FileAppeal(ctx, s.db(ctx), a)
	return rest.Created[index.Appeal]{Key: a.ID, Value: a}, err
}

type appealRequest struct {
	Town   string `uri:"town"`
	Appeal string `uri:"appeal"`
}

// findAppeal returns one appeal and what the caller can do with it.
//
//	@Summary	Read an appeal
func (s *Server) findAppeal(ctx context.Context, req appealRequest) (index.Appeal, error) {
	return index.FindAppeal(ctx, s.db(ctx), req.Town, req.Appeal)
}

// correctionInput is one entry or adjustment as it should have been, and why.
type correctionInput struct {
	// the one that appeals if absent
	Branch string `json:"branch" example:"b07"`
	// of an indicator, quantity or adjustment
	Code string `json:"code" validate:"required,max=64" example:"organisation.01"`
	// instead of correcting a value: one more or less of the item
	Adjustment string `json:"adjustment" validate:"omitempty,oneof=add cancel"`
	// of a rated indicator what all ratings come to
	Value *float64 `json:"value" example:"98"`
	// instead of a value, for a categorical indicator
	Level *string `json:"level"`
	// where the indicator may be waived; say why in evidence
	NotApplicable bool `json:"not_applicable"`
	// instead of a value: take away the value, or what earlier corrections say, so that what the sheets report counts again
	Removes string `json:"removes" validate:"omitempty,oneof=value correction"`
	// that of the decision if absent
	Reason   string `json:"reason" validate:"max=2000" multiline:"true"`
	Evidence string `json:"evidence" validate:"max=2000" multiline:"true"`
}

type correctionList []correctionInput

func (in correctionList) corrections() []evaluation.Correction {
	list := make([]evaluation.Correction, len(in))
	for i, c := range in {
		list[i] = evaluation.Correction{
			BranchCode: c.Branch, Code: c.Code, Adjustment: c.Adjustment, Value: c.Value, Level: c.Level,
			NotApplicable: c.NotApplicable, Removes: c.Removes, Reason: c.Reason, Evidence: c.Evidence,
		}
	}
	return list
}

// appealTransition is a step of an appeal: the state to reach, why, and what is
// corrected.
type appealTransition struct {
	To index.AppealState `json:"to" validate:"required,move"`
	// the answer; needed to uphold and to reject
	Reason      string         `json:"reason" validate:"max=2000" multiline:"true"`
	Corrections correctionList `json:"corrections" validate:"max=200,dive"` // needed to uphold
	// uphold by an adjustment although the same evidence served another one: say why in the reason
	Acknowledge bool `json:"acknowledge"`
}

type decideAppealRequest struct {
	appealRequest
	rest.Localized
	rest.IfMatch
	DryRun bool `form:"dry_run"` // say what would happen, and change nothing
	Body   appealTransition
}

// decideAppeal upholds, rejects or withdraws an appeal. Upholding corrects what is
// published: a new run and a new publication, all or nothing. Where that takes two
// persons, the answer is 202 with the proposal, and the appeal is upheld once another
// person confirms it. With dry_run nothing is changed: the answer is the appeal as it would
// be, or as it is where the decision would be refused or wait for a second person, and in
// dry_run what to know before.
//
//	@Summary	Decide on an appeal
func (s *Server) decideAppeal(
	ctx context.Context, req decideAppealRequest,
) (rest.Deferred[index.Appeal, proposal.Proposal], error) {
	var decided index.Appeal
	var waiting *proposal.Proposal
	if req.Body.Acknowledge {
		ctx = evaluation.Acknowledging(ctx)
	}
	ref := workflow.Ref{Town: req.Town, ID: req.Appeal, Version: req.Version}
	d := index.AppealDecision{
		To: req.Body.To, Answer: req.Body.Reason, Corrections: req.Body.Corrections.corrections(),
	}
	if req.DryRun {
		tried, err := index.TryAppeal(ctx, s.db(ctx), ref, d, string(req.Language))
		return waits(tried, nil, req.Localized), err
	}
	err := s.amending(ctx, req.Town, func(tx *gorm.DB) (amended string, err error) {
		decided, waiting, err = index.DecideAppeal(ctx, tx, ref, d)
		if decided.State == index.Upheld {
			amended = decided.PeriodCode
		}
		return amended, err
	})
	return waits(decided, waiting, req.Localized), err
}
