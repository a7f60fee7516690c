package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

// After an older backup the trail lies behind its anchors: verify says so, and what
// to do; it goes on with a new file of anchors. What else is wrong is not excused.
func TestARestoredTrailLiesBehindItsAnchors(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			folder, source, target := t.TempDir(), dbtest.URL(t, dialect), dbtest.EmptyURL(t, dialect)
			old, next, file := filepath.Join(folder, "old"), filepath.Join(folder, "next"), filepath.Join(folder, "a.backup")
			work := func(url string, args ...string) {
				t.Helper()
				if code, out, said := invoke(t.Context(), on(url), args...); code != 0 {
					t.Fatalf("%q: %d %s%s", args, code, out, said)
				}
			}
			changes := func(url string, n int) {
				t.Helper()
				for range n {
					work(url, "key", "create", "-role", "admin", "-write")
				}
			}
			serves := func(url, anchors string) {
				t.Helper()
				serveOnce(t, append(on(url), "BULWARK_ADDR=127.0.0.1:0", "BULWARK_LOG_FORMAT=text",
					"BULWARK_AUDIT_ANCHORS="+anchors))
			}
			verifies := func(wantCode int, want string, env ...string) {
				t.Helper()
				code, out, said := invoke(t.Context(), append(on(target), env...), "verify")
				if code != wantCode || !strings.Contains(out+said, want) {
					t.Errorf("verify %q: %d, not %q:\n%s%s", env, code, want, out, said)
				}
			}
			changes(source, 2)
			serves(source, old)
			work(source, "backup", file)
			changes(source, 3)
			serves(source, old) // an anchor of record 5
			work(target, "restore", file)

			verifies(0, "audit trail (installation): 3 records, 0 anchors, ok")
			verifies(exitFailure,
				"was restored, in which the trail ended at record 2; anchors prove that there were records up to 5, which are gone", "BULWARK_AUDIT_ANCHORS="+old)
			verifies(exitFailure,
				"1 audit trails end before their anchors, because an older backup was restored; all else agrees",
				"BULWARK_AUDIT_ANCHORS="+old)
			verifies(exitFailure, "审计链在其中止于第 2 条；锚点证明曾有直到第 5 条的记录", "LANG=zh_CN.UTF-8", "BULWARK_AUDIT_ANCHORS="+old)

			serves(target, next)
			verifies(0, "3 records, 1 anchors, ok", "BULWARK_AUDIT_ANCHORS="+next)
			changes(target, 4)
			serves(target, next)
			verifies(0, "7 records, 2 anchors, ok", "BULWARK_AUDIT_ANCHORS="+next)
			verifies(exitFailure, "restored: on ", "BULWARK_AUDIT_ANCHORS="+old) // other records stand there now

			seen, err := os.ReadFile(old)
			if err != nil {
				t.Fatal(err)
			}
			first, rest, _ := strings.Cut(string(seen), "\n")
			forged := filepath.Join(folder, "forged") // of a record that the backup had
			if err := os.WriteFile(forged, []byte(first[:len(first)-64]+strings.Repeat("0", 64)+"\n"+rest), 0o600); err != nil {
				t.Fatal(err)
			}
			verifies(exitFailure, "rewritten: record 2 has another hash", "BULWARK_AUDIT_ANCHORS="+forged)
			db := dbtest.Connect(t, target, database.Options{})
			drop := map[string]string{
				database.SQLite:     "DROP TRIGGER audit_records_immutable_update",
				database.PostgreSQL: "DROP TRIGGER audit_records_immutable ON audit_records",
			}
			for _, s := range []string{drop[dialect], "UPDATE audit_records SET actor = 'nobody' WHERE sequence = 1"} {
				if err := db.Exec(s).Error; err != nil {
					t.Fatal(err)
				}
			}
			verifies(exitFailure, "edited: record 1", "BULWARK_AUDIT_ANCHORS="+old)
			verifies(exitFailure, "1 audit trails are broken", "BULWARK_AUDIT_ANCHORS="+old)
		})
	}
}
