package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/rest"
)

type listOfficeMembersRequest struct {
	officeRequest
	On     *day.Date `form:"on" swaggertype:"string" format:"date"` // in force on this day; all of history if absent
	Person string    `form:"person"`                                // only of this person
	rest.PageQuery
}

// listOfficeMembers returns who works in a liaison office, in the order of entry.
//
//	@Summary	List who works in a liaison office
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

// officeMemberInput is a person who works in an office, and for how long.
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
//	@Summary	Add a member to a liaison office
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
	return people.EndOfficeMember(ctx, s.db(ctx), req.Town, req.Office, req.ID, req.Version, req.Body.Until, req.Body.Reason)
}
