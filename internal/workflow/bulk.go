package workflow

import (
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// Bulk is a request to take many records of a town to one state.
type Bulk[S ~string] struct {
	Town   string
	Refs   []Ref
	To     S
	Reason string
	DryRun bool // judge only
}

// Verdict is what became of one record of a bulk change: its new version, or an error.
type Verdict struct {
	Ref
	Err error
}

// moved is a record of a bulk change that moves, and by which verb.
type moved[T Record] struct {
	record T
	verb   string
}

// MoveAll takes many records to one state in one transaction, by as many statements for
// 500 as for one. Those that can move do, the others get their error. change is about all
// that move.
func (k Kind[T, S, V]) MoveAll(
	ctx context.Context, db *gorm.DB, b Bulk[S], change func(tx *gorm.DB, v V, list []T) (Change, error),
) (out []Verdict, err error) {
	defer fault.Wrap(&err, "%d of %s", len(b.Refs), k.Name)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		ids := make([]string, len(b.Refs))
		for i, r := range b.Refs {
			ids[i] = r.ID
		}
		v, list, err := k.lock(ctx, tx, b.Town, false, ids...)
		if err != nil && !fault.Is(err, fault.KindNotFound) {
			return err
		}
		verdicts, moves := k.judge(v, b, list)
		out = verdicts
		if err := k.explainStale(ctx, tx, b, verdicts); err != nil || b.DryRun || len(moves) == 0 {
			return err
		}
		records := make([]T, len(moves))
		for i, m := range moves {
			records[i] = m.record
		}
		c, err := change(tx, v, records)
		if err != nil {
			return err
		}
		return k.storeAll(ctx, tx, v, b, moves, c)
	})
	return out, err
}

func (k Kind[T, S, V]) judge(v V, b Bulk[S], list []T) (out []Verdict, moves []moved[T]) {
	seen := map[string]bool{}
	for _, r := range b.Refs {
		d := Verdict{Ref: r}
		at := slices.IndexFunc(list, func(t T) bool { return t.Ref().ID == r.ID })
		switch {
		case at < 0:
			d.Err = fault.Missing(k.Noun, r.ID)
		case seen[r.ID]:
			d.Err = fault.Invalid("named_twice", "同一%[1]s出现两次", "the %[1]s is named twice", k.Noun)
		default:
			x, err := k.Table().Move(v, list[at], b.To, b.Reason)
			if err == nil && list[at].Ref().Version != r.Version {
				err = fault.OutOfDate()
			}
			if d.Err = err; err == nil {
				d.Version++
				moves = append(moves, moved[T]{list[at], x.Name})
			}
		}
		seen[r.ID] = true
		out = append(out, d)
	}
	return out, moves
}

// explainStale puts into the verdicts about old versions who made a newer one.
func (k Kind[T, S, V]) explainStale(ctx context.Context, tx *gorm.DB, b Bulk[S], verdicts []Verdict) error {
	var refs []Ref
	for _, d := range verdicts {
		if fault.Is(d.Err, fault.KindStale) {
			refs = append(refs, d.Ref)
		}
	}
	steps, err := LastSteps(ctx, tx, k.Name, b.Town, refs)
	for i, d := range verdicts {
		if s, ok := steps[d.ID]; ok && fault.Is(d.Err, fault.KindStale) && s.Version > d.Version {
			verdicts[i].Err = s.stale()
		}
	}
	return err
}

func (k Kind[T, S, V]) storeAll(ctx context.Context, tx *gorm.DB, v V, b Bulk[S], moves []moved[T], c Change) error {
	ids, steps := make([]string, len(moves)), make([]Step, len(moves))
	for i, m := range moves {
		ref := m.record.Ref()
		ref.Version++
		ids[i], steps[i] = ref.ID, Step{ref, m.verb}
		path, before := v.Audit(m.record, m.verb)
		err := audit.Write(ctx, tx, audit.Change{
			Town: b.Town, Action: k.Name + "." + m.verb, Subject: path, Before: before, After: b.To, Reason: b.Reason,
		})
		if err != nil {
			return err
		}
	}
	columns := k.columns(c, b.To)
	columns["version"] = gorm.Expr("version + 1")
	done := tx.Model(new(T)).Where("town_id = ? AND ? IN ?", b.Town, k.key(), ids).Updates(columns)
	if done.Error == nil && done.RowsAffected != int64(len(ids)) {
		return errors.New("workflow: locked rows were changed by someone else")
	}
	if done.Error != nil {
		return done.Error
	}
	return AddTransitions(ctx, tx, k.Name, b.Reason, c.Extra, steps...)
}
