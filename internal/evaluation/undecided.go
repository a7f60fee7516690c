package evaluation

import (
	"context"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Warning tells what a move of a period leaves behind.
type Warning struct {
	Code    string    `json:"code" enums:"drafts_left,undecided_left_out"`
	Count   int64     `json:"count"`
	Message text.Text `json:"message"`
}

// waiting is one sheet or adjustment that nobody has decided on.
type waiting struct {
	ID         string
	BranchCode string
	By         string
	At         time.Time
	Reason     string // of a proposal
}

// maxListed is how many of those that wait a refusal names.
const maxListed = 100

// leaving tells what the move to the state leaves behind. A lock is refused while
// something waits for a decision, unless by force.
func (p Period) leaving(ctx context.Context, tx *gorm.DB, to PeriodState, force bool) ([]Warning, error) {
	if to != Review && to != Locked {
		return nil, nil
	}
	warnings, err := p.unfinished(ctx, tx)
	if err != nil || to == Review || p.State != Review {
		return warnings, err
	}
	n, refusal, err := p.undecided(ctx, tx)
	switch {
	case err != nil:
		return nil, err
	case refusal != nil && !force:
		return nil, refusal
	case n > 0:
		warnings = append(warnings, Warning{Code: "undecided_left_out", Count: n, Message: text.F("%d 项未审批，不计入", "%d on which nobody decided do not count", n)})
	}
	return warnings, nil
}

// undecided refuses to lock a period while sheets or adjustments wait for a
// decision, and names them; nil where none does.
func (p Period) undecided(ctx context.Context, tx *gorm.DB) (n int64, refusal error, err error) {
	var sheets, adjustments []waiting
	err = tx.WithContext(ctx).Model(&Sheet{}).Select("id, branch_code, evaluator_code AS by, submitted_at AS at").
		Where("town_id = ? AND period_code = ? AND state = ?", p.TownID, p.Code, Submitted).Order("submitted_at, id").Scan(&sheets).Error
	if err != nil {
		return 0, nil, err
	}
	err = tx.WithContext(ctx).Model(&Adjustment{}).Select("id, branch_code, proposed_by AS by, created_at AS at, reason").
		Where("town_id = ? AND period_code = ? AND state = ?", p.TownID, p.Code, Proposed).Order("created_at, id").Scan(&adjustments).Error
	if err != nil || len(sheets)+len(adjustments) == 0 {
		return 0, nil, err
	}
	code, first := "undecided_sheets", append(sheets, adjustments...)[0]
	if len(sheets) == 0 {
		code = "undecided_adjustments"
	}
	e := fault.Conflict(code,
		"尚有 %d 份考评表、%d 项加减分未审批：请先审批，或说明理由并强制锁定，未审批的不计入",
		"%d sheets and %d adjustments wait for a decision: decide on them, or lock by force with a reason, which leaves them out", len(sheets), len(adjustments))
	e = e.Held(fault.Lock{By: first.By, At: first.At, Reason: first.Reason, CanLift: string(access.LeadingGroup)})
	for _, list := range []struct {
		path string
		of   []waiting
	}{{"evaluations/", sheets}, {"adjustments/", adjustments}} {
		for _, w := range list.of[:min(len(list.of), maxListed)] {
			e = e.With(fault.Field(list.path+w.ID, "undecided", "%[1]s，%[2]s 提交", "%[1]s, by %[2]s", w.BranchCode, w.By))
		}
	}
	return int64(len(sheets) + len(adjustments)), e, nil
}

// unfinished warns of sheets that were begun or returned, and not submitted.
func (p Period) unfinished(ctx context.Context, tx *gorm.DB) ([]Warning, error) {
	var n int64
	err := tx.WithContext(ctx).Model(&Sheet{}).
		Where("town_id = ? AND period_code = ? AND state IN ?", p.TownID, p.Code, []SheetState{Draft, Returned}).Count(&n).Error
	if err != nil || n == 0 {
		return nil, err
	}
	return []Warning{{Code: "drafts_left", Count: n, Message: text.F("%d 份考评表尚未提交，不计入", "%d sheets are not submitted and do not count", n)}}, nil
}
