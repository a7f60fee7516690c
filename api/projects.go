package api

import (
	"context"

	"bulwark/internal/project"
	"bulwark/internal/rest"
)

type listProjectsRequest struct {
	townRequest
	Round  string `form:"round"`                                                                                        // only of this round
	Branch string `form:"branch"`                                                                                       // only of this branch
	Team   string `form:"team"`                                                                                         // only of this team
	Field  string `form:"field" validate:"omitempty,oneof=development governance hard-tasks ethos"`                     // only of this field
	State  string `form:"state" validate:"omitempty,oneof=registered shortlisted chosen not_chosen finished withdrawn"` // only in this state
	rest.PageQuery
}

// listProjects answers the projects of a town in the order of their registration.
//
//	@ID			listProjects
//	@Summary	List pioneer projects
//	@Tags		exchange
//	@Param		query	query		listProjectsRequest	false	"."
//	@Success	200		{object}	rest.Page[project.Project]
//	@Router		/towns/{town}/projects [get]
func (s *Server) listProjects(ctx context.Context, req listProjectsRequest) (rest.Page[project.Project], error) {
	f := project.ProjectFilter{
		Round: req.Round, Branch: req.Branch, Team: req.Team, Field: req.Field, State: project.ProjectState(req.State), Limit: req.Limit(),
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

type projectInput struct {
	Team        *string `json:"team" example:"river-watch"` // of the branch; absent: the branch itself
	Title       string  `json:"title" validate:"required,max=200"`
	Field       string  `json:"field" validate:"required,oneof=development governance hard-tasks ethos"`
	Description string  `json:"description" validate:"required,max=20000" multiline:"true"`
	Evidence    string  `json:"evidence" validate:"max=5000" multiline:"true"`
}

// of is the project that the input tells.
func (in projectInput) of(town string) project.Project {
	return project.Project{TownID: town, TeamCode: in.Team, Title: in.Title, Field: in.Field, Description: in.Description, Evidence: in.Evidence}
}

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
//	@ID			registerProject
//	@Summary	Register a pioneer project
//	@Tags		exchange
//	@Param		body	body		newProjectInput	true	"the project"
//	@Success	201		{object}	project.Project
//	@Router		/towns/{town}/projects [post]
func (s *Server) registerProject(ctx context.Context, req registerProjectRequest) (rest.Created[project.Project], error) {
	p := req.Body.of(req.Town)
	p.RoundCode, p.BranchCode = req.Body.Round, req.Body.Branch
	p, err := project.RegisterProject(ctx, s.db(ctx), p)
	return rest.Created[project.Project]{Key: p.ID, Value: p}, err
}

type projectRequest struct {
	Town    string `uri:"town"`
	Project string `uri:"project"`
}

// findProject answers one project and what the caller can do with it.
//
//	@ID			findProject
//	@Summary	Read a pioneer project
//	@Tags		exchange
//	@Success	200	{object}	project.Project
//	@Router		/towns/{town}/projects/{project} [get]
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
//	@ID			updateProject
//	@Summary	Change a registered project
//	@Tags		exchange
//	@Param		body	body		projectInput	true	"all of it"
//	@Success	200		{object}	project.Project
//	@Router		/towns/{town}/projects/{project} [put]
func (s *Server) updateProject(ctx context.Context, req updateProjectRequest) (project.Project, error) {
	p := req.Body.of(req.Town)
	p.ID = req.Project
	return project.UpdateProject(ctx, s.db(ctx), p, req.Version)
}

type projectTransition struct {
	To     string `json:"to" validate:"required,oneof=withdrawn finished"`
	Reason string `json:"reason" validate:"max=2000" multiline:"true"`
}

type moveProjectRequest struct {
	projectRequest
	rest.IfMatch
	Body projectTransition
}

// moveProject withdraws a project before judging begins, or says that a chosen one
// is finished.
//
//	@ID			moveProject
//	@Summary	Withdraw or finish a project
//	@Tags		exchange
//	@Param		If-Match	header		string				true	"."
//	@Param		body		body		projectTransition	true	"where to, and why"
//	@Success	200			{object}	project.Project
//	@Router		/towns/{town}/projects/{project}/transitions [post]
func (s *Server) moveProject(ctx context.Context, req moveProjectRequest) (project.Project, error) {
	return project.MoveProject(ctx, s.db(ctx), req.Town, req.Project, req.Version, project.ProjectState(req.Body.To), req.Body.Reason)
}

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
//	@ID			proposeBonus
//	@Summary	Propose a bonus for a chosen project
//	@Tags		exchange
//	@Param		If-Match	header		string		true	"."
//	@Param		body		body		bonusInput	true	"which, and in which period"
//	@Success	200			{object}	project.Project
//	@Router		/towns/{town}/projects/{project}/bonus [post]
func (s *Server) proposeBonus(ctx context.Context, req proposeBonusRequest) (project.Project, error) {
	return project.ProposeBonus(ctx, s.db(ctx), req.Town, req.Project, req.Version, req.Body.Period, req.Body.Item)
}
