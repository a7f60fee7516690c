package database_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// shelf has one constraint of each kind, with the name that ConstraintOf gives.
var shelf = []string{
	`CREATE TABLE shelves (id integer NOT NULL, name text NOT NULL, PRIMARY KEY (id))`,
	`CREATE TABLE books (town text NOT NULL, code text NOT NULL, isbn text, pages integer CONSTRAINT books_pages CHECK (pages > 0),
		shelf integer REFERENCES shelves (id) ON DELETE RESTRICT, PRIMARY KEY (town, code), UNIQUE (town, isbn))`,
	`INSERT INTO shelves VALUES (1, 'a')`,
	`INSERT INTO books VALUES ('t', '1', '978', 9, 1)`,
}

func execAll(t *testing.T, db *gorm.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := db.Exec(s).Error; err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestBrokenConstraints(t *testing.T) {
	const other = "*" // the two databases differ
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		execAll(t, db, shelf...)
		for _, c := range []struct {
			sql              string
			kind             fault.Kind
			code, constraint string
		}{
			{`INSERT INTO books VALUES ('t', '1', NULL, 1, 1)`, fault.KindConflict, "already_exists", "books_pkey"},
			{`INSERT INTO shelves VALUES (1, 'b')`, fault.KindConflict, "already_exists", "shelves_pkey"},
			{`INSERT INTO books VALUES ('t', '2', '978', 1, 1)`, fault.KindConflict, "already_exists", "books_town_isbn_key"},
			{`INSERT INTO books VALUES ('t', '2', NULL, 1, 2)`, fault.KindConflict, "reference", other},
			{`UPDATE books SET shelf = 2`, fault.KindConflict, "reference", other},
			{`DELETE FROM shelves`, fault.KindConflict, "reference", other},
			{`INSERT INTO books VALUES ('t', '2', NULL, 0, 1)`, fault.KindInvalid, "invalid_value", "books_pages"},
			{`INSERT INTO books VALUES ('t', NULL, NULL, 1, 1)`, fault.KindInvalid, "invalid_value", "books.code"},
		} {
			err := db.Exec(c.sql).Error
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != c.kind || f.Code != c.code {
				t.Errorf("%s: %v, want kind %d, code %s", c.sql, err, c.kind, c.code)
				continue
			}
			if f.Message.ZH == "" || f.Message.EN == "" || f.Unwrap() == nil {
				t.Errorf("%s: %+v lacks words or its cause", c.sql, f)
			}
			if got := database.ConstraintOf(fmt.Errorf("wrapped: %w", err)); c.constraint != other && got != c.constraint {
				t.Errorf("%s: ConstraintOf = %q, want %q", c.sql, got, c.constraint)
			}
		}
	})
}

// The unique indexes of the migrations go by their names on both databases. Rows
// are made without the keys that they refer to: only the index matters here.
func TestConstraintOfNamesUniqueIndexes(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		drop := map[string]string{database.SQLite: `DROP TABLE runs`, database.PostgreSQL: `DROP TABLE runs CASCADE`}
		execAll(t, db, drop[database.Dialect(db)],
			`CREATE TABLE runs (id text, town_id text, period_code text, number integer)`,
			`CREATE UNIQUE INDEX runs_number ON runs (town_id, period_code, number)`,
			`INSERT INTO runs VALUES ('a', 't', 'p', 1)`)
		err := db.Exec(`INSERT INTO runs VALUES ('b', 't', 'p', 1)`).Error
		if got := database.ConstraintOf(err); got != "runs_number" {
			t.Errorf("ConstraintOf(%v) = %q", err, got)
		}
	})
}

func TestReadOnlyIsUnavailable(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		execAll(t, db, shelf...)
		err := database.ReadTx(t.Context(), db, func(tx *gorm.DB) error {
			return database.Unrecorded(tx).Exec("DELETE FROM books").Error
		})
		if !fault.Is(err, fault.KindUnavailable) {
			t.Errorf("a write to a read-only session: %v", err)
		}
	})
}

func TestLockTimeoutIsUnavailable(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		url := dbtest.AsOwner(t, dbtest.URL(t, dialect))
		one := dbtest.Connect(t, url, database.Options{})
		two := dbtest.Connect(t, url, database.Options{LockTimeout: 20 * time.Millisecond}) // as another process
		execAll(t, one, shelf...)
		err := database.InTx(t.Context(), one, func(tx *gorm.DB) error {
			execAll(t, database.Unrecorded(tx), "UPDATE books SET pages = 10")
			if err := two.Exec("UPDATE books SET pages = 11").Error; !fault.Is(err, fault.KindUnavailable) {
				t.Errorf("%s: a write that waited too long: %v", dialect, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestFullDiskIsUnavailable(t *testing.T) {
	db := dbtest.Connect(t, dbtest.AsOwner(t, dbtest.URL(t, database.SQLite)), database.Options{MaxConns: 1})
	execAll(t, db, shelf...)
	execAll(t, db, "PRAGMA max_page_count = 1") // clamped to the size it has
	var err error
	for i := 0; i < 1000 && err == nil; i++ {
		err = db.Exec("INSERT INTO shelves VALUES (?, hex(zeroblob(1000)))", i+2).Error
	}
	if !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("a write to a full file: %v", err)
	}
}

func TestLostServerIsUnavailable(t *testing.T) {
	url := dbtest.AsOwner(t, dbtest.URL(t, database.PostgreSQL))
	db := dbtest.Connect(t, url, database.Options{MaxConns: 1})
	other := dbtest.Connect(t, url, database.Options{})
	err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
		var pid int
		if err := tx.Raw("SELECT pg_backend_pid()").Scan(&pid).Error; err != nil {
			return err
		}
		execAll(t, other, fmt.Sprintf("SELECT pg_terminate_backend(%d)", pid))
		if err := tx.Raw("SELECT 1").Scan(&pid).Error; !fault.Is(err, fault.KindUnavailable) {
			t.Errorf("a read on a connection that the server ended: %v", err)
		}
		return tx.Exec("SELECT 1").Error
	})
	if !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("a statement on a connection that the server ended: %v", err)
	}
	execAll(t, db, "SELECT 1") // the pool has recovered
}

func TestMalformedTextIsInvalid(t *testing.T) {
	db := dbtest.Owner(t, dbtest.Open(t, database.PostgreSQL))
	execAll(t, db, shelf...)
	for _, s := range []string{"a\x00b", "\xff"} { // SQLite stores both: requests are checked by package text
		if err := db.Exec("UPDATE shelves SET name = ?", s).Error; !fault.Is(err, fault.KindInvalid) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestTranslateLeavesTheRest(t *testing.T) {
	own := fault.New(fault.KindNotFound, "x", text.Same("x")).Because(context.DeadlineExceeded)
	for _, err := range []error{
		nil, own, fmt.Errorf("w: %w", own), gorm.ErrRecordNotFound, context.Canceled,
		sql.ErrNoRows, errors.New("a defect"),
	} {
		if got := database.Translate(err); !errors.Is(got, err) || !errors.Is(err, got) {
			t.Errorf("Translate(%v) = %v", err, got)
		}
	}
	if err := database.Translate(fmt.Errorf("w: %w", context.DeadlineExceeded)); !fault.Is(err, fault.KindUnavailable) ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a deadline: %v", err)
	}
	if err := database.Translate(fmt.Errorf("w: %w", pgconn.ErrConnClosed)); !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("a connection that has ended: %v", err)
	}
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		var row struct{ Code string }
		if err := db.Table("towns").Take(&row).Error; !errors.Is(err, gorm.ErrRecordNotFound) {
			t.Errorf("no row: %v", err)
		}
		var known *fault.Error
		if err := db.Exec("SELECT nonsense FROM nowhere").Error; err == nil || errors.As(err, &known) {
			t.Errorf("bad SQL: %v, want an error that is no fault", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := db.WithContext(ctx).Exec("SELECT 1").Error; !errors.Is(err, context.Canceled) || errors.As(err, &known) {
			t.Errorf("a caller who left: %v", err)
		}
	})
}
