package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

// lockedBuffer is written by the service and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// logOfServing serves until the service listens, and returns its log.
func logOfServing(t *testing.T, env []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var log lockedBuffer
	ended := make(chan int, 1)
	go func() {
		env := append(env, "BULWARK_ADDR=127.0.0.1:0", "BULWARK_LOG_FORMAT=text",
			"BULWARK_SETUP_TOKEN_FILE="+t.TempDir()+"/token")
		ended <- run(ctx, program{env, strings.NewReader(""), new(bytes.Buffer), &log}, []string{"serve"})
	}()
	for !strings.Contains(log.String(), "msg=listening") && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("serve ended with %d: %s", code, log.String())
	}
	return log.String()
}

// One role owns the schema, the other serves without that power; one role for both works
// too, and the log says so.
func TestMigrateWithOneRoleAndServeWithAnother(t *testing.T) {
	owner := dbtest.EmptyURL(t, database.PostgreSQL)
	service := dbtest.AsService(t, owner)
	work := func(env []string, args ...string) {
		t.Helper()
		if code, out, said := invoke(t.Context(), env, args...); code != 0 {
			t.Fatalf("%q: %d %s%s", args, code, out, said)
		}
	}
	if code, _, said := invoke(t.Context(), on(service), "migrate"); code != exitFailure {
		t.Errorf("the role of the service migrates: %s", said)
	}
	both := append(on(service), "BULWARK_MIGRATE_DATABASE_URL="+owner)
	work(both, "migrate")
	work(both, "migrate") // once more
	work(on(service), "key", "create", "-role", "admin", "-write")
	work(on(service), "verify")
	if log := logOfServing(t, on(service)); !strings.Contains(log, "can change neither the schema nor immutable rows") {
		t.Error(log)
	}
	if log := logOfServing(t, on(owner)); !strings.Contains(log, "level=WARN") ||
		!strings.Contains(log, "set BULWARK_MIGRATE_DATABASE_URL to another role") {
		t.Error(log)
	}

	file := filepath.Join(t.TempDir(), "a.backup")
	work(on(service), "backup", file)
	owner = dbtest.EmptyURL(t, database.PostgreSQL)
	service = dbtest.AsService(t, owner)
	work(append(on(service), "BULWARK_MIGRATE_DATABASE_URL="+owner), "restore", file)
	work(on(service), "key", "create", "-role", "admin", "-write")
	if log := logOfServing(t, on(service)); !strings.Contains(log, "can change neither the schema nor immutable rows") {
		t.Error(log)
	}
}

func TestMigrateNamesAMissingRole(t *testing.T) {
	owner := dbtest.EmptyURL(t, database.PostgreSQL)
	strange := strings.Replace(dbtest.AsService(t, owner), "bulwark_test_service", "nobody_here", 1)
	code, _, said := invoke(t.Context(), append(on(strange), "BULWARK_MIGRATE_DATABASE_URL="+owner), "migrate")
	if code != exitFailure || !strings.Contains(said, `the database has no role "nobody_here"`) {
		t.Errorf("%d %s", code, said)
	}
	code, _, said = invoke(t.Context(), append(on("sqlite:x.db"), "BULWARK_MIGRATE_DATABASE_URL="+owner), "migrate")
	if code != exitFailure || !strings.Contains(said, "is for PostgreSQL only") {
		t.Errorf("%d %s", code, said)
	}
}

// The password of a URL can lie in a file.
func TestPasswordFile(t *testing.T) {
	url, folder := dbtest.URL(t, database.PostgreSQL), t.TempDir()
	file := filepath.Join(folder, "password")
	if err := os.WriteFile(file, []byte("bulwark_test_service\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	without := strings.Replace(url, "bulwark_test_service:bulwark_test_service@", "bulwark_test_service@", 1)
	for _, c := range []struct{ url, file, says string }{
		{without, file, ""},
		{url, file, "use one of them"},
		{without, file + ".none", "cannot be read"},
		{"sqlite:x.db", file, "needs BULWARK_DATABASE_URL to look like"},
	} {
		code, _, said := invoke(t.Context(), append(on(c.url), "BULWARK_DATABASE_PASSWORD_FILE="+c.file), "key", "list")
		if (code == 0) != (c.says == "") || !strings.Contains(said, c.says) {
			t.Errorf("%s, %s: %d %s", c.url, c.file, code, said)
		}
	}
}
