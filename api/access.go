package api

import (
	"context"
	"crypto/hmac"
	"net/http"
	"strings"

	"bulwark/internal/access"
	"bulwark/internal/fault"
	"bulwark/internal/rest"
	"bulwark/internal/text"
)

var (
	errNoCSRF = fault.Forbidden("csrf_token",
		"请在 X-CSRF-Token 中给出 GET /session 的 csrf_token", "send the header X-CSRF-Token: it is csrf_token of GET /session")
	errMustChange = fault.Forbidden("password_change_needed",
		"请先用 POST /me/password 更换一次性密码", "change your one-time password first: POST /me/password")
)

// identify returns who stands behind the key of the request, or else behind its
// session.
func (s *Server) identify(r *http.Request, action access.Action) (access.Principal, error) {
	given := r.Header["Authorization"]
	if len(given) == 0 {
		return s.bySession(r, action)
	}
	scheme, key, _ := strings.Cut(given[0], " ")
	if len(given) > 1 || !strings.EqualFold(scheme, "Bearer") || key == "" || !text.Printable(key, false) {
		return access.Principal{}, fault.Unauthenticated("authorization_scheme",
			"请使用请求头 Authorization: Bearer 密钥", "send the header Authorization: Bearer KEY")
	}
	p, err := s.Authenticate(r.Context(), strings.TrimSpace(key))
	if err == nil {
		s.Jobs.Touch(p.Key, s.Now())
	}
	return p, err
}

// bySession returns who stands behind the session of the request. A change needs
// the token that only pages of this service can know.
func (s *Server) bySession(r *http.Request, action access.Action) (access.Principal, error) {
	ctx := r.Context()
	secret := s.engine.Cookie(ctx, sessionCookie)
	if secret == "" {
		return access.Principal{}, nil
	}
	if !rest.Safe(r.Method) {
		if err := rest.CheckOrigin(r); err != nil {
			return access.Principal{}, err
		}
		if !hmac.Equal([]byte(r.Header.Get("X-CSRF-Token")), []byte(access.CSRFToken(secret))) {
			return access.Principal{}, errNoCSRF
		}
	}
	_, a, err := access.FindSession(ctx, s.DB, secret, s.Config.SessionIdle)
	if err != nil {
		if fault.Is(err, fault.KindUnauthenticated) {
			s.endCookie(ctx)
		}
		return access.Principal{}, err
	}
	if a.MustChange && action != access.ReadIdentity && action != access.OwnIdentity {
		return access.Principal{}, errMustChange
	}
	p, err := access.PrincipalOf(ctx, s.DB, a)
	if action == access.OwnIdentity && fault.Is(err, fault.KindForbidden) {
		err = nil
	}
	return p, err
}

// endCookie makes the browser forget its session.
func (s *Server) endCookie(ctx context.Context) {
	s.engine.SetCookie(ctx, sessionCookie, "", 0, http.SameSiteStrictMode)
}

// authorise returns an error unless the caller may do the action in the town.
func (s *Server) authorise(ctx context.Context, action access.Action, town string) error {
	p := access.Caller(ctx)
	return s.authCache.Check(authKeyOf(p, action, town), func() error { return s.Authorize(ctx, p, action, town) })
}
