package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/internal/credential"
	"bulwark/internal/database"
)

func fresh(t *testing.T) []string {
	t.Helper()
	env := []string{"BULWARK_DATABASE_URL=sqlite:" + t.TempDir() + "/b.db", "BULWARK_LOG_LEVEL=debug"}
	if code, _, err := invoke(t.Context(), env, "migrate"); code != 0 {
		t.Fatal(err)
	}
	return env
}

// typing runs a command with something on standard input.
func typing(ctx context.Context, env []string, typed string, args ...string) (code int, out, err string) {
	var o, e bytes.Buffer
	code = run(ctx, program{env, strings.NewReader(typed), &o, &e}, args)
	return code, o.String(), e.String()
}

// opens reports whether name and password let in.
func opens(t *testing.T, env []string, name, password string) error {
	t.Helper()
	cfg := settings(t, env...)
	db, err := openMigrated(t.Context(), cfg, databaseOptions(cfg, logger(cfg, t.Output())))
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close(db)
	_, err = credential.CheckPassword(t.Context(), db, credential.NewPasswords(credential.PasswordCost), name, password)
	return err
}

func TestUsersOfTheCommandLine(t *testing.T) {
	env := fresh(t)
	code, password, words := invoke(t.Context(), env, "user", "add", "-role", "admin", "boss")
	password = strings.TrimSpace(password)
	if code != 0 || len(password) != 20 || strings.Contains(words, password) || !strings.Contains(words, "boss") {
		t.Fatalf("add: %d %q %s", code, password, words)
	}
	if err := opens(t, env, "boss", password); err != nil {
		t.Error(err)
	}
	code, out, words := typing(t.Context(), env, "correct horse battery\n", "user", "password", "-stdin", "boss")
	if code != 0 || out != "" || strings.Contains(words, "correct") {
		t.Errorf("password: %d %q %s", code, out, words)
	}
	if err := opens(t, env, "boss", "correct horse battery"); err != nil {
		t.Error(err)
	}
	if code, _, words := typing(t.Context(), env, "short", "user", "add", "-role", "reader", "-stdin",
		"late"); code != exitFailure || !strings.Contains(words, "at least 12") {
		t.Errorf("short: %d %s", code, words)
	}
	code, list, words := invoke(t.Context(), env, "user", "list")
	if code != 0 || !regexp.MustCompile(`(?m)^boss +- +- +admin +set`).MatchString(list) ||
		strings.Contains(list, "late") || strings.Contains(list+words, "argon2") {
		t.Errorf("list: %d %s%s", code, list, words)
	}
	if code, _, words := invoke(t.Context(), env, "user", "disable", "boss"); code != 0 {
		t.Errorf("disable: %s", words)
	}
	if err := opens(t, env, "boss", "correct horse battery"); err == nil {
		t.Error("a disabled account lets in")
	}
}

func TestUsersOfTheCommandLineAreRefused(t *testing.T) {
	env := fresh(t)
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"user":                               {exitUsage, "name what to do: add, list, disable or password"},
		"user make":                          {exitUsage, "name what to do: add, list, disable or password"},
		"user add":                           {exitUsage, "name the account"},
		"user add x":                         {exitFailure, "give roles or a person"},
		"user add -role mentor x":            {exitFailure, "name the person"},
		"user add -role king x":              {exitFailure, `no role "king"`},
		"user add -role admin X":             {exitFailure, "lower-case"},
		"user add -person p -town t x":       {exitFailure, `no town "t"`},
		"user password nobody":               {exitFailure, `no account "nobody"`},
		"user disable nobody":                {exitFailure, `no account "nobody"`},
		"user add -role admin x secret-word": {exitUsage, `"secret-word"`},
	} {
		code, out, err := invoke(t.Context(), env, strings.Fields(args)...)
		if code != want.code || out != "" || !strings.Contains(err, want.says) {
			t.Errorf("%s: %d %s%s", args, code, out, err)
		}
	}
}

// lines is what a command prints while it runs.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// The first start writes a token into a file of its owner and nowhere else; with it,
// the first administrator is made, and the next start writes none.
func TestTheFirstStart(t *testing.T) {
	env := append(fresh(t), "BULWARK_ADDR=127.0.0.1:0")
	out, log, stop := starting(t, env)
	found := regexp.MustCompile(`in the file (\S+) \((?s:.*)curl (http://127\.0\.0\.1:\d+)/api/v1/setup`).
		FindStringSubmatch(out.String())
	if found == nil {
		t.Fatalf("printed %s", out)
	}
	file, address := found[1], found[2]
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	token := strings.TrimSpace(string(written))
	if token == "" || strings.Contains(out.String(), token) {
		t.Errorf("the token is printed: %s", out)
	}
	_, more, _ := invoke(t.Context(), env, "setup")
	second := regexp.MustCompile(`token {2}(\S+)`).FindStringSubmatch(more)
	if second == nil || second[1] == token {
		t.Errorf("bulwark setup printed %s", more)
	}
	body, err := json.Marshal(map[string]string{"token": token, "account": "boss", "password": "correct horse battery"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{http.StatusCreated, http.StatusNotFound} {
		res, err := http.Post(address+"/api/v1/setup", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body) //nolint:errcheck // only the status counts
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("status %d, want %d", res.StatusCode, want)
		}
	}
	stop()
	if strings.Contains(log.String(), token) || strings.Contains(log.String(), "correct horse") {
		t.Errorf("logged: %s", log)
	}
	if code, out, words := invoke(t.Context(), env, "setup"); code != exitFailure || out != "" ||
		!strings.Contains(words, "has its administrator") {
		t.Errorf("setup afterwards: %d %s%s", code, out, words)
	}
	again, _, stop := starting(t, env)
	stop()
	if _, err := os.Stat(file); err == nil {
		t.Error("the file of the token is still there")
	}
	if again.String() != "" {
		t.Errorf("the second start printed %s", again)
	}
}

// starting runs serve until stop; it returns once the service listens.
func starting(t *testing.T, env []string) (out, log *lines, stop func()) {
	t.Helper()
	out, log = &lines{}, &lines{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, program{env, strings.NewReader(""), out, log}, []string{"serve"}) }()
	for range 500 {
		if strings.Contains(log.String(), "listening") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return out, log, sync.OnceFunc(func() {
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("serve ended with %d: %s", code, log)
		}
	})
}
