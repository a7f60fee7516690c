package api

import (
	"cmp"
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/policy"
	"bulwark/internal/proposal"
	"bulwark/internal/rest"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

type listAreasRequest struct{ rest.PageQuery }

// listAreas returns the nodes of the administrative tree in the order of codes.
//
//	@Summary	List the areas of the administrative tree
func (s *Server) listAreas(ctx context.Context, req listAreasRequest) (rest.Page[town.Area], error) {
	var after string
	if err := req.Resume(&after); err != nil {
		return rest.Page[town.Area]{}, err
	}
	areas, err := town.ListAreas(ctx, s.db(ctx), after, req.Limit())
	if err != nil {
		return rest.Page[town.Area]{}, err
	}
	return rest.NewPage(areas, req.PageQuery, func(a town.Area) []any { return []any{a.Code} })
}

// areaInput is a new area.
type areaInput struct {
	Code       string    `json:"code" validate:"required,numeric,min=2,max=12" example:"440605126"`
	ParentCode *string   `json:"parent_code" validate:"omitempty,numeric,min=2,max=12" example:"440605"`
	Level      string    `json:"level" validate:"required,oneof=province city district town" example:"town"`
	Name       text.Text `json:"name" validate:"required"`
	Provenance string    `json:"provenance" validate:"max=200" example:"public statistical list 2021"`
}

type createAreaRequest struct{ Body areaInput }

// createArea adds a node to the administrative tree. It has no address of its own.
//
//	@Summary	Add an area to the administrative tree
func (s *Server) createArea(ctx context.Context, req createAreaRequest) (rest.Created[town.Area], error) {
	b := req.Body
	a, err := town.CreateArea(ctx, s.db(ctx), town.Area{
		Code: b.Code, ParentCode: b.ParentCode, Level: b.Level, Name: b.Name, Provenance: b.Provenance,
	})
	return rest.Created[town.Area]{Value: a}, err
}

type listTownsRequest struct{ rest.PageQuery }

// listTowns returns the towns that the caller may know of: without a key those
// that open their results, with a key limited to towns those.
//
//	@Summary	List the towns that the caller may know of
func (s *Server) listTowns(ctx context.Context, req listTownsRequest) (rest.Page[town.Town], error) {
	p := access.PrincipalFrom(ctx)
	f := town.Filter{Only: p.Towns, Open: p.Role == "", Limit: req.Limit()}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[town.Town]{}, err
	}
	towns, err := town.List(ctx, s.db(ctx), f)
	if err != nil {
		return rest.Page[town.Town]{}, err
	}
	return rest.NewPage(towns, req.PageQuery, func(t town.Town) []any { return []any{t.Code} })
}

// townInput is a new town.
type townInput struct {
	Code        string    `json:"code" validate:"required,code" example:"lishui"`
	AreaCode    string    `json:"area_code" validate:"required" example:"440605126"`
	Name        text.Text `json:"name" validate:"required"`
	OpenResults bool      `json:"open_results"` // anyone may read what is published, without a key

	RequireSignature bool `json:"require_signature"` // nothing is published that no key of the installation signs

	Provenance string `json:"provenance" validate:"max=200"`
	// the fewest days of public notice that a period may have
	NoticeFloor int64 `json:"notice_floor" validate:"min=0,max=90" example:"3"`
	safeguardsInput
}

// safeguardsInput is what keeps one person of a town from deciding alone what is published.
type safeguardsInput struct {
	// required (the default): what one person proposes to publish or amend, another one confirms
	SecondPerson string `json:"second_person" validate:"omitempty,oneof=required none"`
	// days after the first publication in which a result can be amended; 0 (the default): until it is final
	AmendmentDays *int64 `json:"amendment_days" validate:"omitempty,min=0,max=3650" example:"90"`
	// the least share of branches with a score (0.8 by default) with which a result is published without force
	LeastScored *float64 `json:"least_scored" validate:"omitempty,min=0,max=1" example:"0.8"`
}

// over returns the safeguards with those that are given.
func (in safeguardsInput) over(s town.Safeguards) town.Safeguards {
	s.SecondPerson = cmp.Or(in.SecondPerson, s.SecondPerson)
	if in.AmendmentDays != nil {
		s.AmendmentDays = *in.AmendmentDays
	}
	if in.LeastScored != nil {
		s.LeastScored = *in.LeastScored
	}
	return s
}

type createTownRequest struct{ Body townInput }

// createTown adds a town with the usual kinds of branch.
//
//	@Summary	Add a town
func (s *Server) createTown(ctx context.Context, req createTownRequest) (rest.Created[town.Town], error) {
	b := req.Body
	t, err := town.Create(ctx, s.db(ctx), town.Town{
		Code: b.Code, AreaCode: b.AreaCode, Name: b.Name, OpenResults: b.OpenResults, Provenance: b.Provenance,
		Limits:           town.Limits{NoticeFloor: b.NoticeFloor},
		RequireSignature: b.RequireSignature,
		Safeguards:       b.over(town.Safeguards{LeastScored: town.UsualLeastScored}),
	})
	return rest.Created[town.Town]{Key: t.Code, Value: t}, err
}

type townRequest struct {
	Town string `uri:"town"`
}

// townListRequest asks for a list of the town on one page.
type townListRequest struct {
	townRequest
	rest.TableQuery
}

// findTown returns one town.
//
//	@Summary	Read a town
func (s *Server) findTown(ctx context.Context, req townRequest) (town.Town, error) {
	return town.Find(ctx, s.db(ctx), req.Town)
}

// townChange is all that can change of a town. A setting that is absent stays as it is.
type townChange struct {
	Name        text.Text `json:"name" validate:"required"`
	OpenResults *bool     `json:"open_results" validate:"required"`
	// adjustments of one person about one branch that wait, 1–1000
	OpenProposals *int64 `json:"open_proposals" example:"10"`
	RunsPerLock   *int64 `json:"runs_per_lock" example:"20"` // of one locked period, 1–1000
	// fewest days of public notice, 0–90; only an administrator lowers it
	NoticeFloor *int64 `json:"notice_floor" example:"3"`
	Reason      string `json:"reason" validate:"max=2000" multiline:"true"` // needed to lower the floor, and to change the last two

	RequireSignature *bool `json:"require_signature"` // absent: as it is
	safeguardsInput        // only administrators change these, while no proposal is open
}

type updateTownRequest struct {
	townRequest
	rest.IfMatch
	Body townChange
}

// updateTown changes what a town is called, whether it opens its results, whether what
// it publishes must be signed, and its limits.
//
//	@Summary	Rename a town or change its settings
func (s *Server) updateTown(ctx context.Context, req updateTownRequest) (town.Town, error) {
	defer rest.AfterCommit(ctx, s.authCache.forget)
	next, err := town.Find(ctx, s.db(ctx), req.Town)
	if err != nil {
		return next, err
	}
	b := req.Body
	next.Version, next.Name, next.OpenResults = req.Version, b.Name, *b.OpenResults
	if b.RequireSignature != nil {
		next.RequireSignature = *b.RequireSignature
	}
	for _, x := range []struct{ from, to *int64 }{
		{b.OpenProposals, &next.OpenProposals}, {b.RunsPerLock, &next.RunsPerLock}, {b.NoticeFloor, &next.NoticeFloor},
	} {
		if x.from != nil {
			*x.to = *x.from
		}
	}
	next.Safeguards = b.over(next.Safeguards)
	by := town.Authority{
		Reason: b.Reason, Administrator: access.PrincipalFrom(ctx).Role == policy.Admin,
		Guard: func(tx *gorm.DB) error { return proposal.RefuseSetting(ctx, tx, req.Town) },
	}
	return town.Update(ctx, s.db(ctx), next, by)
}

// categoryInput is a new kind or class of branches.
type categoryInput struct {
	Code       string    `json:"code" validate:"required,code" example:"rural"`
	Name       text.Text `json:"name" validate:"required"`
	Provenance string    `json:"provenance" validate:"max=200"`
}

type createCategoryRequest struct {
	townRequest
	Body categoryInput
}

// listKinds returns what branches of the town can be, all on one page.
//
//	@Summary	List the kinds of branch
func (s *Server) listKinds(ctx context.Context, req townListRequest) (rest.Page[town.Kind], error) {
	kinds, err := town.ListKinds(ctx, s.db(ctx), req.Town)
	return rest.Page[town.Kind]{Items: kinds}, err
}

// createKind adds a kind of branch. It has no address of its own.
//
//	@Summary	Add a kind of branch
func (s *Server) createKind(ctx context.Context, req createCategoryRequest) (rest.Created[town.Kind], error) {
	b := req.Body
	k, err := town.CreateKind(ctx, s.db(ctx),
		town.Kind{TownID: req.Town, Code: b.Code, Name: b.Name, Provenance: b.Provenance})
	return rest.Created[town.Kind]{Value: k}, err
}

// listClasses returns the peer groups of the town, all on one page.
//
//	@Summary	List the classes that rank together
func (s *Server) listClasses(ctx context.Context, req townListRequest) (rest.Page[town.Class], error) {
	classes, err := town.ListClasses(ctx, s.db(ctx), req.Town)
	return rest.Page[town.Class]{Items: classes}, err
}

// createClass adds a peer group. It has no address of its own.
//
//	@Summary	Add a class that ranks together
func (s *Server) createClass(ctx context.Context, req createCategoryRequest) (rest.Created[town.Class], error) {
	b := req.Body
	c, err := town.CreateClass(ctx, s.db(ctx),
		town.Class{TownID: req.Town, Code: b.Code, Name: b.Name, Provenance: b.Provenance})
	return rest.Created[town.Class]{Value: c}, err
}

type renameAreaRequest struct {
	Area string `uri:"area"`
	Body correctedName
}

// renameArea corrects the name of an area.
//
//	@Summary	Correct the name of an area
func (s *Server) renameArea(ctx context.Context, req renameAreaRequest) (town.Area, error) {
	return town.RenameArea(ctx, s.db(ctx), town.Area{Code: req.Area, Name: req.Body.Name}, req.Body.Reason)
}

type renameKindRequest struct {
	townRequest
	Kind string `uri:"kind"`
	Body correctedName
}

// renameKind corrects the name of a kind of branch.
//
//	@Summary	Correct the name of a kind of branch
func (s *Server) renameKind(ctx context.Context, req renameKindRequest) (town.Kind, error) {
	return town.RenameKind(ctx, s.db(ctx), town.Kind{TownID: req.Town, Code: req.Kind, Name: req.Body.Name}, req.Body.Reason)
}

type renameClassRequest struct {
	townRequest
	Class string `uri:"class"`
	Body  correctedName
}

// renameClass corrects the name of a class.
//
//	@Summary	Correct the name of a class
func (s *Server) renameClass(ctx context.Context, req renameClassRequest) (town.Class, error) {
	return town.RenameClass(ctx, s.db(ctx), town.Class{TownID: req.Town, Code: req.Class, Name: req.Body.Name}, req.Body.Reason)
}
