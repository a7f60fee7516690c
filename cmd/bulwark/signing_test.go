package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
	"bulwark/internal/index"
	"bulwark/internal/signature"
)

// From a new demo to a package that others check, over a flipped byte and a new key: as
// docs/trust.md describes it.
func TestFromTheSigningKeyToThePackage(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			dir, url := t.TempDir(), dbtest.EmptyURL(t, dialect)
			if code, out := demoOnce(t, nil, "--data", dir, "--database", url); code != 0 {
				t.Fatal(out)
			}
			key := filepath.Join(dir, "signing.key")
			env := []string{"BULWARK_DATABASE_URL=" + url, "BULWARK_SIGNING_KEY_FILE=" + key}
			check := func(wantCode int, want string, args ...string) {
				t.Helper()
				code, out, words := invoke(t.Context(), env, args...)
				if code != wantCode || !strings.Contains(out+words, want) {
					t.Errorf("%q: %d\n%s%s", args, code, out, words)
				}
			}
			file := func(name string, content []byte) string {
				t.Helper()
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			check(0, "6 runs verified", "verify")
			db := dbtest.Connect(t, url, database.Options{})
			ctx := signature.With(t.Context(), signature.Settings{Signer: signature.SignerOf(key)})
			packed := func() []byte {
				t.Helper()
				p := index.Publication{TownID: demo.Town, PeriodCode: "2023Q2", Number: 2}
				content, err := index.NewResultCache().Package(ctx, db, p, access.Reach{}, true)
				if err != nil {
					t.Fatal(err)
				}
				return content
			}
			keys, err := signature.Load(ctx, db)
			if err != nil || len(keys.Keys) != 1 {
				t.Fatalf("%+v, %v", keys, err)
			}
			old := packed()
			published := file("demo.zip", old)
			public := file("keys.json", keys.Document())
			check(0, "recomputed ok", "verify", "--package", published, "--key", public)
			check(0, "which does not prove who has signed", "verify", "--package", published)
			at := bytes.Index(old, []byte("b15,演示"))
			flipped := bytes.Clone(old)
			flipped[at] ^= 1
			check(exitFailure, "results.csv DIFFERS", "verify", "--package", file("flipped.zip", flipped), "--key", public)

			secret, _ := os.ReadFile(key)
			check(exitFailure, "--rotate", "key", "signing")
			code, next, words := invoke(t.Context(), env, "key", "signing", "--rotate")
			if code != 0 || !strings.HasPrefix(next, "bulwark-demo+") || strings.Contains(next+words, "PRIVATE") {
				t.Fatal(code, next, words)
			}
			check(0, "6 runs verified", "verify")
			check(0, "results.csv ok", "verify", "--package", published, "--key", public)
			after := file("after.zip", packed())
			for _, trusted := range []string{public, file("next.pub", []byte(next))} {
				check(0, "note.txt ok", "verify", "--package", after, "--key", trusted)
			}
			_, other, _ := invoke(t.Context(), nil, "key", "signing", "--out", filepath.Join(dir, "other.key"), "--algorithm",
				"sm2", "--name", "other")
			stranger := file("other.pub", []byte(other))
			check(exitFailure, "for which the given key does not vouch", "verify", "--package", after, "--key", stranger)
			check(exitFailure, "should hold public keys", "verify", "--package", after, "--key", published)
			env = env[:1]
			check(0, "name a key that you have kept elsewhere with --key", "verify")
			check(0, "6 runs verified", "verify", "--key", public)
			check(exitFailure, "signature: signed ≠ it is signed by an unknown key", "verify", "--key", stranger)

			backup := filepath.Join(dir, "a.backup")
			check(0, "backed up", "backup", backup)
			packedBackup, err := os.Open(backup)
			if err != nil {
				t.Fatal(err)
			}
			defer packedBackup.Close()
			unpacked, err := zstd.NewReader(packedBackup)
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(unpacked)
			if err != nil || !bytes.Contains(content, []byte("bulwark/key 1")) {
				t.Errorf("the backup has no public key, %v", err)
			}
			if bytes.Contains(content, []byte("PRIVATE+KEY")) ||
				bytes.Contains(content, []byte(strings.Split(string(secret), `"`)[3])) {
				t.Error("the backup has the private key")
			}
		})
	}
}

// The service signs its anchors, and verify names one that was changed or lacks its
// signature. A key that cannot be used keeps the service from starting.
func TestAnchorsAreSigned(t *testing.T) {
	dir, url := t.TempDir(), dbtest.URL(t, database.SQLite)
	key, anchors := filepath.Join(dir, "signing.key"), filepath.Join(dir, "anchors")
	env := []string{
		"BULWARK_DATABASE_URL=" + url, "BULWARK_ADDR=127.0.0.1:0", "BULWARK_LOG_FORMAT=text",
		"BULWARK_AUDIT_ANCHORS=" + anchors, "BULWARK_SIGNING_KEY_FILE=" + key,
	}
	check := func(wantCode int, want string, args ...string) {
		t.Helper()
		code, out, words := invoke(t.Context(), env, args...)
		if code != wantCode || !strings.Contains(out+words, want) {
			t.Errorf("%q: %d\n%s%s", args, code, out, words)
		}
	}
	check(exitFailure, "run bulwark key signing --out FILE", "serve")
	check(exitUsage, "name the file", "key", "signing", "--algorithm", "sm2")
	check(0, "bulwark.example.org+", "key", "signing", "--name", "bulwark.example.org")
	serveOnce(t, env)
	check(0, "3 records, 1 anchors, ok", "verify") // one of them states the key
	line, err := os.ReadFile(anchors)
	if err != nil || strings.Count(string(line), " — bulwark.example.org ") != 1 {
		t.Fatalf("%s, %v", line, err)
	}
	signature := strings.Fields(string(line))[6]
	for what, changed := range map[string]string{
		"its signature is wrong": strings.Replace(string(line), signature,
			signature[:20]+strings.ToUpper(signature[20:30])+"x"+signature[31:], 1),
		"it is unsigned": string(line) + strings.Split(string(line), " — ")[0] + "\n",
	} {
		if err := os.WriteFile(anchors, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		check(exitFailure, what, "verify")
	}
}
