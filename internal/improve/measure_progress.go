package improve

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/pkg/composite"
)

// TaskTotals are counts of tasks. What was dropped does not count.
type TaskTotals struct {
	Tasks   int64   `json:"tasks"`
	Done    int64   `json:"done"`
	Overdue int64   `json:"overdue"`                    // not done, and past their days
	Mean    float64 `json:"mean_progress" example:"62"` // of all of them, in percent, to one decimal; 0 without any
	Sum     int64   `json:"-"`                          // of the progress of all of them
}

// Progress is how far the tasks of a measure have come, for one branch or all.
type Progress struct {
	MeasureNumber int64   `json:"measure" example:"1"`
	BranchCode    *string `json:"branch,omitempty" example:"b07"` // absent for all branches, or for what concerns the town
	TaskTotals    `gorm:"embedded"`
}

// MeasureProgress gives the progress of the seven measures in their order, counting
// the tasks of branches in reach and those of the town. It takes one statement.
func MeasureProgress(ctx context.Context, db *gorm.DB, townID string, reach people.Reach, today day.Date) ([]Progress, error) {
	rows, err := totals(ctx, db, townID, reach, today, "measure_number")
	list := make([]Progress, measureCount)
	for i := range list {
		list[i].MeasureNumber = int64(i + 1)
	}
	for _, r := range rows {
		list[r.MeasureNumber-1] = r
	}
	return list, err
}

// BranchProgress gives the progress of each measure for each branch in reach, and
// for the town, where there are tasks: by branch, those of the town first, and by
// measure. It takes one statement.
func BranchProgress(ctx context.Context, db *gorm.DB, townID string, reach people.Reach, today day.Date) ([]Progress, error) {
	return totals(ctx, db, townID, reach, today, "branch_code, measure_number")
}

func totals(ctx context.Context, db *gorm.DB, townID string, reach people.Reach, today day.Date, by string) ([]Progress, error) {
	q := db.WithContext(ctx).Model(&Task{}).Where("town_id = ? AND state <> ?", townID, Dropped)
	if !reach.All {
		q = q.Where("(branch_code IS NULL OR branch_code IN ?)", append(reach.Codes(), ""))
	}
	rows := []Progress{}
	err := q.Select(by+`, COUNT(*) AS tasks, SUM(progress) AS sum, SUM(CASE WHEN state = ? THEN 1 ELSE 0 END) AS done,
SUM(CASE WHEN state = ? AND due_on < ? THEN 1 ELSE 0 END) AS overdue`, Done, Open, today).
		Group(by).Order("CASE WHEN MIN(branch_code) IS NULL THEN 0 ELSE 1 END, " + by).Scan(&rows).Error
	for i := range rows {
		rows[i].Mean = composite.Round(float64(rows[i].Sum)/float64(rows[i].Tasks), 1)
	}
	return rows, err
}

// ProgressInReach is MeasureProgress, or BranchProgress, of the tasks that the
// caller may read today.
func ProgressInReach(ctx context.Context, db *gorm.DB, townID string, byBranch bool) ([]Progress, error) {
	today := day.Of(db.NowFunc())
	reach, err := people.ReachOf(ctx, db, people.Caller(ctx), people.ReadTasks, townID, today)
	if err != nil {
		return nil, err
	}
	if byBranch {
		return BranchProgress(ctx, db, townID, reach, today)
	}
	return MeasureProgress(ctx, db, townID, reach, today)
}
