package dbtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database"
)

// Template is a filled database that is made once per process and dialect, when a
// test first asks for it, and copied for each test: no test sees what another
// writes.
type Template struct {
	fill     func(ctx context.Context, db *gorm.DB) error
	file     func() ([]byte, error) // the content of a SQLite file
	database func() (string, error) // the name of a PostgreSQL database that nobody is connected to
}

// migrated is the template that every test starts from which names no other.
var migrated = NewTemplate(func(context.Context, *gorm.DB) error { return nil })

// NewTemplate returns the template that fill makes of a migrated database. Keep it in a
// variable of the package.
func NewTemplate(fill func(ctx context.Context, db *gorm.DB) error) *Template {
	m := &Template{fill: fill}
	m.file, m.database = sync.OnceValues(m.makeFile), sync.OnceValues(m.makeDatabase)
	return m
}

// Each is like the function Each, on copies of the template.
func (m *Template) Each(t *testing.T, test func(t *testing.T, db *gorm.DB)) {
	t.Helper()
	Both(t, func(t *testing.T, dialect string) { test(t, m.Open(t, dialect)) })
}

// Open returns a copy, closed and dropped when t ends.
func (m *Template) Open(t testing.TB, dialect string) *gorm.DB {
	t.Helper()
	return Connect(t, m.URL(t, dialect), database.Options{})
}

// URL returns the URL of a copy, dropped when t ends: on PostgreSQL that of the role of the
// service, which owns nothing. See AsOwner.
func (m *Template) URL(t testing.TB, dialect string) string {
	t.Helper()
	if dialect == database.SQLite {
		content, err := m.file()
		if err != nil {
			t.Fatalf("make the SQLite database to copy: %v", err)
		}
		return sqliteURL(t, content)
	}
	name, err := m.database()
	if err != nil {
		t.Fatalf("make the PostgreSQL database to copy: %v", err)
	}
	s, name := postgresCopy(t, name)
	return s.served(name)
}

// make migrates and fills the empty database at the URL, grants the role of the service at
// the other one its rights, and leaves it.
func (m *Template) make(url, served string) error {
	ctx := context.Background()
	if err := database.Migrate(ctx, url, database.Options{}); err != nil {
		return err
	}
	db, err := database.Open(ctx, url, database.Options{})
	if err != nil {
		return err
	}
	return errors.Join(m.fill(ctx, db), database.Grant(ctx, db, served), database.Close(db))
}

// makeFile returns what SQLite has in its file after the last connection is closed.
func (m *Template) makeFile() ([]byte, error) {
	folder, err := os.MkdirTemp("", "bulwark-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "template.db")
	if err := m.make("sqlite:"+path, ""); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// sqliteURL returns the URL of a file with the content, nil: not there yet.
func sqliteURL(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(sqliteFolder(t), "test.db")
	if content != nil {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatalf("make a SQLite database for the test: %v", err)
		}
	}
	return "sqlite:" + path
}

// sqliteFolder returns a folder, in memory if there is one: a commit waits for a disk, and
// only a benchmark has to measure how long.
func sqliteFolder(t testing.TB) string {
	t.Helper()
	if _, measures := t.(*testing.B); measures || tmpfsDir() == "" {
		return t.TempDir()
	}
	folder, err := os.MkdirTemp(tmpfsDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	return folder
}
