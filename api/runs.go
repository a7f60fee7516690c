package api

import (
	"context"

	"bulwark/internal/access"
	"bulwark/internal/index"
)

type listRunsRequest struct {
	periodRequest
	pageQuery
}

// listRuns answers the runs of a period, the oldest first.
//
//	@ID			listRuns
//	@Summary	List the runs of a period
//	@Tags		index
//	@Param		query	query		listRunsRequest	false	"."
//	@Success	200		{object}	Page[index.Run]
//	@Router		/towns/{town}/periods/{period}/runs [get]
func (s *Server) listRuns(ctx context.Context, req listRunsRequest) (Page[index.Run], error) {
	var after int64
	if err := req.resume(&after); err != nil {
		return Page[index.Run]{}, err
	}
	runs, err := index.ListRuns(ctx, s.db(ctx), req.Town, index.RunFilter{Period: req.Period, After: after, Limit: req.limit()})
	if err != nil {
		return Page[index.Run]{}, err
	}
	return page(runs, req.pageQuery, func(r index.Run) []any { return []any{r.Number} })
}

// createRun computes a locked period and keeps every figure for ever.
//
//	@ID			createRun
//	@Summary	Compute a locked period
//	@Tags		index
//	@Success	201	{object}	index.Run
//	@Router		/towns/{town}/periods/{period}/runs [post]
func (s *Server) createRun(ctx context.Context, req periodRequest) (Created[index.Run], error) {
	run, err := index.CreateRun(ctx, s.db(ctx), req.Town, req.Period)
	if err == nil {
		s.afterwards(ctx, s.hurry)
	}
	return Created[index.Run]{Key: run.ID, Value: run}, err
}

type runRequest struct {
	periodRequest
	Run string `uri:"run"`
}

// findRun answers one run: its receipt, not its figures.
//
//	@ID			findRun
//	@Summary	Read a run
//	@Tags		index
//	@Success	200	{object}	index.Run
//	@Router		/towns/{town}/periods/{period}/runs/{run} [get]
func (s *Server) findRun(ctx context.Context, req runRequest) (index.Run, error) {
	return index.FindRun(ctx, s.db(ctx), req.Town, req.Period, req.Run)
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
func (s *Server) receiptScheme(ctx context.Context, req resultRequest) (Raw, error) {
	document, _, err := s.board.Files(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
	return Raw{ContentType: "application/json", Filename: req.file("scheme.json"), Body: document}, err
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
func (s *Server) receiptData(ctx context.Context, req resultRequest) (Raw, error) {
	if access.Caller(ctx).ScopeOf(access.ReadScorecard) != access.All {
		return Raw{}, rawDataRefused
	}
	_, data, err := s.board.Files(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
	return Raw{ContentType: "text/csv; charset=utf-8", Filename: req.file("data.csv"), Body: []byte(data)}, err
}
