package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"syscall"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/config"
	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// serve runs the service until a signal ends it.
func serve(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("serve", flag.ContinueOnError)
	migrateFirst := f.Bool("migrate", false, "bring the database schema up to date before serving")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	cfg, err := config.Load(p.env)
	if err != nil {
		return err
	}
	log := logger(cfg, p.err)
	db, err := openMigrated(ctx, cfg, log, *migrateFirst)
	if err != nil {
		return err
	}
	ln, err := listen(ctx, "BULWARK_ADDR", cfg.Addr)
	if err != nil {
		return errors.Join(err, database.Close(db))
	}
	if err := p.offerSetup(ctx, ln, db); err != nil {
		return errors.Join(err, ln.Close(), database.Close(db))
	}
	return errors.Join(serveOn(ctx, ln, db, cfg, log), database.Close(db))
}

// openMigrated opens the database and makes sure that its schema is the one
// this program was built for. It creates no database: one that is not there is more
// often a mistyped or forgotten address.
func openMigrated(ctx context.Context, cfg config.Config, log *slog.Logger, migrate bool) (*gorm.DB, error) {
	options := databaseOptions(cfg, log)
	db, err := database.Open(ctx, cfg.DatabaseURL, options)
	if err != nil {
		return nil, err
	}
	if migrate {
		if err := database.Migrate(ctx, cfg.DatabaseURL, options); err != nil {
			return nil, errors.Join(err, database.Close(db))
		}
	}
	if err := migrated(ctx, db); err != nil {
		return nil, errors.Join(err, database.Close(db))
	}
	return db, nil
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
	}
}

// now is the clock of the service, as fine as both databases store it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// listen takes the address, or returns an error that names the setting to change.
func listen(ctx context.Context, setting, addr string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fault.Unavailable("address_in_use",
			"地址 %s 已被占用：请停止占用它的程序，或更改 %s", "the address %s is in use: stop the program that has it, or change %s", addr, setting)
	case err != nil:
		return nil, fault.Unavailable("cannot_listen",
			"无法监听 %s，请检查 %s", "cannot listen on %s: check %s", addr, setting).Because(err)
	}
	return ln, nil
}

func logger(cfg config.Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
