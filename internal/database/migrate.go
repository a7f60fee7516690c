package database

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"math"
	"path"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"gorm.io/gorm"

	"bulwark/internal/fault"
)

// For each database there is one file per room, and both have the same files.
// Together they are the first migration. A later change of the schema is a
// migration of its own beside them, NNN_name.sql in goose's format, with the same
// number for both databases; nothing takes one back, see docs/operations.md.
//
//go:embed schema/sqlite/*.sql schema/postgres/*.sql
var schema embed.FS

// first is the number of the migration that the files of the rooms are. Lower ones
// were those of programs that were never released.
const first = 100

// rooms are the files of the first migration, those before that others refer to.
var rooms = []string{
	"town", "people", "credential", "audit", "signature", "workflow", "scheme", "evaluation", "index", "proposal", "webhook",
	"target", "measure", "visit", "plan", "report", "exchange", "project", "evidence", "rest", "jobs", "demo",
}

// Migrate brings the schema of the database at url to this program's version, and
// creates the file of a SQLite database; it does nothing where that is reached. Only one process migrates at a time,
// others wait for it until ctx ends. A schema newer than the program is refused,
// and so are tables that no released program made. The statement timeout of
// options does not apply.
func Migrate(ctx context.Context, url string, options Options) error {
	return MigrateTo(ctx, url, options, math.MaxInt64)
}

// MigrateTo is Migrate that stops after the migration of that number: the
// schema that an older program knew. It takes nothing back.
func MigrateTo(ctx context.Context, url string, options Options, version int64) error {
	if version < first {
		return unreleased()
	}
	unlock, err := Exclusive(ctx, url)
	if err != nil {
		return err
	}
	defer unlock() //nolint:errcheck // it closes a file that nothing was written to
	options.StatementTimeout, options.Create = -1, true
	db, err := Open(ctx, url, options)
	if err != nil {
		return err
	}
	defer Close(db) //nolint:errcheck // what was migrated is committed
	if pending, err := Pending(ctx, db); err != nil || !pending {
		return err
	}
	provider, err := provider(db)
	if err != nil {
		return err
	}
	if _, err := provider.UpTo(ctx, version); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

// Pending reports whether Migrate has something to do. A schema that is newer than
// the program, or that no released program made, is a fault that says so.
func Pending(ctx context.Context, db *gorm.DB) (bool, error) {
	// The tables are counted before the version is read: another process may commit
	// the first migration between the two.
	tables, err := Tables(db.WithContext(ctx))
	if err != nil {
		return false, err
	}
	have, want, err := Version(ctx, db)
	switch {
	case err != nil:
		return false, err
	case have > want:
		return false, fault.Conflict("schema_newer",
			"数据库结构版本为 %d，本程序只认识到 %d：请使用更新的程序，或恢复升级前的备份",
			"the schema of the database is version %d, this program knows up to %d: run the newer program, or restore the backup from before the upgrade",
			have, want)
	case have < first && (have > 0 || len(tables) > 0):
		return false, unreleased()
	}
	return have < want, nil
}

func unreleased() error {
	return fault.Conflict("schema_unreleased",
		"数据由未发布的 bulwark 建立，不能升级：请重新开始（删除 data/）",
		"made by an unreleased bulwark: begin anew (delete data/)")
}

// Version returns the number of the last migration that the database has had, 0
// for none, and that of the last one that this program knows. It writes nothing.
func Version(ctx context.Context, db *gorm.DB) (have, want int64, err error) {
	provider, err := provider(db)
	if err != nil {
		return 0, 0, err
	}
	for _, source := range provider.ListSources() {
		want = max(want, source.Version)
	}
	db = db.WithContext(ctx)
	var exists bool
	err = db.Raw(hasTable[Dialect(db)], goose.DefaultTablename).Scan(&exists).Error
	if err != nil || !exists {
		return 0, want, err
	}
	const last = "SELECT coalesce(max(version_id), 0) FROM " + goose.DefaultTablename + " WHERE is_applied"
	err = db.Raw(last).Scan(&have).Error
	return have, want, err
}

// Tables returns the names of all tables in the database, whoever made them, but for
// the one that records the migrations.
func Tables(db *gorm.DB) (names []string, err error) {
	return names, db.Raw(listTables[Dialect(db)], goose.DefaultTablename).Scan(&names).Error
}

// hasTable reports whether a table exists, listTables names all but one.
var (
	hasTable = map[string]string{
		SQLite:     "SELECT count(*) > 0 FROM sqlite_schema WHERE name = ?",
		PostgreSQL: "SELECT to_regclass(?) IS NOT NULL",
	}
	listTables = map[string]string{
		SQLite: "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' AND name <> ? " +
			"ORDER BY name",
		PostgreSQL: "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> ? ORDER BY tablename",
	}
)

func provider(db *gorm.DB) (*goose.Provider, error) {
	later, err := fs.Sub(handleOf(db).migrations, Dialect(db))
	if err != nil {
		return nil, err
	}
	create := goose.NewGoMigration(first, &goose.GoFunc{RunTx: createSchema(Dialect(db))}, nil)
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(create)}
	dialect := goose.DialectSQLite3
	if Dialect(db) == PostgreSQL {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 3600), lock.WithUnlockTimeout(1, 60))
		if err != nil {
			return nil, err
		}
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect, handleOf(db).pool, later, options...)
}

// createSchema returns the first migration: the files of all rooms.
func createSchema(dialect string) func(ctx context.Context, tx *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		for _, room := range rooms {
			script, err := schema.ReadFile(path.Join("schema", dialect, room+".sql"))
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, string(script)); err != nil {
				return fmt.Errorf("%s.sql: %w", room, err)
			}
		}
		return nil
	}
}

// ownMigrations returns the folders of the migrations of this program.
func ownMigrations() fs.FS {
	folders, _ := fs.Sub(schema, "schema") // the name is well formed
	return folders
}
