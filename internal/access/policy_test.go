package access_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bulwark/internal/access"
)

// table is who may do what: - nothing, a on assigned branches, * on all, for
// reader, secretary, mentor, instructor, liaison office, leading group, leadership
// and admin. It repeats the policy on purpose: a change of it must be meant.
var table = map[access.Action]string{
	access.ReadService:       "********",
	access.SignIn:            "********",
	access.ReadIdentity:      "********",
	access.OwnIdentity:       "********",
	access.ReadStructure:     "********",
	access.ReadRanking:       "********",
	access.ReadScorecard:     "-aaaa**-",
	access.ReadProvisional:   "--aaa**-",
	access.ReadSheets:        "-aaaa**-",
	access.WriteSheets:       "-aaaa*--",
	access.DecideSheets:      "-----*--",
	access.ReadAdjustments:   "-aaaa**-",
	access.WriteAdjustments:  "-aaaa*--",
	access.DecideAdjustments: "-----*--",
	access.ReadAppeals:       "-aaa-**-",
	access.WriteAppeals:      "-a------",
	access.DecideAppeals:     "-----*--",
	access.ReadProposals:     "-----**-",
	access.DecideProposals:   "-----*--",
	access.WritePeriods:      "-----*--",
	access.CreateRuns:        "-----*--",
	access.ReadDrafts:        "-----**-",
	access.WriteScheme:       "-----*--",
	access.WriteStructure:    "-----*-*",
	access.WriteTowns:        "-------*",
	access.WriteSafeguards:   "-------*",
	access.ReadPeople:        "--******",
	access.WritePeople:       "-----*-*",
	access.ManageAccounts:    "-------*",
	access.ManageKeys:        "-------*",
	access.ReadAudit:         "-----*-*",
	access.ReadSystemAudit:   "-------*",
	access.ReadRights:        "-----*-*",
	access.AcknowledgeRights: "-----*--",
	access.GiveRightsAlone:   "-------*",
	access.ReadSignals:       "-----**-",
	access.ReadSettings:      "********",
	access.WriteSettings:     "-----*-*",
	access.ReadTargets:       "-aaaa**-",
	access.ProposeTargets:    "-----*--",
	access.DecideTargets:     "-----*--",
	access.ReadEffects:       "--*****-",
	access.ReadDashboard:     "-----**-",
	access.ReadCases:         "********",
	access.WriteCases:        "-aaa----",
	access.ReviewCases:       "-----*--",
	access.WriteRatings:      "-a------",
	access.ReadUsefulness:    "--*--**-",
	access.ReadVisits:        "-aaaa**-",
	access.WriteVisits:       "---aa---",
	access.ReadAnalyses:      "-aaa-**-",
	access.WriteAnalyses:     "--a-----",
	access.ReadMeasures:      "********",
	access.WriteMeasures:     "-----*-*",
	access.ReadTasks:         "-aaaa**-",
	access.WriteTasks:        "----a*--",
	access.ReportTasks:       "-aaaa*--",
	access.ReadProjects:      "-*******",
	access.WriteProjects:     "-a------",
	access.JudgeProjects:     "--*****-",
	access.RunRounds:         "-----*--",
	access.ReadProblems:      "-aaaa**-",
	access.WriteProblems:     "---aa---",
	access.ReadReports:       "---*-**-",
	access.WriteReports:      "---*----",
	access.ReceiveReports:    "-----*--",
	access.ReadReminders:     "-aaaa**-",
	access.ReadEvents:        "-*******",
	access.WriteEvents:       "----**--",
	access.ReadPlans:         "-aaaa**-",
	access.DraftPlans:        "-a---*--",
	access.WritePlans:        "-a------",
	access.AdvisePlans:       "--a-----",
	access.ApprovePlans:      "-----*--",
	access.VerifyPlans:       "---a----",
}

var scopes = map[byte]access.Scope{'-': access.None, 'a': access.Assigned, '*': access.All}

func TestPolicy(t *testing.T) {
	for action, row := range table {
		for i, role := range access.Roles() {
			if got, want := action.ScopeFor(role), scopes[row[i]]; got != want {
				t.Errorf("%s %s: %v, want %v", role, action, got, want)
			}
		}
	}
}

// What is not listed is not allowed.
func TestUnlistedMeansNo(t *testing.T) {
	for _, role := range append(access.Roles(), "", "king", "Admin", "admin ") {
		if access.Action("wishes:write").ScopeFor(role) != access.None {
			t.Errorf("%q may do an action that nobody listed", role)
		}
	}
	for action := range table {
		for _, role := range []access.Role{"", "king", "Admin", "admin "} {
			if action.ScopeFor(role) != access.None {
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
			if _, listed := table[access.Action(action)]; err != nil || !listed {
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
	for _, role := range access.Roles() {
		actions := role.Actions()
		if !slices.IsSorted(actions) {
			t.Errorf("%s: %v is not sorted", role, actions)
		}
		for action, row := range table {
			may := row[slices.Index(access.Roles(), role)] != '-'
			if slices.Contains(actions, action) != may || (access.Principal{Role: role, Person: "li"}).May(action) != may {
				t.Errorf("%s %s: want %v", role, action, may)
			}
		}
	}
	if !slices.Equal(access.Role("").Actions(), access.Reader.Actions()) {
		t.Error("nobody reads in another way than a reader")
	}
	if got := access.Role("king").Actions(); len(got) != 0 {
		t.Errorf("a king may %v", got)
	}
	for _, a := range access.Role("").Actions() {
		if strings.HasSuffix(string(a), ":write") {
			t.Errorf("nobody may %s", a)
		}
	}
}
