package improve

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/pkg/composite/stats"
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
// all tasks of the town. It takes one statement.
func MeasureProgress(ctx context.Context, db *gorm.DB, townID string, today day.Date) ([]Progress, error) {
	return byMeasure(db.WithContext(ctx), townID, today)
}

func byMeasure(q *gorm.DB, townID string, today day.Date) ([]Progress, error) {
	rows, err := totals(q, townID, today, "measure_number")
	list := make([]Progress, measureCount)
	for i := range list {
		list[i].MeasureNumber = int64(i + 1)
	}
	for _, r := range rows {
		list[r.MeasureNumber-1] = r
	}
	return list, err
}

// totals counts the tasks of a query by the columns.
func totals(q *gorm.DB, townID string, today day.Date, by string) ([]Progress, error) {
	q = q.Model(&Task{}).Where("town_id = ? AND state <> ?", townID, Dropped)
	rows := []Progress{}
	err := q.Select(by+`, COUNT(*) AS tasks, SUM(progress) AS sum, SUM(CASE WHEN state = ? THEN 1 ELSE 0 END) AS done,
SUM(CASE WHEN state = ? AND due_on < ? THEN 1 ELSE 0 END) AS overdue`, Done, Open, today).
		Group(by).Order("CASE WHEN MIN(branch_code) IS NULL THEN 0 ELSE 1 END, " + by).Scan(&rows).Error
	for i := range rows {
		rows[i].Mean = stats.Round(float64(rows[i].Sum)/float64(rows[i].Tasks), 1)
	}
	return rows, err
}

// ProgressInReach gives the progress of the tasks that the caller may read today: of
// the seven measures in their order, or of each measure for each branch, and for the
// town, where there are tasks, by branch, those of the town first, and by measure.
func ProgressInReach(ctx context.Context, db *gorm.DB, townID string, byBranch bool) ([]Progress, error) {
	v, err := taskerOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := v.seen(db.WithContext(ctx))
	if byBranch {
		return totals(q, townID, v.today, "branch_code, measure_number")
	}
	return byMeasure(q, townID, v.today)
}
