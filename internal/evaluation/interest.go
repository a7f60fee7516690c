package evaluation

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
)

// everywhere is the reach of a caller whose tie to the branch was just checked.
var everywhere = people.Reach{All: true}

// refuseOutsider keeps sheets from being written by who is not tied to the branch
// today, or leads it: a duty may have ended, or begun, since the sheet was begun.
func refuseOutsider(ctx context.Context, tx *gorm.DB, p people.Principal, townID, branch string) error {
	on := day.Of(tx.NowFunc())
	if err := people.InScope(ctx, tx, p, people.WriteSheets, townID, branch, on); err != nil {
		return err
	}
	return refuseOwnBranch(ctx, tx, p, townID, branch, on)
}

// refuseOwnBranch keeps people from judging a branch that they lead. A secretary
// reports its own values, which is no judgement.
func refuseOwnBranch(ctx context.Context, tx *gorm.DB, p people.Principal, townID, branch string, on day.Date) error {
	if p.Role == people.Secretary {
		return nil
	}
	led, err := people.IsLedBy(ctx, tx, townID, branch, p.Person, on)
	if err == nil && led {
		return fault.New(fault.Forbidden, "conflict_of_interest", text.F("不能考评自己所任职的党组织", "nobody evaluates a branch that he or she leads"))
	}
	return err
}

// ledBy gives the branches that the caller leads today, about which he or she
// decides nothing.
func ledBy(ctx context.Context, db *gorm.DB, townID string) (map[string]bool, error) {
	return people.LedBy(ctx, db, townID, people.DecideSheets, people.Decide)
}
