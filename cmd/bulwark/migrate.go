package main

import (
	"context"
	"flag"

	"bulwark/internal/config"
	"bulwark/internal/database"
	"bulwark/internal/text"
)

// migrate brings the schema of the configured database up to date.
func migrate(ctx context.Context, p program, args []string) error {
	if err := p.parse(flag.NewFlagSet("migrate", flag.ContinueOnError), args, 0); err != nil {
		return err
	}
	cfg, err := config.Load(p.env)
	if err != nil {
		return err
	}
	options := databaseOptions(cfg, logger(cfg, p.err))
	file, isNew := database.NewFile(cfg.DatabaseURL)
	if err := database.Migrate(ctx, cfg.DatabaseURL, options); err != nil {
		return err
	}
	if isNew {
		p.say(p.out, text.F("已建立数据库文件 %s", "created the database file %s", file))
	}
	db, err := database.Open(ctx, cfg.DatabaseURL, options)
	if err != nil {
		return err
	}
	defer database.Close(db) // only read from
	have, _, err := database.Version(ctx, db)
	if err == nil {
		p.say(p.out, text.F("数据库结构为版本 %d", "the schema is at version %d", have))
	}
	return err
}
