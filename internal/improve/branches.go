package improve

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/town"
)

// RefuseBranch returns a fault about a branch that the town does not have today.
func RefuseBranch(ctx context.Context, tx *gorm.DB, townID, code string) (err error) {
	defer fault.Wrap(&err, "branch %s", code)
	today := day.Of(tx.NowFunc())
	b, err := town.FindBranch(ctx, tx, townID, code, today)
	switch {
	case fault.Is(err, fault.KindNotFound):
		return fault.Broken(fault.Field("/branch", "unknown_branch", "本镇没有党组织“%s”", "this town has no branch %q", code))
	case err == nil && b.EndedBy(today):
		return fault.Broken(fault.Field("/branch", "branch_closed", "该党组织已于 %s 撤销或合并", "the branch ended on %s", *b.ClosedOn))
	}
	return err
}

// RefuseLed returns access.OwnBranch if the caller leads the branch today.
func RefuseLed(ctx context.Context, tx *gorm.DB, townID, branch string) error {
	led, err := access.PrincipalFrom(ctx).IsLeader(ctx, tx, townID, branch, day.Of(tx.NowFunc()))
	if err == nil && led {
		return access.OwnBranch()
	}
	return err
}
