// Package probe holds every observable answer of the demo against
// testdata/answers.tsv: each address as each role and as nobody, in both languages,
// the tables of a backup, and what `bulwark score` prints. Both databases must agree.
//
// An intended change is recorded with
//
//	go test ./internal/probe -update
//
// which prints the addresses that changed, for the commit to name. What changed in
// them shows a run on each of two commits and a comparison of the folders:
//
//	go test ./internal/probe -answers /tmp/before
//	go test ./internal/probe -answers /tmp/after
//	diff -r /tmp/before /tmp/after
package probe

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

var (
	update = flag.Bool("update", false, "write testdata/answers.tsv anew and print the addresses that changed")
	folder = flag.String("answers", "", "write every answer, as it is compared, into files of this `DIRECTORY`")
)

const answersFile = "testdata/answers.tsv"

// TestAnswersStay asks everything on both databases. Under -update it writes what
// they agree on.
func TestAnswersStay(t *testing.T) {
	var mu sync.Mutex
	of := map[string]*record{}
	dbtest.Both(t, func(t *testing.T, dialect string) {
		r := newRecord()
		ask(t, dialect, r)
		mu.Lock()
		defer mu.Unlock()
		of[dialect] = r
	})
	if t.Failed() {
		return
	}
	got := of[database.SQLite]
	if differing := changed(got.entries, of[database.PostgreSQL].entries); len(differing) > 0 {
		a, b := filepath.Join(os.TempDir(), "bulwark-sqlite"), filepath.Join(os.TempDir(), "bulwark-postgres")
		got.write(t, a, differing)
		of[database.PostgreSQL].write(t, b, differing)
		t.Fatalf("the databases differ in %s\nsee diff -r %s %s", summary(differing), a, b)
	}
	scores(t, got)
	if *folder != "" {
		got.write(t, *folder, slices.Collect(maps.Keys(got.entries)))
	}
	compare(t, got)
}

func compare(t *testing.T, got *record) {
	t.Helper()
	want, err := readEntries(answersFile)
	if err != nil && !(*update && os.IsNotExist(err)) {
		t.Fatal(err)
	}
	t.Logf("%d entries", len(got.entries))
	differing := changed(want, got.entries)
	switch {
	case len(differing) == 0:
	case *update:
		unnamed := withoutReason(t, differing)
		if len(want) > 0 && len(unnamed)*20 > len(want) {
			t.Fatalf("more than 5 %% of the entries changed, and %s names no reason for them; nothing was written: %s",
				reasonsFile, summary(unnamed))
		}
		if err := os.WriteFile(answersFile, []byte(format(got.entries)), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d of %d entries changed:\n%s", len(differing), len(want), strings.Join(addresses(differing), "\n"))
	default:
		at := filepath.Join(os.TempDir(), "bulwark-answers")
		got.write(t, at, differing[:min(len(differing), 200)])
		t.Errorf("%d of %d entries differ from %s: %s\nthe new answers are in %s; -answers writes all of them, to compare two commits by diff -r; where the change is intended run this test with -update and name the addresses in the commit",
			len(differing), len(want), answersFile, summary(differing), at)
	}
}
