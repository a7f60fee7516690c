package demo

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/improve/report"
)

// reportOn enters a report of the instructor of the n-th branch on a span of days, worded
// from the figures of the log, and its receipt by the leading group.
func reportOn(ctx context.Context, tx *gorm.DB, n int, from, until day.Date) error {
	instructor := as(ctx, turn("instructor", n, instructors), access.Instructor)
	f, err := report.DraftFigures(instructor, tx, Town, from, until)
	if err != nil {
		return err
	}
	r, err := report.Begin(instructor, tx, Town, from, until, report.Words{
		Progress: fmt.Sprintf("invented: %d visits made, %d problems solved, %d items of plans verified",
			f.VisitsMade.Count, f.ProblemsSolved.Count, f.ItemsVerified.Count),
		Next: "invented: visit the branches that were not reached in time",
	})
	if err != nil {
		return err
	}
	if r, err = report.Move(instructor, tx, r.Ref(), report.Submitted, ""); err != nil {
		return err
	}
	_, err = report.Move(as(ctx, "group-1", access.LeadingGroup), tx, r.Ref(), report.Received,
		"invented: begin with the branches of the plan")
	return err
}
