package database_test

import (
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
)

// These pin down how gorm and the two databases behave where it surprises. One
// that fails after an upgrade means: look for code that relies on it.

func TestTrapZeroConditionsMatchAll(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		createNotes(t, db)
		db.Create(&[]note{{TownID: "a", Code: "1"}, {TownID: "b", Code: "1"}})
		var found []note
		if err := db.Where(&note{TownID: ""}).Find(&found).Error; err != nil || len(found) != 2 {
			t.Errorf("a struct condition with a zero: %d rows, %v", len(found), err)
		}
		if err := db.Where("town_id = ?", "").Find(&found).Error; err != nil || len(found) != 0 {
			t.Errorf("a named condition with a zero: %d rows, %v", len(found), err)
		}
	})
}

func TestTrapUpdatesWithStructDropsZeros(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		createNotes(t, db)
		db.Create(&note{TownID: "a", Code: "1", Text: "x", Pinned: true})
		db.Model(&note{TownID: "a", Code: "1"}).Updates(note{Text: "y", Pinned: false})
		var got note
		if err := db.Take(&got, "town_id = ?", "a").Error; err != nil || got.Text != "y" || !got.Pinned {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestGlobalChangesAreRefused(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		createNotes(t, db)
		db.Create(&note{TownID: "a", Code: "1"})
		if err := db.Model(&note{}).Update("text", "x").Error; err == nil {
			t.Error("every row was updated")
		}
		if err := db.Delete(&note{}).Error; err == nil {
			t.Error("every row was deleted")
		}
	})
}

func TestTrapNullsSortDifferently(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		execAll(t, db, `CREATE TABLE scores (code text NOT NULL, score double precision)`,
			`INSERT INTO scores VALUES ('b', 1.0), ('none', NULL), ('a', 2.0)`)
		first := func(order string) (code string) {
			if err := db.Raw("SELECT code FROM scores ORDER BY " + order + " LIMIT 1").Scan(&code).Error; err != nil {
				t.Error(err)
			}
			return code
		}
		bare := map[string]string{database.SQLite: "a", database.PostgreSQL: "none"}
		if got := first("score DESC"); got != bare[database.Dialect(db)] {
			t.Errorf("bare order begins with %s", got)
		}
		if got := first("score DESC NULLS LAST, code"); got != "a" {
			t.Errorf("an unscored row ranks first: %s", got)
		}
	})
}

func TestTrapOuterHandleInsideATransaction(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		db := dbtest.Connect(t, dbtest.AsOwner(t, dbtest.URL(t, dialect)),
			database.Options{LockTimeout: 30 * time.Millisecond})
		execAll(t, db, counters...)
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			if err := add(tx, 1); err != nil {
				return err
			}
			return add(db, 1) // not tx
		})
		if !fault.Is(err, fault.KindUnavailable) {
			t.Errorf("%s: %v, want an end by the lock timeout", dialect, err)
		}
		err = database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			if err := add(tx, 1); err != nil {
				return err
			}
			return database.InTx(t.Context(), db, func(tx *gorm.DB) error { return add(tx, 1) }) // not in tx
		})
		if !fault.Is(err, fault.KindUnavailable) {
			t.Errorf("%s, an inner InTx: %v, want an end by the lock timeout", dialect, err)
		}
	}
}

// After an error PostgreSQL refuses all further work in the transaction, SQLite
// goes on: an error must leave fn.
func TestTrapErrorInsideATransaction(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		execAll(t, db, counters...)
		err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			_ = database.Unrecorded(tx).Exec("INSERT INTO counters VALUES (1, 1)").Error
			return add(tx, 2)
		})
		if goesOn := database.Dialect(db) == database.SQLite; (err == nil) != goesOn {
			t.Errorf("%v", err)
		}
	})
}

func TestBatchesFitBothDatabases(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		createNotes(t, db)
		rows := make([]note, 3*database.Batch/2)
		for i := range rows {
			rows[i] = note{TownID: "a", Code: time.Duration(i).String()}
		}
		before := database.Queries(db)
		if err := db.CreateInBatches(rows, database.Batch).Error; err != nil {
			t.Fatal(err)
		}
		if got := database.Queries(db) - before; got != 2 {
			t.Errorf("%d statements for %d rows", got, len(rows))
		}
	})
}
