package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/config"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/rest"
	"bulwark/internal/text"
)

// migrate brings the schema of the configured database up to date.
func migrate(ctx context.Context, p program, args []string) error {
	if err := p.parse(flag.NewFlagSet("migrate", flag.ContinueOnError), args, 0); err != nil {
		return err
	}
	cfg, err := p.config()
	if err != nil {
		return err
	}
	options := databaseOptions(cfg, logger(cfg, p.err))
	file, isNew := database.NewFile(cfg.OwnerURL())
	if err := migrateAndGrant(ctx, cfg, options); err != nil {
		return err
	}
	if isNew {
		p.print(p.out, text.F("已建立数据库文件 %s", "created the database file %s", file))
		if p.getenv("BULWARK_DATABASE_URL") == "" {
			p.print(p.err, text.F("注意：未设置 BULWARK_DATABASE_URL，这是默认位置",
				"note: BULWARK_DATABASE_URL is not set, this is the default place"))
		}
	}
	db, err := database.Open(ctx, cfg.OwnerURL(), options)
	if err != nil {
		return err
	}
	defer database.Close(db) // only read from
	have, _, err := database.Version(ctx, db)
	if err == nil {
		p.print(p.out, text.F("数据库结构为版本 %d", "the schema is at version %d", have))
	}
	return err
}

// openMigrated opens the database, and refuses one whose schema is not that of this program.
func openMigrated(ctx context.Context, cfg config.Config, options database.Options) (*gorm.DB, error) {
	db, err := database.Open(ctx, cfg.DatabaseURL, options)
	if err != nil {
		return nil, err
	}
	if err := migrated(ctx, db); err != nil {
		return nil, errors.Join(err, database.Close(db))
	}
	return db, nil
}

// migrateAndGrant brings the schema up to date as its owner, and gives the role of the
// service its rights, where it is another one.
func migrateAndGrant(ctx context.Context, cfg config.Config, options database.Options) error {
	if err := database.Migrate(ctx, cfg.OwnerURL(), options); err != nil {
		return err
	}
	return grant(ctx, cfg, options)
}

// grant grants the role of the service its rights, where it does not own the schema itself.
func grant(ctx context.Context, cfg config.Config, options database.Options) error {
	if cfg.MigrateURL == "" {
		return nil
	}
	db, err := database.Open(ctx, cfg.MigrateURL, options)
	if err != nil {
		return err
	}
	return errors.Join(database.Grant(ctx, db, cfg.DatabaseURL), database.Close(db))
}

// logPowers logs whether the service could change what is immutable.
func logPowers(ctx context.Context, db *gorm.DB, log *slog.Logger) error {
	p, err := database.PowersOf(ctx, db)
	switch {
	case err != nil || p.Role == "":
		return err
	case p.Lesser():
		log.Info("the database role of the service can change neither the schema nor immutable rows", "role", p.Role)
	default:
		log.Warn("the database role of the service can change the schema or immutable rows: "+
			"set BULWARK_MIGRATE_DATABASE_URL to another role and run bulwark migrate, see docs/operations.md",
			"role", p.Role, "superuser", p.Superuser, "rights", len(p.Excess))
	}
	return nil
}

func migrated(ctx context.Context, db *gorm.DB) error {
	pending, err := database.Pending(ctx, db)
	if err == nil && pending {
		err = fault.Unavailable("migrations_pending",
			"数据库结构不是最新：请运行 bulwark migrate，或用 bulwark serve --migrate 启动",
			"the database schema is not up to date: run bulwark migrate, or start with bulwark serve --migrate")
	}
	return err
}

func databaseOptions(cfg config.Config, log *slog.Logger) database.Options {
	return database.Options{
		Logger: log, Now: now, MaxConns: cfg.MaxConns, LockTimeout: cfg.LockTimeout, StatementTimeout: cfg.StatementTimeout,
		Attributes: ofRequest,
	}
}

// ofRequest names the request for which a statement was slow.
func ofRequest(ctx context.Context) []slog.Attr {
	if id := rest.RequestID(ctx); id != "" {
		return []slog.Attr{slog.String("request_id", id)}
	}
	return nil
}

// now returns the time of the service, as fine as both databases store it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// onDatabase runs work on the configured database, recorded as done by the
// command line.
func onDatabase(ctx context.Context, p program, work func(context.Context, *gorm.DB) error) error {
	cfg, err := p.config()
	if err != nil {
		return err
	}
	db, err := openMigrated(ctx, cfg, databaseOptions(cfg, logger(cfg, p.err)))
	if err != nil {
		return err
	}
	ctx = audit.As(ctx, audit.Actor{Name: "bulwark key", Role: "command_line"})
	return errors.Join(work(ctx, db), database.Close(db))
}
