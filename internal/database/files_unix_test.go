//go:build !windows

package database_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
)

// The second server on one SQLite file is told who has it; after the first has gone, by
// whatever way, the next one takes it. PostgreSQL lets several work.
func TestOneServerPerSQLiteFile(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		url := dbtest.AsOwner(t, dbtest.URL(t, dialect))
		unlock, err := database.LockServer(url, "pid 7, http://127.0.0.1:8080")
		if err != nil {
			t.Fatal(err)
		}
		second, err := database.LockServer(url, "pid 8")
		if dialect == database.PostgreSQL {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if !fault.Is(err, fault.KindConflict) || !strings.Contains(err.Error(), "(pid 7, http://127.0.0.1:8080)") {
			t.Errorf("the second server: %t, %v", second != nil, err)
		}
		if err := unlock(); err != nil {
			t.Fatal(err)
		}
		if unlock, err = database.LockServer(url, "pid 9"); err != nil {
			t.Fatal(err)
		}
		if err := unlock(); err != nil {
			t.Error(err)
		}
	}
}

// What root creates in the folder of the service belongs to the service, what is there
// keeps its owner.
func TestFilesOfRootGetTheOwnerOfTheFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	const service = 4242
	folder := filepath.Join(t.TempDir(), "bulwark")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(folder, service, service); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(folder, "kept")
	if err := os.WriteFile(kept, nil, 0o640); err != nil { // root's own
		t.Fatal(err)
	}
	file, err := database.CreateFile(kept, os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	url := "sqlite:" + filepath.Join(folder, "b.db")
	if err := database.Migrate(t.Context(), url, database.Options{}); err != nil {
		t.Fatal(err)
	}
	db := dbtest.Connect(t, url, database.Options{})
	if err := db.Exec("UPDATE audit_heads SET sequence = sequence").Error; err != nil {
		t.Fatal(err)
	}
	unlock, err := database.LockServer(url, "root")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock() //nolint:errcheck // not what is tested
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) < 6 {
		t.Fatalf("%v, %v: want the database with its two files, two locks and what was kept", entries, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		want := uint32(service)
		if e.Name() == "kept" {
			want = 0
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != want || owner.Gid != want {
			t.Errorf("%s belongs to %d:%d, want %d", e.Name(), owner.Uid, owner.Gid, want)
		}
	}
}
