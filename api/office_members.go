package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/people"
)

type listOfficeMembersRequest struct {
	officeRequest
	On     *day.Date `form:"on" swaggertype:"string" format:"date"` // in force on this day; all of history if absent
	Person string    `form:"person"`                                // only of this person
	pageQuery
}

// listOfficeMembers answers who works in a liaison office, in the order of entry.
//
//	@ID			listOfficeMembers
//	@Summary	List who works in a liaison office
//	@Tags		people
//	@Param		query	query		listOfficeMembersRequest	false	"."
//	@Success	200		{object}	Page[people.OfficeMember]
//	@Router		/towns/{town}/offices/{office}/members [get]
func (s *Server) listOfficeMembers(ctx context.Context, req listOfficeMembersRequest) (Page[people.OfficeMember], error) {
	if _, err := people.FindOffice(ctx, s.db(ctx), req.Town, req.Office); err != nil {
		return Page[people.OfficeMember]{}, err
	}
	f := people.OfficeFilter{Office: req.Office, Person: req.Person, Limit: req.limit()}
	if req.On != nil {
		f.On = *req.On
	}
	if err := req.resume(&f.After); err != nil {
		return Page[people.OfficeMember]{}, err
	}
	list, err := people.ListOfficeMembers(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return Page[people.OfficeMember]{}, err
	}
	return page(list, req.pageQuery, func(x people.OfficeMember) []any { return []any{x.ID} })
}

type officeMemberInput struct {
	Person     string    `json:"person" validate:"required" example:"office-1"`
	ValidFrom  day.Date  `json:"valid_from" validate:"required" swaggertype:"string" format:"date"`
	ValidUntil *day.Date `json:"valid_until" swaggertype:"string" format:"date"` // the last day; absent = until further notice
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
func (s *Server) createOfficeMember(ctx context.Context, req createOfficeMemberRequest) (Created[people.OfficeMember], error) {
	b := req.Body
	made, err := people.JoinOffice(ctx, s.db(ctx), people.OfficeMember{
		TownID: req.Town, OfficeCode: req.Office, PersonCode: b.Person, ValidFrom: b.ValidFrom, ValidUntil: b.ValidUntil, Reason: b.Reason,
	})
	return Created[people.OfficeMember]{Key: made.ID, Value: made}, err
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
	ifMatch
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
	return people.EndOfficeMember(ctx, s.db(ctx), people.OfficeMember{TownID: req.Town, OfficeCode: req.Office, ID: req.ID},
		people.Ending{Version: req.Version, Until: req.Body.Until, Reason: req.Body.Reason})
}
