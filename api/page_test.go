package api

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/demo"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/policy"
)

// site is the service with the demo as browsers ask it.
type site struct {
	t    testing.TB
	h    http.Handler
	keys map[policy.Role]string
}

func newSite(t testing.TB, db *gorm.DB, change ...func(*Server)) *site {
	t.Helper()
	s, _ := serving(t, db, func() time.Time { return time.Date(2023, 10, 13, 2, 0, 0, 0, time.UTC) })
	for _, c := range change {
		c(s)
	}
	if _, err := s.Jobs.RunPending(t.Context()); err != nil { // how sure the ranks are
		t.Fatal(err)
	}
	h, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	made, err := demo.Credentials(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	x := &site{t, h, map[policy.Role]string{}}
	for _, c := range made {
		x.keys[c.Role] = c.Key
	}
	return x
}

// get asks for a page as the role, with more headers as names and values.
func (s *site) get(role policy.Role, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Accept-Language", "zh-CN,zh;q=0.9,en;q=0.5")
	r.Header.Set("X-Request-Id", "request-1")
	if role != "" {
		r.Header.Set("Authorization", "Bearer "+s.keys[role])
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	return w
}

// What differs between two databases with the same demo, or with each change of a static file.
var accidental = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|/static/[a-z]+\.[0-9a-f]{16}|<small>20\d\d-\d\d-\d\d</small></h1>`)

// Every screen is as it is kept in testdata/pages, on both databases.
func TestScreensAreAsTheyAreKept(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newSite(t, db)
		for _, x := range []struct {
			name, path string
			role       policy.Role
			language   string
			status     int
		}{
			{"towns", "/", "", "zh", 200},
			{"sign-in", "/sign-in?next=%2Fhome", "", "zh", 200},
			{"signed-out", "/signed-out", "", "zh", 200},
			{"home-mentor", "/home", policy.Mentor, "zh", 200},
			{"home-leading-group", "/home", policy.LeadingGroup, "en", 200},
			{"ranking", "/t/demo/ranking", "", "zh", 200},
			{"ranking-class", "/t/demo/ranking?class=rural", "", "en", 200},
			{"ranking-provisional", "/t/demo/ranking?period=2023Q3", policy.LeadingGroup, "zh", 200},
			{"unpublished", "/t/lishui/ranking", "", "zh", 200},
			{"scorecard-public", "/t/demo/branches/b39", "", "zh", 200},
			{"scorecard", "/t/demo/branches/b39", policy.LeadingGroup, "en", 200},
			{"method", "/t/demo/method", "", "zh", 200},
			{"notice", "/t/demo/notice", "", "zh", 200},
			{"verify", "/t/demo/verify", "", "en", 200},
			{"problem", "/t/demo/branches/nobody", "", "zh", 404},
			{"refused", "/t/demo/ranking?period=2023Q3", policy.Secretary, "zh", 403},
		} {
			w := s.get(x.role, x.path, "Accept-Language", x.language)
			if w.Code != x.status {
				t.Errorf("%s: %d", x.name, w.Code)
				continue
			}
			got := accidental.ReplaceAllStringFunc(w.Body.String(), func(found string) string {
				if strings.HasPrefix(found, "/static/") {
					return found[:strings.IndexByte(found, '.')]
				}
				if strings.HasPrefix(found, "<small>") { // today
					return "<small>TODAY</small></h1>"
				}
				return "ID"
			})
			file := filepath.Join("testdata", "pages", x.name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s is not as %s has it; look at the page and run the test with -update:\n%s", x.name, file,
					firstDifference(string(want), got))
			}
		}
	})
}

// firstDifference returns the first lines that differ.
func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "-" + a[i] + "\n+" + b[i]
		}
	}
	return "one is longer"
}

// A page answers as its route of the API would, in HTML.
func TestPagesAnswerLikePages(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newSite(t, db)
		const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
		for _, x := range []struct {
			path     string
			role     policy.Role
			header   []string
			status   int
			location string
			cache    string
			contains string
		}{
			{"/", "", nil, 200, "", "no-cache", "演示镇"},
			{"/t/demo", "", nil, 303, "/t/demo/ranking", "no-store", ""},
			{"/t/demo/ranking", "", nil, 200, "", "no-cache", "演示十五村"},
			{"/t/demo/ranking", policy.Mentor, nil, 200, "", "no-store", "data-sign-out"},
			{"/t/demo-street/ranking", policy.Mentor, nil, 200, "", "no-store", "data-sign-out"},
			{"/t/demo-street/ranking", "", nil, 200, "", "no-cache", "/sign-in"},
			{"/home", "", nil, 303, "/sign-in?next=%2Fhome", "no-store", ""},
			{"/t/demo/ranking?period=2023Q3", "", nil, 303, "/sign-in?next=%2Ft%2Fdemo%2Franking%3Fperiod%3D2023Q3", "no-store", ""},
			{"/t/demo/ranking?period=2023Q3", policy.Secretary, nil, 403, "", "no-store", "尚未公布"},
			{"/t/demo/ranking?from=singlemessage&class=rural", "", nil, 200, "", "no-cache", `href="?class=rural&amp;period=2022Q4"`},
			{"/t/demo/ranking?publication=x", "", nil, 400, "", "no-store", "公布"},
			{"/t/nowhere/ranking", policy.Mentor, nil, 404, "", "no-store", "nowhere"},
			{"/nothing", "", nil, 404, "", "no-store", "没有这个页面"},
			{"/nothing", "", []string{"Accept", "application/json"}, 404, "", "no-store", "no_such_address"},
			{"/api/v1/nothing", "", nil, 404, "", "no-store", "no_such_address"},
			{"/static/app.js", "", nil, 404, "", "no-store", "no_such_address"},
			{"/t/demo/ranking?class=rural&lang=en&as=admin", "", nil, 303, "./ranking?class=rural", "no-store", ""},
			{"/t/demo/ranking", "", []string{"Accept-Language", "en"}, 200, "", "no-cache", "Demo Village 15"},
			{"/t/demo/ranking", "", []string{"Accept-Language", "fr"}, 200, "", "no-cache", "演示十五村"},
			{"/t/demo/ranking", "", []string{"Accept-Language", "en", "Cookie", "bulwark-language=zh"}, 200, "", "no-cache", "演示十五村"},
		} {
			w := s.get(x.role, x.path, x.header...)
			if w.Code != x.status || w.Header().Get("Location") != x.location || w.Header().Get("Cache-Control") != x.cache ||
				!strings.Contains(w.Body.String(), x.contains) {
				t.Errorf("%s as %q: %d %q %q, without %q", x.path, x.role, w.Code, w.Header().Get("Location"),
					w.Header().Get("Cache-Control"), x.contains)
			}
			if html := strings.HasPrefix(w.Header().Get("Content-Type"), "text/html"); html && w.Header().Get("Content-Security-Policy") != csp {
				t.Errorf("%s has the policy %q", x.path, w.Header().Get("Content-Security-Policy"))
			}
		}
	})
}

// Below the path of a proxy every link of a page has that path.
func TestPagesBelowAnotherPath(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newSite(t, db, func(s *Server) { s.Config.PublicURL = "https://town.example/bulwark/" })
		body := s.get(policy.Mentor, "/t/demo/branches/b39").Body.String()
		for _, m := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			if !strings.HasPrefix(m[1], "/bulwark/") && !strings.HasPrefix(m[1], "?") && m[1] != "#main" {
				t.Errorf("a link to %s", m[1])
			}
		}
		if to := s.get("", "/home").Header().Get("Location"); to != "/bulwark/sign-in?next=%2Fbulwark%2Fhome" {
			t.Errorf("to sign in: %s", to)
		}
	})
}

// A browser that follows a link of another site is sent to the same page once.
func TestPagesArriveOnce(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newSite(t, db)
		from := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}
		first := s.get("", "/home", from...)
		if first.Code != http.StatusOK || !strings.Contains(first.Body.String(), `http-equiv="refresh" content="0"`) ||
			!strings.Contains(first.Header().Get("Set-Cookie"), "bulwark-arrival=1") {
			t.Fatalf("%d %v %s", first.Code, first.Header(), first.Body)
		}
		if again := s.get("", "/home", append(from, "Cookie", "bulwark-arrival=1")...); again.Code != http.StatusSeeOther {
			t.Errorf("the second time: %d", again.Code)
		}
		if known := s.get("", "/home", append(from, "Cookie", "bulwark=x")...); known.Code != http.StatusSeeOther {
			t.Errorf("with the session: %d", known.Code)
		}
		if inner := s.get("", "/home", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate"); inner.Code != http.StatusSeeOther {
			t.Errorf("within this site: %d", inner.Code)
		}
	})
}

// No page is an operation of the API, and each is seen by a test of screens or of links.
func TestPagesAreNoOperations(t *testing.T) {
	s := new(Server)
	e, err := s.newEngine()
	if err != nil {
		t.Fatal(err)
	}
	operations := map[string]bool{}
	for _, r := range e.Routes() {
		operations[r.Path] = true
		if r.Page {
			t.Errorf("%s is a page among the operations", r.Path)
		}
	}
	for _, p := range e.Pages() {
		if operations[p.Path] || strings.HasPrefix(p.Path, "/api/") || !p.Page {
			t.Errorf("%s is a page and an operation", p.Path)
		}
	}
	if len(e.Pages()) == 0 {
		t.Error("there are no pages")
	}
}

// How long a page of forty branches takes: its figures are kept, its bytes are not.
func BenchmarkRankingPage(b *testing.B) {
	s := newSite(b, demotest.Towns.Open(b, database.SQLite))
	for b.Loop() {
		if w := s.get(policy.LeadingGroup, "/t/demo/ranking"); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
