package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo/demotest"
)

func on(url string) []string { return []string{"BULWARK_DATABASE_URL=" + url} }

// A demo town goes by the commands from one kind of database into the other.
func TestBackUpAndRestore(t *testing.T) {
	for from, to := range map[string]string{database.SQLite: database.PostgreSQL, database.PostgreSQL: database.SQLite} {
		t.Run(from+" to "+to, func(t *testing.T) {
			source, target := demotest.Towns.URL(t, from), dbtest.EmptyURL(t, to)
			file := filepath.Join(t.TempDir(), "a.backup")
			if code, out, said := invoke(t.Context(), on(source), "backup", file); code != 0 || out != "" ||
				!strings.Contains(said, "tables backed up") {
				t.Fatalf("backup: %d %s %s", code, out, said)
			}
			if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
				t.Errorf("the file is %v, %v", info, err)
			}
			if code, out, said := invoke(t.Context(), nil, "restore", "--check", file); code != 0 ||
				!strings.Contains(out, "the backup is whole") {
				t.Errorf("check: %d %s %s", code, out, said)
			}
			code, out, said := invoke(t.Context(), on(target), "restore", file)
			if code != 0 || !strings.Contains(out, "restored 3 towns, 92 branches, 6 periods") ||
				!strings.Contains(out, "6 runs verified") {
				t.Fatalf("restore: %d %s %s", code, out, said)
			}
			if code, _, said := invoke(t.Context(), on(target), "verify"); code != 0 {
				t.Errorf("verify: %d %s", code, said)
			}
			var records int64
			err := dbtest.Connect(t, target, database.Options{}).Table("audit_records").Where("action = ?", "backup.restore").
				Count(&records).Error
			if err != nil || records != 1 {
				t.Errorf("%d records of the restore, %v", records, err)
			}
			if code, _, said := invoke(t.Context(), on(target), "restore", file); code != exitFailure ||
				!strings.Contains(said, "is not empty") {
				t.Errorf("restore again: %d %s", code, said)
			}
		})
	}
}

// What was wrong before the backup is restored as it was, and told.
func TestRestoreTellsWhatTheBackupHadWrong(t *testing.T) {
	source, target := demotest.Towns.URL(t, database.SQLite), dbtest.EmptyURL(t, database.PostgreSQL)
	db := dbtest.Connect(t, source, database.Options{})
	for _, s := range []string{
		"DROP TRIGGER audit_records_immutable_update", "DROP TRIGGER results_immutable_update",
		"UPDATE audit_records SET reason = 'better' WHERE town_id = 'demo' AND sequence = 17",
		"UPDATE results SET coverage = 0.5 WHERE branch_code = 'b07'",
	} {
		if err := db.Exec(s).Error; err != nil {
			t.Fatal(err)
		}
	}
	_, file, _ := invoke(t.Context(), on(source), "backup", "-")
	var out, said bytes.Buffer
	code := run(t.Context(), program{on(target), strings.NewReader(file), &out, &said}, []string{"restore", "-"})
	if code != exitFailure || !strings.Contains(said.String(),
		"in the backup 4 runs differ from their receipts, 1 audit trails are broken, and 4 places differ from the trail") {
		t.Errorf("%d %s%s", code, out.String(), said.String())
	}
	if code, _, said := invoke(t.Context(), on(target), "backup", "-"); code != 0 ||
		!strings.Contains(said, "tables backed up") {
		t.Errorf("what was restored is gone: %d %s", code, said)
	}
}

// Standard output and input take the place of a file.
func TestBackUpThroughPipes(t *testing.T) {
	code, out, said := invoke(t.Context(), on(dbtest.URL(t, database.SQLite)), "backup", "-")
	if code != 0 {
		t.Fatal(said)
	}
	var said2, read bytes.Buffer
	p := program{on(dbtest.EmptyURL(t, database.SQLite)), strings.NewReader(out), &read, &said2}
	if code := run(t.Context(), p, []string{"restore", "-"}); code != 0 ||
		!strings.Contains(read.String(), "0 runs verified") {
		t.Errorf("restore: %d %s %s", code, read.String(), said2.String())
	}
}

func TestBackUpIsRefused(t *testing.T) {
	folder, url := t.TempDir(), dbtest.URL(t, database.SQLite)
	here := filepath.Join(folder, "here")
	for _, name := range []string{here, folder + "/old.partial", folder + "/older.partial"} {
		if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args, url string
		code      int
		says      string
	}{
		{"backup", url, exitUsage, "name the file"},
		{"backup a b", url, exitUsage, `"b"`},
		{"backup " + here, url, exitFailure, "--force"},
		{"backup " + folder + "/old", url, exitFailure, "--force"},
		{"backup " + folder + "/missing/a", url, exitFailure, "cannot be written"},
		{"backup " + folder + "/new", dbtest.EmptyURL(t, database.SQLite), exitFailure, "run bulwark migrate"},
		{"backup --force " + here, url, 0, "tables backed up"},
		{"backup --force " + folder + "/older", url, 0, "tables backed up"},
		{"restore", url, exitUsage, "name the file"},
		{"restore " + folder + "/none", url, exitFailure, "none"},
		{"restore " + folder + "/old.partial", url, exitFailure, "the backup is damaged"},
	} {
		code, out, said := invoke(t.Context(), on(c.url), strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%s: %d %s%s", c.args, code, out, said)
		}
	}
	left, err := os.ReadDir(folder)
	var names []string
	for _, entry := range left {
		names = append(names, entry.Name())
	}
	if got := strings.Join(names, " "); err != nil || got != "here old.partial older" {
		t.Errorf("the folder has %s, %v", got, err)
	}
}

// A backup that is broken off leaves nothing behind.
func TestBackUpIsBrokenOff(t *testing.T) {
	folder := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code, _, said := invoke(ctx, on(dbtest.URL(t, database.SQLite)), "backup", folder+"/a"); code != exitFailure {
		t.Errorf("%d %s", code, said)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
