package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/audit"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

const persons = "/towns/demo/people"

// with is the caller with an Idempotency-Key.
func with(c *apitest.Client, key string) *apitest.Client { return c.Header("Idempotency-Key", key) }

// again checks that an answer is the first one, kept.
func again(t *testing.T, first, second *apitest.Answer) {
	t.Helper()
	if second.Header.Get("Idempotency-Replayed") != "true" || first.Header.Get("Idempotency-Replayed") != "" {
		t.Errorf("Idempotency-Replayed: first %q, then %q", first.Header.Get("Idempotency-Replayed"),
			second.Header.Get("Idempotency-Replayed"))
	}
	for _, h := range []http.Header{first.Header, second.Header} {
		h.Del("X-Request-Id")
		h.Del("Idempotency-Replayed")
	}
	if first.Status != second.Status || !bytes.Equal(first.Body, second.Body) {
		t.Errorf("first %d %s, then %d %s", first.Status, first.Body, second.Status, second.Body)
	}
	if d := cmp.Diff(first.Header, second.Header); d != "" {
		t.Errorf("headers (-first +second):\n%s", d)
	}
}

func (h *harness) count(model any, where string, args ...any) (n int64) {
	h.t.Helper()
	h.must(h.db.Model(model).Where(where, args...).Count(&n).Error)
	return n
}

// made checks that there is one person of the code, made once.
func (h *harness) made(code string, times int64) {
	h.t.Helper()
	rows, records := h.count(people.Person{}, "code = ?", code), h.count(audit.Record{}, "subject = ?", "people/"+code)
	if rows != times || records != times {
		h.t.Errorf("%s: %d rows and %d audit records, want %d", code, rows, records, times)
	}
}

func TestARequestSentAgainIsAnsweredAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.t = t
		admin := h.as(policy.Admin)
		ann := object{"code": "ann", "name": named("ann")}
		first := with(admin, "k1").Post(persons, ann).Want(http.StatusCreated)
		again(t, first, with(admin, "k1").Post(persons, ann))
		again(t, with(admin, "k2").Post(persons, object{"code": "ben", "name": named("ben")}),
			with(admin, " k2 ").Post(persons, object{"code": "ben", "name": named("ben")}))
		h.made("ann", 1)

		// Another request under the key is refused, whatever differs.
		const reused = "idempotency_key_reused"
		refused(t, with(admin, "k1").Post(persons, object{"code": "eve", "name": named("eve")}),
			http.StatusUnprocessableEntity, reused)
		refused(t, with(admin, "k1").Post("/towns/demo/classes", ann), http.StatusUnprocessableEntity, reused)
		refused(t, with(admin.IfMatch(`"1"`), "k1").Post(persons, ann), http.StatusUnprocessableEntity, reused)
		h.made("eve", 0)

		// The key is the caller's own.
		other := h.As(h.key(credential.Key{Roles: []policy.Role{policy.Admin}}))
		refused(t, with(other, "k1").Post(persons, ann), http.StatusConflict, "already_exists", "/code")
		with(other, "k1").Post(persons, object{"code": "eve", "name": named("eve")}).Want(http.StatusCreated)
		h.made("eve", 1)
	})
}

// A transition sent again answers as it did, though the version has moved on.
func TestATransitionSentAgainIsNotStale(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		open := func() *apitest.Answer {
			return with(h.as(policy.LeadingGroup).IfMatch(`"1"`), "open").Post(q1+"/transitions", object{"to": "open"})
		}
		first := open().Want(http.StatusOK)
		again(t, first, open())
		refused(t, with(h.as(policy.LeadingGroup).IfMatch(`"2"`), "open").Post(q1+"/transitions", object{"to": "open"}),
			http.StatusUnprocessableEntity, "idempotency_key_reused")
	})
}

// Only what succeeded is kept: a refused request can be sent again as it is once
// the reason for the refusal is gone.
func TestARefusalIsNotKept(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		admin := h.as(policy.Admin)
		assign := func() *apitest.Answer {
			return with(admin, "k").Post("/towns/demo/assignments",
				object{"person": "late", "branch": "b03", "duty": "instructs", "from": "2026-01-01"})
		}
		refused(t, assign(), http.StatusUnprocessableEntity, "invalid", "/person")
		if n := h.count(rest.StoredResponse{}, "true"); n != 0 {
			t.Errorf("%d answers kept", n)
		}
		admin.Post(persons, object{"code": "late", "name": named("late")}).Want(http.StatusCreated)
		h.appointed("demo", "late", policy.Instructor)
		assign().Want(http.StatusCreated)
	})
}

// A secret is told once and stored nowhere.
func TestASecretIsNotKept(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		before := h.count(credential.Key{}, "true")
		ask := func() *apitest.Answer {
			return with(h.as(policy.Admin), "k").Post("/keys", object{"roles": []string{"reader"}})
		}
		told := apitest.Decode[struct{ Secret string }](ask(), http.StatusCreated)
		refused(t, ask(), http.StatusConflict, "answer_not_kept")
		if n := h.count(credential.Key{}, "true") - before; n != 1 {
			t.Errorf("%d keys were made", n)
		}
		var kept rest.StoredResponse
		h.must(db.Take(&kept).Error)
		if whole := fmt.Sprint(kept); kept.Body != "" || told.Secret == "" || strings.Contains(whole, told.Secret) {
			t.Errorf("kept: %s", whole)
		}
	})
}

func TestAnAnswerWithASecretNeedsItsMark(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a route that would store a secret was accepted")
		}
	}()
	s := newTestServer()
	servingRoutes(t, s, func(r rest.Router) { rest.Create(r, "/again", policy.ManageKeys, s.createKey) })
}

// Whoever lost the right to ask has lost the right to the kept answer.
func TestARevokedKeyIsNotAnsweredAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		k, secret, err := credential.CreateKey(t.Context(), db, credential.Key{Roles: []policy.Role{policy.Admin}})
		h.must(err)
		ann := object{"code": "ann", "name": named("ann")}
		with(h.As(secret), "k").Post(persons, ann).Want(http.StatusCreated)
		h.as(policy.Admin).IfMatch(`"1"`).Delete("/keys/" + k.Prefix).Want(http.StatusNoContent)
		refused(t, with(h.As(secret), "k").Post(persons, ann), http.StatusUnauthorized, "bad_key")
	})
}

func TestKeysAreShortAndPlain(t *testing.T) {
	h := newHarness(t, dbtest.Open(t, database.SQLite))
	for i, key := range []string{" ", strings.Repeat("k", rest.MaxIdempotencyKey+1), "键", "a\tb", "\x7f"} {
		c := with(h.as(policy.Admin).Bad(), key)
		refused(t, c.Post(persons, object{"code": fmt.Sprint(i), "name": named("x")}),
			http.StatusBadRequest, "malformed", "header/Idempotency-Key")
	}
	longest := with(h.as(policy.Admin), strings.Repeat("~", rest.MaxIdempotencyKey))
	longest.Post(persons, object{"code": "long", "name": named("x")}).Want(http.StatusCreated)
	longest.Post(persons, object{"code": "long", "name": named("x")}).Want(http.StatusCreated)
	reading := servingRoutes(t, newTestServer(), func(r rest.Router) {
		rest.Get(r, "/probe", policy.ReadStructure, func(context.Context, struct{}) (string, error) { return "", nil })
	})
	if w := do(reading, http.MethodGet, "/probe", "", "Idempotency-Key", ""); w.Code != http.StatusOK {
		t.Errorf("a key on a GET: %d", w.Code)
	}
}

// Many at once under one key make one thing, in one process and in two.
func TestOneOfManyDoesTheWork(t *testing.T) {
	dbtest.Both(t, func(t *testing.T, dialect string) {
		url := dbtest.URL(t, dialect)
		h := newHarness(t, dbtest.Connect(t, url, database.Options{}))
		_, second := serving(t, dbtest.Connect(t, url, database.Options{}), h.server.Now)
		callers := []*apitest.Client{h.as(policy.Admin), second.As(h.secrets[policy.Admin])}
		for round := range 5 {
			code := fmt.Sprint("p", round)
			answers := make([]*apitest.Answer, 20)
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() { answers[i] = with(callers[i%2], code).Post(persons, object{"code": code, "name": named(code)}) })
			}
			all.Wait()
			h.oneDid(code, answers)
		}
	})
}

func (h *harness) oneDid(code string, answers []*apitest.Answer) {
	h.t.Helper()
	did := 0
	for _, a := range answers {
		switch a.Status {
		case http.StatusCreated:
			if a.Header.Get("Idempotency-Replayed") == "" {
				did++
			}
		case http.StatusConflict:
			if p := a.Problem(a.Status); p.Code != "request_in_flight" || a.Header.Get("Retry-After") != "1" {
				h.t.Errorf("409 %s, Retry-After %q", p.Code, a.Header.Get("Retry-After"))
			}
		default:
			h.t.Errorf("status %d: %s", a.Status, a.Body)
		}
	}
	if did != 1 {
		h.t.Errorf("%s: %d did the work", code, did)
	}
	h.made(code, 1)
}

// Old answers go, a batch at a time; younger ones stay.
func TestAnswersAreKeptForAWhile(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.server.Jobs.KeepAnswers = time.Hour
		rows := make([]rest.StoredResponse, 2*database.Batch+7)
		for i := range rows {
			rows[i] = rest.StoredResponse{
				Credential: "key/x", Key: fmt.Sprint(i), Fingerprint: strings.Repeat("0", 64), Status: http.StatusOK,
				CreatedAt: h.server.Now().Add(-2 * time.Hour),
			}
		}
		rows[3].CreatedAt = h.server.Now().Add(-time.Hour / 2)
		h.must(db.CreateInBatches(rows, database.Batch).Error)
		h.server.Jobs.Cleanup(t.Context())
		var left []string
		h.must(db.Model(&rest.StoredResponse{}).Pluck("key", &left).Error)
		same(t, "kept", left, "3")
	})
}

// twice sends every POST of a known caller two times under one key, and the
// second answer must be the first one.
type twice struct {
	t    *testing.T
	next http.Handler
	mu   sync.Mutex
	sent int
}

func (h *twice) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.Header.Get("Authorization") == "" {
		h.next.ServeHTTP(w, r)
		return
	}
	h.mu.Lock()
	h.sent++
	r.Header.Set("Idempotency-Key", fmt.Sprint("request ", h.sent))
	h.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	send := func() *httptest.ResponseRecorder {
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		h.next.ServeHTTP(answer, r.Clone(r.Context()))
		return answer
	}
	first, second := send(), send()
	h.compare(r.URL.Path, first, second)
	for name, values := range first.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(first.Code)
	_, _ = w.Write(first.Body.Bytes())
}

func (h *twice) compare(path string, first, second *httptest.ResponseRecorder) {
	h.t.Helper()
	code := func(w *httptest.ResponseRecorder) string {
		var p struct{ Code string }
		_ = json.Unmarshal(w.Body.Bytes(), &p)
		return fmt.Sprint(w.Code, " ", p.Code)
	}
	switch replayed := second.Header().Get("Idempotency-Replayed") == "true"; {
	case first.Code >= http.StatusBadRequest && (replayed || code(first) != code(second)):
		h.t.Errorf("%s: %s, then %s", path, code(first), code(second))
	case first.Code < http.StatusBadRequest && code(second) != "409 answer_not_kept" &&
		(!replayed || first.Code != second.Code || first.Body.String() != second.Body.String() ||
			first.Header().Get("ETag") != second.Header().Get("ETag")):
		h.t.Errorf("%s: %d %s, then %d %s", path, first.Code, first.Body, second.Code, second.Body)
	}
}

// A whole period in which every POST arrives twice goes as one in which each
// arrives once.
func TestAPeriodWithEveryRequestSentTwice(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		handler, err := h.server.Handler()
		h.must(err)
		sender := &twice{t: t, next: handler}
		h.Client = apitest.New(t, sender).SecondedBy(h.secondPerson)
		newStory(t, h).isTold()
		if n := h.count(rest.StoredResponse{}, "true"); sender.sent < 50 || n < 40 {
			t.Errorf("only %d requests were sent twice and %d answers kept", sender.sent, n)
		}
		if n := h.count(rest.StoredResponse{}, "status = 0"); n > 0 {
			t.Errorf("%d keys are taken without an answer", n)
		}
	})
}
