package evaluation

import (
	"context"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/scheme"
	"bulwark/pkg/composite"
)

// Correction changes one approved value of a published period, or adds or cancels
// an adjustment: nothing else does. It is never changed or taken back; the last
// correction of a code is the one that counts.
type Correction struct {
	TownID            string    `gorm:"primaryKey" json:"-"`
	PeriodCode        string    `gorm:"primaryKey" json:"period" example:"2023Q2"`
	Number            int64     `gorm:"primaryKey" json:"number" example:"1"` // 1, 2, … within the period
	PublicationNumber int64     `json:"publication" example:"2"`              // that shows it first
	BranchCode        string    `json:"branch" example:"b07"`
	Code              string    `json:"code" example:"organisation.01"`           // of an indicator or quantity, or of an adjustment
	Adjustment        string    `json:"adjustment,omitempty" enums:"add,cancel"`  // absent: a value is corrected
	Value             *float64  `json:"value,omitempty" example:"96.5"`           // of a rated indicator what all ratings together come to
	Level             *string   `json:"level,omitempty"`                          // instead of a value
	NotApplicable     bool      `json:"not_applicable,omitempty"`                 // instead of a value
	Replaces          string    `json:"replaces" example:"69.5"`                  // the value before: a number, a level, n/a, or empty where there was none
	Reason            string    `json:"reason" example:"minutes were overlooked"` //
	Evidence          string    `json:"evidence,omitempty"`                       //
	AppealID          *string   `json:"appeal,omitempty" format:"uuid"`           // absent: the leading group found the mistake itself
	MadeBy            string    `json:"made_by" example:"group-1"`                //
	CreatedAt         time.Time `json:"created_at"`
}

// The two things that a correction does to an adjustment.
const (
	AddAdjustment    = "add"    // one more of the item
	CancelAdjustment = "cancel" // one less
)

// ListCorrections gives the corrections behind the publications of the periods, in
// the order of their making: up to the publication through, or all where that is 0.
func ListCorrections(ctx context.Context, db *gorm.DB, townID string, periods []string, through int64) ([]Correction, error) {
	q := db.WithContext(ctx).Where("town_id = ? AND period_code IN ?", townID, periods)
	if through > 0 {
		q = q.Where("publication_number <= ?", through)
	}
	var list []Correction
	err := q.Order("period_code, number").Find(&list).Error
	return list, err
}

// sayings are what the sheets of a period say, by branch and code, with the
// corrections over them.
type sayings map[[2]string]*cell

// readSayings reads the approved cells of one period.
func readSayings(ctx context.Context, db *gorm.DB, townID, period string) (sayings, error) {
	cells, err := approvedCells(ctx, db, townID, period)
	said := make(sayings, len(cells))
	for i := range cells {
		said[[2]string{cells[i].branch, cells[i].code}] = &cells[i]
	}
	return said, err
}

// correct puts corrections of values over what the sheets say.
func (s sayings) correct(list []Correction) {
	for _, c := range list {
		if c.Adjustment != "" {
			continue
		}
		key := [2]string{c.BranchCode, c.Code}
		if s[key] == nil {
			s[key] = &cell{branch: c.BranchCode, code: c.Code}
		}
		s[key].corrected = &saying{value: c.Value, level: c.Level, notApplicable: c.NotApplicable}
	}
}

// told is what is said about a code of a branch, as a data file writes it: empty
// where nothing is. Several ratings are told as what they come to.
func (s sayings) told(c *scheme.Compiled, branch, code string) string {
	said := s[[2]string{branch, code}]
	if said == nil {
		return ""
	}
	last := said.now()
	if n := c.Node(code); n != nil && n.Entry == scheme.Rated && said.corrected == nil {
		x, waived := said.raw(n)
		if last = (saying{notApplicable: waived}); x == x { // not NaN
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

// corrections are those of one period; before it is published there are none.
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
