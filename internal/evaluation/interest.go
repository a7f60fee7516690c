package evaluation

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
)

// refuseOutsider keeps sheets from being written by who is not tied to the branch
// today, or leads it: a duty may have ended, or begun, since the sheet was begun.
func (v viewer) refuseOutsider(ctx context.Context, tx *gorm.DB, branch string) error {
	if !v.reach.Has(branch) {
		return people.InScope(ctx, tx, v.Principal, people.WriteSheets, v.town, branch, v.today)
	}
	if v.led[branch] {
		return ownBranch()
	}
	return nil
}

// refuseOwnBranch keeps people from judging a branch that they lead. A secretary
// reports its own values, which is no judgement.
func refuseOwnBranch(ctx context.Context, tx *gorm.DB, p people.Principal, townID, branch string, on day.Date) error {
	if p.Role == people.Secretary {
		return nil
	}
	led, err := people.IsLedBy(ctx, tx, townID, branch, p.Person, on)
	if err == nil && led {
		return ownBranch()
	}
	return err
}

func ownBranch() error {
	return fault.New(fault.Forbidden, "conflict_of_interest", text.F("不能考评自己所任职的党组织", "nobody evaluates a branch that he or she leads"))
}

// ledBy gives the branches that the caller leads today, which he or she does not
// judge. Secretaries report about theirs, and readers judge none.
func ledBy(ctx context.Context, db *gorm.DB, townID string) (map[string]bool, error) {
	if people.Caller(ctx).Role == people.Secretary {
		return nil, nil
	}
	return people.LedBy(ctx, db, townID, people.WriteSheets, people.DecideSheets, people.Decide)
}
