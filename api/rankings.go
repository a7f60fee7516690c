package api

import (
	"context"

	"bulwark/internal/access"
	"bulwark/internal/index"
	"bulwark/internal/town"
)

type rankingsRequest struct {
	localized
	Area   string `form:"area" validate:"required" example:"999999"`   // statistical code: all towns below it
	Period string `form:"period" validate:"required" example:"2023Q2"` // code that the towns give the period
	Class  string `form:"class"`                                       // only this peer group
	Kind   string `form:"kind"`                                        // only this kind of branch
}

// findRankings answers what the towns of an area have published, side by side. It
// shows the towns that the list of towns shows to the caller.
//
//	@ID			findRankings
//	@Summary	Rank branches across the towns of an area
//	@Tags		index
//	@Security
//	@Param		query	query		rankingsRequest	false	"."
//	@Success	200		{object}	index.Rankings
//	@Router		/rankings [get]
func (s *Server) findRankings(ctx context.Context, req rankingsRequest) (index.Rankings, error) {
	area, err := town.FindArea(ctx, s.db(ctx), req.Area)
	if err != nil {
		return index.Rankings{}, err
	}
	p := access.Caller(ctx)
	towns, err := town.List(ctx, s.db(ctx), town.Filter{Area: area.Code, Only: p.Towns, Open: p.Role == ""})
	if err != nil {
		return index.Rankings{}, err
	}
	return s.board.Rankings(ctx, s.db(ctx), towns, index.RankingsQuery{
		Area: area.Code, Period: req.Period, Language: string(req.Language), Class: req.Class, Kind: req.Kind,
	})
}
