package api

import (
	"context"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/rest"
)

type listAssignmentsRequest struct {
	townRequest
	// in force on this day; all of history if absent
	On     *day.Date `form:"on" swaggertype:"string" format:"date"`
	Person string    `form:"person"`                                                  // of this person
	Branch string    `form:"branch"`                                                  // for this branch
	Duty   string    `form:"duty" validate:"omitempty,oneof=leads mentors instructs"` // only this duty
	rest.PageQuery
}

// listAssignments returns who was tied to which branch, in the order of entry.
//
//	@Summary	List who leads, mentors or instructs which branch
func (s *Server) listAssignments(
	ctx context.Context, req listAssignmentsRequest,
) (rest.Page[people.Assignment], error) {
	f := people.AssignmentFilter{Person: req.Person, Branch: req.Branch, Duty: access.Duty(req.Duty), Limit: req.Limit()}
	if req.On != nil {
		f.On = *req.On
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[people.Assignment]{}, err
	}
	list, err := people.ListAssignments(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[people.Assignment]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(a people.Assignment) []any { return []any{a.ID} })
}

// assignmentInput is a duty of a person for a branch, and for how long.
type assignmentInput struct {
	Person    string      `json:"person" validate:"required" example:"mentor-1"`
	Branch    string      `json:"branch" validate:"required" example:"b07"`
	Duty      access.Duty `json:"duty" validate:"required,oneof=leads mentors instructs"`
	Exclusive bool        `json:"exclusive"` // nobody else may have the duty for the branch in that time
	ValidFrom day.Date    `json:"from" validate:"required" swaggertype:"string" format:"date"`
	// the last day; absent = until further notice
	ValidUntil *day.Date `json:"until" swaggertype:"string" format:"date"`
	// from when visits and reports are due; absent = the first day, or today where that is past
	DutiesFrom *day.Date `json:"duties_from" swaggertype:"string" format:"date"`
	Reason     string    `json:"reason" validate:"max=2000" multiline:"true"`
}

type createAssignmentRequest struct {
	townRequest
	Body assignmentInput
}

// createAssignment ties a person to a branch.
//
//	@Summary	Assign a person to a branch
func (s *Server) createAssignment(
	ctx context.Context, req createAssignmentRequest,
) (rest.Created[people.Assignment], error) {
	b := req.Body
	a, err := people.Assign(ctx, s.db(ctx), people.Assignment{
		TownID: req.Town, PersonCode: b.Person, BranchCode: b.Branch, Duty: b.Duty, Exclusive: b.Exclusive,
		ValidFrom: b.ValidFrom, ValidUntil: b.ValidUntil, DutiesFrom: given(b.DutiesFrom), Reason: b.Reason,
	})
	return rest.Created[people.Assignment]{Key: a.ID, Value: a}, err
}

type assignmentRequest struct {
	Town string `uri:"town"`
	ID   string `uri:"id"`
}

// findAssignment returns one assignment.
//
//	@Summary	Read an assignment
func (s *Server) findAssignment(ctx context.Context, req assignmentRequest) (people.Assignment, error) {
	return people.FindAssignment(ctx, s.db(ctx), req.Town, req.ID)
}

type endAssignmentRequest struct {
	assignmentRequest
	rest.IfMatch
	Body termEnd
}

// endAssignment sets the last day of an assignment.
//
//	@Summary	End an assignment
func (s *Server) endAssignment(ctx context.Context, req endAssignmentRequest) (people.Assignment, error) {
	return people.EndAssignment(ctx, s.db(ctx), req.Town, req.ID,
		people.Ending{Version: req.Version, Until: req.Body.Until, Reason: req.Body.Reason})
}

type cancelAssignmentRequest struct {
	assignmentRequest
	rest.IfMatch
	Body cancelInput
}

// cancelAssignment marks an assignment as entered by mistake: from the next request on it ties nobody. For conflicts of
// interest the days before still count, until another person cancels it too.
//
//	@Summary	Cancel an assignment that was entered by mistake
func (s *Server) cancelAssignment(ctx context.Context, req cancelAssignmentRequest) (people.Assignment, error) {
	return people.CancelAssignment(ctx, s.db(ctx), req.Town, req.ID, people.Cancelling{Version: req.Version, Reason: req.Body.Reason})
}
