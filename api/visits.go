package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/improve/visit"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type listVisitsRequest struct {
	townRequest
	Branch    string      `form:"branch"`                                            // only to this branch
	By        string      `form:"by"`                                                // only by this person
	State     visit.State `form:"state" validate:"omitempty,state"`                  // only in this state
	From      day.Date    `form:"from" swaggertype:"string" format:"date"`           // made on this day or later
	Until     day.Date    `form:"until" swaggertype:"string" format:"date"`          // made on this day or earlier
	Indicator string      `form:"indicator"`                                         // only with a finding about this
	Measure   int64       `form:"measure" validate:"omitempty,min=1,max=7"`          // only with a finding under this measure
	PlanItem  string      `form:"plan_item" validate:"omitempty,uuid" format:"uuid"` // only with a finding about this
	rest.PageQuery
}

// listVisits returns the visits that the caller may read with what they found, in
// the order in which they were entered. A draft is shown to its author alone.
//
//	@Summary	List visits
func (s *Server) listVisits(ctx context.Context, req listVisitsRequest) (rest.Page[visit.Visit], error) {
	f := visit.Filter{
		Branch: req.Branch, By: req.By, State: req.State, From: req.From, Until: req.Until,
		Indicator: req.Indicator, Measure: req.Measure, PlanItem: req.PlanItem, Limit: req.Limit(),
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[visit.Visit]{}, err
	}
	list, err := visit.List(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[visit.Visit]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(v visit.Visit) []any { return []any{v.ID} })
}

// checkInput is one point that was looked at during a visit.
type checkInput struct {
	Code string `json:"code" validate:"omitempty,code" example:"ledger"`
	Text string `json:"text" validate:"required,max=500" example:"the ledger of meetings is kept"`
	Mark string `json:"mark" validate:"required,oneof=ok not_ok not_applicable"`
	Note string `json:"note" validate:"max=2000" multiline:"true"`
}

// findingInput is one finding of a visit.
type findingInput struct {
	Statement string  `json:"statement" validate:"required,max=2000" multiline:"true" example:"two meetings have no minutes"`
	Severity  string  `json:"severity" validate:"required,oneof=minor major critical"`
	Indicator string  `json:"indicator" validate:"max=64" example:"organisation.01"`
	Measure   *int64  `json:"measure" example:"3"`
	PlanItem  *string `json:"plan_item" format:"uuid"`
}

type visitInput struct {
	VisitedOn day.Date       `json:"visited_on" validate:"required" swaggertype:"string" format:"date"`
	Place     string         `json:"place" validate:"required,max=200"`
	Checks    []checkInput   `json:"checks" validate:"max=100,dive"`
	Findings  []findingInput `json:"findings" validate:"max=100,dive"`
	Evidence  string         `json:"evidence" validate:"max=5000" multiline:"true"`
}

func (in visitInput) content() visit.Content {
	c := visit.Content{
		VisitedOn: in.VisitedOn, Place: in.Place, Checks: visit.Inspections{}, Findings: []visit.Finding{},
		Evidence: in.Evidence,
	}
	for _, k := range in.Checks {
		c.Checks = append(c.Checks, visit.Inspection(k))
	}
	for _, f := range in.Findings {
		c.Findings = append(c.Findings, visit.Finding{
			Statement: f.Statement, Severity: f.Severity, Indicator: f.Indicator, Measure: f.Measure, PlanItemID: f.PlanItem,
		})
	}
	return c
}

// newVisit is a new visit: where it led and what was seen.
type newVisit struct {
	Branch string `json:"branch" validate:"required" example:"b07"`
	visitInput
}

type beginVisitRequest struct {
	townRequest
	rest.Localized
	Body newVisit
}

// beginVisit enters a draft of a visit that the caller made. He or she was paired
// with the branch on that day, or is of an office that was linked to it.
//
//	@Summary	Enter a visit
func (s *Server) beginVisit(ctx context.Context, req beginVisitRequest) (rest.Created[visit.Visit], error) {
	v, err := visit.Begin(ctx, s.db(ctx),
		visit.Visit{TownID: req.Town, BranchCode: req.Body.Branch, Content: req.Body.content()})
	v, err = s.withPairing(ctx, v, err, req.Language)
	return rest.Created[visit.Visit]{Key: v.ID, Value: v}, err
}

type visitRequest struct {
	Town  string `uri:"town"`
	Visit string `uri:"visit"`
}

type findVisitRequest struct {
	visitRequest
	rest.Localized
}

// findVisit returns one visit with its history, and who was paired with the branch
// on the day of the visit.
//
//	@Summary	Read a visit
func (s *Server) findVisit(ctx context.Context, req findVisitRequest) (visit.Visit, error) {
	v, err := visit.Find(ctx, s.db(ctx), req.Town, req.Visit)
	return s.withPairing(ctx, v, err, req.Language)
}

// withPairing adds to a visit who was paired with the branch on its day.
func (s *Server) withPairing(
	ctx context.Context, v visit.Visit, err error, language rest.Language,
) (visit.Visit, error) {
	if err != nil {
		return visit.Visit{}, err
	}
	return v.WithPairing(ctx, s.db(ctx), string(language))
}

// visitChange is all that a visit recorded, and why it is corrected.
type visitChange struct {
	visitInput
	Reason string `json:"reason" validate:"max=2000" multiline:"true"` // needed to correct what is recorded
}

type writeVisitRequest struct {
	visitRequest
	rest.IfMatch
	rest.Localized
	Body visitChange
}

// writeVisit replaces the caller's own draft, or corrects what he or she has
// recorded: what it told before stays in the history.
//
//	@Summary	Write or correct a visit
func (s *Server) writeVisit(ctx context.Context, req writeVisitRequest) (visit.Visit, error) {
	ref := workflow.Ref{Town: req.Town, ID: req.Visit, Version: req.Version}
	v, err := visit.Write(ctx, s.db(ctx), ref, req.Body.content(), req.Body.Reason)
	return s.withPairing(ctx, v, err, req.Language)
}

// visitTransition is a step of a visit: the state to reach, and the problems that it
// opens.
type visitTransition struct {
	To       visit.State    `json:"to" validate:"required,move"`
	Reason   string         `json:"reason" validate:"max=2000" multiline:"true"`
	Problems []foundProblem `json:"problems" validate:"max=20,dive"` // opened with the recording
}

// foundProblem is a problem that a finding of the visit opens.
type foundProblem struct {
	Finding int64 `json:"finding" validate:"min=1" example:"1"` // of the visit
	problemInput
}

type moveVisitRequest struct {
	visitRequest
	rest.IfMatch
	rest.Localized
	Body visitTransition
}

// moveVisit records the caller's own draft, and opens problems for what it found.
// From then on others see it, and it is only corrected.
//
//	@Summary	Record a visit
func (s *Server) moveVisit(ctx context.Context, req moveVisitRequest) (visit.Visit, error) {
	var found []visit.Problem
	for _, in := range req.Body.Problems {
		x := in.problem(req.Town)
		x.FindingNumber = &in.Finding
		found = append(found, x)
	}
	ref := workflow.Ref{Town: req.Town, ID: req.Visit, Version: req.Version}
	v, err := visit.Record(ctx, s.db(ctx), ref, req.Body.Reason, found...)
	return s.withPairing(ctx, v, err, req.Language)
}
