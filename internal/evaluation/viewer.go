package evaluation

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
)

// viewer is a caller with all that says what he or she sees and does with sheets
// today.
type viewer struct {
	access.Principal
	town    string
	today   day.Date
	reach   access.Reach    // branches whose sheets the caller reads; writing reaches as far
	led     map[string]bool // branches about which the caller neither writes nor decides
	granted []Exception     // in force today
}

// viewerOf reads what the caller of ctx may see and do in the town.
func viewerOf(ctx context.Context, db *gorm.DB, townID string) (viewer, error) {
	v := viewer{Principal: access.Caller(ctx), town: townID, today: day.Of(db.NowFunc())}
	var err error
	if v.reach, err = access.ReachOf(ctx, db, v.Principal, access.ReadSheets, townID, v.today); err != nil {
		return v, err
	}
	v.led, err = ledBy(ctx, db, townID)
	return v, err
}

// Visible narrows a query to the sheets that the caller may see. A draft is for
// its author alone. Of the sheets of others a secretary, who is judged by them,
// sees those approved, and only when the period is published; everyone else sees
// the sheets of the branches in reach.
func (v *sheetReader) Visible(q *gorm.DB) *gorm.DB {
	args := map[string]any{
		"town": v.town, "me": v.Person, "draft": Draft, "approved": Approved,
		"branches": append(v.reach.Codes(), ""), "public": []PeriodState{Published, Final},
	}
	switch {
	case v.judged():
		return q.Where(`(evaluator_code = @me OR state = @approved AND branch_code IN @branches AND period_code IN
			(SELECT code FROM periods WHERE town_id = @town AND state IN @public))`, args)
	case v.reach.All:
		return q.Where(`(evaluator_code = @me OR state <> @draft)`, args)
	}
	return q.Where(`(evaluator_code = @me OR state <> @draft AND branch_code IN @branches)`, args)
}

// judged reports whether the caller reads sheets as the one whom they judge.
func (v viewer) judged() bool { return v.Role == access.Secretary }

func (v viewer) wrote(s Sheet) bool { return v.Person != "" && v.Person == s.EvaluatorCode }

// Show is the sheet as the caller sees it, with what he or she can do. Who is
// judged does not learn by whom.
func (v *sheetReader) Show(s Sheet, allowed []string) Sheet {
	s.Allowed, s.Late = allowed, s.ExceptionID != nil
	if !v.judged() || v.wrote(s) {
		return s
	}
	history := make([]SheetMove, len(s.History))
	for i, m := range s.History {
		if m.Actor == s.EvaluatorCode {
			m.Actor = ""
		}
		history[i] = m
	}
	s.EvaluatorCode, s.History = "", history
	return s
}
