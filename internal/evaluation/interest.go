package evaluation

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/fault"
)

// author lets only the evaluator of a sheet write and send it.
func author(v *sheetReader, s Sheet) error {
	if !v.wrote(s) {
		return fault.Forbidden("not_your_sheet", "只能修改自己填写的考评表", "only its evaluator writes a sheet")
	}
	return nil
}

// notOwn keeps people from deciding on their own sheets.
func notOwn(v *sheetReader, s Sheet) error {
	if v.wrote(s) {
		return fault.Forbidden("own_sheet", "不能审批自己填写的考评表", "nobody decides on his or her own sheet")
	}
	return nil
}

// tied refuses who is not tied to the branch today: a duty may have ended since the
// sheet was begun.
func tied(v *sheetReader, s Sheet) error { return v.reach.Refuse(s.BranchCode) }

// unbiased refuses who leads the branch: that duty may have begun since.
func unbiased(v *sheetReader, s Sheet) error {
	if v.led[s.BranchCode] {
		return ownBranch()
	}
	return nil
}

var errGone = errors.New("evaluation: the branch ended with the period")

// living refuses to write about a branch that ended with the period. What was entered can
// be sent, not changed.
func living(v *sheetReader, s Sheet) error { return v.gone[[2]string{s.PeriodCode, s.BranchCode}] }

// frozen says how a sheet that cannot be written can be written again.
func (v *sheetReader) frozen(s Sheet) error {
	return fault.Conflict("sheet_"+string(s.State),
		"考评表已提交或已通过，不能修改：请先撤回或由工作领导小组退回", "the sheet is %s: withdraw it, or have the leading group return it, before you change it", s.State).Held(s.lock())
}

// refuseOwnBranch keeps people from judging a branch that they lead. A secretary
// reports its own values, which is no judgement.
func refuseOwnBranch(ctx context.Context, tx *gorm.DB, p access.Principal, townID, branch string, on day.Date) error {
	if p.Role == access.Secretary {
		return nil
	}
	led, err := access.IsLedBy(ctx, tx, townID, branch, p.Person, on)
	if err == nil && led {
		return ownBranch()
	}
	return err
}

func ownBranch() error {
	return fault.Forbidden("conflict_of_interest", "不能考评自己所任职的党组织", "nobody evaluates a branch that he or she leads")
}

// ledBy gives the branches that the caller leads today, which he or she does not
// judge. Secretaries report about theirs, and readers judge none.
func ledBy(ctx context.Context, db *gorm.DB, townID string) (map[string]bool, error) {
	if access.Caller(ctx).Role == access.Secretary {
		return nil, nil
	}
	return access.LedBy(ctx, db, townID, access.WriteSheets, access.DecideSheets, access.DecideAdjustments)
}
