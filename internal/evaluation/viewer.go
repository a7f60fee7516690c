package evaluation

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/people"
)

// viewer is a caller with all that says what he or she sees and does with sheets
// today.
type viewer struct {
	people.Principal
	town    string
	today   day.Date
	reach   people.Reach        // branches whose sheets the caller reads; writing reaches as far
	led     map[string]bool     // branches about which the caller neither writes nor decides
	granted []Exception         // in force today
	ended   map[string]day.Date // branches that end, and when: known where verbs are told
}

// viewerOf reads what the caller of ctx may see and do in the town.
func viewerOf(ctx context.Context, db *gorm.DB, townID string) (viewer, error) {
	v := viewer{Principal: people.Caller(ctx), town: townID, today: day.Of(db.NowFunc())}
	var err error
	if v.reach, err = people.ReachOf(ctx, db, v.Principal, people.ReadSheets, townID, v.today); err != nil {
		return v, err
	}
	if v.led, err = ledBy(ctx, db, townID); err != nil {
		return v, err
	}
	v.granted, err = inForce(ctx, db, townID, v.today)
	return v, err
}

// sighted narrows a query to the sheets that the caller may see. A draft is for
// its author alone. Of the sheets of others a secretary, who is judged by them,
// sees those approved, and only when the period is published; everyone else sees
// the sheets of the branches in reach.
func (v viewer) sighted(q *gorm.DB) *gorm.DB {
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
func (v viewer) judged() bool { return v.Role == people.Secretary }

func (v viewer) wrote(s Sheet) bool { return v.Person != "" && v.Person == s.EvaluatorCode }

// shown is the sheet as the caller sees it, with what he or she can do. Who is
// judged does not learn by whom.
func (v viewer) shown(s Sheet, period Period) Sheet {
	s.Allowed, s.Late = v.allowed(s, period), s.ExceptionID != nil
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

// allowed leaves out what the workflow would grant to the role but not to this
// person: another's sheet is not written, nor one's own when its branch is no more
// in reach; one's own is not decided on, nor any of a branch that he or she leads.
// What is entered about a branch that ended with the period can be sent, not changed.
func (v viewer) allowed(s Sheet, period Period) []string {
	verbs := []string{}
	if v.led[s.BranchCode] {
		return verbs
	}
	for _, verb := range sheetMoves.Allowed(v.Principal, s.State, s.stand(period, v.granted, v.today)) {
		if on, ok := v.ended[s.BranchCode]; verb == "write" && ok && on <= period.EndsOn {
			continue
		}
		deciding := verb == "approve" || verb == "return"
		if deciding != v.wrote(s) && (deciding || v.reach.Has(s.BranchCode)) {
			verbs = append(verbs, verb)
		}
	}
	return verbs
}
