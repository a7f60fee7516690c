// Package dashboard gathers what one screen shows, in one call: for the leadership the overview
// of a result, how far entry is, and how the improvement goes; for everybody what waits for him or her.
package dashboard

import (
	"context"

	"bulwark/internal/fault"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/improve/measure"
	"bulwark/internal/improve/plan"
	"bulwark/internal/improve/report"
	"bulwark/internal/improve/target"
	"bulwark/internal/improve/visit"
	"bulwark/internal/index"
	"bulwark/internal/review"
	"bulwark/internal/town"
)

// Dashboard is the leadership screen of a town. Every part is for the whole town.
type Dashboard struct {
	Town     string             `json:"town" example:"demo"`
	Result   *Overview          `json:"result,omitempty"` // absent while nothing is published
	Entry    *Filling           `json:"entry,omitempty"`  // the latest period that is being entered or reviewed
	Appeals  AppealCounts       `json:"appeals"`
	Measures []measure.Progress `json:"measures"` // the seven, in their order
	// by state; a state without any is left out. branch_ended: proposed or confirmed ones whose branch is no more
	Targets map[target.State]int64 `json:"targets"`
	Plans   map[plan.State]int64   `json:"plans"` // likewise
	// open tasks whose branch is no more: they count in no measure
	TasksEnded int64 `json:"tasks_of_ended_branches"`
	// of plans, likewise: what came back is open, though its plan be closed
	Items    map[plan.ItemState]int64     `json:"items"`
	Problems map[visit.ProblemState]int64 `json:"problems"` // likewise
	Overdue  report.Undone                `json:"overdue"`
	Rights   int64                        `json:"rights_waiting"` // new rights to decide that somebody must acknowledge
}

// Filling is how far the sheets of a period are.
type Filling struct {
	Period      string        `json:"period" example:"2023Q3"`
	State       string        `json:"state" enums:"open,review"`
	EntryUntil  *day.Date     `json:"entry_until,omitempty" swaggertype:"string" format:"date"`
	ReviewUntil *day.Date     `json:"review_until,omitempty" swaggertype:"string" format:"date"`
	Sheets      review.Counts `json:"sheets"`
}

// AppealCounts are appeals against any period, by what became of them.
type AppealCounts struct {
	Filed    int64 `json:"filed"` // waiting for an answer
	Upheld   int64 `json:"upheld"`
	Rejected int64 `json:"rejected"`
}

// Find gathers the screen around the result of a period (nil where nothing is
// published), from one state of the database. It takes a constant number of statements.
func Find(
	ctx context.Context, db *gorm.DB, townID, language string, result *Overview,
) (_ Dashboard, err error) {
	defer fault.Wrap(&err, "dashboard of %s", townID)
	d := Dashboard{Town: townID, Result: result}
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error { return d.gather(ctx, tx, language) })
	return d, err
}

func (d *Dashboard) gather(ctx context.Context, db *gorm.DB, language string) error {
	today, all := day.Of(db.NowFunc()), access.Reach{All: true}
	if err := d.entry(ctx, db); err != nil {
		return err
	}
	if err := d.nameClasses(ctx, db, language); err != nil {
		return err
	}
	appeals, err := database.CountStates[index.AppealState](db.WithContext(ctx).Model(&index.Appeal{}).
		Where("town_id = ?", d.Town))
	if err != nil {
		return err
	}
	d.Appeals = AppealCounts{Filed: appeals[index.Filed], Upheld: appeals[index.Upheld], Rejected: appeals[index.Rejected]}
	if d.Rights, err = credential.CountRights(ctx, db, d.Town); err != nil {
		return err
	}
	if d.Targets, err = target.Count(ctx, db, d.Town, all); err != nil {
		return err
	}
	if d.Plans, err = plan.Count(ctx, db, d.Town, all); err != nil {
		return err
	}
	if d.Items, err = plan.CountItems(ctx, db, d.Town, all); err != nil {
		return err
	}
	if d.Problems, err = visit.CountProblems(ctx, db, d.Town, all); err != nil {
		return err
	}
	overdue := report.OverdueQuery{Reach: all, Today: today, Language: language}
	if d.Overdue, err = report.OverdueWork(ctx, db, d.Town, overdue); err != nil {
		return err
	}
	if d.TasksEnded, err = measure.CountEnded(ctx, db, d.Town, today); err != nil {
		return err
	}
	d.Measures, err = measure.ListProgress(ctx, db, d.Town, today)
	return err
}

// nameClasses sets the names of the classes of the result.
func (d *Dashboard) nameClasses(ctx context.Context, db *gorm.DB, language string) error {
	if d.Result == nil {
		return nil
	}
	classes, err := town.ListClasses(ctx, db, d.Town)
	for _, c := range classes {
		for i := range d.Result.Classes {
			if d.Result.Classes[i].Class == c.Code {
				d.Result.Classes[i].Name = c.Name.In(language)
			}
		}
	}
	return err
}

// entry finds the latest period whose sheets are still being worked on.
func (d *Dashboard) entry(ctx context.Context, db *gorm.DB) error {
	var periods []evaluation.Period
	err := db.WithContext(ctx).Where("town_id = ? AND state IN ?", d.Town, []evaluation.PeriodState{
		evaluation.Open, evaluation.Review,
	}).
		Order("starts_on DESC, code").Limit(1).Find(&periods).Error
	if err != nil || len(periods) == 0 {
		return err
	}
	p := periods[0]
	c, err := review.FindCompleteness(ctx, db, d.Town, review.CompletenessQuery{Period: p.Code, By: "branch"})
	if err == nil {
		d.Entry = &Filling{
			Period: p.Code, State: string(p.State), EntryUntil: p.EntryUntil, ReviewUntil: p.ReviewUntil,
			Sheets: *c.Totals,
		}
	}
	return err
}
