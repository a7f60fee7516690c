package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/people"
)

type listOfficeLinksRequest struct {
	officeRequest
	On     *day.Date `form:"on" swaggertype:"string" format:"date"` // in force on this day; all of history if absent
	Branch string    `form:"branch"`                                // only of this branch
	pageQuery
}

// listOfficeLinks answers which branches a liaison office works for, in the order of entry.
//
//	@ID			listOfficeLinks
//	@Summary	List which branches a liaison office works for
//	@Tags		people
//	@Param		query	query		listOfficeLinksRequest	false	"."
//	@Success	200		{object}	Page[people.OfficeLink]
//	@Router		/towns/{town}/offices/{office}/links [get]
func (s *Server) listOfficeLinks(ctx context.Context, req listOfficeLinksRequest) (Page[people.OfficeLink], error) {
	if _, err := people.FindOffice(ctx, s.db(ctx), req.Town, req.Office); err != nil {
		return Page[people.OfficeLink]{}, err
	}
	f := people.OfficeFilter{Office: req.Office, Branch: req.Branch, Limit: req.limit()}
	if req.On != nil {
		f.On = *req.On
	}
	if err := req.resume(&f.After); err != nil {
		return Page[people.OfficeLink]{}, err
	}
	list, err := people.ListOfficeLinks(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return Page[people.OfficeLink]{}, err
	}
	return page(list, req.pageQuery, func(x people.OfficeLink) []any { return []any{x.ID} })
}

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
//	@ID			createOfficeLink
//	@Summary	Link a liaison office to a branch
//	@Tags		people
//	@Param		body	body		officeLinkInput	true	"which branch, from when"
//	@Success	201		{object}	people.OfficeLink
//	@Router		/towns/{town}/offices/{office}/links [post]
func (s *Server) createOfficeLink(ctx context.Context, req createOfficeLinkRequest) (Created[people.OfficeLink], error) {
	b := req.Body
	made, err := people.LinkOffice(ctx, s.db(ctx), people.OfficeLink{
		TownID: req.Town, OfficeCode: req.Office, BranchCode: b.Branch, ValidFrom: b.ValidFrom, ValidUntil: b.ValidUntil, Reason: b.Reason,
	})
	return Created[people.OfficeLink]{Key: made.ID, Value: made}, err
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
	ifMatch
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
	return people.EndOfficeLink(ctx, s.db(ctx), people.OfficeLink{TownID: req.Town, OfficeCode: req.Office, ID: req.ID},
		people.Ending{Version: req.Version, Until: req.Body.Until, Reason: req.Body.Reason})
}
