package database_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
)

// Each migration is taken back and made again under the rows of the demo. The
// schema is then the one that a new database has at that number, and what both
// schemas can hold is as it was.
func TestEveryMigrationGoesBack(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			levels := everyLevel(t, dialect)
			url := dbtest.URL(t, dialect)
			db := dbtest.Connect(t, url, database.Options{})
			if _, err := demo.Seed(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			if _, err := demo.Credentials(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			execAll(t, db, "UPDATE branches SET closed_on = '2023-10-01', merged_into = 'b40' WHERE town_id = 'demo' AND code = 'b39'")
			for n := len(levels) - 1; n > 0; n-- {
				kept := shared(levels[n], levels[n-1])
				before := contents(t, db, kept)
				same := func(step string, level int) {
					t.Helper()
					if diff := cmp.Diff(levels[level], levelOf(t, db)); diff != "" {
						t.Errorf("%s: a new database (-) has another schema (+):\n%s", step, diff)
					}
					if diff := cmp.Diff(before, contents(t, db, kept)); diff != "" {
						t.Errorf("%s: the rows before (-) and after (+):\n%s", step, diff)
					}
				}
				back := func() {
					t.Helper()
					if err := database.MigrateBack(t.Context(), db, int64(n-1)); err != nil {
						t.Fatalf("take back %d: %v", n, err)
					}
				}
				back()
				same(fmt.Sprint("back to ", n-1), n-1)
				if err := database.MigrateTo(t.Context(), url, database.Options{}, int64(n)); err != nil {
					t.Fatalf("migrate to %d again: %v", n, err)
				}
				same(fmt.Sprint("again to ", n), n)
				back()
			}
		})
	}
}

// The way back from 0008 leaves keys of one role with what they open, and takes
// those away that the old schema has no words for.
func TestKeysGoBackToOneRole(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			db := dbtest.Open(t, dialect)
			execAll(t, db, before0008[:2]...)
			for _, k := range []access.Key{
				{Roles: []access.Role{access.Admin}},
				{Roles: []access.Role{access.Reader}, Towns: []string{"a"}, ReadOnly: true},
				{Roles: []access.Role{access.Reader, access.Admin}},
			} {
				if _, _, err := access.CreateKey(t.Context(), db, k); err != nil {
					t.Fatal(err)
				}
			}
			if err := database.MigrateBack(t.Context(), db, 7); err != nil {
				t.Fatal(err)
			}
			want := []string{"admin-" + no[dialect], "readera" + map[string]string{database.SQLite: "1", database.PostgreSQL: "true"}[dialect]}
			if diff := cmp.Diff(want, texts(t, db, "SELECT role || coalesce(only_town, '-') || CAST(read_only AS text) FROM keys ORDER BY role")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// level is a schema with its indexes, triggers and checks.
type level struct {
	Tables map[string]*table
	Beside []string
}

var besideQueries = map[string]string{
	database.SQLite: `SELECT type || ' ' || name || ' ON ' || tbl_name FROM sqlite_schema WHERE type IN ('index', 'trigger') AND name NOT LIKE 'sqlite_%' AND tbl_name NOT LIKE 'goose_%'
		UNION ALL SELECT 'rules of ' || name || ' ' || (length(sql) - length(replace(sql, 'CHECK', ''))) / 5 FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'goose_%' AND sql LIKE '%CHECK%' ORDER BY 1`,
	database.PostgreSQL: `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE 'goose_%' UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
		UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace
		UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1`,
}

func levelOf(t *testing.T, db *gorm.DB) level {
	return level{tables(t, db), texts(t, db, besideQueries[database.Dialect(db)])}
}

// everyLevel is the schema after each migration of a new database.
func everyLevel(t *testing.T, dialect string) []level {
	t.Helper()
	url := dbtest.EmptyURL(t, dialect)
	db := dbtest.Connect(t, url, database.Options{})
	_, last, err := database.Version(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	levels := []level{levelOf(t, db)}
	for n := int64(1); n <= last; n++ {
		if err := database.MigrateTo(t.Context(), url, database.Options{}, n); err != nil {
			t.Fatal(err)
		}
		levels = append(levels, levelOf(t, db))
	}
	return levels
}

// shared are the tables that both schemas have, with the columns that both have.
func shared(a, b level) map[string][]string {
	both := map[string][]string{}
	for name, of := range a.Tables {
		if other := b.Tables[name]; other != nil {
			for _, c := range of.Columns {
				if slices.Contains(other.Columns, c) {
					both[name] = append(both[name], strings.TrimSuffix(c, "?"))
				}
			}
		}
	}
	return both
}

// contents are the hashes of the rows of the tables.
func contents(t *testing.T, db *gorm.DB, of map[string][]string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for name, columns := range of {
		found[name] = hashOf(t, db, "SELECT "+strings.Join(columns, ", ")+" FROM "+name, len(columns))
	}
	return found
}

// hashOf is how many rows the query gives, and a hash of them in any order.
func hashOf(t *testing.T, db *gorm.DB, query string, columns int) string {
	t.Helper()
	rows, err := db.Raw(query).Rows()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	values, pointers := make([]any, columns), make([]any, columns)
	for i := range values {
		pointers[i] = &values[i]
	}
	var lines []string
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%q", values))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return fmt.Sprintf("%d rows %x", len(lines), sha256.Sum256([]byte(strings.Join(lines, "\n"))))
}
