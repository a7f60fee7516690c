package plan

import (
	"context"
	"errors"
	"time"

	"bulwark/internal/fault"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/improve"
	"bulwark/internal/index"
	"bulwark/internal/text"
	"bulwark/pkg/composite/stats"
)

// Outcome is what became of a plan in one publication after its approval,
// beside what was predicted. It is stored once and never changed: an amended result
// makes another one.
type Outcome struct {
	TownID     string `gorm:"primaryKey" json:"-"`
	PlanID     string `gorm:"primaryKey" json:"plan" format:"uuid"`
	PeriodCode string `gorm:"primaryKey" json:"period" example:"2023Q3"`
	// of the period
	EndsOn            day.Date                     `gorm:"-" json:"ends_on" swaggertype:"string" format:"date"`
	PublicationNumber int64                        `gorm:"primaryKey" json:"publication" example:"1"`
	VersionNumber     int64                        `json:"plan_version" example:"2"` // of the plan that was approved then
	Document          database.JSON[RealisedGains] `json:"gains"`
	MadeAt            time.Time                    `json:"at"`
} // @name PlanOutcome

// TableName is the table of outcomes.
func (Outcome) TableName() string { return "plan_outcomes" }

// RealisedGains are the score of a branch and of the indicators of its plan, before
// and after. Scores are as published; a missing one is left out.
type RealisedGains struct {
	ScoreBefore *float64 `json:"score_before,omitempty" example:"61.7"` // in the result that the plan starts from
	Score       *float64 `json:"score,omitempty" example:"66.2"`
	RankBefore  *int     `json:"rank_before,omitempty"`
	Rank        *int     `json:"rank,omitempty"`
	Points      *float64 `json:"points,omitempty" example:"4.5"`      // Score − ScoreBefore; absent with other_scheme
	Predicted   float64  `json:"predicted" example:"5.2"`             // at the approval
	Difference  *float64 `json:"difference,omitempty" example:"-0.7"` // Points − Predicted
	// of the points; relative: by the same rules, fitted to other values
	Ruler index.Ruler `json:"ruler,omitempty" swaggertype:"string" enums:"same,relative"`
	// by a scheme that scores otherwise: nothing is compared
	OtherScheme bool           `json:"other_scheme"`
	Items       []RealisedItem `json:"items"`
	Reading     text.Text      `json:"reading"`
}

// RealisedItem is one item of the plan, by the scores of its indicator from 0 to 100.
type RealisedItem struct {
	Item        string   `json:"item" format:"uuid"`
	Indicator   string   `json:"indicator" example:"governance.01"`
	ScoreBefore float64  `json:"score_before"`
	Score       *float64 `json:"score,omitempty"`
	Goal        float64  `json:"score_goal"`
	Reached     bool     `json:"reached"` // never with other_scheme
}

// ListOutcomes returns what became of a plan, in the order of the calendar and of the
// publications, without those of publications that were withdrawn.
func ListOutcomes(ctx context.Context, db *gorm.DB, townID, plan string) (_ []Outcome, err error) {
	defer fault.Wrap(&err, "outcomes of the plan %s", plan)
	if _, err := Find(ctx, db, townID, plan); err != nil {
		return nil, err
	}
	var rows []struct {
		Outcome
		PeriodEndsOn day.Date
	}
	err = db.WithContext(ctx).Table("plan_outcomes o").Select("o.*, q.ends_on AS period_ends_on").
		Joins("JOIN periods q ON q.town_id = o.town_id AND q.code = o.period_code").
		Joins("JOIN publications c ON c.town_id = o.town_id AND c.period_code = o.period_code AND c.number = o.publication_number").
		Where("o.town_id = ? AND o.plan_id = ? AND "+index.Standing("c"), townID, plan).Order("q.starts_on, q.code, o.publication_number").
		Scan(&rows).Error
	list := make([]Outcome, len(rows))
	for i, r := range rows {
		list[i] = r.Outcome
		list[i].EndsOn = r.PeriodEndsOn
	}
	return list, err
}

// unmeasured is a publication after the approval of a plan without an outcome.
type unmeasured struct {
	TownID, PlanID, BranchCode string
	PeriodCode                 string
	EndsOn                     day.Date // of the period
	Number                     int64
	RunID, BaseRunID           string
	VersionNumber              *int64 // approved before the first publication of the period
	Place                      int64  // of the period among those published after the first approval, from 1
}

// missingOutcomes selects them for periods of the kind that the plan starts from: neither
// the publication nor the one that the plan starts from was withdrawn. What is one value for
// each row is a subquery of its own: PostgreSQL plans a join of nine tables in 200 ms, which
// is far longer than it takes to run, and this in a twentieth of that.
var missingOutcomes = `SELECT p.town_id, p.id AS plan_id, p.branch_code, q.code AS period_code, q.ends_on, c.number, c.run_id, base.run_id AS base_run_id,
	(SELECT MAX(v.number) FROM plan_versions v WHERE v.town_id = p.town_id AND v.plan_id = p.id AND v.stage = @approved AND v.made_at <
		(SELECT f.published_at FROM publications f WHERE f.town_id = q.town_id AND f.period_code = q.code AND ` + index.First("f") + `)) AS version_number,
	(SELECT COUNT(*) FROM periods o JOIN publications g ON g.town_id = o.town_id AND g.period_code = o.code AND ` + index.First("g") + `
	 WHERE o.town_id = q.town_id AND o.kind = q.kind AND o.starts_on > b.starts_on AND o.starts_on <= q.starts_on
		AND g.published_at > (SELECT MIN(v.made_at) FROM plan_versions v WHERE v.town_id = p.town_id AND v.plan_id = p.id AND v.stage = @approved)) AS place
FROM plans p
JOIN periods b ON b.town_id = p.town_id AND b.code = p.period_code
JOIN publications base ON base.town_id = p.town_id AND base.period_code = p.period_code AND base.number = p.publication_number
JOIN periods q ON q.town_id = b.town_id AND q.kind = b.kind AND q.starts_on > b.starts_on
JOIN publications c ON c.town_id = q.town_id AND c.period_code = q.code AND ` + index.Standing("c") + `
LEFT JOIN plan_outcomes m ON m.town_id = p.town_id AND m.plan_id = p.id AND m.period_code = q.code AND m.publication_number = c.number
WHERE p.approved_version IS NOT NULL AND m.plan_id IS NULL AND ` + index.Standing("base") + `
ORDER BY p.town_id, p.id, q.starts_on, c.number`

// MeasureOutcomes stores what became of each approved plan in the publications since,
// for as many periods as a closed item can relapse in. It returns how many it stored;
// called again it finds nothing.
func MeasureOutcomes(ctx context.Context, db *gorm.DB) (int, error) {
	var list []unmeasured
	if err := db.WithContext(ctx).Raw(missingOutcomes, map[string]any{"approved": Approved}).
		Scan(&list).Error; err != nil {
		return 0, err
	}
	done := 0
	var failed error
	for _, u := range list {
		settings, err := improve.FindSettings(ctx, db, u.TownID)
		if err != nil {
			return done, err
		}
		if u.VersionNumber == nil || u.Place > settings.Document.V.RelapsePeriods {
			continue
		}
		if err := u.measure(ctx, db); err != nil {
			failed = errors.Join(failed, err) // one that cannot be must not hold up the others
			continue
		}
		done++
	}
	return done, failed
}

func (u unmeasured) measure(ctx context.Context, db *gorm.DB) (err error) {
	defer fault.Wrap(&err, "outcome of the plan %s in %s", u.PlanID, u.PeriodCode)
	return database.InTx(ctx, db, func(tx *gorm.DB) error {
		gains, err := u.gains(ctx, tx)
		if err != nil {
			return err
		}
		o := Outcome{
			TownID: u.TownID, PlanID: u.PlanID, PeriodCode: u.PeriodCode, EndsOn: u.EndsOn, PublicationNumber: u.Number,
			VersionNumber: *u.VersionNumber, Document: database.JSON[RealisedGains]{V: gains}, MadeAt: tx.NowFunc(),
		}
		stored := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&o) // another process may have been first
		if stored.Error != nil || stored.RowsAffected == 0 {
			return stored.Error
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: u.TownID, Action: "plan.outcome", Subject: "plans/" + u.PlanID, After: o,
		})
	})
}

// figures is the published score and rank of a branch in a run.
type figures struct {
	Score *float64
	Rank  *int
}

func (u unmeasured) gains(ctx context.Context, tx *gorm.DB) (RealisedGains, error) {
	var version Version
	err := tx.WithContext(ctx).Where("town_id = ? AND plan_id = ? AND number = ?", u.TownID, u.PlanID, *u.VersionNumber).
		Take(&version).Error
	if err != nil {
		return RealisedGains{}, err
	}
	var before, after figures
	for run, into := range map[string]*figures{u.BaseRunID: &before, u.RunID: &after} {
		err := tx.Table("results").Select("score, rank").
			Where("town_id = ? AND run_id = ? AND branch_code = ?", u.TownID, run, u.BranchCode).Scan(into).Error
		if err != nil {
			return RealisedGains{}, err
		}
	}
	var nodes []struct {
		NodeCode string
		Score    *float64
	}
	err = tx.Table("result_nodes").Select("node_code, score").
		Where("town_id = ? AND run_id = ? AND branch_code = ?", u.TownID, u.RunID, u.BranchCode).Scan(&nodes).Error
	now := map[string]*float64{}
	for _, n := range nodes {
		now[n.NodeCode] = n.Score
	}
	if err != nil {
		return RealisedGains{}, err
	}
	decimals, err := index.DecimalsOf(ctx, tx, u.TownID, u.RunID)
	if err != nil {
		return RealisedGains{}, err
	}
	for _, score := range now {
		if score != nil {
			*score = stats.Round(*score, decimals)
		}
	}
	ruler, err := index.RulerOf(ctx, tx, u.TownID, u.RunID, u.BaseRunID)
	return realised(version, before, after, now, ruler), err
}

// realised returns the gains beside those that were predicted. Scores are as published, and
// goals are compared only with scores by the ruler for which they were set.
func realised(v Version, before, after figures, now map[string]*float64, ruler index.Ruler) RealisedGains {
	g := RealisedGains{
		ScoreBefore: before.Score, Score: after.Score, RankBefore: before.Rank, Rank: after.Rank,
		Predicted: v.Prediction.V.Points, OtherScheme: ruler == index.OtherScheme, Items: []RealisedItem{},
	}
	if !g.OtherScheme {
		g.Ruler = ruler
	}
	if before.Score != nil && after.Score != nil && !g.OtherScheme {
		g.Points = new(stats.Round(*after.Score-*before.Score, stats.MaxDecimals))
		g.Difference = new(stats.Round(*g.Points-g.Predicted, stats.MaxDecimals))
	}
	reached := 0
	for _, i := range v.Document.V.Items {
		item := RealisedItem{
			Item: i.ID, Indicator: i.Indicator, ScoreBefore: i.ScoreNow, Score: now[i.Indicator], Goal: i.ScoreGoal,
		}
		if item.Reached = !g.OtherScheme && item.Score != nil && stats.Round(*item.Score-i.ScoreGoal, stats.MaxDecimals) >= 0; item.Reached {
			reached++
		}
		g.Items = append(g.Items, item)
	}
	g.Reading = g.read(reached)
	return g
}

// read returns in words what came of the plan.
func (g RealisedGains) read(reached int) text.Text {
	if g.OtherScheme {
		return text.F("本次结果按另一套计分办法得出，不能与计划的起点和目标比较",
			"this result was scored otherwise: it cannot be compared with the start and the goals of the plan")
	}
	if g.Points == nil {
		return text.F("本次结果没有得分，无法与批准时的预测比较", "without a score in this result it cannot be compared with the prediction")
	}
	return text.F("预测提升 %.2[1]f 分，实际变化 %.2[2]f 分；%[4]d 项提升事项中 %[3]d 项达到目标",
		"predicted were %.2[1]f points, the score changed by %.2[2]f; goals reached: %[3]d of %[4]d",
		g.Predicted, *g.Points, reached, len(g.Items))
}
