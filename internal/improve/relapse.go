package improve

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/day"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// fallen is a closed item whose indicator scores below the item's goal in a result
// that was first published after the closing.
type fallen struct {
	TownID, ID, PlanID, Indicator string
	Version                       int64
	PeriodCode                    string
	Number                        int64
	DueOn                         day.Date
	Score, ScoreGoal              float64
	Place                         int64 // of the period among those after the plan's own that were first published after the closing, from 1
}

// fallenItems finds them, in the order of the calendar: the indicator's score of each
// latest publication, for periods of the kind that the plan started from.
const fallenItems = `SELECT i.town_id, i.id, i.plan_id, i.indicator, i.version, i.due_on, q.code AS period_code, c.number, n.score, i.score_goal,
	(SELECT COUNT(*) FROM periods o JOIN publications f ON f.town_id = o.town_id AND f.period_code = o.code AND f.number = 1
	 WHERE o.town_id = i.town_id AND o.kind = q.kind AND o.starts_on > b.starts_on AND o.starts_on <= q.starts_on AND f.published_at > i.closed_at) AS place
FROM plan_items i
JOIN plans p ON p.town_id = i.town_id AND p.id = i.plan_id
JOIN periods b ON b.town_id = p.town_id AND b.code = p.period_code
JOIN periods q ON q.town_id = b.town_id AND q.kind = b.kind AND q.starts_on > b.starts_on
JOIN publications f ON f.town_id = q.town_id AND f.period_code = q.code AND f.number = 1 AND f.published_at > i.closed_at
JOIN publications c ON c.town_id = q.town_id AND c.period_code = q.code
	AND c.number = (SELECT MAX(m.number) FROM publications m WHERE m.town_id = q.town_id AND m.period_code = q.code)
JOIN result_nodes n ON n.town_id = c.town_id AND n.run_id = c.run_id AND n.branch_code = i.branch_code AND n.node_code = i.indicator
WHERE i.state = @closed AND n.score < i.score_goal - 0.000001
ORDER BY i.town_id, q.starts_on, i.id`

// ReopenRelapsed reopens each closed item whose indicator has fallen below the item's
// goal in one of the next periods published after the closing, as many as the
// settings of the town say (反弹). It reports how many it reopened; done again it
// finds nothing.
func ReopenRelapsed(ctx context.Context, db *gorm.DB) (int, error) {
	var list []fallen
	if err := db.WithContext(ctx).Raw(fallenItems, map[string]any{"closed": ItemClosed}).Scan(&list).Error; err != nil {
		return 0, err
	}
	var failed error
	done, seen := 0, map[[2]string]bool{}
	for _, f := range list {
		settings, err := FindSettings(ctx, db, f.TownID)
		if err != nil {
			return done, err
		}
		if seen[[2]string{f.TownID, f.ID}] || f.Place > settings.Document.V.RelapsePeriods {
			continue
		}
		seen[[2]string{f.TownID, f.ID}] = true
		if err := f.reopen(ctx, db, settings.Document.V); err != nil {
			failed = errors.Join(failed, err) // one that cannot be must not hold up the others
			continue
		}
		done++
	}
	return done, failed
}

// reopen opens the item again, its history kept and tied to the closing. It gets as
// long as a new one would: what was closed in time is not overdue because it came back.
func (f fallen) reopen(ctx context.Context, db *gorm.DB, s Settings) error {
	why := text.F("考评周期 %[1]s 中“%[2]s”得 %.2[3]f 分，低于目标 %.2[4]f 分", "in the period %[1]s %[2]s scores %.2[3]f, below the goal of %.2[4]f",
		f.PeriodCode, f.Indicator, f.Score, f.ScoreGoal)
	reason := why.ZH + " / " + why.EN
	ref := workflow.Ref{Town: f.TownID, ID: f.ID, Version: f.Version}
	_, err := items.Apply(ctx, db, ref, "relapse", reason, func(tx *gorm.DB, _ *itemReader, _ PlanItem) (workflow.Change, error) {
		return workflow.Change{
			Columns: map[string]any{
				"state_by": audit.ActorOf(ctx).Name, "state_at": tx.NowFunc(), "state_reason": reason, "closed_at": (*time.Time)(nil),
				"relapses": gorm.Expr("relapses + 1"), "due_on": max(f.DueOn, s.itemDue(day.Of(tx.NowFunc()))),
			},
			Extra: itemExtra{PeriodCode: &f.PeriodCode, PublicationNumber: &f.Number, Closing: &f.Version},
		}, nil
	})
	return err
}
