package api

import (
	"context"
	"net/http"

	"bulwark/internal/access"
	"bulwark/internal/fault"
	"bulwark/internal/oidc"
)

var errNoProvider = fault.NotFound("no_provider", "未设置外部身份提供方，请用密码登录", "no identity provider is configured: sign in by password")

type startOIDCRequest struct{}

// startOIDC sends the browser to the identity provider.
//
//	@ID			startOIDC
//	@Summary	Begin to sign in through the identity provider
//	@Tags		access
//	@Security
//	@Success	302
//	@Router		/oidc/start [get]
func (s *Server) startOIDC(ctx context.Context, _ startOIDCRequest) (Redirect, error) {
	if s.provider == nil {
		return Redirect{}, errNoProvider
	}
	if err := slowDown(s.logins.EnterUnnamed(traceOf(ctx).client, s.Now())); err != nil {
		return Redirect{}, err
	}
	to, flow, err := s.provider.Start(ctx)
	if err != nil {
		return Redirect{}, err
	}
	jarOf(ctx).set(s.cookie(flowCookie, flow, oidc.FlowTime, true)) // lax: the provider's page sends the browser back
	return Redirect{to, http.StatusFound}, nil
}

type finishOIDCRequest struct {
	anyQuery
	State  string `form:"state" validate:"max=200"`
	Code   string `form:"code" validate:"max=4096"`
	Issuer string `form:"iss" validate:"max=255"`
	Error  string `form:"error" validate:"max=200"`
}

// finishOIDC is where the identity provider sends the browser back: a session
// opens if an account is linked to who came.
//
//	@ID			finishOIDC
//	@Summary	End to sign in through the identity provider
//	@Tags		access
//	@Security
//	@Param		query	query	finishOIDCRequest	false	"."
//	@Success	303
//	@Router		/oidc/callback [get]
func (s *Server) finishOIDC(ctx context.Context, req finishOIDCRequest) (Redirect, error) {
	if s.provider == nil {
		return Redirect{}, errNoProvider
	}
	if err := slowDown(s.logins.EnterUnnamed(traceOf(ctx).client, s.Now())); err != nil {
		return Redirect{}, err
	}
	jar := jarOf(ctx)
	flow := jar.get(s.cookieName(flowCookie))
	jar.set(s.cookie(flowCookie, "", 0, true))
	subject, err := s.provider.Finish(ctx, flow, oidc.Return{State: req.State, Code: req.Code, Issuer: req.Issuer, Error: req.Error})
	if err != nil {
		s.noteRefusal(ctx, "", err)
		return Redirect{}, err
	}
	a, err := access.FindLinked(ctx, s.db(ctx), s.provider.Issuer, subject)
	if err != nil {
		s.noteRefusal(ctx, a.Name, err)
		return Redirect{}, err
	}
	_, err = s.signIn(ctx, a)
	return Redirect{"/", http.StatusSeeOther}, err
}

// anyQuery is embedded where others decide what the query holds.
type anyQuery struct{}

func (anyQuery) takesAny() {}
