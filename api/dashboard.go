package api

import (
	"context"

	"bulwark/internal/dashboard"
	"bulwark/internal/index"
)

type dashboardRequest struct {
	townRequest
	localized
	Period string `form:"period"` // the latest published one if absent
}

// findDashboard answers all that the leadership screen shows, in one call.
//
//	@ID			findDashboard
//	@Summary	Read the leadership screen
//	@Tags		improvement
//	@Param		query	query		dashboardRequest	false	"."
//	@Success	200		{object}	dashboard.Dashboard
//	@Router		/towns/{town}/dashboard [get]
func (s *Server) findDashboard(ctx context.Context, req dashboardRequest) (dashboard.Dashboard, error) {
	period := req.Period
	if period == "" {
		var err error
		if period, err = s.board.Latest(ctx, s.db(ctx), req.Town); err != nil {
			return dashboard.Dashboard{}, err
		}
	}
	var result *index.Overview
	if period != "" {
		view, _, err := s.view(ctx, resultRequest{periodRequest: periodRequest{Town: req.Town, Period: period}})
		if err != nil {
			return dashboard.Dashboard{}, err
		}
		result = new(view.Overview(string(req.Language)))
	}
	return dashboard.Find(ctx, s.db(ctx), req.Town, result)
}
