package main

import (
	"bytes"
	"context"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/backup"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/evidence/store"
)

// mostUnseen is how many of the damages may stay unseen: those that turn a value into
// another one that no rule of the schema refuses, in a row that neither trail nor receipt
// holds. It may only fall.
const mostUnseen = 1

// every is how many tables and indexes share one damage: all of them take a minute.
const every = 3

// A byte is flipped in a page of each table and index of a SQLite file. verify finds it,
// or no row has changed by it, or it turned one value into another that is as good as the
// first for all that the database knows.
func TestDamagedPagesAreFound(t *testing.T) {
	content, pages := pagesOfTheDemo(t)
	chance := rand.New(rand.NewPCG(20, 26))
	var found, harmless int
	var unseen []string
	for i, table := range slices.Sorted(maps.Keys(pages)) {
		if i%every != 0 {
			continue
		}
		page := pages[table][chance.IntN(len(pages[table]))]
		at := page*pageSize - 1 - chance.IntN(pageSize) // content grows from the end of a page
		for content[at] == 0 && at < page*pageSize-1 {
			at++
		}
		switch damage(t, content, at, byte(1<<chance.IntN(8))) {
		case damageFound:
			found++
		case damageHarmless:
			harmless++
		default:
			unseen = append(unseen, table)
		}
	}
	t.Logf("%d tables and indexes: %d damages found, %d without effect, %d unseen: %v", len(pages), found, harmless,
		len(unseen), unseen)
	if len(unseen) > mostUnseen {
		t.Errorf("%d damages unseen, at most %d were", len(unseen), mostUnseen)
	}
}

const pageSize = 4096

// pagesOfTheDemo returns a SQLite file of the demo, and which of its pages belong to which
// table or index.
func pagesOfTheDemo(t *testing.T) ([]byte, map[string][]int) {
	t.Helper()
	path := strings.TrimPrefix(demotest.Towns.URL(t, database.SQLite), "sqlite:")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Name   string
		Pageno int
	}
	db := dbtest.Connect(t, "sqlite:"+path, database.Options{ReadOnly: true})
	if err := db.Raw("SELECT name, pageno FROM dbstat").Scan(&list).Error; err != nil {
		t.Fatal(err)
	}
	pages := map[string][]int{}
	for _, p := range list {
		pages[p.Name] = append(pages[p.Name], p.Pageno)
	}
	return content, pages
}

const (
	damageFound = iota
	damageHarmless
	damageUnseen
)

// damage flips bits of the byte in a copy of the file and reports what verify says. The
// parts of verify run from the quickest to the slowest.
func damage(t *testing.T, content []byte, at int, bits byte) int {
	t.Helper()
	path := strings.TrimPrefix(dbtest.EmptyURL(t, database.SQLite), "sqlite:")
	damaged := bytes.Clone(content)
	damaged[at] ^= bits
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(t.Context(), "sqlite:"+path, database.Options{})
	if err != nil {
		return damageFound
	}
	defer database.Close(db)
	p := program{nil, strings.NewReader(""), io.Discard, io.Discard}
	if p.verifyTables(t.Context(), db) != nil {
		return damageFound
	}
	if slices.Equal(hashes(t, db), untouched(t)) {
		return damageHarmless
	}
	differing, err := p.verifyAll(t.Context(), db, store.NewFolder(t.TempDir()), "", nil)
	if err != nil || differing.refuse() != nil {
		return damageFound
	}
	return damageUnseen
}

var untouchedHashes []string

func untouched(t *testing.T) []string {
	t.Helper()
	if untouchedHashes == nil {
		untouchedHashes = hashes(t, demotest.Towns.Open(t, database.SQLite))
	}
	return untouchedHashes
}

// hashes are those of all tables.
func hashes(t *testing.T, db *gorm.DB) (sums []string) {
	t.Helper()
	s, err := backup.ReadAll(t.Context(), db, func(string, error) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Counts {
		sums = append(sums, c.Table+" "+c.SHA256)
	}
	return sums
}

// A flipped byte anywhere in a backup, of either kind of database, is found by the check.
func TestDamagedBackupsFailTheCheck(t *testing.T) {
	const flips = 20
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "a.backup")
			if code, _, said := invoke(t.Context(), on(demotest.Towns.URL(t, dialect)), "backup", "--check", file); code != 0 {
				t.Fatal(said)
			}
			whole, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			chance := rand.New(rand.NewPCG(11, 30))
			for i := range flips {
				damaged := bytes.Clone(whole)
				at := len(whole)*i/flips + chance.IntN(len(whole)/flips)
				damaged[at] ^= 1 << chance.IntN(8)
				if err := os.WriteFile(file, damaged, 0o600); err != nil {
					t.Fatal(err)
				}
				if code, out, said := invoke(t.Context(), nil, "restore", "--check", file); code == 0 ||
					!strings.Contains(said, "take another backup") {
					t.Errorf("byte %d of %d: %d %s%s", at, len(whole), code, out, said)
				}
			}
		})
	}
}

// What its database would refuse is backed up, with right hashes; only trying to restore
// it finds that. The old backups stay the ones that count.
func TestABackupThatCannotBeRestoredFailsTheCheck(t *testing.T) {
	for what, c := range map[string]struct {
		dialect, says string
		statements    []string
	}{
		"a rule": {database.SQLite, "the database refuses rows of the table", []string{
			"PRAGMA ignore_check_constraints = 1", "UPDATE towns SET version = -1",
		}},
		"a reference": {database.SQLite, "nothing was restored", []string{
			"PRAGMA foreign_keys = 0", "DELETE FROM areas WHERE code = (SELECT area_code FROM towns WHERE code = 'demo')",
		}},
		"a rule of PostgreSQL": {database.PostgreSQL, "the database refuses rows of the table", []string{
			"SET session_replication_role = replica",
			"DELETE FROM areas WHERE code = (SELECT area_code FROM towns WHERE code = 'demo')",
		}},
		"a figure": {database.PostgreSQL, "runs differ from their receipts", []string{
			"DROP TRIGGER results_immutable ON results", "UPDATE results SET coverage = 0.5 WHERE branch_code = 'b07'",
		}},
	} {
		t.Run(what, func(t *testing.T) {
			url := demotest.Towns.URL(t, c.dialect)
			// The settings are those of a connection.
			db := dbtest.Connect(t, dbtest.AsOwner(t, url), database.Options{MaxConns: 1})
			for _, s := range c.statements {
				if err := db.Exec(s).Error; err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(t.TempDir(), "a.backup")
			code, _, said := invoke(t.Context(), on(url), "backup", "--check", file)
			if code != exitFailure || !strings.Contains(said, "is now called "+file+".failed") ||
				!strings.Contains(said, c.says) {
				t.Errorf("%d %s", code, said)
			}
			if _, err := os.Stat(file); err == nil {
				t.Error("the backup has the name of a good one")
			}
			if code, _, said := invoke(t.Context(), nil, "restore", "--check", file+".failed"); code != exitFailure {
				t.Errorf("the check says %s", said)
			}
		})
	}
}

// verify reads also what no run and no trail needs.
func TestVerifyReadsEveryTable(t *testing.T) {
	url := demotest.Towns.URL(t, database.SQLite)
	code, out, _ := invoke(t.Context(), on(url), "verify")
	if code != 0 || !strings.Contains(out, "no damage") {
		t.Fatalf("%d %s", code, out)
	}
	db := dbtest.Connect(t, url, database.Options{MaxConns: 1})
	for _, s := range []string{
		"PRAGMA ignore_check_constraints = 1", "UPDATE towns SET version = -1 WHERE code = 'lishui'",
	} {
		if err := db.Exec(s).Error; err != nil {
			t.Fatal(err)
		}
	}
	code, out, said := invoke(t.Context(), on(url), "verify")
	if code != exitFailure || !strings.Contains(out, "towns") || !strings.Contains(said, "the database is damaged") {
		t.Errorf("%d %s%s", code, out, said)
	}
}

// A row to which others refer is removed: verify names it as the trail recorded it, beside
// what now leads nowhere.
func TestVerifyNamesWhatWasRemoved(t *testing.T) {
	url := demotest.Towns.URL(t, database.SQLite)
	db := dbtest.Connect(t, url, database.Options{MaxConns: 1})
	var triggers []struct{ Name, SQL string }
	if err := db.Raw("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'publications'").
		Scan(&triggers).Error; err != nil || len(triggers) == 0 {
		t.Fatalf("%d triggers, %v", len(triggers), err)
	}
	statements := []string{"PRAGMA foreign_keys = OFF"}
	for _, trigger := range triggers {
		statements = append(statements, "DROP TRIGGER "+trigger.Name)
	}
	statements = append(statements, "DELETE FROM publications WHERE town_id = 'demo' AND period_code = '2023Q2' AND number = 2")
	for _, trigger := range triggers {
		statements = append(statements, trigger.SQL)
	}
	for _, s := range statements {
		if err := db.Exec(s).Error; err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	code, out, said := invoke(t.Context(), on(url), "verify")
	if code != exitFailure || !strings.Contains(said, "differ from the trail") {
		t.Errorf("%d %s", code, said)
	}
	for _, want := range []string{
		"rows refer to rows of publications that do not exist", "publications/demo/2023Q2/2",
		"the schema is as the program makes it",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("verify does not name %s: %s", want, out)
		}
	}
}

// A restore that fails leaves no file, one that ends leaves the database alone.
func TestAFailedRestoreLeavesNoFile(t *testing.T) {
	folder := t.TempDir()
	file, target := filepath.Join(folder, "a.backup"), filepath.Join(folder, "new", "b.db")
	if err := os.Mkdir(filepath.Dir(target), 0o700); err != nil {
		t.Fatal(err)
	}
	if code, _, said := invoke(t.Context(), on(demotest.Towns.URL(t, database.SQLite)), "backup", file); code != 0 {
		t.Fatal(said)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(folder, "damaged.backup")
	whole[len(whole)-100] ^= 1
	if err := os.WriteFile(damaged, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	restores := func(ctx context.Context, name string, want int, left ...string) {
		t.Helper()
		code, _, said := invoke(ctx, on("sqlite:"+target), "restore", name)
		entries, err := os.ReadDir(filepath.Dir(target))
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if code != want || err != nil || !slices.Equal(names, left) {
			t.Errorf("%d %s, left %v, %v", code, said, names, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	restores(t.Context(), damaged, exitFailure)
	restores(ended, file, exitFailure)
	restores(t.Context(), file, 0, "b.db", "b.db.lock")
	if code, _, said := invoke(t.Context(), on("sqlite:"+target), "verify"); code != 0 {
		t.Error(said)
	}
}
