package credential

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"

	"bulwark/internal/fault"
)

// cheap is for tests: the rules are the same, the work is not.
var cheap = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

func TestPasswords(t *testing.T) {
	p, ctx := NewPasswords(cheap), t.Context()
	hash, err := p.Hash(ctx, "caf\u00e9 at the corner")
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatal(hash, err)
	}
	for tried, want := range map[string]bool{
		"caf\u00e9 at the corner": true, "cafe\u0301 at the corner": true, // NFC: the same on every keyboard
		"caf\u00e9 at the corner ": false, "Caf\u00e9 at the corner": false, "": false, hash: false,
	} {
		if same, err := p.Match(ctx, tried, hash); same != want || err != nil {
			t.Errorf("%q: %v, %v", tried, same, err)
		}
	}
	before := p.Hashed()
	if same, err := p.Match(ctx, "anything", ""); same || err != nil || p.Hashed() != before+1 {
		t.Errorf("without a hash: %v, %v, %d more hashed", same, err, p.Hashed()-before)
	}
	if same, err := p.Match(ctx, "anything", p.decoy); same || err != nil {
		t.Errorf("the decoy: %v, %v", same, err)
	}
}

func TestTheCostIsAsRecommended(t *testing.T) {
	want := argon2id.Params{Memory: 19456, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	if PasswordCost != want {
		t.Errorf("%+v", PasswordCost)
	}
}

// Where all turns are taken, one waits for a while and is then told to come
// again; one that leaves does not wait.
func TestPasswordsTakeTurns(t *testing.T) {
	p := NewPasswords(cheap)
	if n := cap(p.turns); n < 1 || n > 2*runtime.GOMAXPROCS(0) {
		t.Fatalf("%d at a time", n)
	}
	for range cap(p.turns) {
		p.turns <- struct{}{}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := p.Match(gone, "x", ""); err != context.Canceled {
		t.Errorf("left: %v", err)
	}
	_, err := p.Hash(t.Context(), "correct horse battery")
	if !fault.Is(err, fault.KindUnavailable) || err.(*fault.Error).RetryAfter < time.Second || p.Hashed() != 0 {
		t.Errorf("busy: %v", err)
	}
	<-p.turns
	if _, err := p.Hash(t.Context(), "correct horse battery"); err != nil || len(p.turns) != cap(p.turns)-1 {
		t.Errorf("free again: %v, %d turns taken", err, len(p.turns))
	}
}

func TestRulesOfPasswords(t *testing.T) {
	for password, want := range map[string]string{
		"twelve chars":                "",
		"eleven char":                 "too_short",
		"一二三四五六七八九十百千":                "",
		"一二三四五六七八九十百":                 "too_short",
		strings.Repeat("e\u0301", 12): "", // 12 characters in NFC
		strings.Repeat("e\u0301", 11): "too_short",
		strings.Repeat("长", 128):      "",
		strings.Repeat("长", 129):      "too_long",
		"aaaaaaaaaaaa":                "too_common",
		"zhang.san.2026":              "is_the_account",
		"            ":                "",
	} {
		code := ""
		for _, f := range checkPassword("/password", "zhang.san.2026", password) {
			code = f.Code
		}
		if code != want {
			t.Errorf("%q: %q, want %q", password, code, want)
		}
	}
	a, b := randomPassword(), randomPassword()
	if a == b || len(a) != 20 || len(checkPassword("", "x", a)) > 0 {
		t.Errorf("made %q and %q", a, b)
	}
}

// The commonest passwords are refused, also dressed up; what people invent is not.
func TestCommonPasswordsAreRefused(t *testing.T) {
	if n := len(commonPasswords()); n < 10_000 {
		t.Fatalf("a list of %d", n)
	}
	for password, want := range map[string]string{
		"password1234": "too_common", "PasswordPassword": "too_common", "  dragon1987!!": "too_common",
		"123456123456": "too_common", "qwertyuiop123": "too_common", "aaaaaaaaaaaa": "too_common",
		"1qaz2wsx3edc": "too_common", "correct horse battery": "", "lishui 40 branches": "", "密码就是很长的一句话呀对": "",
		randomPassword(): "",
	} {
		code := ""
		if found := checkPassword("/password", "boss", password); len(found) > 0 {
			code = found[0].Code
		}
		if code != want {
			t.Errorf("%q: %q, want %q", password, code, want)
		}
	}
}

// Who finds every processor busy with passwords waits so long and no longer.
func TestASignInWaitsItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPasswords(cheap)
		for range cap(p.turns) {
			p.turns <- struct{}{}
		}
		started := time.Now()
		_, err := p.Match(t.Context(), "whatever", "")
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != "sign_in_busy" || f.RetryAfter == 0 || time.Since(started) != turnPatience {
			t.Errorf("after %v: %v", time.Since(started), err)
		}
		<-p.turns
		if _, err := p.Match(t.Context(), "whatever", ""); err != nil {
			t.Error(err)
		}
	})
}
