package improve

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
)

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
		return fault.Forbidden("conflict_of_interest", "不能决定自己所任职党组织的事项", "nobody decides about a branch that he or she leads")
	}
	return nil
}

// tell fills in what depends on the day and the caller.
func (v tasker) tell(t *Task) {
	t.Overdue = t.State == Open && Overdue(t.DueOn, v.today)
	t.Allowed = slices.DeleteFunc(taskMoves.Allowed(v.Principal, t.State, t.stand()), func(verb string) bool { return v.refuse(*t, verb) != nil })
}
