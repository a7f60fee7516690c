package people_test

import (
	"slices"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/people/peopletest"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

func member(office, person string, from, until day.Date) people.OfficeMember {
	m := people.OfficeMember{TownID: "a", OfficeCode: office, PersonCode: person, ValidFrom: from}
	if until != "" {
		m.ValidUntil = &until
	}
	return m
}

func linkOf(office, branch string, from, until day.Date) people.OfficeLink {
	l := people.OfficeLink{TownID: "a", OfficeCode: office, BranchCode: branch, ValidFrom: from}
	if until != "" {
		l.ValidUntil = &until
	}
	return l
}

// twoOffices has p1 in both, one after the other with one day in common, and p2 in
// the second; both offices work for b1, the second also for b2 and once for b3.
func twoOffices(t *testing.T, db *gorm.DB) {
	t.Helper()
	for _, code := range []string{"o1", "o2"} {
		_, err := people.CreateOffice(t.Context(), db, people.LiaisonOffice{TownID: "a", Code: code, Name: text.Same(code)})
		peopletest.Must(t, err)
	}
	for _, m := range []people.OfficeMember{
		member("o1", "p1", "2023-01-01", "2023-06-30"), member("o2", "p1", "2023-06-30", ""),
		member("o2", "p2", "2023-03-01", ""),
	} {
		_, err := people.JoinOffice(t.Context(), db, m)
		peopletest.Must(t, err)
	}
	for _, l := range []people.OfficeLink{
		linkOf("o1", "b1", "2023-02-01", ""), linkOf("o2", "b1", "2023-01-01", ""), linkOf("o2", "b2", "2023-01-01", ""),
		linkOf("o2", "b3", "2023-05-01", "2023-08-31"),
	} {
		_, err := people.LinkOffice(t.Context(), db, l)
		peopletest.Must(t, err)
	}
}

// The liaison office reaches the branches that an office of the person is linked to
// on the day: both terms count.
func TestAnOfficeReachesItsLinks(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		twoOffices(t, db)
		for _, tt := range []struct {
			person string
			on     day.Date
			want   []string
		}{
			{"p1", "2023-01-31", nil},
			{"p1", "2023-02-01", []string{"b1"}},
			{"p1", "2023-06-29", []string{"b1"}},
			{"p1", "2023-06-30", []string{"b1", "b2", "b3"}},
			{"p1", "2023-09-01", []string{"b1", "b2"}},
			{"p2", "2023-02-28", nil},
			{"p2", "2023-03-01", []string{"b1", "b2"}},
			{"p2", "2023-05-01", []string{"b1", "b2", "b3"}},
			{"", "2023-05-01", nil},
		} {
			p := access.Principal{Role: policy.Office, Towns: []string{"a"}, Person: tt.person, Key: "k"}
			reach, err := p.ReachOf(t.Context(), db, policy.WriteSheets, "a", tt.on)
			peopletest.Must(t, err)
			got := reach.Codes()
			if slices.Sort(got); !slices.Equal(got, tt.want) || reach.All {
				t.Errorf("%q reaches %v on %s, want %v", tt.person, got, tt.on, tt.want)
			}
		}
		mentor := access.Principal{Role: policy.Mentor, Towns: []string{"a"}, Person: "p1", Key: "k"}
		if reach, err := mentor.ReachOf(t.Context(), db, policy.WriteSheets, "a", "2023-06-30"); err != nil ||
			len(reach.Branches) != 0 {
			t.Errorf("as a mentor p1 reaches %v, %v", reach, err)
		}
	})
}

func TestMembersAndLinksAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		newcomer(t, db)
		twoOffices(t, db)
		ctx := t.Context()
		_, err := people.CreateOffice(ctx, db, people.LiaisonOffice{TownID: "a", Code: "o1", Name: text.Same("o1")})
		peopletest.Refused(t, "an office twice", err, "already_exists", "/code")
		_, err = town.Close(ctx, db, town.BranchChange{Town: "a", Branch: "b3", Version: 1, On: "2023-09-01"})
		peopletest.Must(t, err)
		for _, tt := range []struct {
			what string
			m    people.OfficeMember
			code string
			at   []string
		}{
			{"twice", member("o1", "p1", "2023-06-30", ""), "overlapping_membership", nil},
			{"not appointed", member("o1", "p3", "2023-01-01", ""), "invalid", []string{"/person"}},
			{"unknown person", member("o1", "p9", "2023-01-01", ""), "invalid", []string{"/person"}},
			{"unknown office", member("o9", "p2", "2023-01-01", ""), "not_found", nil},
			{"ends first", member("o1", "p2", "2023-01-02", "2023-01-01"), "invalid", []string{"/until"}},
		} {
			_, err := people.JoinOffice(ctx, db, tt.m)
			peopletest.Refused(t, tt.what, err, tt.code, tt.at...)
		}
		for _, tt := range []struct {
			what string
			l    people.OfficeLink
			code string
			at   []string
		}{
			{"twice", linkOf("o2", "b3", "2023-08-31", ""), "overlapping_link", nil},
			{"closed branch", linkOf("o1", "b3", "2023-09-01", ""), "invalid", []string{"/branch"}},
			{"unknown branch", linkOf("o1", "b9", "2023-01-01", ""), "invalid", []string{"/branch"}},
			{"unknown office", linkOf("o9", "b2", "2023-01-01", ""), "not_found", nil},
			{"ends first", linkOf("o1", "b2", "2023-01-02", "2023-01-01"), "invalid", []string{"/until"}},
		} {
			_, err := people.LinkOffice(ctx, db, tt.l)
			peopletest.Refused(t, tt.what, err, tt.code, tt.at...)
		}
	})
}

// Two who join or link the same wait for each other, and one of them loses.
func TestMembersAndLinksDoNotRace(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		twoOffices(t, db)
		peopletest.Refused(t, "the second member", overtaken(t, db, func(tx *gorm.DB) error {
			_, err := people.JoinOffice(t.Context(), tx, member("o1", "p2", "2023-01-01", ""))
			return err
		}, func() error {
			_, err := people.JoinOffice(t.Context(), db, member("o1", "p2", "2023-05-01", ""))
			return err
		}), "overlapping_membership")
		peopletest.Refused(t, "the second link", overtaken(t, db, func(tx *gorm.DB) error {
			_, err := people.LinkOffice(t.Context(), tx, linkOf("o1", "b2", "2023-01-01", ""))
			return err
		}, func() error {
			_, err := people.LinkOffice(t.Context(), db, linkOf("o1", "b2", "2023-05-01", ""))
			return err
		}), "overlapping_link")
	})
}
