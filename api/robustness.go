package api

import (
	"context"

	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/text"
)

// findRobustness answers how sure the ranks of a published period are.
//
//	@ID			findRobustness
//	@Summary	Say how sure each rank is
//	@Tags		index
//	@Security
//	@Param		query	query		resultRequest	false	"."
//	@Success	200		{object}	index.Robustness
//	@Router		/towns/{town}/periods/{period}/robustness [get]
func (s *Server) findRobustness(ctx context.Context, req resultRequest) (index.Robustness, error) {
	view, published, err := s.board.Published(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
	if err != nil {
		return index.Robustness{}, err
	}
	if !published {
		return index.Robustness{}, fault.Missing(text.Text{ZH: "已公布的考评周期", EN: "published period"}, req.Period)
	}
	return view.Robustness()
}
