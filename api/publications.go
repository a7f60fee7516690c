package api

import (
	"context"
	"fmt"
	"strconv"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/improve"
	"bulwark/internal/index"
)

// resultRequest asks for the published result of a period.
type resultRequest struct {
	periodRequest
	Publication int64 `form:"publication" validate:"min=0"` // number of an earlier publication; the latest if absent
}

// file is what a file about the result is called, without its ending.
func (r resultRequest) file(what string) string {
	if r.Publication > 0 {
		what = fmt.Sprintf("publication-%d-%s", r.Publication, what)
	}
	return r.Period + "-" + what
}

// listPublications answers every publication of a period, the first one first, on
// one page.
//
//	@ID			listPublications
//	@Summary	List the publications of a period
//	@Tags		index
//	@Security
//	@Success	200	{object}	Page[index.PublicationDetail]
//	@Router		/towns/{town}/periods/{period}/publications [get]
func (s *Server) listPublications(ctx context.Context, req periodRequest) (Page[index.PublicationDetail], error) {
	if _, err := evaluation.FindPeriod(ctx, s.db(ctx), req.Town, req.Period); err != nil {
		return Page[index.PublicationDetail]{}, err
	}
	list, err := s.board.ListPublications(ctx, s.db(ctx), req.Town, req.Period)
	return Page[index.PublicationDetail]{Items: list}, err
}

type amendInput struct {
	Reason      string         `json:"reason" validate:"required,max=2000" multiline:"true"`
	Corrections correctionList `json:"corrections" validate:"min=1,max=200,dive"` // each names its branch
}

type amendRequest struct {
	periodRequest
	Body amendInput
}

// amendResult corrects a published result without an appeal: a new run and a new
// publication, all or nothing.
//
//	@ID			amendResult
//	@Summary	Correct a published result
//	@Tags		index
//	@Param		body	body		amendInput	true	"what is corrected, and why"
//	@Success	201		{object}	index.PublicationDetail
//	@Router		/towns/{town}/periods/{period}/publications [post]
func (s *Server) amendResult(ctx context.Context, req amendRequest) (Created[index.PublicationDetail], error) {
	var issue index.PublicationDetail
	err := s.amending(ctx, req.Town, func(tx *gorm.DB) (period string, err error) {
		issue, err = index.Amend(ctx, tx, req.Town, req.Period, index.Amendment{Reason: req.Body.Reason, Corrections: req.Body.Corrections.corrections()})
		return req.Period, err
	})
	return Created[index.PublicationDetail]{Key: strconv.FormatInt(issue.Number, 10), Value: issue}, err
}

// amending runs what may amend a period, and brings the targets that the period has
// led to up to date, all or nothing. amend answers which period it amended, if any.
func (s *Server) amending(ctx context.Context, townID string, amend func(tx *gorm.DB) (period string, err error)) error {
	defer s.afterwards(ctx, func() { s.board.Forget(townID); s.hurry() })
	return database.InTx(ctx, s.db(ctx), func(tx *gorm.DB) error {
		period, err := amend(tx)
		if err != nil || period == "" {
			return err
		}
		return improve.Follow(ctx, tx, s.board, townID, period)
	})
}

type publicationRequest struct {
	periodRequest
	Number int64 `uri:"publication"`
}

// findPublication answers one publication of a period.
//
//	@ID			findPublication
//	@Summary	Read a publication
//	@Tags		index
//	@Security
//	@Success	200	{object}	index.PublicationDetail
//	@Router		/towns/{town}/periods/{period}/publications/{publication} [get]
func (s *Server) findPublication(ctx context.Context, req publicationRequest) (index.PublicationDetail, error) {
	return s.board.FindPublication(ctx, s.db(ctx), req.Town, req.Period, req.Number)
}

type diffPublicationsRequest struct {
	publicationRequest
	localized
	From int64 `form:"from" validate:"min=0"` // compare with this publication; the one before if absent
}

// diffPublications answers which branches a publication shows differently from
// another one, and why. Who may not see the details of a branch gets its score,
// grade and ranks only.
//
//	@ID			diffPublications
//	@Summary	Compare two publications
//	@Tags		index
//	@Security
//	@Param		query	query		diffPublicationsRequest	false	"."
//	@Success	200		{object}	index.Diff
//	@Router		/towns/{town}/periods/{period}/publications/{publication}/diff [get]
func (s *Server) diffPublications(ctx context.Context, req diffPublicationsRequest) (index.Diff, error) {
	reach, err := s.details(ctx, req.Town)
	if err != nil {
		return index.Diff{}, err
	}
	return s.board.Diff(ctx, s.db(ctx), index.DiffQuery{
		Town: req.Town, Period: req.Period, To: req.Number, From: req.From, Language: string(req.Language), Detailed: reach.Has,
	})
}

// listCorrections answers what was corrected in a published period, for the
// branches whose details the caller may see, in the order of the making, on one
// page.
//
//	@ID			listCorrections
//	@Summary	List the corrections of a period
//	@Tags		index
//	@Success	200	{object}	Page[evaluation.Correction]
//	@Router		/towns/{town}/periods/{period}/corrections [get]
func (s *Server) listCorrections(ctx context.Context, req periodRequest) (Page[evaluation.Correction], error) {
	reach, err := s.details(ctx, req.Town)
	if err != nil {
		return Page[evaluation.Correction]{}, err
	}
	if _, err := evaluation.FindPeriod(ctx, s.db(ctx), req.Town, req.Period); err != nil {
		return Page[evaluation.Correction]{}, err
	}
	list, err := evaluation.ListCorrections(ctx, s.db(ctx), req.Town, []string{req.Period}, 0)
	visible := []evaluation.Correction{}
	for _, c := range list {
		if reach.Has(c.BranchCode) {
			visible = append(visible, c)
		}
	}
	return Page[evaluation.Correction]{Items: visible}, err
}

// details are the branches that the caller may see below the first level.
func (s *Server) details(ctx context.Context, town string) (access.Reach, error) {
	return access.ReachOf(ctx, s.db(ctx), access.Caller(ctx), access.ReadScorecard, town, day.Of(s.Now()))
}
