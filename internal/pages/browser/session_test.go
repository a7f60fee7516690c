//go:build browser

package browser

import (
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"bulwark/internal/policy"
)

func (s *site) client(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// Signing in with a wrong password states so in its field's form; with the right one the
// browser goes to what was asked for. Signing out forgets what scripts have stored.
func TestSigningInAndOut(t *testing.T) {
	s := serve(t)
	v := s.visit(t, 390, 844, "zh")
	v.open("/home")
	if at := eval[string](v, "location.pathname + location.search"); at != "/sign-in?next=%2Fhome" {
		t.Fatalf("a visitor of /home is at %s", at)
	}
	v.fill("#account", "demo-mentor")
	v.fill("#password", "wrong")
	v.click("form button")
	v.until(`!document.querySelector('p.fault').hidden`)
	if got := v.text("p.fault"); !strings.Contains(got, "密码") {
		t.Errorf("a wrong password: %q", got)
	}
	v.open("/sign-in?next=%2Ft%2Fdemo%2Fmethod")
	c := s.accounts[policy.Mentor]
	v.fill("#account", c.Account)
	v.fill("#password", c.Password)
	v.click("form button")
	v.waitFor("/t/demo/method")
	eval[bool](v, `localStorage.setItem('draft', '1'); sessionStorage.setItem('draft', '1'); true`)
	v.click("details.menu summary")
	v.click("[data-sign-out]")
	v.waitFor("/signed-out")
	if left := eval[int](v, `localStorage.length + sessionStorage.length`); left != 0 {
		t.Errorf("%d drafts are left after signing out", left)
	}
	v.open("/home")
	if at := eval[string](v, "location.pathname"); at != "/sign-in" {
		t.Errorf("after signing out /home is at %s", at)
	}
}

// next never leads to another site.
func TestSigningInStaysHere(t *testing.T) {
	s := serve(t)
	c := crawler{t, s, s.client(t)}
	for _, next := range []string{"https://other.test/", "//other.test", "/\\other.test", "javascript:alert(1)", "/a/..//other.test"} {
		_, body, _, _ := c.get("/sign-in?next=" + strings.NewReplacer("\\", "%5C", "/", "%2F", ":", "%3A").Replace(next))
		if !strings.Contains(body, `data-next="/home"`) {
			t.Errorf("next=%s is kept", next)
		}
	}
	if _, body, _, _ := c.get("/sign-in?next=%2Ft%2Fdemo%2Fnotice"); !strings.Contains(body, `data-next="/t/demo/notice"`) {
		t.Error("a path of this service is lost")
	}
}

// A link of another site opens a page without the session, which is SameSite=Strict: the page
// opens itself once more, and then as its reader is signed in.
func TestALinkOfAnotherSiteArrives(t *testing.T) {
	s := serve(t)
	v := s.visit(t, 1280, 900, "zh")
	v.signIn(policy.Mentor)
	other := http.NewServeMux()
	other.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><link rel="icon" href="data:,"><a id="go" href="` + s.url + `/home">go</a>`))
	})
	elsewhere := listen(t, other)
	v.openAt("http://other.test:" + elsewhere + "/")
	v.click("#go")
	v.waitFor("/home")
	v.until(`document.querySelector('h1')?.innerText.startsWith('今天要做的')`)
	// a visitor without a session arrives too, once
	stranger := s.visit(t, 1280, 900, "zh")
	stranger.openAt("http://other.test:" + elsewhere + "/")
	stranger.click("#go")
	stranger.waitFor("/sign-in")
	stranger.mu.Lock()
	defer stranger.mu.Unlock()
	times := 0
	for _, r := range stranger.requests {
		if r == s.url+"/home" {
			times++
		}
	}
	if times > 2 {
		t.Errorf("/home was opened %d times", times)
	}
}

// A page of another site changes nothing, though the browser has a session here.
func TestAnotherSiteChangesNothing(t *testing.T) {
	s := serve(t)
	c := s.signedIn(t, policy.LeadingGroup)
	for name, header := range map[string]http.Header{
		"another site":                {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"http://other.test"}},
		"another origin of this site": {"Origin": {"http://localhost:1"}},
		"no token":                    {"Sec-Fetch-Site": {"same-origin"}},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, s.url+"/api/v1/session", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		r.Header.Set("If-Match", `"1"`)
		w, err := c.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		w.Body.Close()
		if w.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, w.StatusCode)
		}
	}
	if status, _, _, at := c.get("/home"); status != http.StatusOK || at.Path != "/home" {
		t.Errorf("the session ended: %d at %s", status, at)
	}
}

// The language that was chosen stays, and so does the role, as long as it is held.
func TestLanguageAndRoleAreKept(t *testing.T) {
	s := serve(t)
	c := s.signedIn(t, policy.Mentor)
	if _, body, _, at := c.get("/t/demo/ranking?class=rural&lang=en"); !strings.Contains(body, `<html lang="en"`) ||
		at.RequestURI() != "/t/demo/ranking?class=rural" {
		t.Errorf("English was not kept, at %s", at)
	}
	if _, body, _, _ := c.get("/t/demo/method"); !strings.Contains(body, `<html lang="en"`) {
		t.Error("English is forgotten on the next page")
	}
	if _, body, _, _ := c.get("/home?as=admin"); !strings.Contains(body, `data-role="mentor"`) {
		t.Error("a role that is not held was taken")
	}
}

// Without the right a page states who has it, and how to get there.
func TestARefusalStatesWhoMay(t *testing.T) {
	s := serve(t)
	c := s.signedIn(t, policy.Secretary)
	status, body, _, _ := c.get("/t/demo/ranking?period=2023Q3")
	if status != http.StatusForbidden || !strings.Contains(body, "尚未公布") {
		t.Errorf("%d %s", status, body)
	}
	status, body, header, _ := c.get("/t/demo/nothing")
	if status != http.StatusNotFound || !strings.Contains(body, "<h1>没有找到</h1>") || header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", status, header)
	}
}
