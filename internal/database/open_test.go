package database_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
)

func TestOpenRefusesBadURLs(t *testing.T) {
	folder := t.TempDir()
	notes := filepath.Join(folder, "notes.txt")
	if err := os.WriteFile(notes, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ url, want string }{
		{"", "write sqlite:PATH or postgres://"},
		{"mysql://u:hunter2@h/d", "write sqlite:PATH or postgres://"},
		{"host=h password=hunter2", "write sqlite:PATH or postgres://"},
		{"sqlite:", "needs the path"},
		{"sqlite:" + folder + "/", "needs the path"},
		{"sqlite::memory:", "loses everything"},
		{"sqlite:file::memory:?cache=shared", "loses everything"},
		{"sqlite:a.db?_pragma=synchronous(OFF)", "no parameters"},
		{"sqlite:file:a.db", "no parameters"},
		{"sqlite://a.db", "without //"},
		{"sqlite:" + folder, "cannot be read and written"},
		{"sqlite:" + folder + "/missing/a.db", "create the folder first"},
		{"sqlite:" + notes, "does not open as a SQLite database"},
		{"postgres://u:hunter2#@h/d", "percent-encode"},
		{"postgres://u:12/hunter2@h/d", "percent-encode"},
		{"postgres://u:12?hunter2@h/d", "percent-encode"},
		{"postgres://u:12#hunter2@h/d", "percent-encode"},
		{"postgres://u:%zzhunter2@h/d", "percent-encode"},
		{"postgres://u:hunter2@h:port/d", "percent-encode"},
		{"postgres://u:hunter2@h/d?sslmode=perhaps", "sslmode is invalid"},
		{"postgres://u@h/d?password=hunter2&sslmode=perhaps", "sslmode is invalid"},
		{"postgres://u:hunter2@h/d?default_query_exec_mode=simple_protocol", "remove default_query_exec_mode"},
		{"postgres://u:hunter2@127.0.0.1:1/d", `no connection to 127.0.0.1:1 as user "u" to database "d"`},
		{"postgres://u@127.0.0.1:1/d?password=hunter2", "no connection"},
	} {
		db, err := database.Open(t.Context(), c.url, database.Options{Create: true})
		if err == nil {
			t.Errorf("Open(%q) = %v, want an error", c.url, database.Close(db))
			continue
		}
		if !fault.Is(err, fault.KindInvalid) && !fault.Is(err, fault.KindUnavailable) {
			t.Errorf("Open(%q): %v is no fault", c.url, err)
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("Open(%q): %v, want %q", c.url, err, c.want)
		}
		if strings.Contains(fmt.Sprintf("%+v", err)+err.Error(), "hunter2") {
			t.Errorf("Open(%q) tells the password: %v", c.url, err)
		}
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, dialect := range dbtest.Dialects {
		if db, err := database.Open(ctx, dbtest.EmptyURL(t, dialect), database.Options{Create: true}); err == nil {
			t.Errorf("%s: Open under a context that ended = %v, nil", dialect, db)
		}
	}
}

func TestOldServersAreRefused(t *testing.T) {
	for version, ok := range map[int]bool{90624: false, 140011: false, 150000: true, 180001: true} {
		if err := database.CheckServer(version); (err == nil) != ok {
			t.Errorf("server %d: %v", version, err)
		}
	}
}

func TestSQLiteTakesOddPaths(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "里水 #1 100%2F&x=y")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "战斗力 指数.db")
	dbtest.Connect(t, "sqlite:"+path, database.Options{})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: others can read it", info.Mode())
	}
}

// settings that each connection of the pool must have.
var settings = map[string]map[string]string{
	database.SQLite: {
		"PRAGMA synchronous": "2", "PRAGMA journal_mode": "wal", "PRAGMA foreign_keys": "1", "PRAGMA recursive_triggers": "1",
		"PRAGMA busy_timeout": "5000",
	},
	database.PostgreSQL: {
		"SHOW timezone": "UTC", "SHOW statement_timeout": "15s", "SHOW lock_timeout": "5s",
		"SHOW idle_in_transaction_session_timeout": "1min", "SHOW application_name": "bulwark",
		"SHOW default_transaction_isolation": "read committed",
	},
}

func TestEveryConnectionHasTheSettings(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		pool, err := db.DB()
		if err != nil {
			t.Fatal(err)
		}
		const all = 8
		if got := pool.Stats().MaxOpenConnections; got != all {
			t.Fatalf("a pool of %d, want %d", got, all)
		}
		var conns [all]*sql.Conn // held at once, so that each is another one
		for i := range conns {
			if conns[i], err = pool.Conn(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer conns[i].Close()
			for query, want := range settings[database.Dialect(db)] {
				var got string
				if err := conns[i].QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
					t.Errorf("connection %d: %s = %s, %v; want %s", i, query, got, err, want)
				}
			}
		}
	})
}

func TestStatementTimeout(t *testing.T) {
	db := dbtest.Connect(t, dbtest.AsOwner(t, dbtest.URL(t, database.PostgreSQL)),
		database.Options{StatementTimeout: 50 * time.Millisecond})
	if err := db.Exec("SELECT pg_sleep(10)").Error; !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("a statement over its time: %v", err)
	}
}

func TestFullPoolAnswersInTime(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		db := dbtest.Connect(t, dbtest.AsOwner(t, dbtest.URL(t, dialect)), database.Options{MaxConns: 1})
		err := database.ReadTx(t.Context(), db, func(*gorm.DB) error {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			return db.WithContext(ctx).Exec("SELECT 1").Error
		})
		if !fault.Is(err, fault.KindUnavailable) {
			t.Errorf("%s: waiting for a connection: %v", dialect, err)
		}
	}
}
