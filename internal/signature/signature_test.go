package signature

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"bulwark/internal/fault"
)

var day = time.Date(2026, 3, 1, 2, 3, 4, 567000, time.UTC)

// made returns the path of a new key file and its public key.
func made(t *testing.T, algorithm string) (path, public string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "signing.key")
	public, err := CreateKey(path, algorithm, "bulwark.example.org", day, Keys{})
	if err != nil {
		t.Fatal(err)
	}
	return path, public
}

func keysOf(t *testing.T, s Signer) Keys {
	t.Helper()
	statements, err := s.Statements()
	if err != nil {
		t.Fatal(err)
	}
	k, wrong := readKeys(statements)
	if wrong > 0 {
		t.Fatalf("%d statements are wrong", wrong)
	}
	return k
}

// Either key opens a note that both have signed, and no byte of it can be another.
func TestANoteOfTwoKeys(t *testing.T) {
	first, _ := made(t, Ed25519)
	second, _ := made(t, SM2)
	signer := SignerOf(first, "", second)
	signed, err := signer.Sign(Compose("bulwark/test 1", "town", "demo", "name", "里水"))
	if err != nil {
		t.Fatal(err)
	}
	both := keysOf(t, signer)
	if len(both.Keys) != 2 || strings.Count(signed, "— ") != 2 {
		t.Fatalf("%d keys have signed\n%s", len(both.Keys), signed)
	}
	for _, key := range both.Keys {
		line := lineOf(signed, key)
		alone := signed[:strings.Index(signed, "\n\n")+2] + line
		text, by, err := (Keys{[]Key{key}}).Open(alone, day)
		if err != nil || len(by) != 1 || by[0] != key.ID() || Fields(text, "bulwark/test 1")[1][1] != "里水" {
			t.Errorf("%s: %q, %v, %v", key.Algorithm, text, by, err)
		}
	}
	if _, by, err := both.Open(signed, day); err != nil || len(by) != 2 {
		t.Errorf("signed by %v, %v", by, err)
	}
	for i := range signed {
		for _, bit := range []byte{1, 4, 128} {
			b := []byte(signed)
			b[i] ^= bit
			if _, _, err := both.Open(string(b), day); err == nil {
				t.Fatalf("byte %d ^ %d is not found:\n%s", i, bit, b)
			}
		}
	}
	for what, other := range map[string]string{
		"a signature less":        strings.Replace(signed, "\n— ", "\n", 1),
		"a signature twice":       signed + signed[strings.LastIndex(signed, "— "):],
		"a signature of nobody":   signed + "— nobody AAAAAAAAAAAA\n",
		"no signature":            signed[:strings.Index(signed, "\n\n")+1],
		"bytes behind":            signed + "\n",
		"bits that do not matter": strings.Replace(signed, "=\n", "==\n", 1),
	} {
		if _, _, err := both.Open(other, day); err == nil {
			t.Errorf("%s: the note is opened", what)
		}
	}
}

// lineOf returns the line of the key's signature.
func lineOf(signed string, key Key) string {
	_, signatures := Split(signed)
	for line := range strings.Lines(signatures) {
		alone := "x\n\n" + line
		_, _, err := (Keys{[]Key{key}}).Open(alone, day)
		if err != nil && strings.Contains(err.Error(), errWrong.Error()) {
			return line
		}
	}
	return ""
}

// After a rotation the old notes open, new ones are of the new key, and whoever knows
// one of the keys comes to know the other.
func TestRotation(t *testing.T) {
	for _, algorithm := range []string{Ed25519, SM2} {
		path, first := made(t, algorithm)
		signer := SignerOf(path)
		const text = "bulwark/test 1\nn 1\n"
		old, err := signer.Sign(text)
		if err != nil {
			t.Fatal(err)
		}
		secret, _ := os.ReadFile(path)
		later := day.AddDate(1, 0, 0)
		second, err := RotateKey(path, later)
		if err != nil || second == first {
			t.Fatal(second, err)
		}
		third, err := RotateKey(path, later.AddDate(1, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		if after, _ := os.ReadFile(path); strings.Contains(string(after), strings.Split(string(secret), `"`)[3]) {
			t.Error("the old private key is still in the file")
		}
		keys := keysOf(t, signer)
		if len(keys.Keys) != 3 || !keys.Keys[0].Until.Equal(later) || keys.Keys[2].Until != nil ||
			keys.Keys[2].PublicKey != third {
			t.Fatalf("%+v", keys.Keys)
		}
		if _, _, err := keys.Open(old, day); err != nil {
			t.Error(err)
		}
		if _, _, err := keys.Open(old, later.Add(time.Hour)); err == nil {
			t.Error("a key counts after its end")
		}
		if _, _, err := keys.Open(old, day.Add(-time.Hour)); err == nil {
			t.Error("a key counts before its beginning")
		}
		fresh, _ := signer.Sign(text)
		if _, by, err := keys.Open(fresh, later.AddDate(2, 0, 0)); err != nil || by[0] != idOf(third) {
			t.Error(by, err)
		}
		for _, root := range []string{first, second, third} {
			if got := keys.TrustedBy([]string{root}); len(got.Keys) != 3 {
				t.Errorf("%s leads to %d keys", idOf(root), len(got.Keys))
			}
		}
		_, stranger := made(t, algorithm)
		if got := keys.TrustedBy([]string{stranger}); len(got.Keys) != 0 {
			t.Errorf("a stranger vouches for %d keys", len(got.Keys))
		}
		document := keys.Document()
		if read, err := ParseKeys(document); err != nil || len(read.Keys) != 3 {
			t.Error(err)
		}
		step := map[string]int{Ed25519: 2, SM2: 11}[algorithm] // each takes nine signatures to verify
		for i := 0; i < len(document); i += step {
			b := append([]byte{}, document...)
			b[i] ^= 1
			if _, err := ParseKeys(b); err == nil {
				t.Fatalf("byte %d of the keys is not found: …%s…", i, b[max(0, i-20):min(len(b), i+20)])
			}
		}
	}
}

// Statements that a key did not sign itself make none: whoever owns the database cannot
// end a key, nor begin one in the name of another.
func TestForgedStatements(t *testing.T) {
	_, public := made(t, Ed25519)
	other, err := newKey(Ed25519, "other")
	if err != nil {
		t.Fatal(err)
	}
	path, _ := made(t, Ed25519)
	mine, _, _ := readKey(path)
	begins, _ := other.beginning(day)
	stranger, _ := sign(compose(beginFormat, "key", public, "algorithm", Ed25519, "from", formatTime(day)), other.Signer)
	own := field(Fields(mine.Statements[0], beginFormat), "key")
	ends, _ := sign(compose(endFormat, "key", own, "until", formatTime(day), "successor", other.public), other.Signer)
	k, wrong := readKeys(append(mine.Statements, begins, stranger, ends, "nonsense"))
	if len(k.Keys) != 2 || wrong != 3 || k.Keys[0].Until != nil || k.Keys[1].Until != nil {
		t.Errorf("%d wrong, %+v", wrong, k.Keys)
	}
}

func TestKeyFiles(t *testing.T) {
	path, _ := made(t, Ed25519)
	before, _ := os.ReadFile(path)
	if _, err := CreateKey(path, Ed25519, "bulwark", day, Keys{}); !fault.Is(err, fault.KindConflict) {
		t.Errorf("written over: %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the file has changed")
	}
	for _, name := range []string{"", "a b", "a+b", "里水", "a\nb"} {
		if _, err := CreateKey(path+"2", Ed25519, name, day, Keys{}); !fault.Is(err, fault.KindInvalid) {
			t.Errorf("%q is a name: %v", name, err)
		}
	}
	if _, err := CreateKey(path+"2", "rsa", "bulwark", day, Keys{}); !fault.Is(err, fault.KindInvalid) {
		t.Errorf("rsa: %v", err)
	}
	if runtime.GOOS != "windows" {
		info, _ := os.Stat(path)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
		for _, mode := range []os.FileMode{0o640, 0o604, 0o660} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			if _, err := SignerOf(path).Sign("x\n"); !fault.Is(err, fault.KindUnavailable) ||
				!strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("%v: %v", mode, err)
			}
		}
	}
	for _, content := range []string{"", "{}", "PRIVATE", `{"private_key": "PRIVATE+KEY+a+00000000+AQ=="}`} {
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(bad, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := (Settings{Signer: SignerOf(bad)}).Check(); !fault.Is(err, fault.KindUnavailable) {
			t.Errorf("%q: %v", content, err)
		}
	}
	if err := (Settings{}).Check(); err != nil {
		t.Error(err)
	}
}

func TestPublics(t *testing.T) {
	path, public := made(t, SM2)
	keys := keysOf(t, SignerOf(path))
	for _, content := range []string{public, "# of the town\r\n\r\n" + public + "\r\n", string(keys.Document())} {
		if got, err := Publics([]byte(content)); err != nil || len(got) != 1 || got[0] != public {
			t.Errorf("%q, %v", got, err)
		}
	}
	for _, content := range []string{"", "{}", "hello", public[:20], strings.Replace(public, "bulwark", "bulworm", 1)} {
		if got, err := Publics([]byte(content)); err == nil {
			t.Errorf("%q: %q", content, got)
		}
	}
}

// A key that is made beside a lost one vouches for it within the installation.
func TestALostKey(t *testing.T) {
	lost, _ := made(t, Ed25519)
	known := keysOf(t, SignerOf(lost))
	old, err := SignerOf(lost).Sign("x\n")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "next.key")
	if _, err := CreateKey(path, Ed25519, "bulwark", day.AddDate(1, 0, 0), known); err != nil {
		t.Fatal(err)
	}
	keys := keysOf(t, SignerOf(path))
	if _, _, err := keys.Open(old, day); err != nil || len(keys.Keys) != 2 {
		t.Errorf("%d keys, %v", len(keys.Keys), err)
	}
}

func TestKeysThatAreNotMade(t *testing.T) {
	there, _ := made(t, Ed25519)
	before, err := os.ReadFile(there)
	if err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(t.TempDir(), "signing.key")
	for _, c := range []struct{ path, algorithm, name, code string }{
		{there, Ed25519, "bulwark.example.org", "key_exists"},
		{fresh, Ed25519, "", "bad_key_name"},
		{fresh, SM2, "two words", "bad_key_name"},
		{fresh, SM2, "a+b", "bad_key_name"},
		{fresh, "rsa", "bulwark.example.org", "unknown_algorithm"},
		{filepath.Join(fresh, "below"), SM2, "bulwark.example.org", "signing_key"},
	} {
		_, err := CreateKey(c.path, c.algorithm, c.name, day, Keys{})
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != c.code {
			t.Errorf("%s %q %s: %v", c.algorithm, c.name, c.path, err)
		}
	}
	if after, err := os.ReadFile(there); err != nil || string(after) != string(before) {
		t.Errorf("the key that existed is changed, %v", err)
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("a refused key is stored")
	}
}
