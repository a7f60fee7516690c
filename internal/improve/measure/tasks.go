package measure

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/improve"
	"bulwark/internal/people"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// TaskState is where a task stands in its life.
type TaskState string

// The states of a task.
const (
	TaskOpen    TaskState = "open"
	TaskDone    TaskState = "done"
	TaskDropped TaskState = "dropped"
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
	{Verb: "change", From: []TaskState{TaskOpen}, Action: access.WriteTasks},
	{Verb: "report", From: []TaskState{TaskOpen}, Action: access.ReportTasks},
	{Verb: "finish", From: []TaskState{TaskOpen}, To: TaskDone, Action: access.ReportTasks},
	{Verb: "drop", From: []TaskState{TaskOpen}, To: TaskDropped, Action: access.WriteTasks, Reason: true},
	{Verb: "reopen", From: []TaskState{TaskDone, TaskDropped}, To: TaskOpen, Action: access.WriteTasks, Reason: true},
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
		q = q.Where("state = ? AND due_on < ?", TaskOpen, v.today)
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

// tasker is what an answer about tasks depends on besides them.
type tasker struct {
	access.Principal
	town    string
	today   day.Date
	read    access.Reach
	write   access.Reach
	led     map[string]bool // branches about which the caller does not decide
	offices []string        // of which the caller is a member today
}

func taskerOf(ctx context.Context, db *gorm.DB, townID string) (v tasker, err error) {
	v.Principal, v.town, v.today = access.Caller(ctx), townID, day.Of(db.NowFunc())
	if v.read, err = access.ReachOf(ctx, db, v.Principal, access.ReadTasks, townID, v.today); err != nil {
		return v, err
	}
	if v.May(access.WriteTasks) {
		v.write = v.read // whoever sets tasks reads those that he or she can set
	}
	if v.led, err = access.LedBy(ctx, db, townID, access.WriteTasks); err != nil {
		return v, err
	}
	if v.Role == access.Office && v.Person != "" {
		v.offices, err = people.OfficesOf(ctx, db, townID, v.Person, v.today)
	}
	return v, err
}

// answers reports whether the caller answers for the task.
func (v tasker) answers(t Task) bool {
	return t.PersonCode != nil && *t.PersonCode == v.Person || t.OfficeCode != nil && slices.Contains(v.offices, *t.OfficeCode)
}

// reads reports whether the caller may know of the task.
func (v tasker) reads(t Task) bool {
	return t.BranchCode == nil || v.read.Has(*t.BranchCode) || v.answers(t)
}

// seen narrows a query to the tasks that the caller reads.
func (v tasker) seen(q *gorm.DB) *gorm.DB {
	if v.read.All {
		return q
	}
	return q.Where("(branch_code IS NULL OR branch_code IN ? OR person_code = ? OR office_code IN ?)",
		append(v.read.Codes(), ""), v.Person, append(slices.Clone(v.offices), ""))
}

// refuse says why the caller cannot use the verb on the task, beyond what the
// policy and the state say.
func (v tasker) refuse(t Task, verb string) error {
	switch verb {
	case "report", "finish":
		if v.answers(t) || v.Role == access.LeadingGroup {
			return nil
		}
		return fault.Forbidden("not_responsible", "只有任务的负责人或负责单位可以填报进展", "only who answers for a task, or the leading group, reports on it")
	}
	switch {
	case t.BranchCode == nil && !v.write.All, t.BranchCode != nil && !v.write.Has(*t.BranchCode):
		return fault.Forbidden("not_assigned", "您只能安排所联系党组织的任务", "you set tasks for the branches of your office only")
	case verb == "drop" && t.BranchCode != nil && v.led[*t.BranchCode]:
		return improve.OwnBranch()
	}
	return nil
}

// tell fills in what depends on the day and the caller.
func (v tasker) tell(t *Task) {
	t.Overdue = t.State == TaskOpen && improve.Overdue(t.DueOn, v.today)
	t.Allowed = slices.DeleteFunc(taskMoves.Allowed(v.Principal, t.State, t.stand()), func(verb string) bool { return v.refuse(*t, verb) != nil })
}

// TaskContent is what is set about a task. Either a person or an office answers for
// it.
type TaskContent struct {
	Branch *string
	Person *string
	Office *string
	Title  string
	DueOn  day.Date
}

// SetTask adds a task to a measure. A liaison office sets those of its branches
// only.
func SetTask(ctx context.Context, db *gorm.DB, townID string, measure int64, plan TaskContent) (Task, error) {
	if err := Check(measure); err != nil {
		return Task{}, err
	}
	t := Task{
		TownID: townID, ID: database.NewID(), MeasureNumber: measure, BranchCode: plan.Branch, PersonCode: plan.Person, OfficeCode: plan.Office,
		Title: plan.Title, DueOn: plan.DueOn, State: TaskOpen, Versioned: database.Versioned{Version: 1},
	}
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := taskerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		if err := plan.check(ctx, tx, townID); err != nil {
			return err
		}
		if err := v.refuse(t, "set"); err != nil {
			return err
		}
		t.SetBy, t.StateBy, t.StateAt = v.Name(), v.Name(), tx.NowFunc()
		if err := tx.Create(&t).Error; err != nil {
			return err
		}
		if err := v.note(tx, t, TaskNote{Verb: "set", Version: 1}); err != nil {
			return err
		}
		if t, err = v.find(ctx, tx, measure, t.ID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "task.set", Subject: "tasks/" + t.ID, After: t})
	})
	return t, err
}

// check lists what a task cannot be: about a branch, or for somebody, that the
// town does not have, or for nobody or two.
func (p TaskContent) check(ctx context.Context, tx *gorm.DB, townID string) error {
	var faults []fault.FieldError
	if (p.Person == nil) == (p.Office == nil) {
		faults = append(faults, fault.Field("/person", "one_responsible", "请指明一名负责人或一个负责单位", "name either a person or an office"))
	}
	if p.Person != nil {
		_, err := people.Find(ctx, tx, townID, *p.Person)
		if fault.Is(err, fault.KindNotFound) {
			faults = append(faults, fault.Field("/person", "unknown_person", "本镇没有人员“%s”", "this town has no person %q", *p.Person))
		} else if err != nil {
			return err
		}
	}
	if p.Office != nil {
		_, err := people.FindOffice(ctx, tx, townID, *p.Office)
		if fault.Is(err, fault.KindNotFound) {
			faults = append(faults, fault.Field("/office", "unknown_office", "本镇没有挂钩办“%s”", "this town has no office %q", *p.Office))
		} else if err != nil {
			return err
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	if p.Branch == nil {
		return nil
	}
	return improve.RefuseBranch(ctx, tx, townID, *p.Branch)
}

// note adds an entry of the caller to the timeline.
func (v tasker) note(tx *gorm.DB, t Task, n TaskNote) error {
	n.TownID, n.TaskID, n.At, n.Actor, n.Role = t.TownID, t.ID, tx.NowFunc(), v.Name(), v.Role
	return tx.Create(&n).Error
}

// taskStep is one change of a task, in a transaction.
type taskStep struct {
	change map[string]any
	note   TaskNote
}

// stepTask changes the version of a task by what step makes of it, with its entry
// in the timeline and in the trail.
func stepTask(ctx context.Context, db *gorm.DB, townID string, measure int64, id string, version int64, step func(v tasker, tx *gorm.DB, t Task) (taskStep, error)) (Task, error) {
	var after Task
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := taskerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		before, err := v.find(ctx, tx, measure, id)
		if err != nil {
			return err
		}
		s, err := step(v, tx, before)
		if err != nil {
			return err
		}
		if err := v.refuse(before, s.note.Verb); err != nil {
			return err
		}
		if err := database.UpdateVersioned(tx, &Task{TownID: townID, ID: id}, version, s.change); err != nil {
			return err
		}
		s.note.Version = version + 1
		if err := v.note(tx, before, s.note); err != nil {
			return err
		}
		if after, err = v.find(ctx, tx, measure, id); err != nil {
			return err
		}
		before.Timeline = nil
		told := after
		told.Timeline = nil
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "task." + s.note.Verb, Subject: "tasks/" + id, Before: before, After: told, Reason: s.note.Note})
	})
	return after, err
}

// stay is the move of the verb that leaves the state as it is.
func (v tasker) stay(t Task, verb string) error {
	mv, ok := taskMoves.Stay(verb, t.State)
	if !ok {
		return workflow.Conflict(t.stand(), "task_"+string(t.State), text.F("任务处于“%s”状态，不能修改：可请安排任务者重新打开", "the task is %s: ask for it to be reopened", t.State))
	}
	return mv.Refuse(v.Principal, t.stand(), "")
}

// ChangeTask sets the task anew. Its measure and progress stay.
func ChangeTask(ctx context.Context, db *gorm.DB, townID string, measure int64, id string, version int64, plan TaskContent, reason string) (Task, error) {
	return stepTask(ctx, db, townID, measure, id, version, func(v tasker, tx *gorm.DB, t Task) (taskStep, error) {
		if err := v.stay(t, "change"); err != nil {
			return taskStep{}, err
		}
		if err := plan.check(ctx, tx, townID); err != nil {
			return taskStep{}, err
		}
		moved := t
		moved.BranchCode = plan.Branch
		if err := v.refuse(moved, "change"); err != nil {
			return taskStep{}, err
		}
		return taskStep{
			change: map[string]any{"branch_code": plan.Branch, "person_code": plan.Person, "office_code": plan.Office, "title": plan.Title, "due_on": plan.DueOn},
			note:   TaskNote{Verb: "change", Progress: t.Progress, Note: reason},
		}, nil
	})
}

// ReportTask says how far a task has come, by who answers for it.
func ReportTask(ctx context.Context, db *gorm.DB, townID string, measure int64, id string, version, progress int64, note, evidence string) (Task, error) {
	return stepTask(ctx, db, townID, measure, id, version, func(v tasker, _ *gorm.DB, t Task) (taskStep, error) {
		if err := v.stay(t, "report"); err != nil {
			return taskStep{}, err
		}
		change := map[string]any{"progress": progress}
		if evidence != "" {
			change["evidence"] = evidence
		}
		return taskStep{change, TaskNote{Verb: "report", Progress: progress, Note: note, Evidence: evidence}}, nil
	})
}

// MoveTask finishes a task, for which there must be evidence, drops it, or reopens
// it with the progress that was reported last.
func MoveTask(ctx context.Context, db *gorm.DB, townID string, measure int64, id string, version int64, to TaskState, reason, evidence string) (Task, error) {
	return stepTask(ctx, db, townID, measure, id, version, func(v tasker, tx *gorm.DB, t Task) (taskStep, error) {
		mv, err := taskMoves.Find(v.Principal, t.State, to, t.stand(), reason)
		if err != nil {
			return taskStep{}, err
		}
		change := map[string]any{"state": to, "state_by": v.Name(), "state_at": tx.NowFunc(), "state_reason": reason}
		progress := t.Progress
		switch to {
		case TaskDone:
			if evidence == "" && t.Evidence == "" {
				return taskStep{}, fault.Broken(fault.Field("/evidence", "evidence_needed", "完成任务须附佐证", "say what shows that it is done"))
			}
			progress = 100
		case TaskOpen:
			progress = t.reported()
		}
		change["progress"] = progress
		if evidence != "" {
			change["evidence"] = evidence
		}
		return taskStep{change, TaskNote{Verb: mv.Verb, Progress: progress, Note: reason, Evidence: evidence}}, nil
	})
}

// reported is the progress before the task was finished.
func (t Task) reported() int64 {
	for i := len(t.Timeline) - 1; i >= 0; i-- {
		if t.Timeline[i].Verb != "finish" {
			return t.Timeline[i].Progress
		}
	}
	return 0
}
