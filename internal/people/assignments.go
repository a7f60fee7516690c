package people

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// Duty is what ties a person to a branch.
type Duty string

// The duties.
const (
	Leads     Duty = "leads"     // as secretary or in the team
	Mentors   Duty = "mentors"   // 导师
	Instructs Duty = "instructs" // 挂钩结对
	Serves    Duty = "serves"    // in its liaison office
)

// dutyOf is the duty that gives a role its branches.
var dutyOf = map[Role]Duty{Secretary: Leads, Mentor: Mentors, Instructor: Instructs, Office: Serves}

// RoleOf is the role whose branches the duty gives; empty for an unknown duty.
func RoleOf(d Duty) Role {
	for role, duty := range dutyOf {
		if duty == d {
			return role
		}
	}
	return ""
}

// Assignment ties a person to a branch by a duty, from a day until a day, both
// included; without an end it holds until further notice.
type Assignment struct {
	TownID     string    `gorm:"primaryKey" json:"-"`
	ID         string    `gorm:"primaryKey" json:"id" format:"uuid"`
	PersonCode string    `json:"person" example:"mentor-1"`
	BranchCode string    `json:"branch" example:"b07"`
	Duty       Duty      `json:"duty" swaggertype:"string" enums:"leads,mentors,instructs,serves"`
	ValidFrom  day.Date  `json:"valid_from" swaggertype:"string" format:"date"`
	ValidUntil *day.Date `json:"valid_until,omitempty" swaggertype:"string" format:"date"`
	Reason     string    `json:"reason,omitempty"`
	database.Versioned
}

// AssignmentFilter narrows a list; zero fields do not.
type AssignmentFilter struct {
	On     day.Date // those in force on the day; empty = all of history
	Since  day.Date // with On: those in force on any day from this one to that
	Person string
	Branch string
	Duty   Duty
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
// the duty on its first day. The same duty of the same person for the same branch
// cannot overlap itself.
func Assign(ctx context.Context, db *gorm.DB, a Assignment) (Assignment, error) {
	if faults := checkAssignment(a); len(faults) > 0 {
		return Assignment{}, fault.Broken(faults...)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Assignment{}, fmt.Errorf("new assignment id: %w", err)
	}
	a.ID = id.String()
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := holdPerson(tx, a.TownID, a.PersonCode); err != nil {
			return err
		}
		if err := checkEnds(ctx, tx, a); err != nil {
			return err
		}
		if err := demandRole(ctx, tx, a); err != nil {
			return err
		}
		if err := refuseOverlap(tx, a); err != nil {
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

func checkAssignment(a Assignment) (faults []fault.Field) {
	switch a.Duty {
	case Leads, Mentors, Instructs, Serves:
	default:
		faults = append(faults, fault.At("/duty", "unknown_duty", text.F(
			"职责须为 leads、mentors、instructs 或 serves", "the duty is leads, mentors, instructs or serves")))
	}
	return append(faults, checkTerm(a.ValidFrom, a.ValidUntil)...)
}

// holdPerson makes others who assign the same person wait until tx ends: two
// overlapping assignments must not miss each other.
func holdPerson(tx *gorm.DB, townID, code string) error {
	var held []Person
	return tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Select("code").
		Where("town_id = ? AND code = ?", townID, code).Find(&held).Error
}

// checkEnds makes sure that the person is there and that the branch lives on the
// first day.
func checkEnds(ctx context.Context, tx *gorm.DB, a Assignment) error {
	if _, err := Find(ctx, tx, a.TownID, a.PersonCode); err != nil {
		return unknown(err, "/person", "unknown_person", text.F("本镇没有人员“%s”", "this town has no person %q", a.PersonCode))
	}
	b, err := town.FindBranch(ctx, tx, a.TownID, a.BranchCode, a.ValidFrom)
	if err == nil && b.ClosedOn != nil && *b.ClosedOn <= a.ValidFrom {
		err = fault.Missing(text.Same("branch"), a.BranchCode)
	}
	return unknown(err, "/branch", "unknown_branch", text.F(
		"党组织“%s”在 %s 不存在", "there is no branch %q on %s", a.BranchCode, a.ValidFrom))
}

// demandRole makes sure that the person holds the role that the duty belongs to
// when it begins.
func demandRole(ctx context.Context, tx *gorm.DB, a Assignment) error {
	role := RoleOf(a.Duty)
	held, err := RolesOf(ctx, tx, a.TownID, a.PersonCode, a.ValidFrom)
	if err != nil || slices.Contains(held, role) {
		return err
	}
	return fault.Broken(fault.At("/person", "not_appointed", text.F(
		"“%[1]s”在 %[3]s 未被聘任为 %[2]s：请先聘任", "%[1]q is not appointed %[2]s on %[3]s: appoint first", a.PersonCode, role, a.ValidFrom)))
}

func refuseOverlap(tx *gorm.DB, a Assignment) error {
	var n int64
	err := overlapping(tx.Model(&Assignment{}), a.ValidFrom, a.ValidUntil).
		Where("town_id = ? AND person_code = ? AND branch_code = ? AND duty = ?", a.TownID, a.PersonCode, a.BranchCode, a.Duty).Count(&n).Error
	if err == nil && n > 0 {
		return fault.New(fault.Conflict, "overlapping_assignment", text.F("该人员在此期间已承担同一职责", "this person has the same duty for the branch in that time already"))
	}
	return err
}

// EndAssignment sets the last day of an assignment, which can only come closer: a
// longer one is a new assignment. Without a reason the first one stays.
func EndAssignment(ctx context.Context, db *gorm.DB, townID, id string, version int64, until day.Date, reason string) (Assignment, error) {
	var after Assignment
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindAssignment(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		change, err := ending(before.ValidFrom, before.ValidUntil, until, reason)
		if err != nil {
			return err
		}
		if err := database.UpdateVersioned(tx, &Assignment{TownID: townID, ID: id}, version, change); err != nil {
			return err
		}
		if after, err = FindAssignment(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "assignment.end", Subject: "assignments/" + id, Before: before, After: after, Reason: reason})
	})
	return after, err
}
