package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"bulwark/internal/config"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo/demotest"
)

// diagnosed runs doctor and returns its findings, "LEVEL CHECK: MESSAGE" each.
func diagnosed(t *testing.T, env []string) (code int, findings []string) {
	t.Helper()
	code, out, said := invoke(t.Context(), env, "doctor", "--json")
	var report struct {
		Errors, Warnings int
		Findings         []finding
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v: %s%s", err, out, said)
	}
	if (report.Errors > 0) != (code == exitFailure) {
		t.Errorf("%d errors, exit code %d", report.Errors, code)
	}
	for _, f := range report.Findings {
		findings = append(findings, f.Level+" "+f.Check+": "+f.Message)
	}
	return code, findings
}

// The doctor finds each thing that is wrong, and nothing where all is well.
func TestDoctor(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url, anchors := demotest.Towns.URL(t, dialect), filepath.Join(t.TempDir(), "anchors")
			env := append(on(url), "BULWARK_ADDR=127.0.0.1:1", "BULWARK_AUDIT_ANCHORS="+anchors,
				"BULWARK_SETUP_TOKEN_FILE="+t.TempDir()+"/token")
			finds := func(want ...string) {
				t.Helper()
				code, found := diagnosed(t, env)
				for _, w := range want {
					if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, w) }) {
						t.Errorf("no %q in\n%s", w, strings.Join(found, "\n"))
					}
				}
				if failed := slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(w, "error") }); failed != (code != 0) {
					t.Errorf("exit code %d with\n%s", code, strings.Join(found, "\n"))
				}
			}
			finds("warning anchors: the file of anchors", "warning backup: there was no backup yet",
				"warning verify: there was no verification", "ok schema: version", "ok structure: ", "ok clock: ",
				"ok server: no server answers", "ok tls: ", "warning signing: there is no signing key")
			for _, args := range []string{"backup " + t.TempDir() + "/a", "verify --anchors /dev/null"} {
				if code, _, said := invoke(t.Context(), env, strings.Fields(args)...); code != 0 {
					t.Fatal(said)
				}
			}
			serveOnce(t, append(env, "BULWARK_ADDR=127.0.0.1:0", "BULWARK_LOG_FORMAT=text"))
			finds("ok anchors: "+anchors, "ok backup: the last backup is of", "ok verify: the last verification", "ok files: ")
			if dialect == database.PostgreSQL {
				finds(`ok roles: the role "`)
			} else {
				finds("ok roles: SQLite has no roles", "ok disk: ")
			}

			db := dbtest.Connect(t, dbtest.AsOwner(t, url), database.Options{})
			drop := map[string][]string{
				database.SQLite:     {"DROP TRIGGER runs_immutable_update", "DROP TRIGGER runs_immutable_delete"},
				database.PostgreSQL: {"ALTER TABLE runs DISABLE TRIGGER ALL"},
			}
			for _, s := range append(drop[dialect],
				"UPDATE maintenance SET at = '2020-01-01 00:00:00+00:00', succeeded_at = '2020-01-01 00:00:00+00:00' WHERE task = 'backup'",
				"UPDATE maintenance SET detail = 'two runs differ' WHERE task = 'verify'",
			) {
				if err := db.Exec(s).Error; err != nil {
					t.Fatal(err)
				}
			}
			finds("error structure: ",
				"warning backup: the last backup is of 2020", "error verify: the verification of")
			if err := os.Chmod(anchors, 0o644); err != nil {
				t.Fatal(err)
			}
			finds("warning files: "+anchors+" has the mode 644", "error verify")
			lines, err := os.ReadFile(anchors)
			if err != nil {
				t.Fatal(err)
			}
			forged := regexp.MustCompile(`[0-9a-f]{64}\n$`).ReplaceAllString(string(lines), strings.Repeat("0", 64)+"\n")
			if err := os.WriteFile(anchors, []byte(forged), 0o600); err != nil {
				t.Fatal(err)
			}
			finds("error anchors: 1 audit trails differ", "error verify")
		})
	}
}

func TestDoctorWithoutADatabase(t *testing.T) {
	for want, env := range map[string][]string{
		"error database: the database file":               on("sqlite:" + t.TempDir() + "/none.db"),
		"error settings: there is no setting BULWARK_FOO": {"BULWARK_FOO=1", "BULWARK_RATE=-1"},
		"error settings: BULWARK_RATE=-1":                 {"BULWARK_FOO=1", "BULWARK_RATE=-1"},
		"error database: no connection to 127.0.0.1:1":    on("postgres://u:hunter2@127.0.0.1:1/b"),
		"warning tls: other machines can reach 0.0.0.0:80": append(on("sqlite:"+t.TempDir()+"/none.db"),
			"BULWARK_ADDR=0.0.0.0:80"),
		"warning links: BULWARK_PUBLIC_URL is not set: links that the service hands out lead to http://localhost:80": append(
			on("sqlite:"+t.TempDir()+"/none.db"), "BULWARK_ADDR=0.0.0.0:80"),
		"warning links: BULWARK_PUBLIC_URL=http://bulwark.example is no https address": append(
			on("sqlite:"+t.TempDir()+"/none.db"), "BULWARK_ADDR=127.0.0.1:1", "BULWARK_PUBLIC_URL=http://bulwark.example"),
		"warning links: BULWARK_PUBLIC_URL is an https address, but BULWARK_BEHIND_TLS=true is not set": append(
			on("sqlite:"+t.TempDir()+"/none.db"), "BULWARK_ADDR=127.0.0.1:1", "BULWARK_PUBLIC_URL=https://bulwark.example"),
		"ok links: links that the service hands out lead to https://bulwark.example": append(
			on("sqlite:"+t.TempDir()+"/none.db"), "BULWARK_PUBLIC_URL=https://bulwark.example/", "BULWARK_BEHIND_TLS=true"),
		"error settings: BULWARK_PUBLIC_URL=\"bulwark.example\" should be": append(
			on("sqlite:"+t.TempDir()+"/none.db"), "BULWARK_PUBLIC_URL=bulwark.example"),
		"warning settings: BULWARK_DATABASE_URL is not set":      {"BULWARK_ADDR=127.0.0.1:1"},
		"error settings: the database URL is not usable: write ": on("postgre://u:hunter2@h/b"),
	} {
		code, found := diagnosed(t, env)
		if code != exitFailure || !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, want) }) {
			t.Errorf("%d, no %q in\n%s", code, want, strings.Join(found, "\n"))
		}
		if strings.Contains(strings.Join(found, ""), "hunter2") {
			t.Errorf("the password is shown: %s", found)
		}
	}
	_, out, _ := invoke(t.Context(), append(on("sqlite:"+t.TempDir()+"/none.db"), "LANG=zh_CN.UTF-8"), "doctor")
	if !strings.Contains(out, "错误  数据库") || !strings.Contains(out, "错误 1 个，警告 1 个") {
		t.Errorf("in Chinese:\n%s", out)
	}
}

func TestConfigShowsOriginsAndNoSecrets(t *testing.T) {
	env := append(on("postgres://u:hunter2@h/b"), "BULWARK_RATE=7")
	for _, args := range []string{"config", "config --json"} {
		code, out, said := invoke(t.Context(), env, strings.Fields(args)...)
		if code != 0 || strings.Contains(out+said, "hunter2") || !strings.Contains(out, "postgres://u@h/b") ||
			!strings.Contains(out, "environment") {
			t.Errorf("%s: %d %s%s", args, code, out, said)
		}
	}
	code, _, said := invoke(t.Context(), []string{"BULWARK_RATE=x", "BULWARK_ADDR=x", "BULWARK_DATABASE_URL=x"}, "config")
	if code != exitFailure || strings.Count(said, "\n") != 4 {
		t.Errorf("%d, not three mistakes at once: %s", code, said)
	}
}

func TestReadyAddresses(t *testing.T) {
	for addr, want := range map[string]string{
		":8080": "127.0.0.1:8080", "0.0.0.0:80": "127.0.0.1:80", "[::]:80": "[::1]:80", "10.0.0.7:80": "10.0.0.7:80",
		"localhost:80": "localhost:80",
	} {
		if got := readyURL(addr); got != "http://"+want+"/readyz" {
			t.Errorf("%s: %s", addr, got)
		}
	}
}

// A server on the database: health and doctor see it, a second server on a SQLite file is
// refused, all other commands work beside it.
func TestBesideARunningServer(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			env := append(on(demotest.Towns.URL(t, dialect)), "BULWARK_LOG_FORMAT=text",
				"BULWARK_SETUP_TOKEN_FILE="+t.TempDir()+"/token")
			free := append(slices.Clone(env), "BULWARK_ADDR=127.0.0.1:0")
			_, log, stop := starting(t, free)
			defer stop()
			address := regexp.MustCompile(`address=http://(\S+)`).FindStringSubmatch(log.String())[1]
			beside := append(slices.Clone(env), "BULWARK_ADDR="+address)
			for _, args := range []string{
				"health", "verify", "backup --check " + t.TempDir() + "/a", "user add boss --role admin", "user list",
				"key create --role admin", "config", "migrate",
			} {
				if code, out, said := invoke(t.Context(), beside, strings.Fields(args)...); code != 0 {
					t.Errorf("%s: %d %s%s", args, code, out, said)
				}
			}
			if _, found := diagnosed(t, beside); !slices.Contains(found, "ok server: http://"+address+"/readyz is ready") {
				t.Errorf("the doctor says\n%s", strings.Join(found, "\n"))
			}
			if dialect == database.PostgreSQL {
				return
			}
			code, _, said := invoke(t.Context(), free, "serve")
			if code != exitFailure || !strings.Contains(said, fmt.Sprintf("(pid %d, http://%s)", os.Getpid(), address)) {
				t.Errorf("a second server: %d %s", code, said)
			}
			stop()
			if code, _, said := invoke(t.Context(), beside, "health"); code != exitFailure ||
				!strings.Contains(said, "no answer from") {
				t.Errorf("health without a server: %d %s", code, said)
			}
			serveOnce(t, free)
		})
	}
}

// In read-only mode reads work, every write is refused with 503, and nothing is written,
// not even by background work; what-if answers.
func TestReadOnlyMode(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url := demotest.Towns.URL(t, dialect)
			_, key, said := invoke(t.Context(), on(url), "key", "create", "--role", "leading_group", "--town", "demo", "--write")
			if key = strings.TrimSpace(key); key == "" {
				t.Fatal(said)
			}
			_, before, _ := invoke(t.Context(), on(url), "backup", "-")
			out, log, stop := starting(t, append(on(url), "BULWARK_ADDR=127.0.0.1:0", "BULWARK_LOG_FORMAT=text",
				"BULWARK_READ_ONLY=true"))
			defer stop()
			base := "http://" + regexp.MustCompile(`address=http://(\S+)`).FindStringSubmatch(log.String())[1]
			ask := func(method, path, body string) (int, string) {
				t.Helper()
				r, err := http.NewRequest(method, base+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer "+key)
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("If-Match", `"1"`)
				res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				return res.StatusCode, readAll(t, res)
			}
			for _, path := range []string{
				"/readyz", "/api/v1/me", "/api/v1/towns/demo/periods/2023Q2/ranking", "/api/v1/towns/demo/dashboard",
				"/api/v1/towns/demo/evaluations", "/api/v1/towns/demo/audit", "/api/v1/towns/demo/reminders",
				"/api/v1/towns/demo/plans",
			} {
				if status, body := ask(http.MethodGet, path, ""); status != http.StatusOK {
					t.Errorf("GET %s: %d %s", path, status, body)
				}
			}
			if _, body := ask(http.MethodGet, "/readyz", ""); !strings.Contains(body, `"read_only":true`) {
				t.Errorf("readyz does not say so: %s", body)
			}
			for method, path := range map[string]string{
				http.MethodPost: "/api/v1/towns/demo/kinds", http.MethodPut: "/api/v1/towns/demo",
				http.MethodDelete: "/api/v1/keys/bw_1",
			} {
				if status, body := ask(method, path, "{}"); status != http.StatusServiceUnavailable ||
					!strings.Contains(body, `"read_only"`) {
					t.Errorf("%s %s: %d %s", method, path, status, body)
				}
			}
			for _, path := range []string{"/api/v1/sessions", "/api/v1/setup"} {
				if status, body := ask(http.MethodPost, path, "{}"); status != http.StatusServiceUnavailable ||
					!strings.Contains(body, `"read_only"`) {
					t.Errorf("POST %s: %d %s", path, status, body)
				}
			}
			if status, body := ask(http.MethodPost, "/api/v1/towns/demo/periods/2023Q2/what-if",
				"{}"); status == http.StatusServiceUnavailable {
				t.Errorf("what-if: %d %s", status, body)
			}
			stop()
			if out.String() != "" || !strings.Contains(log.String(), "read-only mode") {
				t.Errorf("said %s, logged %s", out, log)
			}
			_, after, _ := invoke(t.Context(), on(url), "backup", "-")
			if tablesOf(t, before) != tablesOf(t, after) {
				t.Error("something was written")
			}
		})
	}
}

// What keeps the service from starting is in the log, in its format, all mistakes at once.
func TestStartUpErrorsAreLogged(t *testing.T) {
	for format, want := range map[string]string{
		"json": `"level":"ERROR","msg":"bulwark serve has ended","error":"`,
		"text": `level=ERROR msg="bulwark serve has ended" error="`,
	} {
		code, out, said := invoke(t.Context(),
			[]string{"BULWARK_LOG_FORMAT=" + format, "BULWARK_ADDR=x", "BULWARK_RATE=x", "BULWARK_DATABASE_URL=x"}, "serve")
		if code != exitFailure || out != "" || strings.Count(said, want) != 3 || strings.Count(said, "\n") != 3 {
			t.Errorf("%s, mistakes: %d %s%s", format, code, out, said)
		}
		code, out, said = invoke(t.Context(),
			append(on("sqlite:"+t.TempDir()+"/none.db"), "BULWARK_LOG_FORMAT="+format), "serve")
		if code != exitFailure || out != "" || strings.Count(said, want) != 1 || strings.Count(said, "\n") != 1 {
			t.Errorf("%s, no file: %d %s%s", format, code, out, said)
		}
	}
}

func TestAPublicAddressIsWarnedAbout(t *testing.T) {
	for env, want := range map[string]bool{
		"BULWARK_ADDR=0.0.0.0:0": true, "BULWARK_ADDR=127.0.0.1:0": false,
		"BULWARK_ADDR=0.0.0.0:0 BULWARK_BEHIND_TLS=true": false,
	} {
		_, log, stop := starting(t, append(fresh(t), strings.Fields(env)...))
		stop()
		if got := strings.Contains(log.String(), "no HTTPS proxy is configured"); got != want {
			t.Errorf("%s: %s", env, log)
		}
	}
}

// After a copy of the file was brought back by other tools, verify says what happened once
// that is recorded, and blames nobody.
func TestARollbackByOtherToolsIsRecorded(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			source, copied := dbtest.URL(t, dialect), dbtest.EmptyURL(t, dialect)
			anchors, file := filepath.Join(t.TempDir(), "anchors"), filepath.Join(t.TempDir(), "a")
			work := func(url, want string, args ...string) {
				t.Helper()
				code, out, said := invoke(t.Context(), append(on(url), "BULWARK_AUDIT_ANCHORS="+anchors), args...)
				if (code == 0) != (want == "") || !strings.Contains(out+said, want) {
					t.Fatalf("%q: %d, not %q: %s%s", args, code, want, out, said)
				}
			}
			work(source, "", "key", "create", "--role", "admin")
			work(source, "", "backup", file)
			work(source, "", "key", "create", "--role", "admin")
			serveOnce(t, append(on(source), "BULWARK_ADDR=127.0.0.1:0", "BULWARK_LOG_FORMAT=text",
				"BULWARK_AUDIT_ANCHORS="+anchors))
			work(source, "", "verify")
			work(copied, "", "restore", file)
			// The other tools leave no record: here it is taken out again.
			db := dbtest.Connect(t, copied, database.Options{})
			undo(t, db)
			work(copied, "cut: the chain was cut", "verify")
			work(copied, "with --reason", "restored")
			work(copied, "with --reason", "restored", "--reason", " ")
			work(copied, "", "restored", "--reason", "the disk broke, snapshot of Sunday")
			work(copied, "1 audit trails end before their anchors, because an older backup was restored", "verify")
			var reason string
			if err := db.Raw("SELECT reason FROM audit_records WHERE action = 'backup.restore'").
				Scan(&reason).Error; err != nil || reason != "the disk broke, snapshot of Sunday" {
				t.Errorf("the reason is %q, %v", reason, err)
			}
		})
	}
}

// undo takes the record of the restore out of the trail of the installation, and leaves
// the triggers as they were.
func undo(t *testing.T, db *gorm.DB) {
	t.Helper()
	before := []string{
		"ALTER TABLE audit_records DISABLE TRIGGER ALL", "ALTER TABLE audit_heads DISABLE TRIGGER ALL",
	}
	after := []string{
		"ALTER TABLE audit_records ENABLE TRIGGER ALL", "ALTER TABLE audit_heads ENABLE TRIGGER ALL",
	}
	if database.Dialect(db) == database.SQLite {
		var triggers []struct{ Name, SQL string }
		err := db.Raw(
			"SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name IN ('audit_records', 'audit_heads')").
			Scan(&triggers).Error
		if err != nil {
			t.Fatal(err)
		}
		before, after = nil, nil
		for _, trigger := range triggers {
			before, after = append(before, "DROP TRIGGER "+trigger.Name), append(after, trigger.SQL)
		}
	}
	for _, s := range slices.Concat(before, []string{
		"DELETE FROM audit_records WHERE action = 'backup.restore'",
		"UPDATE audit_heads SET sequence = 1, hash = (SELECT hash FROM audit_records WHERE sequence = 1)",
	}, after) {
		if err := db.Exec(s).Error; err != nil {
			t.Fatal(err)
		}
	}
}

// metricsOf returns the metrics of a server that runs, and their names.
func metricsOf(t *testing.T) (text string, names []string) {
	t.Helper()
	url := demotest.Towns.URL(t, database.SQLite)
	for _, args := range []string{"backup " + t.TempDir() + "/a"} {
		if code, _, said := invoke(t.Context(), on(url), strings.Fields(args)...); code != 0 {
			t.Fatal(said)
		}
	}
	_, log, stop := starting(t, append(on(url), "BULWARK_ADDR=127.0.0.1:0", "BULWARK_METRICS_ADDR=127.0.0.1:0",
		"BULWARK_LOG_FORMAT=text", "BULWARK_AUDIT_ANCHORS="+t.TempDir()+"/anchors"))
	defer stop()
	at := regexp.MustCompile(`address=(http://\S+/metrics)`).FindStringSubmatch(log.String())[1]
	fetch(t, strings.TrimSuffix(regexp.MustCompile(`msg=listening address=(http://\S+)`).
		FindStringSubmatch(log.String())[1], "/")+"/readyz")
	for range 300 { // the first anchoring and cleanup come after the start
		if _, text = fetch(t, at); strings.Contains(text, `bulwark_audit_anchorings_total{outcome="ok"} 1`) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, line := range strings.Split(text, "\n") {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "# TYPE "), " "); ok && strings.HasPrefix(line, "# TYPE ") {
			names = append(names, name)
			if strings.HasSuffix(line, " histogram") {
				names = append(names, name+"_bucket", name+"_count", name+"_sum")
			}
		}
	}
	return text, names
}

// Every figure is there from the start, with 0 where nothing happened yet.
func TestMetricsBeginWithZero(t *testing.T) {
	text, _ := metricsOf(t)
	for _, want := range []string{
		`bulwark_build_info{goversion="go`, `version="dev"} 1`, "bulwark_database_up 1", "bulwark_schema_version 1",
		"bulwark_schema_version_expected 1",
		`bulwark_audit_head_sequence{trail="demo"} `, `bulwark_audit_head_sequence{trail="-"} `,
		"bulwark_verify_last_success_timestamp_seconds 0",
		"bulwark_backup_last_success_timestamp_seconds 1.", `bulwark_maintenance_failed{task="backup"} 0`,
		`bulwark_maintenance_failed{task="verify"} 0`,
		`bulwark_server_errors_total{code="internal"} 0`, `bulwark_server_errors_total{code="database_unavailable"} 0`,
		`bulwark_job_failures_total{job="robustness"} 0`, `bulwark_job_runs_total{job="key_usage"} 0`,
		`bulwark_job_last_success_timestamp_seconds{job="key_usage"} 0`,
		`bulwark_audit_anchorings_total{outcome="differs"} 0`, `bulwark_audit_anchorings_total{outcome="failed"} 0`,
		"bulwark_audit_trails_differing 0",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, regexp.MustCompile(`(?m)^(#|go_|process_).*\n`).ReplaceAllString(text, ""))
		}
	}
}

var (
	metricName = regexp.MustCompile(`\b(?:bulwark|go|process)_\w+`)
	matchers   = regexp.MustCompile(`(bulwark_\w+)\{([^}]*)\}`)
	oneMatcher = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// Alerts and board name only metrics, and values of their labels, that exist.
func TestAlertsAndBoardNameMetricsThatExist(t *testing.T) {
	text, names := metricsOf(t)
	var expressions []string
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	read := func(name string, decode func([]byte, any) error, into any) {
		t.Helper()
		data, err := os.ReadFile("../../deployments/" + name)
		if err == nil {
			err = decode(data, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	read("prometheus-alerts.yaml", yaml.Unmarshal, &rules)
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || r.Annotations["summary"] == "" {
				t.Errorf("the alert %q says nothing", r.Alert)
			}
			expressions = append(expressions, r.Expr)
		}
	}
	alerts := len(expressions)
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	read("grafana.json", json.Unmarshal, &board)
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			expressions = append(expressions, target.Expr)
		}
	}
	if alerts < 10 || len(expressions)-alerts < 15 {
		t.Fatalf("only %d alerts and %d curves", alerts, len(expressions)-alerts)
	}
	var used []string
	for _, e := range expressions {
		for _, name := range metricName.FindAllString(e, -1) {
			used = append(used, name)
			if !slices.Contains(names, name) {
				t.Errorf("no metric %s, in %s", name, e)
			}
		}
		for _, m := range matchers.FindAllStringSubmatch(e, -1) {
			for _, label := range oneMatcher.FindAllStringSubmatch(m[2], -1) {
				if !regexp.MustCompile(`(?m)^` + m[1] + `\{.*` + label[0]).MatchString(text) {
					t.Errorf("no %s{%s}, in %s", m[1], label[0], e)
				}
			}
		}
	}
	for _, name := range names {
		if strings.HasPrefix(name, "bulwark_") && !regexp.MustCompile(`_(sum|bucket|count)$`).MatchString(name) &&
			!slices.ContainsFunc(used, func(u string) bool { return strings.HasPrefix(u, name) }) {
			t.Errorf("nobody looks at %s", name)
		}
	}
}

// A dead database is a figure, not a scrape that fails.
func TestMetricsOutliveTheDatabase(t *testing.T) {
	db, err := database.Open(t.Context(), demotest.Towns.URL(t, database.SQLite), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := prometheus.NewRegistry()
	figures := &databaseFigures{db: db}
	r.MustRegister(figures)
	up := func() string {
		t.Helper()
		figures.at = time.Time{}
		families, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var shown []string
		for _, f := range families {
			if f.GetName() == "bulwark_database_up" || f.GetName() == "bulwark_schema_version" {
				shown = append(shown, fmt.Sprint(f.GetMetric()[0].GetGauge().GetValue()))
			}
		}
		return strings.Join(shown, " ")
	}
	before := up()
	if err := errors.Join(database.Close(db)); err != nil {
		t.Fatal(err)
	}
	if after := up(); !strings.HasPrefix(before, "1 1") || after != strings.Replace(before, "1", "0", 1) {
		t.Errorf("%s, then %s", before, after)
	}
}

func TestDiskFull(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	if diskFull(db, config.Config{DatabaseURL: "sqlite:" + t.TempDir() + "/b.db"}) {
		t.Error("full, but it is not")
	}
}

// tablesOf returns what a backup holds, without its first line, which has the time.
func tablesOf(t *testing.T, file string) string {
	t.Helper()
	z, err := zstd.NewReader(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var b strings.Builder
	if _, err := io.Copy(&b, z); err != nil {
		t.Fatal(err)
	}
	_, tables, _ := strings.Cut(b.String(), "\n")
	return tables[:strings.LastIndex(strings.TrimSpace(tables), "\n")] // the last line hashes the first one too
}

func readAll(t *testing.T, res *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
