package api

import (
	"context"

	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/text"
)

// findRobustness returns how sure the ranks of a published period are.
//
//	@Summary	Say how sure each rank is
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
