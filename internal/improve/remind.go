package improve

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/database"
	"bulwark/internal/day"
)

// Remind makes and withdraws reminders in every town, as its duties stand today by
// the clock of the handle. It may run as often as one likes, and in several
// processes at once: what is told is told once. It gives the number of changes.
func Remind(ctx context.Context, db *gorm.DB) (changes int, err error) {
	var towns []string
	if err := db.WithContext(ctx).Table("towns").Order("code").Pluck("code", &towns).Error; err != nil {
		return 0, err
	}
	var failed []error
	for _, townID := range towns {
		n, err := remindTown(ctx, db, townID)
		if err != nil {
			failed = append(failed, fmt.Errorf("remind %s: %w", townID, err))
		}
		changes += n
	}
	return changes, errors.Join(failed...)
}

// remindTown looks first without a lock, because mostly there is nothing to do.
func remindTown(ctx context.Context, db *gorm.DB, townID string) (n int, err error) {
	var found []Reminder
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		found, err = changedReminders(ctx, tx, townID)
		return err
	})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		last, err := holdReminders(ctx, tx, townID)
		if err != nil {
			return err
		}
		if found, err = changedReminders(ctx, tx, townID); err != nil { // somebody may have been faster
			return err
		}
		for i := range found {
			found[i].Sequence = last + int64(i) + 1
			if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&found[i]).Error; err != nil {
				return err
			}
		}
		n = len(found)
		return tx.Model(&ReminderHead{}).Where("town_id = ?", townID).Update("last", last+int64(n)).Error
	})
	return n, err
}

// holdReminders takes the lock under which reminders of the town are numbered, and
// gives the last number.
func holdReminders(ctx context.Context, tx *gorm.DB, townID string) (last int64, err error) {
	if err := tx.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&ReminderHead{TownID: townID}).Error; err != nil {
		return 0, err
	}
	if err := tx.Exec("UPDATE reminder_heads SET last = last WHERE town_id = ?", townID).Error; err != nil {
		return 0, err
	}
	err = tx.Raw("SELECT last FROM reminder_heads WHERE town_id = ?", townID).Scan(&last).Error
	return last, err
}

// reminderKey is what there is one reminder of.
type reminderKey struct {
	kind, subject string
	due           day.Date
}

// changedReminders are those to be made, or to be withdrawn, for what is stored to
// tell what is to be done today.
func changedReminders(ctx context.Context, tx *gorm.DB, townID string) (changed []Reminder, err error) {
	now := tx.NowFunc()
	settings, duties, err := dutiesOf(ctx, tx, townID, day.Of(now))
	if err != nil {
		return nil, err
	}
	earliest := day.Latest // of the withdrawn ones that may be needed again
	if len(duties) > 0 {
		earliest = duties[0].DueOn
	}
	var stored []Reminder
	q := tx.WithContext(ctx).Where("town_id = ? AND (withdrawn_at IS NULL OR due_on >= ?)", townID, earliest)
	if err := q.Order("sequence").Find(&stored).Error; err != nil {
		return nil, err
	}
	had := make(map[reminderKey]Reminder, len(stored))
	for _, r := range stored {
		had[reminderKey{r.Kind, r.Subject, r.DueOn}] = r
	}
	for _, d := range duties {
		suffix := d.told(settings, day.Of(now))
		if suffix == "" {
			continue
		}
		key := reminderKey{string(d.Kind) + suffix, d.Subject, d.DueOn}
		r, there := had[key]
		delete(had, key)
		if there && r.WithdrawnAt == nil && deref(r.PersonCode) == deref(d.Person) && deref(r.OfficeCode) == deref(d.Office) {
			continue
		}
		if !there {
			r = Reminder{TownID: townID, ID: database.NewID(), Kind: key.kind, Subject: key.subject, BranchCode: d.about(), DueOn: key.due}
		}
		r.PersonCode, r.OfficeCode, r.MadeAt, r.WithdrawnAt = d.Person, d.Office, now, nil
		changed = append(changed, r)
	}
	for _, r := range stored { // in order, which the map has not
		if _, left := had[reminderKey{r.Kind, r.Subject, r.DueOn}]; left && r.WithdrawnAt == nil {
			r.WithdrawnAt = &now
			changed = append(changed, r)
		}
	}
	return changed, nil
}

// told is how the duty is told of today: not yet, as due or as overdue.
func (d Duty) told(s Settings, today day.Date) string {
	switch {
	case Overdue(d.DueOn, today):
		return "_overdue"
	case today >= d.DueOn.AddDays(-int(s.WarnBefore)):
		return "_due"
	}
	return ""
}
