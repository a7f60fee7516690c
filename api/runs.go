package api

import (
	"context"

	"bulwark/internal/access"
	"bulwark/internal/index"
	"bulwark/internal/rest"
)

type listRunsRequest struct {
	periodRequest
	rest.PageQuery
}

// listRuns returns the runs of a period, the oldest first.
//
//	@Summary	List the runs of a period
func (s *Server) listRuns(ctx context.Context, req listRunsRequest) (rest.Page[index.Run], error) {
	var after int64
	if err := req.Resume(&after); err != nil {
		return rest.Page[index.Run]{}, err
	}
	runs, err := index.ListRuns(ctx, s.db(ctx), req.Town, req.Period, after, req.Limit())
	if err != nil {
		return rest.Page[index.Run]{}, err
	}
	return rest.NewPage(runs, req.PageQuery, func(r index.Run) []any { return []any{r.Number} })
}

// createRun computes a locked period and keeps every figure for ever.
//
//	@Summary	Compute a locked period
func (s *Server) createRun(ctx context.Context, req periodRequest) (rest.Created[index.Run], error) {
	run, err := index.CreateRun(ctx, s.db(ctx), req.Town, req.Period)
	if err == nil {
		rest.AfterCommit(ctx, s.Jobs.Wake)
	}
	return rest.Created[index.Run]{Key: run.ID, Value: run}, err
}

type runRequest struct {
	periodRequest
	Run string `uri:"run"`
}

// findRun returns one run: its receipt, not its figures.
//
//	@Summary	Read a run
func (s *Server) findRun(ctx context.Context, req runRequest) (index.Run, error) {
	return index.FindRun(ctx, s.db(ctx), req.Town, req.Period, req.Run)
}

// findReceipt returns what anyone needs to check a published result: hashes of
// what went in and what came out.
//
//	@Summary	Read the receipt of a published period
func (s *Server) findReceipt(ctx context.Context, req resultRequest) (index.Receipt, error) {
	return s.board.Receipt(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
}

// verifyReceipt computes the published result again from its scheme and data and
// compares every figure, to the last bit, with the receipt and the stored rows.
//
//	@Summary	Verify a published result
func (s *Server) verifyReceipt(ctx context.Context, req resultRequest) (index.Verification, error) {
	return s.board.Verify(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
}

// receiptScheme returns the scheme document of a published result, byte for byte
// as it was hashed.
//
//	@Summary	Download the scheme behind a published result
func (s *Server) receiptScheme(ctx context.Context, req resultRequest) (rest.Raw, error) {
	document, _, err := s.board.Files(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
	return rest.Raw{ContentType: "application/json", Filename: req.file("scheme.json"), Body: document}, err
}

// receiptData returns the data file of a published result, which
// `bulwark score` computes again.
//
//	@Summary	Download the data behind a published result
func (s *Server) receiptData(ctx context.Context, req resultRequest) (rest.Raw, error) {
	if access.Caller(ctx).ScopeOf(access.ReadScorecard) != access.All {
		return rest.Raw{}, rawDataRefused
	}
	_, data, err := s.board.Files(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
	return rest.Raw{ContentType: "text/csv; charset=utf-8", Filename: req.file("data.csv"), Body: []byte(data)}, err
}
