package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/project"
	"bulwark/internal/rest"
	"bulwark/internal/text"
)

type listTeamsRequest struct {
	townRequest
	rest.PageQuery
}

// listTeams returns the pioneer teams of a town.
//
//	@Summary	List pioneer teams
func (s *Server) listTeams(ctx context.Context, req listTeamsRequest) (rest.Page[project.Team], error) {
	after := ""
	if err := req.Resume(&after); err != nil {
		return rest.Page[project.Team]{}, err
	}
	list, err := project.ListTeams(ctx, s.db(ctx), req.Town, after, req.Limit())
	if err != nil {
		return rest.Page[project.Team]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(t project.Team) []any { return []any{t.Code} })
}

// teamInput is all that can change of a pioneer team.
type teamInput struct {
	Name      text.Text `json:"name"`
	Field     string    `json:"field" validate:"required,oneof=development governance hard-tasks ethos"`
	Branches  []string  `json:"branches" validate:"min=1,max=100,unique" example:"b07"`
	FoundedOn *day.Date `json:"founded_on" swaggertype:"string" format:"date"`
	Members   int64     `json:"members" validate:"min=0,max=100000" example:"12"` // how many, never who
}

// of is the team that the input tells.
func (in teamInput) of(town, code string) project.Team {
	t := project.Team{
		TownID: town, Code: code, Name: in.Name, Field: in.Field, FoundedOn: in.FoundedOn, Members: in.Members,
	}
	t.Branches.V = in.Branches
	return t
}

// newTeamInput is a new pioneer team.
type newTeamInput struct {
	Code string `json:"code" validate:"required" example:"river-watch"`
	teamInput
}

type createTeamRequest struct {
	townRequest
	Body newTeamInput
}

// createTeam registers a pioneer team of branches that the caller leads.
//
//	@Summary	Register a pioneer team
func (s *Server) createTeam(ctx context.Context, req createTeamRequest) (rest.Created[project.Team], error) {
	t, err := project.CreateTeam(ctx, s.db(ctx), req.Body.of(req.Town, req.Body.Code))
	return rest.Created[project.Team]{Key: t.Code, Value: t}, err
}

type teamRequest struct {
	Town string `uri:"town"`
	Team string `uri:"team"`
}

// findTeam returns one pioneer team.
//
//	@Summary	Read a pioneer team
func (s *Server) findTeam(ctx context.Context, req teamRequest) (project.Team, error) {
	return project.FindTeam(ctx, s.db(ctx), req.Town, req.Team)
}

type updateTeamRequest struct {
	teamRequest
	rest.IfMatch
	Body teamInput
}

// updateTeam changes a team of which the caller leads a branch.
//
//	@Summary	Change a pioneer team
func (s *Server) updateTeam(ctx context.Context, req updateTeamRequest) (project.Team, error) {
	return project.UpdateTeam(ctx, s.db(ctx), req.Body.of(req.Town, req.Team), req.Version)
}
