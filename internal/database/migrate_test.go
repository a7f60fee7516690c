package database_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
)

func TestMigrateTwiceDoesNothingTheSecondTime(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url := dbtest.EmptyURL(t, dialect)
			db := dbtest.Connect(t, url, database.Options{})
			have, want, err := database.Version(t.Context(), db)
			if err != nil || have != 0 || want < 100 {
				t.Fatalf("empty: Version = %d, %d, %v", have, want, err)
			}
			if pending, err := database.Pending(t.Context(), db); !pending || err != nil {
				t.Fatalf("empty: Pending = %v, %v", pending, err)
			}
			for range 2 {
				if err := database.Migrate(t.Context(), url, database.Options{}); err != nil {
					t.Fatal(err)
				}
				if have, _, err := database.Version(t.Context(), db); have != want || err != nil {
					t.Fatalf("Version = %d, %v; want %d", have, err, want)
				}
				if pending, err := database.Pending(t.Context(), db); pending || err != nil {
					t.Fatalf("Pending = %v, %v", pending, err)
				}
			}
			var applied int64
			if err := db.Table("goose_db_version").Where("version_id > 0").Count(&applied).Error; err != nil ||
				want != 99+applied {
				t.Errorf("%d migrations were applied, %v; want those from 100 to %d", applied, err, want)
			}
		})
	}
}

// urlOfChild makes this test binary migrate once and end: a second process.
const urlOfChild = "BULWARK_TEST_MIGRATE"

func TestMain(m *testing.M) {
	url := os.Getenv(urlOfChild)
	if url == "" {
		os.Exit(m.Run())
	}
	if err := database.Migrate(context.Background(), url, database.Options{}); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

func TestProcessesMigrateAtOnce(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url := dbtest.EmptyURL(t, dialect)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					child := exec.Command(os.Args[0])
					child.Env = append(os.Environ(), urlOfChild+"="+url)
					if out, err := child.CombinedOutput(); err != nil {
						t.Errorf("%v: %s", err, out)
					}
				})
			}
			wg.Wait()
			db := dbtest.Connect(t, url, database.Options{})
			if pending, err := database.Pending(t.Context(), db); pending || err != nil {
				t.Errorf("Pending = %v, %v", pending, err)
			}
			var twice int64
			err := db.Raw(
				"SELECT count(*) FROM (SELECT version_id FROM goose_db_version GROUP BY version_id HAVING count(*) > 1) AS d").
				Scan(&twice).Error
			if err != nil || twice != 0 {
				t.Errorf("%d migrations ran twice, %v", twice, err)
			}
		})
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		url := dbtest.AsOwner(t, dbtest.URL(t, dialect))
		db := dbtest.Connect(t, url, database.Options{})
		execAll(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9001, true)")
		_, err := database.Pending(t.Context(), db)
		for _, err := range []error{err, database.Migrate(t.Context(), url, database.Options{})} {
			if !fault.Is(err, fault.KindConflict) || !strings.Contains(err.Error(), "version 9001") {
				t.Errorf("%s: %v", dialect, err)
			}
		}
	}
}

// What a program before the first release made, or anybody else, is left alone.
func TestUnreleasedSchemaIsRefused(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		for name, made := range map[string][]string{
			"version 23": {
				"CREATE TABLE goose_db_version (id integer NOT NULL, version_id bigint NOT NULL, is_applied boolean NOT NULL)",
				"INSERT INTO goose_db_version VALUES (1, 0, true), (2, 23, true)",
			},
			"no version": {"CREATE TABLE towns (code text)"},
		} {
			t.Run(dialect+" "+name, func(t *testing.T) {
				url := dbtest.EmptyURL(t, dialect)
				db := dbtest.Connect(t, url, database.Options{})
				execAll(t, db, made...)
				before := levelOf(t, db)
				_, err := database.Pending(t.Context(), db)
				for _, err := range []error{err, database.Migrate(t.Context(), url, database.Options{})} {
					if !fault.Is(err, fault.KindConflict) || !strings.Contains(err.Error(), "begin anew (delete data/)") {
						t.Error(err)
					}
				}
				if diff := cmp.Diff(before, levelOf(t, db)); diff != "" {
					t.Errorf("before (-) and after (+):\n%s", diff)
				}
			})
		}
		if err := database.MigrateTo(t.Context(), dbtest.EmptyURL(t, dialect), database.Options{}, 23); !fault.Is(err,
			fault.KindConflict) {
			t.Errorf("%s: to version 23: %v", dialect, err)
		}
	}
}

// A file that is not in the list of rooms would never be run.
func TestEachRoomHasItsSchemaFiles(t *testing.T) {
	want := slices.Sorted(slices.Values(database.Rooms))
	for _, dialect := range dbtest.Dialects {
		files, err := filepath.Glob("schema/" + dialect + "/[a-z]*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for i, file := range files {
			files[i] = strings.TrimSuffix(filepath.Base(file), ".sql")
		}
		if diff := cmp.Diff(want, files); diff != "" {
			t.Errorf("%s: rooms (-) and files (+):\n%s", dialect, diff)
		}
	}
}

func TestMigrateIgnoresTheStatementTimeout(t *testing.T) {
	url := dbtest.EmptyURL(t, database.PostgreSQL)
	if err := database.Migrate(t.Context(), url, database.Options{StatementTimeout: time.Millisecond}); err != nil {
		t.Error(err)
	}
}

func TestLockIsExclusive(t *testing.T) {
	path := t.TempDir() + "/a.db"
	unlock, err := database.Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := database.Lock(ctx, path); !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("a second holder: %v", err)
	}
	if err := database.Migrate(ctx, "sqlite:"+path, database.Options{}); !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("migrating under another's lock: %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	unlock, err = database.Lock(t.Context(), path)
	if err != nil {
		t.Fatal("after unlock:", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if _, err := database.Lock(t.Context(), t.TempDir()+"/missing/a.db"); !fault.Is(err, fault.KindInvalid) {
		t.Errorf("no such folder: %v", err)
	}
}

// Many openers of a file that is not there yet must not trip over the change of
// its journal to WAL.
func TestManyOpenANewFile(t *testing.T) {
	url := dbtest.EmptyURL(t, database.SQLite)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { dbtest.Connect(t, url, database.Options{}) })
	}
	wg.Wait()
}
