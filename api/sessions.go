package api

import (
	"context"
	"strings"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/fault"
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
	Account  string `json:"account" validate:"required,max=64" example:"li.ming"`
	Password hidden `json:"password" validate:"required" swaggertype:"string" example:"correct horse battery"`
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
func (s *Server) createSession(ctx context.Context, req createSessionRequest) (Created[Session], error) {
	name := strings.ToLower(req.Body.Account)
	if err := slowDown(s.logins.Enter(name, traceOf(ctx).client, s.Now())); err != nil {
		s.signIns.WithLabelValues("limited").Inc()
		return Created[Session]{}, err
	}
	a, err := access.CheckPassword(ctx, s.db(ctx), s.Passwords, name, req.Body.Password.value)
	if err != nil {
		s.noteRefusal(ctx, a.Name, err)
		return Created[Session]{}, err
	}
	session, err := s.signIn(ctx, a)
	return Created[Session]{Value: session}, err
}

// noteRefusal counts and logs a sign-in that failed. A name that no account has
// stays out of the log: people type passwords into the wrong field.
func (s *Server) noteRefusal(ctx context.Context, account string, err error) {
	outcome := "refused"
	if !fault.Is(err, fault.KindUnauthenticated) && !fault.Is(err, fault.KindForbidden) {
		outcome = "failed"
	}
	s.signIns.WithLabelValues(outcome).Inc()
	t := traceOf(ctx)
	s.Log.InfoContext(ctx, "sign-in "+outcome, "account", account, "client", t.client, "request_id", t.id)
}

// signIn opens a session of the account and gives the browser its cookie.
func (s *Server) signIn(ctx context.Context, a access.Account) (Session, error) {
	p, err := access.PrincipalOf(ctx, s.db(ctx), a)
	if err != nil {
		s.noteRefusal(ctx, a.Name, err)
		return Session{}, err
	}
	stored, value, err := access.OpenSession(recorded(ctx, p), s.db(ctx), a, s.Config.SessionMax)
	if err != nil {
		return Session{}, err
	}
	s.signIns.WithLabelValues("in").Inc()
	traceOf(ctx).caller = p
	jarOf(ctx).set(s.cookie(sessionCookie, value, s.Config.SessionMax, false))
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

type endSessionRequest struct{ ifMatch }

// endSession signs out.
//
//	@ID			endSession
//	@Summary	Sign out
//	@Tags		access
//	@Success	204
//	@Router		/session [delete]
func (s *Server) endSession(ctx context.Context, req endSessionRequest) (Nothing, error) {
	value, err := s.ownSession(ctx)
	switch {
	case err != nil:
		return Nothing{}, err
	case req.Version != 1:
		return Nothing{}, fault.OutOfDate()
	}
	if err := access.EndSession(ctx, s.db(ctx), value); err != nil {
		return Nothing{}, err
	}
	jarOf(ctx).set(s.cookie(sessionCookie, "", 0, false))
	return Nothing{}, nil
}

var errNotSignedIn = fault.Unauthenticated("not_signed_in", "请先登录：POST /sessions", "sign in first: POST /sessions")

// ownSession is the secret of the session that let the caller in. A caller with
// a key has none, whatever cookie comes along.
func (s *Server) ownSession(ctx context.Context) (string, error) {
	if access.Caller(ctx).Account == "" {
		return "", errNotSignedIn
	}
	return jarOf(ctx).get(s.cookieName(sessionCookie)), nil
}

type passwordInput struct {
	Old      hidden `json:"old" validate:"required" swaggertype:"string"`
	Password hidden `json:"password" validate:"required" swaggertype:"string" example:"correct horse battery"` // 12 to 128 characters
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
	if err := slowDown(s.logins.Enter(name, traceOf(ctx).client, s.Now())); err != nil {
		return access.Account{}, err
	}
	return access.ChangePassword(ctx, s.db(ctx), s.Passwords, access.PasswordChange{Account: name, Old: req.Body.Old.value, New: req.Body.Password.value, Session: value})
}
