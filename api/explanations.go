package api

import (
	"context"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/index"
)

// branchView is the view of a period for a question about one branch, and whether
// the caller may see its details.
func (s *Server) branchView(ctx context.Context, req scorecardRequest) (index.View, bool, error) {
	view, reach, err := s.view(ctx, req.resultRequest)
	if err != nil {
		return view, false, err
	}
	p := access.Caller(ctx)
	if reach != nil && !reach(req.Branch) {
		return view, false, notYetPublished(p)
	}
	detailed, err := access.ReachOf(ctx, s.db(ctx), p, access.ReadScorecard, req.Town, day.Of(s.Now()))
	return view, detailed.Has(req.Branch), err
}

// findExplanation returns how the score of a branch arose.
//
//	@Summary	Explain the score of a branch
func (s *Server) findExplanation(ctx context.Context, req scorecardRequest) (index.Explanation, error) {
	view, detailed, err := s.branchView(ctx, req)
	if err != nil {
		return index.Explanation{}, err
	}
	return view.Explanation(req.Branch, string(req.Language), detailed)
}

type scoreChangeRequest struct {
	scorecardRequest
	From            string `form:"from"`                              // a published period; the one of the same kind before if absent
	FromPublication int64  `form:"from_publication" validate:"min=0"` // of that period, or of the same one if from is absent; its latest if absent
}

// findChange returns where a change of score comes from.
//
//	@Summary	Take the change of a branch's score apart
func (s *Server) findChange(ctx context.Context, req scoreChangeRequest) (index.ScoreChange, error) {
	view, detailed, err := s.branchView(ctx, req.scorecardRequest)
	if err != nil {
		return index.ScoreChange{}, err
	}
	return s.board.Change(ctx, s.db(ctx), view, req.Branch, req.From, req.FromPublication, string(req.Language), detailed)
}

// findGains returns what would move a branch up: what each indicator is worth and
// the cheapest way to the next rank and grade.
//
//	@Summary	Say what would move a branch up
func (s *Server) findGains(ctx context.Context, req scorecardRequest) (index.Gains, error) {
	view, detailed, err := s.branchView(ctx, req)
	if err != nil {
		return index.Gains{}, err
	}
	if !detailed {
		return index.Gains{}, access.InScope(ctx, s.db(ctx), access.Caller(ctx), access.ReadScorecard, req.Town, req.Branch, day.Of(s.Now()))
	}
	return view.Gains(req.Branch, string(req.Language))
}
