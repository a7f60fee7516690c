package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/fault"
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
	if len(given) > 1 || key == "" || len(key) > MaxIdempotencyKey || !ascii(key) {
		return nil, Malformed(fault.Field("header/Idempotency-Key", "idempotency_key",
			"应为一个 1 至 %d 个可见 ASCII 字符的键，例如 UUID", "should be one key of 1 to %d printable ASCII characters, such as a UUID",
			MaxIdempotencyKey))
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

// row returns the row that the claim takes.
func (c *claim) row() StoredResponse {
	return StoredResponse{Credential: c.credential, Key: c.key, Fingerprint: hex.EncodeToString(c.request.Sum(nil))}
}

// once does the work in one transaction, which also stores its answer, or sends the
// answer that was stored when it was done before. Of what is about a secret no answer
// is stored.
func (e *Engine) once(
	ctx context.Context, w http.ResponseWriter, c *claim, secret bool,
	work func(context.Context, http.ResponseWriter) error,
) error {
	wanted := c.row()
	release, free := e.inflight.begin(c)
	if !free {
		return requestInFlight()
	}
	defer release()
	var (
		kept  StoredResponse
		again bool
		t     *transaction
		made  recorder
	)
	err := database.InTx(ctx, e.DB, func(tx *gorm.DB) (err error) {
		if kept, again, err = claimKey(ctx, tx, wanted); err != nil || again {
			return err
		}
		t, made = &transaction{tx: tx}, recorder{header: http.Header{}}
		if err := work(within(ctx, t), &made); err != nil {
			return err
		}
		return storeResponse(ctx, tx, made.row(wanted, secret))
	})
	switch {
	case err != nil:
		return err
	case again:
		return replayStored(ctx, w, kept, wanted, secret)
	}
	for _, do := range t.after {
		do()
	}
	sendStored(ctx, w, made.row(wanted, false))
	return nil
}

// replayStored sends the stored answer, if it is the same request.
func replayStored(ctx context.Context, w http.ResponseWriter, kept, wanted StoredResponse, secret bool) error {
	switch {
	case kept.Fingerprint != wanted.Fingerprint:
		return fault.Invalid("idempotency_key_reused",
			"此 Idempotency-Key 已用于另一个请求：新的请求请用新的键",
			"this Idempotency-Key was used for another request: take a new key for a new request")
	case secret:
		return fault.Conflict("answer_not_kept",
			"此请求已经办成；因涉及秘密，答复未予保存：如仍需要，请撤销上次所得并用新的键重新申请",
			"this was done before; as it is about a secret, its answer was not kept: if you need it, revoke what was made then, and ask again under a new key")
	}
	w.Header().Set("Idempotency-Replayed", "true")
	sendStored(ctx, w, kept)
	return nil
}

// sendStored sends an answer that was made or kept.
func sendStored(ctx context.Context, w http.ResponseWriter, a StoredResponse) {
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

// recorder is an answer in the making.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// storedHeaders are the headers that belong to the answer itself; all others belong to
// the one request that it was sent to.
var storedHeaders = []string{"Content-Type", "Content-Disposition", "Content-Language", "Etag", "Location"}

// row is the answer as it is kept.
func (r *recorder) row(a StoredResponse, secret bool) StoredResponse {
	a.Status = int64(r.status)
	if secret {
		return a
	}
	a.Header.V, a.Body = map[string]string{}, r.body.String()
	for _, name := range storedHeaders {
		if value := r.header.Get(name); value != "" {
			a.Header.V[name] = value
		}
	}
	return a
}

// requestInFlight asks the caller to wait for the first of two requests.
func requestInFlight() error {
	e := fault.Conflict("request_in_flight",
		"同一 Idempotency-Key 的请求正在处理：请稍后重试", "the request with this Idempotency-Key is still being worked on: try again")
	e.RetryAfter = time.Second
	return e
}

// inflight are the claims that this process works on, so that a request sent again
// too early need not wait for the first with a connection in its hand. Safe for
// concurrent use; the zero value is empty.
type inflight struct {
	mu     sync.Mutex
	claims map[[2]string]bool // by credential and key
}

// begin notes the claim unless the same one is being worked on; release ends that.
func (f *inflight) begin(c *claim) (release func(), free bool) {
	id := [2]string{c.credential, c.key}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.claims[id] {
		return nil, false
	}
	if f.claims == nil {
		f.claims = map[[2]string]bool{}
	}
	f.claims[id] = true
	return func() {
		f.mu.Lock()
		delete(f.claims, id)
		f.mu.Unlock()
	}, true
}
