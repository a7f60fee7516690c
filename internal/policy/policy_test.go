package policy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bulwark/internal/policy"
)

// table is who may do what: - nothing, a on assigned branches, * on all, for
// reader, secretary, mentor, instructor, liaison office, leading group, leadership
// and admin. It repeats the policy on purpose: a change of it must be meant.
var table = map[policy.Action]string{
	policy.ReadService:       "********",
	policy.SignIn:            "********",
	policy.ReadIdentity:      "********",
	policy.OwnIdentity:       "********",
	policy.ReadStructure:     "********",
	policy.ReadRanking:       "********",
	policy.ReadScorecard:     "-aaaa**-",
	policy.ReadProvisional:   "--aaa**-",
	policy.ReadSheets:        "-aaaa**-",
	policy.WriteSheets:       "-aaaa*--",
	policy.DecideSheets:      "-----*--",
	policy.ReadAdjustments:   "-aaaa**-",
	policy.WriteAdjustments:  "-aaaa*--",
	policy.DecideAdjustments: "-----*--",
	policy.ReadAppeals:       "-aaa-**-",
	policy.WriteAppeals:      "-a------",
	policy.DecideAppeals:     "-----*--",
	policy.ReadProposals:     "-----**-",
	policy.DecideProposals:   "-----*--",
	policy.WritePeriods:      "-----*--",
	policy.CreateRuns:        "-----*--",
	policy.ReadDrafts:        "-----**-",
	policy.WriteScheme:       "-----*--",
	policy.WriteStructure:    "-----*-*",
	policy.WriteTowns:        "-------*",
	policy.WriteSafeguards:   "-------*",
	policy.ReadPeople:        "--******",
	policy.WritePeople:       "-----*-*",
	policy.ReadOwnData:       "********",
	policy.ReadPersonalData:  "-----*-*",
	policy.Pseudonymise:      "-------*",
	policy.ManageAccounts:    "-------*",
	policy.ManageKeys:        "-------*",
	policy.ManageWebhooks:    "-------*",
	policy.ReadAudit:         "-----*-*",
	policy.ReadSystemAudit:   "-------*",
	policy.ReadRights:        "-----*-*",
	policy.AcknowledgeRights: "-----*--",
	policy.GiveRightsAlone:   "-------*",
	policy.ReadSignals:       "-----**-",
	policy.ReadSettings:      "********",
	policy.WriteSettings:     "-----*-*",
	policy.ReadTargets:       "-aaaa**-",
	policy.ProposeTargets:    "-----*--",
	policy.DecideTargets:     "-----*--",
	policy.ReadEffects:       "--*****-",
	policy.ReadDashboard:     "-----**-",
	policy.ReadCases:         "********",
	policy.WriteCases:        "-aaa----",
	policy.ReviewCases:       "-----*--",
	policy.WriteRatings:      "-a------",
	policy.ReadUsefulness:    "--*--**-",
	policy.ReadStatistics:    "-----**-",
	policy.ReadRaters:        "--*--**-",
	policy.ReadEvidence:      "********",
	policy.WriteEvidence:     "-aaaa*-*",
	policy.ReadVisits:        "-aaaa**-",
	policy.WriteVisits:       "---aa---",
	policy.ReadAnalyses:      "-aaa-**-",
	policy.WriteAnalyses:     "--a-----",
	policy.ReadMeasures:      "********",
	policy.WriteMeasures:     "-----*-*",
	policy.ReadTasks:         "-aaaa**-",
	policy.WriteTasks:        "----a*--",
	policy.ReportTasks:       "-aaaa*--",
	policy.ReadProjects:      "-*******",
	policy.WriteProjects:     "-a------",
	policy.JudgeProjects:     "--*****-",
	policy.RunRounds:         "-----*--",
	policy.ReadProblems:      "-aaaa**-",
	policy.WriteProblems:     "---aa---",
	policy.ReadReports:       "---*-**-",
	policy.WriteReports:      "---*----",
	policy.ReceiveReports:    "-----*--",
	policy.ReadReminders:     "-aaaa**-",
	policy.ReadEvents:        "-*******",
	policy.WriteEvents:       "----**--",
	policy.ReadPlans:         "-aaaa**-",
	policy.DraftPlans:        "-a---*--",
	policy.WritePlans:        "-a------",
	policy.AdvisePlans:       "--a-----",
	policy.ApprovePlans:      "-----*--",
	policy.VerifyPlans:       "---a----",
}

var scopes = map[byte]policy.Scope{'-': policy.None, 'a': policy.Assigned, '*': policy.All}

func TestPolicy(t *testing.T) {
	for action, row := range table {
		for i, role := range policy.Roles() {
			if got, want := action.ScopeFor(role), scopes[row[i]]; got != want {
				t.Errorf("%s %s: %v, want %v", role, action, got, want)
			}
		}
	}
}

// What is not listed is not allowed.
func TestUnlistedMeansNo(t *testing.T) {
	for _, role := range append(policy.Roles(), "", "king", "Admin", "admin ") {
		if policy.Action("wishes:write").ScopeFor(role) != policy.None {
			t.Errorf("%q may do an action that nobody listed", role)
		}
	}
	for action := range table {
		for _, role := range []policy.Role{"", "king", "Admin", "admin "} {
			if action.ScopeFor(role) != policy.None {
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
			if _, listed := table[policy.Action(action)]; err != nil || !listed {
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
	for _, role := range policy.Roles() {
		actions := role.Actions()
		if !slices.IsSorted(actions) {
			t.Errorf("%s: %v is not sorted", role, actions)
		}
		for action, row := range table {
			may := row[slices.Index(policy.Roles(), role)] != '-'
			if slices.Contains(actions, action) != may {
				t.Errorf("%s %s: want %v", role, action, may)
			}
		}
	}
	if !slices.Equal(policy.Role("").Actions(), policy.Reader.Actions()) {
		t.Error("nobody reads in another way than a reader")
	}
	if got := policy.Role("king").Actions(); len(got) != 0 {
		t.Errorf("a king may %v", got)
	}
	for _, a := range policy.Role("").Actions() {
		if strings.HasSuffix(string(a), ":write") {
			t.Errorf("nobody may %s", a)
		}
	}
}
