package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/backup"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo/demotest"
)

// demoOnce runs the demo until it serves or ends, and returns all that it printed.
func demoOnce(t *testing.T, env []string, args ...string) (code int, printed string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out lines
	ended := make(chan int, 1)
	args = append([]string{"demo", "--addr", "127.0.0.1:0"}, args...)
	go func() { ended <- run(ctx, program{env, strings.NewReader(""), &out, &out}, args) }()
	for deadline := time.Now().Add(3 * time.Minute); !strings.Contains(out.String(), "is ready"); time.Sleep(10 * time.Millisecond) {
		select {
		case code := <-ended:
			return code, out.String()
		default:
			if time.Now().After(deadline) {
				t.Fatalf("not ready: %s", out.String())
			}
		}
	}
	cancel()
	return <-ended, out.String()
}

// production is a database with an administrator; content returns all that is in it, on
// SQLite every byte of its folder.
func production(t *testing.T, dialect string) (url string, content func() map[string]string) {
	t.Helper()
	url = dbtest.URL(t, dialect)
	if code, _, words := invoke(t.Context(), on(url), "user", "add", "--role", "admin", "boss"); code != 0 {
		t.Fatal(words)
	}
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return url, func() map[string]string { return files(t, filepath.Dir(path)) }
	}
	return url, func() map[string]string {
		var file strings.Builder
		s, err := backup.Write(t.Context(), dbtest.Connect(t, url, database.Options{}), nil, &file, "test")
		if err != nil {
			t.Fatal(err)
		}
		hashes := map[string]string{}
		for _, c := range s.Counts {
			hashes[c.Table] = c.SHA256
		}
		return hashes
	}
}

func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		found[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// told is a folder of --data with a demo that needs no telling.
func told(t *testing.T) (folder string) {
	t.Helper()
	content, err := os.ReadFile(strings.TrimPrefix(demotest.Towns.URL(t, database.SQLite), "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "bulwark.db"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// The database and the anchors that the environment names are not those of the demo.
func TestTheDemoIgnoresTheDatabaseOfTheEnvironment(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url, content := production(t, dialect)
			before, data, anchors := content(), told(t), filepath.Join(t.TempDir(), "anchors")
			code, printed := demoOnce(t, append(on(url), "BULWARK_AUDIT_ANCHORS="+anchors), "--data", data)
			if code != 0 || !strings.Contains(printed, "the demo ignores BULWARK_DATABASE_URL, BULWARK_AUDIT_ANCHORS of the environment") {
				t.Errorf("%d %s", code, printed)
			}
			if strings.Contains(printed, url) {
				t.Errorf("the address is shown: %s", printed)
			}
			if diff := cmp.Diff(before, content()); diff != "" {
				t.Error("the database of the environment is another one")
			}
			if _, err := os.Stat(anchors); err == nil {
				t.Error("the demo wrote anchors")
			}
			if _, err := os.Stat(filepath.Join(data, "demo-credentials.json")); err != nil {
				t.Error(err)
			}
		})
	}
	if _, printed := demoOnce(t, nil, "--data", told(t)); strings.Contains(printed, "ignores") {
		t.Errorf("without settings: %s", printed)
	}
}

// A database that the demo did not make stays byte-equal, whichever way it is named.
func TestTheDemoRefusesOtherDatabases(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url, content := production(t, dialect)
			before, data := content(), filepath.Join(t.TempDir(), "new")
			for language, want := range map[string]string{
				"en": "the database holds data that the demo did not create", "zh_CN": "不是演示程序建立的，未作任何改动：请用 --data",
			} {
				code, printed := demoOnce(t, []string{"LANG=" + language}, "--data", data, "--database", url)
				if code != exitFailure || !strings.Contains(printed, want) {
					t.Errorf("%d %s", code, printed)
				}
			}
			if diff := cmp.Diff(before, content()); diff != "" {
				t.Error("the database was changed")
			}
			if _, err := os.Stat(data); err == nil {
				t.Error("the folder of --data was made")
			}
		})
	}
}

// So does the file in the folder of --data, after an orderly end of the service and
// after a crash that left changes beside the file.
func TestTheDemoRefusesTheFolderOfAService(t *testing.T) {
	for _, crashed := range []bool{false, true} {
		source, _ := production(t, database.SQLite)
		data := t.TempDir()
		if crashed {
			db := dbtest.Connect(t, source, database.Options{}) // the last that closes would empty the WAL
			if err := db.Exec("UPDATE accounts SET version = version + 1").Error; err != nil {
				t.Fatal(err)
			}
		}
		for path, content := range files(t, filepath.Dir(strings.TrimPrefix(source, "sqlite:"))) {
			name := strings.Replace(filepath.Base(path), "test.db", "bulwark.db", 1)
			if strings.HasSuffix(name, "-shm") { // SQLite makes it anew
				continue
			}
			if err := os.WriteFile(filepath.Join(data, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		before := files(t, data)
		if wal := before[filepath.Join(data, "bulwark.db-wal")]; crashed != (wal != "") {
			t.Fatalf("crashed %v: a WAL of %d bytes", crashed, len(wal))
		}
		code, printed := demoOnce(t, nil, "--data", data)
		if code != exitFailure || !strings.Contains(printed, "did not create") {
			t.Errorf("%d %s", code, printed)
		}
		after := files(t, data)
		delete(after, filepath.Join(data, "bulwark.db-shm")) // an index of the WAL, no data
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("crashed %v: the folder was changed:\n%.500s", crashed, diff)
		}
	}
}

// A demo is taken up again from wherever it was broken off, and never makes its
// credentials a second time.
func TestTheDemoIsTakenUpAgain(t *testing.T) {
	data := told(t)
	keys := filepath.Join(data, "demo-credentials.json")
	start := func(wantCode int, want string, args ...string) {
		t.Helper()
		code, printed := demoOnce(t, nil, append([]string{"--data", data}, args...)...)
		if code != wantCode || !strings.Contains(printed, want) {
			t.Fatalf("%d %s", code, printed)
		}
	}
	start(0, "is ready")
	made := files(t, data)[keys]
	if !strings.Contains(made, `"account": "demo-admin"`) {
		t.Fatalf("credentials: %s", made)
	}
	if err := os.Rename(keys, keys+".partial"); err != nil { // broken off before the file had its name
		t.Fatal(err)
	}
	start(0, "is ready")
	if again := files(t, data)[keys]; again != made {
		t.Errorf("the credentials are others: %s", again)
	}
	// Another demo does not write over them.
	start(exitFailure, "belongs to another demo", "--database", dbtest.EmptyURL(t, database.PostgreSQL))
	if err := os.Remove(keys); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(data, "bulwark.db")
	start(exitFailure, "delete "+path+", "+path+"-wal and "+path+"-shm, and start the demo again")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keys, []byte(made), 0o600); err != nil {
		t.Fatal(err)
	}
	start(exitFailure, "delete the file if the database of that demo is gone")
	if _, err := os.Stat(path); err == nil {
		t.Error("a database was made beside the credentials of another demo")
	}
}

// --database names an empty one, and then the demo that is in it.
func TestTheDemoOnPostgreSQL(t *testing.T) {
	for name, url := range map[string]string{
		"empty":        dbtest.EmptyURL(t, database.PostgreSQL),
		"earlier demo": dbtest.AsOwner(t, demotest.Towns.URL(t, database.PostgreSQL)),
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			for range 2 {
				if code, printed := demoOnce(t, nil, "--data", data, "--database", url); code != 0 {
					t.Fatalf("%d %s", code, printed)
				}
			}
			if err := os.Remove(filepath.Join(data, "demo-credentials.json")); err != nil {
				t.Fatal(err)
			}
			if code, printed := demoOnce(t, nil, "--data", data, "--database", url); code != exitFailure ||
				!strings.Contains(printed, "drop the database of --database") {
				t.Errorf("%d %s", code, printed)
			}
			if made := files(t, data); len(made) != 2 || made[filepath.Join(data, "signing.key")] == "" {
				t.Errorf("%d files are left, want the signing key and demo-confirmer.json", len(made))
			}
		})
	}
}
