package evaluation

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// EndedBranch is a branch that ended within a period: it is scored no more, and sheets
// that were approved for it count for no branch. It is as it was on its last day.
type EndedBranch struct {
	Code   string    `json:"code" example:"b07"`
	Name   text.Text `json:"name"`
	Kind   string    `json:"kind" example:"village"`
	Class  string    `json:"class,omitempty" example:"rural"`
	On     day.Date  `json:"on" swaggertype:"string" format:"date"` // the first day without it
	Into   string    `json:"into,omitempty" example:"b08"`          // the branch that it merged into
	Reason string    `json:"reason,omitempty"`
	// of the period
	ApprovedSheets int64 `json:"approved_sheets"`
}

// BranchEnd is an EndedBranch in the language of an answer.
type BranchEnd struct {
	Branch town.BranchRef `json:"branch"`
	On     day.Date       `json:"on" swaggertype:"string" format:"date"` // the first day without it
	Into   string         `json:"into,omitempty" example:"b08"`          // the branch that it merged into
	Reason string         `json:"reason,omitempty"`
	// of the period, that count for no branch
	ApprovedSheets int64 `json:"approved_sheets"`
}

// InLanguage returns the branches in the language.
func InLanguage(list []EndedBranch, language string) []BranchEnd {
	ended := make([]BranchEnd, len(list))
	for i, e := range list {
		ended[i] = BranchEnd{
			Branch: town.BranchRef{Code: e.Code, Name: e.Name.In(language), Kind: e.Kind, Class: e.Class},
			On:     e.On, Into: e.Into, Reason: e.Reason, ApprovedSheets: e.ApprovedSheets,
		}
	}
	return ended
}

// ListEnded returns the branches that existed on the day after and have ended by the last
// day of the period, as they were known at its lock: in the order of codes. Where after is
// empty, or later than the first day of the period, it is that day. Two statements.
func (p Period) ListEnded(ctx context.Context, db *gorm.DB, after day.Date) (list []EndedBranch, err error) {
	defer fault.Wrap(&err, "branches that ended in %s", p.Code)
	if after == "" || after > p.StartsOn {
		after = p.StartsOn
	}
	f := p.BranchFilter()
	f.Closed = true
	branches, err := town.ListBranches(ctx, db, p.TownID, f)
	if err != nil {
		return nil, err
	}
	list = []EndedBranch{}
	for _, b := range branches {
		if !b.EndedBy(p.EndsOn) || *b.ClosedOn <= after || !b.EndKnownBy(f.Known) {
			continue
		}
		e := EndedBranch{Code: b.Code, Name: b.Name, Kind: b.Kind, Class: b.Ref("").Class, On: *b.ClosedOn, Reason: b.ClosedReason}
		if b.MergedInto != nil {
			e.Into = *b.MergedInto
		}
		list = append(list, e)
	}
	if len(list) == 0 {
		return list, nil
	}
	var counts []struct {
		BranchCode string
		Sheets     int64
	}
	err = db.WithContext(ctx).Model(&Sheet{}).Select("branch_code, COUNT(*) AS sheets").
		Where("town_id = ? AND period_code = ? AND state = ?", p.TownID, p.Code, Approved).Group("branch_code").
		Scan(&counts).Error
	for i := range list {
		for _, c := range counts {
			if c.BranchCode == list[i].Code {
				list[i].ApprovedSheets = c.Sheets
			}
		}
	}
	return list, err
}
