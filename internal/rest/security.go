package rest

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzhttp"
)

// Answers of the API are data: nothing in them may run, load or be framed.
const dataPolicy = "default-src 'none'; frame-ancestors 'none'"

// protect sets the headers that tell browsers what not to do, and answers CORS
// preflights of the configured origins.
func (e *Engine) protect(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", dataPolicy)
	if e.Config.BehindTLS {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if len(e.Config.CORSOrigins) > 0 && e.shareWith(h, c.Request) {
		c.AbortWithStatus(http.StatusNoContent)
	}
}

// shareWith lets pages of a configured origin read answers (the CORS protocol
// of the Fetch standard) and reports whether the request was a preflight. Keys
// travel in Authorization, never in cookies, so credentials stay off.
func (e *Engine) shareWith(h http.Header, r *http.Request) (preflight bool) {
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.Contains(e.Config.CORSOrigins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "ETag, Idempotency-Replayed, Location, Retry-After, X-Request-Id")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", strings.Join([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, ", "))
	h.Set("Access-Control-Allow-Headers",
		"Authorization, Act-As, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-Id")
	h.Set("Access-Control-Max-Age", "600")
	return true
}

// compress sends bodies of a packet or more as zstd or gzip to callers that
// take them. A compressed body gets a tag of its own; see codings.
func compress(h http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.SuffixETag("-gzip"), gzhttp.MinSize(1400))
	if err != nil {
		return nil, err
	}
	wrapped := wrap(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { wrapped.ServeHTTP(&oneVary{ResponseWriter: w}, r) }), nil
}

// oneVary sends Vary as one line: some proxies obey the last line alone.
type oneVary struct {
	http.ResponseWriter
	sent bool
}

// WriteHeader sends the header, with each name of Vary once.
func (w *oneVary) WriteHeader(status int) {
	if h := w.Header(); !w.sent && len(h["Vary"]) > 0 {
		var names []string
		for name := range strings.SplitSeq(strings.Join(h["Vary"], ","), ",") {
			if name = http.CanonicalHeaderKey(strings.TrimSpace(name)); name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		h.Set("Vary", strings.Join(names, ", "))
	}
	w.sent = w.sent || status >= http.StatusOK
	w.ResponseWriter.WriteHeader(status)
}

// Write sends the header first, if that was not done.
func (w *oneVary) Write(b []byte) (int, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *oneVary) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Cookie returns the value of a cookie that the request of the context sent once: of
// two with one name, one may have been planted by a neighbour of this host.
func (e *Engine) Cookie(ctx context.Context, name string) string {
	if all := traceOf(ctx).request.CookiesNamed(e.cookieName(name)); len(all) == 1 {
		return all[0].Value
	}
	return ""
}

// CookiesOf returns the names of the cookies of the request of the context that begin with
// the prefix, as Cookie takes them, in the order in which the browser sent them.
func (e *Engine) CookiesOf(ctx context.Context, prefix string) (names []string) {
	before := e.cookieName("")
	for _, c := range traceOf(ctx).request.Cookies() {
		if name, ours := strings.CutPrefix(c.Name, before); ours && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
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
