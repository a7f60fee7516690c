package improve

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/town"
)

// reportSpan is what a report is about.
type reportSpan struct {
	town, author string
	from, until  day.Date
	pairings     []people.Assignment
}

// pair finds the pairings of the author that hold on any of the days. None outlasts
// its branch.
func (s *reportSpan) pair(ctx context.Context, db *gorm.DB) error {
	all, err := people.ListAssignments(ctx, db, s.town, people.AssignmentFilter{On: s.until, Since: s.from, Person: s.author, Duty: access.Instructs})
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
// span has begun by then; what comes after it is not asked for.
func (s reportSpan) paired(branch string, on day.Date) bool {
	return on >= s.from && slices.ContainsFunc(s.pairings, func(a people.Assignment) bool {
		return a.BranchCode == branch && a.ValidFrom <= on && (a.ValidUntil == nil || *a.ValidUntil >= on)
	})
}

// args are what the queries of figures are about; begin and end are instants.
func (s reportSpan) args(branches []string) map[string]any {
	return map[string]any{
		"town": s.town, "me": s.author, "branches": append(slices.Clone(branches), ""), "until": s.until,
		"begin": s.from.Start().UTC(), "end": s.until.AddDays(1).Start().UTC(),
	}
}

// figuresOf works out the figures of a span, by a constant number of statements.
func figuresOf(ctx context.Context, db *gorm.DB, townID, author string, from, until day.Date) (*ReportFigures, error) {
	s := reportSpan{town: townID, author: author, from: from, until: until}
	settings, err := FindSettings(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	if err := s.pair(ctx, db); err != nil {
		return nil, err
	}
	none := func() Figure { return Figure{IDs: []string{}} }
	f := &ReportFigures{
		Branches: []string{}, VisitsMade: none(), VisitsMissed: MissedVisits{Visits: []MissedVisit{}},
		ProblemsOpened: none(), ProblemsSolved: none(), ProblemsOverdue: none(), TasksProgressed: none(), ItemsVerified: none(),
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
