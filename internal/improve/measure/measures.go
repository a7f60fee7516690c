// Package measure holds the seven measures of a town and the tasks under them.
package measure

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite/stats"
)

// Measure is one of the seven measures (七大措施) of a town. The public source names
// four; the others have a number only, until the town names them.
type Measure struct {
	TownID      string    `gorm:"primaryKey" json:"-"`
	Number      int64     `gorm:"primaryKey" json:"number" example:"1"` // 1 to 7
	Name        text.Text `gorm:"embedded;embeddedPrefix:name_" json:"name,omitempty,omitzero"`
	Description text.Text `gorm:"embedded;embeddedPrefix:description_" json:"description,omitempty,omitzero"`
	Named       bool      `gorm:"-" json:"named"`
	// as the public source names it, whatever the town does
	SourceName text.Text  `gorm:"-" json:"source_name,omitempty,omitzero"`
	Provenance string     `gorm:"-" json:"provenance" enums:"source,town,unnamed"`
	Note       text.Text  `gorm:"-" json:"note,omitempty,omitzero"` // where nobody has named it
	Progress   TaskTotals `gorm:"-" json:"progress"`                // of all its tasks
	database.Versioned
}

// sourceNames are the measures that the public source names, in its order.
var sourceNames = []text.Text{
	{ZH: "加强联系帮扶", EN: "liaison support"},
	{ZH: "制定一村一策精准提升", EN: "one village, one plan"},
	{ZH: "选派指导员挂钩结对", EN: "instructor pairing"},
	{ZH: "搭建交流平台", EN: "exchange platform"},
}

// measureCount is how many measures there are.
const measureCount = 7

// complete fills in what the row does not hold.
func (m *Measure) complete() {
	if int(m.Number) <= len(sourceNames) {
		m.SourceName = sourceNames[m.Number-1]
	}
	m.Provenance = "town"
	if m.Name.IsZero() || m.Name == m.SourceName {
		m.Name, m.Provenance = m.SourceName, "source"
	}
	if m.Named = !m.Name.IsZero(); !m.Named {
		m.Provenance = "unnamed"
		m.Note = text.F("公开资料未列出第 %[1]d 项措施的名称，可由本镇命名",
			"the public source does not name measure %[1]d: the town can name it", m.Number)
	}
}

// List returns the seven measures of the town with their progress. Those that
// the town has not edited are as old as the town.
func List(ctx context.Context, db *gorm.DB, townID string) (_ []Measure, err error) {
	defer fault.Wrap(&err, "measures of %s", townID)
	var rows []Measure
	if err := db.WithContext(ctx).Where("town_id = ?", townID).Find(&rows).Error; err != nil {
		return nil, err
	}
	its, err := town.Find(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	built := database.Versioned{Version: 1, CreatedAt: its.CreatedAt, UpdatedAt: its.CreatedAt}
	progress, err := ListProgress(ctx, db, townID, day.Of(db.NowFunc()))
	list := make([]Measure, measureCount)
	for i := range list {
		list[i] = Measure{TownID: townID, Number: int64(i + 1), Versioned: built}
		if at := slices.IndexFunc(rows, func(m Measure) bool { return m.Number == int64(i+1) }); at >= 0 {
			list[i] = rows[at]
		}
		list[i].complete()
		if err == nil {
			list[i].Progress = progress[i].TaskTotals
		}
	}
	return list, err
}

// Find returns one measure.
func Find(ctx context.Context, db *gorm.DB, townID string, number int64) (_ Measure, err error) {
	defer fault.Wrap(&err, "measure %d", number)
	if err := Check(number); err != nil {
		return Measure{}, err
	}
	list, err := List(ctx, db, townID)
	if err != nil {
		return Measure{}, err
	}
	return list[number-1], nil
}

// Check returns NotFound for a number that no measure has.
func Check(number int64) error {
	if number < 1 || number > measureCount {
		return fault.NotFound("not_found", "没有第 %d 项措施：共 7 项", "there is no measure %d: there are 7", number)
	}
	return nil
}

// Name sets the name and the description of a measure in the town. An empty name removes
// the town's: the source's holds again, if there is one.
func Name(
	ctx context.Context, db *gorm.DB, townID string, number, version int64, name, description text.Text,
) (after Measure, err error) {
	defer fault.Wrap(&err, "name the measure %d", number)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := Find(ctx, tx, townID, number)
		if err != nil {
			return err
		}
		// as built in, if it is none yet
		row := Measure{TownID: townID, Number: number, Versioned: database.Versioned{Version: 1}}
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return err
		}
		change := map[string]any{
			"name_zh": name.ZH, "name_en": name.EN, "description_zh": description.ZH, "description_en": description.EN,
		}
		if err := database.UpdateVersioned(tx, &Measure{TownID: townID, Number: number}, version, change); err != nil {
			return err
		}
		if after, err = Find(ctx, tx, townID, number); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "measure.name", Subject: fmt.Sprintf("measures/%d", number), Before: before, After: after,
		})
	})
	return after, err
}

// TaskTotals are counts of tasks. What was dropped does not count, nor what was open when
// its branch ended.
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
	BranchCode    *string `json:"-"`
	// absent for all branches, or for what concerns the town
	Branch     *town.BranchRef `gorm:"-" json:"branch,omitempty"`
	TaskTotals `gorm:"embedded"`
}

// ListProgress returns the progress of the seven measures in their order, counting
// all tasks of the town. It takes one statement.
func ListProgress(ctx context.Context, db *gorm.DB, townID string, today day.Date) (_ []Progress, err error) {
	defer fault.Wrap(&err, "progress of %s", townID)
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

// CountEnded returns the number of open tasks whose branch has ended by the day.
func CountEnded(ctx context.Context, db *gorm.DB, townID string, today day.Date) (n int64, err error) {
	defer fault.Wrap(&err, "tasks of ended branches of %s", townID)
	err = db.WithContext(ctx).Model(&Task{}).
		Where("town_id = ? AND state = ? AND branch_code IN (?)", townID, TaskOpen, town.Gone(db, townID, today)).
		Count(&n).Error
	return n, err
}

// totals returns the counts of the tasks of a query by the columns.
func totals(q *gorm.DB, townID string, today day.Date, by string) ([]Progress, error) {
	q = q.Model(&Task{}).Where("town_id = ? AND state <> ?", townID, TaskDropped).
		Where("NOT (state = ? AND branch_code IS NOT NULL AND branch_code IN (?))", TaskOpen, town.Gone(q, townID, today))
	rows := []Progress{}
	err := q.Select(by+`, COUNT(*) AS tasks, SUM(progress) AS sum, SUM(CASE WHEN state = ? THEN 1 ELSE 0 END) AS done,
SUM(CASE WHEN state = ? AND due_on < ? THEN 1 ELSE 0 END) AS overdue`, TaskDone, TaskOpen, today).
		Group(by).Order("CASE WHEN MIN(branch_code) IS NULL THEN 0 ELSE 1 END, " + by).Scan(&rows).Error
	for i := range rows {
		rows[i].Mean = stats.Round(float64(rows[i].Sum)/float64(rows[i].Tasks), 1)
	}
	return rows, err
}

// ProgressInReach returns the progress of the tasks that the caller may read today: of
// the seven measures in their order, or of each measure for each branch, and for the
// town, where there are tasks, by branch, those of the town first, and by measure. A caller
// who is limited to branches reads none of the town.
func ProgressInReach(
	ctx context.Context, db *gorm.DB, townID, language string, byBranch bool,
) (_ []Progress, err error) {
	defer fault.Wrap(&err, "progress of %s", townID)
	v, err := newTaskReader(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := v.Visible(db.WithContext(ctx))
	if !byBranch {
		return byMeasure(q, townID, v.Today)
	}
	rows, err := totals(q, townID, v.Today, "branch_code, measure_number")
	if err != nil {
		return nil, err
	}
	refs, err := town.ListBranchRefs(ctx, db, townID, v.Today, language)
	for i, r := range rows {
		if r.BranchCode != nil {
			rows[i].Branch = new(refs.Of(*r.BranchCode))
		}
	}
	return rows, err
}
