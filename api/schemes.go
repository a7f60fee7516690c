package api

import (
	"context"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/access"
	"bulwark/internal/rest"
	"bulwark/internal/scheme"
)

type listSchemesRequest struct {
	townRequest
	Code  string `form:"code"`                                                  // only versions of this scheme
	State string `form:"state" validate:"omitempty,oneof=draft active retired"` // only versions in this state
	rest.PageQuery
}

// listSchemes returns all versions without their documents, by code and number.
// Drafts are there for those who work on them.
//
//	@Summary	List the versions of the schemes of a town
func (s *Server) listSchemes(ctx context.Context, req listSchemesRequest) (rest.Page[scheme.Version], error) {
	f := scheme.Filter{Code: req.Code, State: scheme.State(req.State), NoDrafts: !access.Caller(ctx).May(access.ReadDrafts), Limit: req.Limit()}
	if err := req.Resume(&f.AfterCode, &f.AfterNumber); err != nil {
		return rest.Page[scheme.Version]{}, err
	}
	versions, err := scheme.List(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[scheme.Version]{}, err
	}
	return rest.NewPage(versions, req.PageQuery, func(v scheme.Version) []any { return []any{v.Code, v.Number} })
}

// A scheme document is read by package scheme itself, which knows the place of
// every fault in it.
type createSchemeRequest struct {
	townRequest
	Body jsontext.Value
}

// createScheme stores a document as the next version of its scheme, a draft. The
// registry counts versions: that of the document is not looked at, so that a
// document read from one town can be sent to another.
//
//	@Summary	Draft the next version of a scheme
func (s *Server) createScheme(ctx context.Context, req createSchemeRequest) (rest.Created[scheme.Version], error) {
	d, err := scheme.Decode(req.Body)
	if err != nil {
		return rest.Created[scheme.Version]{}, err
	}
	v, err := scheme.Create(ctx, s.db(ctx), req.Town, d)
	return rest.Created[scheme.Version]{Key: v.Code + "/versions/" + strconv.FormatInt(v.Number, 10), Value: v}, err
}

type schemeVersionRequest struct {
	Town   string `uri:"town"`
	Scheme string `uri:"scheme"`
	Number int64  `uri:"version"`
}

// findScheme returns one version with its document.
//
//	@Summary	Read a version of a scheme
func (s *Server) findScheme(ctx context.Context, req schemeVersionRequest) (scheme.Version, error) {
	return s.visibleScheme(ctx, req.Town, req.Scheme, req.Number)
}

// visibleScheme is the version, unless it is a draft that the caller may not
// know of.
func (s *Server) visibleScheme(ctx context.Context, town, code string, number int64) (scheme.Version, error) {
	v, err := scheme.Find(ctx, s.db(ctx), town, code, number)
	if err == nil && v.State == scheme.Draft && !access.Caller(ctx).May(access.ReadDrafts) {
		return scheme.Version{}, scheme.Missing(code, number)
	}
	return v, err
}

type updateSchemeRequest struct {
	schemeVersionRequest
	rest.IfMatch
	Body jsontext.Value
}

// updateScheme replaces the document of a draft. The address says which version
// it is: that of the document is not looked at.
//
//	@Summary	Replace the document of a draft
func (s *Server) updateScheme(ctx context.Context, req updateSchemeRequest) (scheme.Version, error) {
	d, err := scheme.Decode(req.Body)
	if err != nil {
		return scheme.Version{}, err
	}
	return scheme.Update(ctx, s.db(ctx), req.Town, req.Scheme, req.Number, req.Version, d)
}

type activateSchemeRequest struct {
	schemeVersionRequest
	rest.IfMatch
}

// activateScheme puts a draft into force and retires the version that was.
//
//	@Summary	Put a draft into force
func (s *Server) activateScheme(ctx context.Context, req activateSchemeRequest) (scheme.Version, error) {
	return scheme.Activate(ctx, s.db(ctx), req.Town, req.Scheme, req.Number, req.Version)
}
