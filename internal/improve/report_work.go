package improve

import (
	"context"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/day"
)

// countProblems reads the moves of problems as they were until the end of the span,
// so that a report about the past tells what was then.
func (f *ReportFigures) countProblems(ctx context.Context, db *gorm.DB, s reportSpan) error {
	var moves []struct {
		ProblemID, Verb, BranchCode string
		At                          time.Time
		DueOn                       day.Date
	}
	err := db.WithContext(ctx).Raw(`SELECT m.problem_id, m.verb, p.branch_code, m.at, m.due_on
FROM problem_moves m JOIN problems p ON p.town_id = m.town_id AND p.id = m.problem_id
WHERE m.town_id = @town AND p.branch_code IN @branches AND m.at < @end
ORDER BY m.problem_id, m.version`, s.args(f.Branches)).Scan(&moves).Error
	for i, m := range moves {
		if s.paired(m.BranchCode, day.Of(m.At)) {
			switch m.Verb {
			case "open":
				f.ProblemsOpened.add(m.ProblemID)
			case "solve":
				f.ProblemsSolved.add(m.ProblemID)
			}
		}
		latest := i+1 == len(moves) || moves[i+1].ProblemID != m.ProblemID
		if latest && m.Verb != "solve" && m.Verb != "close" && Overdue(m.DueOn, s.until) && s.paired(m.BranchCode, s.until) {
			f.ProblemsOverdue.add(m.ProblemID)
		}
	}
	return err
}

// countTasks counts the tasks on whose progress somebody reported in the span.
func (f *ReportFigures) countTasks(ctx context.Context, db *gorm.DB, s reportSpan) error {
	var notes []struct {
		TaskID     string
		BranchCode *string
		PersonCode *string
		At         time.Time
	}
	err := db.WithContext(ctx).Raw(`SELECT n.task_id, t.branch_code, t.person_code, n.at
FROM task_notes n JOIN measure_tasks t ON t.town_id = n.town_id AND t.id = n.task_id
WHERE n.town_id = @town AND (t.branch_code IN @branches OR t.person_code = @me) AND n.verb IN ('report', 'finish') AND n.at >= @begin AND n.at < @end
ORDER BY n.task_id, n.version`, s.args(f.Branches)).Scan(&notes).Error
	for _, n := range notes {
		if deref(n.PersonCode) == s.author || s.paired(deref(n.BranchCode), day.Of(n.At)) {
			f.TasksProgressed.add(n.TaskID)
		}
	}
	return err
}

// countItems counts the items of plans that were verified in the span.
func (f *ReportFigures) countItems(ctx context.Context, db *gorm.DB, s reportSpan) error {
	var moves []struct {
		ItemID, BranchCode string
		At                 time.Time
	}
	err := db.WithContext(ctx).Raw(`SELECT i.id AS item_id, i.branch_code, m.at
FROM transitions m JOIN plan_items i ON i.town_id = m.town_id AND i.id = m.record_id
WHERE m.town_id = @town AND m.kind = 'plan-item' AND i.branch_code IN @branches AND m.verb = 'verify' AND m.at >= @begin AND m.at < @end
ORDER BY m.record_id, m.version`, s.args(f.Branches)).Scan(&moves).Error
	for _, m := range moves {
		if s.paired(m.BranchCode, day.Of(m.At)) {
			f.ItemsVerified.add(m.ItemID)
		}
	}
	return err
}
