package people

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// Named is a person or an office with the name in the language of the answer.
type Named struct {
	Code string `json:"code" example:"mentor-1"`
	Name string `json:"name" example:"导师一"`
}

// namedRow is a person or an office with the name in both languages.
type namedRow struct {
	Code string
	Name text.Text `gorm:"embedded;embeddedPrefix:name_"`
}

func (r namedRow) in(language string) Named { return Named{r.Code, r.Name.In(language)} }

// AppointmentLetter is what a pairing shows of an appointment.
type AppointmentLetter struct {
	ID        string   `json:"id" format:"uuid"`
	Letter    string   `json:"letter,omitempty" example:"演示聘字〔2022〕1号"`
	ValidFrom day.Date `json:"from" swaggertype:"string" format:"date"` // the first day
	// the last day; absent = until further notice
	ValidUntil *day.Date `json:"until,omitempty" swaggertype:"string" format:"date"`
}

// Paired is a person who has a duty for a branch.
type Paired struct {
	Person    Named    `json:"person"`
	ValidFrom day.Date `json:"from" swaggertype:"string" format:"date"` // the first day
	// the last day; absent = until further notice
	ValidUntil *day.Date `json:"until,omitempty" swaggertype:"string" format:"date"`
	Exclusive  bool      `json:"exclusive"`
	// to the role of the duty; absent = the person does not hold it on the day
	Appointment *AppointmentLetter `json:"appointment,omitempty"`
}

// LinkedOffice is a liaison office that works for a branch, with its members.
type LinkedOffice struct {
	Office    Named    `json:"office"`
	ValidFrom day.Date `json:"from" swaggertype:"string" format:"date"` // the first day
	// the last day; absent = until further notice
	ValidUntil *day.Date `json:"until,omitempty" swaggertype:"string" format:"date"`
	Members    []Named   `json:"members"`
}

// Pairing is who leads, mentors, instructs and serves one branch on a day.
type Pairing struct {
	Branch      town.BranchRef `json:"branch"`
	Leads       []Paired       `json:"leads"`
	Mentors     []Paired       `json:"mentors"`
	Instructors []Paired       `json:"instructors"`
	Offices     []LinkedOffice `json:"offices"`
}

// PairingFilter selects the branches, and the day.
type PairingFilter struct {
	On       day.Date
	Language string // of the names
	Branch   string // this one alone
	After    string // codes after this one
	Limit    int    // 0 = all
}

// ListPairings returns the pairings of the branches that exist on the day, in the
// order of their codes, all of them from one state of the database.
func ListPairings(ctx context.Context, db *gorm.DB, townID string, f PairingFilter) (pairings []Pairing, err error) {
	defer fault.Wrap(&err, "pairings of %s", townID)
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		pairings, err = f.branches(ctx, tx, townID)
		if err != nil || len(pairings) == 0 {
			return err
		}
		p := pairer{townID, f.Language, f.On, make([]string, len(pairings)), make(map[string]*Pairing, len(pairings))}
		for i := range pairings {
			p.codes[i] = pairings[i].Branch.Code
			p.at[p.codes[i]] = &pairings[i]
		}
		if err := p.addPeople(ctx, tx); err != nil {
			return err
		}
		return p.addOffices(ctx, tx)
	})
	return pairings, err
}

func (f PairingFilter) branches(ctx context.Context, tx *gorm.DB, townID string) ([]Pairing, error) {
	var branches []town.Branch
	var err error
	if f.Branch == "" {
		branches, err = town.ListBranches(ctx, tx, townID, town.BranchFilter{On: f.On, After: f.After, Limit: f.Limit})
	} else if b, missing := town.FindBranch(ctx, tx, townID, f.Branch, f.On); missing != nil {
		err = missing
	} else if b.Code > f.After {
		branches = []town.Branch{b}
	}
	pairings := make([]Pairing, len(branches))
	for i, b := range branches {
		pairings[i] = Pairing{
			Branch: b.Ref(f.Language), Leads: []Paired{}, Mentors: []Paired{}, Instructors: []Paired{},
			Offices: []LinkedOffice{},
		}
	}
	return pairings, err
}

// pairer fills the pairings of branches on a day.
type pairer struct {
	town, language string
	on             day.Date
	codes          []string            // of the branches
	at             map[string]*Pairing // by code
}

// addPeople adds who has a duty for the branches on the day, with the letters by
// which they hold its role.
func (p pairer) addPeople(ctx context.Context, tx *gorm.DB) error {
	var assignments []Assignment
	err := inForce(tx.WithContext(ctx), p.on).Where("town_id = ? AND branch_code IN ?", p.town, p.codes).
		Order("branch_code, valid_from, id").Find(&assignments).Error
	if err != nil {
		return err
	}
	codes := make([]string, len(assignments))
	for i, a := range assignments {
		codes[i] = a.PersonCode
	}
	names, err := NamesOf(ctx, tx, p.town, codes)
	if err != nil {
		return err
	}
	letters, err := lettersOn(ctx, tx, p.town, p.on, codes)
	if err != nil {
		return err
	}
	for _, a := range assignments {
		paired := Paired{
			Named{a.PersonCode, names[a.PersonCode].In(p.language)},
			a.ValidFrom, a.ValidUntil, a.Exclusive,
			letters[holder{a.PersonCode, a.Duty.Role()}],
		}
		pairing := p.at[a.BranchCode]
		switch a.Duty {
		case access.Leads:
			pairing.Leads = append(pairing.Leads, paired)
		case access.Mentors:
			pairing.Mentors = append(pairing.Mentors, paired)
		case access.Instructs:
			pairing.Instructors = append(pairing.Instructors, paired)
		}
	}
	return nil
}

// NamesOf returns the names of people by code.
func NamesOf(ctx context.Context, db *gorm.DB, townID string, codes []string) (map[string]text.Text, error) {
	var persons []Person
	err := db.WithContext(ctx).Where("town_id = ? AND code IN ?", townID, codes).Find(&persons).Error
	names := make(map[string]text.Text, len(persons))
	for _, p := range persons {
		names[p.Code] = p.Name
	}
	return names, err
}

// holder is somebody in a role.
type holder struct {
	person string
	role   policy.Role
}

// lettersOn returns the appointments of people that are in force on the day.
func lettersOn(
	ctx context.Context, db *gorm.DB, townID string, on day.Date, persons []string,
) (map[holder]*AppointmentLetter, error) {
	var list []Appointment
	err := inForce(db.WithContext(ctx), on).Where("town_id = ? AND person_code IN ?", townID, persons).Find(&list).Error
	letters := make(map[holder]*AppointmentLetter, len(list))
	for _, a := range list {
		letters[holder{a.PersonCode, a.Role}] = a.letter()
	}
	return letters, err
}

func (a Appointment) letter() *AppointmentLetter {
	return &AppointmentLetter{a.ID, a.Letter, a.ValidFrom, a.ValidUntil}
}

// addOffices adds the offices that are linked to the branches on the day, each
// with its members of that day.
func (p pairer) addOffices(ctx context.Context, tx *gorm.DB) error {
	var links []struct {
		Office     namedRow `gorm:"embedded"`
		BranchCode string
		ValidFrom  day.Date
		ValidUntil *day.Date
	}
	args := map[string]any{"town": p.town, "on": p.on, "branches": p.codes}
	err := tx.WithContext(ctx).Raw(`SELECT o.code, o.name_zh, o.name_en, l.branch_code, l.valid_from, l.valid_until
FROM office_links l JOIN offices o ON o.town_id = l.town_id AND o.code = l.office_code
WHERE l.town_id = @town AND l.branch_code IN @branches AND l.valid_from <= @on AND (l.valid_until IS NULL OR l.valid_until >= @on)
	AND l.cancelled_at IS NULL
ORDER BY o.code, l.id`, args).Scan(&links).Error
	if err != nil {
		return err
	}
	var members []struct {
		Person     namedRow `gorm:"embedded"`
		OfficeCode string
	}
	err = tx.WithContext(ctx).Raw(`SELECT m.office_code, p.code, p.name_zh, p.name_en
FROM office_members m JOIN people p ON p.town_id = m.town_id AND p.code = m.person_code
WHERE m.town_id = @town AND m.valid_from <= @on AND (m.valid_until IS NULL OR m.valid_until >= @on)
	AND m.cancelled_at IS NULL
ORDER BY p.code`, args).Scan(&members).Error
	if err != nil {
		return err
	}
	of := map[string][]Named{}
	for _, m := range members {
		of[m.OfficeCode] = append(of[m.OfficeCode], m.Person.in(p.language))
	}
	for _, l := range links {
		pairing := p.at[l.BranchCode]
		pairing.Offices = append(pairing.Offices, LinkedOffice{
			l.Office.in(p.language), l.ValidFrom, l.ValidUntil, append([]Named{}, of[l.Office.Code]...),
		})
	}
	return nil
}
