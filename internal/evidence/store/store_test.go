package store

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keeps asserts what every store does.
func keeps(t *testing.T, s Store) {
	t.Helper()
	ctx := t.Context()
	if _, err := s.Open(ctx, "ab/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := s.Remove(ctx, "ab/none"); err != nil {
		t.Errorf("remove what is not there: %v", err)
	}
	if err := Check(ctx, s); err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), 20<<16)
	for _, content := range [][]byte{[]byte("x"), large} {
		for range 2 { // a restore may write it again
			if err := s.Put(ctx, "ab/abcd-1", int64(len(content)), bytes.NewReader(content)); err != nil {
				t.Fatal(err)
			}
		}
		in, err := s.Open(ctx, "ab/abcd-1")
		if err != nil {
			t.Fatal(err)
		}
		back, err := io.ReadAll(in)
		if err = errors.Join(err, in.Close()); err != nil || !bytes.Equal(back, content) {
			t.Errorf("%d bytes came back as %d: %v", len(content), len(back), err)
		}
	}
	if err := s.Put(ctx, "ab/short", 10, strings.NewReader("short")); err == nil {
		t.Error("a file that ends too early is kept")
	}
	if _, err := s.Open(ctx, "ab/short"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a file is there: %v", err)
	}
	for range 2 {
		if err := s.Remove(ctx, "ab/abcd-1"); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Open(ctx, "ab/abcd-1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a removed file: %v", err)
	}
}

func TestAFolderKeepsFiles(t *testing.T) {
	at := filepath.Join(t.TempDir(), "new", "folder")
	keeps(t, NewFolder(at))
	info, err := os.Stat(at)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	left := 0
	if err := filepath.WalkDir(at, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			left++
		}
		return err
	}); err != nil || left != 0 {
		t.Errorf("%d files are left, %v", left, err)
	}
}

// No key and no link leads out of the folder.
func TestAFolderStaysInItself(t *testing.T) {
	at, elsewhere := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(elsewhere, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(at, "ab")); err != nil {
		t.Fatal(err)
	}
	f := NewFolder(at)
	for _, key := range []string{"../" + filepath.Base(elsewhere) + "/secret", "ab/secret", filepath.Join(elsewhere, "secret")} {
		if in, err := f.Open(t.Context(), key); err == nil {
			_ = in.Close()
			t.Errorf("%s is open", key)
		}
		if err := f.Put(t.Context(), key, 1, strings.NewReader("y")); err == nil {
			t.Errorf("%s is written", key)
		}
		if err := f.Remove(t.Context(), key); err == nil {
			t.Errorf("%s is removed", key)
		}
	}
	if content, err := os.ReadFile(filepath.Join(elsewhere, "secret")); err != nil || string(content) != "x" {
		t.Errorf("%q, %v", content, err)
	}
}
