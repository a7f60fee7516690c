package oidc

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"bulwark/internal/apitest"
	"bulwark/internal/fault"
)

var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// fake is the provider of the tests.
type fake struct{ *apitest.Provider }

func newFake(t *testing.T) fake { return fake{apitest.NewProvider(t, now)} }

func part(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (f fake) visit(t *testing.T, address string) Return {
	t.Helper()
	state, code, q := f.Visit(t, address)
	if q.Get("response_type") != "code" || q.Get("client_id") != "bulwark" ||
		q.Get("redirect_uri") != "https://here.example/callback" ||
		q.Get("scope") != "openid" || q.Get("code_challenge_method") != "S256" || q.Get("state") == "" ||
		q.Get("nonce") == "" {
		t.Errorf("asked for %v", q)
	}
	return Return{State: state, Code: code}
}

func (f fake) provider() *Provider {
	return &Provider{
		Issuer: f.URL, ClientID: "bulwark", ClientSecret: "hush",
		RedirectURL: "https://here.example/callback", Now: func() time.Time { return now },
	}
}

func start(t *testing.T, p *Provider, f fake) (sealed string, back Return) {
	t.Helper()
	started, err := p.Start(t.Context(), "/towns/demo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(started.Address, "hush") {
		t.Error("the secret goes through the browser")
	}
	back = f.visit(t, started.Address)
	if back.State != started.State {
		t.Errorf("state %q, want %q", back.State, started.State)
	}
	return started.Flow, back
}

func codeOf(err error) string {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestSignIn(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	sealed, back := start(t, p, f)
	want := Identity{"subject-7", "/towns/demo"}
	who, err := p.Finish(t.Context(), sealed, back)
	if err != nil || who != want {
		t.Fatalf("%q, %v", who, err)
	}
	back.Code = "second"
	f.Codes["second"] = nil
	if _, err := p.Finish(t.Context(), sealed, back); codeOf(err) != "sign_in_over" || f.Answers != 1 {
		t.Errorf("replayed: %v, asked %d times", err, f.Answers)
	}
	// Another server of the installation finishes what this one began.
	sealed, back = start(t, p, f)
	if who, err := f.provider().Finish(t.Context(), sealed, back); err != nil || who != want {
		t.Errorf("on another server: %q, %v", who, err)
	}
	// A server that does not remember the state is protected by the one-time code.
	if _, err := f.provider().Finish(t.Context(), sealed, back); codeOf(err) != "provider_refused" {
		t.Errorf("replayed there: %v", err)
	}
}

// What the provider signs must answer this flow, for this service, now.
func TestTokensThatDoNotHold(t *testing.T) {
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name string, value any) func(fake) {
		return func(f fake) { f.Claims = func(c map[string]any) { c[name] = value } }
	}
	for name, bend := range map[string]func(fake){
		"wrong nonce":       set("nonce", "another"),
		"no nonce":          set("nonce", ""),
		"wrong audience":    set("aud", "another"),
		"expired":           set("exp", now.Add(-time.Second).Unix()),
		"not yet good":      set("nbf", now.Add(time.Hour).Unix()),
		"other issuer":      set("iss", "https://other.example"),
		"no subject":        set("sub", ""),
		"for another party": set("azp", "another"),
		"several audiences": set("aud", []string{"bulwark", "another"}),
		"alg none":          func(f fake) { f.Header["alg"] = "none" },
		"alg HS256":         func(f fake) { f.Header["alg"] = "HS256" },
		"key of a stranger": func(f fake) { f.Signer = stranger },
		"unknown key":       func(f fake) { f.Header["kid"] = "x"; f.Signer = stranger },
		"claims changed": func(f fake) {
			f.Header["alg"] = "RS256"
			f.Signer = &rsa.PrivateKey{PublicKey: stranger.PublicKey, D: stranger.D, Primes: stranger.Primes}
		},
	} {
		f := newFake(t)
		p := f.provider()
		bend(f)
		sealed, back := start(t, p, f)
		if who, err := p.Finish(t.Context(), sealed, back); who.Subject != "" || codeOf(err) != "bad_identity" {
			t.Errorf("%s: %q, %v", name, who, err)
		}
	}
}

func TestFlowsThatDoNotHold(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	mine, back := start(t, p, f)
	other, _ := start(t, p, f)
	for name, c := range map[string]struct {
		sealed string
		back   Return
		want   string
	}{
		"no flow":          {"", back, "sign_in_over"},
		"flow of another":  {other, back, "sign_in_over"},
		"no state":         {mine, Return{Code: back.Code}, "sign_in_over"},
		"wrong state":      {mine, Return{State: back.State + "x", Code: back.Code}, "sign_in_over"},
		"not sealed by us": {part(make([]byte, 60)), back, "sign_in_over"},
		"bent":             {mine[:len(mine)-2] + "AA", back, "sign_in_over"},
		"no base64":        {"?", back, "sign_in_over"},
		"answer of a rogue": {
			mine,
			Return{State: back.State, Code: back.Code, Issuer: "https://rogue.example"},
			"bad_identity",
		},
	} {
		if _, err := p.Finish(t.Context(), c.sealed, c.back); codeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	stranger := f.provider()
	stranger.ClientSecret = "another"
	if _, err := stranger.Finish(t.Context(), mine, back); codeOf(err) != "sign_in_over" {
		t.Errorf("another secret: %v", err)
	}
	late := f.provider()
	late.Now = func() time.Time { return now.Add(FlowTime) }
	if _, err := late.Finish(t.Context(), mine, back); codeOf(err) != "sign_in_over" {
		t.Errorf("late: %v", err)
	}
	if f.Answers != 0 {
		t.Errorf("the provider was asked %d times", f.Answers)
	}
	denied, back := start(t, p, f)
	if _, err := p.Finish(t.Context(), denied,
		Return{State: back.State, Error: "access_denied"}); codeOf(err) != "provider_refused" {
		t.Errorf("denied: %v", err)
	}
	// A code that somebody else's flow got is of no use: PKCE.
	first, back := start(t, p, f)
	code := back.Code
	second, back := start(t, p, f)
	_ = first
	back.Code = code
	if _, err := p.Finish(t.Context(), second, back); codeOf(err) != "provider_refused" {
		t.Errorf("stolen code: %v", err)
	}
}

// The provider may be away when the service starts, and come later.
func TestTheProviderIsAway(t *testing.T) {
	f := newFake(t)
	p := f.provider()
	address := p.Issuer
	p.Issuer = "http://127.0.0.1:1"
	_, err := p.Start(t.Context(), "")
	if !fault.Is(err, fault.KindUnavailable) || codeOf(err) != "provider_away" {
		t.Errorf("away: %v", err)
	}
	p.Issuer = address
	sealed, back := start(t, p, f)
	f.Close()
	if _, err := p.Finish(t.Context(), sealed, back); codeOf(err) != "provider_away" {
		t.Errorf("went away: %v", err)
	}
}

func TestUsedStatesAreForgotten(t *testing.T) {
	clock := now
	p := &Provider{ClientSecret: "hush", Now: func() time.Time { return clock }}
	for i := range 100 {
		clock = now.Add(time.Duration(i) * time.Minute)
		p.spend(flow{State: rand.Text(), Ends: clock.Add(FlowTime)})
	}
	if len(p.used) > 10 {
		t.Errorf("remembers %d", len(p.used))
	}
}
