package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// Answers of the API are data: nothing in them may run, load or be framed.
const dataPolicy = "default-src 'none'; frame-ancestors 'none'"

// protect sets the headers that tell browsers what not to do, and answers CORS
// preflights of the configured origins.
func (s *Server) protect(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", dataPolicy)
	if s.Config.BehindTLS {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if len(s.Config.CORSOrigins) > 0 && s.shareWith(h, c.Request) {
		c.AbortWithStatus(http.StatusNoContent)
	}
}

// shareWith lets pages of a configured origin read answers (the CORS protocol
// of the Fetch standard) and reports whether the request was a preflight. Keys
// travel in Authorization, never in cookies, so credentials stay off.
func (s *Server) shareWith(h http.Header, r *http.Request) (preflight bool) {
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.Contains(s.Config.CORSOrigins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "ETag, Idempotency-Replayed, Location, Retry-After, X-Request-Id")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", strings.Join([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, ", "))
	h.Set("Access-Control-Allow-Headers", "Authorization, Act-As, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-Id")
	h.Set("Access-Control-Max-Age", "600")
	return true
}
