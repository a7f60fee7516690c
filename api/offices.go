package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/rest"
	"bulwark/internal/text"
)

type listOfficesRequest struct {
	townRequest
	rest.PageQuery
}

// listOffices answers the liaison offices of the town in the order of codes.
//
//	@ID			listOffices
//	@Summary	List the liaison offices of a town
//	@Tags		people
//	@Param		query	query		listOfficesRequest	false	"."
//	@Success	200		{object}	rest.Page[people.LiaisonOffice]
//	@Router		/towns/{town}/offices [get]
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
//	@ID			createOffice
//	@Summary	Add a liaison office
//	@Tags		people
//	@Param		body	body		officeInput	true	"the new office"
//	@Success	201		{object}	people.LiaisonOffice
//	@Router		/towns/{town}/offices [post]
func (s *Server) createOffice(ctx context.Context, req createOfficeRequest) (rest.Created[people.LiaisonOffice], error) {
	b := req.Body
	o, err := people.CreateOffice(ctx, s.db(ctx), people.LiaisonOffice{TownID: req.Town, Code: b.Code, Name: b.Name, Provenance: b.Provenance})
	return rest.Created[people.LiaisonOffice]{Key: o.Code, Value: o}, err
}

type officeRequest struct {
	Town   string `uri:"town"`
	Office string `uri:"office"`
}

// findOffice answers one liaison office.
//
//	@ID			findOffice
//	@Summary	Read a liaison office
//	@Tags		people
//	@Success	200	{object}	people.LiaisonOffice
//	@Router		/towns/{town}/offices/{office} [get]
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
//	@ID			updateOffice
//	@Summary	Rename a liaison office
//	@Tags		people
//	@Param		body	body		renaming	true	"all that can change"
//	@Success	200		{object}	people.LiaisonOffice
//	@Router		/towns/{town}/offices/{office} [put]
func (s *Server) updateOffice(ctx context.Context, req updateOfficeRequest) (people.LiaisonOffice, error) {
	return people.UpdateOffice(ctx, s.db(ctx), req.Town, req.Office, req.Version, req.Body.Name)
}

type listOfficeMembersRequest struct {
	officeRequest
	On     *day.Date `form:"on" swaggertype:"string" format:"date"` // in force on this day; all of history if absent
	Person string    `form:"person"`                                // only of this person
	rest.PageQuery
}

// listOfficeMembers answers who works in a liaison office, in the order of entry.
//
//	@ID			listOfficeMembers
//	@Summary	List who works in a liaison office
//	@Tags		people
//	@Param		query	query		listOfficeMembersRequest	false	"."
//	@Success	200		{object}	rest.Page[people.OfficeMember]
//	@Router		/towns/{town}/offices/{office}/members [get]
func (s *Server) listOfficeMembers(ctx context.Context, req listOfficeMembersRequest) (rest.Page[people.OfficeMember], error) {
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
//	@ID			createOfficeMember
//	@Summary	Add a member to a liaison office
//	@Tags		people
//	@Param		body	body		officeMemberInput	true	"which person, from when"
//	@Success	201		{object}	people.OfficeMember
//	@Router		/towns/{town}/offices/{office}/members [post]
func (s *Server) createOfficeMember(ctx context.Context, req createOfficeMemberRequest) (rest.Created[people.OfficeMember], error) {
	b := req.Body
	made, err := people.JoinOffice(ctx, s.db(ctx), people.OfficeMember{
		TownID: req.Town, OfficeCode: req.Office, PersonCode: b.Person, ValidFrom: b.ValidFrom, ValidUntil: b.ValidUntil, Reason: b.Reason,
	})
	return rest.Created[people.OfficeMember]{Key: made.ID, Value: made}, err
}

type officeMemberRequest struct {
	officeRequest
	ID string `uri:"id"`
}

// findOfficeMember answers one of them.
//
//	@ID			findOfficeMember
//	@Summary	Read a membership
//	@Tags		people
//	@Success	200	{object}	people.OfficeMember
//	@Router		/towns/{town}/offices/{office}/members/{id} [get]
func (s *Server) findOfficeMember(ctx context.Context, req officeMemberRequest) (people.OfficeMember, error) {
	return people.FindOfficeMember(ctx, s.db(ctx), req.Town, req.Office, req.ID)
}

type endOfficeMemberRequest struct {
	officeMemberRequest
	rest.IfMatch
	Body termEnd
}

// endOfficeMember sets its last day.
//
//	@ID			endOfficeMember
//	@Summary	End a membership
//	@Tags		people
//	@Param		If-Match	header		string	true	"."
//	@Param		body		body		termEnd	true	"the last day, and why"
//	@Success	200			{object}	people.OfficeMember
//	@Router		/towns/{town}/offices/{office}/members/{id}/end [post]
func (s *Server) endOfficeMember(ctx context.Context, req endOfficeMemberRequest) (people.OfficeMember, error) {
	return people.EndOfficeMember(ctx, s.db(ctx), req.Town, req.Office, req.ID, req.Version, req.Body.Until, req.Body.Reason)
}

type listOfficeLinksRequest struct {
	officeRequest
	On     *day.Date `form:"on" swaggertype:"string" format:"date"` // in force on this day; all of history if absent
	Branch string    `form:"branch"`                                // only of this branch
	rest.PageQuery
}

// listOfficeLinks answers which branches a liaison office works for, in the order of entry.
//
//	@ID			listOfficeLinks
//	@Summary	List which branches a liaison office works for
//	@Tags		people
//	@Param		query	query		listOfficeLinksRequest	false	"."
//	@Success	200		{object}	rest.Page[people.OfficeLink]
//	@Router		/towns/{town}/offices/{office}/links [get]
func (s *Server) listOfficeLinks(ctx context.Context, req listOfficeLinksRequest) (rest.Page[people.OfficeLink], error) {
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
//	@ID			createOfficeLink
//	@Summary	Link a liaison office to a branch
//	@Tags		people
//	@Param		body	body		officeLinkInput	true	"which branch, from when"
//	@Success	201		{object}	people.OfficeLink
//	@Router		/towns/{town}/offices/{office}/links [post]
func (s *Server) createOfficeLink(ctx context.Context, req createOfficeLinkRequest) (rest.Created[people.OfficeLink], error) {
	b := req.Body
	made, err := people.LinkOffice(ctx, s.db(ctx), people.OfficeLink{
		TownID: req.Town, OfficeCode: req.Office, BranchCode: b.Branch, ValidFrom: b.ValidFrom, ValidUntil: b.ValidUntil, Reason: b.Reason,
	})
	return rest.Created[people.OfficeLink]{Key: made.ID, Value: made}, err
}

type officeLinkRequest struct {
	officeRequest
	ID string `uri:"id"`
}

// findOfficeLink answers one of them.
//
//	@ID			findOfficeLink
//	@Summary	Read a link
//	@Tags		people
//	@Success	200	{object}	people.OfficeLink
//	@Router		/towns/{town}/offices/{office}/links/{id} [get]
func (s *Server) findOfficeLink(ctx context.Context, req officeLinkRequest) (people.OfficeLink, error) {
	return people.FindOfficeLink(ctx, s.db(ctx), req.Town, req.Office, req.ID)
}

type endOfficeLinkRequest struct {
	officeLinkRequest
	rest.IfMatch
	Body termEnd
}

// endOfficeLink sets its last day.
//
//	@ID			endOfficeLink
//	@Summary	End a link
//	@Tags		people
//	@Param		If-Match	header		string	true	"."
//	@Param		body		body		termEnd	true	"the last day, and why"
//	@Success	200			{object}	people.OfficeLink
//	@Router		/towns/{town}/offices/{office}/links/{id}/end [post]
func (s *Server) endOfficeLink(ctx context.Context, req endOfficeLinkRequest) (people.OfficeLink, error) {
	return people.EndOfficeLink(ctx, s.db(ctx), req.Town, req.Office, req.ID, req.Version, req.Body.Until, req.Body.Reason)
}
