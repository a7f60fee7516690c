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
	Branch  string `form:"branch"`                                             // only of this branch
	State   string `form:"state" validate:"omitempty,oneof=open done dropped"` // only in this state
	Overdue bool   `form:"overdue"`                                            // only open ones past their day
	rest.PageQuery
}

// listTasks answers the tasks of a measure: of the branches in the caller's reach,
// of the town, and those for which he or she answers.
//
//	@ID			listTasks
//	@Summary	List the tasks of a measure
//	@Tags		improvement
//	@Param		query	query		listTasksRequest	false	"."
//	@Success	200		{object}	rest.Page[measure.Task]
//	@Router		/towns/{town}/measures/{measure}/tasks [get]
func (s *Server) listTasks(ctx context.Context, req listTasksRequest) (rest.Page[measure.Task], error) {
	if err := measure.Check(req.Measure); err != nil {
		return rest.Page[measure.Task]{}, err
	}
	f := measure.TaskFilter{Measure: req.Measure, Branch: req.Branch, State: measure.TaskState(req.State), Overdue: req.Overdue, Limit: req.Limit()}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[measure.Task]{}, err
	}
	list, err := measure.ListTasks(ctx, s.db(ctx), req.Town, f)
	if err != nil {
		return rest.Page[measure.Task]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(t measure.Task) []any { return []any{t.ID} })
}

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
//	@ID			setTask
//	@Summary	Set a task
//	@Tags		improvement
//	@Param		body	body		taskInput	true	"what, for whom, by whom, until when"
//	@Success	201		{object}	measure.Task
//	@Router		/towns/{town}/measures/{measure}/tasks [post]
func (s *Server) setTask(ctx context.Context, req setTaskRequest) (rest.Created[measure.Task], error) {
	t, err := measure.SetTask(ctx, s.db(ctx), req.Town, req.Measure, req.Body.content())
	return rest.Created[measure.Task]{Key: t.ID, Value: t}, err
}

type taskRequest struct {
	Town    string `uri:"town"`
	Measure int64  `uri:"measure"`
	Task    string `uri:"task"`
}

// findTask answers one task, its timeline and what the caller can do with it.
//
//	@ID			findTask
//	@Summary	Read a task
//	@Tags		improvement
//	@Success	200	{object}	measure.Task
//	@Router		/towns/{town}/measures/{measure}/tasks/{task} [get]
func (s *Server) findTask(ctx context.Context, req taskRequest) (measure.Task, error) {
	return measure.FindTask(ctx, s.db(ctx), req.Town, req.Measure, req.Task)
}

type changedTaskInput struct {
	taskInput
	Reason string `json:"reason" validate:"max=2000" multiline:"true"`
}

type changeTaskRequest struct {
	taskRequest
	rest.IfMatch
	Body changedTaskInput
}

// changeTask sets an open task anew.
//
//	@ID			changeTask
//	@Summary	Change a task
//	@Tags		improvement
//	@Param		body	body		changedTaskInput	true	"all of it, and why it changes"
//	@Success	200		{object}	measure.Task
//	@Router		/towns/{town}/measures/{measure}/tasks/{task} [put]
func (s *Server) changeTask(ctx context.Context, req changeTaskRequest) (measure.Task, error) {
	return measure.ChangeTask(ctx, s.db(ctx), req.Measure, workflow.Ref{Town: req.Town, ID: req.Task, Version: req.Version}, req.Body.content(), req.Body.Reason)
}

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

// reportTask says how far a task has come.
//
//	@ID			reportTask
//	@Summary	Report on a task
//	@Tags		improvement
//	@Param		If-Match	header		string		true	"."
//	@Param		body		body		taskReport	true	"how far, and what was done"
//	@Success	200			{object}	measure.Task
//	@Router		/towns/{town}/measures/{measure}/tasks/{task}/report [post]
func (s *Server) reportTask(ctx context.Context, req reportTaskRequest) (measure.Task, error) {
	in := req.Body
	return measure.ReportTask(ctx, s.db(ctx), req.Measure, workflow.Ref{Town: req.Town, ID: req.Task, Version: req.Version}, measure.TaskReport{
		Progress: *in.Progress, Note: in.Note, Evidence: in.Evidence,
	})
}

type taskTransition struct {
	To       string `json:"to" validate:"required,oneof=open done dropped"`
	Reason   string `json:"reason" validate:"max=2000" multiline:"true"`   // needed to drop and to reopen
	Evidence string `json:"evidence" validate:"max=2000" multiline:"true"` // needed to finish, unless a report gave it
}

type moveTaskRequest struct {
	taskRequest
	rest.IfMatch
	Body taskTransition
}

// moveTask finishes, drops or reopens a task.
//
//	@ID			moveTask
//	@Summary	Finish, drop or reopen a task
//	@Tags		improvement
//	@Param		If-Match	header		string			true	"."
//	@Param		body		body		taskTransition	true	"where to, why, and what shows it"
//	@Success	200			{object}	measure.Task
//	@Router		/towns/{town}/measures/{measure}/tasks/{task}/transitions [post]
func (s *Server) moveTask(ctx context.Context, req moveTaskRequest) (measure.Task, error) {
	in := req.Body
	return measure.MoveTask(ctx, s.db(ctx), req.Measure, workflow.Ref{Town: req.Town, ID: req.Task, Version: req.Version}, measure.TaskDecision{
		To: measure.TaskState(in.To), Reason: in.Reason, Evidence: in.Evidence,
	})
}
