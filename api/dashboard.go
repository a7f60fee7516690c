package api

import (
	"context"
	"strings"

	"github.com/go-json-experiment/json"

	"bulwark/internal/audit"
	"bulwark/internal/dashboard"
	"bulwark/internal/day"
	"bulwark/internal/rest"
)

type dashboardRequest struct {
	townRequest
	rest.Localized
	Period string `form:"period"` // the latest published one if absent
}

// findDashboard returns all that the leadership screen shows, in one call.
//
// Every change of a town leaves a record in its trail, so an answer holds as long as
// the head of the trail, the day, and what this process believes to be published.
//
//	@Summary	Read the leadership screen
func (s *Server) findDashboard(ctx context.Context, req dashboardRequest) (rest.Raw, error) {
	head, err := audit.FindHead(ctx, s.db(ctx), req.Town)
	if err != nil {
		return rest.Raw{}, err
	}
	period := req.Period
	if period == "" {
		if period, err = s.results.Latest(ctx, s.db(ctx), req.Town); err != nil {
			return rest.Raw{}, err
		}
	}
	view, _, err := s.results.Published(ctx, s.db(ctx), req.Town, period, 0)
	if err != nil {
		return rest.Raw{}, err
	}
	token := strings.Join([]string{head.Hash, string(day.Of(s.Now())), view.Token}, " ")
	return s.responses.Get(cacheKey{view: "dashboard", town: req.Town, period: period, language: req.Language}, token, func() (rest.Raw, error) {
		var result *dashboard.Overview
		if period != "" {
			view, _, err := s.view(ctx, resultRequest{periodRequest: periodRequest{Town: req.Town, Period: period}})
			if err != nil {
				return rest.Raw{}, err
			}
			overview, err := dashboard.OverviewOf(view, string(req.Language))
			if err != nil {
				return rest.Raw{}, err
			}
			result = &overview
		}
		d, err := dashboard.Find(ctx, s.db(ctx), req.Town, string(req.Language), result)
		if err != nil {
			return rest.Raw{}, err
		}
		body, err := json.Marshal(d, json.Deterministic(true))
		return rest.Raw{ContentType: "application/json", Body: body}, err
	})
}

type homeRequest struct{ rest.Localized }

// home returns what waits for the caller in each town and under each role held: sheets to
// enter and to correct, what he or she can decide now, and the duties of reminders.
//
//	@Summary	What is mine to do?
func (s *Server) home(ctx context.Context, req homeRequest) (dashboard.Home, error) {
	return dashboard.FindHome(ctx, s.db(ctx), string(req.Language))
}
