package api

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

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
		s.Config.OIDCRedirectURL = "http://127.0.0.1:8080/api/v1/oidc/callback"
	})
	d.Client = apitest.New(t, d.handler)
	return d, provider
}

// visit goes to the provider and gives the way back, with the cookie of the flow.
func (d *door) visit(p *apitest.Provider) (back string, cookie *http.Cookie) {
	start := d.Get("/oidc/start").Want(http.StatusFound)
	state, code, _ := p.Visit(d.t, start.Header.Get("Location"))
	return "/oidc/callback?" + url.Values{"state": {state}, "code": {code}}.Encode(), cookieOf(start)
}

func TestSignInThroughAProvider(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		d, provider := withProvider(t, db)
		back, flow := d.visit(provider)
		if flow.Name != "bulwark-oidc" || flow.SameSite != http.SameSiteLaxMode || !flow.HttpOnly || flow.MaxAge != 600 ||
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
