package oidc

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"bulwark/internal/fault"
)

// Return is what the provider sends the browser back with.
type Return struct {
	State  string
	Code   string
	Issuer string // RFC 9207; empty where the provider does not send it
	Error  string // why the provider did not let the person in
}

var (
	errFlow = fault.Unauthenticated("sign_in_over",
		"这次登录已过期、已完成或不是从本浏览器开始的，请重新登录", "this sign-in took too long, is over, or began in another browser: sign in again")
	errRefused  = fault.Unauthenticated("provider_refused", "身份提供方拒绝了登录", "the identity provider refused the sign-in")
	errIdentity = fault.Unauthenticated("bad_identity", "身份提供方的答复未通过核验，请重新登录；再次出现请联系管理员",
		"the answer of the identity provider could not be verified: sign in again, and ask an administrator if it happens again")
)

// Started is a sign-in under way: the address to send the browser to, and the flow that
// the browser must bring back, kept under its state.
type Started struct{ Address, State, Flow string }

// Identity is a person as the provider knows him or her, and where the sign-in began to go.
type Identity struct{ Subject, Return string }

// Start begins a sign-in. Finish returns returnTo unchanged.
func (p *Provider) Start(ctx context.Context, returnTo string) (Started, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return Started{}, err
	}
	f := flow{rand.Text(), rand.Text(), oauth2.GenerateVerifier(), returnTo, p.Now().Add(FlowTime)}
	sealed, err := p.seal(f)
	address := found.client.AuthCodeURL(f.State, gooidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier))
	return Started{address, f.State, sealed}, err
}

// Finish ends a sign-in and returns who signed in. Each flow is good once.
func (p *Provider) Finish(ctx context.Context, sealed string, r Return) (Identity, error) {
	f, ok := p.open(sealed)
	switch {
	case !ok, subtle.ConstantTimeCompare([]byte(f.State), []byte(r.State)) != 1:
		return Identity{}, errFlow
	case r.Issuer != "" && r.Issuer != p.Issuer:
		return Identity{}, errIdentity
	case !p.spend(f):
		return Identity{}, errFlow
	case r.Error != "", r.Code == "":
		return Identity{}, errRefused
	}
	found, err := p.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	ctx = outgoing(ctx)
	token, err := found.client.Exchange(ctx, r.Code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return Identity{}, exchangeFault(err)
	}
	subject, err := found.identify(ctx, token, f.Nonce)
	return Identity{subject, f.Return}, err
}

// exchangeFault distinguishes a provider that refuses from one that is not reachable.
func exchangeFault(err error) error {
	var answered *oauth2.RetrieveError
	if errors.As(err, &answered) && answered.Response.StatusCode < http.StatusInternalServerError {
		return errRefused
	}
	return away(err)
}

// identify verifies the token: signature, issuer, audience and times by the library; here
// that it belongs to this flow and was made for this service.
func (d *discovered) identify(ctx context.Context, token *oauth2.Token, nonce string) (string, error) {
	raw, _ := token.Extra("id_token").(string)
	id, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return "", errIdentity
	}
	var claims struct {
		Party string `json:"azp"`
	}
	if err := id.Claims(&claims); err != nil || id.Subject == "" ||
		claims.Party != "" && claims.Party != d.client.ClientID || len(id.Audience) > 1 && claims.Party == "" ||
		subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return "", errIdentity
	}
	return id.Subject, nil
}

// FlowTime is how long somebody may take at the provider.
const FlowTime = 10 * time.Minute

// flow is one sign-in under way. The browser keeps it, sealed, so that any
// server of the installation can finish what another one began.
type flow struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // of PKCE
	Return   string    `json:"r,omitempty"`
	Ends     time.Time `json:"e"`
}

// seal makes the flow unreadable and unforgeable without the client secret.
func (p *Provider) seal(f flow) (string, error) {
	box, err := p.box()
	if err != nil {
		return "", err
	}
	open, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, box.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(box.Seal(nonce, nonce, open, nil)), nil
}

// open returns the flow if this installation sealed it and it is not over.
func (p *Provider) open(sealed string) (f flow, ok bool) {
	box, err := p.box()
	if err != nil {
		return flow{}, false
	}
	data, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(data) < box.NonceSize() {
		return flow{}, false
	}
	open, err := box.Open(nil, data[:box.NonceSize()], data[box.NonceSize():], nil)
	if err != nil || json.Unmarshal(open, &f) != nil {
		return flow{}, false
	}
	return f, p.Now().Before(f.Ends)
}

func (p *Provider) box() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(p.ClientSecret), nil, "bulwark oidc flow", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// spend reports whether the flow is used for the first time, as far as this
// server knows; the provider refuses a code that is used twice.
func (p *Provider) spend(f flow) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now()
	for state, ends := range p.used {
		if !now.Before(ends) {
			delete(p.used, state)
		}
	}
	if _, again := p.used[f.State]; again {
		return false
	}
	if p.used == nil {
		p.used = map[string]time.Time{}
	}
	p.used[f.State] = f.Ends
	return true
}
