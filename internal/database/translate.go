package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"io/fs"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Translate returns the fault that an error of a database means, with the original as
// its cause. Errors of gorm are translated already; hand-written
// reads (Rows, Scan) pass theirs through here. Unchanged come back: nil, a
// *fault.Error, gorm.ErrRecordNotFound, context.Canceled, and all that is a
// defect of ours (bad SQL, a missing table), which package fault calls internal.
//
// It decides by SQLSTATE (PostgreSQL, appendix A) and by SQLite's extended
// result codes, never by words.
func Translate(err error) error {
	var (
		known    *fault.Error
		postgres *pgconn.PgError
		lite     *sqlite.Error
	)
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &postgres):
		return meaning(ofPostgreSQL(postgres.Code), err)
	case errors.As(err, &lite):
		return meaning(ofSQLite(lite.Code()), err)
	case isLost(err):
		return meaning(unavailable, err)
	case errors.Is(err, errRaced):
		return meaning(busy, err)
	}
	return err
}

type class int

const (
	unknown class = iota
	duplicate
	reference
	rule
	busy
	unavailable
)

func meaning(c class, cause error) error {
	switch c {
	case duplicate:
		return fault.Conflict("already_exists", "已有相同的记录", "the same record already exists").Because(cause)
	case reference:
		return fault.Conflict("reference", "所引用的内容不存在，或此内容仍被引用、不可更改",
			"it refers to a record that does not exist, or other records still refer to it").Because(cause)
	case rule:
		return fault.Invalid("invalid_value", "有一个值不符合数据库的规则", "a value breaks a rule of the database").Because(cause)
	case busy:
		return later("database_busy", text.F("同时修改的人太多，请稍后重试", "too many changes at the same time: try again"), cause)
	case unavailable:
		return later("database_unavailable", text.F("数据库暂时不可用，请稍后重试", "the database is not available now: try again later"),
			cause)
	default:
		return cause
	}
}

func later(code string, message text.Text, cause error) error {
	e := fault.New(fault.KindUnavailable, code, message).Because(cause)
	e.RetryAfter = time.Second
	return e
}

// ofPostgreSQL classifies a SQLSTATE: five characters, the first two its class.
func ofPostgreSQL(state string) class {
	switch state {
	case "23505", "23P01": // unique, exclusion
		return duplicate
	case "23503", "23001": // foreign key; RESTRICT since PostgreSQL 18
		return reference
	case "23502", "23514": // not null, check
		return rule
	case "40001", "40P01", "55P03": // serialization, deadlock, lock timeout
		return busy
	case "57014", "25006", "25P03": // statement timeout, read-only, idle in transaction
		return unavailable
	}
	if len(state) != 5 {
		return unknown
	}
	switch state[:2] {
	case "22": // a value too long, too large or malformed
		return rule
	case "08", "28", "3D", "53", "57", "58": // connection, login, no such database, resources, operator, system
		return unavailable
	}
	return unknown
}

// ofSQLite classifies an extended result code: the low byte is the primary one.
func ofSQLite(code int) class {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return duplicate
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, sqlite3.SQLITE_CONSTRAINT_TRIGGER: // the latter for RESTRICT
		return reference
	}
	switch code & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		return rule
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return busy
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_PROTOCOL:
		return unavailable
	}
	return unknown
}

// isFull reports whether the database found no space on its disk.
func isFull(err error) bool {
	var postgres *pgconn.PgError
	if errors.As(err, &postgres) {
		return postgres.Code == "53100"
	}
	var lite *sqlite.Error
	return errors.As(err, &lite) && lite.Code()&0xff == sqlite3.SQLITE_FULL
}

// isLost reports whether the connection broke or time ran out.
func isLost(err error) bool {
	var (
		connect *pgconn.ConnectError
		network net.Error
	)
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &connect) ||
		errors.As(err, &network)
}

// conflicting reports whether err means that a transaction lost against another one and
// may succeed when it runs again.
func conflicting(err error) bool {
	var postgres *pgconn.PgError
	if errors.As(err, &postgres) {
		return postgres.Code == "40001" || postgres.Code == "40P01"
	}
	var lite *sqlite.Error
	return errors.Is(err, errRaced) || errors.As(err, &lite) && ofSQLite(lite.Code()) == busy
}

// ConstraintOf returns the name of the constraint that err broke, "" where none
// is known: the name of a unique index, TABLE_pkey, TABLE_COLUMN_COLUMN_key for
// a unique key without a name (PostgreSQL's rule), TABLE.COLUMN for NOT NULL.
// For these four both databases agree. A check has its own name, or else one
// that differs; which foreign key broke, SQLite does not report.
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
		if index, ok := strings.CutPrefix(name, "index '"); ok { // an index of an expression
			return strings.TrimSuffix(index, "'")
		}
		if index, ok := indexNames()[table+" "+columns]; ok {
			return index
		}
		return table + "_" + strings.ReplaceAll(columns, ", ", "_") + "_key"
	}
	return name
}

// indexNames returns unique indexes by "TABLE COLUMN, COLUMN": SQLite reports the
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
