package api

import (
	"context"

	"bulwark/internal/day"
	"bulwark/internal/improve/measure"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

type listTasksRequest struct {
	measureRequest
	Branch  string            `form:"branch"`                           // only of this branch
	State   measure.TaskState `form:"state" validate:"omitempty,state"` // only in this state
	Overdue bool              `form:"overdue"`                          // only open ones past their day
	rest.PageQuery
}

// listTasks returns the tasks of a measure: of the branches in the caller's reach,
// of the town, and those for which he or she answers.
//
//	@Summary	List the tasks of a measure
func (s *Server) listTasks(ctx context.Context, req listTasksRequest) (rest.Page[measure.Task], error) {
	if err := measure.Check(req.Measure); err != nil {
		return rest.Page[measure.Task]{}, err
	}
	f := measure.TaskFilter{
		Measure: req.Measure, Branch: req.Branch, State: req.State, Overdue: req.Overdue,
		Limit: req.Limit(),
	}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[measure.Task]{}, err
	}
	list, err := measure.ListTasks(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[measure.Task]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(t measure.Task) []any { return []any{t.ID} })
}

// taskInput is a new task: what, for which branch, by whom and until when.
type taskInput struct {
	Branch *string  `json:"branch" example:"b07"` // absent = for the town
	Person *string  `json:"person" example:"instructor-2"`
	Office *string  `json:"office" example:"office-1"` // instead of a person
	Title  string   `json:"title" validate:"required,max=200" example:"repair the reading room"`
	DueOn  day.Date `json:"due_on" validate:"required" swaggertype:"string" format:"date"` // the last day
}

func (in taskInput) content() measure.TaskContent {
	return measure.TaskContent{Branch: in.Branch, Person: in.Person, Office: in.Office, Title: in.Title, DueOn: in.DueOn}
}

type setTaskRequest struct {
	measureRequest
	Body taskInput
}

// setTask adds a task to a measure.
//
//	@Summary	Set a task
func (s *Server) setTask(ctx context.Context, req setTaskRequest) (rest.Created[measure.Task], error) {
	t, err := measure.SetTask(ctx, s.db(ctx), req.Town, req.Measure, req.Body.content())
	return rest.Created[measure.Task]{Key: t.ID, Value: t}, err
}

type taskRequest struct {
	Town    string `uri:"town"`
	Measure int64  `uri:"measure"`
	Task    string `uri:"task"`
}

// findTask returns one task, its timeline and what the caller can do with it.
//
//	@Summary	Read a task
func (s *Server) findTask(ctx context.Context, req taskRequest) (measure.Task, error) {
	return measure.FindTask(ctx, s.db(ctx), req.Town, req.Measure, req.Task)
}

// changedTaskInput is a task as it shall be, and why it changes.
type changedTaskInput struct {
	taskInput
	Reason string `json:"reason" validate:"max=2000" multiline:"true"`
}

type changeTaskRequest struct {
	taskRequest
	rest.IfMatch
	Body changedTaskInput
}

// changeTask replaces an open task.
//
//	@Summary	Change a task
func (s *Server) changeTask(ctx context.Context, req changeTaskRequest) (measure.Task, error) {
	return measure.ChangeTask(ctx, s.db(ctx), req.Measure,
		workflow.Ref{Town: req.Town, ID: req.Task, Version: req.Version}, req.Body.content(), req.Body.Reason)
}

// taskReport is how far a task has come, and what was done.
type taskReport struct {
	Progress *int64 `json:"progress" validate:"required,min=0,max=100" example:"40"` // percent
	Note     string `json:"note" validate:"required,max=2000" multiline:"true"`
	Evidence string `json:"evidence" validate:"max=2000" multiline:"true"`
}

type reportTaskRequest struct {
	taskRequest
	rest.IfMatch
	Body taskReport
}

// reportTask records how far a task has come.
//
//	@Summary	Report on a task
func (s *Server) reportTask(ctx context.Context, req reportTaskRequest) (measure.Task, error) {
	in := req.Body
	return measure.ReportTask(ctx, s.db(ctx), req.Measure, workflow.Ref{Town: req.Town, ID: req.Task, Version: req.Version}, measure.TaskReport{
		Progress: *in.Progress, Note: in.Note, Evidence: in.Evidence,
	})
}

// taskTransition is a step of a task: the state to reach, why, and what shows it.
type taskTransition struct {
	To       measure.TaskState `json:"to" validate:"required,move"`
	Reason   string            `json:"reason" validate:"max=2000" multiline:"true"`   // needed to drop and to reopen
	Evidence string            `json:"evidence" validate:"max=2000" multiline:"true"` // needed to finish, unless a report gave it
}

type moveTaskRequest struct {
	taskRequest
	rest.IfMatch
	Body taskTransition
}

// moveTask finishes, drops or reopens a task.
//
//	@Summary	Finish, drop or reopen a task
func (s *Server) moveTask(ctx context.Context, req moveTaskRequest) (measure.Task, error) {
	in := req.Body
	return measure.MoveTask(ctx, s.db(ctx), req.Measure, workflow.Ref{Town: req.Town, ID: req.Task, Version: req.Version}, measure.TaskDecision{
		To: in.To, Reason: in.Reason, Evidence: in.Evidence,
	})
}
