package main

import (
	"strings"
	"testing"

	"bulwark/internal/access"
	"bulwark/internal/config"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/policy"
)

func TestKeysOfTheCommandLine(t *testing.T) {
	env := []string{"BULWARK_DATABASE_URL=sqlite:" + t.TempDir() + "/b.db", "BULWARK_LOG_LEVEL=debug"}
	if code, _, err := invoke(t.Context(), env, "key", "list"); code != exitFailure ||
		!strings.Contains(err, "bulwark migrate") {
		t.Fatalf("before migrate: %d %s", code, err)
	}
	if code, _, err := invoke(t.Context(), env, "migrate"); code != 0 {
		t.Fatal(err)
	}
	code, secret, words := invoke(t.Context(), env, "key", "create", "-role", "admin", "-write", "-days", "30")
	secret = strings.TrimSpace(secret)
	prefix := secret[:min(len(secret), 11)]
	if code != 0 || strings.Contains(words, secret) || !strings.Contains(words, prefix) {
		t.Fatalf("create: %d %q %s", code, secret, words)
	}
	p, err := authenticate(t, env, secret)
	if err != nil || p.Role != policy.Admin || len(p.Towns) != 0 || p.ReadOnly {
		t.Errorf("the key is %+v, %v", p, err)
	}
	code, list, words := invoke(t.Context(), env, "key", "list")
	if code != 0 || !strings.Contains(list, prefix) || strings.Contains(list+words, secret) {
		t.Errorf("list: %d %s%s", code, list, words)
	}
	if code, _, words = invoke(t.Context(), env, "key", "revoke", prefix); code != 0 {
		t.Errorf("revoke: %d %s", code, words)
	}
	if _, err := authenticate(t, env, secret); err == nil {
		t.Error("a revoked key lets in")
	}
}

func TestKeysOfTheCommandLineAreRefused(t *testing.T) {
	env := []string{"BULWARK_DATABASE_URL=sqlite:" + t.TempDir() + "/b.db"}
	if code, _, err := invoke(t.Context(), env, "migrate"); code != 0 {
		t.Fatal(err)
	}
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"key":                       {exitUsage, "name what to do: create, list, revoke or signing"},
		"key make":                  {exitUsage, "name what to do: create, list, revoke or signing"},
		"key create":                {exitFailure, "/roles"},
		"key create -role mentor":   {exitFailure, "name the person"},
		"key create -role king":     {exitFailure, `no role "king"`},
		"key revoke":                {exitUsage, "bulwark key list"},
		"key revoke bw_nobody":      {exitFailure, `no key "bw_nobody"`},
		"key create -role reader x": {exitUsage, `"x"`},
	} {
		code, out, err := invoke(t.Context(), env, strings.Fields(args)...)
		if code != want.code || out != "" || !strings.Contains(err, want.says) {
			t.Errorf("%s: %d %s%s", args, code, out, err)
		}
	}
}

func authenticate(t *testing.T, env []string, secret string) (access.Principal, error) {
	t.Helper()
	cfg, err := config.Load(env)
	if err != nil {
		t.Fatal(err)
	}
	db, err := openMigrated(t.Context(), cfg, databaseOptions(cfg, logger(cfg, t.Output())))
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close(db)
	return credential.Authenticate(t.Context(), db, secret)
}
