package evaluation

import (
	"fmt"
	"slices"
	"testing"

	"bulwark/internal/access"
	"bulwark/internal/policy"
)

var (
	periodStates     = []PeriodState{Planned, Open, Review, Locked, Published, Final, Cancelled}
	sheetStates      = []SheetState{Draft, Submitted, Returned, Approved}
	adjustmentStates = []AdjustmentState{Proposed, ApprovedAdjustment, Rejected, Withdrawn}
	writers          = []policy.Role{
		policy.Secretary, policy.Mentor, policy.Instructor, policy.Office, policy.LeadingGroup,
	}
)

// What each role can do is written out here a second time, by state: whoever
// changes a move must mean it. Pairs that are not listed allow nothing.
var (
	wantPeriod = map[PeriodState][]string{
		Planned: {"change", "open", "cancel"}, Open: {"change", "review", "cancel"}, Review: {"change", "open", "lock"},
		Locked: {"unlock", "publish"}, Published: {"finalise", "withdraw"}, Cancelled: {"plan"},
	}
	wantOwnSheet = map[string][]string{
		"open draft": {"write", "attach", "submit"}, "open submitted": {"withdraw"}, "open returned": {"write", "attach", "submit"},
		"review returned": {"write", "attach", "submit"},
	}
	wantOtherSheet = map[string][]string{
		"open submitted": {"approve", "return"}, "open approved": {"return"}, "review submitted": {"approve", "return"},
		"review approved": {"return"},
	}
	wantOwnProposal   = map[string][]string{"open proposed": {"withdraw"}, "review proposed": {"withdraw"}}
	wantOtherProposal = map[string][]string{
		"open proposed": {"approve", "reject"}, "review proposed": {"approve", "reject"}, "open approved": {"reject"},
		"review approved": {"reject"},
	}
)

func TestAllowedByRoleAndState(t *testing.T) {
	check := func(what string, got, want []string) {
		t.Helper()
		if !slices.Equal(got, want) || got == nil {
			t.Errorf("%s: allowed %v, want %v", what, got, want)
		}
	}
	for _, role := range append(policy.Roles(), "") {
		group, writes := role == policy.LeadingGroup, slices.Contains(writers, role)
		of := func(may bool, verbs []string) []string {
			if !may {
				return nil
			}
			return verbs
		}
		me := access.Principal{Towns: []string{"demo"}, Person: "me", Role: role}
		all, none := viewerIn(me, access.Reach{All: true}, nil), viewerIn(me, access.Reach{}, nil)
		leads := viewerIn(me, all.Reach, access.Ties{"b01": {{Leads: true}}})
		for _, state := range periodStates {
			p := Period{State: state}.For(me)
			check(fmt.Sprintf("%s, period %s", role, state), p.Allowed, of(group, wantPeriod[state]))
			for _, s := range sheetStates {
				key := fmt.Sprintf("%s %s", state, s)
				mine, other := Sheet{EvaluatorCode: "me", BranchCode: "b01", State: s},
					Sheet{EvaluatorCode: "you", BranchCode: "b01", State: s}
				check(fmt.Sprintf("%s, own sheet, %s", role, key), all.allowed(mine, p), of(writes, wantOwnSheet[key]))
				check(fmt.Sprintf("%s, own sheet out of reach, %s", role, key), none.allowed(mine, p), nil)
				check(fmt.Sprintf("%s, other's sheet, %s", role, key), all.allowed(other, p), of(group, wantOtherSheet[key]))
				check(fmt.Sprintf("%s, sheet of a branch led, %s", role, key), leads.allowed(other, p), nil)
			}
			for _, a := range adjustmentStates {
				key := fmt.Sprintf("%s %s", state, a)
				mine, other := Adjustment{ProposedBy: "me", BranchCode: "b01", State: a},
					Adjustment{ProposedBy: "you", BranchCode: "b01", State: a}
				check(fmt.Sprintf("%s, own proposal, %s", role, key), all.allowedAdjustment(mine, p),
					of(writes, wantOwnProposal[key]))
				check(fmt.Sprintf("%s, other's proposal, %s", role, key), all.allowedAdjustment(other, p),
					of(group, wantOtherProposal[key]))
				check(fmt.Sprintf("%s, proposal for a branch led, %s", role, key), leads.allowedAdjustment(other, p), nil)
			}
		}
	}
}

func viewerIn(p access.Principal, reach access.Reach, ties access.Ties) viewer {
	return viewer{Caller: access.Caller{Principal: p, Reach: reach, Ties: ties}}
}

func (v viewer) allowed(s Sheet, p Period) []string {
	v.periods = map[string]Period{s.PeriodCode: p}
	return sheets.Allowed(&sheetReader{viewer: v}, s)
}

func (v viewer) allowedAdjustment(a Adjustment, p Period) []string {
	v.periods = map[string]Period{a.PeriodCode: p}
	return adjustments.Allowed(&adjustmentReader{viewer: v}, a)
}
