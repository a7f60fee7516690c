package dbtest

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver named "pgx"
)

// Tamper runs statements as the owner of the database would who wants to leave no trace:
// no trigger and no foreign key refuses them, and the schema is afterwards as it was.
func Tamper(t testing.TB, url string, statements ...string) {
	t.Helper()
	TamperWith(t, url, func(conn *sql.Conn) {
		for _, s := range statements {
			if _, err := conn.ExecContext(t.Context(), s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
	})
}

// TamperWith is Tamper by more than statements.
func TamperWith(t testing.TB, url string, do func(conn *sql.Conn)) {
	t.Helper()
	driver, source, begin := "pgx", AsOwner(t, url), "SET session_replication_role = replica"
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, source, begin = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)", "PRAGMA foreign_keys = 0"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	if driver == "sqlite" {
		defer putBack(t, conn, dropTriggers(t, conn))
	}
	do(conn)
}

// dropTriggers returns the statements that make the triggers again.
func dropTriggers(t testing.TB, conn *sql.Conn) (again []string) {
	t.Helper()
	rows, err := conn.QueryContext(t.Context(), "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for rows.Next() {
		var name, trigger string
		if err := rows.Scan(&name, &trigger); err != nil {
			t.Fatal(err)
		}
		names, again = append(names, name), append(again, trigger)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, err := conn.ExecContext(t.Context(), "DROP TRIGGER "+name); err != nil {
			t.Fatal(err)
		}
	}
	return again
}

func putBack(t testing.TB, conn *sql.Conn, triggers []string) {
	t.Helper()
	for _, s := range triggers {
		if _, err := conn.ExecContext(context.WithoutCancel(t.Context()), s); err != nil {
			t.Error(err)
		}
	}
}
