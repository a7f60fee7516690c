// Package report holds what the leading group is told: duties past their day, reminders,
// progress reports, and whether help had an effect.
package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"bulwark/internal/fault"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/improve"
	"bulwark/internal/improve/measure"
	"bulwark/internal/improve/plan"
	"bulwark/internal/improve/target"
	"bulwark/internal/improve/visit"
	"bulwark/internal/review"
	"bulwark/internal/town"
)

// DutyKind names what must be done by a day.
type DutyKind string

// The kinds of duty.
const (
	VisitDuty    DutyKind = "visit"    // of the instructor to each branch that he or she is paired with
	ProblemDuty  DutyKind = "problem"  // of the owner, until it is solved
	ReportDuty   DutyKind = "report"   // of each instructor to the leading group
	TaskDuty     DutyKind = "task"     // of who is responsible for it, until it is done
	PlanDuty     DutyKind = "plan"     // of the secretary of a confirmed target, until its plan is approved
	AnalysisDuty DutyKind = "analysis" // of the mentors of a confirmed target, until one has submitted it
	ItemDuty     DutyKind = "item"     // of the owner of a plan's item, until it is reported done
	SheetDuty    DutyKind = "sheet"    // of an evaluator: all sheets of a period that are not submitted for the first time
	ReturnedDuty DutyKind = "returned" // of an evaluator: to correct a returned sheet and submit it again
)

// Duty is something that somebody must do by a day.
type Duty struct {
	Kind    DutyKind
	Subject string // its address below the town
	Branch  string // empty where it is about none
	Person  *string
	Office  *string
	DueOn   day.Date // the last day in time
}

// DueWork is a duty as the dashboard shows it.
type DueWork struct {
	Kind    DutyKind        `json:"kind" swaggertype:"string" enums:"visit,problem,report,task,analysis,plan,item,sheet,returned"`
	Subject string          `json:"subject" example:"assignments/0190…"`     // its address below the town
	Branch  *town.BranchRef `json:"branch,omitempty"`                        // absent where it is about none
	Person  *string         `json:"person,omitempty" example:"instructor-1"` // whose it is, or an office's
	Office  *string         `json:"office,omitempty" example:"agriculture"`
	DueOn   day.Date        `json:"due_on" swaggertype:"string" format:"date"` // the last day in time
} // @name WorkDue

func (d Duty) shown(refs town.BranchRefs) DueWork {
	w := DueWork{Kind: d.Kind, Subject: d.Subject, Person: d.Person, Office: d.Office, DueOn: d.DueOn}
	if d.Branch != "" {
		w.Branch = new(refs.Of(d.Branch))
	}
	return w
}

// about is the branch as a reminder names it.
func (d Duty) about() *string {
	if d.Branch == "" {
		return nil
	}
	return &d.Branch
}

// dutiesOf returns all that is to be done in the town as it is today, by a constant
// number of statements, in the order of due days. A branch that has ended has
// no duties any more.
func dutiesOf(ctx context.Context, db *gorm.DB, townID string, today day.Date) (improve.Settings, []Duty, error) {
	stored, err := improve.FindSettings(ctx, db, townID)
	if err != nil {
		return improve.Settings{}, nil, err
	}
	settings := stored.Document.V
	var all []Duty
	for _, of := range []func(context.Context, *gorm.DB, string, improve.Settings, day.Date) ([]Duty, error){
		visitDuties, problemDuties, reportDuties, taskDuties, analysisDuties, planDuties, itemDuties, sheetDuties,
	} {
		some, err := of(ctx, db, townID, settings, today)
		if err != nil {
			return settings, nil, err
		}
		all = append(all, some...)
	}
	ended, err := town.EndedOn(ctx, db, townID)
	if err != nil {
		return settings, nil, err
	}
	all = slices.DeleteFunc(all, func(d Duty) bool {
		on, ends := ended[d.Branch]
		return ends && on <= today
	})
	slices.SortFunc(all, func(a, b Duty) int {
		return cmp.Or(cmp.Compare(a.DueOn, b.DueOn), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return settings, all, nil
}

// visitDuties returns the next visits of all pairings of today, counted from the last
// recorded visit of the instructor in the pairing, or else from the day on which its duties begin.
func visitDuties(ctx context.Context, db *gorm.DB, townID string, s improve.Settings, today day.Date) ([]Duty, error) {
	var pairings []struct {
		ID, BranchCode, PersonCode string
		ValidFrom                  day.Date
		DutiesFrom                 *day.Date
		VisitedOn                  *day.Date
	}
	err := db.WithContext(ctx).Raw(`SELECT a.id, a.branch_code, a.person_code, a.valid_from, a.duties_from, v.visited_on
FROM assignments a LEFT JOIN visits v ON v.town_id = a.town_id AND v.id = (SELECT w.id FROM visits w
	WHERE w.town_id = a.town_id AND w.branch_code = a.branch_code AND w.visited_by = a.person_code AND w.state = 'recorded'
	AND w.visited_on >= a.valid_from ORDER BY w.visited_on DESC LIMIT 1)
WHERE a.town_id = @town AND a.duty = @duty AND a.valid_from <= @today AND (a.valid_until IS NULL OR a.valid_until >= @today)
	AND a.cancelled_at IS NULL`,
		map[string]any{"town": townID, "duty": access.Instructs, "today": today}).Scan(&pairings).Error
	duties := make([]Duty, len(pairings))
	for i, p := range pairings {
		since := cmp.Or(deref(p.DutiesFrom), p.ValidFrom)
		if p.VisitedOn != nil {
			since = max(since, *p.VisitedOn)
		}
		duties[i] = Duty{
			VisitDuty, "assignments/" + p.ID, p.BranchCode, &p.PersonCode, nil, s.DueAfterDays(since, s.VisitEvery),
		}
	}
	return duties, err
}

// problemDuties returns the problems that are not solved.
func problemDuties(ctx context.Context, db *gorm.DB, townID string, _ improve.Settings, _ day.Date) ([]Duty, error) {
	var problems []visit.Problem
	err := db.WithContext(ctx).Where("town_id = ? AND state IN ?", townID, visit.Unsolved).Find(&problems).Error
	duties := make([]Duty, len(problems))
	for i, x := range problems {
		duties[i] = Duty{ProblemDuty, "problems/" + x.ID, x.BranchCode, x.OwnerPerson, x.OwnerOffice, x.DueOn}
	}
	return duties, err
}

// overdueShown is how many items OverdueWork names.
const overdueShown = 10

// Undone is the work that is past its day.
type Undone struct {
	Counts map[DutyKind]int `json:"counts"` // by kind; a kind without any is left out
	First  []DueWork        `json:"first"`  // those that are due longest, at most ten
}

// OverdueQuery is a question about branches, on a day and in a language.
type OverdueQuery struct {
	Reach    access.Reach
	Today    day.Date
	Language string // of the names
}

// OverdueWork returns what is past its day in the branches in reach, and what is about
// no branch where the reach is everything, by a constant number of statements. Each duty
// names whose it is: leave that out for who may not read people.
func OverdueWork(ctx context.Context, db *gorm.DB, townID string, q OverdueQuery) (_ Undone, err error) {
	defer fault.Wrap(&err, "overdue work of %s", townID)
	u := Undone{Counts: map[DutyKind]int{}, First: []DueWork{}}
	_, duties, err := dutiesOf(ctx, db, townID, q.Today)
	if err != nil {
		return u, err
	}
	refs, err := town.ListBranchRefs(ctx, db, townID, q.Today, q.Language)
	for _, d := range duties {
		if !q.Reach.Has(d.Branch) || !improve.Overdue(d.DueOn, q.Today) {
			continue
		}
		u.Counts[d.Kind]++
		if len(u.First) < overdueShown {
			u.First = append(u.First, d.shown(refs))
		}
	}
	return u, err
}

func deref[T ~string](s *T) T {
	if s == nil {
		return ""
	}
	return *s
}

// reportDuties returns the next reports of all who instruct today, counted from the last
// day of the last report that was submitted, or else from the day on which the duties of the
// earliest pairing that still holds began, with a branch that has not ended.
func reportDuties(ctx context.Context, db *gorm.DB, townID string, s improve.Settings, today day.Date) ([]Duty, error) {
	var pairings []struct {
		PersonCode string
		ValidFrom  day.Date
		DutiesFrom *day.Date
		UntilOn    *day.Date
	}
	err := db.WithContext(ctx).Raw(`SELECT a.person_code, a.valid_from, a.duties_from, r.until_on
FROM assignments a LEFT JOIN reports r ON r.town_id = a.town_id AND r.id = (SELECT q.id FROM reports q
	WHERE q.town_id = a.town_id AND q.author_code = a.person_code AND q.state <> 'draft' ORDER BY q.until_on DESC LIMIT 1)
WHERE a.town_id = @town AND a.duty = @duty AND a.valid_from <= @today AND (a.valid_until IS NULL OR a.valid_until >= @today)
	AND a.cancelled_at IS NULL
	AND NOT EXISTS (SELECT 1 FROM branches b WHERE b.town_id = a.town_id AND b.code = a.branch_code AND b.closed_on <= @today)
ORDER BY a.person_code, COALESCE(a.duties_from, a.valid_from)`, map[string]any{"town": townID, "duty": access.Instructs, "today": today}).Scan(&pairings).Error
	var duties []Duty
	for i, p := range pairings {
		if i > 0 && pairings[i-1].PersonCode == p.PersonCode {
			continue
		}
		since := cmp.Or(deref(p.DutiesFrom), p.ValidFrom)
		if p.UntilOn != nil {
			since = max(since, *p.UntilOn)
		}
		duties = append(duties, Duty{
			ReportDuty, "people/" + p.PersonCode, "", &p.PersonCode, nil, s.DueAfterDays(since, s.ReportEvery),
		})
	}
	return duties, err
}

// taskDuties returns the tasks of measures that are not done.
func taskDuties(ctx context.Context, db *gorm.DB, townID string, _ improve.Settings, _ day.Date) ([]Duty, error) {
	var tasks []measure.Task
	err := db.WithContext(ctx).Where("town_id = ? AND state = ?", townID, measure.TaskOpen).Find(&tasks).Error
	duties := make([]Duty, len(tasks))
	for i, t := range tasks {
		subject := fmt.Sprintf("measures/%d/tasks/%s", t.MeasureNumber, t.ID)
		duties[i] = Duty{TaskDuty, subject, deref(t.BranchCode), t.PersonCode, t.OfficeCode, t.DueOn}
	}
	return duties, err
}

// analysisDuties returns the analyses of confirmed targets, until a mentor has submitted
// one of the result that named the target, or any since the confirmation. It is the duty of
// each mentor of the branch, or of nobody where there is none.
func analysisDuties(
	ctx context.Context, db *gorm.DB, townID string, s improve.Settings, today day.Date,
) ([]Duty, error) {
	var wanted []struct {
		TargetID, BranchCode string
		FromOn               day.Date
		AssignmentID         *string
		PersonCode           *string
	}
	err := db.WithContext(ctx).Raw(
		`SELECT t.id AS target_id, t.branch_code, t.from_on, a.id AS assignment_id, a.person_code
FROM improvement_targets t LEFT JOIN assignments a ON a.town_id = t.town_id AND a.branch_code = t.branch_code AND a.duty = @duty
	AND a.valid_from <= @today AND (a.valid_until IS NULL OR a.valid_until >= @today)
	AND a.cancelled_at IS NULL
WHERE t.town_id = @town AND t.state = 'confirmed' AND NOT EXISTS (SELECT 1 FROM analyses x
	WHERE x.town_id = t.town_id AND x.branch_code = t.branch_code AND x.state = 'submitted'
	AND (x.submitted_at >= t.decided_at OR x.period_code = t.period_code AND x.publication_number = t.publication_number))`,
		map[string]any{"town": townID, "duty": access.Mentors, "today": today}).Scan(&wanted).Error
	duties := make([]Duty, len(wanted))
	for i, w := range wanted {
		subject := "targets/" + w.TargetID
		if w.AssignmentID != nil {
			subject = "assignments/" + *w.AssignmentID
		}
		duties[i] = Duty{AnalysisDuty, subject, w.BranchCode, w.PersonCode, nil, s.DueAfterWorkdays(w.FromOn, s.AnalyseIn)}
	}
	return duties, err
}

// planDuties returns the plans of confirmed targets, until one of the branch is approved
// that was not abandoned. Those are of the branch: they name neither person nor
// office.
func planDuties(ctx context.Context, db *gorm.DB, townID string, s improve.Settings, _ day.Date) ([]Duty, error) {
	var wanted []target.Target
	err := db.WithContext(ctx).Raw(`SELECT t.* FROM improvement_targets t WHERE t.town_id = @town AND t.state = @confirmed
AND NOT EXISTS (SELECT 1 FROM plans p WHERE p.town_id = t.town_id AND p.branch_code = t.branch_code AND p.approved_version IS NOT NULL
	AND (p.state <> @closed OR p.target_id = t.id AND NOT EXISTS (
		SELECT 1 FROM transitions m WHERE m.town_id = p.town_id AND m.kind = 'plan' AND m.record_id = p.id AND m.verb = 'abandon')))`,
		map[string]any{"town": townID, "confirmed": target.Confirmed, "closed": plan.Closed}).Scan(&wanted).Error
	duties := make([]Duty, len(wanted))
	for i, t := range wanted {
		duties[i] = Duty{PlanDuty, "targets/" + t.ID, t.BranchCode, nil, nil, s.DueAfterWorkdays(*t.FromOn, s.PlanIn)}
	}
	return duties, err
}

// itemDuties returns the items of plans that are not reported done. Those of a branch
// name neither person nor office.
func itemDuties(ctx context.Context, db *gorm.DB, townID string, _ improve.Settings, _ day.Date) ([]Duty, error) {
	var items []plan.Item
	err := db.WithContext(ctx).Where(`town_id = ? AND state IN ? AND (relapses > 0 OR plan_id IN
	(SELECT id FROM plans WHERE town_id = ? AND state IN ?))`,
		townID, []plan.ItemState{plan.ItemOpen, plan.ItemReturned}, townID,
		[]plan.State{plan.Approved, plan.Running, plan.Returned}).Find(&items).Error
	duties := make([]Duty, len(items))
	for i, x := range items {
		duties[i] = Duty{ItemDuty, "plans/" + x.PlanID + "/items/" + x.ID, x.BranchCode, nil, nil, x.DueOn}
		switch x.Owner.Kind {
		case "person":
			duties[i].Person = &x.Owner.Code
		case "office":
			duties[i].Office = &x.Owner.Code
		}
	}
	return duties, err
}

// sheetDuties returns what evaluators have still to submit where there is a day for it: of
// one person and period one duty for all sheets that are missing or drafts, and one for each
// that was returned.
func sheetDuties(ctx context.Context, db *gorm.DB, townID string, _ improve.Settings, _ day.Date) ([]Duty, error) {
	list, err := review.ListUnsubmitted(ctx, db, townID)
	var duties []Duty
	for _, u := range list {
		if u.DueOn == nil {
			continue
		}
		d := Duty{
			SheetDuty, "periods/" + u.Period.Code + "/entry#" + u.Sheet.EvaluatorCode, "", &u.Sheet.EvaluatorCode, nil, *u.DueOn,
		}
		if u.Sheet.State == evaluation.Returned {
			d.Kind, d.Subject, d.Branch = ReturnedDuty, "evaluations/"+u.Sheet.ID, u.Sheet.BranchCode
		}
		same := func(x Duty) bool { return x.Kind == d.Kind && x.Subject == d.Subject && x.DueOn == d.DueOn }
		if !slices.ContainsFunc(duties, same) {
			duties = append(duties, d)
		}
	}
	return duties, err
}
