package api

import (
	"context"
	"net/http"
	"strings"

	"bulwark/internal/access"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// open reports whether anyone may do the action, with or without a key: the
// liveness of the service must not depend on the database that holds the keys,
// and who signs in brings a secret of another kind.
func open(action access.Action) bool {
	return action == access.ReadService || action == access.SignIn
}

// admit resolves the caller of a request. Without a key or session the caller is
// anonymous; what that allows is for the policy to say.
func (s *Server) admit(r *http.Request, action access.Action) (access.Principal, error) {
	if open(action) {
		return access.Principal{}, welcome(r, action)
	}
	p, err := s.identify(r, action)
	if slow := s.pace(r.Context(), p); slow != nil {
		return access.Principal{}, slow // who shows bad keys is slowed down by address
	}
	if err != nil {
		return access.Principal{}, err
	}
	traceOf(r.Context()).caller = p
	if roles := r.Header.Values("Act-As"); len(roles) > 0 { // two are not one: they name no role
		if p, err = p.ActingAs(access.Role(strings.Join(roles, ", "))); err != nil {
			return access.Principal{}, err
		}
		traceOf(r.Context()).caller = p
	}
	if p.ReadOnly && !safe(r.Method) {
		return access.Principal{}, fault.Forbidden("key_read_only",
			"此密钥只能读取，请向管理员申请可写密钥", "this key may only read: ask the administrator for one that may write")
	}
	return p, nil
}

// identify finds who stands behind the key of the request, or else behind its
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
		s.uses.note(p.Key, s.Now())
	}
	return p, err
}

func (s *Server) authorize(ctx context.Context, p access.Principal, action access.Action, town string) error {
	if open(action) {
		return nil
	}
	return s.doors.ask(passageOf(p, action, town), func() error { return s.Authorize(ctx, p, action, town) })
}

func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }
