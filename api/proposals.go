package api

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/index"
	"bulwark/internal/proposal"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

// waits returns the answer of a call whose work is done, or waits for a second person.
func waits[T any](done T, waiting *proposal.Proposal, l rest.Localized) rest.Deferred[T, proposal.Proposal] {
	d := rest.Deferred[T, proposal.Proposal]{Done: done}
	if waiting != nil {
		told := waiting.In(string(l.Language))
		d.Waiting, d.At = &told, waiting.Path()
	}
	return d
}

type listProposalsRequest struct {
	townRequest
	// only about this period
	Period string `form:"period"`
	State  string `form:"state" validate:"omitempty,oneof=open confirmed rejected lapsed withdrawn"` // only in this state
	rest.Localized
	rest.PageQuery
}

// listProposals returns what was proposed to be published in a town, and what became of
// it, in the order of the making.
//
//	@Summary	List proposals of publications
func (s *Server) listProposals(ctx context.Context, req listProposalsRequest) (rest.Page[proposal.Proposal], error) {
	f := proposal.Filter{Period: req.Period, State: proposal.State(req.State), Limit: req.Limit()}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[proposal.Proposal]{}, err
	}
	list, err := proposal.List(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[proposal.Proposal]{}, err
	}
	for i, p := range list {
		list[i] = p.In(string(req.Language))
	}
	return rest.NewPage(list, req.PageQuery, func(p proposal.Proposal) []any { return []any{p.ID} })
}

type proposalRequest struct {
	townRequest
	rest.Localized
	Proposal string `uri:"proposal"`
}

// findProposal returns one proposal, its history, who could confirm it and what the
// caller can do with it.
//
//	@Summary	Read a proposal of a publication
func (s *Server) findProposal(ctx context.Context, req proposalRequest) (proposal.Proposal, error) {
	p, err := proposal.Find(ctx, s.db(ctx), req.Town, req.Proposal)
	if err != nil {
		return p, err
	}
	p, err = p.WithChanges(ctx, s.db(ctx), string(req.Language))
	return p.In(string(req.Language)), err
}

// proposalTransition is a step of a proposal: the state to reach, and why.
type proposalTransition struct {
	// withdrawn by the proposer alone, the others by another person alone
	To     string `json:"to" validate:"required,oneof=confirmed rejected withdrawn"`
	Reason string `json:"reason" validate:"max=2000" multiline:"true"` // needed to reject
}

type moveProposalRequest struct {
	proposalRequest
	rest.IfMatch
	DryRun bool `form:"dry_run"` // say what would happen, and change nothing
	Body   proposalTransition
}

// moveProposal confirms, rejects or withdraws a proposal. Confirming, which only another
// person than the proposer can do, publishes what was proposed, all or nothing. With dry_run
// nothing is changed: the answer is the proposal as it would be, or as it is where the
// decision would be refused, and in dry_run what to know before.
//
//	@Summary	Decide on a proposal of a publication
func (s *Server) moveProposal(ctx context.Context, req moveProposalRequest) (proposal.Proposal, error) {
	var decided proposal.Proposal
	ref := workflow.Ref{Town: req.Town, ID: req.Proposal, Version: req.Version}
	d := index.ProposalDecision{To: proposal.State(req.Body.To), Reason: req.Body.Reason}
	if req.DryRun {
		tried, err := index.TryProposal(ctx, s.db(ctx), ref, d, string(req.Language))
		return tried.In(string(req.Language)), err
	}
	err := s.amending(ctx, req.Town, func(tx *gorm.DB) (amended string, err error) {
		decided, amended, err = index.DecideProposal(ctx, tx, ref, d)
		return amended, err
	})
	return decided, proposal.EndChanged(ctx, s.db(ctx), ref, err)
}
