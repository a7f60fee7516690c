package rest

import (
	"cmp"
	"context"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/text/language"

	"bulwark/internal/access"
	"bulwark/internal/policy"
	"bulwark/internal/text"
)

// HTML is the answer of a page: a body, or where the browser goes instead.
type HTML struct {
	Body []byte
	To   string // path as the browser knows it; empty: Body is the answer
}

// GetPage adds a page for people: GET, and HEAD too. It checks the action as Get does, and is no
// operation of the API. Its failures are pages.
func GetPage[Req any](r Router, path string, action policy.Action, h Handler[Req, HTML], opts ...Option) {
	route := Route{Method: http.MethodGet, Path: path, Action: action, Status: http.StatusOK, Page: true, MediaTypes: pageTypes}
	serve := adapt(r, route, func(ctx context.Context, req Req) (any, error) {
		page, err := h(ctx, req)
		switch {
		case err != nil:
			return nil, err
		case page.To != "":
			return Redirect{To: page.To}, nil
		}
		raw := Raw{ContentType: pageType, Body: page.Body}
		if CallerOf(ctx).Credential() != "" { // also in a town where he or she is a stranger
			raw.CacheControl = "no-store"
		}
		return raw, nil
	}, opts)
	r.to.GET(path, serve)
	r.to.HEAD(path, serve)
}

const pageType = "text/html; charset=utf-8"

var pageTypes = []string{"text/html"}

// pagePolicy lets a page load from this service alone, run none but its own files of script,
// and write nothing but text into itself.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// Cookies of pages: the language and the role that somebody has chosen, and that a browser
// was sent on to the page at which it arrived from another site.
const (
	languageCookie = "bulwark-language"
	roleCookie     = "bulwark-role"
	arrivalCookie  = "bulwark-arrival"
)

const (
	choiceTime  = 365 * 24 * time.Hour
	arrivalTime = 10 * time.Second
)

var noPage = refuse(http.StatusNotFound, "no_such_page", text.F(
	"没有这个页面：地址可能有误，或页面已被移走", "there is no such page: the address may be wrong, or the page was moved"))

// servePage serves a request of a page: what was chosen in its query is kept in cookies, and
// a browser that comes from another site without its session is sent on once.
func (e *endpoint) servePage(c *gin.Context) {
	if e.prepare(c); e.keepChoices(c) || e.arrive(c) {
		return
	}
	c.Request.URL.RawQuery = e.known(c.Request.URL.Query()).Encode()
	if err := e.answer(c); err != nil {
		e.writeErrorPage(c, err, e.Action)
	}
}

// known returns what the page knows of a query: messengers add names of their own to links.
func (e *endpoint) known(q url.Values) url.Values {
	known := url.Values{}
	for _, p := range e.shape.params {
		if values, given := q[p.name]; given && p.in == "query" {
			known[p.name] = values
		}
	}
	return known
}

// prepare sets what all answers of pages have, and the language that was chosen.
func (e *Engine) prepare(c *gin.Context) {
	c.Header("Content-Security-Policy", pagePolicy)
	lang := e.Cookie(c.Request.Context(), languageCookie)
	if !slices.Contains(pageLanguages, lang) {
		lang = pageLanguage(c.Request.Header.Get("Accept-Language"))
	}
	c.Request.Header.Set("Accept-Language", lang)
	c.Header("Content-Language", lang)
}

// pageLanguages are the languages of pages, that of who states none first.
var pageLanguages = []string{"zh", "en"}

var pageMatcher = language.NewMatcher([]language.Tag{language.Chinese, language.English})

func pageLanguage(accept string) string {
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return pageLanguages[0]
	}
	_, i, sure := pageMatcher.Match(tags...)
	if sure == language.No {
		i = 0
	}
	return pageLanguages[i]
}

// keepChoices keeps the language (lang) and the role (as) of the query in cookies, and sends
// the browser on to the address without them; it reports whether there were any. Whether the
// caller has the role is asked at each page.
func (e *Engine) keepChoices(c *gin.Context) bool {
	q := c.Request.URL.Query()
	if !q.Has("lang") && !q.Has("as") {
		return false
	}
	ctx := c.Request.Context()
	if lang := q.Get("lang"); slices.Contains(pageLanguages, lang) {
		e.SetCookie(ctx, languageCookie, lang, choiceTime, http.SameSiteLaxMode)
	}
	if role := policy.Role(q.Get("as")); slices.Contains(policy.Roles(), role) {
		e.SetCookie(ctx, roleCookie, string(role), choiceTime, http.SameSiteStrictMode)
	}
	q.Del("lang")
	q.Del("as")
	// relative, since a proxy may serve this below another path
	to := url.URL{Path: path.Base(c.Request.URL.Path), RawQuery: q.Encode()}
	Redirect{To: "./" + strings.TrimPrefix(to.String(), "/")}.send(c.Writer, http.StatusSeeOther)
	return true
}

// arrival sends the browser to the address at which it is.
var arrival = template.Must(template.New("").Parse(`<!doctype html><html lang="{{.}}"><meta charset="utf-8">` +
	`<meta http-equiv="refresh" content="0"><title>bulwark</title><p>{{if eq . "zh"}}正在打开……{{else}}Opening …{{end}}</p></html>
`))

// arrive serves a browser that follows a link of another site, and so does not send its
// session, a page that opens the same address, now as a link of this site. It does so
// once, and reports whether it did.
func (e *Engine) arrive(c *gin.Context) bool {
	ctx, h := c.Request.Context(), c.Request.Header
	if h.Get("Sec-Fetch-Site") != "cross-site" || h.Get("Sec-Fetch-Mode") != "navigate" || c.Request.Method != http.MethodGet ||
		e.Cookie(ctx, e.SessionCookie) != "" || e.Cookie(ctx, arrivalCookie) != "" {
		return false
	}
	e.SetCookie(ctx, arrivalCookie, "1", arrivalTime, http.SameSiteLaxMode)
	c.Header("Cache-Control", "no-store")
	var b strings.Builder
	_ = arrival.Execute(&b, h.Get("Accept-Language")) // a strings.Builder never fails
	write(c.Writer, http.StatusOK, pageType, []byte(b.String()))
	return true
}

// wantsPage reports whether the request of an unknown address is of a person with a browser.
func (e *Engine) wantsPage(r *http.Request) bool {
	if e.ErrorPage == nil || !Safe(r.Method) || strings.HasPrefix(r.URL.Path, "/api/") {
		return false
	}
	media, _ := preferred(r.Header["Accept"], "application/problem+json", "text/html")
	return media == "text/html"
}

// writeErrorPage sends err as a page.
func (e *Engine) writeErrorPage(c *gin.Context, err error, action policy.Action) {
	p, gone := describe(c.Writer, c.Request, err)
	if gone {
		return
	}
	c.Writer.Header().Del("WWW-Authenticate")
	body, to := e.ErrorPage(c.Request.Context(), p, action)
	if to != "" {
		Redirect{To: to}.send(c.Writer, http.StatusSeeOther)
		return
	}
	write(c.Writer, p.Status, pageType, body)
}

// CallerOf returns who the request of the context is from, as SetCaller has it.
func CallerOf(ctx context.Context) access.Principal { return traceOf(ctx).caller }

// Address returns the path and query of the request of the context.
func Address(ctx context.Context) *url.URL {
	if r := traceOf(ctx).request; r != nil {
		return r.URL
	}
	return new(url.URL)
}

// RetryAfter returns the seconds after which the answer of the context says to try again;
// empty where it does not.
func RetryAfter(ctx context.Context) string {
	if w := traceOf(ctx).writer; w != nil {
		return w.Header().Get("Retry-After")
	}
	return ""
}

// LanguageOf returns the language of the request of the context.
func LanguageOf(ctx context.Context) string {
	if r := traceOf(ctx).request; r != nil {
		return cmp.Or(r.Header.Get("Accept-Language"), pageLanguages[0])
	}
	return pageLanguages[0]
}

// ClearStorage makes the browser forget what scripts of pages have stored in it.
func ClearStorage(ctx context.Context) {
	traceOf(ctx).writer.Header().Set("Clear-Site-Data", `"storage"`)
}

// Static adds files that never change at their names, which hold a digest of them.
func (r Router) Static(path string, file func(name string) (Raw, bool)) {
	serve := func(c *gin.Context) {
		raw, ok := file(c.Param("file"))
		if !ok {
			writeProblem(c.Writer, c.Request, noRoute)
			return
		}
		c.Header("Cache-Control", "public, max-age=31536000, immutable")
		write(c.Writer, http.StatusOK, raw.ContentType, raw.Body)
	}
	r.to.GET(path+"/:file", serve)
	r.to.HEAD(path+"/:file", serve)
}
