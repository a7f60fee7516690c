// Package evaluation holds periods, sheets with their entries, and adjustments,
// and the workflow that they go through.
package evaluation

import (
	"slices"

	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
)

// move is one step of a workflow: from some states to one, by whoever may do the
// action, while the period is in one of the given states (nil = in any) and the
// days allow it.
type move[S ~string] struct {
	verb   string
	from   []S
	to     S // empty where the state stays
	action people.Action
	during []PeriodState
	within limit
	reason bool // a reason must be given
}

// limit names the days within which a move is made.
type limit int

const (
	anyDay limit = iota
	window       // the entry window of the period, or an exception from it
	due          // until the day on which a returned sheet is due
)

// stand is what a move depends on besides the state of the thing moved.
type stand struct {
	period Period
	barred [due + 1]error   // why a limit forbids its moves today; nil where it does not
	leave  [due + 1]*string // the exception that lifts a limit which has passed
	lock   fault.Lock       // who brought the thing where it stands
}

// machine is a workflow as the list of its moves.
type machine[S ~string] []move[S]

// allowed lists the verbs that the caller can use now.
func (m machine[S]) allowed(p people.Principal, from S, at stand) []string {
	verbs := []string{}
	for _, mv := range m {
		if slices.Contains(mv.from, from) && mv.refuse(p, at, "any") == nil {
			verbs = append(verbs, mv.verb)
		}
	}
	return verbs
}

// find gives the move between two states; Conflict where there is none, Locked
// where the period or the day does not allow it now, Forbidden where the policy
// does not.
func (m machine[S]) find(p people.Principal, from, to S, at stand, reason string) (move[S], error) {
	i := slices.IndexFunc(m, func(mv move[S]) bool { return to != "" && mv.to == to && slices.Contains(mv.from, from) })
	if i < 0 {
		return move[S]{}, at.conflict("no_such_transition", text.F("不能从“%s”变为“%s”", "there is no way from %q to %q", from, to))
	}
	return m[i], m[i].refuse(p, at, reason)
}

// stay gives the move of the verb that leaves the state as it is; false where the
// state does not allow it.
func (m machine[S]) stay(verb string, from S) (move[S], bool) {
	i := slices.IndexFunc(m, func(mv move[S]) bool { return mv.to == "" && mv.verb == verb && slices.Contains(mv.from, from) })
	if i < 0 {
		return move[S]{}, false
	}
	return m[i], true
}

// refuse says why the caller cannot make the move now.
func (mv move[S]) refuse(p people.Principal, at stand, reason string) error {
	switch {
	case !p.May(mv.action):
		return fault.New(fault.Forbidden, "not_allowed", text.F("角色“%s”无权进行此操作（%s）", "the role %s may not do this (%s)", p.Role, mv.action))
	case mv.during != nil && !slices.Contains(mv.during, at.period.State):
		return at.period.locked()
	case at.barred[mv.within] != nil:
		return at.barred[mv.within]
	case mv.reason && reason == "":
		return fault.Broken(fault.At("/reason", "reason_needed", text.F("请说明理由", "give a reason")))
	}
	return nil
}

// conflict is a refusal by where the thing stands, which names who brought it
// there.
func (s stand) conflict(code string, message text.Text) error {
	e := fault.New(fault.Conflict, code, message)
	e.Lock = &s.lock
	return e
}
