package api

import (
	"context"

	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/rest"
	"bulwark/internal/text"
)

type listOfficesRequest struct {
	townRequest
	rest.PageQuery
}

// listOffices returns the liaison offices of the town in the order of codes.
//
//	@Summary	List the liaison offices of a town
func (s *Server) listOffices(ctx context.Context, req listOfficesRequest) (rest.Page[people.LiaisonOffice], error) {
	var after string
	if err := req.Resume(&after); err != nil {
		return rest.Page[people.LiaisonOffice]{}, err
	}
	offices, err := people.ListOffices(ctx, s.db(ctx), req.Town, after, req.Limit())
	if err != nil {
		return rest.Page[people.LiaisonOffice]{}, err
	}
	return rest.NewPage(offices, req.PageQuery, func(o people.LiaisonOffice) []any { return []any{o.Code} })
}

// officeInput is a new liaison office.
type officeInput struct {
	Code       string    `json:"code" validate:"required,code" example:"agriculture"`
	Name       text.Text `json:"name" validate:"required"`
	Provenance string    `json:"provenance" validate:"max=200" example:"invented"`
}

type createOfficeRequest struct {
	townRequest
	Body officeInput
}

// createOffice adds a liaison office to the town.
//
//	@Summary	Add a liaison office
func (s *Server) createOffice(
	ctx context.Context, req createOfficeRequest,
) (rest.Created[people.LiaisonOffice], error) {
	b := req.Body
	o, err := people.CreateOffice(ctx, s.db(ctx),
		people.LiaisonOffice{TownID: req.Town, Code: b.Code, Name: b.Name, Provenance: b.Provenance})
	return rest.Created[people.LiaisonOffice]{Key: o.Code, Value: o}, err
}

type officeRequest struct {
	Town   string `uri:"town"`
	Office string `uri:"office"`
}

// findOffice returns one liaison office.
//
//	@Summary	Read a liaison office
func (s *Server) findOffice(ctx context.Context, req officeRequest) (people.LiaisonOffice, error) {
	return people.FindOffice(ctx, s.db(ctx), req.Town, req.Office)
}

type updateOfficeRequest struct {
	officeRequest
	rest.IfMatch
	Body renaming
}

// updateOffice changes what a liaison office is called.
//
//	@Summary	Rename a liaison office
func (s *Server) updateOffice(ctx context.Context, req updateOfficeRequest) (people.LiaisonOffice, error) {
	return people.UpdateOffice(ctx, s.db(ctx), people.LiaisonOffice{
		TownID: req.Town, Code: req.Office, Name: req.Body.Name, Versioned: database.Versioned{Version: req.Version},
	})
}

type listOfficeMembersRequest struct {
	officeRequest
	On     *day.Date `form:"on" swaggertype:"string" format:"date"` // in force on this day; all of history if absent
	Person string    `form:"person"`                                // only of this person
	rest.PageQuery
}

// listOfficeMembers returns who works in a liaison office, in the order of entry.
//
//	@Summary	List who works in a liaison office
func (s *Server) listOfficeMembers(
	ctx context.Context, req listOfficeMembersRequest,
) (rest.Page[people.OfficeMember], error) {
	if _, err := people.FindOffice(ctx, s.db(ctx), req.Town, req.Office); err != nil {
		return rest.Page[people.OfficeMember]{}, err
	}
	f := people.OfficeFilter{Office: req.Office, Person: req.Person, Limit: req.Limit()}
	if req.On != nil {
		f.On = *req.On
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[people.OfficeMember]{}, err
	}
	list, err := people.ListOfficeMembers(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[people.OfficeMember]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(x people.OfficeMember) []any { return []any{x.ID} })
}

// officeMemberInput is a person who works in an office, and for how long.
type officeMemberInput struct {
	Person    string   `json:"person" validate:"required" example:"office-1"`
	ValidFrom day.Date `json:"from" validate:"required" swaggertype:"string" format:"date"`
	// the last day; absent = until further notice
	ValidUntil *day.Date `json:"until" swaggertype:"string" format:"date"`
	Reason     string    `json:"reason" validate:"max=2000" multiline:"true"`
}

type createOfficeMemberRequest struct {
	officeRequest
	Body officeMemberInput
}

// createOfficeMember makes a person a member of the office, who reaches the branches of its links.
//
//	@Summary	Add a member to a liaison office
func (s *Server) createOfficeMember(
	ctx context.Context, req createOfficeMemberRequest,
) (rest.Created[people.OfficeMember], error) {
	b := req.Body
	made, err := people.JoinOffice(ctx, s.db(ctx), people.OfficeMember{
		TownID: req.Town, OfficeCode: req.Office, PersonCode: b.Person, ValidFrom: b.ValidFrom, ValidUntil: b.ValidUntil,
		Reason: b.Reason,
	})
	return rest.Created[people.OfficeMember]{Key: made.ID, Value: made}, err
}

type officeMemberRequest struct {
	officeRequest
	ID string `uri:"id"`
}

// findOfficeMember returns one person who works in an office.
//
//	@Summary	Read a membership
func (s *Server) findOfficeMember(ctx context.Context, req officeMemberRequest) (people.OfficeMember, error) {
	return people.FindOfficeMember(ctx, s.db(ctx), req.Town, req.Office, req.ID)
}

type endOfficeMemberRequest struct {
	officeMemberRequest
	rest.IfMatch
	Body termEnd
}

// endOfficeMember sets the last day on which a person works in an office.
//
//	@Summary	End a membership
func (s *Server) endOfficeMember(ctx context.Context, req endOfficeMemberRequest) (people.OfficeMember, error) {
	return people.EndOfficeMember(ctx, s.db(ctx),
		people.OfficeMember{TownID: req.Town, OfficeCode: req.Office, ID: req.ID},
		people.Ending{Version: req.Version, Until: req.Body.Until, Reason: req.Body.Reason})
}

type listOfficeLinksRequest struct {
	officeRequest
	On     *day.Date `form:"on" swaggertype:"string" format:"date"` // in force on this day; all of history if absent
	Branch string    `form:"branch"`                                // only of this branch
	rest.PageQuery
}

// listOfficeLinks returns which branches a liaison office works for, in the order of entry.
//
//	@Summary	List which branches a liaison office works for
func (s *Server) listOfficeLinks(
	ctx context.Context, req listOfficeLinksRequest,
) (rest.Page[people.OfficeLink], error) {
	if _, err := people.FindOffice(ctx, s.db(ctx), req.Town, req.Office); err != nil {
		return rest.Page[people.OfficeLink]{}, err
	}
	f := people.OfficeFilter{Office: req.Office, Branch: req.Branch, Limit: req.Limit()}
	if req.On != nil {
		f.On = *req.On
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[people.OfficeLink]{}, err
	}
	list, err := people.ListOfficeLinks(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[people.OfficeLink]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(x people.OfficeLink) []any { return []any{x.ID} })
}

// officeLinkInput is a branch that an office is linked to, and for how long.
type officeLinkInput struct {
	Branch    string   `json:"branch" validate:"required" example:"b07"`
	ValidFrom day.Date `json:"from" validate:"required" swaggertype:"string" format:"date"`
	// the last day; absent = until further notice
	ValidUntil *day.Date `json:"until" swaggertype:"string" format:"date"`
	Reason     string    `json:"reason" validate:"max=2000" multiline:"true"`
}

type createOfficeLinkRequest struct {
	officeRequest
	Body officeLinkInput
}

// createOfficeLink links the office to a branch, which its members then reach.
//
//	@Summary	Link a liaison office to a branch
func (s *Server) createOfficeLink(
	ctx context.Context, req createOfficeLinkRequest,
) (rest.Created[people.OfficeLink], error) {
	b := req.Body
	made, err := people.LinkOffice(ctx, s.db(ctx), people.OfficeLink{
		TownID: req.Town, OfficeCode: req.Office, BranchCode: b.Branch, ValidFrom: b.ValidFrom, ValidUntil: b.ValidUntil,
		Reason: b.Reason,
	})
	return rest.Created[people.OfficeLink]{Key: made.ID, Value: made}, err
}

type officeLinkRequest struct {
	officeRequest
	ID string `uri:"id"`
}

// findOfficeLink returns one branch that an office works for.
//
//	@Summary	Read a link
func (s *Server) findOfficeLink(ctx context.Context, req officeLinkRequest) (people.OfficeLink, error) {
	return people.FindOfficeLink(ctx, s.db(ctx), req.Town, req.Office, req.ID)
}

type endOfficeLinkRequest struct {
	officeLinkRequest
	rest.IfMatch
	Body termEnd
}

// endOfficeLink sets the last day on which an office works for a branch.
//
//	@Summary	End a link
func (s *Server) endOfficeLink(ctx context.Context, req endOfficeLinkRequest) (people.OfficeLink, error) {
	return people.EndOfficeLink(ctx, s.db(ctx), people.OfficeLink{TownID: req.Town, OfficeCode: req.Office, ID: req.ID},
		people.Ending{Version: req.Version, Until: req.Body.Until, Reason: req.Body.Reason})
}

type cancelOfficeMemberRequest struct {
	officeMemberRequest
	rest.IfMatch
	Body cancelInput
}

// cancelOfficeMember marks a membership as entered by mistake: from the next request on the person reaches none of the office's branches by it. For conflicts
// of interest the days before still count, until another person cancels it too.
//
//	@Summary	Cancel a membership that was entered by mistake
func (s *Server) cancelOfficeMember(ctx context.Context, req cancelOfficeMemberRequest) (people.OfficeMember, error) {
	return people.CancelOfficeMember(ctx, s.db(ctx), people.OfficeMember{TownID: req.Town, OfficeCode: req.Office, ID: req.ID},
		people.Cancelling{Version: req.Version, Reason: req.Body.Reason})
}

type cancelOfficeLinkRequest struct {
	officeLinkRequest
	rest.IfMatch
	Body cancelInput
}

// cancelOfficeLink marks a link as entered by mistake: from the next request on the office does not work for the branch. For conflicts
// of interest the days before still count, until another person cancels it too.
//
//	@Summary	Cancel a link that was entered by mistake
func (s *Server) cancelOfficeLink(ctx context.Context, req cancelOfficeLinkRequest) (people.OfficeLink, error) {
	return people.CancelOfficeLink(ctx, s.db(ctx), people.OfficeLink{TownID: req.Town, OfficeCode: req.Office, ID: req.ID},
		people.Cancelling{Version: req.Version, Reason: req.Body.Reason})
}
