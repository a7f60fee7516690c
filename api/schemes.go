package api

import (
	"context"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/access"
	"bulwark/internal/analysis"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

type listSchemesRequest struct {
	townRequest
	Code  string       `form:"code"`                             // only versions of this scheme
	State scheme.State `form:"state" validate:"omitempty,state"` // only versions in this state
	rest.PageQuery
}

// listSchemes returns all versions without their documents, by code and number.
// Drafts are there for those who work on them.
//
//	@Summary	List the versions of the schemes of a town
func (s *Server) listSchemes(ctx context.Context, req listSchemesRequest) (rest.Page[scheme.Version], error) {
	f := scheme.Filter{
		Code: req.Code, State: req.State, NoDrafts: !access.PrincipalFrom(ctx).May(policy.ReadDrafts),
		Limit: req.Limit(),
	}
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
	Language rest.Language `header:"Accept-Language"`
	Body     jsontext.Value
}

// createScheme stores a document as the next version of its scheme, a draft. The
// registry counts versions: that of the document is not looked at, so that a
// document read from one town can be sent to another. Warnings name what it leaves open: reported values without
// a word on how they are verified.
//
//	@Summary	Draft the next version of a scheme
func (s *Server) createScheme(ctx context.Context, req createSchemeRequest) (rest.Created[scheme.Version], error) {
	d, err := scheme.Decode(req.Body)
	if err != nil {
		return rest.Created[scheme.Version]{}, err
	}
	v, err := scheme.Create(ctx, s.db(ctx), req.Town, d)
	if err == nil {
		v.Warnings, err = warnings(v, req.Language)
	}
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
	return scheme.Read(ctx, s.db(ctx), req.Town, req.Scheme, req.Number)
}

func (r schemeVersionRequest) ref(version int64) workflow.Ref {
	v := scheme.Version{TownID: r.Town, Code: r.Scheme, Number: r.Number}
	v.Version = version
	return v.Ref()
}

// warnings returns what the document of a draft leaves open.
func warnings(v scheme.Version, language rest.Language) ([]scheme.Warning, error) {
	c, err := v.Compile()
	if err != nil {
		return nil, err
	}
	return c.Warnings(string(language)), nil
}

type updateSchemeRequest struct {
	schemeVersionRequest
	Language rest.Language `header:"Accept-Language"`
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
	v, err := scheme.Update(ctx, s.db(ctx), req.ref(req.Version), d)
	if err == nil {
		v.Warnings, err = warnings(v, req.Language)
	}
	return v, err
}

type activateSchemeRequest struct {
	schemeVersionRequest
	rest.IfMatch
}

// activateScheme puts a draft into force and retires the version that was. What an indicator with over is fitted to,
// the published values of the periods that it names, is written into the document as numbers and is part of its hash:
// no later period, amendment or withdrawal changes it.
//
//	@Summary	Put a draft into force
func (s *Server) activateScheme(ctx context.Context, req activateSchemeRequest) (scheme.Version, error) {
	return scheme.Activate(ctx, s.db(ctx), req.ref(req.Version), index.FitOver)
}

type deleteSchemeRequest struct {
	schemeVersionRequest
	rest.IfMatch
	Body undoInput
}

// deleteScheme ends a draft that is not wanted. Lists leave it out unless one asks for state=deleted; its address still
// answers, and its number is never used again.
//
//	@Summary	Delete a draft
func (s *Server) deleteScheme(ctx context.Context, req deleteSchemeRequest) (scheme.Version, error) {
	return scheme.Delete(ctx, s.db(ctx), req.ref(req.Version), req.Body.Reason)
}

type trySchemeRequest struct {
	schemeVersionRequest
	Period string `form:"period"` // a published one; the latest if absent
	rest.Localized
}

// triedScheme is what a version of a scheme would do.
type triedScheme struct {
	Scheme     scheme.Ref         `json:"scheme"`
	Hash       string             `json:"hash"`       // of the document as an activation now would leave it
	Indicators []scheme.Indicator `json:"indicators"` // with their effective weights
	// the published period under it, beside what is published; absent where nothing is
	Ranking *analysis.Variants `json:"ranking,omitempty"`
}

// tryScheme returns the effective weights of a version, most often a draft, and what the entries of a published period
// come to under it, beside the published scores, ranks and grades. Nothing is stored.
//
//	@Summary	Try a draft on what is published
func (s *Server) tryScheme(ctx context.Context, req trySchemeRequest) (triedScheme, error) {
	v, err := scheme.Read(ctx, s.db(ctx), req.Town, req.Scheme, req.Number)
	if err != nil {
		return triedScheme{}, err
	}
	c, err := scheme.Tried(ctx, s.db(ctx), v, index.FitOver)
	if err != nil {
		return triedScheme{}, err
	}
	tried := triedScheme{Scheme: scheme.Ref{Code: v.Code, Number: v.Number}, Hash: c.Hash, Indicators: c.Flat()}
	period := req.Period
	if period == "" {
		if period, err = s.results.Latest(ctx, s.db(ctx), req.Town); err != nil || period == "" {
			return tried, err
		}
	}
	view, published, err := s.results.Published(ctx, s.db(ctx), req.Town, period, 0)
	if err == nil && !published {
		err = fault.Missing(text.Text{ZH: "已公布的考评周期", EN: "published period"}, period)
	}
	if err != nil {
		return triedScheme{}, err
	}
	study, err := analysis.New(view, string(req.Language))
	if err != nil {
		return triedScheme{}, err
	}
	ranking, err := study.Variants([]*scheme.Compiled{c})
	tried.Ranking = &ranking
	return tried, err
}

type listIndicatorsRequest struct {
	townRequest
	rest.TableQuery
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
	rest.TableQuery
	From int64 `form:"from" validate:"required,min=1"` // number of the version to compare with
}

// diffScheme returns what changed from one version to another, on one page.
//
//	@Summary	Compare two versions of a scheme
func (s *Server) diffScheme(ctx context.Context, req diffSchemeRequest) (rest.Page[scheme.Difference], error) {
	to, err := scheme.Read(ctx, s.db(ctx), req.Town, req.Scheme, req.Number)
	if err != nil {
		return rest.Page[scheme.Difference]{}, err
	}
	from, err := scheme.Read(ctx, s.db(ctx), req.Town, req.Scheme, req.From)
	if err != nil {
		return rest.Page[scheme.Difference]{}, err
	}
	changes, err := scheme.Compare(from, to)
	return rest.Page[scheme.Difference]{Items: changes}, err
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
