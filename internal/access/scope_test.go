package access_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/people/peopletest"
	"bulwark/internal/policy"
)

func TestAuthorize(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		nobody := access.Principal{}
		reader := access.Principal{Role: policy.Reader, Key: "k"}
		group := access.Principal{Role: policy.LeadingGroup, Towns: []string{"a"}, Person: "p1", Key: "k"}
		admin := access.Principal{Role: policy.Admin, Key: "k"}
		townAdmin := access.Principal{Role: policy.Admin, Towns: []string{"a"}, Key: "k"}
		twoTowns := access.Principal{Role: policy.Reader, Towns: []string{"a", "q"}, Key: "k"}
		ofBranch := access.Principal{
			Role: policy.LeadingGroup, Towns: []string{"a"}, Branches: []string{"b1"}, Person: "p1",
			Key: "k",
		}
		for _, tt := range []struct {
			who    access.Principal
			action policy.Action
			town   string
			want   string // code of the refusal
		}{
			{nobody, policy.ReadRanking, "a", ""},
			{nobody, policy.ReadScorecard, "a", "key_needed"},
			{nobody, policy.ReadPeople, "a", "key_needed"},
			{nobody, policy.WriteSheets, "a", "key_needed"},
			{nobody, policy.ReadRanking, "q", "key_needed"},
			{nobody, policy.ReadRanking, "none", "key_needed"},
			{nobody, policy.ReadStructure, "", ""},
			{nobody, policy.ReadIdentity, "", ""},
			{nobody, policy.ManageKeys, "", "key_needed"},
			{nobody, policy.ReadAudit, "", "key_needed"},
			{reader, policy.ReadRanking, "q", ""},
			{reader, policy.ReadRanking, "none", "not_found"},
			{reader, policy.ReadPeople, "a", "not_allowed"},
			{reader, policy.WriteTowns, "", "not_allowed"},
			{group, policy.WriteScheme, "a", ""},
			{group, policy.ReadRanking, "q", "not_found"},
			{group, policy.WriteScheme, "none", "not_found"},
			{group, policy.ManageKeys, "a", "not_allowed"},
			{group, policy.ReadStructure, "", ""},
			{admin, policy.WriteTowns, "", ""},
			{admin, policy.ManageKeys, "", ""},
			{admin, policy.WriteSheets, "a", "not_allowed"},
			{admin, policy.CreateRuns, "a", "not_allowed"},
			{townAdmin, policy.WriteStructure, "a", ""},
			{townAdmin, policy.WriteStructure, "q", "not_found"},
			{townAdmin, policy.ManageKeys, "", "key_of_a_town"},
			{townAdmin, policy.WriteTowns, "", "key_of_a_town"},
			{townAdmin, policy.ReadAudit, "", "key_of_a_town"},
			{access.Principal{Role: "king", Key: "k"}, policy.ReadRanking, "a", "not_allowed"},
			{twoTowns, policy.ReadRanking, "q", ""},
			{twoTowns, policy.ReadRanking, "none", "not_found"},
			{twoTowns, policy.WriteTowns, "", "key_of_a_town"},
			{ofBranch, policy.ReadRanking, "a", ""},
			{ofBranch, policy.DecideSheets, "a", ""},
			{ofBranch, policy.WritePeriods, "a", "key_of_branches"},
			{ofBranch, policy.WriteStructure, "a", "key_of_branches"},
			{ofBranch, policy.ReadPeople, "a", "key_of_branches"},
			{ofBranch, policy.ReadAudit, "a", "key_of_branches"},
			{ofBranch, policy.ManageKeys, "a", "not_allowed"},
			{ofBranch, policy.ReadRanking, "q", "not_found"},
		} {
			what := fmt.Sprintf("%s of %v: %s in %q", tt.who.Role, tt.who.Towns, tt.action, tt.town)
			err := tt.who.Authorize(t.Context(), db, tt.action, tt.town)
			if tt.want != "" {
				peopletest.Refused(t, what, err, tt.want)
			} else if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// Nobody can tell a town that is closed to him from one that does not exist.
func TestClosedTownsAreHidden(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		for _, who := range []access.Principal{{}, {Role: policy.Mentor, Towns: []string{"a"}, Person: "p1", Key: "k"}} {
			for _, action := range actions() {
				if action == policy.ReadService {
					continue
				}
				closed := who.Authorize(t.Context(), db, action, "q")
				missing := who.Authorize(t.Context(), db, action, "z")
				if closed == nil || missing == nil || strings.ReplaceAll(closed.Error(), `"q"`, `"z"`) != missing.Error() {
					t.Errorf("%q %s: closed %v, missing %v", who.Role, action, closed, missing)
				}
			}
		}
	})
}

func TestReachFollowsAssignments(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		peopletest.Assign(t, db, "p1", "b1", access.Mentors, "2023-01-01", "2023-06-30")
		peopletest.Assign(t, db, "p1", "b2", access.Mentors, "2023-06-30", "")
		peopletest.Assign(t, db, "p1", "b3", access.Instructs, "2023-01-01", "") // another duty
		peopletest.Assign(t, db, "p2", "b3", access.Mentors, "2023-01-01", "")   // another person
		mentor := access.Principal{Role: policy.Mentor, Towns: []string{"a"}, Person: "p1", Key: "k"}
		for on, want := range map[day.Date]string{
			"2022-12-31": "", "2023-01-01": "b1", "2023-06-29": "b1", "2023-06-30": "b1 b2", "2023-07-01": "b2",
			"2099-01-01": "b2",
		} {
			reach, err := mentor.ReachOf(t.Context(), db, policy.WriteSheets, "a", on)
			peopletest.Must(t, err)
			codes := reach.Codes()
			slices.Sort(codes)
			if got := strings.Join(codes, " "); got != want || reach.All {
				t.Errorf("on %s the mentor reaches %q, want %q", on, got, want)
			}
			for _, b := range []string{"b1", "b2", "b3", "none"} {
				err := mentor.InScope(t.Context(), db, policy.WriteSheets, "a", b, on)
				if may := slices.Contains(codes, b); (err == nil) != may {
					t.Errorf("on %s %s: %v", on, b, err)
				} else if !may {
					peopletest.Refused(t, b, err, "not_assigned")
				}
			}
		}
		for _, tt := range []struct {
			who    access.Principal
			action policy.Action
			all    bool
			n      int
		}{
			{access.Principal{Role: policy.LeadingGroup, Towns: []string{"a"}, Person: "p1"}, policy.WriteSheets, true, 0},
			{access.Principal{Role: policy.Instructor, Towns: []string{"a"}, Person: "p1"}, policy.WriteSheets, false, 1},
			{access.Principal{Role: policy.Secretary, Towns: []string{"a"}, Person: "p1"}, policy.WriteSheets, false, 0},
			// a key that lost its person
			{access.Principal{Role: policy.Mentor, Towns: []string{"a"}}, policy.WriteSheets, false, 0},
			{access.Principal{Role: policy.Mentor, Towns: []string{"q"}, Person: "p1"}, policy.WriteSheets, false, 0},
			{access.Principal{Role: policy.Admin}, policy.WriteSheets, false, 0},
			{access.Principal{Role: policy.Reader}, policy.ReadSheets, false, 0},
			{access.Principal{}, policy.ReadRanking, true, 0},
			{access.Principal{}, policy.ReadScorecard, false, 0},
			{
				access.Principal{Role: policy.LeadingGroup, Towns: []string{"a"}, Branches: []string{"b1", "b3"}, Person: "p1"},
				policy.DecideSheets, false, 2,
			},
			{
				access.Principal{Role: policy.Instructor, Towns: []string{"a"}, Branches: []string{"b1"}, Person: "p1"},
				policy.WriteSheets, false, 0,
			},
			{
				access.Principal{Role: policy.Instructor, Towns: []string{"a"}, Branches: []string{"b1", "b3"}, Person: "p1"},
				policy.WriteSheets, false, 1,
			},
		} {
			town := strings.Join(tt.who.Towns, "")
			if town == "" {
				town = "a"
			}
			reach, err := tt.who.ReachOf(t.Context(), db, tt.action, town, "2023-07-01")
			peopletest.Must(t, err)
			if reach.All != tt.all || len(reach.Branches) != tt.n {
				t.Errorf("%q of %v: %s reaches %+v", tt.who.Role, tt.who.Towns, tt.action, reach)
			}
		}
	})
}

func TestIsLeader(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		peopletest.Assign(t, db, "p1", "b1", access.Leads, "2023-01-01", "2023-12-31")
		peopletest.Assign(t, db, "p1", "b2", access.Mentors, "2023-01-01", "")
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
			got, err := access.Principal{Person: tt.person}.IsLeader(t.Context(), db, "a", tt.branch, tt.on)
			peopletest.Must(t, err)
			if got != tt.want {
				t.Errorf("%s is led by %q on %s: %v", tt.branch, tt.person, tt.on, got)
			}
		}
	})
}

// actions are those that the policy lists for some role.
func actions() (list []policy.Action) {
	for _, role := range policy.Roles() {
		list = append(list, role.Actions()...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// A person may do what the policy lists for the acting role, and nothing else.
func TestAPersonMayWhatThePolicyLists(t *testing.T) {
	for _, role := range policy.Roles() {
		may := role.Actions()
		for _, action := range actions() {
			if got := (access.Principal{Role: role, Person: "li"}).May(action); got != slices.Contains(may, action) {
				t.Errorf("%s %s: %t", role, action, got)
			}
		}
	}
}
