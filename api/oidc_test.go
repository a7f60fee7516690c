package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
)

// withProvider is a door whose service signs in through a provider.
func withProvider(t *testing.T, db *gorm.DB) (*door, *apitest.Provider) {
	t.Helper()
	var provider *apitest.Provider
	d := newDoor(t, db, func(s *Server) {
		provider = apitest.NewProvider(t, s.Now())
		s.Config.OIDCIssuer, s.Config.OIDCClientID, s.Config.OIDCClientSecret = provider.URL, "bulwark", "hush"
		s.Config.PublicURL = "http://127.0.0.1:8080"
	})
	d.Client = apitest.New(t, d.handler)
	return d, provider
}

// visit goes to the provider and gives the way back, with the cookie of the flow.
func (d *door) visit(p *apitest.Provider) (back string, cookie *http.Cookie) {
	start := d.Get("/oidc/start").Want(http.StatusFound)
	state, code, asked := p.Visit(d.t, start.Header.Get("Location"))
	if at := asked.Get("redirect_uri"); at != "http://127.0.0.1:8080/api/v1/oidc/callback" {
		d.t.Errorf("the provider sends browsers to %s", at)
	}
	return "/oidc/callback?" + url.Values{"state": {state}, "code": {code}}.Encode(), cookieOf(start)
}

func TestSignInThroughAProvider(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		d, provider := withProvider(t, db)
		back, flow := d.visit(provider)
		if !strings.HasPrefix(flow.Name, "bulwark-oidc-") || flow.SameSite != http.SameSiteLaxMode || !flow.HttpOnly || flow.MaxAge != 600 ||
			strings.Contains(flow.Value, "hush") {
			t.Errorf("the cookie of the flow is %+v", flow)
		}
		stranger := d.Header("Cookie", flow.Name+"="+flow.Value).Get(back)
		refused(t, stranger, http.StatusForbidden, "not_linked")
		if !strings.Contains(string(stranger.Body), "subject-7") {
			t.Errorf("an administrator could not link %s", stranger.Body)
		}
		admin := d.as(policy.Admin)
		link := object{"roles": []string{"admin"}, "issuer": provider.URL, "subject": "subject-7"}
		linked := admin.IfMatch(`"2"`).Put("/accounts/boss", link).Want(http.StatusOK)

		back, flow = d.visit(provider)
		in := d.Header("Cookie", flow.Name+"="+flow.Value).Get(back).Want(http.StatusSeeOther)
		cookies := (&http.Response{Header: in.Header}).Cookies()
		if in.Header.Get("Location") != "/" || len(cookies) != 2 || cookies[0].MaxAge >= 0 ||
			cookies[1].Name != "bulwark" || cookies[1].SameSite != http.SameSiteStrictMode {
			t.Fatalf("sent on with %v", in.Header)
		}
		browser := d.Header("Cookie", "bulwark="+cookies[1].Value)
		if s := apitest.Decode[Session](browser.Get("/session"), http.StatusOK); s.Account != "boss" {
			t.Errorf("signed in as %+v", s)
		}
		refused(t, d.Header("Cookie", flow.Name+"="+flow.Value).Get(back), http.StatusUnauthorized, "sign_in_over")
		refused(t, d.Get(back), http.StatusUnauthorized, "sign_in_over")

		link["disabled"] = true
		admin.IfMatch(linked.ETag()).Put("/accounts/boss", link).Want(http.StatusOK)
		refused(t, browser.Get("/session"), http.StatusUnauthorized, "session_ended")
		back, flow = d.visit(provider)
		refused(t, d.Header("Cookie", flow.Name+"="+flow.Value).Get(back), http.StatusUnauthorized, "bad_sign_in")
		accounts, err := credential.ListAccounts(t.Context(), db, "", 10)
		d.must(err)
		if len(accounts) != 1 {
			t.Errorf("%d accounts: somebody was made by signing in", len(accounts))
		}
	})
}

// Providers add what they like to the way back.
func TestTheWayBackMayCarryMore(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		d, provider := withProvider(t, db)
		back, flow := d.visit(provider)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet,
			"/api/v1"+back+"&session_state=x&hd=example.org", nil)
		r.AddCookie(flow)
		w := httptest.NewRecorder()
		if d.handler.ServeHTTP(w, r); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "not_linked") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestWithoutAProvider(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		refused(t, h.Get("/oidc/start"), http.StatusNotFound, "no_provider")
		refused(t, h.Get("/oidc/callback?state=x&code=y"), http.StatusNotFound, "no_provider")
	})
}

// pass is the whole way of a browser at an address through the provider: from a start with
// the query to the answer that lets it in or does not.
func (d *door) pass(p *apitest.Provider, from, query string) *httptest.ResponseRecorder {
	d.t.Helper()
	start := d.send(http.MethodGet, "/oidc/start"+query, "", from)
	if start.Code != http.StatusFound {
		return start
	}
	state, code, _ := p.Visit(d.t, start.Header().Get("Location"))
	return d.send(http.MethodGet, "/oidc/callback?"+url.Values{"state": {state}, "code": {code}}.Encode(), "", from,
		"Cookie", cookieOfRecorder(start))
}

// link links the account boss to the person whom the provider knows.
func (d *door) link(p *apitest.Provider) {
	d.t.Helper()
	d.as(policy.Admin).IfMatch(`"2"`).Put("/accounts/boss",
		object{"roles": []string{"admin"}, "issuer": p.URL, "subject": "subject-7"}).Want(http.StatusOK)
}

// Two hundred people of one office sign in within a minute, and somebody among them guesses:
// they get in, and he or she is as slow as alone.
func TestAnOfficeSignsIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		d, provider := withProvider(t, db)
		d.link(provider)
		const office = "192.0.2.1:1"
		looked := 0
		for i := range 200 {
			d.now = d.now.Add(time.Minute / 200)
			provider.Now = d.now
			if w := d.guess("boss", phrase, office); w.Code != http.StatusCreated {
				t.Fatalf("sign-in %d by password: %d %s", i+1, w.Code, w.Body)
			}
			if w := d.pass(provider, office, ""); w.Code != http.StatusSeeOther {
				t.Fatalf("sign-in %d through the provider: %d %s", i+1, w.Code, w.Body)
			}
			if i%10 != 0 {
				continue
			}
			if w := d.guess("other"+strconv.Itoa(i/40), "a guess of mine", office); w.Code == http.StatusUnauthorized {
				looked++
			} else if w.Code != http.StatusTooManyRequests {
				t.Fatalf("guess: %d %s", w.Code, w.Body)
			}
		}
		if looked != 20 {
			t.Errorf("%d guesses were looked at, want all 20, since an address may fail 30 times", looked)
		}
		// Ten failures were left, and six came with the minute.
		before := d.server.Passwords.Hashed()
		for i := range 100 {
			d.guess("more"+strconv.Itoa(i), "a guess of mine", office)
		}
		if n := d.server.Passwords.Hashed() - before; n != 15 && n != 16 {
			t.Errorf("%d more guesses were looked at, want as many as without any success", n)
		}
		// Who has nothing left does not get in by succeeding, nor by the provider.
		if w := d.guess("boss", phrase, office); w.Code != http.StatusTooManyRequests {
			t.Errorf("after the guesses: %d", w.Code)
		}
		if w := d.send(http.MethodGet, "/oidc/start", "", office); w.Code != http.StatusTooManyRequests {
			t.Errorf("after the guesses through the provider: %d", w.Code)
		}
	})
}

// Who changes his or her password has shown the old one: that costs nothing either, and
// guessing it is as slow as signing in.
func TestGuessingTheOldPasswordIsSlow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		d := newDoor(t, db)
		w := d.guess("boss", phrase, "192.0.2.1:1")
		var s Session
		d.must(json.Unmarshal(w.Body.Bytes(), &s))
		statuses := map[int]int{}
		for range 20 {
			w := d.send(http.MethodPost, "/me/password", `{"old": "a guess of mine", "password": "another good phrase"}`,
				"192.0.2.1:1", "Cookie", cookieOfRecorder(w), "X-CSRF-Token", s.CSRFToken)
			statuses[w.Code]++
		}
		if statuses[http.StatusUnprocessableEntity] != 8 || statuses[http.StatusTooManyRequests] != 12 {
			t.Errorf("answers %v, want 8 looked at", statuses)
		}
	})
}

// Two tabs of one browser sign in at the same time, and end in any order.
func TestTwoTabs(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		d, provider := withProvider(t, db)
		d.link(provider)
		var jar []string
		var ways []string
		for range 2 {
			start := d.send(http.MethodGet, "/oidc/start", "", "192.0.2.1:1", "Cookie", strings.Join(jar, "; "))
			state, code, _ := provider.Visit(t, start.Header().Get("Location"))
			jar = append(jar, cookieOfRecorder(start))
			ways = append(ways, "/oidc/callback?"+url.Values{"state": {state}, "code": {code}}.Encode())
		}
		for _, i := range []int{1, 0} {
			w := d.send(http.MethodGet, ways[i], "", "192.0.2.1:1", "Cookie", strings.Join(jar, "; "))
			if w.Code != http.StatusSeeOther {
				t.Fatalf("tab %d: %d %s", i+1, w.Code, w.Body)
			}
			ended := w.Result().Cookies()[0]
			if name, _, _ := strings.Cut(jar[i], "="); ended.Name != name || ended.MaxAge >= 0 {
				t.Errorf("tab %d ends %v, want %s", i+1, ended, name)
			}
		}
	})
}

// Sign-ins that nobody ends do not fill the header of requests: those begun first go.
func TestAbandonedSignInsEnd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		d, _ := withProvider(t, db)
		var jar []*http.Cookie
		for range 30 {
			var sent []string
			for _, c := range jar {
				sent = append(sent, c.Name+"="+c.Value)
			}
			w := d.send(http.MethodGet, "/oidc/start", "", "192.0.2.1:1", "Cookie", strings.Join(append(sent, "other=1"), "; "))
			for _, c := range w.Result().Cookies() {
				jar = slices.DeleteFunc(jar, func(had *http.Cookie) bool { return had.Name == c.Name })
				if c.MaxAge > 0 {
					jar = append(jar, c)
				}
			}
		}
		if len(jar) != maxFlows {
			t.Errorf("the browser keeps %d flows", len(jar))
		}
	})
}

// Who signs in lands on the page that was asked for, and never on another site.
func TestTheWayBackLeadsToThePageAskedFor(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		d, provider := withProvider(t, db)
		d.link(provider)
		from := 0
		ask := func(to string) *httptest.ResponseRecorder {
			from++
			return d.pass(provider, "192.0.2."+strconv.Itoa(from)+":1", "?"+url.Values{"return": {to}}.Encode())
		}
		for to, want := range map[string]string{
			"": "/", "/": "/", "/towns/demo": "/towns/demo", "/towns/demo/?period=2023Q2&q=a%2Fb#top": "/towns/demo/?period=2023Q2&q=a%2Fb#top",
			"/?next=https://evil.example//x": "/?next=https://evil.example//x", "/towns/演示": "/towns/%E6%BC%94%E7%A4%BA",
			"/a@b:c": "/a@b:c",
		} {
			if w := ask(to); w.Code != http.StatusSeeOther || w.Header().Get("Location") != want {
				t.Errorf("%q: %d to %q", to, w.Code, w.Header().Get("Location"))
			}
		}
		for _, hostile := range []string{
			"//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example", "https://evil.example",
			"https:evil.example", "https:/evil.example", "HTTPS://evil.example", "javascript:alert(1)", "data:text/html,x",
			"evil.example", "@evil.example", ".evil.example", "?x", "#x", "/\t/evil.example", "/\n/evil.example", "\t//evil.example",
			" //evil.example", "/ /evil.example", "/\r\nSet-Cookie: a=b", "/\x00/evil.example", "/\u202eevil", "/%2Fevil.example",
			"/%2fevil.example", "/%5Cevil.example", "/%5cevil.example", "/%252Fevil.example", "/%25252Fevil.example",
			"/%09/evil.example", "/%0d%0aSet-Cookie:a=b", "/%00", "/.//evil.example", "/..//evil.example", "/x/..//evil.example",
			"/%2e%2e//evil.example", "/%2e%2e/%2fevil.example", "/..", "/%", "/%zz", "/100%25", "/x//y", "/x\\y", "/" + strings.Repeat("x", 512),
			"/" + strings.Repeat("演", 100),
		} {
			if w := ask(hostile); w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" ||
				len(w.Result().Cookies()) != 0 {
				t.Errorf("%q: %d to %q", hostile, w.Code, w.Header().Get("Location"))
			}
		}
		d.server.Config.PublicURL = "https://example.org/bulwark/"
		if w := ask(""); w.Header().Get("Location") != "/bulwark/" {
			t.Errorf("below a path of a proxy: to %q", w.Header().Get("Location"))
		}
	})
}

// Only identities of the configured provider can be linked; what was linked before may stay.
func TestOnlyTheConfiguredIssuerCanBeLinked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		d, provider := withProvider(t, db)
		admin := d.as(policy.Admin)
		link := func(issuer string) object {
			return object{"roles": []string{"reader"}, "issuer": issuer, "subject": "s"}
		}
		for _, other := range []string{
			provider.URL + "/", strings.ToUpper(provider.URL), "https://no-such.example", "",
		} {
			refused(t, admin.IfMatch(`"2"`).Put("/accounts/boss", link(other)), http.StatusUnprocessableEntity, "invalid", "/issuer")
			made := link(other)
			made["name"] = "new"
			refused(t, admin.Post("/accounts", made), http.StatusUnprocessableEntity, "invalid", "/issuer")
		}
		linked := admin.IfMatch(`"2"`).Put("/accounts/boss", link(provider.URL)).Want(http.StatusOK)

		d.server.Config.OIDCIssuer = "https://next.example"
		kept := link(provider.URL)
		kept["disabled"] = true
		kept2 := admin.IfMatch(linked.ETag()).Put("/accounts/boss", kept).Want(http.StatusOK)
		kept["subject"] = "another"
		refused(t, admin.IfMatch(kept2.ETag()).Put("/accounts/boss", kept), http.StatusUnprocessableEntity, "invalid", "/issuer")

		d.server.Config.OIDCIssuer = ""
		refused(t, admin.IfMatch(kept2.ETag()).Put("/accounts/boss", kept), http.StatusUnprocessableEntity, "invalid", "/issuer")
		admin.IfMatch(kept2.ETag()).Put("/accounts/boss", object{"roles": []string{"reader"}}).Want(http.StatusOK)
	})
}
