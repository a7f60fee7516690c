package people_test

import (
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/people/peopletest"
	"bulwark/internal/town"
)

func assignment(person, branch string, duty access.Duty, from, until day.Date) people.Assignment {
	a := people.Assignment{TownID: "a", PersonCode: person, BranchCode: branch, Duty: duty, ValidFrom: from}
	if until != "" {
		a.ValidUntil = &until
	}
	return a
}

func TestAssignmentsAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		ctx := t.Context()
		peopletest.Assign(t, db, "p1", "b1", access.Mentors, "2023-03-01", "2023-06-30")
		_, err := town.Close(ctx, db, town.BranchChange{Town: "a", Branch: "b3", Version: 1, On: "2023-01-01"})
		peopletest.Must(t, err)
		for _, tt := range []struct {
			what string
			a    people.Assignment
			code string
			at   []string
		}{
			{
				"the same again", assignment("p1", "b1", access.Mentors, "2023-03-01", "2023-06-30"), "overlapping_assignment",
				nil,
			},
			{
				"over its first day", assignment("p1", "b1", access.Mentors, "2022-01-01", "2023-03-01"), "overlapping_assignment",
				nil,
			},
			{"over its last day", assignment("p1", "b1", access.Mentors, "2023-06-30", ""), "overlapping_assignment", nil},
			{"within it", assignment("p1", "b1", access.Mentors, "2023-04-01", "2023-04-02"), "overlapping_assignment", nil},
			{"around it", assignment("p1", "b1", access.Mentors, "2022-01-01", ""), "overlapping_assignment", nil},
			{
				"ends first", assignment("p2", "b1", access.Mentors, "2023-04-02", "2023-04-01"), "invalid",
				[]string{"/until"},
			},
			{"unknown duty", assignment("p2", "b1", "rules", "2023-04-01", ""), "invalid", []string{"/duty"}},
			{"unknown person", assignment("p9", "b1", access.Mentors, "2023-04-01", ""), "invalid", []string{"/person"}},
			{"unknown branch", assignment("p2", "b9", access.Mentors, "2023-04-01", ""), "invalid", []string{"/branch"}},
			{"before the branch", assignment("p2", "b1", access.Mentors, "2019-12-31", ""), "invalid", []string{"/branch"}},
			{"after the branch", assignment("p2", "b3", access.Mentors, "2023-01-01", ""), "invalid", []string{"/branch"}},
		} {
			_, err := people.Assign(ctx, db, tt.a)
			peopletest.Refused(t, tt.what, err, tt.code, tt.at...)
		}
		peopletest.Assign(t, db, "p1", "b1", access.Mentors, "2023-07-01", "")           // the day after
		peopletest.Assign(t, db, "p1", "b1", access.Mentors, "2022-01-01", "2023-02-28") // the day before
		peopletest.Assign(t, db, "p1", "b1", access.Instructs, "2023-03-01", "")         // another duty
		peopletest.Assign(t, db, "p1", "b2", access.Mentors, "2023-03-01", "")           // another branch
		peopletest.Assign(t, db, "p2", "b1", access.Mentors, "2023-03-01", "")           // another person
		peopletest.Assign(t, db, "p2", "b3", access.Mentors, "2022-12-31", "2022-12-31") // the last day of the branch
		all, err := people.ListAssignments(ctx, db, "a", people.AssignmentFilter{})
		peopletest.Must(t, err)
		if len(all) != 7 {
			t.Errorf("%d assignments are stored, want 7", len(all))
		}
	})
}

func TestAnAssignmentEndsSooner(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		ctx := t.Context()
		made := assignment("p1", "b1", access.Mentors, "2023-03-01", "2023-06-30")
		made.Reason = "appointed"
		a, err := people.Assign(ctx, db, made)
		peopletest.Must(t, err)
		end := func(version int64, until day.Date, reason string) error {
			var err error
			a, err = people.EndAssignment(ctx, db, "a", a.ID, people.Ending{Version: version, Until: until, Reason: reason})
			return err
		}
		id := a.ID
		for _, tt := range []struct {
			what    string
			version int64
			until   day.Date
			code    string
			at      []string
		}{
			{"before its start", 1, "2023-02-28", "invalid", []string{"/until"}},
			{"later than it ends", 1, "2023-07-01", "invalid", []string{"/until"}},
			{"old version", 2, "2023-05-01", "stale_version", nil},
		} {
			_, err := people.EndAssignment(ctx, db, "a", id, people.Ending{Version: tt.version, Until: tt.until})
			peopletest.Refused(t, tt.what, err, tt.code, tt.at...)
		}
		_, err = people.EndAssignment(ctx, db, "q", id, people.Ending{Version: 1, Until: "2023-05-01"})
		peopletest.Refused(t, "of another town", err, "not_found")
		peopletest.Must(t, end(1, "2023-05-01", ""))
		if a.Version != 2 || *a.ValidUntil != "2023-05-01" || a.Reason != "appointed" {
			t.Errorf("it is %+v", a)
		}
		peopletest.Must(t, end(2, "2023-03-01", "left")) // one day is enough
		if a.Reason != "left" {
			t.Errorf("the reason is %q", a.Reason)
		}
		peopletest.Assign(t, db, "p1", "b1", access.Mentors, "2023-03-02", "")
	})
}

// Whoever assigns a person waits for another who does, and then sees it.
func TestAssignmentsDoNotRace(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		peopletest.Refused(t, "the second", overtaken(t, db, func(tx *gorm.DB) error {
			_, err := people.Assign(t.Context(), tx, assignment("p1", "b1", access.Mentors, "2023-01-01", ""))
			return err
		}, func() error {
			_, err := people.Assign(t.Context(), db, assignment("p1", "b1", access.Mentors, "2023-05-01", ""))
			return err
		}), "overlapping_assignment")
	})
}

// An exclusive assignment tolerates no other of its duty for its branch, whichever
// of the two comes first.
func TestExclusiveAssignmentsStandAlone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		exclusive := func(person, branch string, duty access.Duty, from, until day.Date) people.Assignment {
			a := assignment(person, branch, duty, from, until)
			a.Exclusive = true
			return a
		}
		_, err := people.Assign(t.Context(), db, exclusive("p1", "b1", access.Leads, "2023-03-01", "2023-06-30"))
		peopletest.Must(t, err)
		peopletest.Assign(t, db, "p1", "b2", access.Leads, "2023-03-01", "2023-06-30")
		for _, a := range []people.Assignment{
			assignment("p2", "b1", access.Leads, "2023-06-30", ""),
			assignment("p2", "b1", access.Leads, "2022-01-01", "2023-03-01"),
			exclusive("p2", "b1", access.Leads, "2023-04-01", "2023-04-02"),
			exclusive("p2", "b2", access.Leads, "2023-06-30", ""),
		} {
			_, err := people.Assign(t.Context(), db, a)
			peopletest.Refused(t, a.BranchCode+" from "+string(a.ValidFrom), err, "exclusive_assignment")
		}
		for _, a := range []people.Assignment{
			assignment("p2", "b1", access.Leads, "2023-07-01", ""),             // the day after
			assignment("p2", "b1", access.Mentors, "2022-03-01", "2023-06-30"), // another duty
			assignment("p2", "b2", access.Leads, "2023-03-01", ""),             // neither is exclusive
			exclusive("p2", "b3", access.Leads, "2023-03-01", ""),              // another branch
		} {
			_, err := people.Assign(t.Context(), db, a)
			peopletest.Must(t, err)
		}
	})
}

// Two who would be exclusive wait for each other, and one of them loses.
func TestExclusiveAssignmentsDoNotRace(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		a, b := assignment("p1", "b1", access.Leads, "2023-01-01", ""), assignment("p2", "b1", access.Leads, "2023-05-01", "")
		a.Exclusive, b.Exclusive = true, true
		peopletest.Refused(t, "the second", overtaken(t, db, func(tx *gorm.DB) error {
			_, err := people.Assign(t.Context(), tx, a)
			return err
		}, func() error {
			_, err := people.Assign(t.Context(), db, b)
			return err
		}), "exclusive_assignment")
	})
}

// Nobody helps a branch as mentor or instructor while leading it, whichever of the
// two comes first; before and after, or another branch, is fine.
func TestNobodyHelpsTheBranchThatHeLeads(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		peopletest.Assign(t, db, "p1", "b1", access.Leads, "2023-03-01", "2023-06-30")
		peopletest.Assign(t, db, "p1", "b2", access.Mentors, "2023-03-01", "2023-06-30")
		peopletest.Assign(t, db, "p1", "b3", access.Instructs, "2023-03-01", "2023-06-30")
		for _, a := range []people.Assignment{
			assignment("p1", "b1", access.Mentors, "2023-06-30", ""),
			assignment("p1", "b1", access.Instructs, "2022-01-01", "2023-03-01"),
			assignment("p1", "b2", access.Leads, "2023-04-01", ""),
			assignment("p1", "b3", access.Leads, "2022-01-01", ""),
		} {
			_, err := people.Assign(t.Context(), db, a)
			peopletest.Refused(t, string(a.Duty)+" "+a.BranchCode, err, "conflict_of_interest")
		}
		peopletest.Assign(t, db, "p1", "b1", access.Mentors, "2023-07-01", "")
		peopletest.Assign(t, db, "p2", "b1", access.Mentors, "2023-03-01", "")
		peopletest.Assign(t, db, "p1", "b2", access.Instructs, "2023-03-01", "")
	})
}
