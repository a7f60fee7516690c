package api

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/credential"
	"bulwark/internal/fault"
	"bulwark/internal/oidc"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/text"
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

// signInInput is an account and its password.
type signInInput struct {
	Account  string      `json:"account" validate:"required,max=64" example:"li.ming"`
	Password rest.Secret `json:"password" validate:"required" swaggertype:"string" example:"correct horse battery"`
}

type createSessionRequest struct{ Body signInInput }

// createSession signs in. The cookie of the answer is what lets the browser in;
// scripts cannot read it.
//
//	@Summary	Sign in by name and password
func (s *Server) createSession(ctx context.Context, req createSessionRequest) (rest.Created[Session], error) {
	name := strings.ToLower(req.Body.Account)
	var session Session
	err := s.try(ctx, name, func() (err error) {
		a, err := credential.CheckPassword(ctx, s.db(ctx), s.Passwords, name, req.Body.Password.Value())
		if err != nil {
			s.noteRefusal(ctx, a.Name, err)
			return err
		}
		session, err = s.signIn(ctx, a)
		return err
	})
	if fault.Is(err, fault.KindTooManyRequests) {
		s.signIns.WithLabelValues("limited").Inc()
	}
	return rest.Created[Session]{Value: session}, err
}

// try runs what looks at a secret of the account, or at one that names none (""). It is
// refused where the caller's address, or the account, has failed too often; a success
// costs nothing.
func (s *Server) try(ctx context.Context, account string, look func() error) error {
	t, wait := s.logins.Take(account, rest.ClientAddress(ctx), s.Now())
	if err := rest.TooManyRequests(wait); err != nil {
		return err
	}
	succeeded := false // and still so after a panic
	defer func() { t.End(succeeded, s.Now()) }()
	err := look()
	succeeded = err == nil
	return err
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
func (s *Server) signIn(ctx context.Context, a credential.Account) (Session, error) {
	p, err := credential.PrincipalOf(ctx, s.db(ctx), a)
	if err != nil {
		s.noteRefusal(ctx, a.Name, err)
		return Session{}, err
	}
	stored, value, err := credential.OpenSession(rest.WithActor(ctx, p), s.db(ctx), a, s.Config.SessionMax)
	if err != nil {
		return Session{}, err
	}
	s.signIns.WithLabelValues("in").Inc()
	rest.SetCaller(ctx, p)
	s.engine.SetCookie(ctx, sessionCookie, value, s.Config.SessionMax, http.SameSiteStrictMode)
	return Session{p, a.MustChange, credential.CSRFToken(value), stored.EndsAt, 1}, nil
}

type findSessionRequest struct{}

// findSession returns who is signed in, with the token that changes need.
//
//	@Summary	Who is signed in in this browser?
func (s *Server) findSession(ctx context.Context, _ findSessionRequest) (Session, error) {
	value, err := s.ownSession(ctx)
	if err != nil {
		return Session{}, err
	}
	stored, a, err := credential.FindSession(ctx, s.db(ctx), value, s.Config.SessionIdle)
	return Session{access.PrincipalFrom(ctx), a.MustChange, credential.CSRFToken(value), stored.EndsAt, 1}, err
}

type endSessionRequest struct{ rest.IfMatch }

// endSession signs out.
//
//	@Summary	Sign out
func (s *Server) endSession(ctx context.Context, req endSessionRequest) (rest.Nothing, error) {
	value, err := s.ownSession(ctx)
	switch {
	case err != nil:
		return rest.Nothing{}, err
	case req.Version != 1:
		return rest.Nothing{}, fault.OutOfDate()
	}
	if err := credential.EndSession(ctx, s.db(ctx), value); err != nil {
		return rest.Nothing{}, err
	}
	s.endCookie(ctx)
	rest.ClearStorage(ctx)
	return rest.Nothing{}, nil
}

var errNotSignedIn = fault.Unauthenticated("not_signed_in", "请先登录：POST /sessions", "sign in first: POST /sessions")

// ownSession is the secret of the session that let the caller in. A caller with
// a key has none, whatever cookie comes along.
func (s *Server) ownSession(ctx context.Context) (string, error) {
	if access.PrincipalFrom(ctx).Account == "" {
		return "", errNotSignedIn
	}
	return s.engine.Cookie(ctx, sessionCookie), nil
}

// passwordInput is the present password and the new one.
type passwordInput struct {
	Old rest.Secret `json:"old" validate:"required" swaggertype:"string"`
	// 12 to 128 characters
	Password rest.Secret `json:"password" validate:"required" swaggertype:"string" example:"correct horse battery"`
}

type changePasswordRequest struct{ Body passwordInput }

// changePassword replaces the caller's own password. All other sessions of the
// account end.
//
//	@Summary	Change my password
func (s *Server) changePassword(ctx context.Context, req changePasswordRequest) (credential.Account, error) {
	value, err := s.ownSession(ctx)
	if err != nil {
		return credential.Account{}, err
	}
	name := access.PrincipalFrom(ctx).Account
	var a credential.Account
	err = s.try(ctx, name, func() (err error) {
		a, err = credential.ChangePassword(ctx, s.db(ctx), s.Passwords, credential.PasswordChange{
			Account: name, Old: req.Body.Old.Value(), New: req.Body.Password.Value(), Session: value,
		})
		return err
	})
	return a, err
}

// Names of cookies: of a session, and how those of sign-ins under way at the provider
// begin. Each has one of its own, named by its state, so that two tabs do not disturb
// each other.
const (
	sessionCookie = "bulwark"
	flowCookie    = "bulwark-oidc-"
)

// maxFlows is how many sign-ins may be under way in one browser. Those begun first end
// where there are more: proxies take 8 KB of cookies, and each has up to 1 KB.
const maxFlows = 5

// maxReturn is how long the way back may be, in bytes as it is sent.
const maxReturn = 512

// secretBody is the most bytes of a request that holds names and secrets alone.
const secretBody = 4096

// Me is the caller as the service sees him or her.
type Me struct {
	access.Principal
	Actions []policy.Action `json:"actions"` // what the caller may do under the acting role; without a key: where a town opens its results
	// new rights to decide that wait until somebody like the caller acknowledges them
	RightsWaiting int64 `json:"rights_waiting,omitempty,omitzero"`
}

type meRequest struct{}

// me returns who the caller is. Without a key there is no role.
//
//	@Summary	Who am I, and what may I do?
func (s *Server) me(ctx context.Context, _ meRequest) (Me, error) {
	p := access.PrincipalFrom(ctx)
	may := slices.DeleteFunc(p.Role.Actions(), func(a policy.Action) bool { return !p.May(a) })
	me := Me{Principal: p, Actions: may}
	var err error
	if p.May(policy.AcknowledgeRights) && len(p.Towns) == 1 {
		me.RightsWaiting, err = credential.CountRights(ctx, s.db(ctx), p.Towns[0])
	}
	return me, err
}

// setupInput is the token that the service printed at its first start, and the first
// account.
type setupInput struct {
	// as bulwark serve or bulwark setup printed it
	Token   rest.Secret `json:"token" validate:"required" swaggertype:"string"`
	Account string      `json:"account" validate:"required,max=64" example:"admin"`
	// 12 to 128 characters
	Password rest.Secret `json:"password" validate:"required" swaggertype:"string" example:"correct horse battery"`
}

type setUpRequest struct{ Body setupInput }

// setUp makes the first administrator, once: there is nothing here afterwards.
//
//	@Summary	Make the first administrator of an empty installation
func (s *Server) setUp(ctx context.Context, req setUpRequest) (rest.Created[credential.Account], error) {
	b := req.Body
	ctx = rest.WithActor(ctx, access.Principal{Account: b.Account, Role: policy.Admin})
	var a credential.Account
	err := s.try(ctx, "", func() (err error) {
		a, err = credential.SetUp(ctx, s.db(ctx), s.Passwords, credential.FirstAdmin{
			Token: b.Token.Value(), Name: b.Account, Password: b.Password.Value(),
		})
		return err
	})
	return rest.Created[credential.Account]{Value: a}, err
}

var errNoProvider = fault.NotFound("no_provider",
	"未设置外部身份提供方，请用密码登录", "no identity provider is configured: sign in by password")

type startOIDCRequest struct {
	// where the browser goes once it is signed in: a path of this service; its first page if absent
	Return string `form:"return" validate:"max=512" example:"/towns/demo"`
}

// startOIDC sends the browser to the identity provider.
//
//	@Summary	Begin to sign in through the identity provider
func (s *Server) startOIDC(ctx context.Context, req startOIDCRequest) (rest.Redirect, error) {
	if s.provider == nil {
		return rest.Redirect{}, errNoProvider
	}
	to, ok := localPath(req.Return)
	if !ok {
		return rest.Redirect{}, rest.Malformed(fault.Field("query/return", "return_path",
			"返回地址必须是本服务内以 / 开头的路径，例如 /towns/demo", "must be a path of this service that begins with /, such as /towns/demo"))
	}
	var started oidc.Started
	err := s.try(ctx, "", func() (err error) {
		started, err = s.provider.Start(ctx, to)
		return err
	})
	if err != nil {
		return rest.Redirect{}, err
	}
	flows := s.engine.CookiesOf(ctx, flowCookie)
	for _, oldest := range flows[:max(len(flows)-maxFlows+1, 0)] { // browsers send what they got first in front
		s.endFlow(ctx, oldest)
	}
	// Lax: the provider's page sends the browser back.
	s.engine.SetCookie(ctx, flowCookie+started.State, started.Flow, oidc.FlowTime, http.SameSiteLaxMode)
	return rest.Redirect{To: started.Address}, nil
}

// endFlow takes the cookie of a sign-in under way from the browser.
func (s *Server) endFlow(ctx context.Context, name string) {
	s.engine.SetCookie(ctx, name, "", 0, http.SameSiteLaxMode)
}

// localPath returns the address as it is sent, and whether every browser takes it for a path
// of this service: no other host, however often a proxy on the way decodes it and tidies its
// slashes and dots. An empty one is.
func localPath(s string) (string, bool) {
	if s == "" {
		return "", true
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(s, "/") || strings.ContainsAny(s, "\\ ") {
		return "", false
	}
	for p, before := u.EscapedPath(), ""; p != before; {
		if !text.Printable(p, false) || strings.Contains(p, "\\") || path.Clean(p) != p && path.Clean(p)+"/" != p {
			return "", false
		}
		before = p
		if p, err = url.PathUnescape(p); err != nil {
			return "", false
		}
	}
	return u.String(), len(u.String()) <= maxReturn
}

type finishOIDCRequest struct {
	rest.AnyQuery
	State  string `form:"state" validate:"max=200"`
	Code   string `form:"code" validate:"max=4096"`
	Issuer string `form:"iss" validate:"max=255"`
	Error  string `form:"error" validate:"max=200"`
}

// finishOIDC receives the browser from the identity provider: a session opens if an
// account is linked to the person who signed in there. The browser goes where its sign-in
// began to go.
//
//	@Summary	End to sign in through the identity provider
func (s *Server) finishOIDC(ctx context.Context, req finishOIDCRequest) (rest.Redirect, error) {
	if s.provider == nil {
		return rest.Redirect{}, errNoProvider
	}
	var to string
	err := s.try(ctx, "", func() error {
		name := flowCookie + req.State
		flow := s.engine.Cookie(ctx, name)
		if flow != "" {
			s.endFlow(ctx, name)
		}
		who, err := s.provider.Finish(ctx, flow,
			oidc.Return{State: req.State, Code: req.Code, Issuer: req.Issuer, Error: req.Error})
		if err != nil {
			s.noteRefusal(ctx, "", err)
			return err
		}
		a, err := credential.FindLinked(ctx, s.db(ctx), s.provider.Issuer, who.Subject)
		if err != nil {
			s.noteRefusal(ctx, a.Name, err)
			return err
		}
		to = cmp.Or(who.Return, s.Config.Base()+"/")
		_, err = s.signIn(ctx, a)
		return err
	})
	if fault.Is(err, fault.KindTooManyRequests) {
		s.signIns.WithLabelValues("limited").Inc()
	}
	return rest.Redirect{To: to}, err
}
