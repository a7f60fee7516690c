package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/backup"
	"bulwark/internal/config"
	"bulwark/internal/database"
	"bulwark/internal/fault"
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
	p.print(p.err, text.F("已备份 %d 张表，共 %d 行", "%d tables backed up, %d rows", s.Trailer.Tables, s.Trailer.Rows))
	return nil
}

// parseFile reads the flags and the one argument FILE; "-" is standard input or output.
func (p program) parseFile(f *flag.FlagSet, args []string) (string, error) {
	f.Usage = func() {
		p.print(p.err, text.F(
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

// restore reads a backup into the configured database, which must be empty, or
// only checks the file.
func restore(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("restore", flag.ContinueOnError)
	check := f.Bool("check", false, "only read FILE and report whether it is whole; needs no database")
	name, err := p.parseFile(f, args)
	if err != nil {
		return err
	}
	in := p.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return unreadableFile(name, err)
		}
		defer file.Close()
		in = file
	}
	r, err := backup.Open(in)
	if err != nil {
		return err
	}
	defer r.Close()
	p.print(p.out, text.F("备份于 %[1]s，由 bulwark %[2]s 写出，数据库结构版本 %[3]d", "backup of %[1]s by bulwark %[2]s, schema %[3]d",
		r.Header.At.Format(time.RFC3339), r.Header.Bulwark, r.Header.Schema))
	if *check {
		s, err := r.Check()
		if err == nil {
			p.print(p.out, text.F(
				"备份完好：%[1]d 张表，%[2]d 行",
				"the backup is whole: %[1]d tables, %[2]d rows", s.Trailer.Tables, s.Trailer.Rows))
		}
		return err
	}
	cfg, err := config.Load(p.env)
	if err != nil {
		return err
	}
	return p.restore(ctx, r, cfg)
}

// restore migrates to the schema of the backup, restores, migrates to that of this program,
// and then verifies what was restored.
func (p program) restore(ctx context.Context, r *backup.Reader, cfg config.Config) error {
	options := databaseOptions(cfg, logger(cfg, p.err))
	options.StatementTimeout = -1 // a table is one statement, however large
	if err := database.MigrateTo(ctx, cfg.OwnerURL(), options, r.Header.Schema); err != nil {
		return err
	}
	s, err := restoreAlone(ctx, r, cfg.OwnerURL(), options)
	if err != nil {
		return err
	}
	if err := migrateAndGrant(ctx, cfg, options); err != nil {
		return err
	}
	db, err := database.Open(ctx, cfg.OwnerURL(), options)
	if err != nil {
		return err
	}
	p.print(p.out, text.F(
		"已恢复 %[1]d 个镇、%[2]d 个党组织、%[3]d 个考评周期，共 %[4]d 行",
		"restored %[1]d towns, %[2]d branches, %[3]d periods, %[4]d rows in all",
		s.Rows("towns"), s.Rows("branches"), s.Rows("periods"), s.Trailer.Rows))
	return errors.Join(recordRestore(ctx, db, s), p.verifyRestored(ctx, db), database.Close(db))
}

// restoreAlone restores under the lock of the database.
func restoreAlone(
	ctx context.Context, r *backup.Reader, url string, options database.Options,
) (s backup.Summary, err error) {
	unlock, err := database.Exclusive(ctx, url)
	if err != nil {
		return s, err
	}
	defer unlock() //nolint:errcheck // it closes a file that nothing was written to
	db, err := database.Open(ctx, url, options)
	if err != nil {
		return s, err
	}
	s, err = r.Restore(ctx, db)
	return s, errors.Join(err, database.Close(db))
}

// recordRestore records in the trail what it is a copy of. It comes after the last
// migration: the trail of an older schema may look otherwise.
func recordRestore(ctx context.Context, db *gorm.DB, s backup.Summary) error {
	ctx = audit.As(ctx, audit.Actor{Name: "bulwark restore", Role: "command_line"})
	return database.InTx(ctx, db, func(tx *gorm.DB) error {
		ends, err := audit.Ends(ctx, tx)
		if err != nil {
			return err
		}
		if err := audit.RecordEmptied(ctx, tx, backup.Dropped...); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Action: audit.RestoreAction, Subject: "backups/" + s.Trailer.SHA256, After: audit.Restored{
			At: s.Header.At, Bulwark: s.Header.Bulwark, Schema: s.Header.Schema, Dialect: s.Header.Dialect,
			Rows: s.Trailer.Rows, Heads: ends,
		}})
	})
}

// verifyRestored compares every run with its receipt, every row with the trail, and follows every trail, but compares
// no anchors: an older backup is always behind them. What differs did so in the backup
// already, so what was restored stays.
func (p program) verifyRestored(ctx context.Context, db *gorm.DB) error {
	runs, err := p.verifyRuns(ctx, db, "")
	if err != nil {
		return err
	}
	trails, _, err := p.verifyTrails(ctx, db, "", nil)
	if err != nil {
		return err
	}
	rows, err := p.verifyRows(ctx, db, "")
	if err != nil || runs+trails+rows == 0 {
		return err
	}
	return fault.Conflict("not_verified",
		"已恢复，但备份中有 %[1]d 个计算批次与其凭证不符，%[2]d 条审计链有问题，%[3]d 处数据与审计链不符",
		"restored, but in the backup %[1]d runs differ from their receipts, %[2]d audit trails are broken, and %[3]d places differ from the trail",
		runs, trails, rows)
}
