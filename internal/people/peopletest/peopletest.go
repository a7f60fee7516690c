// Package peopletest makes towns with people for tests of who serves and who may enter.
package peopletest

import (
	"errors"
	"slices"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// Towns makes the open town a with the branches b1 to b3, founded in 2020, and
// the people p1 and p2, and the closed town q with the person p1 and the branch b1.
// All people hold every role that works on branches.
func Towns(t *testing.T, db *gorm.DB) {
	t.Helper()
	ctx := t.Context()
	_, err := town.CreateArea(ctx, db, town.Area{Code: "44", Level: "province", Name: text.Same("44")})
	Must(t, err)
	for code, open := range map[string]bool{"a": true, "q": false} {
		_, err := town.Create(ctx, db, town.Town{Code: code, AreaCode: "44", Name: text.Same(code), OpenResults: open})
		Must(t, err)
	}
	for _, at := range [][2]string{{"a", "b1"}, {"a", "b2"}, {"a", "b3"}, {"q", "b1"}} {
		b := town.Branch{Name: text.Same(at[1]), Kind: "village"}
		b.Life = town.Life{TownID: at[0], Code: at[1], FoundedOn: new(day.Date("2020-01-01")), Provenance: "invented"}
		_, err := town.CreateBranch(ctx, db, b, "")
		Must(t, err)
	}
	for _, at := range [][2]string{{"a", "p1"}, {"a", "p2"}, {"q", "p1"}} {
		_, err := people.Create(ctx, db, people.Person{TownID: at[0], Code: at[1], Name: text.Same(at[1])})
		Must(t, err)
		for _, role := range []policy.Role{policy.Secretary, policy.Mentor, policy.Instructor, policy.Office} {
			_, err := people.Appoint(ctx, db, Appointment(at[0], at[1], role, "2000-01-01", "2099-12-31"))
			Must(t, err)
		}
	}
}

// Appointment returns an appointment with a letter; without until it has no end.
func Appointment(town, person string, role policy.Role, from, until day.Date) people.Appointment {
	a := people.Appointment{TownID: town, PersonCode: person, Role: role, Letter: "invented", ValidFrom: from}
	if until != "" {
		a.ValidUntil = &until
	}
	return a
}

// Assign assigns the person to the branch of the town a; without until it has no end.
func Assign(t *testing.T, db *gorm.DB, person, branch string, duty access.Duty, from, until day.Date) {
	t.Helper()
	a := people.Assignment{TownID: "a", PersonCode: person, BranchCode: branch, Duty: duty, ValidFrom: from}
	if until != "" {
		a.ValidUntil = &until
	}
	_, err := people.Assign(t.Context(), db, a)
	Must(t, err)
}

// Must ends the test on an error.
func Must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Refused checks the code of a fault and the fields that it names.
func Refused(t *testing.T, what string, err error, code string, pointers ...string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Errorf("%s: got %v, want %s", what, err, code)
		return
	}
	var got []string
	for _, f := range e.Fields {
		got = append(got, f.Pointer)
	}
	if e.Code != code || !slices.Equal(got, pointers) {
		t.Errorf("%s: got %s at %q, want %s at %q", what, e.Code, got, code, pointers)
	}
}
