package people

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
)

// Relation says that a person worked on a branch by a role on at least one of the days
// asked for.
type Relation struct {
	BranchCode, PersonCode string
	Role                   access.Role
}

// ListRelations gives the ties of all assignments, and of the members of offices to the
// branches that their office was linked to while they were in it, on any day from
// the first to the last. In the order of assignments, then of branches and persons.
func ListRelations(ctx context.Context, db *gorm.DB, townID string, from, until day.Date) ([]Relation, error) {
	assigned, err := ListAssignments(ctx, db, townID, AssignmentFilter{On: until, Since: from})
	if err != nil {
		return nil, err
	}
	ties := make([]Relation, 0, len(assigned))
	for _, a := range assigned {
		ties = append(ties, Relation{a.BranchCode, a.PersonCode, access.RoleOf(a.Duty)})
	}
	var linked []Relation
	err = db.WithContext(ctx).Raw(`SELECT DISTINCT l.branch_code, m.person_code FROM office_links l
JOIN office_members m ON m.town_id = l.town_id AND m.office_code = l.office_code
	AND m.valid_from <= COALESCE(l.valid_until, m.valid_from) AND l.valid_from <= COALESCE(m.valid_until, l.valid_from)
WHERE l.town_id = @town AND l.valid_from <= @until AND (l.valid_until IS NULL OR l.valid_until >= @from)
	AND m.valid_from <= @until AND (m.valid_until IS NULL OR m.valid_until >= @from)
ORDER BY l.branch_code, m.person_code`, map[string]any{"town": townID, "from": from, "until": until}).Scan(&linked).Error
	for _, t := range linked {
		ties = append(ties, Relation{t.BranchCode, t.PersonCode, access.Office})
	}
	return ties, err
}
