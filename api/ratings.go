package api

import (
	"context"

	"bulwark/internal/exchange"
	"bulwark/internal/rest"
)

type listRatingsRequest struct {
	townRequest
	Period string `form:"period"` // only of this period
	rest.PageQuery
}

// listRatings returns how useful the caller's own branches found things.
//
//	@Summary	List the ratings of the own branch
func (s *Server) listRatings(ctx context.Context, req listRatingsRequest) (rest.Page[exchange.Rating], error) {
	after := ""
	if err := req.Resume(&after); err != nil {
		return rest.Page[exchange.Rating]{}, err
	}
	list, err := exchange.ListRatings(ctx, s.db(ctx), req.Town,
		exchange.RatingFilter{Period: req.Period, After: after, Limit: req.Limit()})
	if err != nil {
		return rest.Page[exchange.Rating]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(r exchange.Rating) []any { return []any{r.ID} })
}

// scoreInput is a rating as it shall be.
type scoreInput struct {
	Score   int64  `json:"score" validate:"min=1,max=5" example:"4"`
	Comment string `json:"comment" validate:"max=2000" multiline:"true"`
}

// ratingInput is how useful a branch found what it was offered.
type ratingInput struct {
	Period string `json:"period" validate:"required" example:"2023Q3"`
	Branch string `json:"branch" validate:"required" example:"b07"`
	Kind   string `json:"kind" validate:"required,oneof=case mentor measure event study_visit"`
	// id of the case, event or study visit, code of the mentor, number of the measure
	Subject string `json:"subject" validate:"required,max=64" example:"mentor-1"`
	scoreInput
}

type rateRequest struct {
	townRequest
	Body ratingInput
}

// rate enters how useful the caller's own branch found a case, mentor, measure,
// event or study visit. Nobody else is shown who gave which rating.
//
//	@Summary	Rate how useful something was
func (s *Server) rate(ctx context.Context, req rateRequest) (rest.Created[exchange.Rating], error) {
	in := req.Body
	r, err := exchange.Rate(ctx, s.db(ctx), exchange.Rating{
		TownID: req.Town, PeriodCode: in.Period, BranchCode: in.Branch, Kind: in.Kind, Subject: in.Subject, Score: in.Score,
		Comment: in.Comment,
	})
	return rest.Created[exchange.Rating]{Key: r.ID, Value: r}, err
}

type ratingRequest struct {
	Town   string `uri:"town"`
	Rating string `uri:"rating"`
}

// findRating returns one rating of the caller's own branch.
//
//	@Summary	Read a rating of the own branch
func (s *Server) findRating(ctx context.Context, req ratingRequest) (exchange.Rating, error) {
	return exchange.FindRating(ctx, s.db(ctx), req.Town, req.Rating)
}

type updateRatingRequest struct {
	ratingRequest
	rest.IfMatch
	Body scoreInput
}

// updateRating changes a rating, until its period is final.
//
//	@Summary	Change a rating of the own branch
func (s *Server) updateRating(ctx context.Context, req updateRatingRequest) (exchange.Rating, error) {
	return exchange.UpdateRating(ctx, s.db(ctx),
		exchange.Rating{TownID: req.Town, ID: req.Rating, Score: req.Body.Score, Comment: req.Body.Comment}, req.Version)
}

type listUsefulnessRequest struct {
	townRequest
	Period  string `form:"period"`                                                                // only of this period
	Kind    string `form:"kind" validate:"omitempty,oneof=case mentor measure event study_visit"` // only of this kind
	Subject string `form:"subject"`                                                               // only about this one
	rest.PageQuery
}

// listUsefulness returns what the ratings of final periods come to, where three
// branches or more gave one. A mentor sees what is said about him or her.
//
//	@Summary	List how useful things were found
func (s *Server) listUsefulness(
	ctx context.Context, req listUsefulnessRequest,
) (rest.Page[exchange.Usefulness], error) {
	f := exchange.UsefulnessFilter{Period: req.Period, Kind: req.Kind, Subject: req.Subject, Limit: req.Limit()}
	if err := req.Resume(&f.After[0], &f.After[1], &f.After[2]); err != nil {
		return rest.Page[exchange.Usefulness]{}, err
	}
	list, err := exchange.ListUsefulness(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[exchange.Usefulness]{}, err
	}
	return rest.NewPage(list, req.PageQuery,
		func(u exchange.Usefulness) []any { return []any{u.Period, u.Kind, u.Subject} })
}
