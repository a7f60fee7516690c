package improve

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/evaluation"
	"bulwark/internal/index"
)

// Follow brings the targets that a period has led to up to date with its amended
// result, by the rules of now: reasons change, lapse or come back. So do those of the
// published period of the same kind after it, whose falls are counted from this one.
// It proposes no branch, changes nothing when called again, and belongs in the
// transaction of the amendment, which holds the period.
func Follow(ctx context.Context, tx *gorm.DB, b *index.ResultCache, townID, period string) error {
	p, err := evaluation.FindPeriod(ctx, tx, townID, period)
	if err != nil {
		return err
	}
	var next []evaluation.Period
	err = tx.WithContext(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).
		Where("town_id = ? AND kind = ? AND starts_on > ? AND state IN ?", townID, p.Kind, p.StartsOn, []evaluation.PeriodState{evaluation.Published, evaluation.Final}).
		Order("starts_on").Limit(1).Find(&next).Error
	if err != nil {
		return err
	}
	for _, affected := range append([]evaluation.Period{p}, next...) {
		if err := follow(ctx, tx, b, affected); err != nil {
			return err
		}
	}
	return nil
}

func follow(ctx context.Context, tx *gorm.DB, b *index.ResultCache, p evaluation.Period) error {
	view, there, err := b.Published(ctx, tx, p.TownID, p.Code, 0)
	if err != nil || !there {
		return err
	}
	pr, err := newProposer(ctx, tx, p, view)
	if err != nil {
		return err
	}
	if err := pr.refresh(); err != nil || len(pr.Refreshed)+len(pr.Lapsed) == 0 {
		return err
	}
	return pr.write("targets.follow")
}
