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

// Assignment ties a person to a branch by a duty, from a day until a day, both
// included; without an end it holds until further notice.
type Assignment struct {
	TownID     string      `gorm:"primaryKey" json:"-"`
	ID         string      `gorm:"primaryKey" json:"id" format:"uuid"`
	PersonCode string      `json:"person" example:"mentor-1"`
	BranchCode string      `json:"branch" example:"b07"`
	Duty       access.Duty `json:"duty" swaggertype:"string" enums:"leads,mentors,instructs"`
	Exclusive  bool        `json:"exclusive"` // nobody else has the duty for the branch in that time
	ValidFrom  day.Date    `json:"valid_from" swaggertype:"string" format:"date"`
	ValidUntil *day.Date   `json:"valid_until,omitempty" swaggertype:"string" format:"date"`
	Reason     string      `json:"reason,omitempty"`
	database.Versioned
}

// AssignmentFilter narrows a list; zero fields do not.
type AssignmentFilter struct {
	On     day.Date // those in force on the day; empty = all of history
	Since  day.Date // with On: those in force on any day from this one to that
	Person string
	Branch string
	Duty   access.Duty
	After  string // ids after this one
	Limit  int    // 0 = all
}

// ListAssignments gives the assignments of the town in the order of their ids,
// that is, of their making.
func ListAssignments(ctx context.Context, db *gorm.DB, townID string, f AssignmentFilter) ([]Assignment, error) {
	q := db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After)
	switch {
	case f.Since != "":
		q = q.Where("valid_from <= ? AND (valid_until IS NULL OR valid_until >= ?)", f.On, f.Since)
	case f.On != "":
		q = inForce(q, f.On)
	}
	if f.Person != "" {
		q = q.Where("person_code = ?", f.Person)
	}
	if f.Branch != "" {
		q = q.Where("branch_code = ?", f.Branch)
	}
	if f.Duty != "" {
		q = q.Where("duty = ?", f.Duty)
	}
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	var list []Assignment
	err := q.Order("id").Find(&list).Error
	return list, err
}

// FindAssignment gives one assignment of the town.
func FindAssignment(ctx context.Context, db *gorm.DB, townID, id string) (Assignment, error) {
	var a Assignment
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&a).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Assignment{}, fault.Missing(text.Text{ZH: "结对关系", EN: "assignment"}, id)
	}
	return a, err
}

// Assign ties a person to a branch. The person must be appointed to the role of
// the duty on its first day. See refuseClash for what cannot hold at once.
func Assign(ctx context.Context, db *gorm.DB, a Assignment) (Assignment, error) {
	if faults := checkAssignment(a); len(faults) > 0 {
		return Assignment{}, fault.Broken(faults...)
	}
	a.ID = database.NewID()
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := LockPerson(tx, a.TownID, a.PersonCode); err != nil {
			return err
		}
		if err := checkEnds(ctx, tx, a); err != nil {
			return err
		}
		if err := lockBranch(tx, a.TownID, a.BranchCode); err != nil {
			return err
		}
		if err := refuseClash(tx, a); err != nil {
			return err
		}
		a.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&a).Error; err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: a.TownID, Action: "assignment.create", Subject: "assignments/" + a.ID, After: a})
	})
	return a, err
}

// EndAssignment sets the last day of an assignment, which can only come closer: a
// longer one is a new assignment. Without a reason the first one stays.
func EndAssignment(ctx context.Context, db *gorm.DB, townID, id string, version int64, until day.Date, reason string) (Assignment, error) {
	return endTerm(ctx, db, closing{townID, "assignment", id, version, until, reason}, &Assignment{TownID: townID, ID: id},
		func(tx *gorm.DB) (Assignment, error) { return FindAssignment(ctx, tx, townID, id) })
}

func (a Assignment) term() (day.Date, *day.Date) { return a.ValidFrom, a.ValidUntil }
