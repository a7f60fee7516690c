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

// A role that does something on its own branches can be limited to some of them. These
// actions cannot be done by a caller with such a limit, although they have a reach.
func TestWhatHasAReachIsAskedForByBranch(t *testing.T) {
	unlimited := []Action{ReadTargets, ReadTasks, WriteTasks, ReportTasks}
	for _, r := range rules {
		reach := slices.Contains(slices.Collect(maps.Values(r.roles)), Assigned)
		if wrong := reach && r.extent != byBranch; wrong != slices.Contains(unlimited, r.action) {
			t.Errorf("%s: some roles do it on their own branches: %t, by branch: %t", r.action, reach, r.extent == byBranch)
		}
	}
}
