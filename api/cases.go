package api

import (
	"context"

	"bulwark/internal/exchange"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type listCasesRequest struct {
	townRequest
	// only of this branch
	Branch string `form:"branch"`
	// only editions of this one
	Series string `form:"series"`
	// only tagged with this indicator
	Indicator string `form:"indicator"`
	// only of this measure
	Measure int `form:"measure" validate:"min=0,max=7"`
	// only in this state
	State exchange.CaseState `form:"state" validate:"omitempty,state"`
	rest.PageQuery
}

// listCases returns the cases that the caller may read: published ones, and all of
// the branches that he or she writes about or reviews.
//
//	@Summary	List cases
func (s *Server) listCases(ctx context.Context, req listCasesRequest) (rest.Page[exchange.Case], error) {
	f := exchange.CaseFilter{
		Branch: req.Branch, Series: req.Series, Indicator: req.Indicator, Measure: req.Measure,
		State: req.State, Limit: req.Limit(),
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[exchange.Case]{}, err
	}
	list, err := exchange.ListCases(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[exchange.Case]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(c exchange.Case) []any { return []any{c.ID} })
}

// linkInput is an address that belongs to a case.
type linkInput struct {
	Title string `json:"title" validate:"required,max=200" example:"photos"`
	URL   string `json:"url" validate:"required,max=2000" example:"https://example.org/photos"`
}

// caseInput is all that a case tells.
type caseInput struct {
	Title      string      `json:"title" validate:"required,max=200"`
	Story      string      `json:"story" validate:"required,max=50000" multiline:"true"`
	Indicators []string    `json:"indicators" validate:"max=50,unique" example:"governance.02"` // of the scheme in force
	Measures   []int       `json:"measures" validate:"max=7,unique,dive,min=1,max=7" example:"4"`
	Links      []linkInput `json:"links" validate:"max=50,dive"`
}

// of is the case that the input tells.
func (in caseInput) of(town string) exchange.Case {
	c := exchange.Case{TownID: town, Title: in.Title, Story: in.Story}
	c.Indicators.V, c.Measures.V, c.Links.V = append([]string{}, in.Indicators...), append([]int{}, in.Measures...),
		[]exchange.Link{}
	for _, l := range in.Links {
		c.Links.V = append(c.Links.V, exchange.Link(l))
	}
	return c
}

// newCaseInput is a new case: what a branch did well.
type newCaseInput struct {
	Branch string `json:"branch" validate:"required" example:"b07"`
	caseInput
}

type draftCaseRequest struct {
	townRequest
	Body newCaseInput
}

// draftCase begins a case about a branch that the caller works on.
//
//	@Summary	Begin a case
func (s *Server) draftCase(ctx context.Context, req draftCaseRequest) (rest.Created[exchange.Case], error) {
	c := req.Body.of(req.Town)
	c.BranchCode = req.Body.Branch
	c, err := exchange.DraftCase(ctx, s.db(ctx), c)
	return rest.Created[exchange.Case]{Key: c.ID, Value: c}, err
}

type caseRequest struct {
	Town string `uri:"town"`
	Case string `uri:"case"`
}

// findCase returns one case and what the caller can do with it. Who wrote and
// reviewed it is told to those who may read people and to its own branch.
//
//	@Summary	Read a case
func (s *Server) findCase(ctx context.Context, req caseRequest) (exchange.Case, error) {
	return exchange.FindCase(ctx, s.db(ctx), req.Town, req.Case)
}

type updateCaseRequest struct {
	caseRequest
	rest.IfMatch
	Body caseInput
}

// updateCase replaces what a draft or returned case says.
//
//	@Summary	Edit a case that is not published
func (s *Server) updateCase(ctx context.Context, req updateCaseRequest) (exchange.Case, error) {
	c := req.Body.of(req.Town)
	c.ID = req.Case
	return exchange.UpdateCase(ctx, s.db(ctx), c, req.Version)
}

// renewCase begins the next edition of a published case, which takes its place
// when it is published in turn.
//
//	@Summary	Begin the next edition of a case
func (s *Server) renewCase(ctx context.Context, req caseRequest) (exchange.Case, error) {
	return exchange.RenewCase(ctx, s.db(ctx), req.Town, req.Case)
}

// caseTransition is a step of a case: the state to reach, and why.
type caseTransition struct {
	To exchange.CaseState `json:"to" validate:"required,move"`
	// needed to return, and to take back what is published
	Reason string `json:"reason" validate:"max=2000" multiline:"true"`
}

type moveCaseRequest struct {
	caseRequest
	rest.IfMatch
	Body caseTransition
}

// moveCase submits, publishes, returns or withdraws a case. The leading group
// reviews it; nobody reviews a case of a branch that he or she leads, or wrote.
//
//	@Summary	Move a case on
func (s *Server) moveCase(ctx context.Context, req moveCaseRequest) (exchange.Case, error) {
	return exchange.MoveCase(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Case, Version: req.Version},
		req.Body.To, req.Body.Reason)
}

type recommendCasesRequest struct {
	branchRequest
	rest.Localized
	Period string `form:"period"` // a published one; the latest if absent
}

// recommendCases returns the published cases of branches that are strong now where
// this one is weak, and were weak there themselves, the best first, with reasons.
//
//	@Summary	Recommend cases to a branch
func (s *Server) recommendCases(ctx context.Context, req recommendCasesRequest) (exchange.Recommended, error) {
	return exchange.RecommendedFor(ctx, s.db(ctx), s.results, exchange.RecommendationQuery{
		Town: req.Town, Branch: req.Branch, Period: req.Period, Language: string(req.Language),
	})
}
