package review

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
)

// Sheet is a sheet to decide on, with its values and the signals about it.
type Sheet struct {
	evaluation.ReviewedSheet
	Signals []Signal `json:"signals"` // of the period that name its evaluator and its branch
} // @name ReviewedSheet

// ListSheets returns sheets of a period with their values, what these can be held against, and
// signals. The number of statements does not depend on how many there are.
func ListSheets(ctx context.Context, db *gorm.DB, q evaluation.ReviewQuery) (_ []Sheet, err error) {
	defer fault.Wrap(&err, "sheets to review of %s", q.Period)
	reviewed, err := evaluation.ListReview(ctx, db, q)
	if err != nil || len(reviewed) == 0 {
		return nil, err
	}
	found, err := FindSignals(ctx, db, q.Town, q.Period, q.Language)
	if err != nil {
		return nil, err
	}
	list := make([]Sheet, len(reviewed))
	for i, s := range reviewed {
		list[i] = Sheet{ReviewedSheet: s, Signals: []Signal{}}
		for _, signal := range found.Items {
			if slices.Contains(signal.Evaluators, s.Evaluator.Code) &&
				(len(signal.Branches) == 0 || slices.Contains(signal.Branches, s.Branch.Code)) {
				list[i].Signals = append(list[i].Signals, signal)
			}
		}
	}
	return list, nil
}
