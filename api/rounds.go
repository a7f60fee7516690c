package api

import (
	"cmp"
	"context"

	"bulwark/internal/project"
	"bulwark/internal/rest"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

type listRoundsRequest struct {
	townRequest
	rest.PageQuery
}

// listRounds returns the rounds in which projects are chosen.
//
//	@Summary	List selection rounds
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

// criterionInput is one criterion by which judges score the projects of a round.
type criterionInput struct {
	Code   string    `json:"code" validate:"required" example:"momentum"`
	Name   text.Text `json:"name"`
	Weight float64   `json:"weight" validate:"gt=0,max=1000000" example:"40"`
	Max    float64   `json:"max" validate:"gt=0,max=1000000" example:"10"` // points that a judge can give
}

// roundInput is all that can change of a round.
type roundInput struct {
	Name text.Text `json:"name"`
	// a new round without any has the three that the public source names
	Criteria []criterionInput `json:"criteria" validate:"max=20,dive"`
	Judges   []string         `json:"judges" validate:"max=50,unique" example:"mentor-1"`
	// of the judges' totals; mean if absent
	Combination string `json:"combination" validate:"omitempty,oneof=mean median trimmed"`
	Trim        int64  `json:"trim" validate:"min=0,max=20" example:"1"`
	Places      int64  `json:"places" validate:"min=1,max=10000" example:"20"` // of the shortlist
	Seats       int64  `json:"seats" validate:"min=1,max=10000" example:"10"`  // of those chosen
}

// of is the round that the input tells.
func (in roundInput) of(town, code string) project.Round {
	r := project.Round{
		TownID: town, Code: code, Name: in.Name, Combination: cmp.Or(in.Combination, "mean"), Trim: in.Trim,
		Places: in.Places, Seats: in.Seats,
	}
	r.Judges.V = append([]string{}, in.Judges...)
	for _, c := range in.Criteria {
		r.Criteria.V = append(r.Criteria.V, project.Criterion(c))
	}
	return r
}

// newRoundInput is a new round: by which criteria projects are chosen, and by whom.
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
//	@Summary	Open a selection round
func (s *Server) openRound(ctx context.Context, req openRoundRequest) (rest.Created[project.Round], error) {
	r, err := project.OpenRound(ctx, s.db(ctx), req.Body.of(req.Town, req.Body.Code))
	return rest.Created[project.Round]{Key: r.Code, Value: r}, err
}

type roundRequest struct {
	Town  string `uri:"town"`
	Round string `uri:"round"`
}

// findRound returns one round and what the caller can do with it.
//
//	@Summary	Read a selection round
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
//	@Summary	Change the rules of a selection round
func (s *Server) updateRound(ctx context.Context, req updateRoundRequest) (project.Round, error) {
	return project.UpdateRound(ctx, s.db(ctx), req.Body.of(req.Town, req.Round), req.Version)
}

// roundTransition is a step of a round: the state to reach, and why.
type roundTransition struct {
	To     project.RoundState `json:"to" validate:"required,oneof=judging closed"`
	Reason string             `json:"reason" validate:"max=2000" multiline:"true"` // needed to close while sheets are not complete
}

type moveRoundRequest struct {
	roundRequest
	rest.IfMatch
	Body roundTransition
}

// moveRound begins judging, or closes it.
//
//	@Summary	Begin or close the judging of a round
func (s *Server) moveRound(ctx context.Context, req moveRoundRequest) (project.Round, error) {
	return project.MoveRound(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Round, Version: req.Version},
		req.Body.To, req.Body.Reason)
}

// findSheet returns the caller's own sheet as a judge of the round.
//
//	@Summary	Read the own sheet as a judge
func (s *Server) findSheet(ctx context.Context, req roundRequest) (project.JudgeSheet, error) {
	return project.FindSheet(ctx, s.db(ctx), req.Town, req.Round)
}

// sheetScores is all scores of a judge, by project and criterion.
type sheetScores struct {
	// project → criterion → points; what is not there is not scored
	Scores map[string]map[string]float64 `json:"scores" validate:"required,max=10000"`
}

type writeSheetRequest struct {
	roundRequest
	rest.IfMatch
	Body sheetScores
}

// writeSheet replaces what the caller gave as a judge, until the round closes.
//
//	@Summary	Write the own sheet as a judge
func (s *Server) writeSheet(ctx context.Context, req writeSheetRequest) (project.JudgeSheet, error) {
	return project.WriteSheet(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Round, Version: req.Version},
		req.Body.Scores)
}

type roundResultRequest struct {
	roundRequest
	rest.Localized
}

// findRoundResult returns how the projects of a closed round came out, how far the
// judges agree, and whom the rule would pick next.
//
//	@Summary	Read the result of a selection round
func (s *Server) findRoundResult(ctx context.Context, req roundResultRequest) (project.RoundResult, error) {
	return project.ResultOf(ctx, s.db(ctx), req.Town, req.Round, string(req.Language))
}

// pickInput is the projects that are picked, and why.
type pickInput struct {
	Projects []string `json:"projects" validate:"min=1,max=10000"`
	// needed where this is not what the rule proposes, or decides a tie
	Reason string `json:"reason" validate:"max=2000" multiline:"true"`
}

type pickRequest struct {
	roundRequest
	rest.IfMatch
	Body pickInput
}

// shortlist confirms the shortlist of a closed round.
//
//	@Summary	Confirm the shortlist of a round
func (s *Server) shortlist(ctx context.Context, req pickRequest) (project.Round, error) {
	return project.Confirm(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Round, Version: req.Version},
		project.Choice{To: project.Shortlisted, Projects: req.Body.Projects, Reason: req.Body.Reason})
}

// choose confirms which projects of the shortlist are chosen.
//
//	@Summary	Choose among the shortlist of a round
func (s *Server) choose(ctx context.Context, req pickRequest) (project.Round, error) {
	return project.Confirm(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Round, Version: req.Version},
		project.Choice{To: project.Decided, Projects: req.Body.Projects, Reason: req.Body.Reason})
}
