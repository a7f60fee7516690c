package evaluation

import (
	"context"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
)

// Correction changes one approved value of a published period, or adds or cancels
// an adjustment: nothing else does. It is never changed or taken back; the last
// correction of a code is the one that counts.
type Correction struct {
	TownID            string `gorm:"primaryKey" json:"-"`
	PeriodCode        string `gorm:"primaryKey" json:"period" example:"2023Q2"`
	Number            int64  `gorm:"primaryKey" json:"number" example:"1"` // 1, 2, … within the period
	PublicationNumber int64  `json:"publication" example:"2"`              // that shows it first
	BranchCode        string `json:"branch" example:"b07"`
	// of an indicator or quantity, or of an adjustment
	Code       string `json:"code" example:"organisation.01"`
	Adjustment string `json:"adjustment,omitempty" enums:"add,cancel"` // absent: a value is corrected
	// of a rated indicator what all ratings together come to
	Value         *float64 `json:"value,omitempty" example:"96.5"`
	Level         *string  `json:"level,omitempty"`          // instead of a value
	NotApplicable bool     `json:"not_applicable,omitempty"` // instead of a value
	// the value before: a number, a level, n/a, or empty where there was none
	Replaces string `json:"replaces" example:"69.5"`
	Reason   string `json:"reason" example:"minutes were overlooked"`
	Evidence string `json:"evidence,omitempty"`
	// absent: the leading group found the mistake itself
	AppealID  *string   `json:"appeal,omitempty" format:"uuid"`
	MadeBy    string    `json:"made_by" example:"group-1"`
	CreatedAt time.Time `json:"created_at"`
}

// The two things that a correction does to an adjustment.
const (
	AddAdjustment    = "add"    // one more of the item
	CancelAdjustment = "cancel" // one less
)

// ListCorrections returns the corrections behind the publications of the periods, in
// the order of their making: up to the publication through, or all where that is 0.
func ListCorrections(
	ctx context.Context, db *gorm.DB, townID string, periods []string, through int64,
) ([]Correction, error) {
	q := db.WithContext(ctx).Where("town_id = ? AND period_code IN ?", townID, periods)
	if through > 0 {
		q = q.Where("publication_number <= ?", through)
	}
	var list []Correction
	err := q.Order("period_code, number").Find(&list).Error
	return list, err
}

// correct sets corrections of values over what the sheets report.
func (s reportedValues) correct(list []Correction) {
	for _, c := range list {
		if c.Adjustment != "" {
			continue
		}
		key := [2]string{c.BranchCode, c.Code}
		if s[key] == nil {
			s[key] = &report{branch: c.BranchCode, code: c.Code}
		}
		s[key].corrected = &reportedValue{value: c.Value, level: c.Level, notApplicable: c.NotApplicable}
	}
}

// asText returns what is reported about a code of a branch, as a data file writes it: empty
// where nothing is. Several ratings are written as what they come to.
func (s reportedValues) asText(c *scheme.Compiled, branch, code string) string {
	r := s[[2]string{branch, code}]
	if r == nil {
		return ""
	}
	last := r.effective()
	if n := c.Node(code); n != nil && n.Entry == scheme.Rated && r.corrected == nil {
		x, waived := r.raw(n)
		if last = (reportedValue{notApplicable: waived}); x == x { // not NaN
			last.value = &x
		}
	}
	switch {
	case last.notApplicable:
		return "n/a"
	case last.level != nil:
		return *last.level
	case last.value != nil:
		return strconv.FormatFloat(*last.value, 'g', -1, 64)
	}
	return ""
}

// corrections returns those of one period; before it is published there are none.
func (p Period) corrections(ctx context.Context, db *gorm.DB) ([]Correction, error) {
	byPeriod, err := correctionsOf(ctx, db, []Period{p})
	return byPeriod[p.Code], err
}

// correctionsOf reads the corrections of periods of one town in one statement, or
// in none where none is published.
func correctionsOf(ctx context.Context, db *gorm.DB, periods []Period) (map[string][]Correction, error) {
	var codes []string
	for _, p := range periods {
		if p.State == Published || p.State == Final {
			codes = append(codes, p.Code)
		}
	}
	if len(codes) == 0 {
		return nil, nil
	}
	list, err := ListCorrections(ctx, db, periods[0].TownID, codes, 0)
	byPeriod := map[string][]Correction{}
	for _, c := range list {
		byPeriod[c.PeriodCode] = append(byPeriod[c.PeriodCode], c)
	}
	return byPeriod, err
}

// correctAdjustments adds items, and cancels one each.
func (t *table) correctAdjustments(list []Correction) {
	for _, c := range list {
		u, ok := t.unit[c.BranchCode]
		item := composite.Adjustment{Unit: u, Code: c.Code}
		switch at := slices.Index(t.Adjustments, item); {
		case !ok:
		case c.Adjustment == AddAdjustment:
			t.Adjustments = append(t.Adjustments, item)
		case c.Adjustment == CancelAdjustment && at >= 0:
			t.Adjustments = slices.Delete(t.Adjustments, at, at+1)
		}
	}
}

// CheckCorrections returns corrections of a published period with what each replaces.
// They are checked against the rules of entries; the error lists every fault. Nothing
// is stored. Nobody corrects a branch that he or she leads.
func CheckCorrections(
	ctx context.Context, tx *gorm.DB, p Period, c *scheme.Compiled, branches []town.Branch, list []Correction,
) (_ []Correction, err error) {
	defer fault.Wrap(&err, "corrections of %s", p.Code)
	if err := refuseOwnBranches(ctx, tx, p.TownID, list); err != nil {
		return nil, err
	}
	reported, err := readReported(ctx, tx, p.TownID, p.Code)
	if err != nil {
		return nil, err
	}
	stored, err := p.corrections(ctx, tx)
	if err != nil {
		return nil, err
	}
	reported.correct(stored)
	t := newTable(c, branches)
	if err := t.adjust(ctx, tx, p, stored); err != nil {
		return nil, err
	}
	if faults := t.check(list); len(faults) > 0 {
		return nil, fault.Broken(faults...)
	}
	list = slices.Clone(list)
	for i, correction := range list {
		if correction.Adjustment == "" {
			list[i].Replaces = reported.asText(c, correction.BranchCode, correction.Code)
		}
	}
	return list, nil
}

// refuseOwnBranches refuses corrections of branches that the caller leads.
func refuseOwnBranches(ctx context.Context, tx *gorm.DB, townID string, list []Correction) error {
	led, err := access.LedBy(ctx, tx, townID, access.DecideAppeals)
	if err != nil {
		return err
	}
	v := viewer{Viewer: access.Viewer{Led: led}}
	for _, c := range list {
		if err := v.refuseLed(c.BranchCode); err != nil {
			return err
		}
	}
	return nil
}

// check lists what is wrong with the corrections, by branch for the values, since
// the rules of a sheet are about one branch.
func (t *table) check(list []Correction) []fault.FieldError {
	var faults []fault.FieldError
	perBranch := make([]*entryCheck, len(t.branches))
	entries := make([][]Entry, len(t.branches))
	for i, c := range list {
		at := "/corrections/" + strconv.Itoa(i)
		u, ok := t.unit[c.BranchCode]
		if !ok {
			faults = append(faults, fault.Field(at+"/branch", "unknown_branch",
				"已公布的结果中没有党组织“%s”", "there is no branch %q in the published result", c.BranchCode))
			continue
		}
		if c.Adjustment != "" {
			faults = append(faults, t.checkAdjustment(at, u, c)...)
			continue
		}
		if perBranch[u] == nil {
			perBranch[u] = &entryCheck{
				scheme: t.scheme, branch: t.branches[u], settled: true, seen: map[string]bool{}, at: map[string]string{},
			}
		}
		e := Entry{Code: c.Code, Value: c.Value, Level: c.Level, NotApplicable: c.NotApplicable, Evidence: c.Evidence}
		perBranch[u].entry(at, e)
		entries[u] = append(entries[u], e)
	}
	for u, v := range perBranch {
		if v != nil {
			faults = append(faults, append(v.faults, v.refusedByRules(entries[u])...)...)
		}
	}
	return faults
}

// checkAdjustment also keeps count: what is cancelled twice must be there twice.
func (t *table) checkAdjustment(at string, unit int, c Correction) []fault.FieldError {
	if c.Value != nil || c.Level != nil || c.NotApplicable {
		return []fault.FieldError{fault.Field(at+"/adjustment", "value_and_adjustment",
			"不能既更正数值又增减加减分项目", "correct a value or an adjustment, not both")}
	}
	if !t.scheme.HasAdjustment(c.Code) {
		return []fault.FieldError{fault.Field(at+"/code", "unknown_item",
			"指标体系中没有加减分或否决项目“%s”", "the scheme has no bonus, deduction or veto %q", c.Code)}
	}
	item := composite.Adjustment{Unit: unit, Code: c.Code}
	if c.Adjustment == CancelAdjustment && !slices.Contains(t.Adjustments, item) {
		return []fault.FieldError{fault.Field(at+"/code", "nothing_to_cancel",
			"该党组织没有已通过的项目“%s”可撤销", "the branch has no approved %q to cancel", c.Code)}
	}
	t.correctAdjustments([]Correction{c})
	return nil
}
