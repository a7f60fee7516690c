package api

import (
	"context"

	"bulwark/internal/index"
	"bulwark/internal/pages"
	"bulwark/internal/rest"
	"bulwark/internal/town"
)

type rankingPageRequest struct {
	pageQuery
	Class string `form:"class"` // only this peer group
}

// rankingPage is the ranking of a period. What everybody sees of a published one is kept as it
// was rendered.
func (s *Server) rankingPage(ctx context.Context, req rankingPageRequest) (rest.HTML, error) {
	f, r, body, err := s.result(ctx, &req.pageQuery)
	if err != nil || body != nil {
		return page(body, err)
	}
	view, _, err := s.view(ctx, req.request())
	if err != nil {
		return rest.HTML{}, err
	}
	render := func() (rest.Raw, error) {
		all, err := view.Ranking(index.RankingFilter{}, string(req.Language))
		if err != nil {
			return rest.Raw{}, err
		}
		v := pages.RankingView{Result: withView(r, view), Ranking: all, Class: req.Class}
		for _, i := range all.Items {
			if i.Rank > 0 {
				v.Of++
			}
		}
		v.Classes = usedClasses(r.Classes, all)
		if req.Class != "" {
			if v.Ranking, err = view.Ranking(index.RankingFilter{Class: req.Class}, string(req.Language)); err != nil {
				return rest.Raw{}, err
			}
		}
		body, err := pages.Ranking(f, v)
		return rest.Raw{Body: body}, err
	}
	if view.Token == "" || f.Account != nil {
		raw, err := render()
		return page(raw.Body, err)
	}
	raw, err := s.responses.Get(cacheKey{
		view: "page/" + rest.Address(ctx).RawQuery, town: req.Town, period: req.Period, class: req.Class,
		publication: req.Publication, language: req.Language,
	}, view.Token+string(r.Today), render)
	return page(raw.Body, err)
}

// usedClasses returns the classes that some branch of the ranking has.
func usedClasses(classes []town.Class, r index.Ranking) (used []town.Class) {
	for _, c := range classes {
		for _, i := range r.Items {
			if i.Branch.Class == c.Code {
				used = append(used, c)
				break
			}
		}
	}
	return used
}
