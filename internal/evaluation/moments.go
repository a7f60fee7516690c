package evaluation

import (
	"time"

	"gorm.io/gorm"
)

// Following is the time of a step that follows another: now, or the time of that
// where the clock of the machine was moved back behind it.
func Following(step, now time.Time) time.Time {
	if now.Before(step) {
		return step
	}
	return now
}

// next is the time of a move to the state. A lock is later than every run that was
// made before it: by their times alone a result is told from a run that the period
// has outlived.
func (p Period) next(tx *gorm.DB, to PeriodState) (time.Time, error) {
	at := Following(p.StateAt, tx.NowFunc())
	if to != Locked {
		return at, nil
	}
	var runs []time.Time
	err := tx.Table("runs").Where("town_id = ? AND period_code = ?", p.TownID, p.Code).Order("created_at DESC").Limit(1).Pluck("created_at", &runs).Error
	for _, made := range runs {
		at = Following(made.Add(time.Microsecond), at)
	}
	return at, err
}
