package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/rest"
)

type listOfficeLinksRequest struct {
	officeRequest
	On     *day.Date `form:"on" swaggertype:"string" format:"date"` // in force on this day; all of history if absent
	Branch string    `form:"branch"`                                // only of this branch
	rest.PageQuery
}

// listOfficeLinks returns which branches a liaison office works for, in the order of entry.
//
//	@Summary	List which branches a liaison office works for
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

// officeLinkInput is a branch that an office is linked to, and for how long.
type officeLinkInput struct {
	Branch     string    `json:"branch" validate:"required" example:"b07"`
	ValidFrom  day.Date  `json:"valid_from" validate:"required" swaggertype:"string" format:"date"`
	ValidUntil *day.Date `json:"valid_until" swaggertype:"string" format:"date"` // the last day; absent = until further notice
	Reason     string    `json:"reason" validate:"max=2000" multiline:"true"`
}

type createOfficeLinkRequest struct {
	officeRequest
	Body officeLinkInput
}

// createOfficeLink links the office to a branch, which its members then reach.
//
//	@Summary	Link a liaison office to a branch
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
	return people.EndOfficeLink(ctx, s.db(ctx), req.Town, req.Office, req.ID, req.Version, req.Body.Until, req.Body.Reason)
}
