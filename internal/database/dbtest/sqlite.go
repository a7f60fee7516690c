package dbtest

import (
	"os"
	"path/filepath"
	"testing"
)

// makeFile gives what SQLite has in its file after the last connection is closed.
func (m *Template) makeFile() ([]byte, error) {
	folder, err := os.MkdirTemp("", "bulwark-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "template.db")
	if err := m.make("sqlite:" + path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// sqliteURL is that of a file with the content, nil: not there yet.
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

// sqliteFolder is in memory if it can be: a commit waits for a disk, and a benchmark
// has to tell how long.
func sqliteFolder(t testing.TB) string {
	t.Helper()
	if _, measures := t.(*testing.B); measures || memory() == "" {
		return t.TempDir()
	}
	folder, err := os.MkdirTemp(memory(), "")
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
