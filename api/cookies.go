package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// jar holds the cookies of one request and of its answer.
type jar struct {
	given *http.Request
	sent  http.ResponseWriter
}

func jarOf(ctx context.Context) jar { return traceOf(ctx).jar }

func newJar(c *gin.Context) jar { return jar{c.Request, c.Writer} }

// get is the value of a cookie that was sent once: of two with one name, one may
// have been planted by a neighbour of this host.
func (j jar) get(name string) string {
	if all := j.given.CookiesNamed(name); len(all) == 1 {
		return all[0].Value
	}
	return ""
}

func (j jar) set(c *http.Cookie) { http.SetCookie(j.sent, c) }

// cookie is one that no script can read and no other site can have sent, unless
// lax: then a link from another site brings it along.
func (s *Server) cookie(name, value string, life time.Duration, lax bool) *http.Cookie {
	c := &http.Cookie{ //nolint:gosec // Secure where the browser speaks TLS; it would drop the cookie elsewhere
		Name: s.cookieName(name), Value: value, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true, Secure: s.Config.BehindTLS, SameSite: http.SameSiteStrictMode,
	}
	if lax {
		c.SameSite = http.SameSiteLaxMode
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// cookieName has the prefix by which browsers refuse a cookie that another host
// or an unprotected connection has set.
func (s *Server) cookieName(name string) string {
	if s.Config.BehindTLS {
		return "__Host-" + name
	}
	return name
}

// Names of cookies: of a session, and of a sign-in under way at the provider.
const (
	sessionCookie = "bulwark"
	flowCookie    = "bulwark-oidc"
)
