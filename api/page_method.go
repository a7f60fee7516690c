package api

import (
	"context"

	"bulwark/internal/pages"
	"bulwark/internal/rest"
	"bulwark/internal/scheme"
)

// methodPage is how the score of a period is made, from its scheme.
func (s *Server) methodPage(ctx context.Context, req pageQuery) (rest.HTML, error) {
	f, r, body, err := s.result(ctx, &req)
	if err != nil || body != nil {
		return page(body, err)
	}
	if r.Period, err = s.findPeriod(ctx, req.request().periodRequest); err != nil {
		return rest.HTML{}, err
	}
	if r.Scheme, err = scheme.Load(ctx, s.db(ctx), req.Town, r.Period.Scheme.Code, r.Period.Scheme.Number); err != nil {
		return rest.HTML{}, err
	}
	return page(pages.Method(f, pages.MethodView{Result: r}))
}
