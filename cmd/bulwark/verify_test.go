package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

// A trail whose end was cut off, in a database without its guards, passes; with
// the anchors that the service has kept it does not.
func TestVerifyNeedsAnchorsToFindACutTrail(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url, anchors := dbtest.URL(t, dialect), filepath.Join(t.TempDir(), "anchors")
			env := []string{
				"BULWARK_DATABASE_URL=" + url, "BULWARK_ADDR=127.0.0.1:0", "BULWARK_LOG_FORMAT=text",
				"BULWARK_SETUP_TOKEN_FILE=" + t.TempDir() + "/token",
			}
			for range 3 {
				if code, _, err := invoke(t.Context(), env, "key", "create", "-role", "admin", "-write"); code != 0 {
					t.Fatal(err)
				}
			}
			serveOnce(t, append(env, "BULWARK_AUDIT_ANCHORS="+anchors))
			check := func(wantCode int, want string, args ...string) {
				t.Helper()
				code, out, words := invoke(t.Context(), env, append([]string{"verify"}, args...)...)
				if code != wantCode || !strings.Contains(out+words, want) {
					t.Errorf("verify %q: %d\n%s%s", args, code, out, words)
				}
			}
			check(0, "audit trail (installation): 3 records, 1 anchors, ok", "-anchors", anchors)
			dbtest.Tamper(t, url,
				"DELETE FROM keys WHERE 'keys/' || prefix = (SELECT subject FROM audit_records WHERE sequence = 3)",
				"DELETE FROM audit_records WHERE sequence = 3", "DELETE FROM audit_rows WHERE sequence = 3",
				"UPDATE audit_heads SET sequence = 2, hash = (SELECT hash FROM audit_records WHERE sequence = 2)")
			check(0, "without anchors, a trail whose end was removed or rewritten is not detected")
			check(exitFailure, "cut: the chain was cut: an anchor kept elsewhere proves that there were records from 3 on",
				"-anchors", anchors)
			env = append(env, "LANG=zh_CN.UTF-8", "BULWARK_AUDIT_ANCHORS="+anchors)
			check(exitFailure, "0 个计算批次与其凭证不符，1 条审计链有问题")
			check(exitFailure, "无法读写", "-anchors", anchors+".none")
		})
	}
}

// After every command that writes, rows, trail and schema agree; after a change past the
// program, or without a trigger, they do not.
func TestVerifyAgreesAfterEveryCommand(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url := dbtest.URL(t, dialect)
			env := []string{
				"BULWARK_DATABASE_URL=" + url, "BULWARK_ADDR=127.0.0.1:0", "BULWARK_LOG_FORMAT=text",
				"BULWARK_SETUP_TOKEN_FILE=" + t.TempDir() + "/token",
			}
			verifies := func(want int, words string) {
				t.Helper()
				if code, out, said := invoke(t.Context(), env, "verify"); code != want || !strings.Contains(out, words) {
					t.Errorf("%d %s%s", code, out, said)
				}
			}
			for _, args := range [][]string{
				{"setup"},
				{"user", "add", "-role", "admin", "root"},
				{"user", "disable", "root"},
				{"key", "create", "-role", "admin", "-write"},
			} {
				if code, out, said := invoke(t.Context(), env, args...); code != 0 {
					t.Errorf("%q: %d %s%s", args, code, out, said)
				}
				verifies(0, "every row is as the trail says")
			}
			serveOnce(t, env)
			verifies(0, "the schema is as the program makes it")
			dbtest.Tamper(t, url, "UPDATE accounts SET disabled_at = NULL")
			verifies(exitFailure, "accounts/root/disabled_at: recorded as \"")
			drop := "DROP TRIGGER runs_immutable_delete"
			if dialect == database.PostgreSQL {
				drop = "DROP TRIGGER runs_immutable ON runs"
			}
			if err := dbtest.Connect(t, dbtest.AsOwner(t, url), database.Options{}).Exec(drop).Error; err != nil {
				t.Fatal(err)
			}
			verifies(exitFailure, "trigger runs/runs_immutable")
		})
	}
}

// serveOnce runs the service until it listens, and ends it.
func serveOnce(t *testing.T, env []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	logged, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, program{env, strings.NewReader(""), io.Discard, w}, []string{"serve"})
		w.Close()
	}()
	lines := bufio.NewScanner(logged)
	addressOf(t, lines, "msg=listening")
	cancel()
	_, _ = io.Copy(io.Discard, logged)
	if c := <-code; c != 0 {
		t.Errorf("serve ended with %d", c)
	}
}

func TestServeRefusesAnchorsThatCannotBeKept(t *testing.T) {
	env := []string{
		"BULWARK_DATABASE_URL=" + dbtest.URL(t, database.SQLite), "BULWARK_ADDR=127.0.0.1:0",
		"BULWARK_AUDIT_ANCHORS=" + t.TempDir() + "/none/anchors",
	}
	if code, _, words := invoke(t.Context(), env, "serve"); code != exitFailure ||
		!strings.Contains(words, "BULWARK_AUDIT_ANCHORS") {
		t.Errorf("%d %s", code, words)
	}
	bad := filepath.Join(t.TempDir(), "anchors")
	if err := os.WriteFile(bad, []byte("what is this\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env[2] = "BULWARK_AUDIT_ANCHORS=" + bad
	if code, _, words := invoke(t.Context(), env, "serve"); code != exitFailure || !strings.Contains(words, "line 1") {
		t.Errorf("%d %s", code, words)
	}
}
