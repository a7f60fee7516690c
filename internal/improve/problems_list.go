package improve

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
)

// ProblemFilter narrows a list; zero fields do not.
type ProblemFilter struct {
	Branch, Visit string
	Person        string // owned by this person
	Office        string // owned by this office
	State         ProblemState
	Overdue       bool // only those past their day
	After         string
	Limit         int // 0 = all
}

// ListProblems gives the problems that the caller may read, in the order of their
// opening.
func ListProblems(ctx context.Context, db *gorm.DB, townID string, f ProblemFilter) ([]JointProblem, error) {
	v, err := problemViewerOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := v.reach.Narrow(db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After))
	for _, n := range []struct{ column, value string }{
		{"branch_code", f.Branch}, {"visit_id", f.Visit}, {"owner_person", f.Person}, {"owner_office", f.Office}, {"state", string(f.State)},
	} {
		if n.value != "" {
			q = q.Where(n.column+" = ?", n.value)
		}
	}
	if f.Overdue {
		q = q.Where("state IN ? AND due_on < ?", unsolved, v.today)
	}
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	var list []JointProblem
	err = q.Order("id").Find(&list).Error
	for i := range list {
		list[i] = v.shown(list[i])
	}
	return list, err
}

// CountProblems counts the problems in reach by state, by one statement. A state
// without any is left out.
func CountProblems(ctx context.Context, db *gorm.DB, townID string, reach access.Reach) (map[ProblemState]int64, error) {
	return database.CountStates[ProblemState](reach.Narrow(db.WithContext(ctx).Model(&JointProblem{}).Where("town_id = ?", townID)))
}
