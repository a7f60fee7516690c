package rest

import (
	"context"
	"net/http"
	"time"
)

// Cookie returns the value of a cookie that the request of the context sent once: of
// two with one name, one may have been planted by a neighbour of this host.
func (e *Engine) Cookie(ctx context.Context, name string) string {
	if all := traceOf(ctx).request.CookiesNamed(e.cookieName(name)); len(all) == 1 {
		return all[0].Value
	}
	return ""
}

// SetCookie sends a cookie that no script can read, and removes it where value is
// empty. sameSite says whether a link from another site brings it along.
func (e *Engine) SetCookie(ctx context.Context, name, value string, life time.Duration, sameSite http.SameSite) {
	c := &http.Cookie{ //nolint:gosec // Secure where the browser speaks TLS; it would drop the cookie elsewhere
		Name: e.cookieName(name), Value: value, Path: "/", MaxAge: int(life.Seconds()),
		HttpOnly: true, Secure: e.Config.BehindTLS, SameSite: sameSite,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(traceOf(ctx).writer, c)
}

// cookieName has the prefix by which browsers refuse a cookie that another host
// or an unprotected connection has set.
func (e *Engine) cookieName(name string) string {
	if e.Config.BehindTLS {
		return "__Host-" + name
	}
	return name
}
