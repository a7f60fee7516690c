package api

import (
	"cmp"
	"context"

	"bulwark/internal/project"
	"bulwark/internal/rest"
	"bulwark/internal/text"
)

type listRoundsRequest struct {
	townRequest
	rest.PageQuery
}

// listRounds answers the rounds in which projects are chosen.
//
//	@ID			listRounds
//	@Summary	List selection rounds
//	@Tags		exchange
//	@Param		query	query		listRoundsRequest	false	"."
//	@Success	200		{object}	rest.Page[project.Round]
//	@Router		/towns/{town}/rounds [get]
func (s *Server) listRounds(ctx context.Context, req listRoundsRequest) (rest.Page[project.Round], error) {
	after := ""
	if err := req.Resume(&after); err != nil {
		return rest.Page[project.Round]{}, err
	}
	list, err := project.ListRounds(ctx, s.db(ctx), req.Town, after, req.Limit())
	if err != nil {
		return rest.Page[project.Round]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(r project.Round) []any { return []any{r.Code} })
}

type criterionInput struct {
	Code   string    `json:"code" validate:"required" example:"momentum"`
	Name   text.Text `json:"name"`
	Weight float64   `json:"weight" validate:"gt=0,max=1000000" example:"40"`
	Max    float64   `json:"max" validate:"gt=0,max=1000000" example:"10"` // points that a judge can give
}

type roundInput struct {
	Name        text.Text        `json:"name"`
	Criteria    []criterionInput `json:"criteria" validate:"max=20,dive"` // a new round without any has the three that the public source names
	Judges      []string         `json:"judges" validate:"max=50,unique" example:"mentor-1"`
	Combination string           `json:"combination" validate:"omitempty,oneof=mean median trimmed"` // of the judges' totals; mean if absent
	Trim        int64            `json:"trim" validate:"min=0,max=20" example:"1"`
	Places      int64            `json:"places" validate:"min=1,max=10000" example:"20"` // of the shortlist
	Seats       int64            `json:"seats" validate:"min=1,max=10000" example:"10"`  // of those chosen
}

// of is the round that the input tells.
func (in roundInput) of(town, code string) project.Round {
	r := project.Round{
		TownID: town, Code: code, Name: in.Name, Combination: cmp.Or(in.Combination, "mean"), Trim: in.Trim, Places: in.Places, Seats: in.Seats,
	}
	r.Judges.V = append([]string{}, in.Judges...)
	for _, c := range in.Criteria {
		r.Criteria.V = append(r.Criteria.V, project.Criterion(c))
	}
	return r
}

type newRoundInput struct {
	Code string `json:"code" validate:"required" example:"2023"`
	roundInput
}

type openRoundRequest struct {
	townRequest
	Body newRoundInput
}

// openRound opens a round, in which branches register projects.
//
//	@ID			openRound
//	@Summary	Open a selection round
//	@Tags		exchange
//	@Param		body	body		newRoundInput	true	"by which rules, and by whom"
//	@Success	201		{object}	project.Round
//	@Router		/towns/{town}/rounds [post]
func (s *Server) openRound(ctx context.Context, req openRoundRequest) (rest.Created[project.Round], error) {
	r, err := project.OpenRound(ctx, s.db(ctx), req.Body.of(req.Town, req.Body.Code))
	return rest.Created[project.Round]{Key: r.Code, Value: r}, err
}

type roundRequest struct {
	Town  string `uri:"town"`
	Round string `uri:"round"`
}

// findRound answers one round and what the caller can do with it.
//
//	@ID			findRound
//	@Summary	Read a selection round
//	@Tags		exchange
//	@Success	200	{object}	project.Round
//	@Router		/towns/{town}/rounds/{round} [get]
func (s *Server) findRound(ctx context.Context, req roundRequest) (project.Round, error) {
	return project.FindRound(ctx, s.db(ctx), req.Town, req.Round)
}

type updateRoundRequest struct {
	roundRequest
	rest.IfMatch
	Body roundInput
}

// updateRound changes the rules of a round before judging begins.
//
//	@ID			updateRound
//	@Summary	Change the rules of a selection round
//	@Tags		exchange
//	@Param		body	body		roundInput	true	"all of them"
//	@Success	200		{object}	project.Round
//	@Router		/towns/{town}/rounds/{round} [put]
func (s *Server) updateRound(ctx context.Context, req updateRoundRequest) (project.Round, error) {
	return project.UpdateRound(ctx, s.db(ctx), req.Body.of(req.Town, req.Round), req.Version)
}

type roundTransition struct {
	To     string `json:"to" validate:"required,oneof=judging closed"`
	Reason string `json:"reason" validate:"max=2000" multiline:"true"` // needed to close while sheets are not complete
}

type moveRoundRequest struct {
	roundRequest
	rest.IfMatch
	Body roundTransition
}

// moveRound begins judging, or closes it.
//
//	@ID			moveRound
//	@Summary	Begin or close the judging of a round
//	@Tags		exchange
//	@Param		If-Match	header		string			true	"."
//	@Param		body		body		roundTransition	true	"where to, and why"
//	@Success	200			{object}	project.Round
//	@Router		/towns/{town}/rounds/{round}/transitions [post]
func (s *Server) moveRound(ctx context.Context, req moveRoundRequest) (project.Round, error) {
	return project.MoveRound(ctx, s.db(ctx), req.Town, req.Round, req.Version, project.RoundState(req.Body.To), req.Body.Reason)
}

// findSheet answers the caller's own sheet as a judge of the round.
//
//	@ID			findSheet
//	@Summary	Read the own sheet as a judge
//	@Tags		exchange
//	@Success	200	{object}	project.JudgeSheet
//	@Router		/towns/{town}/rounds/{round}/sheet [get]
func (s *Server) findSheet(ctx context.Context, req roundRequest) (project.JudgeSheet, error) {
	return project.FindSheet(ctx, s.db(ctx), req.Town, req.Round)
}

type sheetScores struct {
	Scores map[string]map[string]float64 `json:"scores" validate:"required,max=10000"` // project → criterion → points; what is not there is not scored
}

type writeSheetRequest struct {
	roundRequest
	rest.IfMatch
	Body sheetScores
}

// writeSheet replaces what the caller gave as a judge, until the round closes.
//
//	@ID			writeSheet
//	@Summary	Write the own sheet as a judge
//	@Tags		exchange
//	@Param		body	body		sheetScores	true	"all scores"
//	@Success	200		{object}	project.JudgeSheet
//	@Router		/towns/{town}/rounds/{round}/sheet [put]
func (s *Server) writeSheet(ctx context.Context, req writeSheetRequest) (project.JudgeSheet, error) {
	return project.WriteSheet(ctx, s.db(ctx), req.Town, req.Round, req.Version, req.Body.Scores)
}

type roundResultRequest struct {
	roundRequest
	rest.Localized
}

// findRoundResult answers how the projects of a closed round came out, how far the
// judges agree, and whom the rule would pick next.
//
//	@ID			findRoundResult
//	@Summary	Read the result of a selection round
//	@Tags		exchange
//	@Success	200	{object}	project.RoundResult
//	@Router		/towns/{town}/rounds/{round}/result [get]
func (s *Server) findRoundResult(ctx context.Context, req roundResultRequest) (project.RoundResult, error) {
	return project.ResultOf(ctx, s.db(ctx), req.Town, req.Round, string(req.Language))
}

type pickInput struct {
	Projects []string `json:"projects" validate:"min=1,max=10000"`
	Reason   string   `json:"reason" validate:"max=2000" multiline:"true"` // needed where this is not what the rule proposes, or decides a tie
}

type pickRequest struct {
	roundRequest
	rest.IfMatch
	Body pickInput
}

// shortlist confirms the shortlist of a closed round.
//
//	@ID			shortlist
//	@Summary	Confirm the shortlist of a round
//	@Tags		exchange
//	@Param		If-Match	header		string		true	"."
//	@Param		body		body		pickInput	true	"which projects, and why"
//	@Success	200			{object}	project.Round
//	@Router		/towns/{town}/rounds/{round}/shortlist [post]
func (s *Server) shortlist(ctx context.Context, req pickRequest) (project.Round, error) {
	return project.Confirm(ctx, s.db(ctx), req.Town, req.Round, req.Version, project.Shortlisted, req.Body.Projects, req.Body.Reason)
}

// choose confirms which projects of the shortlist are chosen.
//
//	@ID			choose
//	@Summary	Choose among the shortlist of a round
//	@Tags		exchange
//	@Param		If-Match	header		string		true	"."
//	@Param		body		body		pickInput	true	"which projects, and why"
//	@Success	200			{object}	project.Round
//	@Router		/towns/{town}/rounds/{round}/choice [post]
func (s *Server) choose(ctx context.Context, req pickRequest) (project.Round, error) {
	return project.Confirm(ctx, s.db(ctx), req.Town, req.Round, req.Version, project.Decided, req.Body.Projects, req.Body.Reason)
}
