package people

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// OfficeMember says that a person works in a liaison office, from a day until a
// day, both included; without an end it holds until further notice.
type OfficeMember struct {
	TownID     string    `gorm:"primaryKey" json:"-"`
	ID         string    `gorm:"primaryKey" json:"id" format:"uuid"`
	OfficeCode string    `json:"office" example:"agriculture"`
	PersonCode string    `json:"person" example:"office-1"`
	ValidFrom  day.Date  `json:"valid_from" swaggertype:"string" format:"date"`
	ValidUntil *day.Date `json:"valid_until,omitempty" swaggertype:"string" format:"date"`
	Reason     string    `json:"reason,omitempty"`
	database.Versioned
}

func (m OfficeMember) term() (day.Date, *day.Date) { return m.ValidFrom, m.ValidUntil }

// OfficeFilter narrows a list of members or links; zero fields do not.
type OfficeFilter struct {
	On     day.Date // those in force on the day; empty = all of history
	Office string
	Person string // members only
	Branch string // links only
	After  string // ids after this one
	Limit  int    // 0 = all
}

// in narrows the query to what members and links have in common.
func (f OfficeFilter) in(q *gorm.DB, townID string) *gorm.DB {
	q = q.Where("town_id = ? AND id > ?", townID, f.After).Order("id")
	if f.On != "" {
		q = inForce(q, f.On)
	}
	if f.Office != "" {
		q = q.Where("office_code = ?", f.Office)
	}
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	return q
}

// ListOfficeMembers gives members of offices in the order of their ids, that is,
// of their making.
func ListOfficeMembers(ctx context.Context, db *gorm.DB, townID string, f OfficeFilter) ([]OfficeMember, error) {
	q := f.in(db.WithContext(ctx), townID)
	if f.Person != "" {
		q = q.Where("person_code = ?", f.Person)
	}
	var list []OfficeMember
	err := q.Find(&list).Error
	return list, err
}

// FindOfficeMember gives one membership of the office.
func FindOfficeMember(ctx context.Context, db *gorm.DB, townID, office, id string) (OfficeMember, error) {
	var m OfficeMember
	err := db.WithContext(ctx).Where("town_id = ? AND office_code = ? AND id = ?", townID, office, id).Take(&m).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return OfficeMember{}, fault.Missing(text.Text{ZH: "挂钩办成员", EN: "member of the office"}, id)
	}
	return m, err
}

// JoinOffice makes a person a member of an office. The person must be appointed
// to the liaison office on the first day; one membership cannot overlap itself.
func JoinOffice(ctx context.Context, db *gorm.DB, m OfficeMember) (OfficeMember, error) {
	if faults := checkTerm(m.ValidFrom, m.ValidUntil); len(faults) > 0 {
		return OfficeMember{}, fault.Broken(faults...)
	}
	m.ID = database.NewID()
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := lockOffice(ctx, tx, m.TownID, m.OfficeCode); err != nil {
			return err
		}
		if err := access.PersonExists(ctx, tx, m.TownID, m.PersonCode); err != nil {
			return err
		}
		if err := demandRole(ctx, tx, m.TownID, m.PersonCode, access.Office, m.ValidFrom); err != nil {
			return err
		}
		var n int64
		err := overlapping(tx.Model(&OfficeMember{}), m.ValidFrom, m.ValidUntil).
			Where("town_id = ? AND office_code = ? AND person_code = ?", m.TownID, m.OfficeCode, m.PersonCode).Count(&n).Error
		if err != nil {
			return err
		}
		if n > 0 {
			return fault.Conflict("overlapping_membership", "该人员在此期间已是该挂钩办成员", "this person is a member of the office in that time already")
		}
		m.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&m).Error; err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: m.TownID, Action: "office_member.create", Subject: "office-members/" + m.ID, After: m})
	})
	return m, err
}

// EndOfficeMember sets the last day of a membership, which can only come closer.
func EndOfficeMember(ctx context.Context, db *gorm.DB, townID, office, id string, version int64, until day.Date, reason string) (OfficeMember, error) {
	return endTerm(ctx, db, closing{townID, "office_member", id, version, until, reason}, &OfficeMember{TownID: townID, ID: id},
		func(tx *gorm.DB) (OfficeMember, error) { return FindOfficeMember(ctx, tx, townID, office, id) })
}
