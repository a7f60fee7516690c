package api

import (
	"context"
	"crypto/hmac"
	"net/http"
	"strings"
	"sync"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/credential"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/text"
)

var (
	errNoCSRF = fault.Forbidden("csrf_token",
		"请在 X-CSRF-Token 中给出 GET /session 的 csrf_token", "send the header X-CSRF-Token: it is csrf_token of GET /session")
	errBasic = fault.Unauthenticated("authorization_scheme",
		"用户名和密码方式（Basic）只用于以只读密钥读取数据：请把只读密钥填作密码", "Basic is for reading with a key that may only read: use such a key as the password")
	errMustChange = fault.Forbidden("password_change_needed",
		"请先用 POST /me/password 更换一次性密码", "change your one-time password first: POST /me/password")
)

// identify returns who stands behind the key of the request, or else behind its
// session.
func (s *Server) identify(r *http.Request, action policy.Action) (access.Principal, error) {
	given := r.Header["Authorization"]
	if len(given) == 0 {
		return s.bySession(r, action)
	}
	scheme, key, _ := strings.Cut(given[0], " ")
	basic := false
	if _, password, ok := r.BasicAuth(); ok {
		scheme, key, basic = "Bearer", password, true
	}
	if len(given) > 1 || !strings.EqualFold(scheme, "Bearer") || key == "" || !text.Printable(key, false) {
		return access.Principal{}, fault.Unauthenticated("authorization_scheme",
			"请使用请求头 Authorization: Bearer 密钥", "send the header Authorization: Bearer KEY")
	}
	p, err := s.Authenticate(r.Context(), strings.TrimSpace(key))
	if err == nil && basic && !(p.ReadOnly && rest.Safe(r.Method)) {
		return access.Principal{}, errBasic
	}
	if err == nil {
		s.Jobs.Touch(p.Key, s.Now())
	}
	return p, err
}

// bySession returns who stands behind the session of the request. A change needs
// the token that only pages of this service can know.
func (s *Server) bySession(r *http.Request, action policy.Action) (access.Principal, error) {
	ctx := r.Context()
	secret := s.engine.Cookie(ctx, sessionCookie)
	if secret == "" {
		return access.Principal{}, nil
	}
	if !rest.Safe(r.Method) {
		if err := rest.CheckOrigin(r); err != nil {
			return access.Principal{}, err
		}
		if !hmac.Equal([]byte(r.Header.Get("X-CSRF-Token")), []byte(credential.CSRFToken(secret))) {
			return access.Principal{}, errNoCSRF
		}
	}
	_, a, err := credential.FindSession(ctx, s.db(ctx), secret, s.Config.SessionIdle)
	if err != nil {
		if fault.Is(err, fault.KindUnauthenticated) {
			s.endCookie(ctx)
		}
		return access.Principal{}, err
	}
	if a.MustChange && action != policy.ReadIdentity && action != policy.OwnIdentity {
		return access.Principal{}, errMustChange
	}
	p, err := credential.PrincipalOf(ctx, s.db(ctx), a)
	if action == policy.OwnIdentity && fault.Is(err, fault.KindForbidden) {
		err = nil
	}
	return p, err
}

// endCookie makes the browser forget its session.
func (s *Server) endCookie(ctx context.Context) {
	s.engine.SetCookie(ctx, sessionCookie, "", 0, http.SameSiteStrictMode)
}

// authorise returns an error unless the caller may do the action in the town.
func (s *Server) authorise(ctx context.Context, action policy.Action, town string) error {
	p := access.PrincipalFrom(ctx)
	return s.authCache.Check(authKeyOf(p, action, town), func() error { return s.Authorize(ctx, p, action, town) })
}

const (
	// authTTL is how long a caller who was allowed something is allowed it again
	// without a look at the database: what is published would otherwise cost a
	// statement each time, only to learn that the town is still open. This process
	// forgets it at once when it changes a town; another one on the same database may
	// let a stranger read that long after the town was closed. A key is looked up at
	// each request.
	authTTL = time.Second
	// maxAuthKeys bounds the memory: 200 bytes each.
	maxAuthKeys = 4096
)

// authKey is one question of who may do what where. It names the caller by the
// credential and by what that opens now.
type authKey struct {
	key, account    string
	towns, branches string
	role            policy.Role
	action          policy.Action
	town            string
}

func authKeyOf(p access.Principal, action policy.Action, town string) authKey {
	return authKey{p.Key, p.Account, strings.Join(p.Towns, " "), strings.Join(p.Branches, " "), p.Role, action, town}
}

// authCache remembers for a moment who was allowed what, never who was refused. Safe
// for concurrent use; the zero value is empty.
type authCache struct {
	mu      sync.RWMutex
	since   map[authKey]time.Time
	changes int // grows when all is forgotten
}

// Check returns the result of authorise, or nil where that was nil just now.
func (c *authCache) Check(k authKey, authorise func() error) error {
	asked := time.Now()
	c.mu.RLock()
	since, known := c.since[k]
	changes := c.changes
	c.mu.RUnlock()
	if known && asked.Sub(since) < authTTL {
		return nil
	}
	if err := authorise(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return nil // a town changed meanwhile: this result is for this request only
	}
	if c.since == nil || len(c.since) >= maxAuthKeys {
		c.since = map[authKey]time.Time{}
	}
	c.since[k] = asked
	return nil
}

// forget empties the cache.
func (c *authCache) forget() {
	c.mu.Lock()
	c.since = nil
	c.changes++
	c.mu.Unlock()
}
