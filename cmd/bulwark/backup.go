package main

import (
	"context"
	"errors"
	"flag"
	"io"

	"bulwark/internal/backup"
	"bulwark/internal/config"
	"bulwark/internal/database"
	"bulwark/internal/text"
)

// backUp writes the configured database into one file, while others go on
// using it.
func backUp(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("backup", flag.ContinueOnError)
	force := f.Bool("force", false, "replace FILE if it exists")
	name, err := p.parseFile(f, args)
	if err != nil {
		return err
	}
	cfg, err := config.Load(p.env)
	if err != nil {
		return err
	}
	options := databaseOptions(cfg, logger(cfg, p.err))
	options.StatementTimeout = -1 // a table is one statement, however large
	db, err := database.Open(ctx, cfg.DatabaseURL, options)
	if err != nil {
		return err
	}
	var s backup.Summary
	write := func(w io.Writer) (err error) {
		s, err = backup.Write(ctx, db, w, version)
		return err
	}
	if name == "-" {
		err = write(p.out)
	} else {
		err = backup.Create(name, *force, write)
	}
	if err := errors.Join(err, database.Close(db)); err != nil {
		return err
	}
	p.say(p.err, text.F("已备份 %d 张表，共 %d 行", "%d tables backed up, %d rows", s.Trailer.Tables, s.Trailer.Rows))
	return nil
}

// parseFile reads the flags and the one argument FILE; "-" is standard input or output.
func (p program) parseFile(f *flag.FlagSet, args []string) (string, error) {
	f.Usage = func() {
		p.say(p.err, text.F(
			"用法：bulwark %[1]s [参数] 文件（- 表示标准输入输出）",
			"usage: bulwark %[1]s [FLAGS] FILE (- is standard input or output)", f.Name()))
		f.PrintDefaults()
	}
	if err := p.parse(f, args, 1); err != nil {
		return "", err
	}
	if f.NArg() == 0 {
		return "", usageError{text.F(
			"请写明文件，- 表示标准输入输出；见 bulwark %[1]s -h",
			"name the file, - is standard input or output: see bulwark %[1]s -h", f.Name())}
	}
	return f.Arg(0), nil
}
