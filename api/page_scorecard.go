package api

import (
	"context"

	"bulwark/internal/explanation"
	"bulwark/internal/index"
	"bulwark/internal/pages"
	"bulwark/internal/rest"
	"bulwark/internal/text"
)

type scorecardPageRequest struct {
	pageQuery
	Branch string `uri:"branch"`
}

// scorecardPage is a branch in a period: as much of it as the API shows the caller.
func (s *Server) scorecardPage(ctx context.Context, req scorecardPageRequest) (rest.HTML, error) {
	f, r, body, err := s.result(ctx, &req.pageQuery)
	if err != nil || body != nil {
		return page(body, err)
	}
	asked := scorecardRequest{resultRequest: req.request(), Localized: req.Localized, Branch: req.Branch}
	view, detailed, err := s.branchView(ctx, asked)
	if err != nil {
		return rest.HTML{}, err
	}
	v := pages.ScorecardView{Result: withView(r, view)}
	language := string(req.Language)
	if v.Card, err = view.Scorecard(req.Branch, language, detailed); err != nil {
		return rest.HTML{}, err
	}
	if err := view.FillSources(ctx, s.db(ctx), &v.Card); err != nil {
		return rest.HTML{}, err
	}
	ranking, err := view.Ranking(index.RankingFilter{}, language)
	if err != nil {
		return rest.HTML{}, err
	}
	for i := range ranking.Items {
		item := &ranking.Items[i]
		if item.Rank > 0 {
			v.Of++
		}
		if item.Branch.Code == req.Branch {
			v.Ranked = item
		}
		if item.Branch.Class == v.Card.Branch.Class {
			v.Peers = append(v.Peers, *item)
		}
	}
	if err := s.explainOn(ctx, &v, view, asked, detailed); err != nil {
		return rest.HTML{}, err
	}
	if v.History, err = s.results.History(ctx, s.db(ctx), req.Town, req.Branch); err != nil {
		return rest.HTML{}, err
	}
	f.Crumbs = []pages.Item{{
		Path:  pages.InTown(req.Town, "ranking", "period", req.Period, "publication", v.Publication()) + "#" + req.Branch,
		Words: text.F("排名 %s", "Ranking %s", req.Period),
	}}
	return page(pages.Scorecard(f, v))
}

// explainOn adds why the branch has its score, what changed, and what would raise it.
func (s *Server) explainOn(
	ctx context.Context, v *pages.ScorecardView, view index.View, req scorecardRequest, detailed bool,
) error {
	if v.Card.Score == nil {
		return nil
	}
	language := string(req.Language)
	why, err := explanation.Of(view, req.Branch, language, detailed)
	if err != nil {
		return err
	}
	v.Explanation = &why
	change, err := explanation.ChangeOf(ctx, s.db(ctx), s.results, view, explanation.ScoreChangeQuery{
		Branch: req.Branch, Language: language, Detailed: detailed,
	})
	switch {
	case err == nil:
		v.Change = &change
	case !isAbsent(err): // nothing was published before
		return err
	}
	if !detailed {
		return nil
	}
	gains, err := explanation.GainsOf(ctx, view, req.Branch, language)
	v.Gains = &gains
	return err
}
