package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/improve/visit"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type listProblemsRequest struct {
	townRequest
	Branch string `form:"branch"` // only of this branch
	// only those that this visit found
	Visit string `form:"visit"`
	// only owned by this person
	Person string `form:"owner_person"`
	// only owned by this office
	Office string             `form:"owner_office"`
	State  visit.ProblemState `form:"state" validate:"omitempty,state"` // only in this state
	// only those not solved by their day
	Overdue bool `form:"overdue"`
	rest.PageQuery
}

// listProblems returns the problems that the caller may read, in the order of
// their opening.
//
//	@Summary	List problems
func (s *Server) listProblems(ctx context.Context, req listProblemsRequest) (rest.Page[visit.Problem], error) {
	f := visit.ProblemFilter{
		Branch: req.Branch, Visit: req.Visit, Person: req.Person, Office: req.Office,
		State: req.State, Overdue: req.Overdue, Limit: req.Limit(),
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[visit.Problem]{}, err
	}
	list, err := visit.ListProblems(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[visit.Problem]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(x visit.Problem) []any { return []any{x.ID} })
}

type problemInput struct {
	Title       string   `json:"title" validate:"required,max=200" example:"drains of the old village"`
	Description string   `json:"description" validate:"max=5000" multiline:"true"`
	OwnerPerson *string  `json:"owner_person" validate:"omitempty,code" example:"instructor-1"` // or an office
	OwnerOffice *string  `json:"owner_office" validate:"omitempty,code" example:"agriculture"`
	Persons     []string `json:"persons" validate:"max=50,dive,code"` // who help besides
	Offices     []string `json:"offices" validate:"max=50,dive,code"`
	DueOn       day.Date `json:"due_on" validate:"required" swaggertype:"string" format:"date"`
}

func (in problemInput) participants() visit.Participants {
	return visit.Participants{Persons: append([]string{}, in.Persons...), Offices: append([]string{}, in.Offices...)}
}

func (in problemInput) problem(town string) visit.Problem {
	return visit.Problem{
		TownID: town, Title: in.Title, Description: in.Description, OwnerPerson: in.OwnerPerson, OwnerOffice: in.OwnerOffice,
		Participants: in.participants(), DueOn: in.DueOn,
	}
}

// newProblem is a new joint problem: what is to be solved, by whom and until when.
type newProblem struct {
	Branch  string  `json:"branch" validate:"required" example:"b07"`
	Visit   *string `json:"visit" validate:"omitempty,uuid" format:"uuid"` // that found it
	Finding *int64  `json:"finding" example:"1"`                           // of the visit
	After   *string `json:"after" validate:"omitempty,uuid" format:"uuid"` // an earlier problem that came back
	problemInput
}

type openProblemRequest struct {
	townRequest
	Body newProblem
}

// openProblem enters a problem of a branch that the caller works on.
//
//	@Summary	Open a problem
func (s *Server) openProblem(ctx context.Context, req openProblemRequest) (rest.Created[visit.Problem], error) {
	x := req.Body.problem(req.Town)
	x.BranchCode, x.VisitID, x.FindingNumber, x.AfterID = req.Body.Branch, req.Body.Visit, req.Body.Finding, req.Body.After
	x, err := visit.OpenProblem(ctx, s.db(ctx), x)
	return rest.Created[visit.Problem]{Key: x.ID, Value: x}, err
}

type problemRequest struct {
	Town    string `uri:"town"`
	Problem string `uri:"problem"`
}

// findProblem returns one problem with all that was done to it.
//
//	@Summary	Read a problem
func (s *Server) findProblem(ctx context.Context, req problemRequest) (visit.Problem, error) {
	return visit.FindProblem(ctx, s.db(ctx), req.Town, req.Problem)
}

// problemChange is all that can change of a joint problem, and why.
type problemChange struct {
	problemInput
	Reason string `json:"reason" validate:"max=2000" multiline:"true"` // needed where owner or due day change
}

type updateProblemRequest struct {
	problemRequest
	rest.IfMatch
	Body problemChange
}

// updateProblem changes what is told of a problem that is not solved.
//
//	@Summary	Change a problem
func (s *Server) updateProblem(ctx context.Context, req updateProblemRequest) (visit.Problem, error) {
	in := req.Body
	return visit.WriteProblem(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Problem, Version: req.Version}, visit.ProblemContent{
		Title: in.Title, Description: in.Description, OwnerPerson: in.OwnerPerson, OwnerOffice: in.OwnerOffice,
		Participants: in.participants(), DueOn: in.DueOn,
	}, in.Reason)
}

// problemTransition is a step of a joint problem: the state to reach, and what was
// done.
type problemTransition struct {
	To       visit.ProblemState `json:"to" validate:"required,move"`
	Reason   string             `json:"reason" validate:"max=5000" multiline:"true"` // to solve: what was done; needed to reopen
	Evidence string             `json:"evidence" validate:"max=5000" multiline:"true"`
	// with solved: which party did it, by default the caller's
	SolvedFor string `json:"solved_for" validate:"omitempty,oneof=branch instructor office"`
}

type moveProblemRequest struct {
	problemRequest
	rest.IfMatch
	Body problemTransition
}

// moveProblem starts, solves, closes or reopens a problem. Another party than the
// one that solved it closes it.
//
//	@Summary	Move a problem to another state
func (s *Server) moveProblem(ctx context.Context, req moveProblemRequest) (visit.Problem, error) {
	in := req.Body
	return visit.MoveProblem(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Problem, Version: req.Version}, visit.ProblemDecision{
		To: in.To, Reason: in.Reason, Evidence: in.Evidence, For: visit.Party(in.SolvedFor),
	})
}
