package visit

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Inspection is one thing that was looked at.
type Inspection struct {
	Code string `json:"code,omitempty" example:"ledger"`
	Text string `json:"text" example:"the ledger of meetings is kept"`
	Mark string `json:"mark" enums:"ok,not_ok,not_applicable"`
	Note string `json:"note,omitempty"`
}

// Inspections are stored as JSON text.
type Inspections []Inspection

// Value stores the checks.
func (c Inspections) Value() (driver.Value, error) { return database.JSON[[]Inspection]{V: c}.Value() }

// Scan reads what Value has stored.
func (c *Inspections) Scan(src any) error { return database.ScanJSON(src, (*[]Inspection)(c)) }

// GormDataType is the column type on both databases.
func (Inspections) GormDataType() string { return "text" }

// Finding is one thing that a visit found. It names what it is about, so that it
// is entered once and shown there.
type Finding struct {
	TownID     string  `gorm:"primaryKey" json:"-"`
	VisitID    string  `gorm:"primaryKey" json:"-"`
	Number     int64   `gorm:"primaryKey" json:"number"` // from 1, in the order given
	Statement  string  `json:"statement" example:"two meetings have no minutes"`
	Severity   string  `json:"severity" enums:"minor,major,critical"`
	Indicator  string  `json:"indicator,omitempty" example:"organisation.01"`
	Measure    *int64  `json:"measure,omitempty" example:"3"`
	PlanItemID *string `json:"plan_item,omitempty" format:"uuid"`
}

// TableName is the table of findings.
func (Finding) TableName() string { return "visit_findings" }

// addFindings sets the findings of visits, by one statement for all of them.
func addFindings(ctx context.Context, db *gorm.DB, townID string, visits []Visit) error {
	ids := make([]string, len(visits))
	at := make(map[string]*Visit, len(visits))
	for i := range visits {
		visits[i].Findings = []Finding{}
		ids[i], at[visits[i].ID] = visits[i].ID, &visits[i]
	}
	var all []Finding
	err := db.WithContext(ctx).Where("town_id = ? AND visit_id IN ?", townID, ids).Order("visit_id, number").
		Find(&all).Error
	for _, f := range all {
		at[f.VisitID].Findings = append(at[f.VisitID].Findings, f)
	}
	return err
}

// storeFindings replaces what the visit found.
func (v *Visit) storeFindings(tx *gorm.DB) error {
	if err := tx.Where("town_id = ? AND visit_id = ?", v.TownID, v.ID).Delete(&Finding{}).Error; err != nil {
		return err
	}
	v.number()
	if len(v.Findings) == 0 {
		return nil
	}
	return tx.Create(&v.Findings).Error
}

// number sets the keys of the findings.
func (v *Visit) number() {
	for i := range v.Findings {
		v.Findings[i].TownID, v.Findings[i].VisitID, v.Findings[i].Number = v.TownID, v.ID, int64(i+1)
	}
}

// check returns the faults of findings that name no code, measure or item.
func (c Content) check() (faults []fault.FieldError) {
	for i, f := range c.Findings {
		if f.Indicator != "" && !text.IsCode(f.Indicator) {
			faults = append(faults, fault.BadCode(fmt.Sprintf("/findings/%d/indicator", i)))
		}
		if f.Measure != nil && (*f.Measure < 1 || *f.Measure > 7) {
			faults = append(faults, fault.Field(fmt.Sprintf("/findings/%d/measure", i), "unknown_measure", "措施编号为 1 至 7",
				"measures have the numbers 1 to 7"))
		}
		if f.PlanItemID != nil && uuid.Validate(*f.PlanItemID) != nil {
			faults = append(faults, unknownItem(i))
		}
	}
	return faults
}

func unknownItem(i int) fault.FieldError {
	return fault.Field(fmt.Sprintf("/findings/%d/plan_item", i), "unknown_item", "该党组织的方案没有这一提升事项",
		"no plan of the branch has such an item")
}
