package api

import (
	"context"

	"bulwark/internal/improve/report"
	"bulwark/internal/rest"
)

type listRemindersRequest struct {
	townRequest
	rest.Localized
	Since    int64 `form:"since" validate:"min=0"` // only what changed after this number: next of the answer before
	PageSize int   `form:"page_size" default:"50" validate:"min=1,max=200"`
}

// listReminders returns what changed about the caller's reminders since a number:
// those made, and those withdrawn because their cause is gone.
//
//	@Summary	Read the feed of reminders
func (s *Server) listReminders(ctx context.Context, req listRemindersRequest) (report.Feed, error) {
	q := report.FeedQuery{Since: req.Since, Limit: req.PageSize, Language: string(req.Language)}
	return report.ListReminders(ctx, s.db(ctx), req.Town, q)
}

type reminderRequest struct {
	rest.Localized
	Town     string `uri:"town"`
	Reminder string `uri:"reminder"`
}

// acknowledgeReminder notes that the caller has seen a reminder. It stays in the
// feed, and others are told as before.
//
//	@Summary	Acknowledge a reminder
func (s *Server) acknowledgeReminder(ctx context.Context, req reminderRequest) (report.Reminder, error) {
	return report.Acknowledge(ctx, s.db(ctx), req.Town, req.Reminder, string(req.Language))
}
