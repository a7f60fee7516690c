package api

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"bulwark/internal/apitest"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

// buffer takes lines from many goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Whatever is done with passwords, tokens, keys and cookies, none of them, nor a
// hash of one, gets into the log at its most talkative, or into the trail.
func TestNoSecretIsLoggedOrRecorded(t *testing.T) {
	dbtest.Both(t, func(t *testing.T, dialect string) {
		var lines buffer
		log := slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
		db := dbtest.Connect(t, dbtest.URL(t, dialect), database.Options{Logger: log})
		d := newDoor(t, db, func(s *Server) { s.Log = log })
		d.Client = apitest.New(t, d.handler)
		hidden := []string{phrase, "argon2id", "a wrong guess", "another phrase", "a planted cookie"}

		a := signIn(d.Client, "boss", phrase)
		cookie, told := cookieOf(a), apitest.Decode[Session](a, http.StatusCreated)
		browser := d.InSession(cookie.Name+"="+cookie.Value, told.CSRFToken)
		hidden = append(hidden, cookie.Value, told.CSRFToken)
		signIn(browser, "boss", "a wrong guess").Want(http.StatusUnauthorized)
		signIn(d.Client, "a wrong guess", "a wrong guess").Want(http.StatusUnauthorized)
		d.Header("Cookie", "bulwark=a planted cookie").Get("/me").Want(http.StatusUnauthorized)
		browser.Get("/session").Want(http.StatusOK)
		browser.Post("/accounts", object{"name": "media", "roles": []string{"reader"}}).Want(http.StatusCreated)
		once := apitest.Decode[OneTimePassword](browser.IfMatch(`"1"`).Post("/accounts/media/password", nil), http.StatusOK)
		key := apitest.Decode[NewKey](browser.Post("/keys", object{"roles": []string{"reader"}}), http.StatusCreated)
		d.As(key.Secret).Get("/me").Want(http.StatusOK)
		d.As(key.Secret[:20]).Get("/me").Want(http.StatusUnauthorized)
		hidden = append(hidden, once.Password, key.Secret[len(key.Prefix)+1:])
		browser.Post("/me/password", object{"old": phrase, "password": "another phrase"}).Want(http.StatusOK)
		browser.Post("/me/password", object{"old": phrase, "password": "short"}).Want(http.StatusUnprocessableEntity)
		d.Post("/setup", object{"token": "a wrong guess", "account": "x", "password": phrase}).Want(http.StatusNotFound)
		d.send(http.MethodPost, "/sessions", `{"account": "boss", "password": "another phrase", "x": "a wrong guess"}`,
			"192.0.2.1:1")
		browser.IfMatch(`"1"`).Delete("/session").Want(http.StatusNoContent)

		hidden = append(hidden, d.hashes()...)
		var trail []map[string]any
		d.must(db.Table("audit_records").Find(&trail).Error)
		recorded, err := json.Marshal(trail)
		d.must(err)
		for _, what := range hidden {
			if strings.Contains(lines.String(), what) {
				t.Errorf("%q is in the log", what)
			}
			if strings.Contains(string(recorded), what) {
				t.Errorf("%q is in the trail", what)
			}
		}
		if n := strings.Count(lines.String(), "\n"); n < 15 || !strings.Contains(string(recorded), "account.password") {
			t.Errorf("only %d lines were logged: %s", n, lines.String())
		}
	})
}

// hashes are all that the database keeps of secrets.
func (d *door) hashes() (all []string) {
	for table, column := range map[string]string{
		"accounts": "password_hash", "sessions": "secret_hash", "keys": "secret_hash",
	} {
		var some []string
		d.must(d.db.Table(table).Where(column+" <> ''").Pluck(column, &some).Error)
		all = append(all, some...)
	}
	return all
}
