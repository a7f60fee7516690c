package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/fault"
	"bulwark/internal/oidc"
	"bulwark/internal/rest"
)

// Session is a browser that is signed in, as its pages see it.
type Session struct {
	access.Principal
	MustChange bool      `json:"must_change"`         // nothing else is allowed before POST /me/password
	CSRFToken  string    `json:"csrf_token"`          // to send as X-CSRF-Token with each change
	EndsAt     time.Time `json:"ends_at"`             // at the latest
	Version    int64     `json:"version" example:"1"` // always 1: a session is ended, never changed
}

// ETag is the version as an HTTP entity tag.
func (Session) ETag() string { return `"1"` }

type signInInput struct {
	Account  string      `json:"account" validate:"required,max=64" example:"li.ming"`
	Password rest.Secret `json:"password" validate:"required" swaggertype:"string" example:"correct horse battery"`
}

type createSessionRequest struct{ Body signInInput }

// createSession signs in. The cookie of the answer is what lets the browser in;
// scripts cannot read it.
//
//	@ID			createSession
//	@Summary	Sign in by name and password
//	@Tags		access
//	@Security
//	@Param		body	body		signInInput	true	"who, and the password"
//	@Success	201		{object}	Session
//	@Router		/sessions [post]
func (s *Server) createSession(ctx context.Context, req createSessionRequest) (rest.Created[Session], error) {
	name := strings.ToLower(req.Body.Account)
	if err := rest.TooManyRequests(s.logins.Take(name, rest.ClientAddress(ctx), s.Now())); err != nil {
		s.signIns.WithLabelValues("limited").Inc()
		return rest.Created[Session]{}, err
	}
	a, err := access.CheckPassword(ctx, s.db(ctx), s.Passwords, name, req.Body.Password.Value())
	if err != nil {
		s.noteRefusal(ctx, a.Name, err)
		return rest.Created[Session]{}, err
	}
	session, err := s.signIn(ctx, a)
	return rest.Created[Session]{Value: session}, err
}

// noteRefusal counts and logs a sign-in that failed. A name that no account has
// stays out of the log: people type passwords into the wrong field.
func (s *Server) noteRefusal(ctx context.Context, account string, err error) {
	outcome := "refused"
	if !fault.Is(err, fault.KindUnauthenticated) && !fault.Is(err, fault.KindForbidden) {
		outcome = "failed"
	}
	s.signIns.WithLabelValues(outcome).Inc()
	s.Log.InfoContext(ctx, "sign-in "+outcome,
		"account", account, "client", rest.ClientAddress(ctx), "request_id", rest.RequestID(ctx))
}

// signIn opens a session of the account and gives the browser its cookie.
func (s *Server) signIn(ctx context.Context, a access.Account) (Session, error) {
	p, err := access.PrincipalOf(ctx, s.db(ctx), a)
	if err != nil {
		s.noteRefusal(ctx, a.Name, err)
		return Session{}, err
	}
	stored, value, err := access.OpenSession(rest.WithActor(ctx, p), s.db(ctx), a, s.Config.SessionMax)
	if err != nil {
		return Session{}, err
	}
	s.signIns.WithLabelValues("in").Inc()
	rest.SetCaller(ctx, p)
	s.engine.SetCookie(ctx, sessionCookie, value, s.Config.SessionMax, http.SameSiteStrictMode)
	return Session{p, a.MustChange, access.CSRFToken(value), stored.EndsAt, 1}, nil
}

type findSessionRequest struct{}

// findSession answers who is signed in, with the token that changes need.
//
//	@ID			findSession
//	@Summary	Who is signed in in this browser?
//	@Tags		access
//	@Success	200	{object}	Session
//	@Router		/session [get]
func (s *Server) findSession(ctx context.Context, _ findSessionRequest) (Session, error) {
	value, err := s.ownSession(ctx)
	if err != nil {
		return Session{}, err
	}
	stored, a, err := access.FindSession(ctx, s.db(ctx), value, s.Config.SessionIdle)
	return Session{access.Caller(ctx), a.MustChange, access.CSRFToken(value), stored.EndsAt, 1}, err
}

type endSessionRequest struct{ rest.IfMatch }

// endSession signs out.
//
//	@ID			endSession
//	@Summary	Sign out
//	@Tags		access
//	@Success	204
//	@Router		/session [delete]
func (s *Server) endSession(ctx context.Context, req endSessionRequest) (rest.Nothing, error) {
	value, err := s.ownSession(ctx)
	switch {
	case err != nil:
		return rest.Nothing{}, err
	case req.Version != 1:
		return rest.Nothing{}, fault.OutOfDate()
	}
	if err := access.EndSession(ctx, s.db(ctx), value); err != nil {
		return rest.Nothing{}, err
	}
	s.endCookie(ctx)
	return rest.Nothing{}, nil
}

var errNotSignedIn = fault.Unauthenticated("not_signed_in", "请先登录：POST /sessions", "sign in first: POST /sessions")

// ownSession is the secret of the session that let the caller in. A caller with
// a key has none, whatever cookie comes along.
func (s *Server) ownSession(ctx context.Context) (string, error) {
	if access.Caller(ctx).Account == "" {
		return "", errNotSignedIn
	}
	return s.engine.Cookie(ctx, sessionCookie), nil
}

type passwordInput struct {
	Old      rest.Secret `json:"old" validate:"required" swaggertype:"string"`
	Password rest.Secret `json:"password" validate:"required" swaggertype:"string" example:"correct horse battery"` // 12 to 128 characters
}

type changePasswordRequest struct{ Body passwordInput }

// changePassword replaces the caller's own password. All other sessions of the
// account end.
//
//	@ID			changePassword
//	@Summary	Change my password
//	@Tags		access
//	@Param		body	body		passwordInput	true	"the present password and the new one"
//	@Success	200		{object}	access.Account
//	@Router		/me/password [post]
func (s *Server) changePassword(ctx context.Context, req changePasswordRequest) (access.Account, error) {
	value, err := s.ownSession(ctx)
	if err != nil {
		return access.Account{}, err
	}
	name := access.Caller(ctx).Account
	if err := rest.TooManyRequests(s.logins.Take(name, rest.ClientAddress(ctx), s.Now())); err != nil {
		return access.Account{}, err
	}
	return access.ChangePassword(ctx, s.db(ctx), s.Passwords, name, req.Body.Old.Value(), req.Body.Password.Value(), value)
}

// Names of cookies: of a session, and of a sign-in under way at the provider.
const (
	sessionCookie = "bulwark"
	flowCookie    = "bulwark-oidc"
)

// secretBody is the most bytes of a request that holds names and secrets alone.
const secretBody = 4096

// Me is the caller as the service sees him or her.
type Me struct {
	access.Principal
	Actions []access.Action `json:"actions"` // what the caller may do under the acting role; without a key: where a town opens its results
}

type meRequest struct{}

// me answers who the caller is. Without a key there is no role.
//
//	@ID			me
//	@Summary	Who am I, and what may I do?
//	@Tags		access
//	@Security
//	@Success	200	{object}	Me
//	@Router		/me [get]
func (s *Server) me(ctx context.Context, _ meRequest) (Me, error) {
	p := access.Caller(ctx)
	may := slices.DeleteFunc(access.ActionsOf(p.Role), func(a access.Action) bool { return !p.May(a) })
	return Me{p, may}, nil
}

type setupInput struct {
	Token    rest.Secret `json:"token" validate:"required" swaggertype:"string"` // as bulwark serve or bulwark setup printed it
	Account  string      `json:"account" validate:"required,max=64" example:"admin"`
	Password rest.Secret `json:"password" validate:"required" swaggertype:"string" example:"correct horse battery"` // 12 to 128 characters
}

type setUpRequest struct{ Body setupInput }

// setUp makes the first administrator, once: there is nothing here afterwards.
//
//	@ID			setUp
//	@Summary	Make the first administrator of an empty installation
//	@Tags		access
//	@Security
//	@Param		body	body		setupInput	true	"the token that the service printed, and the account to make"
//	@Success	201		{object}	access.Account
//	@Router		/setup [post]
func (s *Server) setUp(ctx context.Context, req setUpRequest) (rest.Created[access.Account], error) {
	if err := rest.TooManyRequests(s.logins.TakeUnnamed(rest.ClientAddress(ctx), s.Now())); err != nil {
		return rest.Created[access.Account]{}, err
	}
	b := req.Body
	ctx = rest.WithActor(ctx, access.Principal{Account: b.Account, Role: access.Admin})
	a, err := access.SetUp(ctx, s.db(ctx), s.Passwords, b.Token.Value(), b.Account, b.Password.Value())
	return rest.Created[access.Account]{Value: a}, err
}

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
