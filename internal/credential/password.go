package credential

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	_ "embed" // the list of common passwords
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"bulwark/internal/fault"
)

// PasswordCost is what checking one password costs: 19 MiB and some 40 ms of a
// processor.
var PasswordCost = argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

const (
	leastPassword = 12  // characters
	mostPassword  = 128 // characters
	// turnPatience is how long a password waits for its turn to be hashed.
	turnPatience = 2 * time.Second
)

// Passwords hashes passwords with Argon2id, as many at a time as there are
// processors, so that a rush of sign-ins cannot take all memory. Safe for
// concurrent use.
type Passwords struct {
	cost   argon2id.Params
	turns  chan struct{}
	decoy  string // a hash that no password has
	hashed atomic.Int64
}

// NewPasswords returns Passwords that hash at the cost, PasswordCost outside of tests.
func NewPasswords(cost argon2id.Params) *Passwords {
	none := make([]byte, cost.SaltLength+cost.KeyLength)
	rand.Read(none) // it never fails
	part := base64.RawStdEncoding.EncodeToString
	decoy := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, cost.Memory, cost.Iterations,
		cost.Parallelism,
		part(none[:cost.SaltLength]), part(none[cost.SaltLength:]))
	return &Passwords{cost: cost, turns: make(chan struct{}, runtime.GOMAXPROCS(0)), decoy: decoy}
}

// Hashed returns how many passwords were hashed so far, right ones and wrong ones.
func (p *Passwords) Hashed() int64 { return p.hashed.Load() }

// Hash returns the stored form of a password.
func (p *Passwords) Hash(ctx context.Context, password string) (hash string, err error) {
	err = p.inTurn(ctx, func() error {
		hash, err = argon2id.CreateHash(norm.NFC.String(password), &p.cost)
		return err
	})
	return hash, err
}

// Match reports whether the password has the hash. No hash matches nothing, after
// as much work as any other takes.
func (p *Passwords) Match(ctx context.Context, password, hash string) (same bool, err error) {
	known := hash != ""
	if !known {
		hash = p.decoy
	}
	err = p.inTurn(ctx, func() error {
		same, err = argon2id.ComparePasswordAndHash(norm.NFC.String(password), hash)
		return err
	})
	return same && known, err
}

func (p *Passwords) inTurn(ctx context.Context, work func() error) error {
	patience := time.NewTimer(turnPatience)
	defer patience.Stop()
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-patience.C:
		e := fault.Unavailable("sign_in_busy", "登录的人太多，请几秒后再试", "too many people are signing in: try again in a few seconds")
		e.RetryAfter = 5 * time.Second
		return e
	case <-ctx.Done():
		return ctx.Err()
	}
	p.hashed.Add(1)
	return work()
}

// commonList holds the commonest passwords in small letters, one a line; comments name
// its source.
//
//go:embed common-passwords.txt.gz
var commonList []byte

var commonPasswords = sync.OnceValue(func() map[string]bool {
	common := map[string]bool{}
	list, err := gzip.NewReader(bytes.NewReader(commonList))
	if err != nil {
		panic(err) // it is embedded
	}
	for lines := bufio.NewScanner(list); lines.Scan(); {
		if line := lines.Text(); !strings.HasPrefix(line, "#!comment") {
			common[line] = true
		}
	}
	return common
})

// isCommon reports whether the password is one of the commonest, also twice or more in a
// row, or with digits and signs around it: those who guess try that first.
func isCommon(password string) bool {
	password = strings.ToLower(password)
	word := strings.TrimFunc(password, func(r rune) bool { return !unicode.IsLetter(r) })
	for _, tried := range []string{password, word} {
		part := repeated(tried)
		if commonPasswords()[part] || len(part) == 1 && unicode.In(rune(part[0]), unicode.L, unicode.N) {
			return true
		}
	}
	return false
}

// repeated returns the part of which s is made by repeating it, s itself if there is none.
func repeated(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if len(s)%n == 0 && strings.Repeat(s[:n], len(s)/n) == s {
			return s[:n]
		}
	}
	return s
}

// checkPassword checks the length, and that nobody would guess it at once. It has no rules
// of composition: they make passwords worse.
func checkPassword(at, account, password string) []fault.FieldError {
	switch n := utf8.RuneCountInString(norm.NFC.String(password)); {
	case n < leastPassword:
		return []fault.FieldError{fault.Field(at, "too_short", "密码至少 %d 个字符；可用几个词连成一句",
			"a password has at least %d characters: a few words make a good one", leastPassword)}
	case n > mostPassword:
		return []fault.FieldError{fault.Field(at, "too_long", "密码至多 %d 个字符", "a password has at most %d characters",
			mostPassword)}
	case password == account:
		return []fault.FieldError{fault.Field(at, "is_the_account", "密码不能与账号相同",
			"the password must not be the account's name")}
	case isCommon(password):
		return []fault.FieldError{fault.Field(at, "too_common", "此密码（或其主要部分）属于最常用的密码，很容易被猜中；可用几个词连成一句",
			"this password, or the main part of it, is among the commonest and soon guessed: a few words make a good one")}
	}
	return nil
}

// randomPassword has 100 bits, in letters and digits that are hard to confuse.
func randomPassword() string { return rand.Text()[:20] }
