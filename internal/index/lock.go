package index

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/database"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/workflow"
)

// MovePeriod takes a period to another state: to Published by its last run, to Final
// where nothing is waited for, and to Locked later than every run that was made before,
// since by their times alone a result is told from a run that the period has outlived.
func MovePeriod(ctx context.Context, db *gorm.DB, ref workflow.Ref, m evaluation.PeriodMove) (after evaluation.Period, err error) {
	defer fault.Wrap(&err, "period %s", ref.ID)
	switch m.To {
	case evaluation.Published:
		return Publish(ctx, db, ref.Town, ref.ID, ref.Version, m.Reason)
	case evaluation.Final:
		return Finalise(ctx, db, ref.Town, ref.ID, ref.Version, m.Reason)
	case evaluation.Locked:
		err = database.InTx(ctx, db, func(tx *gorm.DB) error {
			// Whoever computes holds the period: nobody does between this look and the lock.
			if _, err := evaluation.FindPeriod(ctx, tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}), ref.Town, ref.ID); err != nil {
				return err
			}
			var runs []Run
			err := tx.WithContext(ctx).Select("created_at").Where("town_id = ? AND period_code = ?", ref.Town, ref.ID).
				Order("created_at DESC").Limit(1).Find(&runs).Error
			if err != nil {
				return err
			}
			lock := m
			for _, last := range runs {
				lock.After = last.CreatedAt.Add(time.Microsecond)
			}
			after, err = evaluation.MovePeriod(ctx, tx, ref, lock)
			return err
		})
		return after, err
	}
	return evaluation.MovePeriod(ctx, db, ref, m)
}
