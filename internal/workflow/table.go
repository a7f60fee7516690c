// Package workflow holds the lives of records that move from state to state, in three
// layers. A Table lists the verbs of a kind of record with the rules of each, which both
// refuse a call and fill the verbs that a caller is allowed. AddTransitions and History
// keep and read the steps of a record. A Kind changes records by its table: it reads and
// locks, asks the rules, compares the version, stores, and keeps history and audit trail.
package workflow

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
)

// Rule returns why v cannot use a verb on t now, or nil. It reads no database: what it
// needs, Load has put into v.
type Rule[T, V any] func(v V, t T) error

// NotTied is the rule of decisions, in matters without a period of their own, that nobody
// takes about a branch to which he or she is tied or was within a year before.
func NotTied[
	T interface {
		AboutBranch() string
		Began() time.Time
	}, V interface {
		RefuseTied(branch string, since day.Date) error
	},
](v V, t T) error {
	return v.RefuseTied(t.AboutBranch(), access.Before(t.Began()))
}

// Actor is a caller before a table.
type Actor[T any, S ~string] interface {
	Self() access.Principal
	// State returns the state of t, and who brought it there, when and why. Where CanLift
	// is empty, it is filled with the roles whose verbs lead out of the state.
	State(t T) (S, fault.Lock)
}

// Verb is one row of the table that describes a record's life.
type Verb[T any, S ~string, V Actor[T, S]] struct {
	Name   string
	From   []S                  // empty: it creates the record
	To     S                    // zero: the state stays as it is
	Action policy.Action        // what the policy must allow; empty: no caller, only Apply
	Who    []Rule[T, V]         // about the person, asked before the state
	When   []Rule[T, V]         // about the moment: days, parents, locks; asked after the state
	Reason bool                 // a reason is required
	Silent bool                 // adds no transition
	Extra  func(t T) any        // optional: what the history keeps of the record as the verb leaves it
	Frozen func(v V, t T) error // optional: the refusal in other states, if not that of the table
}

// Titles are the names of states in messages.
type Titles[S ~string] map[S]text.Text

// Of returns the name of the state, or its code where it has none.
func (names Titles[S]) Of(state S) text.Text {
	if t, ok := names[state]; ok {
		return t
	}
	return text.Same(string(state))
}

// Table is the life of a kind of record: its verbs, and the words of its refusals.
type Table[T any, S ~string, V Actor[T, S]] struct {
	Noun   text.Text
	Titles Titles[S]
	Verbs  []Verb[T, S, V]
	Frozen func(v V, t T) error // optional: the refusal in states that do not have a verb
}

// Checked returns the table, and panics where it contradicts itself: it is for
// variables of packages, so that no program starts with such a table.
func (k Table[T, S, V]) Checked() Table[T, S, V] {
	var wrong []string
	fault := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if k.Noun.IsZero() {
		fault("the noun has no name")
	}
	for _, s := range k.States() {
		if k.Titles[s].ZH == "" || k.Titles[s].EN == "" {
			fault("state %q has no title", s)
		}
	}
	type way struct {
		from S
		name string
	}
	names, ways := map[way]bool{}, map[way]bool{}
	for _, x := range k.Verbs {
		if x.Name == "" {
			fault("a verb has no name")
		}
		if x.Action != "" && len(x.Action.Roles()) == 0 {
			fault("no role may %s, which %q needs", x.Action, x.Name)
		}
		if x.From == nil && x.Action == "" {
			fault("nobody may create by %q", x.Name)
		}
		if x.Silent && x.From != nil && x.To != "" {
			fault("%q moves the state and leaves no transition", x.Name)
		}
		for _, s := range x.From {
			if names[way{s, x.Name}] {
				fault("%q has two rows for state %q", x.Name, s)
			}
			names[way{s, x.Name}] = true
			to := way{s, string(x.To)}
			if x.To != "" && x.Action != "" && ways[to] {
				fault("two verbs lead from %q to %q", s, x.To)
			}
			ways[to] = ways[to] || x.Action != ""
		}
	}
	if len(wrong) > 0 {
		panic(fmt.Sprintf("workflow: the table of %q is wrong: %s", k.Noun.EN, strings.Join(wrong, "; ")))
	}
	k.declare()
	return k
}

// life is the states of one type in all checked tables: those of verbs, those that come
// with a day and only have a title, and those to which a caller can move a record.
type life struct{ ofVerbs, titled, reached []string }

// lives are filled before the program starts, by Checked.
var lives = map[reflect.Type]life{}

// StatesOf returns the states of a type of states, and those to which a caller can move a
// record; none where no table has the type.
func StatesOf(t reflect.Type) (states, reached []string) {
	l := lives[t]
	return joined(l.ofVerbs, l.titled), l.reached
}

// StateTypes returns the types of states of all tables, in no order.
func StateTypes() []reflect.Type { return slices.Collect(maps.Keys(lives)) }

func (k Table[T, S, V]) declare() {
	t := reflect.TypeFor[S]()
	l := lives[t]
	l.ofVerbs = joined(l.ofVerbs, k.States())
	l.titled = joined(l.titled, slices.Sorted(maps.Keys(k.Titles)))
	for _, x := range k.Verbs {
		if x.From != nil && x.To != "" && x.Action != "" {
			l.reached = joined(l.reached, []S{x.To})
		}
	}
	lives[t] = l
}

// joined returns list with what it lacks of more.
func joined[S ~string](list []string, more []S) []string {
	list = slices.Clone(list)
	for _, s := range more {
		if !slices.Contains(list, string(s)) {
			list = append(list, string(s))
		}
	}
	return list
}

// Allowed returns the names of the verbs that v can use on t now; never nil.
func (k Table[T, S, V]) Allowed(v V, t T) []string {
	names := []string{}
	state, _ := v.State(t)
	for _, x := range k.Verbs {
		if !v.Self().ReadOnly && slices.Contains(x.From, state) && x.refuse(v, t, "-") == nil {
			names = append(names, x.Name)
		}
	}
	return names
}

// States returns every state of the table, in its order.
func (k Table[T, S, V]) States() (list []S) {
	for _, x := range k.Verbs {
		for _, s := range append(slices.Clone(x.From), x.To) {
			if s != "" && !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	return list
}

// Move returns the verb that takes t to the state, or why v cannot use it.
func (k Table[T, S, V]) Move(v V, t T, to S, reason string) (Verb[T, S, V], error) {
	x, err := k.choose(v, t, reason, func(x Verb[T, S, V]) bool { return to != "" && x.To == to && x.From != nil })
	if errors.Is(err, errNoVerb) {
		err = k.noWay(v, t, to)
	}
	return x, err
}

// Do returns the verb of the name, or why v cannot use it on t. Where the state has no
// such verb, what is about the person refuses first, so that who may not use it learns
// nothing of the state.
func (k Table[T, S, V]) Do(v V, t T, verb, reason string) (Verb[T, S, V], error) {
	named := func(x Verb[T, S, V]) bool { return x.Name == verb && x.From != nil }
	x, err := k.choose(v, t, reason, named)
	if !errors.Is(err, errNoVerb) {
		return x, err
	}
	frozen := k.Frozen
	for _, x := range k.Verbs {
		if !named(x) {
			continue
		}
		if err := x.admit(v, t); err != nil {
			return x, err
		}
		if x.Frozen != nil {
			frozen = x.Frozen
		}
	}
	return x, k.refuseState(v, t, frozen)
}

// Create returns the verb of the name that creates t, or why v cannot use it.
func (k Table[T, S, V]) Create(v V, t T, verb, reason string) (Verb[T, S, V], error) {
	return k.choose(v, t, reason, func(x Verb[T, S, V]) bool { return x.Name == verb && x.From == nil })
}

// follow returns the verb of the name where the state of t has it. Nobody is asked.
func (k Table[T, S, V]) follow(v V, t T, verb string) (Verb[T, S, V], error) {
	state, _ := v.State(t)
	for _, x := range k.Verbs {
		if x.Name == verb && slices.Contains(x.From, state) {
			return x, nil
		}
	}
	return Verb[T, S, V]{}, k.refuseState(v, t, k.Frozen)
}

var errNoVerb = errors.New("workflow: no such verb")

// choose returns the verb that matches, if v can use it on t; errNoVerb where the state
// has none.
func (k Table[T, S, V]) choose(v V, t T, reason string, matches func(Verb[T, S, V]) bool) (Verb[T, S, V], error) {
	state, _ := v.State(t)
	for _, x := range k.Verbs {
		if matches(x) && (x.From == nil || slices.Contains(x.From, state)) {
			return x, x.refuse(v, t, reason)
		}
	}
	return Verb[T, S, V]{}, errNoVerb
}

// refuseState refuses a verb that the state of t does not have, by the noun's own words
// where it has some.
func (k Table[T, S, V]) refuseState(v V, t T, frozen func(v V, t T) error) error {
	state, lock := k.state(v, t)
	if frozen == nil {
		return fault.Conflict("no_such_transition", "%[1]s处于“%[2]s”状态，不能进行此操作",
			"the %[1]s is in the state %[2]q, which does not allow this", k.Noun, k.Titles.Of(state)).Held(lock)
	}
	err := frozen(v, t)
	var e *fault.Error
	if errors.As(err, &e) && e.Lock == nil {
		e.Lock = &lock
	}
	return err
}

// noWay refuses a move between two states that no verb connects.
func (k Table[T, S, V]) noWay(v V, t T, to S) error {
	state, lock := k.state(v, t)
	return fault.Conflict("no_such_transition", "%[1]s处于“%[2]s”状态，不能变为“%[3]s”",
		"the %[1]s is in the state %[2]q and cannot become %[3]q", k.Noun, k.Titles.Of(state), k.Titles.Of(to)).Held(lock)
}

// state returns the state of t and its lock, with who can lift it.
func (k Table[T, S, V]) state(v V, t T) (S, fault.Lock) {
	state, lock := v.State(t)
	if lock.CanLift == "" {
		lock.CanLift = k.CanLift(state)
	}
	return state, lock
}

// CanLift returns who can take a record out of the state, for a lock: the roles
// that the policy allows a verb that leads to another one, or nobody.
func (k Table[T, S, V]) CanLift(state S) string {
	var can []string
	for _, x := range k.Verbs {
		if x.To == "" || x.To == state || !slices.Contains(x.From, state) {
			continue
		}
		for _, role := range x.Action.Roles() {
			if !slices.Contains(can, string(role)) {
				can = append(can, string(role))
			}
		}
	}
	if len(can) == 0 {
		return fault.Nobody
	}
	return strings.Join(can, ", ")
}

func (x Verb[T, S, V]) admit(v V, t T) error {
	if p := v.Self(); !p.May(x.Action) {
		return p.NotAllowed(x.Action)
	}
	return first(x.Who, v, t)
}

func (x Verb[T, S, V]) refuse(v V, t T, reason string) error {
	if err := x.admit(v, t); err != nil {
		return err
	}
	if err := first(x.When, v, t); err != nil {
		return err
	}
	if x.Reason && reason == "" {
		return fault.Broken(fault.Field("/reason", "reason_needed", "请说明理由", "give a reason"))
	}
	return nil
}

func first[T, V any](rules []Rule[T, V], v V, t T) error {
	for _, rule := range rules {
		if err := rule(v, t); err != nil {
			return err
		}
	}
	return nil
}
