package database

import (
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ConstraintOf returns the name of the constraint that err broke, "" where none
// is known: the name of a unique index, TABLE_pkey, TABLE_COLUMN_COLUMN_key for
// a unique key without a name (PostgreSQL's rule), TABLE.COLUMN for NOT NULL.
// For these four both databases agree. A check has its own name, or else one
// that differs; which foreign key broke, SQLite does not tell.
func ConstraintOf(err error) string {
	var postgres *pgconn.PgError
	if errors.As(err, &postgres) {
		if postgres.ConstraintName == "" && postgres.ColumnName != "" {
			return postgres.TableName + "." + postgres.ColumnName
		}
		return postgres.ConstraintName
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return sqliteConstraint(lite.Code(), lite.Error())
	}
	return ""
}

var (
	// "… UNIQUE constraint failed: t.a, t.b (2067)": SQLite has no other place
	// for what broke than the end of its message.
	brokenBy    = regexp.MustCompile(`.*constraint failed: (.+) \(\d+\)$`)
	uniqueIndex = regexp.MustCompile(`(?i)CREATE UNIQUE INDEX (\w+) ON (\w+) \(([\w, ]+)\)`)
)

func sqliteConstraint(code int, message string) string {
	found := brokenBy.FindStringSubmatch(message)
	if found == nil {
		return ""
	}
	name := found[1]
	table, _, _ := strings.Cut(name, ".")
	columns := strings.ReplaceAll(name, table+".", "")
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return table + "_pkey"
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		if index, ok := indexNames()[table+" "+columns]; ok {
			return index
		}
		return table + "_" + strings.ReplaceAll(columns, ", ", "_") + "_key"
	}
	return name
}

// indexNames finds the unique index by "TABLE COLUMN, COLUMN": SQLite tells the
// columns of an index that refused a row, and only the schema its name.
var indexNames = sync.OnceValue(func() map[string]string {
	names := map[string]string{}
	files, _ := fs.Glob(schema, "schema/sqlite/*.sql") // the pattern is well formed
	for _, file := range files {
		script, _ := fs.ReadFile(schema, file) // embedded
		for _, index := range uniqueIndex.FindAllStringSubmatch(string(script), -1) {
			names[index[2]+" "+index[3]] = index[1]
		}
	}
	return names
})
