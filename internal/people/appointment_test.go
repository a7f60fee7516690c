package people_test

import (
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/people/peopletest"
	"bulwark/internal/policy"
	"bulwark/internal/text"
)

// newcomer adds the person p3, who holds no role, to the town a.
func newcomer(t *testing.T, db *gorm.DB) {
	t.Helper()
	_, err := people.Create(t.Context(), db, people.Person{TownID: "a", Code: "p3", Name: text.Same("p3")})
	peopletest.Must(t, err)
}

func TestAppointmentsAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		newcomer(t, db)
		a, err := people.Appoint(t.Context(), db,
			peopletest.Appointment("a", "p3", policy.Mentor, "2023-01-01", "2023-12-31"))
		peopletest.Must(t, err)
		bare := peopletest.Appointment("a", "p3", policy.Mentor, "2025-01-01", "")
		bare.Letter = ""
		for _, tt := range []struct {
			what string
			a    people.Appointment
			code string
			at   []string
		}{
			{"mentor without letter and end", bare, "invalid", []string{"/letter", "/until"}},
			{"admin", peopletest.Appointment("a", "p3", policy.Admin, "2023-01-01", ""), "invalid", []string{"/role"}},
			{"unknown role", peopletest.Appointment("a", "p3", "king", "2023-01-01", ""), "invalid", []string{"/role"}},
			{
				"ends first", peopletest.Appointment("a", "p3", policy.Leadership, "2023-01-02", "2023-01-01"), "invalid",
				[]string{"/until"},
			},
			{
				"unknown person", peopletest.Appointment("a", "p9", policy.Leadership, "2023-01-01", ""), "invalid",
				[]string{"/person"},
			},
			{
				"person of another town", peopletest.Appointment("q", "p3", policy.Leadership, "2023-01-01", ""), "invalid",
				[]string{"/person"},
			},
			{
				"the same again", peopletest.Appointment("a", "p3", policy.Mentor, "2023-01-01", "2023-12-31"),
				"overlapping_appointment", nil,
			},
			{
				"over its first day", peopletest.Appointment("a", "p3", policy.Mentor, "2022-01-01", "2023-01-01"),
				"overlapping_appointment", nil,
			},
			{
				"over its last day", peopletest.Appointment("a", "p3", policy.Mentor, "2023-12-31", "2024-12-31"),
				"overlapping_appointment", nil,
			},
		} {
			_, err := people.Appoint(t.Context(), db, tt.a)
			peopletest.Refused(t, tt.what, err, tt.code, tt.at...)
		}
		for _, fine := range []people.Appointment{
			peopletest.Appointment("a", "p3", policy.Mentor, "2024-01-01", "2026-12-31"),     // the next term
			peopletest.Appointment("a", "p3", policy.Instructor, "2023-01-01", ""),           // another role
			peopletest.Appointment("a", "p1", policy.LeadingGroup, "2023-01-01", ""),         // another person
			peopletest.Appointment("q", "p1", policy.Leadership, "2022-12-31", "2023-01-01"), // another town
		} {
			_, err := people.Appoint(t.Context(), db, fine)
			peopletest.Must(t, err)
		}
		for on, want := range map[day.Date][]policy.Role{
			"2022-12-31": {}, "2023-12-31": {policy.Mentor, policy.Instructor}, "2027-01-01": {policy.Instructor},
		} {
			roles, err := access.RolesOf(t.Context(), db, "a", "p3", on)
			peopletest.Must(t, err)
			if !slices.Equal(roles, want) {
				t.Errorf("on %s p3 is %v, want %v", on, roles, want)
			}
		}
		for _, until := range []day.Date{"2022-12-31", "2024-01-01"} {
			_, err = people.EndAppointment(t.Context(), db, "a", a.ID, people.Ending{Version: 1, Until: until})
			peopletest.Refused(t, "ended on "+string(until), err, "invalid", "/until")
		}
		_, err = people.EndAppointment(t.Context(), db, "a", a.ID, people.Ending{Version: 2, Until: "2023-06-30"})
		peopletest.Refused(t, "another version", err, "stale_version")
		_, err = people.EndAppointment(t.Context(), db, "q", a.ID, people.Ending{Version: 1, Until: "2023-06-30"})
		peopletest.Refused(t, "another town", err, "not_found")
		ended, err := people.EndAppointment(t.Context(), db, "a", a.ID,
			people.Ending{Version: 1, Until: "2023-06-30", Reason: "resigned"})
		peopletest.Must(t, err)
		if *ended.ValidUntil != "2023-06-30" || ended.Reason != "resigned" || ended.Version != 2 {
			t.Errorf("it ended as %+v", ended)
		}
	})
}

// Duties are for those who hold the role on the first day.
func TestADutyNeedsItsRole(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		newcomer(t, db)
		_, err := people.Appoint(t.Context(), db,
			peopletest.Appointment("a", "p3", policy.Mentor, "2023-01-01", "2023-12-31"))
		peopletest.Must(t, err)
		for _, tt := range []struct {
			duty access.Duty
			from day.Date
		}{
			{access.Mentors, "2022-12-31"},
			{access.Mentors, "2024-01-01"},
			{access.Instructs, "2023-05-01"},
			{access.Leads, "2023-05-01"},
		} {
			_, err := people.Assign(t.Context(), db, assignment("p3", "b1", tt.duty, tt.from, ""))
			peopletest.Refused(t, string(tt.duty)+" from "+string(tt.from), err, "invalid", "/person")
		}
		peopletest.Assign(t, db, "p3", "b1", access.Mentors, "2023-12-31", "")
	})
}

// A key holds the roles that its person is appointed to on the day, which begins
// and ends at midnight in Shanghai, from one request to the next.
func TestAKeyHoldsARoleAsLongAsItsPerson(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			now := day.Date("2023-05-01").Start()
			db := dbtest.Connect(t, dbtest.URL(t, dialect), database.Options{Now: func() time.Time { return now }})
			peopletest.Towns(t, db)
			newcomer(t, db)
			ctx := t.Context()
			a, err := people.Appoint(ctx, db, peopletest.Appointment("a", "p3", policy.Mentor, "2023-01-01", "2023-12-31"))
			peopletest.Must(t, err)
			_, err = people.Appoint(ctx, db, peopletest.Appointment("a", "p3", policy.LeadingGroup, "2023-03-01", "2024-03-31"))
			peopletest.Must(t, err)
			_, err = people.Appoint(ctx, db, peopletest.Appointment("a", "p3", policy.Leadership, "2020-01-01", ""))
			peopletest.Must(t, err)
			_, secret, err := credential.CreateKey(ctx, db,
				credential.Key{
					Roles: []policy.Role{policy.Mentor, policy.LeadingGroup}, Towns: []string{"a"}, PersonCode: new("p3"),
				})
			peopletest.Must(t, err)
			at := func(moment time.Time, want ...policy.Role) {
				t.Helper()
				now = moment
				p, err := credential.Authenticate(ctx, db, secret)
				if len(want) == 0 {
					peopletest.Refused(t, moment.String(), err, "no_role_now")
				} else if err != nil || !slices.Equal(p.Roles, want) || p.Role != want[0] {
					t.Errorf("at %v the key holds %v, %v; want %v", moment, p.Roles, err, want)
				}
			}
			at(day.Date("2023-01-01").Start().Add(-time.Microsecond))
			at(day.Date("2023-01-01").Start(), policy.Mentor)
			at(day.Date("2023-03-01").Start(), policy.Mentor, policy.LeadingGroup)
			at(day.Date("2024-01-01").Start().Add(-time.Microsecond), policy.Mentor, policy.LeadingGroup)
			at(day.Date("2024-01-01").Start(), policy.LeadingGroup)
			at(day.Date("2024-04-01").Start())
			now = day.Date("2023-05-01").Start()
			_, err = people.EndAppointment(ctx, db, "a", a.ID, people.Ending{Version: 1, Until: "2023-04-30"})
			peopletest.Must(t, err)
			at(now, policy.LeadingGroup)
		})
	}
}

// Whoever appoints a person waits for another who does, and then sees it.
func TestAppointmentsDoNotRace(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		newcomer(t, db)
		peopletest.Refused(t, "the second", overtaken(t, db, func(tx *gorm.DB) error {
			_, err := people.Appoint(t.Context(), tx, peopletest.Appointment("a", "p3", policy.Leadership, "2023-01-01", ""))
			return err
		}, func() error {
			_, err := people.Appoint(t.Context(), db, peopletest.Appointment("a", "p3", policy.Leadership, "2023-05-01", ""))
			return err
		}), "overlapping_appointment")
	})
}

// overtaken begins second while first is done but not committed, and gives what
// becomes of second; second must wait.
func overtaken(t *testing.T, db *gorm.DB, first func(tx *gorm.DB) error, second func() error) error {
	t.Helper()
	outcome := make(chan error, 1)
	peopletest.Must(t, database.InTx(t.Context(), db, func(tx *gorm.DB) error {
		err := first(tx)
		go func() { outcome <- second() }()
		select {
		case err := <-outcome:
			t.Errorf("the second did not wait: %v", err)
			outcome <- err
		case <-time.After(200 * time.Millisecond):
		}
		return err
	}))
	return <-outcome
}
