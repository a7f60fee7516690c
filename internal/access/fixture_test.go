package access_test

import (
	"errors"
	"slices"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// found makes the open town a with the branches b1 to b3, founded in 2020, and
// the people p1 and p2, and the closed town q with the person p1 and the branch b1.
// All people hold every role that works on branches.
func found(t *testing.T, db *gorm.DB) {
	t.Helper()
	ctx := t.Context()
	_, err := town.CreateArea(ctx, db, town.Area{Code: "44", Level: "province", Name: text.Same("44")})
	must(t, err)
	for code, open := range map[string]bool{"a": true, "q": false} {
		_, err := town.Create(ctx, db, town.Town{Code: code, AreaCode: "44", Name: text.Same(code), OpenResults: open})
		must(t, err)
	}
	for _, at := range [][2]string{{"a", "b1"}, {"a", "b2"}, {"a", "b3"}, {"q", "b1"}} {
		b := town.Branch{Name: text.Same(at[1]), Kind: "village"}
		b.Life = town.Life{TownID: at[0], Code: at[1], FoundedOn: ptr(day.Date("2020-01-01")), Provenance: "invented"}
		_, err := town.CreateBranch(ctx, db, b)
		must(t, err)
	}
	for _, at := range [][2]string{{"a", "p1"}, {"a", "p2"}, {"q", "p1"}} {
		_, err := people.Create(ctx, db, people.Person{TownID: at[0], Code: at[1], Name: text.Same(at[1])})
		must(t, err)
		for _, role := range []access.Role{access.Secretary, access.Mentor, access.Instructor, access.Office} {
			_, err := people.Appoint(ctx, db, appointment(at[0], at[1], role, "2000-01-01", "2099-12-31"))
			must(t, err)
		}
	}
}

func appointment(town, person string, role access.Role, from, until day.Date) people.Appointment {
	a := people.Appointment{TownID: town, PersonCode: person, Role: role, Letter: "invented", ValidFrom: from}
	if until != "" {
		a.ValidUntil = &until
	}
	return a
}

func ptr[T any](v T) *T { return &v }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks the code of a fault and the places that it names.
func refused(t *testing.T, what string, err error, code string, pointers ...string) {
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

func assign(t *testing.T, db *gorm.DB, person, branch string, duty access.Duty, from, until day.Date) {
	t.Helper()
	a := people.Assignment{TownID: "a", PersonCode: person, BranchCode: branch, Duty: duty, ValidFrom: from}
	if until != "" {
		a.ValidUntil = &until
	}
	_, err := people.Assign(t.Context(), db, a)
	must(t, err)
}
