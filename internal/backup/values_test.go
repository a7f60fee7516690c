package backup_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/backup"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

// odd are values that a careless copy would change. Text never has a NUL, which
// PostgreSQL cannot store.
var odd = map[string][]any{
	"text":    {"", "'\"\\\n\r\t,;[]{}null", "战斗力\U0001F3F0e\u0301\u2028\ufeff", "\x01\x7f<&>"},
	"integer": {int64(math.MaxInt64), int64(math.MinInt64), int64(1<<53 + 1), int64(0)},
	"real":    {math.Copysign(0, -1), 5e-324, 0.30000000000000004, math.Inf(-1)},
	"boolean": {true, false, true, false},
	"time": {
		time.UnixMicro(0).UTC(), time.Date(2023, 7, 1, 23, 59, 59, 999999000, time.UTC),
		time.Date(9999, 12, 31, 0, 0, 0, 1000, time.UTC), time.Date(2024, 2, 29, 16, 0, 0, 120000000, time.UTC),
	},
	"bytes": {[]byte{0, 0xff}, []byte("x"), []byte("\n"), []byte{1}},
}

const oddRows = 4

// Every column of every table, whatever migrations add, keeps odd values on each
// way between the databases.
func TestEveryColumnKeepsItsValues(t *testing.T) {
	for _, from := range dbtest.Dialects {
		source := lax(t, from)
		_, empty := write(t, source)
		keys, optional := keyColumns(t), optionalColumns(t)
		stored := map[string][][]any{}
		for _, table := range empty.Header.Tables {
			for i := range oddRows {
				values := oddRow(table, i, keys, optional)
				stored[table.Name] = append(stored[table.Name], values)
				insert(t, source, table, values)
			}
		}
		file, wrote := write(t, source)
		for _, to := range dbtest.Dialects {
			t.Run(from+" to "+to, func(t *testing.T) {
				target := lax(t, to)
				if _, err := restore(t.Context(), target, file); err != nil {
					t.Fatal(err)
				}
				for _, table := range wrote.Header.Tables {
					if wrote.Rows(table.Name) != oddRows {
						t.Errorf("%d rows of %s", wrote.Rows(table.Name), table.Name)
					}
					if diff := cmp.Diff(stored[table.Name], contents(t, target, table), sameBits); diff != "" {
						t.Errorf("%s:\n%s", table.Name, diff)
					}
				}
			})
		}
	}
}

// sameBits lets no bit of a real get lost but the sign of a zero: SQLite has none.
var sameBits = cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a+0) == math.Float64bits(b+0) })

// oddRow is the row i: keys and references by number, so that all of them hold,
// odd values in the rest, and NULL in the last row where it may be.
func oddRow(table backup.Table, i int, keys, optional []string) []any {
	values := make([]any, len(table.Columns))
	for n, c := range table.Columns {
		name, kind := table.Name+"."+c.Name, string(c.Kind)
		switch {
		case n >= table.Key && i == oddRows-1 && slices.Contains(optional, name):
		case kind == "text" && slices.Contains(keys, name):
			values[n] = fmt.Sprint("k", i)
		case kind == "integer" && slices.Contains(keys, name):
			values[n] = int64(i)
		default:
			values[n] = odd[kind][i]
		}
	}
	return values
}

func insert(t *testing.T, db *gorm.DB, table backup.Table, values []any) {
	t.Helper()
	names := make([]string, len(table.Columns))
	for i, c := range table.Columns {
		names[i] = `"` + c.Name + `"`
	}
	err := db.Exec(fmt.Sprintf(`INSERT INTO "%s" (%s) VALUES (%s)`, table.Name, strings.Join(names, ","),
		strings.Repeat(",?", len(names))[1:]), values...).Error
	if err != nil {
		t.Fatalf("%s: %v", table.Name, err)
	}
}

// contents reads the table as the drivers give it, in the order of its key; that
// of SQLite gives booleans as numbers.
func contents(t *testing.T, db *gorm.DB, table backup.Table) (all [][]any) {
	t.Helper()
	var names []string
	for _, c := range table.Columns {
		names = append(names, `"`+c.Name+`"`)
	}
	rows, err := db.Raw(fmt.Sprintf(`SELECT %s FROM "%s" ORDER BY %s`, strings.Join(names, ","), table.Name,
		strings.Join(names[:table.Key], ","))).Rows()
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		values, pointers := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		for i, c := range table.Columns {
			if n, number := values[i].(int64); number && c.Kind == "boolean" {
				values[i] = n == 1
			}
		}
		all = append(all, values)
	}
	return all
}

// lax is a migrated database that lets every value in: it has keys and
// references, but no rules, unique indexes and triggers.
func lax(t *testing.T, dialect string) *gorm.DB {
	t.Helper()
	if dialect == database.SQLite {
		db := dbtest.Connect(t, dbtest.AsOwner(t, dbtest.URL(t, dialect)), database.Options{MaxConns: 1})
		run(t, db, "PRAGMA ignore_check_constraints = 1")
		run(t, db, names(t, db, `SELECT 'DROP ' || type || ' "' || name || '"' FROM sqlite_schema WHERE sql IS NOT NULL
			AND (type = 'trigger' OR type = 'index' AND sql LIKE 'CREATE UNIQUE%')`)...)
		return db
	}
	db := dbtest.Owner(t, dbtest.Open(t, dialect))
	run(t, db, names(t, db,
		`SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || quote_ident(conname) FROM pg_constraint
		WHERE contype = 'c' AND connamespace = 'public'::regnamespace`)...)
	run(t, db, names(t, db,
		`SELECT 'DROP INDEX ' || i.indexrelid::regclass FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE i.indisunique AND NOT i.indisprimary AND c.relnamespace = 'public'::regnamespace
		AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)`)...)
	run(t, db,
		names(t, db,
			`SELECT 'DROP TRIGGER ' || quote_ident(tgname) || ' ON ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal`)...)
	return db
}

func run(t *testing.T, db *gorm.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := db.Exec(s).Error; err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func names(t *testing.T, db *gorm.DB, query string) (list []string) {
	t.Helper()
	if err := db.Raw(query).Scan(&list).Error; err != nil {
		t.Fatal(err)
	}
	return list
}

// keyColumns are the columns, as table.column, that are part of a key or refer
// to one.
func keyColumns(t *testing.T) []string {
	return names(t, dbtest.Owner(t, dbtest.Open(t, database.SQLite)), `
		SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.pk > 0
		UNION SELECT m.name || '.' || f."from" FROM sqlite_schema m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'
		UNION SELECT f."table" || '.' || f."to" FROM sqlite_schema m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`)
}

// optionalColumns are those that may be NULL.
func optionalColumns(t *testing.T) []string {
	return names(t, dbtest.Owner(t, dbtest.Open(t, database.SQLite)),
		`SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND NOT c."notnull"`)
}
