package people_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bulwark/internal/people"
)

// table is who may do what: - nothing, a on assigned branches, * on all, for
// reader, secretary, mentor, instructor, liaison office, leading group, leadership
// and admin. It repeats the policy on purpose: a change of it must be meant.
var table = map[people.Action]string{
	people.ReadService:      "********",
	people.SignIn:           "********",
	people.ReadIdentity:     "********",
	people.OwnIdentity:      "********",
	people.ReadStructure:    "********",
	people.ReadRanking:      "********",
	people.ReadScorecard:    "-aaaa**-",
	people.ReadProvisional:  "--aaa**-",
	people.ReadSheets:       "-aaaa**-",
	people.WriteSheets:      "-aaaa*--",
	people.DecideSheets:     "-----*--",
	people.ReadAdjustments:  "-aaaa**-",
	people.WriteAdjustments: "-aaaa*--",
	people.Decide:           "-----*--",
	people.ReadAppeals:      "-aaa-**-",
	people.WriteAppeals:     "-a------",
	people.DecideAppeals:    "-----*--",
	people.WritePeriods:     "-----*--",
	people.Compute:          "-----*--",
	people.ReadDrafts:       "-----**-",
	people.WriteScheme:      "-----*--",
	people.WriteStructure:   "-----*-*",
	people.WriteTowns:       "-------*",
	people.ReadPeople:       "--******",
	people.WritePeople:      "-----*-*",
	people.ManageAccounts:   "-------*",
	people.ManageKeys:       "-------*",
	people.ReadAudit:        "-----*-*",
	people.ReadSystemAudit:  "-------*",
	people.ReadSignals:      "-----**-",
	people.ReadSettings:     "********",
	people.WriteSettings:    "-----*-*",
	people.ReadTargets:      "-aaaa**-",
	people.ProposeTargets:   "-----*--",
	people.DecideTargets:    "-----*--",
	people.ReadEffects:      "--*****-",
	people.ReadDashboard:    "-----**-",
	people.ReadCases:        "********",
	people.WriteCases:       "-aaa----",
	people.ReviewCases:      "-----*--",
	people.Rate:             "-a------",
	people.ReadUsefulness:   "--*--**-",
	people.ReadVisits:       "-aaaa**-",
	people.WriteVisits:      "---aa---",
	people.ReadAnalyses:     "-aaa-**-",
	people.WriteAnalyses:    "--a-----",
	people.ReadMeasures:     "********",
	people.WriteMeasures:    "-----*-*",
	people.ReadTasks:        "-aaaa**-",
	people.WriteTasks:       "----a*--",
	people.ReportTasks:      "-aaaa*--",
	people.ReadProjects:     "-*******",
	people.WriteProjects:    "-a------",
	people.JudgeProjects:    "--*****-",
	people.RunRounds:        "-----*--",
	people.ReadProblems:     "-aaaa**-",
	people.WriteProblems:    "---aa---",
	people.ReadReports:      "---*-**-",
	people.WriteReports:     "---*----",
	people.ReceiveReports:   "-----*--",
	people.ReadReminders:    "-aaaa**-",
	people.ReadEvents:       "-*******",
	people.WriteEvents:      "----**--",
	people.ReadPlans:        "-aaaa**-",
	people.DraftPlans:       "-a---*--",
	people.WritePlans:       "-a------",
	people.AdvisePlans:      "--a-----",
	people.ApprovePlans:     "-----*--",
	people.VerifyPlans:      "---a----",
}

var scopes = map[byte]people.Scope{'-': people.None, 'a': people.Assigned, '*': people.All}

func TestPolicy(t *testing.T) {
	for action, row := range table {
		for i, role := range people.Roles() {
			if got, want := people.ScopeOf(action, role), scopes[row[i]]; got != want {
				t.Errorf("%s %s: %v, want %v", role, action, got, want)
			}
		}
	}
}

// What is not listed is not allowed.
func TestUnlistedMeansNo(t *testing.T) {
	for _, role := range append(people.Roles(), "", "king", "Admin", "admin ") {
		if people.ScopeOf("wishes:write", role) != people.None {
			t.Errorf("%q may do an action that nobody listed", role)
		}
	}
	for action := range table {
		for _, role := range []people.Role{"", "king", "Admin", "admin "} {
			if people.ScopeOf(action, role) != people.None {
				t.Errorf("%q may %s", role, action)
			}
		}
	}
}

func TestEveryActionIsInTheTable(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "policy.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(f, func(node ast.Node) bool {
		v, ok := node.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		literal, ok := v.Values[0].(*ast.BasicLit)
		if kind, named := v.Type.(*ast.Ident); ok && named && kind.Name == "Action" {
			action, err := strconv.Unquote(literal.Value)
			if _, listed := table[people.Action(action)]; err != nil || !listed {
				t.Errorf("%s is not in the table of this test", literal.Value)
			}
			n++
		}
		return true
	})
	if n != len(table) {
		t.Errorf("policy.go has %d actions, the table of this test %d", n, len(table))
	}
}

func TestActionsOf(t *testing.T) {
	for _, role := range people.Roles() {
		actions := people.ActionsOf(role)
		if !slices.IsSorted(actions) {
			t.Errorf("%s: %v is not sorted", role, actions)
		}
		for action, row := range table {
			may := row[slices.Index(people.Roles(), role)] != '-'
			if slices.Contains(actions, action) != may || (people.Principal{Role: role}).May(action) != may {
				t.Errorf("%s %s: want %v", role, action, may)
			}
		}
	}
	if !slices.Equal(people.ActionsOf(""), people.ActionsOf(people.Reader)) {
		t.Error("nobody reads in another way than a reader")
	}
	if got := people.ActionsOf("king"); len(got) != 0 {
		t.Errorf("a king may %v", got)
	}
	for _, a := range people.ActionsOf("") {
		if strings.HasSuffix(string(a), ":write") {
			t.Errorf("nobody may %s", a)
		}
	}
}
