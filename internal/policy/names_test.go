package policy

import (
	"maps"
	"slices"
	"testing"
)

// What people read holds no codes: every role and action has words in both languages.
func TestRolesAndActionsHaveNames(t *testing.T) {
	for _, r := range append(Roles(), "") {
		if name, ok := roleNames[r]; !ok || name.ZH == "" || name.EN == "" {
			t.Errorf("role %q has no name", r)
		}
	}
	for _, r := range rules {
		if r.zh == "" || r.en == "" {
			t.Errorf("action %q has no name", r.action)
		}
	}
	if len(policy) != len(rules) {
		t.Errorf("%d rules are about %d actions", len(rules), len(policy))
	}
}

// What a role does on its own branches it also does when it is limited to some of them.
func TestWhatHasAReachIsAskedForByBranch(t *testing.T) {
	for _, r := range rules {
		reach := slices.Contains(slices.Collect(maps.Values(r.roles)), Assigned)
		if reach && r.extent != byBranch {
			t.Errorf("%s: some roles do it on their own branches, so its extent is byBranch", r.action)
		}
	}
}
