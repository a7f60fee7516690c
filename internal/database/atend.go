package database

import (
	"errors"

	"gorm.io/gorm"
)

var errNoTransaction = errors.New("database: AtEnd outside InTx")

// last is what a transaction does before its commit.
type last interface{ run(tx *gorm.DB) error }

type batch[T any] struct {
	items []T
	do    func(tx *gorm.DB, items []T) error
}

func (b *batch[T]) run(tx *gorm.DB) error { return b.do(tx, b.items) }

// AtEnd has do called once, with all items of the type in the order in which
// they came, as the last step of the transaction that tx is in. A lock that many
// transactions want is best taken there: it is held for the shortest time, and
// whoever holds it waits for nothing more, so that it closes no circle of
// waiting. An error of do rolls the transaction back.
func AtEnd[T any](tx *gorm.DB, item T, do func(tx *gorm.DB, items []T) error) error {
	t, ok := tx.Statement.ConnPool.(*transaction)
	switch {
	case !ok:
		return errNoTransaction
	case t.readOnly:
		return errWriteInRead
	}
	for _, l := range t.last {
		if b, ok := l.(*batch[T]); ok {
			b.items = append(b.items, item)
			return nil
		}
	}
	t.last = append(t.last, &batch[T]{[]T{item}, do})
	return nil
}

// finish does what was left for the end. What that leaves in turn is done too.
func (t *transaction) finish(tx *gorm.DB) error {
	for i := 0; i < len(t.last); i++ {
		if err := t.last[i].run(tx); err != nil {
			return err
		}
	}
	return nil
}
