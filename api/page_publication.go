package api

import (
	"context"

	"bulwark/internal/access"
	"bulwark/internal/index"
	"bulwark/internal/pages"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// noticePage is a publication as its public notice shows it, on the screen and on paper.
func (s *Server) noticePage(ctx context.Context, req pageQuery) (rest.HTML, error) {
	f, r, body, err := s.result(ctx, &req)
	if err != nil || body != nil {
		return page(body, err)
	}
	view, err := s.publishedView(ctx, req)
	if err != nil {
		return rest.HTML{}, err
	}
	language := string(req.Language)
	v := pages.NoticeView{Result: withView(r, view), AnswerDays: r.Period.AnswerDays}
	if v.Ranking, err = view.Ranking(index.RankingFilter{}, language); err != nil {
		return rest.HTML{}, err
	}
	number := v.Ranking.Publication
	if v.Publications, err = s.results.ListPublications(ctx, s.db(ctx), req.Town, req.Period); err != nil {
		return rest.HTML{}, err
	}
	for _, p := range v.Publications {
		if p.Number == number {
			v.Detail = p
		}
	}
	if number > 1 {
		diff, err := s.diffPublications(ctx, diffPublicationsRequest{
			publicationRequest: publicationRequest{periodRequest: req.request().periodRequest, Number: number}, Localized: req.Localized,
		})
		if err != nil {
			return rest.HTML{}, err
		}
		v.Diff = &diff
	}
	v.Address = s.Config.Link(pages.InTown(req.Town, "verify", "period", req.Period))
	return page(pages.Notice(f, v))
}

// verifyPage computes a publication again and states how anybody can check it.
func (s *Server) verifyPage(ctx context.Context, req pageQuery) (rest.HTML, error) {
	f, r, body, err := s.result(ctx, &req)
	if err != nil || body != nil {
		return page(body, err)
	}
	view, err := s.publishedView(ctx, req)
	if err != nil {
		return rest.HTML{}, err
	}
	v := pages.VerifyView{
		Result: withView(r, view), Data: access.PrincipalFrom(ctx).ScopeOf(policy.ReadScorecard) == policy.All,
	}
	if v.Receipt, err = s.findReceipt(ctx, req.request()); err != nil {
		return rest.HTML{}, err
	}
	if v.Verification, err = s.verifyReceipt(ctx, req.request()); err != nil {
		return rest.HTML{}, err
	}
	return page(pages.Verify(f, v))
}

// publishedView returns the published result that is asked for; a period that is not
// published is refused as the API refuses it.
func (s *Server) publishedView(ctx context.Context, q pageQuery) (index.View, error) {
	view, ok, err := s.results.Published(ctx, s.db(ctx), q.Town, q.Period, q.Publication)
	if err == nil && !ok {
		_, err = s.results.Receipt(ctx, s.db(ctx), q.Town, q.Period, q.Publication)
	}
	return view, err
}
