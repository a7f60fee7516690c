// Package people holds persons, their appointments, their assignments to branches, and
// liaison offices.
package people

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

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
	"bulwark/internal/workflow"
)

// Person is someone who evaluates, helps, leads or decides in a town.
type Person struct {
	TownID     string    `gorm:"primaryKey" json:"-"`
	Code       string    `gorm:"primaryKey" json:"code" example:"mentor-1"`
	Name       text.Text `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	Provenance string    `json:"provenance,omitempty" example:"invented"`
	Salt       string    `json:"-"` // of the digests of the name in row records, which are worthless without it
	// since when the name is a pseudonym; absent where it is not
	PseudonymisedAt *time.Time `json:"pseudonymised_at,omitempty"`
	// what other systems call the person, in the order of these; absent where there is nothing
	ExternalCodes []town.ExternalCode `gorm:"-" json:"external_codes,omitempty"`
	Allowed       []string            `gorm:"-" json:"allowed"` // what the caller can do with the person now
	database.Versioned
}

// Ref names the person.
func (p Person) Ref() workflow.Ref {
	return workflow.Ref{Town: p.TownID, ID: p.Code, Version: p.Version}
}

// PersonCode is a row of an external code of a person.
type PersonCode struct {
	TownID     string `gorm:"primaryKey" json:"-"`
	PersonCode string `gorm:"primaryKey" json:"-"`
	SystemKey  string `gorm:"primaryKey" json:"-"`
	CodeKey    string `json:"-"`
	System     string `json:"system"`
	Code       string `json:"code"`
	Salt       string `json:"-"` // of the digests of the code in row records
}

// recorded is a person as the trail keeps him or her: by code, without the name and what
// other systems call the person, which a record could never lose.
type recorded struct {
	Code            string     `json:"code"`
	Provenance      string     `json:"provenance,omitempty"`
	PseudonymisedAt *time.Time `json:"pseudonymised_at,omitempty"`
	// the systems of his or her external codes
	ExternalSystems []string `json:"external_systems,omitempty"`
	// the records of the trail in which the name was found when it was replaced
	NameIn []int64 `json:"name_in,omitempty"`
	database.Versioned
}

func (p Person) recorded() recorded {
	r := recorded{Code: p.Code, Provenance: p.Provenance, PseudonymisedAt: p.PseudonymisedAt, Versioned: p.Versioned}
	for _, c := range p.ExternalCodes {
		r.ExternalSystems = append(r.ExternalSystems, c.System)
	}
	return r
}

var noun = text.Text{ZH: "人员", EN: "person"}

// PersonState is whether a person still has his or her name.
type PersonState string

// The states of a person.
const (
	WithName      PersonState = "named"
	Pseudonymised PersonState = "pseudonymised" // the name is a pseudonym for good
)

// personReader is a caller who reads or changes people.
type personReader struct {
	access.Caller
	active map[string][]string // by code: the addresses of what must end first
	nameIn []int64
	codes  map[workflow.Ref][]town.ExternalCode // of each version that was read
}

func personReaderOf(ctx context.Context, db *gorm.DB, townID string) (*personReader, error) {
	c, err := access.CallerOf(ctx, db, townID, policy.ReadPeople)
	return &personReader{Caller: c, codes: map[workflow.Ref][]town.ExternalCode{}}, err
}

// persons is the life of a person: he or she is renamed, and loses the name on request.
var persons = workflow.Kind[Person, PersonState, *personReader]{
	Noun: noun, Name: "person", Key: "code", Column: "-", Reader: personReaderOf,
	Titles: workflow.Titles[PersonState]{
		WithName: {ZH: "实名", EN: "named"}, Pseudonymised: {ZH: "已假名化", EN: "pseudonymised"},
	},
	Verbs: []workflow.Verb[Person, PersonState, *personReader]{
		{Name: "rename", From: []PersonState{WithName}, Action: policy.WritePeople, Silent: true},
		{
			Name: "pseudonymise", From: []PersonState{WithName}, To: Pseudonymised, Action: policy.Pseudonymise, Reason: true,
			When: []workflow.Rule[Person, *personReader]{notActive},
		},
	},
}.Checked()

// notActive refuses a person who still acts in the town.
func notActive(v *personReader, p Person) error {
	if list := v.active[p.Code]; len(list) > 0 {
		return fault.Conflict("person_active", "“%[1]s”仍有未结束的聘任、关系、账号或密钥，请先结束：%[2]s",
			"%[1]q still has appointments, ties, accounts or keys: end these first: %[2]s", p.Code, strings.Join(list, ", "))
	}
	return nil
}

// State returns the state of the person.
func (v *personReader) State(p Person) (PersonState, fault.Lock) {
	if p.PseudonymisedAt != nil {
		return Pseudonymised, fault.Lock{At: *p.PseudonymisedAt, CanLift: fault.Nobody}
	}
	return WithName, fault.Lock{At: p.CreatedAt}
}

// Visible narrows nothing: the action of the route has let the caller in.
func (v *personReader) Visible(q *gorm.DB) *gorm.DB { return q }

// loadCodes reads the external codes of people, by one statement.
func (v *personReader) loadCodes(db *gorm.DB, list []Person) error {
	codes, refs := make([]string, len(list)), make(map[string]workflow.Ref, len(list))
	for i, p := range list {
		codes[i], refs[p.Code] = p.Code, p.Ref()
		v.codes[p.Ref()] = []town.ExternalCode{}
	}
	var rows []PersonCode
	err := db.Where("town_id = ? AND person_code IN ?", v.Town, codes).Order("person_code, system_key").Find(&rows).Error
	for _, r := range rows {
		ref := refs[r.PersonCode]
		v.codes[ref] = append(v.codes[ref], town.ExternalCode{System: r.System, Code: r.Code})
	}
	return err
}

// storeCodes sets these external codes of the person and no others.
func storeCodes(tx *gorm.DB, townID, person string, list []town.ExternalCode) error {
	err := town.RefuseTaken(func() *gorm.DB {
		return tx.Model(&PersonCode{}).Select("person_code AS owner").Where("town_id = ? AND person_code <> ?", townID, person)
	}, list)
	if err != nil {
		return err
	}
	if err := tx.Where("town_id = ? AND person_code = ?", townID, person).Delete(&PersonCode{}).Error; err != nil || len(list) == 0 {
		return err
	}
	rows := make([]PersonCode, len(list))
	for i, c := range list {
		system, code := c.Keys()
		rows[i] = PersonCode{townID, person, system, code, c.System, c.Code, rand.Text()}
	}
	return town.CodeTaken(tx.Create(&rows).Error)
}

// Load reads the external codes of people and what they still hold, this for who may
// pseudonymise them.
func (v *personReader) Load(ctx context.Context, db *gorm.DB, list []Person, depth workflow.Depth) error {
	if err := v.loadCodes(db.WithContext(ctx), list); err != nil {
		return err
	}
	if !v.May(policy.Pseudonymise) {
		return nil
	}
	codes := make([]string, len(list))
	for i, p := range list {
		codes[i] = p.Code
		if depth == workflow.ForChange {
			if err := LockPerson(db.WithContext(ctx), v.Town, p.Code); err != nil {
				return err
			}
		}
	}
	active, err := credential.Working(ctx, db, v.Town, codes)
	if err != nil {
		return err
	}
	of := func() *gorm.DB {
		return db.WithContext(ctx).Where("town_id = ? AND person_code IN ?", v.Town, codes).
			Where("(valid_until IS NULL OR valid_until >= ?) AND cancelled_at IS NULL", v.Today).Order("id")
	}
	v.active = active
	add := func(code, address string) { v.active[code] = append(v.active[code], address) }
	var appointments []Appointment
	if err := of().Find(&appointments).Error; err != nil {
		return err
	}
	for _, a := range appointments {
		add(a.PersonCode, "appointments/"+a.ID)
	}
	var assignments []Assignment
	if err := of().Find(&assignments).Error; err != nil {
		return err
	}
	for _, a := range assignments {
		add(a.PersonCode, "assignments/"+a.ID)
	}
	var members []OfficeMember
	err = of().Find(&members).Error
	for _, m := range members {
		add(m.PersonCode, "offices/"+m.OfficeCode+"/members/"+m.ID)
	}
	return err
}

// Show returns the person with what the caller can do.
func (v *personReader) Show(p Person, allowed []string) Person {
	p.Allowed, p.ExternalCodes = allowed, v.codes[p.Ref()]
	return p
}

// Audit returns the person without the name.
func (v *personReader) Audit(p Person, _ string) (string, any) {
	p.ExternalCodes = v.codes[p.Ref()]
	r := p.recorded()
	if p.PseudonymisedAt != nil {
		r.NameIn = v.nameIn
	}
	return "people/" + p.Code, r
}

// Read returns one person of the town, with what the caller can do.
func Read(ctx context.Context, db *gorm.DB, townID, code string) (Person, error) {
	return persons.Find(ctx, db, townID, code)
}

// Find returns one person of the town.
func Find(ctx context.Context, db *gorm.DB, townID, code string) (_ Person, err error) {
	defer fault.Wrap(&err, "person %s", code)
	return database.Take[Person](db.WithContext(ctx).Where("town_id = ? AND code = ?", townID, code), noun, code)
}

// Filter narrows a list of people; zero fields do not.
type Filter struct {
	Coded *town.ExternalCode // only what another system calls so
	After string             // codes after this one
	Limit int
}

// List returns the people of the town, in the order of codes.
func List(ctx context.Context, db *gorm.DB, townID string, f Filter) (_ []Person, err error) {
	defer fault.Wrap(&err, "people of %s", townID)
	v, err := personReaderOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := db.WithContext(ctx).Where("town_id = ? AND code > ?", townID, f.After)
	if f.Coded != nil {
		system, code := f.Coded.Keys()
		q = q.Where("code IN (?)", db.Model(&PersonCode{}).Select("person_code").
			Where("town_id = ? AND system_key = ? AND code_key = ?", townID, system, code))
	}
	return persons.List(ctx, db, v, q.Order("code").Limit(f.Limit))
}

// Create adds a person to the town.
func Create(ctx context.Context, db *gorm.DB, p Person) (_ Person, err error) {
	defer fault.Wrap(&err, "write person %s", p.Code)
	if faults := p.faults(); len(faults) > 0 {
		return Person{}, fault.Broken(faults...)
	}
	p.ExternalCodes = town.SortedCodes(p.ExternalCodes)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := credential.RefuseAccountsName(ctx, tx, p.TownID, p.Code); err != nil {
			return err
		}
		p.Versioned, p.Salt = database.Versioned{Version: 1}, rand.Text()
		if err := tx.Create(&p).Error; err != nil {
			return town.Taken(err)
		}
		if err := storeCodes(tx, p.TownID, p.Code, p.ExternalCodes); err != nil {
			return err
		}
		return audit.Write(ctx, tx,
			audit.Change{Town: p.TownID, Action: "person.create", Subject: "people/" + p.Code, After: p.recorded()})
	})
	if err != nil {
		return p, err
	}
	v, err := personReaderOf(ctx, db, p.TownID)
	if err == nil {
		p.Allowed = persons.Allowed(v, p) // a new person holds nothing
	}
	return p, err
}

func (p Person) faults() []fault.FieldError {
	return append(town.CheckIdentity(p.Code, p.Name), town.CheckExternalCodes(p.ExternalCodes)...)
}

// Update changes the name of a person, and the external codes unless they are nil, if the
// version is still the stored one.
func Update(ctx context.Context, db *gorm.DB, p Person) (_ Person, err error) {
	defer fault.Wrap(&err, "write person %s", p.Code)
	if faults := p.faults(); len(faults) > 0 {
		return Person{}, fault.Broken(faults...)
	}
	return persons.Do(ctx, db, p.Ref(), "rename", "", func(tx *gorm.DB, v *personReader, before Person) (workflow.Change, error) {
		if p.ExternalCodes != nil {
			if err := v.loadCodes(tx, []Person{before}); err != nil {
				return workflow.Change{}, err
			}
			if err := storeCodes(tx, p.TownID, p.Code, p.ExternalCodes); err != nil {
				return workflow.Change{}, err
			}
		}
		return workflow.Change{Columns: map[string]any{"name_zh": p.Name.ZH, "name_en": p.Name.EN}}, nil
	})
}

// Pseudonymise replaces the name of a person for good by a pseudonym, which is always the
// same for the same code, removes the external codes, and takes from his or her disabled
// accounts the password and the outside identity. Whoever still holds anything in the town is refused with what to end
// first. A person who is pseudonymised already stays as he or she is.
func Pseudonymise(ctx context.Context, db *gorm.DB, ref workflow.Ref, reason string) (_ Person, err error) {
	defer fault.Wrap(&err, "pseudonymise person %s", ref.ID)
	before, err := Read(ctx, db, ref.Town, ref.ID)
	if err != nil || before.PseudonymisedAt != nil {
		return before, err
	}
	return persons.Move(ctx, db, ref, Pseudonymised, reason, func(tx *gorm.DB, v *personReader, p Person) (workflow.Change, error) {
		var err error
		if v.nameIn, err = audit.Naming(ctx, tx, p.TownID, p.Words()); err != nil {
			return workflow.Change{}, err
		}
		if err := v.loadCodes(tx, []Person{p}); err != nil {
			return workflow.Change{}, err
		}
		if err := storeCodes(tx, p.TownID, p.Code, nil); err != nil {
			return workflow.Change{}, err
		}
		if err := credential.Strip(ctx, tx, p.TownID, p.Code); err != nil {
			return workflow.Change{}, err
		}
		name := p.Pseudonym()
		return workflow.Change{Columns: map[string]any{
			"name_zh": name.ZH, "name_en": name.EN, "salt": rand.Text(), "pseudonymised_at": tx.NowFunc(),
		}}, nil
	})
}

// NameIn returns the sequences of the records of the trail in which the name of a person was
// found when it was replaced, in their order.
func NameIn(ctx context.Context, db *gorm.DB, townID, code string) (list []int64, err error) {
	defer fault.Wrap(&err, "records that name %s", code)
	records, err := audit.Recorded(ctx, db, townID, []string{"person.pseudonymise"}, "people/"+code, time.Time{})
	for _, r := range records {
		if r.Subject != "people/"+code {
			continue
		}
		var after recorded
		if err := json.Unmarshal([]byte(r.After), &after); err != nil {
			return nil, err
		}
		list = append(list, after.NameIn...)
	}
	return list, err
}

// Words returns the names of the person that can be looked for in texts; none where they
// are a pseudonym, or too short to mean anybody.
func (p Person) Words() (list []string) {
	for _, name := range []string{p.Name.ZH, p.Name.EN} {
		if p.PseudonymisedAt == nil && len([]rune(name)) > 1 && name != p.Code && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// Pseudonym returns what a person is called once he or she is pseudonymised. It is made
// from the codes alone, so that the name cannot be found by trying names.
func (p Person) Pseudonym() text.Text {
	sum := sha256.Sum256([]byte("bulwark/pseudonym 1\n" + p.TownID + "\n" + p.Code))
	word := hex.EncodeToString(sum[:4])
	return text.F("化名 %s", "Pseudonym %s", word)
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
