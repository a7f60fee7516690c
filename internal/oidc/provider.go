// Package oidc signs people in through an outside OpenID Connect provider, by the
// authorization code flow with state, nonce and PKCE. It returns the identity at the
// provider; which account that is, others decide.
package oidc

import (
	"context"
	"net/http"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"bulwark/internal/fault"
)

// Provider is the outside provider. Fill the fields, then use it from as many
// goroutines as you like. It is asked for its keys at the first use, so that
// this service starts without it.
type Provider struct {
	Issuer       string
	ClientID     string
	ClientSecret string
	RedirectURL  string
	Now          func() time.Time

	mu    sync.Mutex
	found *discovered
	used  map[string]time.Time // states that came back, until their flow is over anyway
}

type discovered struct {
	verifier *gooidc.IDTokenVerifier
	client   oauth2.Config
}

// patience is how long the provider may take to answer.
const patience = 10 * time.Second

func away(cause error) error {
	e := fault.Unavailable("provider_away", "身份提供方暂时无法访问，请稍后再试或用密码登录", "the identity provider does not answer: try again later, or sign in by password")
	e.RetryAfter = 10 * time.Second
	return e.Because(cause)
}

// outgoing makes requests to the provider end in time.
func outgoing(ctx context.Context) context.Context {
	return gooidc.ClientContext(ctx, &http.Client{Timeout: patience})
}

// discover reads the provider's document once it can be had. Two at once may
// both read it: that does no harm.
func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	found := p.found
	p.mu.Unlock()
	if found != nil {
		return found, nil
	}
	provider, err := gooidc.NewProvider(outgoing(ctx), p.Issuer)
	if err != nil {
		return nil, away(err)
	}
	found = &discovered{
		provider.Verifier(&gooidc.Config{ClientID: p.ClientID, Now: p.Now}),
		oauth2.Config{
			ClientID: p.ClientID, ClientSecret: p.ClientSecret, RedirectURL: p.RedirectURL,
			Endpoint: provider.Endpoint(), Scopes: []string{gooidc.ScopeOpenID},
		},
	}
	p.mu.Lock()
	p.found = found
	p.mu.Unlock()
	return found, nil
}
