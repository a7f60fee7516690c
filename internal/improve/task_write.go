package improve

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// TaskPlan is what is set about a task. Either a person or an office answers for
// it.
type TaskPlan struct {
	Branch *string
	Person *string
	Office *string
	Title  string
	DueOn  day.Date
}

// SetTask adds a task to a measure. A liaison office sets those of its branches
// only.
func SetTask(ctx context.Context, db *gorm.DB, townID string, measure int64, plan TaskPlan) (Task, error) {
	if err := CheckMeasure(measure); err != nil {
		return Task{}, err
	}
	t := Task{
		TownID: townID, ID: database.NewID(), MeasureNumber: measure, BranchCode: plan.Branch, PersonCode: plan.Person, OfficeCode: plan.Office,
		Title: plan.Title, DueOn: plan.DueOn, State: Open, Versioned: database.Versioned{Version: 1},
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
func (p TaskPlan) check(ctx context.Context, tx *gorm.DB, townID string) error {
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
	return refuseBranch(ctx, tx, townID, *p.Branch)
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
func ChangeTask(ctx context.Context, db *gorm.DB, townID string, measure int64, id string, version int64, plan TaskPlan, reason string) (Task, error) {
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
		case Done:
			if evidence == "" && t.Evidence == "" {
				return taskStep{}, fault.Broken(fault.Field("/evidence", "evidence_needed", "完成任务须附佐证", "say what shows that it is done"))
			}
			progress = 100
		case Open:
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
