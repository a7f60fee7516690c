package improve

import (
	"database/sql/driver"
	"slices"

	"bulwark/internal/database"
	"bulwark/internal/day"
)

// ReportFigures are what the log tells of the work of an instructor in a span of
// days, on the branches with which he or she was paired on the day in question.
type ReportFigures struct {
	Branches        []string     `json:"branches" example:"b07"` // with which the author was paired on any of the days
	VisitsMade      Figure       `json:"visits_made"`            // recorded ones of the author
	VisitsMissed    MissedVisits `json:"visits_missed"`
	ProblemsOpened  Figure       `json:"problems_opened"`
	ProblemsSolved  Figure       `json:"problems_solved"`
	ProblemsOverdue Figure       `json:"problems_overdue"` // at the end of the last day
	TasksProgressed Figure       `json:"tasks_progressed"` // tasks with a report on them, of the branches or of the author
	ItemsVerified   Figure       `json:"items_verified"`   // items of plans
}

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
	Branch     string   `json:"branch" example:"b07"`
	DueOn      day.Date `json:"due_on" swaggertype:"string" format:"date"`
}

// plainFigures are figures without the methods of a column.
type plainFigures ReportFigures

// Value stores the figures.
func (f ReportFigures) Value() (driver.Value, error) {
	return database.JSON[plainFigures]{V: plainFigures(f)}.Value()
}

// Scan reads what Value has stored.
func (f *ReportFigures) Scan(src any) error { return database.ScanJSON(src, (*plainFigures)(f)) }

// GormDataType is the column type on both databases.
func (ReportFigures) GormDataType() string { return "text" }

// add counts the thing once.
func (f *Figure) add(id string) {
	if !slices.Contains(f.IDs, id) {
		f.Count, f.IDs = f.Count+1, append(f.IDs, id)
	}
}
