package evaluation

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// Preview is what a dry run of a step of a period, or of its publications, says.
type Preview struct {
	// why the step would be refused now; absent where it would be done
	Refused *workflow.Refusal `json:"refused,omitempty"`
	// the step would be proposed, and done when another person confirms it
	SecondPerson bool            `json:"second_person"`
	Waiting      Waiting         `json:"waiting"`
	Missing      []MissingSheets `json:"missing"` // sheets that were expected and never begun, by branch and role
	// branches with a score, in the last run since the lock or in what is published; before, as it would be now
	Scored int `json:"scored" example:"38"`
	// branches of the period
	Branches int `json:"branches" example:"40"`
	// codes of the branches without a score
	Unscored []string `json:"unscored"`
	// the days of public notice that the step would open; absent where it opens none
	Notice *Notice `json:"notice,omitempty"`
	// what of the step cannot be undone, in the language of the answer
	Irreversible []string `json:"irreversible"`
} // @name DryRun

// Waiting is what waits in a period for a decision, or is not finished.
type Waiting struct {
	Drafts         int64  `json:"drafts"`             // sheets begun or returned, and not submitted
	Sheets         int64  `json:"sheets"`             // submitted and not decided on
	Adjustments    int64  `json:"adjustments"`        // proposed and not decided on
	Contradictions int    `json:"contradictions"`     // values that approved sheets contradict, without a choice
	Appeals        int64  `json:"appeals"`            // filed and not decided on
	Proposal       string `json:"proposal,omitempty"` // id of the open proposal about what is published
} // @name DryRunWaiting

// MissingSheets is how many sheets of a role about a branch were expected and never begun.
type MissingSheets struct {
	Branch town.BranchRef `json:"branch"`
	Role   policy.Role    `json:"role" swaggertype:"string" example:"mentor"`
	Count  int            `json:"count"`
} // @name DryRunMissing

// Preview returns what waits in the period. The rest is of the rooms above.
func (p Period) Preview(ctx context.Context, db *gorm.DB) (v Preview, err error) {
	defer fault.Wrap(&err, "preview of %s", p.Code)
	v.Missing, v.Unscored, v.Irreversible = []MissingSheets{}, []string{}, []string{}
	var states []struct {
		State SheetState
		N     int64
	}
	of := db.WithContext(ctx).Where("town_id = ? AND period_code = ?", p.TownID, p.Code).Session(&gorm.Session{})
	err = of.Model(&Sheet{}).Select("state, COUNT(*) AS n").Group("state").Scan(&states).Error
	if err != nil {
		return v, err
	}
	for _, s := range states {
		switch s.State {
		case Draft, Returned:
			v.Waiting.Drafts += s.N
		case Submitted:
			v.Waiting.Sheets += s.N
		}
	}
	err = of.Model(&Adjustment{}).Where("state = ?", Proposed).Count(&v.Waiting.Adjustments).Error
	if err != nil {
		return v, err
	}
	open, err := p.contradictions(ctx, db, contradictionQuery{})
	if err != nil {
		return v, err
	}
	v.Waiting.Contradictions = len(unsettled(open))
	return v, nil
}
