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
	"bulwark/internal/improve/target"
	"bulwark/internal/index"
	"bulwark/internal/rest"
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
//	@Success	200	{object}	rest.Page[index.PublicationDetail]
//	@Router		/towns/{town}/periods/{period}/publications [get]
func (s *Server) listPublications(ctx context.Context, req periodRequest) (rest.Page[index.PublicationDetail], error) {
	if _, err := evaluation.FindPeriod(ctx, s.db(ctx), req.Town, req.Period); err != nil {
		return rest.Page[index.PublicationDetail]{}, err
	}
	list, err := s.board.ListPublications(ctx, s.db(ctx), req.Town, req.Period)
	return rest.Page[index.PublicationDetail]{Items: list}, err
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
func (s *Server) amendResult(ctx context.Context, req amendRequest) (rest.Created[index.PublicationDetail], error) {
	var issue index.PublicationDetail
	err := s.amending(ctx, req.Town, func(tx *gorm.DB) (period string, err error) {
		issue, err = index.Amend(ctx, tx, req.Town, req.Period, req.Body.Reason, req.Body.Corrections.corrections())
		return req.Period, err
	})
	return rest.Created[index.PublicationDetail]{Key: strconv.FormatInt(issue.Number, 10), Value: issue}, err
}

// amending runs what may amend a period, and brings the targets that the period has
// led to up to date, all or nothing. amend answers which period it amended, if any.
func (s *Server) amending(ctx context.Context, townID string, amend func(tx *gorm.DB) (period string, err error)) error {
	defer rest.AfterCommit(ctx, func() { s.board.Forget(townID); s.Jobs.Wake() })
	return database.InTx(ctx, s.db(ctx), func(tx *gorm.DB) error {
		period, err := amend(tx)
		if err != nil || period == "" {
			return err
		}
		return target.Follow(ctx, tx, s.board, townID, period)
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
	rest.Localized
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
	return s.board.Diff(ctx, s.db(ctx), req.Town, req.Period, req.Number, req.From, string(req.Language), reach.Has)
}

// listCorrections answers what was corrected in a published period, for the
// branches whose details the caller may see, in the order of the making, on one
// page.
//
//	@ID			listCorrections
//	@Summary	List the corrections of a period
//	@Tags		index
//	@Success	200	{object}	rest.Page[evaluation.Correction]
//	@Router		/towns/{town}/periods/{period}/corrections [get]
func (s *Server) listCorrections(ctx context.Context, req periodRequest) (rest.Page[evaluation.Correction], error) {
	reach, err := s.details(ctx, req.Town)
	if err != nil {
		return rest.Page[evaluation.Correction]{}, err
	}
	if _, err := evaluation.FindPeriod(ctx, s.db(ctx), req.Town, req.Period); err != nil {
		return rest.Page[evaluation.Correction]{}, err
	}
	list, err := evaluation.ListCorrections(ctx, s.db(ctx), req.Town, []string{req.Period}, 0)
	visible := []evaluation.Correction{}
	for _, c := range list {
		if reach.Has(c.BranchCode) {
			visible = append(visible, c)
		}
	}
	return rest.Page[evaluation.Correction]{Items: visible}, err
}

// details are the branches that the caller may see below the first level.
func (s *Server) details(ctx context.Context, town string) (access.Reach, error) {
	return access.ReachOf(ctx, s.db(ctx), access.Caller(ctx), access.ReadScorecard, town, day.Of(s.Now()))
}

// findReceipt answers what anyone needs to check a published result: hashes of
// what went in and what came out.
//
//	@ID			findReceipt
//	@Summary	Read the receipt of a published period
//	@Tags		index
//	@Security
//	@Param		query	query		resultRequest	false	"."
//	@Success	200		{object}	index.Receipt
//	@Router		/towns/{town}/periods/{period}/receipt [get]
func (s *Server) findReceipt(ctx context.Context, req resultRequest) (index.Receipt, error) {
	return s.board.Receipt(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
}

// verifyReceipt computes the published result again from its scheme and data and
// compares every figure, to the last bit, with the receipt and the stored rows.
//
//	@ID			verifyReceipt
//	@Summary	Verify a published result
//	@Tags		index
//	@Security
//	@Param		query	query		resultRequest	false	"."
//	@Success	200		{object}	index.Verification
//	@Router		/towns/{town}/periods/{period}/receipt/verify [get]
func (s *Server) verifyReceipt(ctx context.Context, req resultRequest) (index.Verification, error) {
	return s.board.Verify(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
}

// receiptScheme answers the scheme document of a published result, byte for byte
// as it was hashed.
//
//	@ID			receiptScheme
//	@Summary	Download the scheme behind a published result
//	@Tags		index
//	@Security
//	@Param		query	query		resultRequest	false	"."
//	@Success	200		{object}	scheme.Document
//	@Router		/towns/{town}/periods/{period}/receipt/scheme.json [get]
func (s *Server) receiptScheme(ctx context.Context, req resultRequest) (rest.Raw, error) {
	document, _, err := s.board.Files(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
	return rest.Raw{ContentType: "application/json", Filename: req.file("scheme.json"), Body: document}, err
}

// receiptData answers the data file of a published result, which
// `bulwark score` computes again.
//
//	@ID			receiptData
//	@Summary	Download the data behind a published result
//	@Tags		index
//	@Produce	text/csv
//	@Param		query	query		resultRequest	false	"."
//	@Success	200		{string}	string
//	@Router		/towns/{town}/periods/{period}/receipt/data.csv [get]
func (s *Server) receiptData(ctx context.Context, req resultRequest) (rest.Raw, error) {
	if access.Caller(ctx).ScopeOf(access.ReadScorecard) != access.All {
		return rest.Raw{}, rawDataRefused
	}
	_, data, err := s.board.Files(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
	return rest.Raw{ContentType: "text/csv; charset=utf-8", Filename: req.file("data.csv"), Body: []byte(data)}, err
}
