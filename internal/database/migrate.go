package database

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"math"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"gorm.io/gorm"

	"bulwark/internal/fault"
)

// Both folders hold the same numbers: NNNN_name.sql, in goose's format.
//
//go:embed migrations/sqlite/*.sql migrations/postgres/*.sql
var migrations embed.FS

// Migrate brings the schema of the database at url to this program's version;
// it does nothing where that is reached. Only one process migrates at a time,
// others wait for it until ctx ends. A schema newer than the program is refused.
// The statement timeout of options does not apply.
func Migrate(ctx context.Context, url string, options Options) error {
	return MigrateTo(ctx, url, options, math.MaxInt64)
}

// MigrateTo is Migrate that stops behind the migration of that number: the
// schema that an older program knew. It takes nothing back.
func MigrateTo(ctx context.Context, url string, options Options, version int64) error {
	unlock, err := Exclusive(ctx, url)
	if err != nil {
		return err
	}
	defer unlock() //nolint:errcheck // it closes a file that nothing was written to
	options.StatementTimeout = -1
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

// Pending reports whether Migrate has something to do. A schema newer than the
// program is a fault that says so.
func Pending(ctx context.Context, db *gorm.DB) (bool, error) {
	have, want, err := Version(ctx, db)
	if err != nil {
		return false, err
	}
	if have > want {
		return false, fault.Conflict("schema_newer",
			"数据库结构版本为 %d，本程序只认识到 %d：请使用更新的程序，或恢复升级前的备份",
			"the schema of the database is version %d, this program knows up to %d: run the newer program, or restore the backup from before the upgrade", have, want)
	}
	return have < want, nil
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
	if err := db.Raw(versionTable[Dialect(db)], goose.DefaultTablename).Scan(&exists).Error; err != nil || !exists {
		return 0, want, err
	}
	err = db.Raw("SELECT coalesce(max(version_id), 0) FROM " + goose.DefaultTablename + " WHERE is_applied").Scan(&have).Error
	return have, want, err
}

// versionTable asks whether a table exists.
var versionTable = map[string]string{
	SQLite:     "SELECT count(*) > 0 FROM sqlite_schema WHERE name = ?",
	PostgreSQL: "SELECT to_regclass(?) IS NOT NULL",
}

func provider(db *gorm.DB) (*goose.Provider, error) {
	folder, err := fs.Sub(migrations, "migrations/"+Dialect(db))
	if err != nil {
		return nil, err
	}
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if Dialect(db) == PostgreSQL {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 3600), lock.WithUnlockTimeout(1, 60))
		if err != nil {
			return nil, err
		}
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect, handleOf(db).pool, folder, options...)
}
