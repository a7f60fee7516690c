package evaluation

import (
	"context"
	"math"

	"gorm.io/gorm"

	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// IndicatorCoverage says for how many branches an indicator has a value that
// counts, out of those it applies to.
type IndicatorCoverage struct {
	Indicator string    `json:"indicator" example:"organisation.01"`
	Name      text.Text `json:"name"`
	Applies   int       `json:"applies"`  // branches
	Approved  int       `json:"approved"` // of these, with an approved value or one derived from approved ones
	Missing   []string  `json:"missing"`  // codes of the others
}

// coverage counts approved values by indicator, as the index is made of them; what
// would be carried over from an earlier period is still missing.
func coverage(ctx context.Context, db *gorm.DB, p Period, branches []town.Branch) ([]IndicatorCoverage, error) {
	compiled, err := scheme.Load(ctx, db, p.TownID, p.SchemeCode, p.SchemeNumber)
	if err != nil {
		return nil, err
	}
	values, err := Collect(ctx, db, p, compiled, branches)
	if err != nil {
		return nil, err
	}
	list := make([]IndicatorCoverage, len(compiled.Indicators))
	for i, n := range compiled.Indicators {
		c := IndicatorCoverage{Indicator: n.Code, Name: n.Name, Missing: []string{}}
		for u, b := range branches {
			switch {
			case values.Data.NotApplicable[i][u]:
			case math.IsNaN(values.Data.Columns[i][u]):
				c.Applies++
				c.Missing = append(c.Missing, b.Code)
			default:
				c.Applies++
				c.Approved++
			}
		}
		list[i] = c
	}
	return list, nil
}
