// Package database opens SQLite (embedded, one file) or PostgreSQL (15 and
// newer) behind one *gorm.DB that behaves alike on both: the same schema, the
// same faults, the same transactions, times in UTC to the microsecond.
package database

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/fault"
)

// Names of the two kinds of database, as Dialect returns them.
const (
	SQLite     = "sqlite"
	PostgreSQL = "postgres"
)

// Batch is the number of rows to insert by one statement: large enough that the
// round trip does not count, small enough for the limit on variables of a
// statement (SQLite: 32,766) at 60 columns.
const Batch = 500

// Options tune Open. The zero value is right for the service.
type Options struct {
	Logger           *slog.Logger     // slow and failed statements, never their parameters; nil: silent
	Now              func() time.Time // for created_at and updated_at; nil: the machine's clock
	MaxConns         int              // size of the pool; 0: 8. More than 16 is slower
	LockTimeout      time.Duration    // wait for a row or write lock; 0: 5 s
	StatementTimeout time.Duration    // PostgreSQL only; 0: 15 s, negative: none
	Create           bool             // create the file of a SQLite database that is not there
	ReadOnly         bool             // only look: nothing is written, not even beside a SQLite file
	QueryOnly        bool             // refuse every change; unlike with ReadOnly others may change a SQLite file meanwhile
	// Attributes returns what the log shall say of the context of a slow statement; nil: nothing.
	Attributes func(ctx context.Context) []slog.Attr

	// Migrations holds what follows the first migration, in a folder for each
	// dialect; nil: what this program has. Tests put a next one there.
	Migrations fs.FS
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 8
	}
	if o.LockTimeout <= 0 {
		o.LockTimeout = 5 * time.Second
	}
	if o.StatementTimeout == 0 {
		o.StatementTimeout = 15 * time.Second
	}
	if o.Migrations == nil {
		o.Migrations = ownMigrations()
	}
	return o
}

// Open connects to url, either sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME,
// and makes sure that the database responds before it returns. A SQLite file that is
// not there is refused, or with Create made, readable by its owner only: a mistyped
// path must not become a second, empty database. Open changes no schema; see Migrate.
// Every error is a *fault.Error that says what to set, and none holds the password.
// Close the handle with Close.
func Open(ctx context.Context, url string, options Options) (*gorm.DB, error) {
	options = options.withDefaults()
	var (
		dialector gorm.Dialector
		pool      *sql.DB
		err       error
	)
	switch scheme, rest, _ := strings.Cut(url, ":"); scheme {
	case "sqlite":
		dialector, pool, err = openSQLite(ctx, rest, options)
	case "postgres", "postgresql":
		dialector, pool, err = openPostgreSQL(ctx, url, options)
	default:
		err = unknownURL()
	}
	if err != nil {
		return nil, err
	}
	log := &queryLog{log: options.Logger, attributes: options.Attributes}
	db, err := gorm.Open(dialector, &gorm.Config{
		TranslateError:         true, // by our dialectors: see Translate
		SkipDefaultTransaction: true, // InTx is the one way to a transaction
		DisableAutomaticPing:   true, // done above, under ctx
		Logger:                 log,
		NowFunc:                func() time.Time { return options.Now().UTC().Truncate(time.Microsecond) },
		Plugins:                map[string]gorm.Plugin{},
	})
	if err != nil {
		return nil, closing(pool, err)
	}
	err = db.Use(&handle{
		pool: pool, queries: &log.count, writer: make(chan struct{}, 1), lockTimeout: options.LockTimeout,
		migrations: options.Migrations, queryOnly: options.QueryOnly,
	})
	if err != nil {
		return nil, closing(pool, err)
	}
	return db, nil
}

// Close ends all connections of the handle.
func Close(db *gorm.DB) error { return handleOf(db).pool.Close() }

// CheckURL returns what Open would refuse about the form of url, without connecting.
func CheckURL(url string) (err error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		_, err = sqlitePath(rest)
	case "postgres", "postgresql":
		_, err = postgresConfig(url, Options{}.withDefaults())
	default:
		err = unknownURL()
	}
	return err
}

func unknownURL() error {
	return badURL("应为 sqlite:路径 或 postgres://用户:密码@主机:端口/库名",
		"write sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME")
}

// OutOfSpace returns when a change last failed because the disk of the database was full,
// the zero time if none did.
func OutOfSpace(db *gorm.DB) time.Time {
	if at := handleOf(db).full.Load(); at > 0 {
		return time.Unix(0, at).UTC()
	}
	return time.Time{}
}

// Dialect returns SQLite or PostgreSQL.
func Dialect(db *gorm.DB) string { return db.Name() }

// Queries returns how many statements went through the handle since Open, those
// inside transactions included, BEGIN and COMMIT not. Tests compare it before
// and after to prove that a request needs a constant number.
func Queries(db *gorm.DB) int64 { return handleOf(db).queries.Load() }

// badURL is a fault of the configured URL. Its words must never quote the URL.
func badURL(zh, en string, args ...any) *fault.Error {
	return fault.Invalid("database_url", "数据库地址不可用："+zh, "the database URL is not usable: "+en, args...)
}

func closing(pool *sql.DB, err error) error {
	_ = pool.Close() // err is what the caller must hear
	return err
}

// handle is what this package keeps with a *gorm.DB. It travels as a plugin,
// the one place that every session and transaction of the handle shares.
type handle struct {
	pool        *sql.DB
	queries     *atomic.Int64
	writer      chan struct{} // SQLite: full while a transaction may write
	lockTimeout time.Duration
	migrations  fs.FS // see Options
	queryOnly   bool
	full        atomic.Int64 // when a write last found no space, in nanoseconds; 0: never
	tables      atomic.Pointer[map[string]*Table]
}

const pluginName = "bulwark"

// Name makes the handle a gorm.Plugin.
func (*handle) Name() string { return pluginName }

// Initialize makes the handle a gorm.Plugin. It mends that gorm translates all
// errors but those of Rows, and so of Raw and Scan, and has the rows of each statement
// noted.
func (*handle) Initialize(db *gorm.DB) error {
	err := db.Callback().Row().After("gorm:row").Register("bulwark:translate",
		func(db *gorm.DB) { db.Error = Translate(db.Error) })
	return errors.Join(err, watch(db))
}

// handleOf panics, by its type assertion, on a *gorm.DB that is not from Open.
func handleOf(db *gorm.DB) *handle { return db.Plugins[pluginName].(*handle) }
