package workflow

import (
	"slices"

	"bulwark/internal/access"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Move is one step of a workflow: from some states to one, by whoever may do the
// action. C is what the moves of a room depend on besides: Free where on nothing.
type Move[S ~string, C any] struct {
	Verb   string
	From   []S
	To     S // empty where the state stays
	Action access.Action
	When   C
	Reason bool // a reason must be given
}

// Stand is where a thing stands besides its own state.
type Stand[C any] interface {
	Bar(when C) error // why a move that depends on it is barred now; nil where it is not
	Lock() fault.Lock // who brought the thing where it stands
}

// Machine is a workflow as the list of its moves.
type Machine[S ~string, C any] []Move[S, C]

// Allowed lists the verbs that the caller can use now, never nil. Who may only read
// can use none.
func (m Machine[S, C]) Allowed(p access.Principal, from S, at Stand[C]) []string {
	verbs := []string{}
	if p.ReadOnly {
		return verbs
	}
	for _, mv := range m {
		if slices.Contains(mv.From, from) && mv.Refuse(p, at, "any") == nil {
			verbs = append(verbs, mv.Verb)
		}
	}
	return verbs
}

// Find gives the move between two states; Conflict where there is none, Forbidden
// where the policy does not allow it, what the stand says where that bars it, and
// Invalid where its reason is missing.
func (m Machine[S, C]) Find(p access.Principal, from, to S, at Stand[C], reason string) (Move[S, C], error) {
	i := slices.IndexFunc(m, func(mv Move[S, C]) bool { return to != "" && mv.To == to && slices.Contains(mv.From, from) })
	if i < 0 {
		return Move[S, C]{}, Conflict(at, "no_such_transition", text.F("不能从“%s”变为“%s”", "there is no way from %q to %q", from, to))
	}
	return m[i], m[i].Refuse(p, at, reason)
}

// Stay gives the move of the verb that leaves the state as it is; false where the
// state does not allow it.
func (m Machine[S, C]) Stay(verb string, from S) (Move[S, C], bool) {
	i := slices.IndexFunc(m, func(mv Move[S, C]) bool { return mv.To == "" && mv.Verb == verb && slices.Contains(mv.From, from) })
	if i < 0 {
		return Move[S, C]{}, false
	}
	return m[i], true
}

// Refuse says why the caller cannot make the move now.
func (mv Move[S, C]) Refuse(p access.Principal, at Stand[C], reason string) error {
	if !p.May(mv.Action) {
		return access.NotAllowed(p, mv.Action)
	}
	if err := at.Bar(mv.When); err != nil {
		return err
	}
	if mv.Reason && reason == "" {
		return fault.Broken(fault.Field("/reason", "reason_needed", "请说明理由", "give a reason"))
	}
	return nil
}

// Conflict is a refusal by where the thing stands, which names who brought it
// there.
func Conflict[C any](at Stand[C], code string, message text.Text) error {
	return fault.New(fault.KindConflict, code, message).Held(at.Lock())
}

// Free is the condition of moves that depend on nothing but state and policy.
type Free struct{}

// Standing is the stand of a thing whose moves are Free.
type Standing fault.Lock

// Bar bars nothing.
func (Standing) Bar(Free) error { return nil }

// Lock is who brought the thing where it stands.
func (s Standing) Lock() fault.Lock { return fault.Lock(s) }
