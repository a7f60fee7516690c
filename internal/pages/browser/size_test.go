//go:build browser

package browser

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"bulwark/internal/policy"
)

// Bytes as they are sent, compressed.
const (
	mostPage   = 30 << 10
	mostScript = 15 << 10
	mostStyle  = 6 << 10
	mostBefore = 60 << 10 // before the table stands: the page, its style, and nothing else
)

// packed returns the bytes of the address as they are sent, and what they hold.
func (c crawler) packed(path string) (sent int, body string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.site.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip") // set by hand, so that nothing is unpacked
	r.Header.Set("Accept", "text/html,*/*;q=0.5")
	r.Header.Set("Accept-Language", "zh")
	w, err := c.client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer w.Body.Close()
	raw, err := io.ReadAll(w.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if w.Header.Get("Content-Encoding") != "gzip" {
		return len(raw), string(raw)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		c.t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		c.t.Fatal(err)
	}
	return len(raw), string(all)
}

var (
	styles  = regexp.MustCompile(`<link rel="stylesheet" href="([^"]+)"`)
	scripts = regexp.MustCompile(`(?:<script type="module" src|<link rel="modulepreload" href)="([^"]+)"`)
	imports = regexp.MustCompile(`from '\./([^']+)'`)
)

// A page stands after two round trips, the second for its style, and within the bytes that a
// slow phone loads in 2.5 seconds. Scripts follow by one more at most, since the page names
// all of them.
func TestPagesAreSmall(t *testing.T) {
	s := serve(t)
	for _, x := range s.screens() {
		c := s.signedIn(t, x.role)
		page, body := c.packed(x.path)
		style, script := 0, 0
		named := map[string]bool{}
		for _, m := range styles.FindAllStringSubmatch(body, -1) {
			n, _ := c.packed(m[1])
			style += n
		}
		var sources []string
		for _, m := range scripts.FindAllStringSubmatch(body, -1) {
			n, source := c.packed(m[1])
			script += n
			named[m[1][strings.LastIndexByte(m[1], '/')+1:]] = true
			sources = append(sources, source)
		}
		for _, source := range sources {
			for _, m := range imports.FindAllStringSubmatch(source, -1) {
				if !named[m[1]] {
					t.Errorf("%s: %s is not named by the page: one more round trip", x.name, m[1])
				}
			}
		}
		if page > mostPage || style > mostStyle || script > mostScript || page+style > mostBefore || style == 0 {
			t.Errorf("%s: page %d, style %d, script %d bytes", x.name, page, style, script)
		}
		t.Logf("%-22s page %5d  style %5d  script %5d", x.name, page, style, script)
	}
}

// What never changes at its name is kept for good; a public page is asked for again by its tag.
func TestWhatBrowsersKeep(t *testing.T) {
	s := serve(t)
	c := s.signedIn(t, "")
	status, body, header, _ := c.get("/t/demo/ranking")
	tag := header.Get("ETag")
	if status != http.StatusOK || header.Get("Cache-Control") != "no-cache" || tag == "" {
		t.Fatalf("a public page: %d %v", status, header)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/t/demo/ranking", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("If-None-Match", tag)
	r.Header.Set("Accept-Language", "zh")
	w, err := c.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	w.Body.Close()
	if w.StatusCode != http.StatusNotModified {
		t.Errorf("with its tag: %d", w.StatusCode)
	}
	for _, m := range append(styles.FindAllStringSubmatch(body, -1), scripts.FindAllStringSubmatch(body, -1)...) {
		if _, _, header, _ := c.get(m[1]); header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %v", m[1], header)
		}
	}
	mentor := s.signedIn(t, policy.Mentor)
	if _, _, header, _ := mentor.get("/t/demo/ranking"); header.Get("Cache-Control") != "no-store" {
		t.Errorf("a page of a session: %v", header)
	}
	// a stranger in a town sees its public page with his or her own name, which nobody else may get
	if _, body, header, _ := mentor.get("/t/demo-street/ranking"); header.Get("Cache-Control") != "no-store" ||
		!strings.Contains(body, "data-sign-out") {
		t.Errorf("a page of a town that is not the own one: %v", header)
	}
	if _, body, _, _ := c.get("/t/demo-street/ranking"); strings.Contains(body, "data-sign-out") {
		t.Error("a visitor gets the page of somebody who is signed in")
	}
}
