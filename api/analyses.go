package api

import (
	"context"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/improve/plan"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

// draftAnalysis returns what an analysis of a published result starts from: where
// the branch is weak, and what the cheapest gains are. Nothing is stored.
//
//	@Summary	Say what a cause analysis starts from
func (s *Server) draftAnalysis(ctx context.Context, req scorecardRequest) (plan.AnalysisBasis, error) {
	if err := access.PrincipalFrom(ctx).InScope(ctx, s.db(ctx), policy.WriteAnalyses, req.Town, req.Branch,
		day.Of(s.Now())); err != nil {
		return plan.AnalysisBasis{}, err
	}
	return plan.FindBasis(ctx, s.db(ctx), s.results, req.Town, req.Period, req.Publication, req.Branch,
		string(req.Language))
}

type listAnalysesRequest struct {
	townRequest
	Period string             `form:"period"`                           // only of results of this period
	Branch string             `form:"branch"`                           // only of this branch
	Mentor string             `form:"mentor"`                           // only by this person
	State  plan.AnalysisState `form:"state" validate:"omitempty,state"` // only in this state
	rest.PageQuery
}

// listAnalyses returns the cause analyses that the caller may see: the own ones, and
// of others those submitted.
//
//	@Summary	List cause analyses
func (s *Server) listAnalyses(ctx context.Context, req listAnalysesRequest) (rest.Page[plan.Analysis], error) {
	f := plan.AnalysisFilter{
		Period: req.Period, Branch: req.Branch, Mentor: req.Mentor, State: req.State, Limit: req.Limit(),
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[plan.Analysis]{}, err
	}
	list, err := plan.ListAnalyses(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[plan.Analysis]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(a plan.Analysis) []any { return []any{a.ID} })
}

// causeInput is one cause of a finding, with its evidence.
type causeInput struct {
	Indicator string `json:"indicator" validate:"required,max=64" example:"governance.01"`
	Kind      string `json:"kind" validate:"required,oneof=team resources mechanism execution environment data other"`
	Cause     string `json:"cause" validate:"required,max=2000" multiline:"true" example:"nobody answers for it"`
	Evidence  string `json:"evidence" validate:"max=2000" multiline:"true"`
}

// analysisContent is all that an analysis found.
type analysisContent struct {
	Findings []causeInput `json:"findings" validate:"max=100,dive"`
	Summary  string       `json:"summary" validate:"max=5000" multiline:"true"`
}

func (in analysisContent) findings() plan.Causes {
	list := plan.Causes{}
	for _, f := range in.Findings {
		list = append(list, plan.Cause(f))
	}
	return list
}

// analysisInput is the published result that an analysis is about, and what was found
// so far.
type analysisInput struct {
	Period      string `json:"period" validate:"required" example:"2023Q2"`
	Publication int64  `json:"publication" validate:"min=0"` // of the period; its latest if absent
	Branch      string `json:"branch" validate:"required" example:"b07"`
	analysisContent
}

type beginAnalysisRequest struct {
	townRequest
	Body analysisInput
}

// beginAnalysis enters a draft about a published result of a branch that the caller
// is a mentor of today.
//
//	@Summary	Begin a cause analysis
func (s *Server) beginAnalysis(ctx context.Context, req beginAnalysisRequest) (rest.Created[plan.Analysis], error) {
	in := req.Body
	a, err := plan.BeginAnalysis(ctx, s.db(ctx), s.results, plan.Analysis{
		TownID: req.Town, PeriodCode: in.Period, PublicationNumber: in.Publication, BranchCode: in.Branch,
		Findings: in.findings(), Summary: in.Summary,
	})
	return rest.Created[plan.Analysis]{Key: a.ID, Value: a}, err
}

type analysisRequest struct {
	Town     string `uri:"town"`
	Analysis string `uri:"analysis"`
}

// findAnalysis returns one analysis and what the caller can do with it.
//
//	@Summary	Read a cause analysis
func (s *Server) findAnalysis(ctx context.Context, req analysisRequest) (plan.Analysis, error) {
	return plan.FindAnalysis(ctx, s.db(ctx), req.Town, req.Analysis)
}

type writeAnalysisRequest struct {
	analysisRequest
	rest.IfMatch
	Body analysisContent
}

// writeAnalysis replaces what a draft says.
//
//	@Summary	Write a cause analysis
func (s *Server) writeAnalysis(ctx context.Context, req writeAnalysisRequest) (plan.Analysis, error) {
	return plan.WriteAnalysis(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Analysis, Version: req.Version},
		req.Body.findings(), req.Body.Summary)
}

// analysisTransition is a step of an analysis: the state to reach, and why.
type analysisTransition struct {
	To     plan.AnalysisState `json:"to" validate:"required,move"`
	Reason string             `json:"reason" validate:"max=2000" multiline:"true"`
}

type moveAnalysisRequest struct {
	analysisRequest
	rest.IfMatch
	Body analysisTransition
}

// moveAnalysis submits an analysis, or withdraws it to go on writing.
//
//	@Summary	Submit or withdraw a cause analysis
func (s *Server) moveAnalysis(ctx context.Context, req moveAnalysisRequest) (plan.Analysis, error) {
	return plan.MoveAnalysis(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Analysis, Version: req.Version},
		req.Body.To, req.Body.Reason)
}
