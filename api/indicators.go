package api

import (
	"context"

	"bulwark/internal/fault"
	"bulwark/internal/rest"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
)

type listIndicatorsRequest struct {
	townRequest
	Scheme string `form:"scheme"` // of this scheme; of the one activated last if absent
}

// listIndicators returns the indicators of the active version in their order,
// each with its share of the index, on one page.
//
//	@Summary	List the indicators in force with their effective weights
func (s *Server) listIndicators(ctx context.Context, req listIndicatorsRequest) (rest.Page[scheme.Indicator], error) {
	v, err := scheme.FindActive(ctx, s.db(ctx), req.Town, req.Scheme)
	if err != nil {
		return rest.Page[scheme.Indicator]{}, err
	}
	c, err := v.Compile()
	if err != nil {
		return rest.Page[scheme.Indicator]{}, err
	}
	return rest.Page[scheme.Indicator]{Items: c.Flat()}, nil
}

type diffSchemeRequest struct {
	schemeVersionRequest
	From int64 `form:"from" validate:"required,min=1"` // number of the version to compare with
}

// diffScheme returns what changed from one version to another, on one page.
//
//	@Summary	Compare two versions of a scheme
func (s *Server) diffScheme(ctx context.Context, req diffSchemeRequest) (rest.Page[scheme.Change], error) {
	to, err := s.visibleScheme(ctx, req.Town, req.Scheme, req.Number)
	if err != nil {
		return rest.Page[scheme.Change]{}, err
	}
	from, err := s.visibleScheme(ctx, req.Town, req.Scheme, req.From)
	if err != nil {
		return rest.Page[scheme.Change]{}, err
	}
	changes, err := scheme.Compare(from, to)
	return rest.Page[scheme.Change]{Items: changes}, err
}

type schemeTemplateRequest struct {
	Scheme string `uri:"scheme"`
}

// findSchemeTemplate returns a shipped scheme, to be edited and sent to a town.
//
//	@Summary	Read a shipped scheme document
func (s *Server) findSchemeTemplate(_ context.Context, req schemeTemplateRequest) (rest.Raw, error) {
	d, err := scheme.FiveForces()
	if err != nil {
		return rest.Raw{}, err
	}
	if d.Code != req.Scheme {
		return rest.Raw{}, fault.Missing(text.Text{ZH: "指标体系模板", EN: "scheme template"}, req.Scheme)
	}
	document, err := d.Canonical()
	return rest.Raw{ContentType: "application/json", Body: document}, err
}
