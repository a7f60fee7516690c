package people_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/people"
)

func TestAuthorize(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		found(t, db)
		nobody := people.Principal{}
		reader := people.Principal{Role: people.Reader, Key: "k"}
		group := people.Principal{Role: people.LeadingGroup, Towns: []string{"a"}, Person: "p1", Key: "k"}
		admin := people.Principal{Role: people.Admin, Key: "k"}
		townAdmin := people.Principal{Role: people.Admin, Towns: []string{"a"}, Key: "k"}
		twoTowns := people.Principal{Role: people.Reader, Towns: []string{"a", "q"}, Key: "k"}
		ofBranch := people.Principal{Role: people.LeadingGroup, Towns: []string{"a"}, Branches: []string{"b1"}, Person: "p1", Key: "k"}
		for _, tt := range []struct {
			who    people.Principal
			action people.Action
			town   string
			want   string // code of the refusal
		}{
			{nobody, people.ReadRanking, "a", ""},
			{nobody, people.ReadScorecard, "a", "key_needed"},
			{nobody, people.ReadPeople, "a", "key_needed"},
			{nobody, people.WriteSheets, "a", "key_needed"},
			{nobody, people.ReadRanking, "q", "key_needed"},
			{nobody, people.ReadRanking, "none", "key_needed"},
			{nobody, people.ReadStructure, "", ""},
			{nobody, people.ReadIdentity, "", ""},
			{nobody, people.ManageKeys, "", "key_needed"},
			{nobody, people.ReadAudit, "", "key_needed"},
			{reader, people.ReadRanking, "q", ""},
			{reader, people.ReadRanking, "none", "not_found"},
			{reader, people.ReadPeople, "a", "not_allowed"},
			{reader, people.WriteTowns, "", "not_allowed"},
			{group, people.WriteScheme, "a", ""},
			{group, people.ReadRanking, "q", "not_found"},
			{group, people.WriteScheme, "none", "not_found"},
			{group, people.ManageKeys, "a", "not_allowed"},
			{group, people.ReadStructure, "", ""},
			{admin, people.WriteTowns, "", ""},
			{admin, people.ManageKeys, "", ""},
			{admin, people.WriteSheets, "a", "not_allowed"},
			{admin, people.Compute, "a", "not_allowed"},
			{townAdmin, people.WriteStructure, "a", ""},
			{townAdmin, people.WriteStructure, "q", "not_found"},
			{townAdmin, people.ManageKeys, "", "key_of_a_town"},
			{townAdmin, people.WriteTowns, "", "key_of_a_town"},
			{townAdmin, people.ReadAudit, "", "key_of_a_town"},
			{people.Principal{Role: "king", Key: "k"}, people.ReadRanking, "a", "not_allowed"},
			{twoTowns, people.ReadRanking, "q", ""},
			{twoTowns, people.ReadRanking, "none", "not_found"},
			{twoTowns, people.WriteTowns, "", "key_of_a_town"},
			{ofBranch, people.ReadRanking, "a", ""},
			{ofBranch, people.DecideSheets, "a", ""},
			{ofBranch, people.WritePeriods, "a", "key_of_branches"},
			{ofBranch, people.WriteStructure, "a", "key_of_branches"},
			{ofBranch, people.ReadPeople, "a", "key_of_branches"},
			{ofBranch, people.ReadAudit, "a", "key_of_branches"},
			{ofBranch, people.ManageKeys, "a", "not_allowed"},
			{ofBranch, people.ReadRanking, "q", "not_found"},
		} {
			what := fmt.Sprintf("%s of %v: %s in %q", tt.who.Role, tt.who.Towns, tt.action, tt.town)
			err := people.Authorize(t.Context(), db, tt.who, tt.action, tt.town)
			if tt.want != "" {
				refused(t, what, err, tt.want)
			} else if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// Nobody can tell a town that is closed to him from one that does not exist.
func TestClosedTownsAreHidden(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		found(t, db)
		for _, who := range []people.Principal{{}, {Role: people.Mentor, Towns: []string{"a"}, Person: "p1", Key: "k"}} {
			for action := range table {
				if action == people.ReadService {
					continue
				}
				closed := people.Authorize(t.Context(), db, who, action, "q")
				missing := people.Authorize(t.Context(), db, who, action, "z")
				if closed == nil || missing == nil || strings.ReplaceAll(closed.Error(), `"q"`, `"z"`) != missing.Error() {
					t.Errorf("%q %s: closed %v, missing %v", who.Role, action, closed, missing)
				}
			}
		}
	})
}

func TestReachFollowsAssignments(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		found(t, db)
		assign(t, db, "p1", "b1", people.Mentors, "2023-01-01", "2023-06-30")
		assign(t, db, "p1", "b2", people.Mentors, "2023-06-30", "")
		assign(t, db, "p1", "b3", people.Instructs, "2023-01-01", "") // another duty
		assign(t, db, "p2", "b3", people.Mentors, "2023-01-01", "")   // another person
		mentor := people.Principal{Role: people.Mentor, Towns: []string{"a"}, Person: "p1", Key: "k"}
		for on, want := range map[day.Date]string{
			"2022-12-31": "", "2023-01-01": "b1", "2023-06-29": "b1", "2023-06-30": "b1 b2", "2023-07-01": "b2", "2099-01-01": "b2",
		} {
			reach, err := people.ReachOf(t.Context(), db, mentor, people.WriteSheets, "a", on)
			must(t, err)
			codes := reach.Codes()
			slices.Sort(codes)
			if got := strings.Join(codes, " "); got != want || reach.All {
				t.Errorf("on %s the mentor reaches %q, want %q", on, got, want)
			}
			for _, b := range []string{"b1", "b2", "b3", "none"} {
				err := people.InScope(t.Context(), db, mentor, people.WriteSheets, "a", b, on)
				if may := slices.Contains(codes, b); (err == nil) != may {
					t.Errorf("on %s %s: %v", on, b, err)
				} else if !may {
					refused(t, b, err, "not_assigned")
				}
			}
		}
		for _, tt := range []struct {
			who    people.Principal
			action people.Action
			all    bool
			n      int
		}{
			{people.Principal{Role: people.LeadingGroup, Towns: []string{"a"}, Person: "p1"}, people.WriteSheets, true, 0},
			{people.Principal{Role: people.Instructor, Towns: []string{"a"}, Person: "p1"}, people.WriteSheets, false, 1},
			{people.Principal{Role: people.Secretary, Towns: []string{"a"}, Person: "p1"}, people.WriteSheets, false, 0},
			{people.Principal{Role: people.Mentor, Towns: []string{"a"}}, people.WriteSheets, false, 0}, // a key that lost its person
			{people.Principal{Role: people.Mentor, Towns: []string{"q"}, Person: "p1"}, people.WriteSheets, false, 0},
			{people.Principal{Role: people.Admin}, people.WriteSheets, false, 0},
			{people.Principal{Role: people.Reader}, people.ReadSheets, false, 0},
			{people.Principal{}, people.ReadRanking, true, 0},
			{people.Principal{}, people.ReadScorecard, false, 0},
			{people.Principal{Role: people.LeadingGroup, Towns: []string{"a"}, Branches: []string{"b1", "b3"}, Person: "p1"}, people.DecideSheets, false, 2},
			{people.Principal{Role: people.Instructor, Towns: []string{"a"}, Branches: []string{"b1"}, Person: "p1"}, people.WriteSheets, false, 0},
			{people.Principal{Role: people.Instructor, Towns: []string{"a"}, Branches: []string{"b1", "b3"}, Person: "p1"}, people.WriteSheets, false, 1},
		} {
			town := strings.Join(tt.who.Towns, "")
			if town == "" {
				town = "a"
			}
			reach, err := people.ReachOf(t.Context(), db, tt.who, tt.action, town, "2023-07-01")
			must(t, err)
			if reach.All != tt.all || len(reach.Branches) != tt.n {
				t.Errorf("%q of %v: %s reaches %+v", tt.who.Role, tt.who.Towns, tt.action, reach)
			}
		}
	})
}

func TestIsLedBy(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		found(t, db)
		assign(t, db, "p1", "b1", people.Leads, "2023-01-01", "2023-12-31")
		assign(t, db, "p1", "b2", people.Mentors, "2023-01-01", "")
		for _, tt := range []struct {
			branch, person string
			on             day.Date
			want           bool
		}{
			{"b1", "p1", "2023-01-01", true},
			{"b1", "p1", "2023-12-31", true},
			{"b1", "p1", "2024-01-01", false},
			{"b2", "p1", "2023-05-01", false},
			{"b1", "p2", "2023-05-01", false},
			{"b1", "", "2023-05-01", false},
		} {
			got, err := people.IsLedBy(t.Context(), db, "a", tt.branch, tt.person, tt.on)
			must(t, err)
			if got != tt.want {
				t.Errorf("%s is led by %q on %s: %v", tt.branch, tt.person, tt.on, got)
			}
		}
	})
}
