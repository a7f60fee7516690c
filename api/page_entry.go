package api

import (
	"context"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/pages"
	"bulwark/internal/rest"
	"bulwark/internal/town"
)

type entryPageRequest struct {
	townRequest
	rest.Localized
	Period string `form:"period"` // its code; the latest one that is open for entry if absent
	Branch string `form:"branch"` // only its row, as a form
}

// entryPage is all that the caller enters in a period: a table, or one branch as a form.
func (s *Server) entryPage(ctx context.Context, req entryPageRequest) (rest.HTML, error) {
	p, err := s.publishedOf(ctx, req.Town)
	if err != nil {
		return rest.HTML{}, err
	}
	language := string(req.Language)
	v := pages.EntryView{
		Town: pages.Place{Code: p.town.Code, Name: p.town.Name.In(language)}, Account: access.PrincipalFrom(ctx).Credential(),
		Today: day.Of(s.Now()), Branch: req.Branch,
	}
	v.Periods = p.entering()
	f := s.townFrame(ctx, v.Town, p.last())
	if req.Period == "" {
		if len(v.Periods) == 0 {
			return page(pages.NoEntry(f, v))
		}
		req.Period = v.Periods[len(v.Periods)-1]
	}
	if v.Form, err = s.results.Form(ctx, s.db(ctx), req.Town, req.Period, language); err != nil {
		return rest.HTML{}, err
	}
	if req.Branch != "" && v.Single() == nil {
		_, err := town.FindBranch(ctx, s.db(ctx), req.Town, req.Branch, v.Today)
		if err == nil {
			err = access.Reach{}.Refuse(req.Branch)
		}
		return rest.HTML{}, err
	}
	return page(pages.Entry(f, v))
}
