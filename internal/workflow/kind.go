package workflow

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Ref names a record in the version that the caller has read.
type Ref struct {
	Town, ID string
	Version  int64
}

// Record is a row with a key in its town, a version and a state in the column "state".
// A pointer to it is a database.Row.
type Record interface{ Ref() Ref }

// Depth is how much Load reads.
type Depth int

// The depths.
const (
	ForList   Depth = iota // what the rules need, by a fixed number of statements
	ForOne                 // also the children that the answer about one record contains
	ForChange              // what the rules need, locked until the transaction ends
)

// Reader is the caller as one kind of record knows him or her: a pointer to a struct that
// embeds access.Principal and holds all that rules ask for. Kind makes one per call.
type Reader[T Record, S ~string] interface {
	Self() access.Principal

	// Visible narrows a query to the records that the caller may see.
	Visible(q *gorm.DB) *gorm.DB
	// Load reads what the rules need besides the records, into the reader, and with ForOne
	// the children into the records. The records of a call are the same at each depth.
	Load(ctx context.Context, db *gorm.DB, list []T, depth Depth) error
	// State returns the state of t, and who brought it there, when, why, and who can lift it.
	State(t T) (S, fault.Lock)
	// Show returns t as the caller may see it, with what he or she can do.
	Show(t T, allowed []string) T
	// Audit returns the path of t below the town, and t as the audit trail keeps it.
	Audit(t T, verb string) (path string, value any)
}

// Rule returns why v cannot use a verb on t now, or nil. It reads no database: what it
// needs, Load has put into v.
type Rule[T, V any] func(v V, t T) error

// Verb is one row of the table that describes a record's life.
type Verb[T Record, S ~string, V Reader[T, S]] struct {
	Name   string
	From   []S           // empty: it creates the record
	To     S             // zero: the state stays as it is
	Action access.Action // what the policy must allow; empty: no caller, only Apply
	Who    []Rule[T, V]  // about the person
	When   []Rule[T, V]  // about the moment: days, parents, locks
	Reason bool          // a reason is required
	Silent bool          // adds no transition
}

// Kind is a kind of record: its name, its life and how its reader is made.
type Kind[T Record, S ~string, V Reader[T, S]] struct {
	Noun   text.Text
	Name   string // of its audit actions and transitions: "evaluation" in "evaluation.submit"
	Verbs  []Verb[T, S, V]
	Key    string // the column of Ref.ID, if not "id"
	Column string // the column of the state, if not "state"
	Reader func(ctx context.Context, db *gorm.DB, town string) (V, error)
	Frozen func(v V, t T) error // optional: the refusal of writing in a state that has no verb for it
}

// Change is what a verb does besides moving the state and raising the version.
type Change struct {
	Columns map[string]any
	Extra   any // what the history keeps besides verb, actor, time and reason
}

// Verdict is what became of one record of a bulk change: its new version, or an error.
type Verdict struct {
	Ref
	Err error
}

// Find returns one record, or NotFound where the caller may not see it.
func (k Kind[T, S, V]) Find(ctx context.Context, db *gorm.DB, town, id string) (t T, err error) {
	v, err := k.Reader(ctx, db, town)
	if err != nil {
		return t, err
	}
	list, err := k.read(v.Visible(db.WithContext(ctx)), town, id)
	if err != nil {
		return t, err
	}
	return k.show(ctx, db, v, list[0])
}

// List returns the records of q that v may see.
func (k Kind[T, S, V]) List(ctx context.Context, db *gorm.DB, v V, q *gorm.DB) ([]T, error) {
	var list []T
	if err := v.Visible(q).Find(&list).Error; err != nil || len(list) == 0 {
		return list, err
	}
	err := v.Load(ctx, db, list, ForList)
	for i, t := range list {
		list[i] = v.Show(t, k.Allowed(v, t))
	}
	return list, err
}

// Create stores t by a verb that creates; insert does what is left, the row included.
func (k Kind[T, S, V]) Create(ctx context.Context, db *gorm.DB, verb, reason string, t T, insert func(tx *gorm.DB, v V, t *T) error) (after T, err error) {
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := k.Reader(ctx, tx, t.Ref().Town)
		if err != nil {
			return err
		}
		made := t
		if err := v.Load(ctx, tx, []T{made}, ForChange); err != nil {
			return err
		}
		x, err := k.choose(v, made, reason, func(x Verb[T, S, V]) bool { return x.Name == verb && x.From == nil })
		if err != nil {
			return err
		}
		if err := insert(tx, v, &made); err != nil {
			return err
		}
		after, err = k.record(ctx, tx, v, x, nil, made, reason, nil)
		return err
	})
	return after, err
}

// Do changes a record by the verb of the name, which may move it or leave it where it is.
func (k Kind[T, S, V]) Do(ctx context.Context, db *gorm.DB, ref Ref, verb, reason string, change func(tx *gorm.DB, v V, t T) (Change, error)) (T, error) {
	return k.change(ctx, db, ref, false, reason, change, func(v V, t T) (Verb[T, S, V], error) {
		x, err := k.choose(v, t, reason, func(x Verb[T, S, V]) bool { return x.Name == verb && x.From != nil })
		if errors.Is(err, errNoVerb) {
			err = k.frozen(v, t, verb)
		}
		return x, err
	})
}

// Move takes a record to another state.
func (k Kind[T, S, V]) Move(ctx context.Context, db *gorm.DB, ref Ref, to S, reason string, change func(tx *gorm.DB, v V, t T) (Change, error)) (T, error) {
	return k.change(ctx, db, ref, false, reason, change, func(v V, t T) (Verb[T, S, V], error) { return k.way(v, t, to, reason) })
}

// Apply makes a move that no caller makes, such as one that follows from a publication:
// only the state is asked, and what the caller may see does not matter.
func (k Kind[T, S, V]) Apply(ctx context.Context, db *gorm.DB, ref Ref, verb, reason string, change func(tx *gorm.DB, v V, t T) (Change, error)) (T, error) {
	return k.change(ctx, db, ref, true, reason, change, func(v V, t T) (Verb[T, S, V], error) {
		state, lock := v.State(t)
		i := slices.IndexFunc(k.Verbs, func(x Verb[T, S, V]) bool { return x.Name == verb && slices.Contains(x.From, state) })
		if i < 0 {
			return Verb[T, S, V]{}, noWay(state, verb, lock)
		}
		return k.Verbs[i], nil
	})
}

// MoveAll takes many records to one state in one transaction, by as many statements for
// 500 as for one. Those that can move do, the others get their error; with dryRun none
// does. change is about all that move.
func (k Kind[T, S, V]) MoveAll(ctx context.Context, db *gorm.DB, town string, refs []Ref, to S, reason string, dryRun bool, change func(tx *gorm.DB, v V, moved []T) (Change, error)) (out []Verdict, err error) {
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		ids := make([]string, len(refs))
		for i, r := range refs {
			ids[i] = r.ID
		}
		v, list, err := k.lock(ctx, tx, town, false, ids...)
		if err != nil && !fault.Is(err, fault.KindNotFound) {
			return err
		}
		verdicts, moved, verbs := k.judge(v, refs, ids, list, to, reason)
		if out = verdicts; dryRun || len(moved) == 0 {
			return nil
		}
		c, err := change(tx, v, moved)
		if err != nil {
			return err
		}
		return k.storeAll(ctx, tx, v, moved, verbs, to, reason, c)
	})
	return out, err
}

// Allowed returns the names of the verbs that v can use on t now; never nil.
func (k Kind[T, S, V]) Allowed(v V, t T) []string {
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
func (k Kind[T, S, V]) States() (list []S) {
	for _, x := range k.Verbs {
		for _, s := range append(slices.Clone(x.From), x.To) {
			if s != "" && !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	return list
}

// way returns the verb that takes t to the state.
func (k Kind[T, S, V]) way(v V, t T, to S, reason string) (Verb[T, S, V], error) {
	x, err := k.choose(v, t, reason, func(x Verb[T, S, V]) bool { return to != "" && x.To == to && x.From != nil })
	if errors.Is(err, errNoVerb) {
		state, lock := v.State(t)
		err = noWay(state, string(to), lock)
	}
	return x, err
}

var errNoVerb = errors.New("workflow: no such verb")

// choose returns the verb that matches, if v can use it on t; errNoVerb where the state
// has none.
func (k Kind[T, S, V]) choose(v V, t T, reason string, matches func(Verb[T, S, V]) bool) (Verb[T, S, V], error) {
	state, _ := v.State(t)
	for _, x := range k.Verbs {
		if matches(x) && (x.From == nil || slices.Contains(x.From, state)) {
			return x, x.refuse(v, t, reason)
		}
	}
	return Verb[T, S, V]{}, errNoVerb
}

// frozen refuses a verb that keeps the state where the state has none: first by what is
// about the person, so that who may not write learns nothing of the state.
func (k Kind[T, S, V]) frozen(v V, t T, verb string) error {
	for _, x := range k.Verbs {
		if x.Name == verb {
			if err := x.admit(v, t); err != nil {
				return err
			}
		}
	}
	if k.Frozen != nil {
		return k.Frozen(v, t)
	}
	state, lock := v.State(t)
	return noWay(state, verb, lock)
}

func (x Verb[T, S, V]) admit(v V, t T) error {
	if p := v.Self(); !p.May(x.Action) {
		return fault.Forbidden("not_allowed", "角色“%s”无权进行此操作（%s）", "the role %s may not do this (%s)", p.Role, x.Action)
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

func noWay[S ~string](from S, to string, lock fault.Lock) error {
	return fault.Conflict("no_such_transition", "不能从“%s”变为“%s”", "there is no way from %q to %q", from, to).Held(lock)
}

// read returns those of the ids that q lets through; NotFound where it lets through none.
func (k Kind[T, S, V]) read(q *gorm.DB, town string, ids ...string) (list []T, err error) {
	err = q.Where("town_id = ? AND ? IN ?", town, k.key(), ids).Order(k.key().Name).Find(&list).Error
	if err == nil && len(list) == 0 {
		err = fault.Missing(k.Noun, ids[0])
	}
	return list, err
}

// lock returns the records of the ids for a change. It locks first what Load locks, such
// as their period, and then the rows, in the order of ids: all changes take locks in this
// order. SQLite has one writer and needs no second read.
func (k Kind[T, S, V]) lock(ctx context.Context, tx *gorm.DB, town string, unseen bool, ids ...string) (v V, list []T, err error) {
	if v, err = k.Reader(ctx, tx, town); err != nil {
		return v, nil, err
	}
	q := tx.WithContext(ctx)
	if !unseen {
		q = v.Visible(q)
	}
	q = q.Session(&gorm.Session{})
	if list, err = k.read(q, town, ids...); err != nil {
		return v, nil, err
	}
	if err = v.Load(ctx, tx, list, ForChange); err == nil && database.Dialect(tx) != database.SQLite {
		list, err = k.read(q.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}), town, ids...)
	}
	return v, list, err
}

func (k Kind[T, S, V]) key() clause.Column { return clause.Column{Name: cmp.Or(k.Key, "id")} }

func (k Kind[T, S, V]) show(ctx context.Context, db *gorm.DB, v V, t T) (T, error) {
	one := []T{t}
	err := v.Load(ctx, db, one, ForOne)
	return v.Show(one[0], k.Allowed(v, one[0])), err
}

func (k Kind[T, S, V]) change(ctx context.Context, db *gorm.DB, ref Ref, unseen bool, reason string, change func(*gorm.DB, V, T) (Change, error), choose func(V, T) (Verb[T, S, V], error)) (after T, err error) {
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, list, err := k.lock(ctx, tx, ref.Town, unseen, ref.ID)
		if err != nil {
			return err
		}
		before := list[0]
		x, err := choose(v, before)
		if err != nil {
			return err
		}
		if before.Ref() != ref {
			return fault.OutOfDate()
		}
		c, err := change(tx, v, before)
		if err != nil {
			return err
		}
		if x.To != "" {
			c.Columns[cmp.Or(k.Column, "state")] = x.To
		}
		row := before
		if err := database.UpdateVersioned(tx, any(&row).(database.Row), ref.Version, c.Columns); err != nil {
			return err
		}
		fresh, err := k.read(tx, ref.Town, ref.ID)
		if err != nil {
			return err
		}
		after, err = k.record(ctx, tx, v, x, &before, fresh[0], reason, c.Extra)
		return err
	})
	return after, err
}

// record keeps the verb in the history and in the audit trail, and returns the record
// as v sees it now.
func (k Kind[T, S, V]) record(ctx context.Context, tx *gorm.DB, v V, x Verb[T, S, V], before *T, made T, reason string, extra any) (after T, err error) {
	if !x.Silent {
		if err := AddTransitions(ctx, tx, k.Name, reason, extra, Step{made.Ref(), x.Name}); err != nil {
			return after, err
		}
	}
	if after, err = k.show(ctx, tx, v, made); err != nil {
		return after, err
	}
	c := audit.Change{Town: made.Ref().Town, Action: k.Name + "." + x.Name, Reason: reason}
	if before != nil {
		_, c.Before = v.Audit(*before, x.Name)
	}
	c.Subject, c.After = v.Audit(after, x.Name)
	return after, audit.Write(ctx, tx, c)
}

func (k Kind[T, S, V]) judge(v V, refs []Ref, ids []string, list []T, to S, reason string) (out []Verdict, moved []T, verbs []string) {
	for i, r := range refs {
		d := Verdict{Ref: r}
		at := slices.IndexFunc(list, func(t T) bool { return t.Ref().ID == r.ID })
		switch {
		case at < 0:
			d.Err = fault.Missing(k.Noun, r.ID)
		case slices.Contains(ids[:i], r.ID):
			d.Err = fault.Invalid("named_twice", "同一%[1]s出现两次", "the %[2]s is named twice", k.Noun.ZH, k.Noun.EN)
		default:
			x, err := k.way(v, list[at], to, reason)
			if err == nil && list[at].Ref().Version != r.Version {
				err = fault.OutOfDate()
			}
			if d.Err = err; err == nil {
				d.Version++
				moved, verbs = append(moved, list[at]), append(verbs, x.Name)
			}
		}
		out = append(out, d)
	}
	return out, moved, verbs
}

func (k Kind[T, S, V]) storeAll(ctx context.Context, tx *gorm.DB, v V, moved []T, verbs []string, to S, reason string, c Change) error {
	town, ids, steps := moved[0].Ref().Town, make([]string, len(moved)), make([]Step, len(moved))
	for i, t := range moved {
		ref := t.Ref()
		ref.Version++
		ids[i], steps[i] = ref.ID, Step{ref, verbs[i]}
		path, before := v.Audit(t, verbs[i])
		if err := audit.Write(ctx, tx, audit.Change{Town: town, Action: k.Name + "." + verbs[i], Subject: path, Before: before, After: to, Reason: reason}); err != nil {
			return err
		}
	}
	c.Columns[cmp.Or(k.Column, "state")], c.Columns["version"] = to, gorm.Expr("version + 1")
	done := tx.Model(new(T)).Where("town_id = ? AND ? IN ?", town, k.key(), ids).Updates(c.Columns)
	if done.Error == nil && done.RowsAffected != int64(len(ids)) {
		return errors.New("workflow: locked rows were changed by someone else")
	}
	if done.Error != nil {
		return done.Error
	}
	return AddTransitions(ctx, tx, k.Name, reason, c.Extra, steps...)
}
