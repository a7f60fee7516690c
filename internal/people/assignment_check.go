package people

import (
	"context"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

func checkAssignment(a Assignment) (faults []fault.FieldError) {
	switch a.Duty {
	case access.Leads, access.Mentors, access.Instructs:
	default:
		faults = append(faults, fault.Field("/duty", "unknown_duty",
			"职责须为 leads、mentors 或 instructs", "the duty is leads, mentors or instructs"))
	}
	return append(faults, checkTerm(a.ValidFrom, a.ValidUntil)...)
}

// LockPerson makes others who hold the same person wait until tx ends: two assignments of
// one person, or two reports, that overlap must not miss each other.
func LockPerson(tx *gorm.DB, townID, code string) error {
	var held []Person
	return tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Select("code").
		Where("town_id = ? AND code = ?", townID, code).Find(&held).Error
}

// lockBranch does the same for those who assign to one branch. Whoever holds a
// person and a branch takes the person first, so that nobody waits in a circle.
func lockBranch(tx *gorm.DB, townID, code string) error {
	var held []town.Life
	return tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Select("code").
		Where("town_id = ? AND code = ?", townID, code).Find(&held).Error
}

// checkEnds makes sure that the person is there and holds the role of the duty on
// the first day, and that the branch lives then.
func checkEnds(ctx context.Context, tx *gorm.DB, a Assignment) error {
	if err := access.PersonExists(ctx, tx, a.TownID, a.PersonCode); err != nil {
		return err
	}
	if err := branchLives(ctx, tx, a.TownID, a.BranchCode, a.ValidFrom); err != nil {
		return err
	}
	return demandRole(ctx, tx, a.TownID, a.PersonCode, access.RoleOf(a.Duty), a.ValidFrom)
}

func branchLives(ctx context.Context, tx *gorm.DB, townID, code string, on day.Date) error {
	b, err := town.FindBranch(ctx, tx, townID, code, on)
	if err == nil && b.EndedBy(on) {
		err = fault.Missing(text.Same("branch"), code)
	}
	return fault.MissingAt(err, "/branch", "unknown_branch", text.F("党组织“%s”在 %s 不存在", "there is no branch %q on %s", code, on))
}

// demandRole makes sure that the person holds the role on the first day of what
// needs it.
func demandRole(ctx context.Context, tx *gorm.DB, townID, person string, role access.Role, on day.Date) error {
	held, err := access.RolesOf(ctx, tx, townID, person, on)
	if err != nil || slices.Contains(held, role) {
		return err
	}
	return fault.Broken(fault.Field("/person", "not_appointed",
		"“%[1]s”在 %[3]s 未被聘任为 %[2]s：请先聘任", "%[1]q is not appointed %[2]s on %[3]s: appoint first", person, role, on))
}

// refuseClash keeps an assignment apart from those that hold on some of its days:
// the same again; another of the duty where one of the two is exclusive; and
// leading a branch from mentoring or instructing it.
func refuseClash(tx *gorm.DB, a Assignment) error {
	var others []Assignment
	err := overlapping(tx, a.ValidFrom, a.ValidUntil).
		Where("town_id = ? AND branch_code = ? AND (duty = ? OR person_code = ?)", a.TownID, a.BranchCode, a.Duty, a.PersonCode).
		Order("id").Find(&others).Error
	if err != nil {
		return err
	}
	for _, other := range others {
		same := other.PersonCode == a.PersonCode
		switch {
		case same && other.Duty == a.Duty:
			return fault.Conflict("overlapping_assignment",
				"该人员在此期间已承担同一职责", "this person has the same duty for the branch in that time already")
		case same && (other.Duty == access.Leads || a.Duty == access.Leads):
			return fault.Conflict("conflict_of_interest",
				"同一人不能在任职期间担任本党组织的导师或指导员", "nobody mentors or instructs a branch while leading it: end the other assignment first")
		case other.Duty == a.Duty && (other.Exclusive || a.Exclusive):
			return fault.Conflict("exclusive_assignment",
				"“%s”在此期间已承担该职责，且其中一方为专任：请先结束该关系", "%q has the duty for the branch in that time, and one of the two is exclusive: end that assignment first", other.PersonCode)
		}
	}
	return nil
}
