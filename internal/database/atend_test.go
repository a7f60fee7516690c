package database_test

import (
	"errors"
	"slices"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

func TestWhatIsLeftForTheEndIsDoneOnceAndLast(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		execAll(t, db, counters...)
		var got []string
		do := func(tx *gorm.DB, items []string) error {
			got = append(got, items...)
			if n := read(t, tx, 1); n != 2 {
				t.Errorf("n = %d at the end, want 2", n)
			}
			return add(tx, 2)
		}
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			err := database.AtEnd(tx, "a", do)
			inner := database.InTx(t.Context(), tx, func(tx *gorm.DB) error {
				return errors.Join(add(tx, 1), database.AtEnd(tx, "b", do))
			})
			if len(got) > 0 {
				t.Error("done before the end")
			}
			return errors.Join(err, inner, add(tx, 1))
		})
		if err != nil || !slices.Equal(got, []string{"a", "b"}) || read(t, db, 2) != 1 {
			t.Errorf("%v, %q, n = %d", err, got, read(t, db, 2))
		}
	})
}

func TestAnErrorAtTheEndRollsBack(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		execAll(t, db, counters...)
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			return errors.Join(add(tx, 1), database.AtEnd(tx, 0, func(*gorm.DB, []int) error { return errNo }))
		})
		if !errors.Is(err, errNo) || read(t, db, 1) != 0 {
			t.Errorf("%v, n = %d", err, read(t, db, 1))
		}
		err = database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			_ = database.AtEnd(tx, 0, func(*gorm.DB, []int) error { t.Error("done though the transaction failed"); return nil })
			return errNo
		})
		if !errors.Is(err, errNo) {
			t.Error(err)
		}
	})
}

func TestOnlyATransactionThatWritesHasAnEnd(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		never := func(*gorm.DB, []int) error { t.Error("done"); return nil }
		if database.AtEnd(db, 0, never) == nil {
			t.Error("there is no transaction to end")
		}
		err := database.ReadTx(t.Context(), db, func(tx *gorm.DB) error { return database.AtEnd(tx, 0, never) })
		if err == nil {
			t.Error("a snapshot cannot be written to")
		}
	})
}
