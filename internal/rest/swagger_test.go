package rest

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func fetch(t *testing.T, h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// pages is an engine that serves the documentation pages.
func pages(t *testing.T) http.Handler {
	t.Helper()
	return serveProbes(t, newOptions(), func(r Router) { r.Swagger("/openapi.json", "bulwark") })
}

// A page that names a file of another host, or runs what its policy refuses,
// would be blank without the internet.
func TestDocumentationPagesWorkOffline(t *testing.T) {
	h := pages(t)
	index := fetch(t, h, "/swagger/index.html")
	page := index.Body.String()
	if index.Code != http.StatusOK || !strings.Contains(index.Header().Get("Content-Security-Policy"), "script-src 'self';") {
		t.Fatalf("index.html: %d with policy %q", index.Code, index.Header().Get("Content-Security-Policy"))
	}
	named := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(named) < 6 {
		t.Fatalf("index.html names %d files: the page is not what this test knows", len(named))
	}
	for _, n := range named {
		file := "/" + strings.TrimPrefix(n[1], "./")
		if w := fetch(t, h, "/swagger"+file); w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("index.html names %s: %d, %d bytes", n[1], w.Code, w.Body.Len())
		}
	}
	if regexp.MustCompile(`<script[^>]*>\s*\S+.*</script>|<style| on[a-z]+="`).MatchString(page) {
		t.Error("index.html holds inline code, which the policy refuses")
	}
	for _, style := range regexp.MustCompile(`style="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		sum := sha256.Sum256([]byte(style[1]))
		if hash := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; hash != uiStyle {
			t.Errorf("style %q needs %s in the policy", style[1], hash)
		}
	}
	if start := fetch(t, h, "/swagger/swagger-initializer.js").Body.String(); !strings.Contains(start, `"/openapi.json"`) {
		t.Error("the pages do not load /openapi.json")
	}
}

func TestDocumentationPagesServeOnlyTheirFiles(t *testing.T) {
	h := pages(t)
	for target, want := range map[string]int{
		"/swagger/": http.StatusPermanentRedirect,
		"/swagger/index.html?x=/swagger/doc.json": http.StatusOK,
		"/swagger/doc.json":                       http.StatusNotFound,
		"/swagger/a/index.html":                   http.StatusNotFound,
		"/swagger/../openapi.json":                http.StatusNotFound,
		"/swagger/swagger-ui-bundle.js.map":       http.StatusNotFound,
	} {
		if w := fetch(t, h, target); w.Code != want {
			t.Errorf("%s: got %d, want %d", target, w.Code, want)
		}
	}
	for _, file := range uiFiles { // still there, whatever was asked before
		if w := fetch(t, h, "/swagger"+file); w.Code != http.StatusOK {
			t.Errorf("%s: got %d", file, w.Code)
		}
	}
}
