package api

import (
	"context"
	"slices"

	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/pages"
	"bulwark/internal/rest"
)

type reviewPageRequest struct {
	townRequest
	rest.Localized
	Period string                `form:"period"` // its code; the latest one in which sheets are decided on if absent
	State  evaluation.SheetState `form:"state" default:"submitted" validate:"state"`
}

// mostReviewed is how many sheets the page of the review shows.
const mostReviewed = 200

// reviewPage is the sheets of a period that wait for a decision, each with its values.
func (s *Server) reviewPage(ctx context.Context, req reviewPageRequest) (rest.HTML, error) {
	p, err := s.publishedOf(ctx, req.Town)
	if err != nil {
		return rest.HTML{}, err
	}
	v := pages.ReviewView{
		Town: pages.Place{Code: p.town.Code, Name: p.town.Name.In(string(req.Language))}, Period: req.Period, State: req.State,
		Today: day.Of(s.Now()),
	}
	v.Periods = p.entering()
	f := s.townFrame(ctx, v.Town, p.last())
	if v.Period == "" {
		if len(v.Periods) == 0 {
			return page(pages.Review(f, v))
		}
		v.Period = v.Periods[len(v.Periods)-1]
	}
	if !slices.Contains(v.Periods, v.Period) {
		v.Periods = append(v.Periods, v.Period)
	}
	list, err := s.listReview(ctx, listReviewRequest{
		periodRequest: periodRequest{Town: req.Town, Period: v.Period}, Localized: req.Localized, State: req.State,
		PageQuery: rest.PageQuery{PageSize: mostReviewed},
	})
	if err != nil {
		return rest.HTML{}, err
	}
	v.Sheets, v.More = list.Items, list.NextPageToken != ""
	return page(pages.Review(f, v))
}
