//go:build browser

package browser

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"bulwark/internal/policy"
)

// A walk through all screens in both languages leaves nothing in the console, asks no other
// origin for anything, and finds no style and no handler in an attribute.
func TestTheConsoleStaysEmpty(t *testing.T) {
	s := serve(t)
	for _, language := range []string{"zh", "en"} {
		visitors := s.visitors(t, 1280, language)
		all := map[*visitor]bool{}
		for _, x := range s.screens() {
			v := visitors(x.role)
			all[v] = true
			v.open(x.path)
			if found := eval[string](v, `[...document.querySelectorAll('*')].flatMap((e) => [...e.attributes].filter((a) =>
				a.name === 'style' || a.name.startsWith('on')).map((a) => e.tagName + ' ' + a.name)).join(' ')`); found != "" {
				t.Errorf("%s: %s", x.name, found)
			}
			if got := eval[string](v, "document.documentElement.lang"); got != language {
				t.Errorf("%s is in %s, not in %s", x.name, got, language)
			}
			if language == "en" {
				v.noChinese(x.name)
			}
		}
		for v := range all {
			v.mu.Lock()
			for _, line := range v.console {
				// of the screens of what is missing, and of the one that clears the storage
				if !strings.Contains(line, "404") && !strings.HasPrefix(line, "info: Clear-Site-Data") {
					t.Errorf("%s: %s", language, line)
				}
			}
			for _, r := range v.requests {
				if !strings.HasPrefix(r, s.url+"/") {
					t.Errorf("a request to %s", r)
				}
			}
			v.mu.Unlock()
		}
	}
}

// noChinese checks that nothing was left untranslated: the name of the other language and
// names that have no English one aside.
func (v *visitor) noChinese(name string) {
	v.t.Helper()
	words := eval[string](v, `(() => {
		const copy = document.documentElement.cloneNode(true);
		for (const e of copy.querySelectorAll('[lang="zh"], script, style')) e.remove();
		const said = [...copy.querySelectorAll('[aria-label], title')].map((e) => e.getAttribute('aria-label') || e.textContent);
		return copy.querySelector('body').textContent + ' ' + said.join(' ');
	})()`)
	for word := range strings.FieldsSeq(words) {
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			v.t.Errorf("%s has an untranslated word: %s", name, word)
		}
	}
}

// The control: the policy stops what a page must not do.
func TestThePolicyStopsForeignScript(t *testing.T) {
	s := serve(t)
	v := s.visit(t, 1280, 900, "zh")
	v.open("/t/demo/ranking")
	for name, script := range map[string]string{
		"script in the page": `(() => { const e = document.createElement('script'); e.append('window.ran = 1'); document.body.append(e); return !!window.ran; })()`,
		"handler":            `(() => { document.body.setAttribute('onclick', 'window.ran = 1'); document.body.click(); return !!window.ran; })()`,
		"style":              `(() => { document.body.setAttribute('style', 'color: rgb(1, 2, 3)'); return getComputedStyle(document.body).color === 'rgb(1, 2, 3)'; })()`,
		"markup from text":   `(() => { try { document.body.innerHTML = '<b>x</b>'; return true; } catch { return false; } })()`,
		"other origin":       `fetch('http://other.test:` + s.port() + `/livez', {mode: 'no-cors'}).then(() => true, () => false)`,
	} {
		if ran, err := tryEval[bool](v, script); ran {
			t.Errorf("%s was not stopped (%v)", name, err)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.console) == 0 {
		t.Error("the console states nothing: the test of an empty console would see nothing")
	}
}

var links = regexp.MustCompile(`(?:href|src)="([^"]+)"`)

// crawler asks for pages as somebody, without a browser.
type crawler struct {
	t      *testing.T
	site   *site
	client *http.Client
}

func (c crawler) get(path string) (status int, body string, header http.Header, at *url.URL) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.site.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,*/*;q=0.5")
	r.Header.Set("Accept-Language", "zh")
	w, err := c.client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer w.Body.Close()
	all, err := io.ReadAll(w.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return w.StatusCode, string(all), w.Header, w.Request.URL
}

// unescaped returns the address in an attribute.
func unescaped(s string) string { return strings.NewReplacer("&amp;", "&", "&#43;", "+").Replace(s) }

// Whatever a page offers, whoever reads it may do: nobody who follows links gets 403 or 404.
func TestNoLinkIsRefused(t *testing.T) {
	s := serve(t)
	roles := append([]policy.Role{""}, slices.Sorted(maps.Keys(s.accounts))...)
	for _, role := range roles {
		t.Run(string("as "+role), func(t *testing.T) {
			c := s.signedIn(t, role)
			from := map[string]string{"/": "", "/t/demo/ranking": "", "/t/demo-street/ranking": "", "/t/lishui/ranking": ""}
			queue, seen, pages := slices.Sorted(maps.Keys(from)), map[string]bool{}, 0
			for len(queue) > 0 {
				path := queue[0]
				queue = queue[1:]
				if seen[path] {
					continue
				}
				seen[path] = true
				if scorecards := strings.Count(path, "/branches/"); scorecards > 0 && !crawled(path) {
					continue // of forty branches some stand for all
				}
				status, body, header, at := c.get(path)
				if status != http.StatusOK {
					t.Errorf("%d %s, on %s", status, path, from[path])
					continue
				}
				if !strings.HasPrefix(header.Get("Content-Type"), "text/html") || strings.HasPrefix(path, "/swagger/") {
					continue
				}
				if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "require-trusted-types-for 'script'") {
					t.Errorf("%s has the policy %q", path, csp)
				}
				if cache := header.Get("Cache-Control"); role != "" && cache != "no-store" && c.signedInAt(path) {
					t.Errorf("%s is %q", path, cache)
				}
				pages++
				for _, m := range links.FindAllStringSubmatch(body, -1) {
					to, err := at.Parse(unescaped(m[1]))
					if err != nil {
						t.Errorf("%s has the link %s: %v", path, m[1], err)
						continue
					}
					if to.Host != strings.TrimPrefix(s.url, "http://") {
						if to.Host != "127.0.0.1:8080" { // the address of the service in print
							t.Errorf("%s has a link to %s", path, to)
						}
						continue
					}
					if q := to.Query(); q.Has("lang") && !strings.HasPrefix(to.Path, "/api/") || q.Has("as") {
						continue // they change what the browser keeps: see the tests of roles and languages
					}
					next := to.RequestURI()
					if _, known := from[next]; !known {
						from[next] = path
					}
					queue = append(queue, next)
				}
			}
			t.Logf("%d pages, %d addresses", pages, len(seen))
			if pages < 10 {
				t.Errorf("only %d pages were found", pages)
			}
		})
	}
}

// crawled reports whether the scorecard is one of those that are looked at.
func crawled(path string) bool {
	for _, b := range []string{"/b01?", "/b39?", "/b18?", "/s01", "/b01", "/b39", "/b25"} {
		if strings.Contains(path, "/branches"+b) {
			return true
		}
	}
	return false
}

// signedInAt reports whether the page depends on who is signed in.
func (crawler) signedInAt(path string) bool {
	return !strings.HasPrefix(path, "/sign-in") && !strings.HasPrefix(path, "/signed-out") && !strings.HasPrefix(path, "/static/")
}

// signedIn returns a crawler with a session of the role.
func (s *site) signedIn(t *testing.T, role policy.Role) crawler {
	t.Helper()
	c := crawler{t, s, s.client(t)}
	if role == "" {
		return c
	}
	a := s.accounts[role]
	body := fmt.Sprintf(`{"account":%q,"password":%q}`, a.Account, a.Password)
	w, err := c.client.Post(s.url+"/api/v1/sessions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	w.Body.Close()
	if w.StatusCode != http.StatusCreated {
		t.Fatalf("signing in as %s: %d", role, w.StatusCode)
	}
	return c
}
