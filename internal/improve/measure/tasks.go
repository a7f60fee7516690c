package measure

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/improve"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// TaskState is the state of a task.
type TaskState string

// The states of a task.
const (
	TaskOpen    TaskState = "open"
	TaskDone    TaskState = "done"
	TaskDropped TaskState = "dropped"
)

var taskTitles = workflow.Titles[TaskState]{
	TaskOpen:    {ZH: "进行中", EN: "open"},
	TaskDone:    {ZH: "已完成", EN: "done"},
	TaskDropped: {ZH: "已取消", EN: "dropped"},
}

// Title returns the name of the state.
func (s TaskState) Title() text.Text { return taskTitles.Of(s) }

// Task is what is to be done under a measure, for a branch or for the whole town,
// by the one person or office that is responsible for it.
type Task struct {
	TownID        string    `gorm:"primaryKey" json:"-"`
	ID            string    `gorm:"primaryKey" json:"id" format:"uuid"`
	MeasureNumber int64     `json:"measure" example:"1"`
	BranchCode    *string   `json:"branch,omitempty" example:"b07"` // absent = for the town
	PersonCode    *string   `json:"person,omitempty" example:"instructor-2"`
	OfficeCode    *string   `json:"office,omitempty" example:"office-1"`
	PlanItemID    *string   `json:"plan_item,omitempty" format:"uuid"` // the item of a plan that it serves
	Title         string    `json:"title" example:"repair the reading room"`
	DueOn         day.Date  `json:"due_on" swaggertype:"string" format:"date"` // the last day
	Progress      int64     `json:"progress" example:"40"`                     // percent
	State         TaskState `json:"state"`
	Evidence      string    `json:"evidence,omitempty"` // the latest
	SetBy         string    `json:"set_by,omitempty" example:"group-1"`
	StateBy       string    `json:"state_by,omitempty" example:"group-1"`
	StateAt       time.Time `json:"state_at"`
	StateReason   string    `json:"state_reason,omitempty"`
	Overdue       bool      `gorm:"-" json:"overdue"` // open, past its day, and its branch has not ended
	// of an open one whose branch is no more: drop it
	BranchEnded *town.Ending `gorm:"-" json:"branch_ended,omitempty"`
	Timeline    []TaskNote   `gorm:"-" json:"timeline,omitempty"` // in the answer about one
	Allowed     []string     `gorm:"-" json:"allowed"`
	database.Versioned
}

// TableName is the table of tasks.
func (Task) TableName() string { return "measure_tasks" }

// TaskNote is one entry in the timeline of a task, kept for ever under the version
// that it made.
type TaskNote struct {
	Version  int64       `json:"version"`
	Verb     string      `json:"verb" enums:"set,change,report,finish,drop,reopen"`
	At       time.Time   `json:"at"`
	Actor    string      `json:"by" example:"instructor-2"`
	Role     policy.Role `json:"role" swaggertype:"string" example:"instructor"`
	Progress int64       `json:"progress" example:"40"` // from then on
	Note     string      `json:"note,omitempty"`
	Evidence string      `json:"evidence,omitempty"`
}

// taskStep is a note as the history keeps it.
type taskStep struct {
	workflow.Transition
	taskExtra
}

type taskExtra struct {
	Progress int64  `json:"progress,omitempty"`
	Evidence string `json:"evidence,omitempty"`
}

func (s taskStep) note() TaskNote {
	return TaskNote{s.Version, s.Verb, s.At, s.Actor, s.Role, s.Progress, s.Reason, s.Evidence}
}

type (
	taskRules = []workflow.Rule[Task, *taskReader]
	taskVerbs = []workflow.Verb[Task, TaskState, *taskReader]
)

// tasks is the life of a task. Who is responsible for it reports and finishes; who sets
// tasks changes, drops and reopens them.
var tasks = workflow.Kind[Task, TaskState, *taskReader]{
	Noun: text.Text{ZH: "任务", EN: "task"}, Name: "task", Titles: taskTitles, Reader: newTaskReader, Frozen: notOpen,
	Verbs: taskVerbs{
		{Name: "set", To: TaskOpen, Action: policy.WriteTasks},
		{Name: "change", From: []TaskState{TaskOpen}, Action: policy.WriteTasks, Who: taskRules{inReach}},
		{Name: "report", From: []TaskState{TaskOpen}, Action: policy.ReportTasks, Who: taskRules{responsible}},
		{Name: "finish", From: []TaskState{TaskOpen}, To: TaskDone, Action: policy.ReportTasks, Who: taskRules{responsible}},
		{
			Name: "drop", From: []TaskState{TaskOpen}, To: TaskDropped, Action: policy.WriteTasks,
			Who: taskRules{inReach, notLed}, Reason: true,
		},
		{
			Name: "reopen", From: []TaskState{TaskDone, TaskDropped}, To: TaskOpen, Action: policy.WriteTasks,
			Who: taskRules{inReach}, Reason: true,
		},
	},
}.Checked()

// inReach refuses who sets tasks of other branches only.
func inReach(v *taskReader, t Task) error {
	if t.BranchCode == nil && !v.Reach.All || t.BranchCode != nil && !v.Reach.Has(*t.BranchCode) {
		return fault.Forbidden("not_assigned", "您只能安排所联系党组织的任务", "you can set tasks only for the branches of your office")
	}
	return nil
}

func responsible(v *taskReader, t Task) error {
	if !v.responsible(t) && v.Role != policy.LeadingGroup {
		return fault.Forbidden("not_responsible", "只有任务的负责人或负责单位可以填报进展",
			"only the person or office responsible for a task, or the leading group, reports on it")
	}
	return nil
}

func notOpen(v *taskReader, t Task) error {
	_, lock := v.State(t)
	return fault.Conflict("task_"+string(t.State), "任务处于“%[1]s”状态，不能修改：可请安排任务者重新打开",
		"the task is %[1]s: ask for it to be reopened", t.State.Title()).Held(lock)
}

// Ref names the task.
func (t Task) Ref() workflow.Ref {
	return workflow.Ref{Town: t.TownID, ID: t.ID, Version: t.Version}
}

// notLed refuses tasks of a branch that the caller leads today.
func notLed(v *taskReader, t Task) error {
	if v.Ties.Led(t.AboutBranch(), v.Today, v.Today) {
		return access.OwnBranch()
	}
	return nil
}

// AboutBranch returns the code of the branch, or "" where the task is about none.
func (t Task) AboutBranch() string {
	if t.BranchCode == nil {
		return ""
	}
	return *t.BranchCode
}

// taskReader is a caller who reads or changes tasks. Who sets tasks reads those that he
// or she can set.
type taskReader struct {
	access.Caller
	offices []string // of which the caller is a member today
	measure int64    // whose tasks alone are at hand; 0 = of any
	endings map[string]town.Ending
}

func newTaskReader(ctx context.Context, db *gorm.DB, townID string) (*taskReader, error) {
	v, err := access.CallerOf(ctx, db, townID, policy.ReadTasks, policy.WriteTasks)
	if err != nil || v.Role != policy.Office || v.Person == "" {
		return &taskReader{Caller: v}, err
	}
	offices, err := people.OfficesOf(ctx, db, townID, v.Person, v.Today)
	return &taskReader{Caller: v, offices: offices}, err
}

// tasksOf returns the kind narrowed to the tasks of a measure.
func tasksOf(measure int64) workflow.Kind[Task, TaskState, *taskReader] {
	k := tasks
	k.Reader = func(ctx context.Context, db *gorm.DB, townID string) (*taskReader, error) {
		v, err := newTaskReader(ctx, db, townID)
		v.measure = measure
		return v, err
	}
	return k
}

// responsible reports whether the caller is responsible for the task.
func (v *taskReader) responsible(t Task) bool {
	return t.PersonCode != nil && *t.PersonCode == v.Person ||
		t.OfficeCode != nil && slices.Contains(v.offices, *t.OfficeCode)
}

// Visible narrows to the tasks that the caller reads: of the town, of branches in reach,
// and those for which he or she is responsible; of a caller who is limited to branches, the
// tasks of those branches alone.
func (v *taskReader) Visible(q *gorm.DB) *gorm.DB {
	if v.measure != 0 {
		q = q.Where("measure_number = ?", v.measure)
	}
	if v.Reach.All || len(v.Branches) > 0 {
		return v.Reach.Narrow(q)
	}
	return q.Where("(branch_code IS NULL OR branch_code IN ? OR person_code = ? OR office_code IN ?)",
		append(v.Reach.Codes(), ""), v.Person, append(slices.Clone(v.offices), ""))
}

// Load reads which branches have ended, and the timeline in the answer about one.
func (v *taskReader) Load(ctx context.Context, db *gorm.DB, list []Task, depth workflow.Depth) (err error) {
	if v.endings == nil {
		if v.endings, err = town.Endings(ctx, db, v.Town); err != nil {
			return err
		}
	}
	for i, t := range list {
		if depth != workflow.ForOne {
			break
		}
		steps, err := workflow.History[taskStep](ctx, db, tasks.Name, t.Ref())
		if err != nil {
			return err
		}
		list[i].Timeline = make([]TaskNote, len(steps))
		for n, s := range steps {
			list[i].Timeline[n] = s.note()
		}
	}
	return nil
}

// State returns where the task is, and who brought it there.
func (v *taskReader) State(t Task) (TaskState, fault.Lock) {
	return t.State, fault.Lock{By: t.StateBy, At: t.StateAt, Reason: t.StateReason, CanLift: string(policy.LeadingGroup)}
}

// Show returns the task with what the caller can do.
func (v *taskReader) Show(t Task, allowed []string) Task {
	if e, ends := v.endings[t.AboutBranch()]; ends && e.On <= v.Today && t.State == TaskOpen {
		t.BranchEnded = &e
	}
	t.Overdue = t.State == TaskOpen && t.BranchEnded == nil && improve.Overdue(t.DueOn, v.Today)
	t.Allowed = allowed
	return t
}

// Tell returns the task without the names of who set it and moved it, and with their roles
// in the timeline, where the caller may not read people.
func (v *taskReader) Tell(t Task) Task {
	t.SetBy, t.StateBy = v.Told(t.SetBy, ""), v.Told(t.StateBy, "")
	for i, n := range t.Timeline {
		t.Timeline[i].Actor = v.Told(n.Actor, n.Role)
	}
	return t
}

// Audit returns the task, and of its timeline the first entry only.
func (v *taskReader) Audit(t Task, verb string) (string, any) {
	if verb != "set" {
		t.Timeline = nil
	}
	return "tasks/" + t.ID, t
}

// TaskContent is what is set about a task. Either a person or an office is
// responsible for it.
type TaskContent struct {
	Branch *string
	Person *string
	Office *string
	Title  string
	DueOn  day.Date
}

// SetTask adds a task to a measure. A liaison office sets those of its branches
// only.
func SetTask(ctx context.Context, db *gorm.DB, townID string, measure int64, c TaskContent) (Task, error) {
	if err := Check(measure); err != nil {
		return Task{}, err
	}
	t := Task{
		TownID: townID, ID: database.NewID(), MeasureNumber: measure, BranchCode: c.Branch, PersonCode: c.Person,
		OfficeCode: c.Office, Title: c.Title, DueOn: c.DueOn, State: TaskOpen, Versioned: database.Versioned{Version: 1},
	}
	return tasksOf(measure).Create(ctx, db, "set", "", t, func(tx *gorm.DB, v *taskReader, t *Task) error {
		if err := c.check(ctx, tx, townID); err != nil {
			return err
		}
		if err := inReach(v, *t); err != nil {
			return err
		}
		t.SetBy, t.StateBy, t.StateAt = v.Name(), v.Name(), tx.NowFunc()
		return tx.Create(t).Error
	})
}

// check refuses a task about a branch, or for a person or office, that the town does not
// have, and one for nobody or for both.
func (c TaskContent) check(ctx context.Context, tx *gorm.DB, townID string) error {
	var faults []fault.FieldError
	if (c.Person == nil) == (c.Office == nil) {
		faults = append(faults, fault.Field("/person", "one_responsible", "请指明一名负责人或一个负责单位",
			"name either a person or an office"))
	}
	if c.Person != nil {
		_, err := people.Find(ctx, tx, townID, *c.Person)
		if fault.Is(err, fault.KindNotFound) {
			faults = append(faults, fault.Field("/person", "unknown_person", "本镇没有人员“%s”",
				"this town has no person %q", *c.Person))
		} else if err != nil {
			return err
		}
	}
	if c.Office != nil {
		_, err := people.FindOffice(ctx, tx, townID, *c.Office)
		if fault.Is(err, fault.KindNotFound) {
			faults = append(faults, fault.Field("/office", "unknown_office", "本镇没有挂钩办“%s”",
				"this town has no office %q", *c.Office))
		} else if err != nil {
			return err
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	if c.Branch == nil {
		return nil
	}
	return improve.RefuseBranch(ctx, tx, townID, *c.Branch)
}

// ChangeTask replaces the content of a task. Its measure and progress stay.
func ChangeTask(
	ctx context.Context, db *gorm.DB, measure int64, ref workflow.Ref, c TaskContent, reason string,
) (Task, error) {
	return tasksOf(measure).Do(ctx, db, ref, "change", reason, func(tx *gorm.DB, v *taskReader, t Task) (workflow.Change, error) {
		change := workflow.Change{
			Columns: map[string]any{
				"branch_code": c.Branch, "person_code": c.Person, "office_code": c.Office, "title": c.Title, "due_on": c.DueOn,
			},
			Extra: taskExtra{Progress: t.Progress},
		}
		if err := c.check(ctx, tx, t.TownID); err != nil {
			return change, err
		}
		t.BranchCode = c.Branch
		return change, inReach(v, t)
	})
}

// TaskReport is how far a task has come.
type TaskReport struct {
	Progress int64 // percent
	Note     string
	Evidence string // empty: it stays as it is
}

// ReportTask stores how far a task has come, by who is responsible for it.
func ReportTask(ctx context.Context, db *gorm.DB, measure int64, ref workflow.Ref, r TaskReport) (Task, error) {
	return tasksOf(measure).Do(ctx, db, ref, "report", r.Note, func(*gorm.DB, *taskReader, Task) (workflow.Change, error) {
		columns := map[string]any{"progress": r.Progress}
		if r.Evidence != "" {
			columns["evidence"] = r.Evidence
		}
		return workflow.Change{Columns: columns, Extra: taskExtra{Progress: r.Progress, Evidence: r.Evidence}}, nil
	})
}

// TaskDecision is where a task is taken.
type TaskDecision struct {
	To       TaskState
	Reason   string
	Evidence string // needed to finish a task that has none
}

// MoveTask finishes a task, for which there must be evidence, drops it, or reopens
// it with the progress that was reported last.
func MoveTask(ctx context.Context, db *gorm.DB, measure int64, ref workflow.Ref, m TaskDecision) (Task, error) {
	return tasksOf(measure).Move(ctx, db, ref, m.To, m.Reason, func(tx *gorm.DB, v *taskReader, t Task) (workflow.Change, error) {
		columns := map[string]any{"state_by": v.Name(), "state_at": tx.NowFunc(), "state_reason": m.Reason}
		extra := taskExtra{Progress: t.Progress, Evidence: m.Evidence}
		switch m.To {
		case TaskDone:
			if m.Evidence == "" && t.Evidence == "" {
				return workflow.Change{},
					fault.Broken(fault.Field("/evidence", "evidence_needed", "完成任务须附佐证", "give evidence that it is done"))
			}
			extra.Progress = 100
		case TaskOpen:
			reported, err := t.reported(ctx, tx)
			if err != nil {
				return workflow.Change{}, err
			}
			extra.Progress = reported
		}
		columns["progress"] = extra.Progress
		if m.Evidence != "" {
			columns["evidence"] = m.Evidence
		}
		return workflow.Change{Columns: columns, Extra: extra}, nil
	})
}

// reported returns the progress before the task was finished.
func (t Task) reported(ctx context.Context, tx *gorm.DB) (int64, error) {
	steps, err := workflow.History[taskStep](ctx, tx, tasks.Name, t.Ref())
	for _, s := range slices.Backward(steps) {
		if s.Verb != "finish" {
			return s.Progress, err
		}
	}
	return 0, err
}

// FindTask returns one task of the measure with its timeline, if the caller may know of
// it.
func FindTask(ctx context.Context, db *gorm.DB, townID string, measure int64, id string) (Task, error) {
	return tasksOf(measure).Find(ctx, db, townID, id)
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

// ListTasks returns the tasks that the caller may know of, in the order of their
// setting.
func ListTasks(ctx context.Context, db *gorm.DB, townID string, f TaskFilter) ([]Task, error) {
	v, err := newTaskReader(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := database.Page(db.WithContext(ctx), townID, f.After, f.Limit)
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
		q = q.Where("state = ? AND due_on < ?", TaskOpen, v.Today)
	}
	return tasks.List(ctx, db, v, q)
}
