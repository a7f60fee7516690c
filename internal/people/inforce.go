package people

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
)

// HeldDuty is one duty of a person for one branch.
type HeldDuty struct {
	Duty   access.Duty `json:"duty" swaggertype:"string" enums:"leads,mentors,instructs"`
	Branch string      `json:"branch" example:"b07"`
}

// PersonOn is a person with what he or she holds on a day.
type PersonOn struct {
	Person
	Roles   []access.Role `json:"roles" swaggertype:"array,string" example:"mentor"` // appointed to, in the order of the policy table
	Duties  []HeldDuty    `json:"duties"`                                            // in the order of their making
	Offices []string      `json:"offices" example:"agriculture"`                     // liaison offices, as a member
}

// OnDay adds to people of a town what they hold on the day, by three statements
// for all of them.
func OnDay(ctx context.Context, db *gorm.DB, townID string, persons []Person, on day.Date) ([]PersonOn, error) {
	all := make([]PersonOn, len(persons))
	at := make(map[string]*PersonOn, len(persons))
	codes := make([]string, len(persons))
	for i, p := range persons {
		all[i] = PersonOn{Person: p, Roles: []access.Role{}, Duties: []HeldDuty{}, Offices: []string{}}
		at[p.Code], codes[i] = &all[i], p.Code
	}
	of := func() *gorm.DB {
		return inForce(db.WithContext(ctx), on).Where("town_id = ? AND person_code IN ?", townID, codes).Order("id")
	}
	letters, err := lettersOn(ctx, db, townID, on, codes)
	if err != nil {
		return nil, err
	}
	for _, role := range access.Roles() {
		for i := range all {
			if letters[holder{all[i].Code, role}] != nil {
				all[i].Roles = append(all[i].Roles, role)
			}
		}
	}
	var assignments []Assignment
	if err := of().Find(&assignments).Error; err != nil {
		return nil, err
	}
	for _, a := range assignments {
		at[a.PersonCode].Duties = append(at[a.PersonCode].Duties, HeldDuty{a.Duty, a.BranchCode})
	}
	var members []OfficeMember
	err = of().Find(&members).Error
	for _, m := range members {
		at[m.PersonCode].Offices = append(at[m.PersonCode].Offices, m.OfficeCode)
	}
	return all, err
}
