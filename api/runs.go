package api

import (
	"context"

	"bulwark/internal/evaluation"
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
	runs, err := index.ListRuns(ctx, s.db(ctx), req.Town,
		index.RunFilter{Period: req.Period, After: after, Limit: req.Limit()})
	if err != nil {
		return rest.Page[index.Run]{}, err
	}
	return rest.NewPage(runs, req.PageQuery, func(r index.Run) []any { return []any{r.Number} })
}

type createRunRequest struct {
	periodRequest
	rest.Localized
}

// createRun computes a locked period and keeps every figure for ever.
//
//	@Summary	Compute a locked period
func (s *Server) createRun(ctx context.Context, req createRunRequest) (rest.Created[index.Run], error) {
	run, err := index.CreateRun(ctx, s.db(ctx), req.Town, req.Period)
	if err != nil {
		return rest.Created[index.Run]{}, err
	}
	rest.AfterCommit(ctx, s.Jobs.Wake)
	p, err := evaluation.FindPeriod(ctx, s.db(ctx), req.Town, req.Period)
	if err == nil {
		run.Warnings, err = p.StructureWarnings(ctx, s.db(ctx), string(req.Language))
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
