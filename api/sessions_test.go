package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
)

const phrase = "correct horse battery"

// withAccounts is the harness with the account boss of an admin, whose password
// is phrase, and hashing that costs nothing.
func withAccounts(t testing.TB, db *gorm.DB) *harness {
	t.Helper()
	h := newHarness(t, db)
	h.server.Passwords = credential.NewPasswords(argon2id.Params{
		Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32,
	})
	h.server.Config.SessionIdle, h.server.Config.SessionMax = 30*time.Minute, 12*time.Hour
	h.account(credential.Account{Name: "boss", Roles: []policy.Role{policy.Admin}})
	return h
}

// account makes an account whose password is phrase.
func (h *harness) account(a credential.Account) credential.Account {
	h.t.Helper()
	_, err := credential.CreateAccount(h.t.Context(), h.db, a)
	h.must(err)
	a, err = credential.SetPassword(h.t.Context(), h.db, h.server.Passwords,
		credential.NewPassword{Account: a.Name, Password: phrase, Version: 1})
	h.must(err)
	return a
}

func signIn(c *apitest.Client, account, password string) *apitest.Answer {
	return c.Post("/sessions", object{"account": account, "password": password})
}

// cookieOf is what the browser keeps of an answer.
func cookieOf(a *apitest.Answer) *http.Cookie {
	for _, c := range (&http.Response{Header: a.Header}).Cookies() {
		return c
	}
	return &http.Cookie{}
}

// in is a browser that has signed in, and what it was told.
func (h *harness) in(account, password string) (*apitest.Client, Session) {
	h.t.Helper()
	a := signIn(h.Client, account, password)
	s := apitest.Decode[Session](a, http.StatusCreated)
	c := cookieOf(a)
	return h.InSession(c.Name+"="+c.Value, s.CSRFToken), s
}

func TestSessions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		a := signIn(h.Client, "Boss", phrase).Want(http.StatusCreated)
		c := cookieOf(a)
		if c.Name != "bulwark" || len(c.Value) != 43 || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteStrictMode ||
			c.Path != "/" || c.Domain != "" || c.MaxAge != 12*3600 {
			t.Errorf("the cookie is %+v", c)
		}
		if a.Header.Get("Cache-Control") != "no-store" || strings.Contains(string(a.Body), c.Value) {
			t.Errorf("%v %s", a.Header, a.Body)
		}
		browser, told := h.in("boss", phrase)
		if told.Account != "boss" || told.Role != policy.Admin || told.MustChange || told.CSRFToken == "" {
			t.Errorf("told %+v", told)
		}
		if again := apitest.Decode[Session](browser.Get("/session"), http.StatusOK); again.CSRFToken != told.CSRFToken ||
			again.Account != "boss" {
			t.Errorf("read %+v", again)
		}
		if me := apitest.Decode[Me](browser.Get("/me"), http.StatusOK); me.Account != "boss" || me.Role != policy.Admin ||
			me.Key != "" {
			t.Errorf("me: %+v", me)
		}
		browser.Post("/areas", object{"code": "45", "level": "province", "name": named("广西")}).Want(http.StatusCreated)
		refused(t, browser.IfMatch(`"2"`).Delete("/session"), http.StatusPreconditionFailed, "stale_version")
		out := browser.IfMatch(`"1"`).Delete("/session").Want(http.StatusNoContent)
		if c := cookieOf(out); c.Name != "bulwark" || c.Value != "" || c.MaxAge >= 0 {
			t.Errorf("after signing out: %+v", c)
		}
		late := browser.Get("/me")
		refused(t, late, http.StatusUnauthorized, "session_ended")
		if c := cookieOf(late); c.Value != "" || c.MaxAge >= 0 {
			t.Errorf("an ended session leaves %+v", c)
		}
		refused(t, h.Get("/session"), http.StatusUnauthorized, "not_signed_in")
		refused(t, h.as(policy.Admin).Get("/session"), http.StatusUnauthorized, "not_signed_in")
		refused(t, h.as(policy.Admin).Post("/me/password", object{"old": phrase, "password": "another phrase"}),
			http.StatusUnauthorized, "not_signed_in")
	})
}

func TestBehindTLSTheCookieIsSecure(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		h.server.Config.BehindTLS = true
		c := cookieOf(signIn(h.Client, "boss", phrase).Want(http.StatusCreated))
		if c.Name != "__Host-bulwark" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
			t.Errorf("the cookie is %+v", c)
		}
		h.Header("Cookie", c.Name+"="+c.Value).Get("/session").Want(http.StatusOK)
		refused(t, h.Header("Cookie", "bulwark="+c.Value).Get("/session"), http.StatusUnauthorized, "not_signed_in")
	})
}

// A change needs the token of the page, and must not come from another site.
func TestOtherSitesCannotUseASession(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		browser, told := h.in("boss", phrase)
		area := object{"code": "45", "level": "province", "name": named("广西")}
		_, other := h.in("boss", phrase)
		for _, token := range []string{"", "x", other.CSRFToken, told.CSRFToken + "x"} {
			refused(t, browser.Header("X-CSRF-Token", token).Post("/areas", area), http.StatusForbidden, "csrf_token")
		}
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			refused(t, browser.Header(name, value).Post("/areas", area), http.StatusForbidden, "cross_site")
			refused(t, signIn(h.Header(name, value), "boss", phrase), http.StatusForbidden, "cross_site")
			refused(t, h.Header(name, value).Post("/setup", object{"token": "x", "account": "x", "password": "x"}),
				http.StatusForbidden, "cross_site")
			browser.Header(name, value).Get("/me").Want(http.StatusOK)
		}
		refused(t, browser.Header("Sec-Fetch-Site", "same-site").Post("/areas", area), http.StatusForbidden, "cross_site")
		browser.Header("Sec-Fetch-Site", "same-origin").Post("/areas", area).Want(http.StatusCreated)
	})
}

// A key beside a cookie: the key counts, and needs no token.
func TestAKeyWinsOverASession(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		browser, _ := h.in("boss", phrase)
		both := browser.As(h.secrets[policy.Mentor])
		if me := apitest.Decode[Me](both.Get("/me"), http.StatusOK); me.Role != policy.Mentor || me.Account != "" {
			t.Errorf("me: %+v", me)
		}
		refused(t, both.Get("/keys"), http.StatusForbidden, "key_of_a_town")
		refused(t, browser.As("bw_00000000_x").Get("/me"), http.StatusUnauthorized, "bad_key")
		browser.As(h.secrets[policy.Admin]).Header("X-CSRF-Token", "").Post("/areas",
			object{"code": "45", "level": "province", "name": named("广西")}).Want(http.StatusCreated)
	})
}

func TestPlantedCookiesAreNotBelieved(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		browser, _ := h.in("boss", phrase)
		c := cookieOf(signIn(h.Client, "boss", phrase))
		refused(t, h.Header("Cookie", "bulwark=planted").Get("/me"), http.StatusUnauthorized, "session_ended")
		refused(t, browser.Header("Cookie", "bulwark=planted; bulwark="+c.Value).Get("/session"),
			http.StatusUnauthorized, "not_signed_in")
		h.Header("Cookie", "bulwark=planted").Get("/towns/demo").Problem(http.StatusUnauthorized)
		signIn(h.Header("Cookie", "bulwark=planted"), "boss", phrase).Want(http.StatusCreated)
	})
}

func TestChangeMyPassword(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		mine, _ := h.in("boss", phrase)
		other, _ := h.in("boss", phrase)
		refused(t, mine.Post("/me/password", object{"old": "wrong", "password": "another phrase"}),
			http.StatusUnprocessableEntity, "invalid", "/old")
		refused(t, mine.Post("/me/password", object{"old": phrase, "password": "short"}),
			http.StatusUnprocessableEntity, "invalid", "/password")
		mine.Post("/me/password", object{"old": phrase, "password": " another phrase "}).Want(http.StatusOK)
		mine.Get("/me").Want(http.StatusOK)
		refused(t, other.Get("/me"), http.StatusUnauthorized, "session_ended")
		refused(t, signIn(h.Client, "boss", phrase), http.StatusUnauthorized, "bad_sign_in")
		refused(t, signIn(h.Client, "boss", "another phrase"), http.StatusUnauthorized, "bad_sign_in") // spaces count
		signIn(h.Client, "boss", " another phrase ").Want(http.StatusCreated)
	})
}

// A change by a session may be sent again as one by a key may, and no other
// account is given its answer.
func TestASessionMaySendAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		h.account(credential.Account{Name: "other", Roles: []policy.Role{policy.Admin}})
		first, _ := h.in("boss", phrase)
		again, _ := h.in("boss", phrase)
		other, _ := h.in("other", phrase)
		area := object{"code": "45", "level": "province", "name": named("广西")}
		with(first, "k").Post("/areas", area).Want(http.StatusCreated)
		if a := with(again, "k").Post("/areas", area).Want(http.StatusCreated); a.Header.Get("Idempotency-Replayed") != "true" {
			t.Error("it was done again")
		}
		with(other, "k").Post("/areas", area).Problem(http.StatusConflict)
	})
}
