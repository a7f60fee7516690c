package database

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	gormsqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	_ "modernc.org/sqlite" // the driver named "sqlite"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// sqliteDialector is the official one with our translation of errors.
type sqliteDialector struct{ gormsqlite.Dialector }

// Translate makes gorm pass every error through our Translate.
func (sqliteDialector) Translate(err error) error { return Translate(err) }

// sqlitePath returns the absolute path after "sqlite:".
func sqlitePath(path string) (string, error) {
	switch {
	case path == "", strings.HasSuffix(path, "/"):
		return "", badURL("sqlite: 之后缺少文件名", "sqlite: needs the path of a file")
	case strings.Contains(path, ":memory:"):
		return "", badURL("内存数据库会丢失全部数据，请写一个文件路径",
			"a database in memory loses everything: name a file, in a temporary folder if need be")
	case strings.Contains(path, "?"), strings.HasPrefix(path, "file:"):
		return "", badURL("sqlite: 只接受文件路径，不接受参数", "sqlite: takes the path of a file, no parameters")
	case strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///"):
		return "", badURL("应写作 sqlite:路径，不带 //", "write sqlite:PATH without //")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", badURL("无法确定当前目录", "the current folder is unknown").Because(err)
	}
	return absolute, nil
}

func openSQLite(ctx context.Context, path string, options Options) (gorm.Dialector, *sql.DB, error) {
	path, err := sqlitePath(path)
	if err != nil {
		return nil, nil, err
	}
	if err := touch(path, options); err != nil {
		if errors.Is(err, errMissing) {
			return nil, nil, missing(path)
		}
		return nil, nil, badURL("文件 %s 无法读写", "the file %s cannot be read and written", path).Because(err)
	}
	pool, err := sql.Open("sqlite", sqliteDSN(path, options))
	if err != nil {
		return nil, nil, err
	}
	// Readers never wait in WAL mode, so a few connections serve many of them;
	// writers queue in InTx. Idle ones stay: opening one runs all pragmas again.
	pool.SetMaxOpenConns(options.MaxConns)
	pool.SetMaxIdleConns(options.MaxConns)
	var tables int64 // reading the schema shows what a ping does not where nothing sets the journal
	if err := pool.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return nil, nil, closing(pool,
			badURL("文件 %s 不是可用的 SQLite 数据库", "the file %s does not open as a SQLite database", path).Because(err))
	}
	return sqliteDialector{gormsqlite.Dialector{DriverName: "sqlite", Conn: pool}}, pool, nil
}

// sqliteDSN sets on every connection of the pool:
//   - synchronous(FULL): with NORMAL a power cut loses acknowledged writes;
//   - immediate transactions: one that reads first and then writes fails when
//     another wrote between, so the write lock is taken at its BEGIN;
//   - recursive triggers: without them REPLACE deletes a row past the trigger that
//     refuses it;
//   - times as text in UTC, the only form in which they compare correctly.
//
// With ReadOnly there is no journal to set. A file without a journal beside it is
// opened as one that nobody changes: otherwise SQLite would put files beside it.
func sqliteDSN(path string, options Options) string {
	parameters := url.Values{
		"_pragma": {
			"busy_timeout(" + strconv.FormatInt(options.LockTimeout.Milliseconds(), 10) + ")",
			"foreign_keys(1)", "recursive_triggers(1)",
		},
		"_txlock": {"immediate"}, "_time_format": {"sqlite"}, "_timezone": {time.UTC.String()}, "_texttotime": {"1"},
	}
	switch {
	case !options.ReadOnly:
		parameters["_pragma"] = append(parameters["_pragma"], "journal_mode(WAL)", "synchronous(FULL)")
		if options.QueryOnly {
			parameters["_pragma"] = append(parameters["_pragma"], "query_only(1)")
		}
	case hasJournal(path):
		parameters.Set("mode", "ro")
	default:
		parameters.Set("mode", "ro")
		parameters.Set("immutable", "1")
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/… on Windows
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: parameters.Encode()}).String()
}

// hasJournal reports whether changes may lie beside the file of a database.
func hasJournal(path string) bool {
	for _, suffix := range []string{"-wal", "-journal"} {
		if info, err := os.Stat(path + suffix); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}

// NewFile returns the path of the SQLite file that migrating the database at url would
// create, and whether it would create one.
func NewFile(url string) (path string, isNew bool) {
	rest, ok := strings.CutPrefix(url, SQLite+":")
	if !ok {
		return "", false
	}
	path, err := sqlitePath(rest)
	if err != nil {
		return "", false
	}
	_, err = os.Stat(path)
	return path, errors.Is(err, fs.ErrNotExist)
}

var errMissing = errors.New("the file is not there")

// missing is the fault of a file that only migrating, restoring or the demo creates.
func missing(path string) error {
	return fault.NotFound("database_missing",
		"数据库文件 %s 不存在：请检查 BULWARK_DATABASE_URL，或运行 bulwark migrate 建立数据库",
		"the database file %s does not exist: check BULWARK_DATABASE_URL, or run bulwark migrate to create it", path)
}

// touch finds an unusable path early. With Create it creates the file for its owner
// alone, because SQLite itself would let everyone on the machine read it.
func touch(path string, options Options) error {
	flags, open := os.O_RDWR, func(path string, flags int) (*os.File, error) { return os.OpenFile(path, flags, 0) }
	switch {
	case options.ReadOnly:
		flags = os.O_RDONLY
	case options.Create:
		open = CreateFile
	}
	file, err := open(path, flags)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !options.Create:
		return errMissing
	case errors.Is(err, fs.ErrNotExist):
		return errors.Join(errors.New("create the folder first: "+filepath.Dir(path)), err)
	case err != nil:
		return err
	}
	return file.Close()
}

// mostDamage bounds what Damage returns.
const mostDamage = 20

// Damage returns what SQLite finds wrong with its own file: pages, indexes, rows that
// break a rule of the schema. PostgreSQL has no such statement: there it returns nothing,
// and reading every row shows damage.
func Damage(ctx context.Context, db *gorm.DB) (found []string, err error) {
	if Dialect(db) == PostgreSQL {
		return nil, nil
	}
	db = db.WithContext(ctx)
	pragma := "PRAGMA integrity_check(" + strconv.Itoa(mostDamage) + ")"
	if err := db.Raw(pragma).Scan(&found).Error; err != nil {
		return []string{err.Error()}, ctx.Err()
	}
	return slices.DeleteFunc(found, func(line string) bool { return line == "ok" }), nil
}

// Dangling returns references of a SQLite database that lead nowhere, the first of each
// pair of tables and how many there are. PostgreSQL has no such check; there it returns
// nothing.
func Dangling(ctx context.Context, db *gorm.DB) (found []text.Text, err error) {
	if Dialect(db) == PostgreSQL {
		return nil, nil
	}
	var lost []struct {
		Table, Parent string
		N             int64
	}
	err = db.WithContext(ctx).Raw(`SELECT "table", parent, COUNT(*) AS n FROM pragma_foreign_key_check GROUP BY 1, 2 ORDER BY 1, 2`).
		Scan(&lost).Error
	for _, r := range lost {
		found = append(found, text.F("%[1]s 表有 %[3]d 行引用了 %[2]s 表中不存在的行",
			"%[1]s: %[3]d rows refer to rows of %[2]s that do not exist", r.Table, r.Parent, r.N))
	}
	return found, err
}

// MoveNew sets for a SQLite file that nobody uses the name path, and the owner of the folder
// where root does it. A file that has this name already is a fault.
func MoveNew(ctx context.Context, file, path string) error {
	unlock, err := Lock(ctx, path)
	if err != nil {
		return err
	}
	defer unlock() //nolint:errcheck // it closes a file that nothing was written to
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fault.Conflict("database_exists", "文件 %s 已由其他程序建立：请换一个路径",
			"the file %s was created by another program meanwhile: take another path", path)
	}
	if err := keepOwner(file, filepath.Dir(path)); err != nil {
		return badURL("文件 %s 的所有者无法更改", "the owner of the file %s cannot be changed", file).Because(err)
	}
	return os.Rename(file, path)
}

// CreateFile creates the file for its owner alone, as OpenFile does with these flags. Where
// root creates it, it gets the owner of its folder, so that the service, which runs as that
// user, can write it. A file that exists keeps its owner and mode.
func CreateFile(path string, flags int) (*os.File, error) {
	file, err := os.OpenFile(path, flags|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist) && flags&os.O_EXCL == 0:
		return os.OpenFile(path, flags, 0o600)
	case err != nil:
		return nil, err
	}
	if err := keepOwner(path, filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(path))
	}
	return file, nil
}

const lockPoll = 50 * time.Millisecond

// Lock takes the exclusive lock of the SQLite database at path among all
// processes of this machine, waiting for another holder until ctx ends. It
// guards what must not happen twice at once (migrating, restoring, making a
// demo); ordinary use of the database does not take it. The lock is the file
// path.lock, which is never removed: otherwise two could hold it. The kernel releases the
// lock when the process dies. Call unlock exactly once.
func Lock(ctx context.Context, path string) (unlock func() error, err error) {
	file, err := openLock(path + ".lock")
	if err != nil {
		return nil, err
	}
	for {
		held, err := tryLock(file)
		if err != nil {
			_ = file.Close()
			return nil, fault.Unavailable("database_lock", "无法锁定 %s.lock", "%s.lock cannot be locked", path).Because(err)
		}
		if held {
			return file.Close, nil
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			_ = file.Close()
			return nil, fault.Unavailable("database_locked",
				"另一个进程正在迁移或恢复 %s，请等它结束", "another process is migrating or restoring %s: wait until it is done",
				path).Because(ctx.Err())
		}
	}
}

func openLock(name string) (*os.File, error) {
	file, err := CreateFile(name, os.O_RDWR)
	if err != nil {
		return nil, badURL("文件 %s 无法建立", "the file %s cannot be created", name).Because(err)
	}
	return file, nil
}

// LockServer takes the lock of the one server of the SQLite database at url, without
// waiting: a second one would keep old answers after a change by the first. Other
// commands do not take it. The lock is the file PATH.server, which is never removed; in it
// the server that holds it is described, for the refusal of the second. PostgreSQL lets
// many servers work: there unlock does nothing.
func LockServer(url, server string) (unlock func() error, err error) {
	path, ok := strings.CutPrefix(url, SQLite+":")
	if !ok {
		return func() error { return nil }, nil
	}
	if path, err = sqlitePath(path); err != nil {
		return nil, err
	}
	name := path + ".server"
	file, err := openLock(name)
	if err != nil {
		return nil, err
	}
	held, err := tryLock(file)
	if err != nil {
		_ = file.Close()
		return nil, fault.Unavailable("database_lock", "无法锁定 %s", "%s cannot be locked", name).Because(err)
	}
	if !held {
		holder, _ := io.ReadAll(io.LimitReader(file, mostHolder)) // Windows refuses to: then it stays unnamed
		_ = file.Close()
		return nil, fault.Conflict("server_running",
			"另一个 bulwark 服务正在使用 %[1]s（%[2]s）：一个 SQLite 文件只能由一个服务使用。请先停止它，或改用 PostgreSQL",
			"another bulwark server uses %[1]s (%[2]s): only one server can use a SQLite file. Stop it first, or use PostgreSQL",
			path, strings.TrimSpace(string(holder)))
	}
	if err := describe(file, server); err != nil {
		_ = file.Close()
		return nil, badURL("文件 %s 无法写入", "the file %s cannot be written", name).Because(err)
	}
	return file.Close, nil
}

const mostHolder = 200

func describe(file *os.File, server string) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(server+"\n"), 0)
	return err
}

// SQLitePath returns the path of the SQLite file at url, "" for another database.
func SQLitePath(url string) string {
	rest, ok := strings.CutPrefix(url, SQLite+":")
	if !ok {
		return ""
	}
	path, err := sqlitePath(rest)
	if err != nil {
		return ""
	}
	return path
}

// Exclusive is Lock for the database at url. PostgreSQL needs no such lock: there
// unlock does nothing, and the transactions themselves keep apart.
func Exclusive(ctx context.Context, url string) (unlock func() error, err error) {
	path, ok := strings.CutPrefix(url, SQLite+":")
	if !ok {
		return func() error { return nil }, nil
	}
	if path, err = sqlitePath(path); err != nil {
		return nil, err
	}
	return Lock(ctx, path)
}
