package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/backup"
	"bulwark/internal/config"
	"bulwark/internal/database"
	"bulwark/internal/evidence"
	"bulwark/internal/evidence/store"
	"bulwark/internal/fault"
	"bulwark/internal/jobs"
	"bulwark/internal/text"
)

// backUp writes the configured database into one file, while others go on
// using it.
func backUp(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("backup", flag.ContinueOnError)
	force := f.Bool("force", false, "replace FILE if it exists")
	check := f.Bool("check", false, "then check FILE as restore --check does; what fails is kept as FILE.failed")
	name, err := p.parseFile(f, args)
	if err != nil {
		return err
	}
	if name == "-" && *check {
		return usageError{text.F("--check 需要文件，不能写到标准输出", "--check needs a file, not standard output")}
	}
	cfg, err := p.config()
	if err != nil {
		return err
	}
	options := databaseOptions(cfg, logger(cfg, p.err))
	options.StatementTimeout = -1 // a table is one statement, however large
	db, err := database.Open(ctx, cfg.DatabaseURL, options)
	if err != nil {
		return err
	}
	defer database.Close(db)
	files, err := openStore(cfg)
	if err != nil {
		return err
	}
	var s backup.Summary
	write := func(w io.Writer) (err error) {
		s, err = backup.Write(ctx, db, evidence.Backup(files), w, version)
		return err
	}
	if name == "-" {
		err = write(p.out)
	} else {
		err = backup.Create(name, *force, write)
	}
	if err != nil {
		return err
	}
	p.print(p.err, text.F("已备份 %[1]d 张表，共 %[2]d 行，%[3]d 个文件", "%[1]d tables backed up, %[2]d rows, %[3]d files", s.Trailer.Tables,
		s.Trailer.Rows, s.Trailer.Files))
	err = lost(s)
	if *check && err == nil {
		err = p.checkWritten(ctx, name)
	}
	p.record(ctx, db, jobs.BackupTask, err)
	return err
}

// lost returns an error where files of evidence were missing or damaged: the backup has all else.
func lost(s backup.Summary) error {
	if len(s.Lost) == 0 {
		return nil
	}
	return fault.Conflict("evidence_lost",
		"备份已写好，但缺少 %[1]d 个佐证文件（丢失或已被改动，首个为 %[2]s）：请运行 bulwark verify，并从较早的备份中找回",
		"the backup is written, but without %[1]d files of evidence that are missing or changed, the first %[2]s: run bulwark verify, "+
			"and look for them in an older backup", len(s.Lost), s.Lost[0])
}

// checkWritten checks a backup that was just written. One that fails loses its name, so
// that nobody takes it for a good one, but stays: it may be the best there is.
func (p program) checkWritten(ctx context.Context, name string) error {
	err := p.checkFile(ctx, name)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if err := os.Rename(name, name+".failed"); err != nil {
		return err
	}
	return fault.Conflict("backup_failed_check",
		"备份未通过检查，已改名为 %[1]s.failed，请勿当作可用的备份：请运行 bulwark verify，并保留较早的备份",
		"the backup failed its check and is now called %[1]s.failed, which is not a usable backup: run bulwark verify, and keep older backups",
		name).Because(err)
}

func (p program) checkFile(ctx context.Context, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return unreadableFile(name, err)
	}
	defer file.Close()
	r, err := backup.Open(file)
	if err != nil {
		return err
	}
	defer r.Close()
	return p.check(ctx, r)
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
	check := f.Bool("check", false,
		"only report whether FILE can be restored and verified, in a temporary SQLite database below TMPDIR")
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
		return p.check(ctx, r)
	}
	cfg, err := p.config()
	if err != nil {
		return err
	}
	return p.restore(ctx, r, cfg)
}

// check restores the backup into a database of its own, with all rules of the schema,
// and verifies that. Only then a backup is known to be good: its hashes would also be
// right if the rows of the database had been damaged before.
func (p program) check(ctx context.Context, r *backup.Reader) error {
	folder, err := os.MkdirTemp("", "bulwark-check-")
	if err != nil {
		return fault.Unavailable("no_room_to_check", "无法建立临时文件夹：请把 TMPDIR 指向有足够空间的文件夹",
			"a temporary folder cannot be created: set TMPDIR to a folder with enough space").Because(err)
	}
	defer os.RemoveAll(folder)
	files := store.NewFolder(filepath.Join(folder, "evidence"))
	db, s, err := restoreTo(ctx, r, files, database.SQLite+":"+filepath.Join(folder, "check.db"), database.Options{Now: now})
	if err != nil {
		return err
	}
	defer database.Close(db)
	if err := recordRestore(ctx, db, s); err != nil { // which tables it leaves empty
		return err
	}
	found, err := p.verifyAll(ctx, db, files, "", nil)
	if err = errors.Join(err, found.refuse()); err == nil {
		p.print(p.out, text.F("备份完好：已试恢复并核对，%[1]d 张表，%[2]d 行",
			"the backup is whole, restored for a try and verified: %[1]d tables, %[2]d rows", s.Trailer.Tables, s.Trailer.Rows))
	}
	return err
}

// restore reads the backup into the configured database. A SQLite file that is not there
// gets its name once all is in it, so that a restore that fails leaves no file.
func (p program) restore(ctx context.Context, r *backup.Reader, cfg config.Config) error {
	options := databaseOptions(cfg, logger(cfg, p.err))
	files, err := openStore(cfg)
	if err != nil {
		return err
	}
	path, isNew := database.NewFile(cfg.DatabaseURL)
	if !isNew {
		err := p.restoreInto(ctx, r, files, cfg.OwnerURL(), options)
		if err == nil || errors.Is(err, errDiffers) {
			err = errors.Join(err, grant(ctx, cfg, options))
		}
		return err
	}
	folder, err := os.MkdirTemp(filepath.Dir(path), filepath.Base(path)+".restoring-")
	if err != nil {
		return fault.Invalid("database_unwritable", "无法写入数据库所在的文件夹 %s：请检查 BULWARK_DATABASE_URL 及文件夹权限",
			"the folder of the database, %s, cannot be written: check BULWARK_DATABASE_URL and the permissions of the folder",
			filepath.Dir(path)).Because(err)
	}
	defer os.RemoveAll(folder)
	made := filepath.Join(folder, filepath.Base(path))
	err = p.restoreInto(ctx, r, files, database.SQLite+":"+made, options)
	if err != nil && !errors.Is(err, errDiffers) {
		return err
	}
	return errors.Join(err, database.MoveNew(ctx, made, path))
}

// errDiffers marks a backup that was restored as it was, with what it had wrong.
var errDiffers = errors.New("the database differed when it was backed up")

// restoreInto restores, verifies and records that in the trail. No anchors are compared:
// an older backup is always behind them. What differs did so in the backup already, so
// what was restored stays.
func (p program) restoreInto(
	ctx context.Context, r *backup.Reader, files store.Store, url string, options database.Options,
) error {
	db, s, err := restoreTo(ctx, r, files, url, options)
	if err != nil {
		return err
	}
	p.print(p.out, text.F(
		"已恢复 %[1]d 个镇、%[2]d 个党组织、%[3]d 个考评周期，共 %[4]d 行",
		"restored %[1]d towns, %[2]d branches, %[3]d periods, %[4]d rows in all",
		s.Rows("towns"), s.Rows("branches"), s.Rows("periods"), s.Trailer.Rows))
	recorded := recordRestore(ctx, db, s)
	found, err := p.verifyAll(ctx, db, files, "", nil)
	switch {
	case err != nil || found.refuse() == nil:
	case found.runs+found.trails+found.rows == 0 && found.files > 0:
		err = fault.Conflict("not_verified",
			"已恢复，但备份中缺少 %d 个佐证文件：请从较早的备份中找回", "restored, but %d files of evidence are missing from the backup: look for them in an older one",
			found.files).Because(errDiffers)
	default:
		err = fault.Conflict("not_verified",
			"已恢复，但备份中有 %[1]d 个计算批次与其凭证不符，%[2]d 条审计链有问题，%[3]d 处数据与审计链不符",
			"restored, but in the backup %[1]d runs differ from their receipts, %[2]d audit trails are broken, and %[3]d places differ from the trail",
			found.runs, found.trails, found.rows).Because(errDiffers)
	}
	return errors.Join(recorded, err, database.Close(db))
}

// restoreTo migrates to the schema of the backup, restores, and migrates to that of this
// program. The caller closes the database.
func restoreTo(
	ctx context.Context, r *backup.Reader, files store.Store, url string, options database.Options,
) (_ *gorm.DB, s backup.Summary, err error) {
	options.StatementTimeout = -1 // a table is one statement, however large
	if err := database.MigrateTo(ctx, url, options, r.Header.Schema); err != nil {
		return nil, s, err
	}
	if s, err = restoreAlone(ctx, r, files, url, options); err != nil {
		return nil, s, err
	}
	if err := database.Migrate(ctx, url, options); err != nil {
		return nil, s, err
	}
	db, err := database.Open(ctx, url, options)
	return db, s, err
}

// restoreAlone restores under the lock of the database.
func restoreAlone(
	ctx context.Context, r *backup.Reader, files store.Store, url string, options database.Options,
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
	s, err = r.Restore(ctx, db, putInto(ctx, files))
	return s, errors.Join(err, database.Close(db))
}

// recordRollback records that other tools, such as those of the database or of the disk,
// have brought back an older state: what restore records by itself.
func recordRollback(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("restored", flag.ContinueOnError)
	reason := f.String("reason", "", "why, and which copy was brought back; everyone who reads the trail sees it")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	if strings.TrimSpace(*reason) == "" {
		return usageError{text.F("请用 --reason 写明原因和所用的备份", "write why, and which copy was used, with --reason")}
	}
	cfg, err := p.config()
	if err != nil {
		return err
	}
	db, err := openMigrated(ctx, cfg, databaseOptions(cfg, logger(cfg, p.err)))
	if err != nil {
		return err
	}
	at, err := audit.Newest(ctx, db)
	if err == nil {
		r := audit.Restored{At: at, Bulwark: version, Dialect: database.Dialect(db)}
		r.Schema, _, err = database.Version(ctx, db)
		err = errors.Join(err, writeRestored(ctx, db, "backups/"+audit.OtherTools, strings.TrimSpace(*reason), r))
	}
	if err := errors.Join(err, database.Close(db)); err != nil {
		return err
	}
	p.print(p.out, text.F(
		"已记入审计链。若 bulwark verify 报告审计链落后于锚点：请妥善保存原锚点文件，将 BULWARK_AUDIT_ANCHORS 指向新文件，再启动服务",
		"recorded in the trail. If bulwark verify reports trails that end before their anchors: keep that file of anchors, set BULWARK_AUDIT_ANCHORS to a new one, and start the service"))
	return nil
}

// recordRestore records in the trail what it is a copy of. It comes after the last
// migration: the trail of an older schema may look otherwise.
func recordRestore(ctx context.Context, db *gorm.DB, s backup.Summary) error {
	return database.InTx(ctx, db, func(tx *gorm.DB) error {
		ctx := audit.As(ctx, restorer)
		if err := audit.RecordEmptied(ctx, tx, backup.Dropped...); err != nil {
			return err
		}
		return writeRestored(ctx, tx, "backups/"+s.Trailer.SHA256, "", audit.Restored{
			At: s.Header.At, Bulwark: s.Header.Bulwark, Schema: s.Header.Schema, Dialect: s.Header.Dialect, Rows: s.Trailer.Rows,
		})
	})
}

// restorer acts where an older state was brought back.
var restorer = audit.Actor{Name: "bulwark restore", Role: "command_line"}

// writeRestored writes the record, with where every trail ends now.
func writeRestored(ctx context.Context, db *gorm.DB, subject, reason string, r audit.Restored) error {
	ctx = audit.As(ctx, restorer)
	return database.InTx(ctx, db, func(tx *gorm.DB) (err error) {
		if r.Heads, err = audit.Ends(ctx, tx); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Action: audit.RestoreAction, Subject: subject, After: r, Reason: reason})
	})
}
