package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain fails where a test has served without saying where the set-up token goes: it is
// then in the folder of the package, which is the current one.
func TestMain(m *testing.M) {
	const token = "setup-token"
	_ = os.Remove(token)
	code := m.Run()
	if os.Remove(token) == nil {
		fmt.Fprintln(os.Stderr, "a test has written its set-up token into the folder of the package: set BULWARK_SETUP_TOKEN_FILE")
		code = 1
	}
	os.Exit(code)
}

// invoke runs the program with an environment and gives what it wrote.
func invoke(ctx context.Context, env []string, args ...string) (code int, out, err string) {
	var o, e bytes.Buffer
	code = run(ctx, program{env, strings.NewReader(""), &o, &e}, args)
	return code, o.String(), e.String()
}

func TestCommandLine(t *testing.T) {
	database := "BULWARK_DATABASE_URL=sqlite:" + t.TempDir() + "/b.db"
	for _, c := range []struct {
		name, args string
		env        []string
		code       int
		out, err   string
	}{
		{name: "nothing", code: 2, err: "usage: bulwark COMMAND"},
		{name: "help", args: "help", out: "usage: bulwark COMMAND"},
		{name: "help in Chinese", args: "-h", env: []string{"LANG=zh_CN.UTF-8"}, out: "用法：bulwark"},
		{name: "LC_ALL wins", args: "-h", env: []string{"LANG=zh_CN.UTF-8", "LC_ALL=C"}, out: "usage: bulwark"},
		{name: "unknown command", args: "server", code: 2, err: `no command "server"`},
		{name: "unknown flag", args: "serve --fast", code: 2, err: "-fast"},
		{name: "help of a command", args: "serve -h", err: "-migrate"},
		{name: "argument too many", args: "serve now", code: 2, err: `"now"`},
		{name: "version", args: "version", out: "bulwark dev go1"},
		{
			name: "wrong settings", args: "serve", env: []string{"BULWARK_ADDR=x", "BULWARK_FOO=1"}, code: 1,
			err: "no setting BULWARK_FOO",
		},
		{
			name: "wrong settings in Chinese", args: "migrate", env: []string{"LANG=zh_CN", "BULWARK_FOO=1"}, code: 1,
			err: "没有名为 BULWARK_FOO 的设置",
		},
		{name: "not migrated", args: "serve", env: []string{database}, code: 1, err: "run bulwark migrate to create it"},
		{name: "migrate", args: "migrate", env: []string{database}, out: "the schema is at version"},
		{name: "migrate again", args: "migrate", env: []string{database}, out: "the schema is at version"},
		{
			name: "address nobody has", args: "serve", env: []string{database, "BULWARK_ADDR=192.0.2.1:80"}, code: 1,
			err: "check BULWARK_ADDR",
		},
		{
			name: "no secret", args: "serve", env: []string{"BULWARK_DATABASE_URL=postgres://u:hunter2@127.0.0.1:1/b"},
			code: 1, err: "127.0.0.1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, err := invoke(t.Context(), c.env, strings.Fields(c.args)...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(err, c.err) {
				t.Errorf("code %d\nout: %s\nerr: %s", code, out, err)
			}
			if strings.Contains(out+err, "hunter2") {
				t.Errorf("secret shown: %s%s", out, err)
			}
		})
	}
}

// Only migrate, restore and demo create a database. Every other command says that the
// file is not there, and what to do, and leaves no file.
func TestNoDatabaseIsMadeByAccident(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder) // where the default is
	for _, args := range []string{
		"serve", "serve --migrate", "setup", "verify", "backup out.backup", "backup -", "user list",
		"user add --role admin boss",
		"user password boss", "user disable boss", "key list", "key create -role admin", "key revoke bw_1",
		"restored --reason x",
	} {
		for _, env := range [][]string{
			nil, on("sqlite:mistyped.db"), on("sqlite:" + filepath.Join(folder, "no folder", "b.db")),
		} {
			for language, want := range map[string][]string{
				"en":    {"does not exist: check BULWARK_DATABASE_URL", "run bulwark migrate"},
				"zh_CN": {"不存在：请检查 BULWARK_DATABASE_URL", "运行 bulwark migrate"},
			} {
				if env == nil {
					want = []string{
						map[string]string{"en": "BULWARK_DATABASE_URL is not set", "zh_CN": "未设置 BULWARK_DATABASE_URL"}[language],
						want[1],
					}
				}
				code, out, said := invoke(t.Context(), append([]string{"LANG=" + language}, env...), strings.Fields(args)...)
				if code != exitFailure || out != "" || !strings.Contains(said, want[0]) || !strings.Contains(said, want[1]) {
					t.Errorf("%s with %v: %d %s%s", args, env, code, out, said)
				}
			}
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if code, out, said := invoke(t.Context(), nil, "migrate"); code != 0 ||
		!strings.Contains(out, filepath.Join(folder, "bulwark.db")) ||
		!strings.Contains(said, "is not set, this is the default place") {
		t.Errorf("migrate: %d %s%s", code, out, said)
	}
	if code, out, said := invoke(t.Context(), nil, "migrate"); code != 0 || strings.Contains(out, "created") {
		t.Errorf("migrate again: %d %s%s", code, out, said)
	}
}

// Flags stand before, between or behind the arguments; behind -- all are arguments.
func TestFlagsMayStandAnywhere(t *testing.T) {
	folder := t.TempDir()
	url := on("sqlite:" + filepath.Join(folder, "b.db"))
	if code, _, said := invoke(t.Context(), url, "migrate"); code != 0 {
		t.Fatal(said)
	}
	file := filepath.Join(folder, "a")
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"backup " + file, 0, "tables backed up"},
		{"backup " + file, exitFailure, "--force"},
		{"backup " + file + " --force", 0, "tables backed up"},
		{"backup --force " + file + " --check", 0, "tables backed up"},
		{"backup -- " + file + " --force", exitUsage, `"--force"`},
		{"backup " + file + " --force b", exitUsage, `"b"`},
		{"restore " + file + " --check", 0, ""},
		{"restore " + file + " --chekc", exitUsage, "-chekc"},
		{"user add boss --role admin", 0, "one-time password"},
		{"key create --role admin --write", 0, "made the key"},
		{"key list --role", exitUsage, "-role"},
	} {
		if code, out, said := invoke(t.Context(), url, strings.Fields(c.args)...); code != c.code ||
			!strings.Contains(said, c.says) {
			t.Errorf("%s: %d %s%s", c.args, code, out, said)
		}
	}
}
