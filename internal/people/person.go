// Package people holds persons, their appointments, their assignments to branches, and
// liaison offices.
package people

import (
	"context"
	"crypto/rand"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// Person is someone who evaluates, helps, leads or decides in a town.
type Person struct {
	TownID     string    `gorm:"primaryKey" json:"-"`
	Code       string    `gorm:"primaryKey" json:"code" example:"mentor-1"`
	Name       text.Text `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	Provenance string    `json:"provenance,omitempty" example:"invented"`
	Salt       string    `json:"-"` // of the digests of the name in row records, which are worthless without it
	database.Versioned
}

var noun = text.Text{ZH: "人员", EN: "person"}

// Find returns one person of the town.
func Find(ctx context.Context, db *gorm.DB, townID, code string) (_ Person, err error) {
	defer fault.Wrap(&err, "person %s", code)
	return find[Person](db.WithContext(ctx).Where("town_id = ? AND code = ?", townID, code), noun, code)
}

// List returns the people of the town after the code, in the order of codes.
func List(ctx context.Context, db *gorm.DB, townID, after string, limit int) (_ []Person, err error) {
	defer fault.Wrap(&err, "people of %s", townID)
	var people []Person
	err = db.WithContext(ctx).Where("town_id = ? AND code > ?", townID,
		after).Order("code").Limit(limit).Find(&people).Error
	return people, err
}

// Create adds a person to the town.
func Create(ctx context.Context, db *gorm.DB, p Person) (_ Person, err error) {
	defer fault.Wrap(&err, "write person %s", p.Code)
	if faults := town.CheckIdentity(p.Code, p.Name); len(faults) > 0 {
		return Person{}, fault.Broken(faults...)
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := credential.RefuseAccountsName(ctx, tx, p.TownID, p.Code); err != nil {
			return err
		}
		p.Versioned, p.Salt = database.Versioned{Version: 1}, rand.Text()
		if err := tx.Create(&p).Error; err != nil {
			return town.Taken(err)
		}
		return audit.Write(ctx, tx,
			audit.Change{Town: p.TownID, Action: "person.create", Subject: "people/" + p.Code, After: p})
	})
	return p, err
}

// Update changes the name of a person if the version is still the stored one.
func Update(ctx context.Context, db *gorm.DB, p Person) (_ Person, err error) {
	defer fault.Wrap(&err, "write person %s", p.Code)
	if faults := town.CheckIdentity(p.Code, p.Name); len(faults) > 0 {
		return Person{}, fault.Broken(faults...)
	}
	var after Person
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := Find(ctx, tx, p.TownID, p.Code)
		if err != nil {
			return err
		}
		change := map[string]any{"name_zh": p.Name.ZH, "name_en": p.Name.EN}
		if err := database.UpdateVersioned(tx, &Person{TownID: p.TownID, Code: p.Code}, p.Version, change); err != nil {
			return err
		}
		if after, err = Find(ctx, tx, p.TownID, p.Code); err != nil {
			return err
		}
		return audit.Write(ctx, tx,
			audit.Change{Town: p.TownID, Action: "person.update", Subject: "people/" + p.Code, Before: before, After: after})
	})
	return after, err
}

// HeldDuty is one duty of a person for one branch.
type HeldDuty struct {
	Duty   access.Duty `json:"duty" swaggertype:"string" enums:"leads,mentors,instructs"`
	Branch string      `json:"branch" example:"b07"`
}

// PersonOn is a person with what he or she holds on a day.
type PersonOn struct {
	Person
	// appointed to, in the order of the policy table
	Roles   []policy.Role `json:"roles" swaggertype:"array,string" example:"mentor"`
	Duties  []HeldDuty    `json:"duties"`                        // in the order of their making
	Offices []string      `json:"offices" example:"agriculture"` // liaison offices, as a member
}

// OnDay adds to people of a town what they hold on the day, by three statements
// for all of them.
func OnDay(ctx context.Context, db *gorm.DB, townID string, persons []Person, on day.Date) (_ []PersonOn, err error) {
	defer fault.Wrap(&err, "people of %s on %s", townID, on)
	all := make([]PersonOn, len(persons))
	at := make(map[string]*PersonOn, len(persons))
	codes := make([]string, len(persons))
	for i, p := range persons {
		all[i] = PersonOn{Person: p, Roles: []policy.Role{}, Duties: []HeldDuty{}, Offices: []string{}}
		at[p.Code], codes[i] = &all[i], p.Code
	}
	of := func() *gorm.DB {
		return inForce(db.WithContext(ctx), on).Where("town_id = ? AND person_code IN ?", townID, codes).Order("id")
	}
	letters, err := lettersOn(ctx, db, townID, on, codes)
	if err != nil {
		return nil, err
	}
	for _, role := range policy.Roles() {
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
