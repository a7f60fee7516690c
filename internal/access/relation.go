package access

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
)

// Duty is what ties a person to a branch.
type Duty string

// The duties.
const (
	Leads     Duty = "leads"     // as secretary or in the team
	Mentors   Duty = "mentors"   // 导师
	Instructs Duty = "instructs" // 挂钩结对
)

var dutyOf = map[policy.Role]Duty{policy.Secretary: Leads, policy.Mentor: Mentors, policy.Instructor: Instructs}

// DutyOf returns the duty that ties a person of the role to branches. It is empty for the
// liaison office, which has its branches by links instead, and for roles without branches.
func DutyOf(r policy.Role) Duty { return dutyOf[r] }

// RightWaits is the condition on rows of deciding_rights under which the right does not
// work, where @now is the time.
const RightWaits = "(state IN ('pending', 'seconded', 'rejected') OR state = 'alone' AND works_from > @now)"

// worksNow narrows a statement to appointments whose right works.
const worksNow = ` AND NOT EXISTS (SELECT 1 FROM deciding_rights
WHERE town_id = @town AND subject = 'appointments/' || appointments.id AND ` + RightWaits + ")"

// Role returns the role that reaches its branches by the duty; empty for an unknown duty.
func (d Duty) Role() policy.Role {
	for role, duty := range dutyOf {
		if duty == d {
			return role
		}
	}
	return ""
}

// valid narrows a statement to rows that hold on the day @on, both ends included. What is cancelled holds on none.
const valid = " AND valid_from <= @on AND (valid_until IS NULL OR valid_until >= @on) AND cancelled_at IS NULL"

// RolesOf returns the roles to which the person is appointed on the day, in the
// order of the appointments' ids, without those that wait to be acknowledged.
func RolesOf(ctx context.Context, db *gorm.DB, townID, person string, on day.Date) (roles []policy.Role, err error) {
	defer fault.Wrap(&err, "roles of %s", person)
	err = db.WithContext(ctx).Raw(
		"SELECT role FROM appointments WHERE town_id = @town AND person_code = @person"+valid+worksNow+" ORDER BY id",
		map[string]any{"town": townID, "person": person, "on": on, "now": db.NowFunc()}).Scan(&roles).Error
	return roles, err
}

// Deciders returns the persons whose appointment on the day lets them do the action in
// the whole town, by code, without those whose right waits to be acknowledged.
func Deciders(ctx context.Context, db *gorm.DB, a policy.Action, townID string, on day.Date) (codes []string, err error) {
	defer fault.Wrap(&err, "who may %s", a)
	var roles []policy.Role
	for _, r := range a.Roles() {
		if a.ScopeFor(r) == policy.All {
			roles = append(roles, r)
		}
	}
	err = db.WithContext(ctx).Raw(
		"SELECT DISTINCT person_code FROM appointments WHERE town_id = @town AND role IN @roles"+valid+worksNow+
			" ORDER BY person_code",
		map[string]any{"town": townID, "roles": append(roles, ""), "on": on, "now": db.NowFunc()}).Scan(&codes).Error
	return codes, err
}

// PersonExists refuses the code of a person whom the town does not have or who is
// pseudonymised, as a fault of the field "person". Until tx ends the person stays as he or
// she is.
func PersonExists(ctx context.Context, tx *gorm.DB, townID, code string) (err error) {
	defer fault.Wrap(&err, "person %s", code)
	var found []struct{ PseudonymisedAt *time.Time }
	q := tx.WithContext(ctx)
	if database.Dialect(tx) != database.SQLite { // which has one writer
		q = q.Clauses(clause.Locking{Strength: "SHARE"})
	}
	err = q.Table("people").Select("pseudonymised_at").Where("town_id = ? AND code = ?", townID, code).Find(&found).Error
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return fault.Broken(fault.Field("/person", "unknown_person", "本镇没有人员“%s”", "this town has no person %q", code))
	case found[0].PseudonymisedAt != nil:
		return fault.Broken(fault.Field("/person", "pseudonymised", "人员“%s”已假名化，不能再任职或登录：请另建人员",
			"the person %q is pseudonymised and gets no role, key or account any more: add another person", code))
	}
	return nil
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
	AND m.valid_from <= @on AND (m.valid_until IS NULL OR m.valid_until >= @on)
	AND l.cancelled_at IS NULL AND m.cancelled_at IS NULL`,
		map[string]any{"town": townID, "person": person, "on": on}).Scan(&codes).Error
	return codes, err
}

// tiedBranches returns the branches that the person behind the caller works on by
// the acting role on the day.
func tiedBranches(ctx context.Context, db *gorm.DB, p Principal, townID string, on day.Date) (map[string]bool, error) {
	if p.Person == "" {
		return map[string]bool{}, nil
	}
	if p.Role == policy.Office {
		codes, err := linkedBranches(ctx, db, townID, p.Person, on)
		return setOf(codes), err
	}
	codes, err := assignedBranches(ctx, db, townID, p.Person, DutyOf(p.Role), on)
	return setOf(codes), err
}

// IsLeader reports whether the caller leads the branch on the day, and so neither rates
// it nor decides about it. What one person has cancelled counts until that day.
func (p Principal) IsLeader(ctx context.Context, db *gorm.DB, townID, branch string, on day.Date) (_ bool, err error) {
	defer fault.Wrap(&err, "who leads %s", branch)
	if p.Person == "" {
		return false, nil
	}
	var n int64
	err = db.WithContext(ctx).Raw(`SELECT COUNT(*) FROM assignments WHERE town_id = @town AND person_code = @person
	AND branch_code = @branch AND duty = @duty AND valid_from <= @on AND (valid_until IS NULL OR valid_until >= @on)
	AND (cancelled_at IS NULL OR cancel_confirmed_by = '' AND cancelled_at >= @begin)`, map[string]any{
		"town": townID, "person": p.Person, "branch": branch, "duty": Leads, "on": on, "begin": on.Start().UTC(),
	}).Scan(&n).Error
	return n > 0, err
}

// Ties are what ties the caller to branches, by branch and for all time: a conflict of
// interest does not end with the day on which a tie does. What one person has cancelled was held
// until then; what two have cancelled was not.
type Ties map[string][]tie

// tie is one assignment, or the work of an office for a branch while the caller is in it.
type tie struct {
	Leads bool
	From  day.Date
	Until *day.Date // nil: until further notice
}

// TiesIn returns the ties of the person behind the caller in the town. It asks only for those who may
// do one of the actions, which are judgements that nobody makes about the own branch.
func (p Principal) TiesIn(ctx context.Context, db *gorm.DB, townID string, deciding ...policy.Action) (_ Ties, err error) {
	defer fault.Wrap(&err, "ties of the caller")
	if p.Person == "" || !slices.ContainsFunc(deciding, p.May) {
		return nil, nil
	}
	var rows []struct {
		BranchCode                   string
		Leads                        bool
		ValidFrom, LinkFrom          day.Date
		ValidUntil, LinkEnds         *day.Date
		CancelledAt, LinkCancelledAt *time.Time
	}
	err = db.WithContext(ctx).Raw(`SELECT branch_code, duty = @leads AS leads, valid_from, valid_from AS link_from,
	valid_until, valid_until AS link_ends, cancelled_at, cancelled_at AS link_cancelled_at
FROM assignments WHERE town_id = @town AND person_code = @person AND cancel_confirmed_by = ''
UNION ALL SELECT l.branch_code, @no, m.valid_from, l.valid_from, m.valid_until, l.valid_until, m.cancelled_at, l.cancelled_at
FROM office_members m JOIN office_links l ON l.town_id = m.town_id AND l.office_code = m.office_code
WHERE m.town_id = @town AND m.person_code = @person AND m.cancel_confirmed_by = '' AND l.cancel_confirmed_by = ''`,
		map[string]any{"town": townID, "person": p.Person, "leads": Leads, "no": false}).Scan(&rows).Error
	ties := make(Ties, len(rows))
	for _, r := range rows {
		until := earlier(earlier(r.ValidUntil, r.LinkEnds), earlier(dayOf(r.CancelledAt), dayOf(r.LinkCancelledAt)))
		if from := max(r.ValidFrom, r.LinkFrom); until == nil || from <= *until {
			ties[r.BranchCode] = append(ties[r.BranchCode], tie{r.Leads, from, until})
		}
	}
	return ties, err
}

// earlier returns the earlier of two days, of which nil is later than all.
func earlier(a, b *day.Date) *day.Date {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

func dayOf(at *time.Time) *day.Date {
	if at == nil {
		return nil
	}
	return new(day.Of(*at))
}

// Led reports whether the caller led the branch on any day from since until today.
func (t Ties) Led(branch string, since, today day.Date) bool {
	return slices.ContainsFunc(t[branch], func(x tie) bool { return x.Leads && x.during(since, today) })
}

// Any reports whether the caller led the branch, mentored or instructed it, or worked for
// it through an office, on any day from since until today.
func (t Ties) Any(branch string, since, today day.Date) bool {
	return slices.ContainsFunc(t[branch], func(x tie) bool { return x.during(since, today) })
}

func (x tie) during(since, today day.Date) bool {
	return x.From <= today && (x.Until == nil || *x.Until >= min(since, today))
}

// lookBack is how many days before a matter without a period of its own a tie still counts.
const lookBack = 365

// Before returns the first day from which ties count for a matter that began at a time and
// has no period of its own.
func Before(began time.Time) day.Date { return day.Of(began).AddDays(-lookBack) }

func setOf(codes []string) map[string]bool {
	set := make(map[string]bool, len(codes))
	for _, code := range codes {
		set[code] = true
	}
	return set
}
