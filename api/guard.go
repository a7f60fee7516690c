package api

import (
	"cmp"
	"context"
	"crypto/hmac"
	"math"
	"net/http"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/fault"
	"bulwark/internal/gate"
	"bulwark/internal/oidc"
)

var (
	errCrossSite = fault.Forbidden("cross_site", "请求来自其他网站，已拒绝", "the request comes from another site and is refused")
	errNoCSRF    = fault.Forbidden("csrf_token",
		"请在 X-CSRF-Token 中给出 GET /session 的 csrf_token", "send the header X-CSRF-Token: it is csrf_token of GET /session")
	errMustChange = fault.Forbidden("password_change_needed",
		"请先用 POST /me/password 更换一次性密码", "change your one-time password first: POST /me/password")
)

// guard prepares what stands in front of the handlers.
func (s *Server) guard() {
	c := s.Config
	s.logins = gate.NewLogin()
	s.signIns = newSignIns(s.Metrics)
	if s.Passwords == nil {
		s.Passwords = access.NewPasswords(access.PasswordCost)
	}
	if c.Rate > 0 {
		s.paces = gate.New(float64(c.Rate), c.Burst, maxPaces)
	}
	if c.OIDCIssuer != "" {
		s.provider = &oidc.Provider{
			Issuer: c.OIDCIssuer, ClientID: c.OIDCClientID, ClientSecret: c.OIDCClientSecret, RedirectURL: c.OIDCRedirectURL, Now: s.Now,
		}
	}
}

// maxPaces bounds the memory of callers: about 300 bytes each.
const maxPaces = 1 << 16

// sameSite refuses what a page of another site makes a browser send.
var sameSite http.CrossOriginProtection

// welcome lets everybody in but a page of another site that signs a browser in.
func welcome(r *http.Request, action access.Action) error {
	if action == access.SignIn && sameSite.Check(r) != nil {
		return errCrossSite
	}
	return nil
}

// bySession finds who stands behind the session of the request. A change needs
// the token that only pages of this service can know.
func (s *Server) bySession(r *http.Request, action access.Action) (access.Principal, error) {
	jar := jarOf(r.Context())
	secret := jar.get(s.cookieName(sessionCookie))
	if secret == "" {
		return access.Principal{}, nil
	}
	if !safe(r.Method) {
		if sameSite.Check(r) != nil {
			return access.Principal{}, errCrossSite
		}
		if !hmac.Equal([]byte(r.Header.Get("X-CSRF-Token")), []byte(access.CSRFToken(secret))) {
			return access.Principal{}, errNoCSRF
		}
	}
	_, a, err := access.FindSession(r.Context(), s.DB, secret, s.Config.SessionIdle)
	if err != nil {
		if fault.Is(err, fault.KindUnauthenticated) {
			jar.set(s.cookie(sessionCookie, "", 0, false))
		}
		return access.Principal{}, err
	}
	if a.MustChange && action != access.ReadIdentity && action != access.OwnIdentity {
		return access.Principal{}, errMustChange
	}
	p, err := access.PrincipalOf(r.Context(), s.DB, a)
	if action == access.OwnIdentity && fault.Is(err, fault.KindForbidden) {
		err = nil
	}
	return p, err
}

// pace slows down a caller who asks too often: by key or account, and strangers
// by address.
func (s *Server) pace(ctx context.Context, p access.Principal) error {
	if s.paces == nil {
		return nil
	}
	name := cmp.Or(p.Credential(), "address/"+gate.Network(traceOf(ctx).client))
	return slowDown(s.paces.Enter(name, s.Now()))
}

// slowDown is the answer to who has to wait; nobody has to wait 0.
func slowDown(wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	seconds := int(math.Ceil(wait.Seconds()))
	e := fault.TooManyRequests("too_many_requests", "请求太频繁，请 %d 秒后再试", "too many requests: try again in %d s", seconds)
	e.RetryAfter = wait
	return e
}
