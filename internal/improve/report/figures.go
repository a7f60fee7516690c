package report

import (
	"context"
	"database/sql/driver"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/improve"
	"bulwark/internal/people"
	"bulwark/internal/town"
)

// Figures are what the log holds of the work of an instructor in a span of
// days, on the branches with which he or she was paired on the day in question.
type Figures struct {
	Branches        []string     `json:"branches" example:"b07"` // with which the author was paired on any of the days
	VisitsMade      Figure       `json:"visits_made"`            // recorded ones of the author
	VisitsMissed    MissedVisits `json:"visits_missed"`
	ProblemsOpened  Figure       `json:"problems_opened"`
	ProblemsSolved  Figure       `json:"problems_solved"`
	ProblemsOverdue Figure       `json:"problems_overdue"` // at the end of the last day
	TasksProgressed Figure       `json:"tasks_progressed"` // tasks with a report on them, of the branches or of the author
	ItemsVerified   Figure       `json:"items_verified"`   // items of plans
} // @name ReportFigures

// Figure is a count with what was counted.
type Figure struct {
	Count int      `json:"count"`
	IDs   []string `json:"ids" format:"uuid"`
}

// MissedVisits are the visits that were not made in time. One counts on the day
// after its due day, so that it is in one report.
type MissedVisits struct {
	Count  int           `json:"count"`
	Visits []MissedVisit `json:"visits"`
}

// MissedVisit is a visit to a branch that was not made until its due day.
type MissedVisit struct {
	Assignment string   `json:"assignment" format:"uuid"` // the pairing that asks for it
	Branch     string   `json:"branch" example:"b07"`     // its code: a report is a record, in no language
	DueOn      day.Date `json:"due_on" swaggertype:"string" format:"date"`
}

// plainFigures are figures without the methods of a column.
type plainFigures Figures

// Value stores the figures.
func (f Figures) Value() (driver.Value, error) {
	return database.JSON[plainFigures]{V: plainFigures(f)}.Value()
}

// Scan reads what Value has stored.
func (f *Figures) Scan(src any) error { return database.ScanJSON(src, (*plainFigures)(f)) }

// GormDataType is the column type on both databases.
func (Figures) GormDataType() string { return "text" }

// add counts the thing once.
func (f *Figure) add(id string) {
	if !slices.Contains(f.IDs, id) {
		f.Count, f.IDs = f.Count+1, append(f.IDs, id)
	}
}

// reportSpan is what a report is about.
type reportSpan struct {
	town, author string
	from, until  day.Date
	pairings     []people.Assignment
}

// pair sets the pairings of the author that hold on any of the days. None outlasts
// its branch.
func (s *reportSpan) pair(ctx context.Context, db *gorm.DB) error {
	all, err := people.ListAssignments(ctx, db, s.town,
		people.AssignmentFilter{On: s.until, Since: s.from, Person: s.author, Duty: access.Instructs})
	if err != nil {
		return err
	}
	ended, err := town.EndedOn(ctx, db, s.town)
	for _, a := range all {
		if on, ends := ended[a.BranchCode]; ends && (a.ValidUntil == nil || *a.ValidUntil >= on) {
			last := on.AddDays(-1)
			a.ValidUntil = &last
		}
		if a.ValidUntil == nil || *a.ValidUntil >= s.from {
			s.pairings = append(s.pairings, a)
		}
	}
	return err
}

// paired reports whether the author was paired with the branch on the day, and the
// span has begun by then. No query asks for what comes after it.
func (s reportSpan) paired(branch string, on day.Date) bool {
	return on >= s.from && slices.ContainsFunc(s.pairings, func(a people.Assignment) bool {
		return a.BranchCode == branch && a.ValidFrom <= on && (a.ValidUntil == nil || *a.ValidUntil >= on)
	})
}

// args returns what the queries of figures are about; begin and end are instants.
func (s reportSpan) args(branches []string) map[string]any {
	return map[string]any{
		"town": s.town, "me": s.author, "branches": append(slices.Clone(branches), ""), "until": s.until,
		"begin": s.from.Start().UTC(), "end": s.until.AddDays(1).Start().UTC(),
	}
}

// figuresOf returns the figures of a span, by a constant number of statements.
func figuresOf(ctx context.Context, db *gorm.DB, townID, author string, from, until day.Date) (*Figures, error) {
	s := reportSpan{town: townID, author: author, from: from, until: until}
	settings, err := improve.FindSettings(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	if err := s.pair(ctx, db); err != nil {
		return nil, err
	}
	none := func() Figure { return Figure{IDs: []string{}} }
	f := &Figures{
		Branches: []string{}, VisitsMade: none(), VisitsMissed: MissedVisits{Visits: []MissedVisit{}},
		ProblemsOpened: none(), ProblemsSolved: none(), ProblemsOverdue: none(), TasksProgressed: none(),
		ItemsVerified: none(),
	}
	for _, a := range s.pairings {
		f.Branches = append(f.Branches, a.BranchCode)
	}
	slices.Sort(f.Branches)
	f.Branches = slices.Compact(f.Branches)
	if err := f.countVisits(ctx, db, s, settings.Document.V); err != nil {
		return nil, err
	}
	if err := f.countProblems(ctx, db, s); err != nil {
		return nil, err
	}
	if err := f.countTasks(ctx, db, s); err != nil {
		return nil, err
	}
	return f, f.countItems(ctx, db, s)
}

// countVisits counts the visits of the author, and the due days on which there was none.
func (f *Figures) countVisits(ctx context.Context, db *gorm.DB, s reportSpan, settings improve.Settings) error {
	var visits []struct {
		ID, BranchCode string
		VisitedOn      day.Date
	}
	err := db.WithContext(ctx).Raw(`SELECT id, branch_code, visited_on FROM visits
WHERE town_id = @town AND visited_by = @me AND state = 'recorded' AND branch_code IN @branches AND visited_on <= @until
ORDER BY visited_on, id`, s.args(f.Branches)).Scan(&visits).Error
	if err != nil {
		return err
	}
	made := map[string][]day.Date{}
	for _, v := range visits {
		made[v.BranchCode] = append(made[v.BranchCode], v.VisitedOn)
		if s.paired(v.BranchCode, v.VisitedOn) {
			f.VisitsMade.add(v.ID)
		}
	}
	for _, a := range s.pairings {
		last := s.until
		if a.ValidUntil != nil {
			last = min(last, a.ValidUntil.AddDays(1))
		}
		for _, due := range missed(settings, a.ValidFrom, made[a.BranchCode], last) {
			if due.AddDays(1) >= s.from {
				f.VisitsMissed.Visits = append(f.VisitsMissed.Visits, MissedVisit{a.ID, a.BranchCode, due})
				f.VisitsMissed.Count++
			}
		}
	}
	return nil
}

// missed returns the due days before the last day until which no visit was made,
// counted from the first day of a pairing, the last visit or the due day that was
// missed before. The days of visits come in their order.
func missed(s improve.Settings, first day.Date, visits []day.Date, last day.Date) (days []day.Date) {
	for since := first; ; {
		due := s.DueAfterDays(since, s.VisitEvery)
		for len(visits) > 0 && visits[0] <= since {
			visits = visits[1:]
		}
		switch {
		case len(visits) > 0 && visits[0] <= due:
			since = visits[0]
		case due >= last:
			return days
		default:
			days = append(days, due)
			since = due
		}
	}
}

// countProblems counts the problems by their steps until the end of the span: a report
// about the past shows the state of that time.
func (f *Figures) countProblems(ctx context.Context, db *gorm.DB, s reportSpan) error {
	var moves []struct {
		ProblemID, Verb, BranchCode string
		At                          time.Time
		Extra                       database.JSON[struct {
			DueOn day.Date `json:"due_on"`
		}]
	}
	err := db.WithContext(ctx).Raw(`SELECT p.id AS problem_id, m.verb, p.branch_code, m.at, m.extra
FROM transitions m JOIN problems p ON p.town_id = m.town_id AND p.id = m.record_id
WHERE m.town_id = @town AND m.kind = 'problem' AND p.branch_code IN @branches AND m.at < @end
ORDER BY m.record_id, m.version`, s.args(f.Branches)).Scan(&moves).Error
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
		if latest && m.Verb != "solve" && m.Verb != "close" && improve.Overdue(m.Extra.V.DueOn, s.until) &&
			s.paired(m.BranchCode, s.until) {
			f.ProblemsOverdue.add(m.ProblemID)
		}
	}
	return err
}

// countTasks counts the tasks on whose progress somebody reported in the span.
func (f *Figures) countTasks(ctx context.Context, db *gorm.DB, s reportSpan) error {
	var notes []struct {
		TaskID     string
		BranchCode *string
		PersonCode *string
		At         time.Time
	}
	err := db.WithContext(ctx).Raw(`SELECT t.id AS task_id, t.branch_code, t.person_code, m.at
FROM transitions m JOIN measure_tasks t ON t.town_id = m.town_id AND t.id = m.record_id
WHERE m.town_id = @town AND m.kind = 'task' AND (t.branch_code IN @branches OR t.person_code = @me)
	AND m.verb IN ('report', 'finish') AND m.at >= @begin AND m.at < @end
ORDER BY m.record_id, m.version`, s.args(f.Branches)).Scan(&notes).Error
	for _, n := range notes {
		if deref(n.PersonCode) == s.author || s.paired(deref(n.BranchCode), day.Of(n.At)) {
			f.TasksProgressed.add(n.TaskID)
		}
	}
	return err
}

// countItems counts the items of plans that were verified in the span.
func (f *Figures) countItems(ctx context.Context, db *gorm.DB, s reportSpan) error {
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
