package demo

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/improve"
)

// reportOn lets the instructor of the n-th branch report on a span of days, in words
// that the figures of the log give, and the leading group receive it.
func reportOn(ctx context.Context, tx *gorm.DB, n int, from, until day.Date) error {
	instructor := as(ctx, turn("instructor", n, instructors), access.Instructor)
	f, err := improve.DraftFigures(instructor, tx, Town, from, until)
	if err != nil {
		return err
	}
	r, err := improve.BeginReport(instructor, tx, Town, from, until, improve.ReportWords{
		Progress: fmt.Sprintf("invented: %d visits made, %d problems solved, %d items of plans verified", f.VisitsMade.Count, f.ProblemsSolved.Count, f.ItemsVerified.Count),
		Next:     "invented: visit the branches that were not reached in time",
	})
	if err != nil {
		return err
	}
	if r, err = improve.MoveReport(instructor, tx, Town, r.ID, r.Version, improve.ReportSubmitted, ""); err != nil {
		return err
	}
	_, err = improve.MoveReport(as(ctx, "group-1", access.LeadingGroup), tx, Town, r.ID, r.Version, improve.ReportReceived, "invented: begin with the branches of the plan")
	return err
}
