package access

import "testing"

// What people read holds no codes: every role and action has words in both languages.
func TestRolesAndActionsHaveNames(t *testing.T) {
	for _, r := range append(Roles(), "") {
		if name, ok := roleNames[r]; !ok || name.ZH == "" || name.EN == "" {
			t.Errorf("role %q has no name", r)
		}
	}
	for a := range policy {
		if name, ok := actionNames[a]; !ok || name.ZH == "" || name.EN == "" {
			t.Errorf("action %q has no name", a)
		}
	}
	if len(actionNames) != len(policy) {
		t.Errorf("%d actions have names, the policy has %d", len(actionNames), len(policy))
	}
}
