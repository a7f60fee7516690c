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
	"bulwark/internal/policy"
	"bulwark/internal/proposal"
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

// listPublications returns every publication of a period, the first one first, on
// one page.
//
//	@Summary	List the publications of a period
func (s *Server) listPublications(ctx context.Context, req periodListRequest) (rest.Page[index.PublicationDetail], error) {
	if _, err := evaluation.FindPeriod(ctx, s.db(ctx), req.Town, req.Period); err != nil {
		return rest.Page[index.PublicationDetail]{}, err
	}
	list, err := s.results.ListPublications(ctx, s.db(ctx), req.Town, req.Period)
	return rest.Page[index.PublicationDetail]{Items: list}, err
}

// amendInput is what an amended result corrects, and why.
type amendInput struct {
	Reason      string         `json:"reason" validate:"required,max=2000" multiline:"true"`
	Corrections correctionList `json:"corrections" validate:"min=1,max=200,dive"` // each names its branch
	// add an adjustment although the same evidence served another one: say why in the reason
	Acknowledge bool `json:"acknowledge"`
}

type amendRequest struct {
	periodRequest
	rest.Localized
	DryRun bool `form:"dry_run"` // say what would happen, and change nothing
	Body   amendInput
}

// amendResult corrects a published result without an appeal: a new run and a new
// publication, all or nothing. Where that takes two persons, the answer is 202 with the
// proposal, which lists every branch that the corrections touch and which another person
// confirms. With dry_run nothing is changed: the answer is the publication as it would be, or
// the latest one as it is where the amendment would be refused or wait for a second person,
// and in dry_run what to know before.
//
//	@Summary	Correct a published result
func (s *Server) amendResult(
	ctx context.Context, req amendRequest,
) (rest.Deferred[rest.Created[index.PublicationDetail], proposal.Proposal], error) {
	var issue index.PublicationDetail
	var waiting *proposal.Proposal
	if req.Body.Acknowledge {
		ctx = evaluation.Acknowledging(ctx)
	}
	a := index.Amendment{Reason: req.Body.Reason, Corrections: req.Body.Corrections.corrections()}
	if req.DryRun {
		amend := func(tx *gorm.DB) (index.PublicationDetail, *proposal.Proposal, error) {
			return index.Amend(ctx, tx, req.Town, req.Period, a)
		}
		issue, err := index.TryPublication(ctx, s.db(ctx), req.step(string(req.Language)), 0, amend)
		return waits(rest.Created[index.PublicationDetail]{Value: issue}, nil, req.Localized), err
	}
	err := s.amending(ctx, req.Town, func(tx *gorm.DB) (amended string, err error) {
		if issue, waiting, err = index.Amend(ctx, tx, req.Town, req.Period, a); waiting == nil {
			amended = req.Period
		}
		return amended, err
	})
	made := rest.Created[index.PublicationDetail]{Key: strconv.FormatInt(issue.Number, 10), Value: issue}
	return waits(made, waiting, req.Localized), err
}

// amending runs what may amend a period, and brings the targets that the period has
// led to up to date, all or nothing. amend answers which period it amended, if any.
func (s *Server) amending(
	ctx context.Context, townID string, amend func(tx *gorm.DB) (period string, err error),
) error {
	defer rest.AfterCommit(ctx, func() { s.results.Forget(townID); s.Jobs.Wake() })
	return database.InTx(ctx, s.db(ctx), func(tx *gorm.DB) error {
		period, err := amend(tx)
		if err != nil || period == "" {
			return err
		}
		return target.Follow(ctx, tx, s.results, townID, period)
	})
}

type publicationRequest struct {
	periodRequest
	Number int64 `uri:"publication"`
}

// findPublication returns one publication of a period.
//
//	@Summary	Read a publication
func (s *Server) findPublication(ctx context.Context, req publicationRequest) (index.PublicationDetail, error) {
	return s.results.FindPublication(ctx, s.db(ctx), req.Town, req.Period, req.Number)
}

// withdrawInput is why a publication is withdrawn.
type withdrawInput struct {
	Reason string `json:"reason" validate:"required,max=2000" multiline:"true" example:"the values of two branches were exchanged"`
}

type withdrawRequest struct {
	publicationRequest
	rest.Localized
	DryRun bool `form:"dry_run"` // say what would happen, and change nothing
	Body   withdrawInput
}

// withdrawPublication takes the latest publication of a period back, within 24 hours and
// before anybody filed an appeal about it. It stays readable by its number. The publication
// before it counts again; where there is none, the period is locked, so that it can be
// corrected and published under the next number. Where that takes two persons, the answer
// is 202 with the proposal, which another person confirms. With dry_run nothing is changed:
// the answer is the publication as it would be, or as it is where the step would be refused
// or wait for a second person, and in dry_run what to know before.
//
//	@Summary	Withdraw a publication
func (s *Server) withdrawPublication(
	ctx context.Context, req withdrawRequest,
) (rest.Deferred[index.PublicationDetail, proposal.Proposal], error) {
	var after index.PublicationDetail
	var waiting *proposal.Proposal
	of := index.Publication{TownID: req.Town, PeriodCode: req.Period, Number: req.Number}
	if req.DryRun {
		withdraw := func(tx *gorm.DB) (index.PublicationDetail, *proposal.Proposal, error) {
			return index.Withdraw(ctx, tx, of, req.Body.Reason)
		}
		tried, err := index.TryPublication(ctx, s.db(ctx), req.step(string(req.Language)), req.Number, withdraw)
		return waits(tried, nil, req.Localized), err
	}
	err := s.amending(ctx, req.Town, func(tx *gorm.DB) (amended string, err error) {
		if after, waiting, err = index.Withdraw(ctx, tx, of, req.Body.Reason); waiting == nil {
			amended = req.Period
		}
		return amended, err
	})
	return waits(after, waiting, req.Localized), err
}

// publicationPackage returns a publication as one file that can be checked offline: note,
// receipt, scheme and results, with the details of the branches and the data that the
// caller may read. See docs/trust.md.
//
//	@Summary	Download a publication with its proof
func (s *Server) publicationPackage(ctx context.Context, req publicationRequest) (rest.Raw, error) {
	reach, err := s.details(ctx, req.Town)
	if err != nil {
		return rest.Raw{}, err
	}
	p := index.Publication{TownID: req.Town, PeriodCode: req.Period, Number: req.Number}
	body, err := s.results.Package(ctx, s.db(ctx), p, reach,
		access.PrincipalFrom(ctx).ScopeOf(policy.ReadScorecard) == policy.All)
	name := fmt.Sprintf("%s-%s-publication-%d.zip", req.Town, req.Period, req.Number)
	return rest.Raw{ContentType: "application/zip", Filename: name, Body: body}, err
}

type diffPublicationsRequest struct {
	publicationRequest
	rest.Localized
	From int64 `form:"from" validate:"min=0"` // compare with this publication; the one before if absent
}

// diffPublications returns which branches a publication shows differently from
// another one, and why. Who may not see the details of a branch gets its score,
// grade and ranks only.
//
//	@Summary	Compare two publications
func (s *Server) diffPublications(ctx context.Context, req diffPublicationsRequest) (index.Diff, error) {
	reach, err := s.details(ctx, req.Town)
	if err != nil {
		return index.Diff{}, err
	}
	return s.results.Diff(ctx, s.db(ctx), index.DiffQuery{
		Town: req.Town, Period: req.Period, To: req.Number, From: req.From, Language: string(req.Language),
		Detailed: reach.Has,
	})
}

// listCorrections returns what was corrected in a published period, for the
// branches whose details the caller may see, in the order of the making, on one
// page.
//
//	@Summary	List the corrections of a period
func (s *Server) listCorrections(ctx context.Context, req periodListRequest) (rest.Page[evaluation.Correction], error) {
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
			visible = append(visible, c.For(access.PrincipalFrom(ctx)))
		}
	}
	return rest.Page[evaluation.Correction]{Items: visible}, err
}

// details are the branches that the caller may see below the first level.
func (s *Server) details(ctx context.Context, town string) (access.Reach, error) {
	return access.PrincipalFrom(ctx).ReachOf(ctx, s.db(ctx), policy.ReadScorecard, town, day.Of(s.Now()))
}

// findReceipt returns what anyone needs to check a published result: hashes of
// what went in and what came out.
//
//	@Summary	Read the receipt of a published period
func (s *Server) findReceipt(ctx context.Context, req resultRequest) (index.Receipt, error) {
	return s.results.Receipt(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
}

// verifyReceipt computes the published result again from its scheme and data and
// compares every figure, to the last bit, with the receipt and the stored rows.
//
//	@Summary	Verify a published result
func (s *Server) verifyReceipt(ctx context.Context, req resultRequest) (index.Verification, error) {
	v, err := s.results.Verify(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
	if err != nil {
		return v, err
	}
	return v, v.CheckRows(ctx, s.db(ctx))
}

// receiptScheme returns the scheme document of a published result, byte for byte
// as it was hashed.
//
//	@Summary	Download the scheme behind a published result
func (s *Server) receiptScheme(ctx context.Context, req resultRequest) (rest.Raw, error) {
	document, _, err := s.results.Files(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
	return rest.Raw{ContentType: "application/json", Filename: req.file("scheme.json"), Body: document}, err
}

// receiptData returns the data file of a published result, which
// `bulwark score` computes again.
//
//	@Summary	Download the data behind a published result
func (s *Server) receiptData(ctx context.Context, req resultRequest) (rest.Raw, error) {
	if access.PrincipalFrom(ctx).ScopeOf(policy.ReadScorecard) != policy.All {
		return rest.Raw{}, rawDataRefused
	}
	_, data, err := s.results.Files(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
	return rest.Raw{ContentType: "text/csv; charset=utf-8", Filename: req.file("data.csv"), Body: []byte(data)}, err
}
