package demo

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
)

// What the demo did not make is refused by everything that writes, and stays as it is.
func TestOtherDatabasesAreRefused(t *testing.T) {
	for name, statement := range map[string]string{
		"one row": "INSERT INTO areas (code, level, name_zh, name_en, provenance) VALUES ('44', 'province', 'x', 'x', '')",
		"a setup token": "INSERT INTO setup_tokens (secret_hash, created_at, ends_at) SELECT '" + hash +
			"', '2023-01-01', '2023-01-02'", "no place to mark": "DROP TABLE demo_marks",
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
				if own, err := Owned(t.Context(), db); own || err != nil {
					t.Fatalf("an empty database: %v, %v", own, err)
				}
				if err := db.Exec(statement).Error; err != nil {
					t.Fatal(err)
				}
				refused(t, db)
			})
		})
	}
	t.Run("of another program", func(t *testing.T) {
		dbtest.Both(t, func(t *testing.T, dialect string) {
			db := dbtest.Connect(t, dbtest.EmptyURL(t, dialect), database.Options{})
			if own, err := Owned(t.Context(), db); own || err != nil {
				t.Fatalf("without tables: %v, %v", own, err)
			}
			if err := db.Exec("CREATE TABLE invoices (id integer)").Error; err != nil {
				t.Fatal(err)
			}
			refused(t, db)
		})
	})
}

const hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func refused(t *testing.T, db *gorm.DB) {
	t.Helper()
	before := counts(t, db)
	_, owned := Owned(t.Context(), db)
	_, seeded := Seed(t.Context(), db)
	_, given := Credentials(t.Context(), db)
	for _, err := range []error{owned, seeded, given} {
		if !fault.Is(err, fault.KindConflict) {
			t.Errorf("not refused: %v", err)
		}
	}
	if diff := cmp.Diff(before, counts(t, db)); diff != "" {
		t.Errorf("rows before (-) and after (+):\n%s", diff)
	}
}

// counts returns the number of rows of each table.
func counts(t *testing.T, db *gorm.DB) map[string]int64 {
	t.Helper()
	tables, err := database.Tables(db)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	for _, table := range tables {
		var n int64
		if err := db.Table(table).Count(&n).Error; err != nil {
			t.Fatal(err)
		}
		found[table] = n
	}
	return found
}

// A demo that was broken off after its mark is its own, whatever else is there.
func TestTheMarkIsEnough(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		if _, err := Credentials(t.Context(), db); !fault.Is(err, fault.KindConflict) {
			t.Errorf("credentials in an empty database: %v", err)
		}
		for range 2 {
			if err := claim(t.Context(), db); err != nil {
				t.Fatal(err)
			}
		}
		err := db.Exec(
			"INSERT INTO areas (code, level, name_zh, name_en, provenance) VALUES ('44', 'province', 'x', 'x', '')").Error
		if err != nil {
			t.Fatal(err)
		}
		if own, err := Owned(t.Context(), db); !own || err != nil {
			t.Errorf("Owned = %v, %v", own, err)
		}
		if made, err := HasCredentials(t.Context(), db); made || err != nil {
			t.Errorf("HasCredentials = %v, %v", made, err)
		}
	})
}
