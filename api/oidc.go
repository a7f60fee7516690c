package api

import (
	"context"
	"net/http"

	"bulwark/internal/access"
	"bulwark/internal/fault"
	"bulwark/internal/oidc"
	"bulwark/internal/rest"
)

var errNoProvider = fault.NotFound("no_provider", "未设置外部身份提供方，请用密码登录", "no identity provider is configured: sign in by password")

type startOIDCRequest struct{}

// startOIDC sends the browser to the identity provider.
//
//	@Summary	Begin to sign in through the identity provider
func (s *Server) startOIDC(ctx context.Context, _ startOIDCRequest) (rest.Redirect, error) {
	if s.provider == nil {
		return rest.Redirect{}, errNoProvider
	}
	if err := rest.TooManyRequests(s.logins.TakeUnnamed(rest.ClientAddress(ctx), s.Now())); err != nil {
		return rest.Redirect{}, err
	}
	to, flow, err := s.provider.Start(ctx)
	if err != nil {
		return rest.Redirect{}, err
	}
	// Lax: the provider's page sends the browser back.
	s.engine.SetCookie(ctx, flowCookie, flow, oidc.FlowTime, http.SameSiteLaxMode)
	return rest.Redirect{To: to}, nil
}

type finishOIDCRequest struct {
	rest.AnyQuery
	State  string `form:"state" validate:"max=200"`
	Code   string `form:"code" validate:"max=4096"`
	Issuer string `form:"iss" validate:"max=255"`
	Error  string `form:"error" validate:"max=200"`
}

// finishOIDC receives the browser from the identity provider: a session opens if an
// account is linked to the person who signed in there.
//
//	@Summary	End to sign in through the identity provider
func (s *Server) finishOIDC(ctx context.Context, req finishOIDCRequest) (rest.Redirect, error) {
	if s.provider == nil {
		return rest.Redirect{}, errNoProvider
	}
	if err := rest.TooManyRequests(s.logins.TakeUnnamed(rest.ClientAddress(ctx), s.Now())); err != nil {
		return rest.Redirect{}, err
	}
	flow := s.engine.Cookie(ctx, flowCookie)
	s.engine.SetCookie(ctx, flowCookie, "", 0, http.SameSiteLaxMode)
	subject, err := s.provider.Finish(ctx, flow, oidc.Return{State: req.State, Code: req.Code, Issuer: req.Issuer, Error: req.Error})
	if err != nil {
		s.noteRefusal(ctx, "", err)
		return rest.Redirect{}, err
	}
	a, err := access.FindLinked(ctx, s.db(ctx), s.provider.Issuer, subject)
	if err != nil {
		s.noteRefusal(ctx, a.Name, err)
		return rest.Redirect{}, err
	}
	_, err = s.signIn(ctx, a)
	return rest.Redirect{To: "/"}, err
}
