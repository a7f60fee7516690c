package people

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/town"
)

// Relation is a person who worked on a branch by a role on at least one of the days
// asked for.
type Relation struct {
	BranchCode, PersonCode string
	Role                   policy.Role
}

// ListRelations returns the relations of all assignments, and of the members of offices to the
// branches that their office was linked to while they were in it, on any day from
// the first to the last. In the order of assignments, then of branches and persons.
func ListRelations(ctx context.Context, db *gorm.DB, townID string, from, until day.Date) (_ []Relation, err error) {
	defer fault.Wrap(&err, "relations of %s", townID)
	assigned, err := ListAssignments(ctx, db, townID, AssignmentFilter{On: until, Since: from})
	if err != nil {
		return nil, err
	}
	ties := make([]Relation, 0, len(assigned))
	for _, a := range assigned {
		ties = append(ties, Relation{a.BranchCode, a.PersonCode, a.Duty.Role()})
	}
	var linked []Relation
	err = db.WithContext(ctx).Raw(`SELECT DISTINCT l.branch_code, m.person_code FROM office_links l
JOIN office_members m ON m.town_id = l.town_id AND m.office_code = l.office_code
	AND m.valid_from <= COALESCE(l.valid_until, m.valid_from) AND l.valid_from <= COALESCE(m.valid_until, l.valid_from)
WHERE l.town_id = @town AND l.cancelled_at IS NULL AND m.cancelled_at IS NULL
	AND l.valid_from <= @until AND (l.valid_until IS NULL OR l.valid_until >= @from)
	AND m.valid_from <= @until AND (m.valid_until IS NULL OR m.valid_until >= @from)
ORDER BY l.branch_code, m.person_code`, map[string]any{"town": townID, "from": from, "until": until}).Scan(&linked).Error
	for _, t := range linked {
		ties = append(ties, Relation{t.BranchCode, t.PersonCode, policy.Office})
	}
	return ties, err
}

// Mentorship is a mentor or instructor on a day, with the branches that he or she
// works on.
type Mentorship struct {
	Person      Named             `json:"person"`
	Appointment AppointmentLetter `json:"appointment"`
	Branches    []string          `json:"branches" example:"b07"` // sorted
}

// MentorshipQuery is whose mentorships to list, on which day and in which language.
type MentorshipQuery struct {
	Role     policy.Role // mentor or instructor
	On       day.Date
	Language string // of the names
}

// ListMentorships returns everybody who is appointed to the role on the day, in
// the order of codes.
func ListMentorships(
	ctx context.Context, db *gorm.DB, townID string, q MentorshipQuery,
) (helpers []Mentorship, err error) {
	defer fault.Wrap(&err, "%ss of %s", q.Role, townID)
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		appointed, err := ListAppointments(ctx, tx, townID, AppointmentFilter{On: q.On, Role: q.Role})
		if err != nil {
			return err
		}
		codes := make([]string, len(appointed))
		for i, a := range appointed {
			codes[i] = a.PersonCode
		}
		names, err := NamesOf(ctx, tx, townID, codes)
		if err != nil {
			return err
		}
		assigned, err := ListAssignments(ctx, tx, townID, AssignmentFilter{On: q.On, Duty: access.DutyOf(q.Role)})
		if err != nil {
			return err
		}
		ended, err := town.EndedOn(ctx, tx, townID)
		if err != nil {
			return err
		}
		branches := map[string][]string{}
		for _, a := range assigned {
			if first, ends := ended[a.BranchCode]; ends && first <= q.On {
				continue
			}
			branches[a.PersonCode] = append(branches[a.PersonCode], a.BranchCode)
		}
		helpers = make([]Mentorship, len(appointed))
		for i, a := range appointed {
			on := append([]string{}, branches[a.PersonCode]...)
			slices.Sort(on)
			helpers[i] = Mentorship{Named{a.PersonCode, names[a.PersonCode].In(q.Language)}, *a.letter(), on}
		}
		slices.SortFunc(helpers, func(a, b Mentorship) int { return strings.Compare(a.Person.Code, b.Person.Code) })
		return nil
	})
	return helpers, err
}
