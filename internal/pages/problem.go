package pages

import (
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
)

// ProblemView is why a page cannot be shown.
type ProblemView struct {
	Status    int
	Title     string
	Detail    string
	Faults    []string
	Locked    *fault.Lock
	May       []policy.Role // who may read the page; empty: it does not depend on the role
	Switch    []policy.Role // those of them that the reader holds too
	Wait      string        // seconds; empty: nothing is known of it
	RequestID string
	Ours      bool // nothing that the reader could do otherwise
}

// Problem returns the page that states why another one cannot be shown: what, why, until
// when, and who can change it.
func Problem(f Frame, v ProblemView) ([]byte, error) { return render("problem", f, v) }

// CanLift returns who can lift the lock of a problem, in words.
func (v ProblemView) CanLift() text.Text {
	if v.Locked == nil || v.Locked.CanLift == "" || v.Locked.CanLift == fault.Nobody {
		return text.Text{ZH: "无人", EN: "nobody"}
	}
	return policy.Role(v.Locked.CanLift).Name()
}
