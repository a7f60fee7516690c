package people

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// OfficeLink says that a liaison office works for a branch, from a day until a
// day, both included; without an end it holds until further notice.
type OfficeLink struct {
	TownID     string    `gorm:"primaryKey" json:"-"`
	ID         string    `gorm:"primaryKey" json:"id" format:"uuid"`
	OfficeCode string    `json:"office" example:"agriculture"`
	BranchCode string    `json:"branch" example:"b07"`
	ValidFrom  day.Date  `json:"valid_from" swaggertype:"string" format:"date"`
	ValidUntil *day.Date `json:"valid_until,omitempty" swaggertype:"string" format:"date"`
	Reason     string    `json:"reason,omitempty"`
	database.Versioned
}

func (l OfficeLink) term() (day.Date, *day.Date) { return l.ValidFrom, l.ValidUntil }

// ListOfficeLinks gives links of offices in the order of their ids, that is, of
// their making.
func ListOfficeLinks(ctx context.Context, db *gorm.DB, townID string, f OfficeFilter) ([]OfficeLink, error) {
	q := f.in(db.WithContext(ctx), townID)
	if f.Branch != "" {
		q = q.Where("branch_code = ?", f.Branch)
	}
	var list []OfficeLink
	err := q.Find(&list).Error
	return list, err
}

// FindOfficeLink gives one link of the office.
func FindOfficeLink(ctx context.Context, db *gorm.DB, townID, office, id string) (OfficeLink, error) {
	var l OfficeLink
	err := db.WithContext(ctx).Where("town_id = ? AND office_code = ? AND id = ?", townID, office, id).Take(&l).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return OfficeLink{}, fault.Missing(text.Text{ZH: "挂钩关系", EN: "link of the office"}, id)
	}
	return l, err
}

// LinkOffice links an office to a branch that lives on the first day. One link
// cannot overlap itself.
func LinkOffice(ctx context.Context, db *gorm.DB, l OfficeLink) (OfficeLink, error) {
	if faults := checkTerm(l.ValidFrom, l.ValidUntil); len(faults) > 0 {
		return OfficeLink{}, fault.Broken(faults...)
	}
	l.ID = database.NewID()
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := lockOffice(ctx, tx, l.TownID, l.OfficeCode); err != nil {
			return err
		}
		if err := branchLives(ctx, tx, l.TownID, l.BranchCode, l.ValidFrom); err != nil {
			return err
		}
		var n int64
		err := overlapping(tx.Model(&OfficeLink{}), l.ValidFrom, l.ValidUntil).
			Where("town_id = ? AND office_code = ? AND branch_code = ?", l.TownID, l.OfficeCode, l.BranchCode).Count(&n).Error
		if err != nil {
			return err
		}
		if n > 0 {
			return fault.Conflict("overlapping_link", "该挂钩办在此期间已与该党组织挂钩", "the office is linked to the branch in that time already")
		}
		l.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&l).Error; err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: l.TownID, Action: "office_link.create", Subject: "office-links/" + l.ID, After: l})
	})
	return l, err
}

// EndOfficeLink sets the last day of a link, which can only come closer.
func EndOfficeLink(ctx context.Context, db *gorm.DB, townID, office, id string, version int64, until day.Date, reason string) (OfficeLink, error) {
	return endTerm(ctx, db, closing{townID, "office_link", id, version, until, reason}, &OfficeLink{TownID: townID, ID: id},
		func(tx *gorm.DB) (OfficeLink, error) { return FindOfficeLink(ctx, tx, townID, office, id) })
}

// OfficesOf are the offices of which the person is a member on the day.
func OfficesOf(ctx context.Context, db *gorm.DB, townID, person string, on day.Date) ([]string, error) {
	var codes []string
	err := inForce(db.WithContext(ctx).Model(&OfficeMember{}).Where("town_id = ? AND person_code = ?", townID, person), on).
		Distinct().Order("office_code").Pluck("office_code", &codes).Error
	return codes, err
}
