package workflow

import (
	"cmp"
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

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
	Actor[T, S]

	// Visible narrows a query to the records that the caller may see.
	Visible(q *gorm.DB) *gorm.DB
	// Load reads what the rules need besides the records, into the reader, and with ForOne
	// the children into the records. The records of a call are the same at each depth.
	Load(ctx context.Context, db *gorm.DB, list []T, depth Depth) error
	// Show returns t as the caller may see it, with what he or she can do.
	Show(t T, allowed []string) T
	// Audit returns the path of t below the town, and t as the audit trail keeps it.
	Audit(t T, verb string) (path string, value any)
}

// Kind is a kind of record: its name, its life and how its reader is made.
type Kind[T Record, S ~string, V Reader[T, S]] struct {
	Noun   text.Text
	Name   string // of its audit actions and transitions: "evaluation" in "evaluation.submit"
	Titles Titles[S]
	Verbs  []Verb[T, S, V]
	Key    string // the SQL expression of Ref.ID, if not "id"
	Column string // the column of the state, if not "state"; "-" where no column holds it
	Reader func(ctx context.Context, db *gorm.DB, town string) (V, error)
	Frozen func(v V, t T) error // optional: the refusal of a verb that the state does not have
	// optional: where the answer about one record has its history
	History func(t *T) *[]Transition
}

// Teller is a reader who may not see all names: Tell returns t as the answer shows it. It is called after the
// audit record, which keeps the names, is written.
type Teller[T Record] interface{ Tell(t T) T }

// tell returns the record as the answer shows it to v.
func (k Kind[T, S, V]) tell(v V, t T) T {
	if teller, ok := any(v).(Teller[T]); ok {
		return teller.Tell(t)
	}
	return t
}

// Change is what a verb does besides moving the state and raising the version.
type Change struct {
	Columns map[string]any
	Extra   any // what the history keeps besides verb, actor, time and reason, if the verb has no Extra
}

// Table returns the life of the kind.
func (k Kind[T, S, V]) Table() Table[T, S, V] {
	return Table[T, S, V]{Noun: k.Noun, Titles: k.Titles, Verbs: k.Verbs, Frozen: k.Frozen}
}

// Checked returns the kind, and panics where its table contradicts itself or where its
// name or reader is missing: it is for variables of packages.
func (k Kind[T, S, V]) Checked() Kind[T, S, V] {
	k.Table().Checked()
	if k.Name == "" || k.Reader == nil {
		panic("workflow: the kind of " + k.Noun.EN + " has no name or no reader")
	}
	return k
}

// Allowed returns the names of the verbs that v can use on t now; never nil.
func (k Kind[T, S, V]) Allowed(v V, t T) []string { return k.Table().Allowed(v, t) }

// Find returns one record, or NotFound where the caller may not see it.
func (k Kind[T, S, V]) Find(ctx context.Context, db *gorm.DB, town, id string) (t T, err error) {
	defer fault.Wrap(&err, "%s %s", k.Name, id)
	v, err := k.Reader(ctx, db, town)
	if err != nil {
		return t, err
	}
	list, err := k.read(v.Visible(db.WithContext(ctx)), town, id)
	if err != nil {
		return t, err
	}
	t, err = k.show(ctx, db, v, list[0])
	return k.tell(v, t), err
}

// List returns the records of q that v may see.
func (k Kind[T, S, V]) List(ctx context.Context, db *gorm.DB, v V, q *gorm.DB) (list []T, err error) {
	defer fault.Wrap(&err, "list of %s", k.Name)
	if err := v.Visible(q).Find(&list).Error; err != nil || len(list) == 0 {
		return list, err
	}
	err = v.Load(ctx, db, list, ForList)
	for i, t := range list {
		list[i] = k.tell(v, v.Show(t, k.Allowed(v, t)))
	}
	return list, err
}

// Create stores t by a verb that creates; insert does what is left, the row included.
func (k Kind[T, S, V]) Create(
	ctx context.Context, db *gorm.DB, verb, reason string, t T, insert func(tx *gorm.DB, v V, t *T) error,
) (after T, err error) {
	defer fault.Wrap(&err, "%s.%s", k.Name, verb)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := k.Reader(ctx, tx, t.Ref().Town)
		if err != nil {
			return err
		}
		made := t // insert may run twice
		if err := v.Load(ctx, tx, []T{made}, ForChange); err != nil {
			return err
		}
		x, err := k.Table().Create(v, made, verb, reason)
		if err != nil {
			return err
		}
		if err := insert(tx, v, &made); err != nil {
			return err
		}
		after, err = k.keep(ctx, tx, v, step[T, S, V]{verb: x, after: made, reason: reason})
		return err
	})
	return after, err
}

// Do changes a record by the verb of the name, which may move it or leave it where it is.
func (k Kind[T, S, V]) Do(
	ctx context.Context, db *gorm.DB, ref Ref, verb, reason string, change func(tx *gorm.DB, v V, t T) (Change, error),
) (T, error) {
	return k.DoBy(ctx, db, ref, func(T) string { return verb }, reason, change)
}

// DoBy is Do by the verb that the locked record chooses, where its state decides which
// one a call means.
func (k Kind[T, S, V]) DoBy(
	ctx context.Context, db *gorm.DB, ref Ref, verb func(t T) string, reason string,
	change func(tx *gorm.DB, v V, t T) (Change, error),
) (T, error) {
	return k.change(ctx, db, ref, order[T, S, V]{
		reason: reason, change: change,
		choose: func(v V, t T) (Verb[T, S, V], error) {
			return k.Table().Do(v, t, verb(t), reason)
		},
	})
}

// Move takes a record to another state. Where change is nil, as it may be of every method that has one, nothing
// but the state changes.
func (k Kind[T, S, V]) Move(
	ctx context.Context, db *gorm.DB, ref Ref, to S, reason string, change func(tx *gorm.DB, v V, t T) (Change, error),
) (T, error) {
	return k.change(ctx, db, ref, order[T, S, V]{
		reason: reason, change: change,
		choose: func(v V, t T) (Verb[T, S, V], error) {
			return k.Table().Move(v, t, to, reason)
		},
	})
}

// Hold locks a record until tx ends, if the caller can use the verb on it now, and changes nothing: it is for what
// belongs to the record and is stored elsewhere.
func (k Kind[T, S, V]) Hold(ctx context.Context, tx *gorm.DB, town, id, verb string) (t T, err error) {
	defer fault.Wrap(&err, "%s of %s %s", verb, k.Name, id)
	v, list, err := k.lock(ctx, tx, town, false, id)
	if err != nil {
		return t, err
	}
	_, err = k.Table().Do(v, list[0], verb, "")
	return list[0], err
}

// Apply makes a move that no caller makes, such as one that follows from a publication:
// only the state is asked, and what the caller may see does not matter.
func (k Kind[T, S, V]) Apply(
	ctx context.Context, db *gorm.DB, ref Ref, verb, reason string, change func(tx *gorm.DB, v V, t T) (Change, error),
) (T, error) {
	return k.change(ctx, db, ref, order[T, S, V]{
		reason: reason, change: change, unseen: true,
		choose: func(v V, t T) (Verb[T, S, V], error) {
			return k.Table().follow(v, t, verb)
		},
	})
}

// order is a change of one record that was asked for.
type order[T Record, S ~string, V Reader[T, S]] struct {
	reason string
	unseen bool // what the caller may see does not matter
	choose func(v V, t T) (Verb[T, S, V], error)
	change func(tx *gorm.DB, v V, t T) (Change, error)
}

// step is a change of one record that was made; before is nil where it was created.
type step[T Record, S ~string, V Reader[T, S]] struct {
	verb   Verb[T, S, V]
	before *T
	after  T
	reason string
	extra  any
}

// change does what the order asks: it may run more than once, so that it assigns and
// never appends.
func (k Kind[T, S, V]) change(ctx context.Context, db *gorm.DB, ref Ref, o order[T, S, V]) (after T, err error) {
	defer fault.Wrap(&err, "%s %s", k.Name, ref.ID)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, list, err := k.lock(ctx, tx, ref.Town, o.unseen, ref.ID)
		if err != nil {
			return err
		}
		before := list[0]
		x, err := o.choose(v, before)
		if err != nil {
			return err
		}
		if before.Ref() != ref {
			return Stale(ctx, tx, k.Name, ref)
		}
		var c Change
		if o.change != nil {
			if c, err = o.change(tx, v, before); err != nil {
				return err
			}
		}
		row := before
		if err := database.UpdateVersioned(tx, any(&row).(database.Row), ref.Version, k.columns(c, x.To)); err != nil {
			return err
		}
		fresh, err := k.read(tx, ref.Town, ref.ID)
		if err != nil {
			return err
		}
		after, err = k.keep(ctx, tx, v, step[T, S, V]{
			verb: x, before: &before, after: fresh[0], reason: o.reason,
			extra: c.Extra,
		})
		return err
	})
	return after, err
}

// columns returns what the change stores, the new state included.
func (k Kind[T, S, V]) columns(c Change, to S) map[string]any {
	if c.Columns == nil {
		c.Columns = map[string]any{}
	}
	if column := cmp.Or(k.Column, "state"); to != "" && column != "-" {
		c.Columns[column] = to
	}
	return c.Columns
}

// keep adds the step to the history and to the audit trail, and returns the record as v
// sees it now.
func (k Kind[T, S, V]) keep(ctx context.Context, tx *gorm.DB, v V, s step[T, S, V]) (after T, err error) {
	if !s.verb.Silent {
		if s.verb.Extra != nil {
			s.extra = s.verb.Extra(s.after)
		}
		if err := AddTransitions(ctx, tx, k.Name, s.reason, s.extra, Step{s.after.Ref(), s.verb.Name}); err != nil {
			return after, err
		}
	}
	if after, err = k.show(ctx, tx, v, s.after); err != nil {
		return after, err
	}
	c := audit.Change{Town: s.after.Ref().Town, Action: k.Name + "." + s.verb.Name, Reason: s.reason}
	if s.before != nil {
		_, c.Before = v.Audit(*s.before, s.verb.Name)
	}
	c.Subject, c.After = v.Audit(after, s.verb.Name)
	if err := audit.Write(ctx, tx, c); err != nil {
		return after, err
	}
	return k.tell(v, after), nil
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
func (k Kind[T, S, V]) lock(
	ctx context.Context, tx *gorm.DB, town string, unseen bool, ids ...string,
) (v V, list []T, err error) {
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

func (k Kind[T, S, V]) key() clause.Column {
	return clause.Column{Name: cmp.Or(k.Key, "id"), Raw: true}
}

func (k Kind[T, S, V]) show(ctx context.Context, db *gorm.DB, v V, t T) (T, error) {
	one := []T{t}
	err := v.Load(ctx, db, one, ForOne)
	if err == nil && k.History != nil {
		*k.History(&one[0]), err = History[Transition](ctx, db, k.Name, t.Ref())
	}
	return v.Show(one[0], k.Allowed(v, one[0])), err
}
