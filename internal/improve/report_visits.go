package improve

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/day"
)

// countVisits counts the visits of the author, and the due days on which there was none.
func (f *ReportFigures) countVisits(ctx context.Context, db *gorm.DB, s reportSpan, settings Settings) error {
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
		for _, due := range settings.missed(a.ValidFrom, made[a.BranchCode], last) {
			if due.AddDays(1) >= s.from {
				f.VisitsMissed.Visits = append(f.VisitsMissed.Visits, MissedVisit{a.ID, a.BranchCode, due})
				f.VisitsMissed.Count++
			}
		}
	}
	return nil
}

// missed gives the due days before the last day until which no visit was made,
// counted from the first day of a pairing, the last visit or the due day that was
// missed before. The days of visits come in their order.
func (s Settings) missed(first day.Date, visits []day.Date, last day.Date) (days []day.Date) {
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
