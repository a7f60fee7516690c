package access

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
)

// Duty is what ties a person to a branch.
type Duty string

// The duties.
const (
	Leads     Duty = "leads"     // as secretary or in the team
	Mentors   Duty = "mentors"   // 导师
	Instructs Duty = "instructs" // 挂钩结对
)

var dutyOf = map[Role]Duty{Secretary: Leads, Mentor: Mentors, Instructor: Instructs}

// Duty returns the duty that ties a person of the role to branches. It is empty for the
// liaison office, which has its branches by links instead, and for roles without branches.
func (r Role) Duty() Duty { return dutyOf[r] }

// WorksOnBranches reports whether the role reaches the branches that its person is
// tied to, and so nothing without a person.
func (r Role) WorksOnBranches() bool { return r == Office || r.Duty() != "" }

// Role returns the role that reaches its branches by the duty; empty for an unknown duty.
func (d Duty) Role() Role {
	for role, duty := range dutyOf {
		if duty == d {
			return role
		}
	}
	return ""
}

// valid narrows a statement to rows that hold on the day @on, both ends included.
const valid = " AND valid_from <= @on AND (valid_until IS NULL OR valid_until >= @on)"

// RolesOf returns the roles to which the person is appointed on the day, in the
// order of the appointments' ids.
func RolesOf(ctx context.Context, db *gorm.DB, townID, person string, on day.Date) (roles []Role, err error) {
	defer fault.Wrap(&err, "roles of %s", person)
	err = db.WithContext(ctx).Raw(
		"SELECT role FROM appointments WHERE town_id = @town AND person_code = @person"+valid+" ORDER BY id",
		map[string]any{"town": townID, "person": person, "on": on}).Scan(&roles).Error
	return roles, err
}

// Deciders returns the persons whose appointment on the day lets them do the action in
// the whole town, by code.
func Deciders(ctx context.Context, db *gorm.DB, townID string, a Action, on day.Date) (codes []string, err error) {
	defer fault.Wrap(&err, "who may %s", a)
	var roles []Role
	for _, r := range a.Roles() {
		if a.ScopeFor(r) == All {
			roles = append(roles, r)
		}
	}
	err = db.WithContext(ctx).Raw(
		"SELECT DISTINCT person_code FROM appointments WHERE town_id = @town AND role IN @roles"+valid+
			" ORDER BY person_code", map[string]any{"town": townID, "roles": append(roles, ""), "on": on}).Scan(&codes).Error
	return codes, err
}

// PersonExists refuses the code of a person whom the town does not have, as a
// fault of the field "person".
func PersonExists(ctx context.Context, db *gorm.DB, townID, code string) (err error) {
	defer fault.Wrap(&err, "person %s", code)
	var n int64
	err = db.WithContext(ctx).Table("people").Where("town_id = ? AND code = ?", townID, code).Count(&n).Error
	if err == nil && n == 0 {
		err = fault.Broken(fault.Field("/person", "unknown_person", "本镇没有人员“%s”", "this town has no person %q", code))
	}
	return err
}

// assignedBranches returns the branches to which the duty ties the person on the day.
func assignedBranches(
	ctx context.Context, db *gorm.DB, townID, person string, duty Duty, on day.Date,
) (codes []string, err error) {
	err = db.WithContext(ctx).Raw(
		"SELECT DISTINCT branch_code FROM assignments WHERE town_id = @town AND person_code = @person AND duty = @duty"+valid,
		map[string]any{"town": townID, "person": person, "duty": duty, "on": on}).Scan(&codes).Error
	return codes, err
}

// linkedBranches returns the branches that are linked on the day to an office of
// which the person is then a member.
func linkedBranches(ctx context.Context, db *gorm.DB, townID, person string, on day.Date) (codes []string, err error) {
	err = db.WithContext(ctx).Raw(`SELECT DISTINCT l.branch_code FROM office_links l
JOIN office_members m ON m.town_id = l.town_id AND m.office_code = l.office_code
WHERE l.town_id = @town AND m.person_code = @person
	AND l.valid_from <= @on AND (l.valid_until IS NULL OR l.valid_until >= @on)
	AND m.valid_from <= @on AND (m.valid_until IS NULL OR m.valid_until >= @on)`,
		map[string]any{"town": townID, "person": person, "on": on}).Scan(&codes).Error
	return codes, err
}

// tiedBranches returns the branches that the person behind the caller works on by
// the acting role on the day.
func tiedBranches(ctx context.Context, db *gorm.DB, p Principal, townID string, on day.Date) (map[string]bool, error) {
	if p.Person == "" {
		return map[string]bool{}, nil
	}
	if p.Role == Office {
		codes, err := linkedBranches(ctx, db, townID, p.Person, on)
		return setOf(codes), err
	}
	codes, err := assignedBranches(ctx, db, townID, p.Person, p.Role.Duty(), on)
	return setOf(codes), err
}

// IsLeader reports whether the caller leads the branch on the day, and so neither rates
// it nor decides about it.
func (p Principal) IsLeader(ctx context.Context, db *gorm.DB, townID, branch string, on day.Date) (_ bool, err error) {
	defer fault.Wrap(&err, "who leads %s", branch)
	if p.Person == "" {
		return false, nil
	}
	codes, err := assignedBranches(ctx, db, townID, p.Person, Leads, on)
	return slices.Contains(codes, branch), err
}

// LedBy returns the branches that the caller leads today. It asks only for those who
// may do one of the actions, which are decisions that nobody takes about the own
// branch.
func LedBy(ctx context.Context, db *gorm.DB, townID string, deciding ...Action) (_ map[string]bool, err error) {
	defer fault.Wrap(&err, "branches led by the caller")
	p := PrincipalFrom(ctx)
	if p.Person == "" || !slices.ContainsFunc(deciding, p.May) {
		return nil, nil
	}
	codes, err := assignedBranches(ctx, db, townID, p.Person, Leads, day.Of(db.NowFunc()))
	return setOf(codes), err
}

func setOf(codes []string) map[string]bool {
	set := make(map[string]bool, len(codes))
	for _, code := range codes {
		set[code] = true
	}
	return set
}
