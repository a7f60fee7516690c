package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/idempotency"
)

// claim is the wish to do a request once, however often it is sent: the caller's
// key for it, and the fingerprint of all that makes it this request.
type claim struct {
	credential, key string
	request         hash.Hash
}

// claimOf reads the Idempotency-Key of a POST; nil without one. An anonymous
// caller has nothing that would keep the key apart from those of others. The
// fingerprint of a request about a secret leaves out its body, from which a
// password could be guessed.
func claimOf(r *http.Request, p access.Principal, secret bool) (*claim, error) {
	given, ok := r.Header["Idempotency-Key"]
	if !ok || r.Method != http.MethodPost || p.Credential() == "" {
		return nil, nil
	}
	key := strings.TrimSpace(given[0])
	if len(given) > 1 || key == "" || len(key) > idempotency.MaxKey || !ascii(key) {
		return nil, malformed(fault.Field("header/Idempotency-Key", "idempotency_key",
			"应为一个 1 至 %d 个可见 ASCII 字符的键，例如 UUID", "should be one key of 1 to %d printable ASCII characters, such as a UUID", idempotency.MaxKey))
	}
	c := &claim{p.Credential(), key, sha256.New()}
	fmt.Fprintf(c.request, "%q %q %q %q\n", p.Role, r.URL.EscapedPath(), r.URL.RawQuery, r.Header["If-Match"])
	// What the handler's request is read from is what the fingerprint is of.
	if !secret {
		r.Body = tee{io.TeeReader(r.Body, c.request), r.Body}
	}
	return c, nil
}

type tee struct {
	io.Reader
	io.Closer
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// answer is the row that the claim takes.
func (c *claim) answer() idempotency.Answer {
	return idempotency.Answer{Credential: c.credential, Key: c.key, Fingerprint: hex.EncodeToString(c.request.Sum(nil))}
}

// once does the work in one transaction, which also keeps its answer, or gives
// the answer that was kept when it was done before. What is about a secret is
// kept without the answer.
func (s *Server) once(ctx context.Context, w http.ResponseWriter, c *claim, secret bool, work func(context.Context, http.ResponseWriter) error) error {
	wanted := c.answer()
	land, free := s.flights.begin(c)
	if !free {
		return inFlight()
	}
	defer land()
	var (
		kept  idempotency.Answer
		again bool
		t     *transaction
		made  recorder
	)
	err := database.InTx(ctx, s.DB, func(tx *gorm.DB) (err error) {
		if kept, again, err = idempotency.Claim(ctx, tx, wanted); err != nil || again {
			return err
		}
		t, made = &transaction{tx: tx}, recorder{header: http.Header{}}
		if err := work(within(ctx, t), &made); err != nil {
			return err
		}
		return idempotency.Keep(ctx, tx, made.row(wanted, secret))
	})
	switch {
	case err != nil:
		return err
	case again:
		return replay(ctx, w, kept, wanted, secret)
	}
	for _, do := range t.after {
		do()
	}
	play(ctx, w, made.row(wanted, false))
	return nil
}

// replay answers as the first time, if it is the same request.
func replay(ctx context.Context, w http.ResponseWriter, kept, wanted idempotency.Answer, secret bool) error {
	switch {
	case kept.Fingerprint != wanted.Fingerprint:
		return fault.Invalid("idempotency_key_reused",
			"此 Idempotency-Key 已用于另一个请求：新的请求请用新的键", "this Idempotency-Key was used for another request: take a new key for a new request")
	case secret:
		return fault.Conflict("answer_not_kept",
			"此请求已经办成；因涉及秘密，答复未予保存：如仍需要，请撤销上次所得并用新的键重新申请",
			"this was done before; as it is about a secret, its answer was not kept: if you need it, revoke what was made then, and ask again under a new key")
	}
	w.Header().Set("Idempotency-Replayed", "true")
	play(ctx, w, kept)
	return nil
}

// play sends an answer that was made or kept.
func play(ctx context.Context, w http.ResponseWriter, a idempotency.Answer) {
	h := w.Header()
	for name, value := range a.Header.V {
		h.Set(name, value)
	}
	cacheable(h, traceOf(ctx).caller, "")
	if a.Body == "" {
		w.WriteHeader(int(a.Status))
		return
	}
	write(w, int(a.Status), h.Get("Content-Type"), []byte(a.Body))
}

// told are the names under which an answer tells a secret.
var told = []string{"secret", "token", "csrf_token", "password"}

// tells reports whether an answer of the type has a field of such a name.
func tells(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for f := range fields(t) {
		if slices.Contains(told, jsonName(f)) || (f.Anonymous || f.Name == "Value") && tells(f.Type) {
			return true
		}
	}
	return false
}

// recorder is an answer in the making.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// belonging are the headers of the answer itself; all others are of the one
// request that it was sent to.
var belonging = []string{"Content-Type", "Content-Disposition", "Content-Language", "Etag", "Location"}

// row is the answer as it is kept.
func (r *recorder) row(a idempotency.Answer, secret bool) idempotency.Answer {
	a.Status = int64(r.status)
	if secret {
		return a
	}
	a.Header.V, a.Body = map[string]string{}, r.body.String()
	for _, name := range belonging {
		if value := r.header.Get(name); value != "" {
			a.Header.V[name] = value
		}
	}
	return a
}

// inFlight asks the caller to wait for the first of two requests.
func inFlight() error {
	e := fault.Conflict("request_in_flight",
		"同一 Idempotency-Key 的请求正在处理：请稍后重试", "the request with this Idempotency-Key is still being worked on: try again")
	e.RetryAfter = time.Second
	return e
}
