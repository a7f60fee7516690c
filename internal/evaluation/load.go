package evaluation

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
)

// SheetCount is how many sheets an evaluator has, by what is left to do.
type SheetCount struct {
	Open      int `json:"open"`      // drafts and returned ones: the evaluator's turn
	Submitted int `json:"submitted"` // the leading group's turn
	Approved  int `json:"approved"`
}

// CountSheets counts the sheets that evaluators wrote in the role, in all periods
// that are open or in review, by one statement. It tells nothing of what is in them.
func CountSheets(ctx context.Context, db *gorm.DB, townID string, role access.Role) (map[string]SheetCount, error) {
	var rows []struct {
		EvaluatorCode string
		SheetCount
	}
	err := db.WithContext(ctx).Raw(`SELECT e.evaluator_code,
	count(CASE WHEN e.state IN @open THEN 1 END) AS open,
	count(CASE WHEN e.state = @submitted THEN 1 END) AS submitted,
	count(CASE WHEN e.state = @approved THEN 1 END) AS approved
FROM evaluations e JOIN periods p ON p.town_id = e.town_id AND p.code = e.period_code
WHERE e.town_id = @town AND e.role = @role AND p.state IN @periods GROUP BY e.evaluator_code`, map[string]any{
		"town": townID, "role": role, "open": []SheetState{Draft, Returned}, "submitted": Submitted, "approved": Approved,
		"periods": []PeriodState{Open, Review},
	}).Scan(&rows).Error
	counts := make(map[string]SheetCount, len(rows))
	for _, r := range rows {
		counts[r.EvaluatorCode] = r.SheetCount
	}
	return counts, err
}
