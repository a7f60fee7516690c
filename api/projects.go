package api

import (
	"context"

	"bulwark/internal/project"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type listProjectsRequest struct {
	townRequest
	// only of this round
	Round string `form:"round"`
	// only of this branch
	Branch string `form:"branch"`
	// only of this team
	Team string `form:"team"`
	// only of this field
	Field string `form:"field" validate:"omitempty,oneof=development governance hard-tasks ethos"`
	// only in this state
	State project.ProjectState `form:"state" validate:"omitempty,state"`
	rest.PageQuery
}

// listProjects returns the projects of a town in the order of their registration.
//
//	@Summary	List pioneer projects
func (s *Server) listProjects(ctx context.Context, req listProjectsRequest) (rest.Page[project.Project], error) {
	f := project.ProjectFilter{
		Round: req.Round, Branch: req.Branch, Team: req.Team, Field: req.Field, State: req.State,
		Limit: req.Limit(),
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[project.Project]{}, err
	}
	list, err := project.ListProjects(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[project.Project]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(p project.Project) []any { return []any{p.ID} })
}

// projectInput is all that can change of a project.
type projectInput struct {
	Team        *string `json:"team" example:"river-watch"` // of the branch; absent: the branch itself
	Title       string  `json:"title" validate:"required,max=200"`
	Field       string  `json:"field" validate:"required,oneof=development governance hard-tasks ethos"`
	Description string  `json:"description" validate:"required,max=20000" multiline:"true"`
	Evidence    string  `json:"evidence" validate:"max=5000" multiline:"true"`
}

// of is the project that the input tells.
func (in projectInput) of(town string) project.Project {
	return project.Project{
		TownID: town, TeamCode: in.Team, Title: in.Title, Field: in.Field, Description: in.Description, Evidence: in.Evidence,
	}
}

// newProjectInput is a project that is registered for a round.
type newProjectInput struct {
	Round  string `json:"round" validate:"required" example:"2023"`
	Branch string `json:"branch" validate:"required" example:"b07"`
	projectInput
}

type registerProjectRequest struct {
	townRequest
	Body newProjectInput
}

// registerProject enters a project of the caller's own branch in a round.
//
//	@Summary	Register a pioneer project
func (s *Server) registerProject(
	ctx context.Context, req registerProjectRequest,
) (rest.Created[project.Project], error) {
	p := req.Body.of(req.Town)
	p.RoundCode, p.BranchCode = req.Body.Round, req.Body.Branch
	p, err := project.RegisterProject(ctx, s.db(ctx), p)
	return rest.Created[project.Project]{Key: p.ID, Value: p}, err
}

type projectRequest struct {
	Town    string `uri:"town"`
	Project string `uri:"project"`
}

// findProject returns one project and what the caller can do with it.
//
//	@Summary	Read a pioneer project
func (s *Server) findProject(ctx context.Context, req projectRequest) (project.Project, error) {
	return project.FindProject(ctx, s.db(ctx), req.Town, req.Project)
}

type updateProjectRequest struct {
	projectRequest
	rest.IfMatch
	Body projectInput
}

// updateProject changes a project of the caller's own branch before judging begins.
//
//	@Summary	Change a registered project
func (s *Server) updateProject(ctx context.Context, req updateProjectRequest) (project.Project, error) {
	p := req.Body.of(req.Town)
	p.ID = req.Project
	return project.UpdateProject(ctx, s.db(ctx), p, req.Version)
}

// projectTransition is a step of a project: the state to reach, and why.
type projectTransition struct {
	To     project.ProjectState `json:"to" validate:"required,move"`
	Reason string               `json:"reason" validate:"max=2000" multiline:"true"`
}

type moveProjectRequest struct {
	projectRequest
	rest.IfMatch
	Body projectTransition
}

// moveProject withdraws a project before judging begins, or says that a chosen one
// is finished.
//
//	@Summary	Withdraw or finish a project
func (s *Server) moveProject(ctx context.Context, req moveProjectRequest) (project.Project, error) {
	return project.MoveProject(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Project, Version: req.Version},
		req.Body.To, req.Body.Reason)
}

// bonusInput is the bonus proposed for a chosen project, and the period that it counts
// in.
type bonusInput struct {
	Period string `json:"period" validate:"required" example:"2023Q3"`
	Item   string `json:"item" validate:"required" example:"top-ten"` // code in the scheme, which sets the points
}

type proposeBonusRequest struct {
	projectRequest
	rest.IfMatch
	Body bonusInput
}

// proposeBonus proposes a bonus of the scheme for the branch of a chosen project;
// somebody else approves it, as any adjustment.
//
//	@Summary	Propose a bonus for a chosen project
func (s *Server) proposeBonus(ctx context.Context, req proposeBonusRequest) (project.Project, error) {
	return project.ProposeBonus(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Project, Version: req.Version},
		project.Bonus{Period: req.Body.Period, Item: req.Body.Item})
}
