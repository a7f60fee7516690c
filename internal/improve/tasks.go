package improve

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// TaskState is where a task stands in its life.
type TaskState string

// The states of a task.
const (
	Open    TaskState = "open"
	Done    TaskState = "done"
	Dropped TaskState = "dropped"
)

// Task is what is to be done under a measure, for a branch or for the whole town,
// by the one person or office that answers for it.
type Task struct {
	TownID        string     `gorm:"primaryKey" json:"-"`
	ID            string     `gorm:"primaryKey" json:"id" format:"uuid"`
	MeasureNumber int64      `json:"measure" example:"1"`
	BranchCode    *string    `json:"branch,omitempty" example:"b07"` // absent = for the town
	PersonCode    *string    `json:"person,omitempty" example:"instructor-2"`
	OfficeCode    *string    `json:"office,omitempty" example:"office-1"`
	PlanItemID    *string    `json:"plan_item,omitempty" format:"uuid"` // the item of a plan that it serves
	Title         string     `json:"title" example:"repair the reading room"`
	DueOn         day.Date   `json:"due_on" swaggertype:"string" format:"date"` // the last day
	Progress      int64      `json:"progress" example:"40"`                     // percent
	State         TaskState  `json:"state" swaggertype:"string" enums:"open,done,dropped"`
	Evidence      string     `json:"evidence,omitempty"` // the latest
	SetBy         string     `json:"set_by" example:"group-1"`
	StateBy       string     `json:"state_by" example:"group-1"`
	StateAt       time.Time  `json:"state_at"`
	StateReason   string     `json:"state_reason,omitempty"`
	Overdue       bool       `gorm:"-" json:"overdue"`            // open, and past its day
	Timeline      []TaskNote `gorm:"-" json:"timeline,omitempty"` // in the answer about one
	Allowed       []string   `gorm:"-" json:"allowed"`
	database.Versioned
}

// TableName is the table of tasks.
func (Task) TableName() string { return "measure_tasks" }

// TaskNote is one entry in the timeline of a task, kept for ever under the version
// that it made.
type TaskNote struct {
	TownID   string      `gorm:"primaryKey" json:"-"`
	TaskID   string      `gorm:"primaryKey" json:"-"`
	Version  int64       `gorm:"primaryKey" json:"version"`
	Verb     string      `json:"verb" enums:"set,change,report,finish,drop,reopen"`
	At       time.Time   `json:"at"`
	Actor    string      `json:"by" example:"instructor-2"`
	Role     access.Role `json:"role" swaggertype:"string" example:"instructor"`
	Progress int64       `json:"progress" example:"40"` // from then on
	Note     string      `json:"note,omitempty"`
	Evidence string      `json:"evidence,omitempty"`
}

var taskNoun = text.Text{ZH: "任务", EN: "task"}

// taskMoves is the life of a task. Who answers for it reports and finishes; who
// sets tasks changes, drops and reopens them.
var taskMoves = workflow.Machine[TaskState, workflow.Free]{
	{Verb: "change", From: []TaskState{Open}, Action: access.WriteTasks},
	{Verb: "report", From: []TaskState{Open}, Action: access.ReportTasks},
	{Verb: "finish", From: []TaskState{Open}, To: Done, Action: access.ReportTasks},
	{Verb: "drop", From: []TaskState{Open}, To: Dropped, Action: access.WriteTasks, Reason: true},
	{Verb: "reopen", From: []TaskState{Done, Dropped}, To: Open, Action: access.WriteTasks, Reason: true},
}

func (t Task) stand() workflow.Standing {
	return workflow.Standing{By: t.StateBy, At: t.StateAt, Reason: t.StateReason, CanLift: string(access.LeadingGroup)}
}

// FindTask gives one task of the measure with its timeline, if the caller may know
// of it.
func FindTask(ctx context.Context, db *gorm.DB, townID string, measure int64, id string) (Task, error) {
	v, err := taskerOf(ctx, db, townID)
	if err != nil {
		return Task{}, err
	}
	return v.find(ctx, db, measure, id)
}

func (v tasker) find(ctx context.Context, db *gorm.DB, measure int64, id string) (Task, error) {
	var t Task
	err := db.WithContext(ctx).Where("town_id = ? AND measure_number = ? AND id = ?", v.town, measure, id).Take(&t).Error
	if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && !v.reads(t) {
		return Task{}, fault.Missing(taskNoun, id)
	}
	if err != nil {
		return Task{}, err
	}
	v.tell(&t)
	err = db.WithContext(ctx).Where("town_id = ? AND task_id = ?", v.town, id).Order("version").Find(&t.Timeline).Error
	return t, err
}

// TaskFilter narrows a list; zero fields do not.
type TaskFilter struct {
	Measure int64
	Branch  string
	State   TaskState
	Overdue bool // only open ones past their day
	After   string
	Limit   int // 0 = all
}

// ListTasks gives the tasks that the caller may know of, in the order of their
// setting.
func ListTasks(ctx context.Context, db *gorm.DB, townID string, f TaskFilter) ([]Task, error) {
	v, err := taskerOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := v.seen(db.WithContext(ctx)).Where("town_id = ? AND id > ?", townID, f.After)
	if f.Measure > 0 {
		q = q.Where("measure_number = ?", f.Measure)
	}
	if f.Branch != "" {
		q = q.Where("branch_code = ?", f.Branch)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.Overdue {
		q = q.Where("state = ? AND due_on < ?", Open, v.today)
	}
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	var list []Task
	err = q.Order("id").Find(&list).Error
	for i := range list {
		v.tell(&list[i])
	}
	return list, err
}
