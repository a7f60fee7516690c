package improve

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/people"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// refuseOverlap keeps the days of a report apart from those of the reports that its
// author has submitted: what the leading group is told of a day is told once. Drafts
// are no reports yet and may overlap, until one of them is submitted. Another
// submission of the author waits until tx ends, so that two at once do not miss each
// other.
func (r Report) refuseOverlap(ctx context.Context, tx *gorm.DB) error {
	if err := people.LockPerson(tx, r.TownID, r.AuthorCode); err != nil {
		return err
	}
	var others []Report
	err := tx.WithContext(ctx).Where("town_id = ? AND author_code = ? AND state <> ?", r.TownID, r.AuthorCode, ReportDraft).
		Where("from_on <= ? AND until_on >= ?", r.UntilOn, r.FromOn).Order("from_on, id").Limit(1).Find(&others).Error
	if err != nil || len(others) == 0 {
		return err
	}
	o := others[0]
	return workflow.Conflict(o.stand(), "overlapping_report", text.F("您已就 %[1]s 至 %[2]s 提交汇报（%[3]s）：请选择此外的日期",
		"your report %[3]s is about %[1]s to %[2]s already: choose days outside of it", o.FromOn, o.UntilOn, o.ID))
}
