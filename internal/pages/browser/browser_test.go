//go:build browser

// Package browser tries the pages in Chromium.
package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"gorm.io/gorm"

	"bulwark/api"
	"bulwark/internal/access"
	"bulwark/internal/config"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/demo"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/jobs"
	"bulwark/internal/policy"
	"bulwark/internal/signature"
)

// chromium is one browser for all tests; each test has a profile of its own in it.
var chromium context.Context

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	path, err := exec.LookPath("chromium")
	if err != nil {
		if path, err = exec.LookPath("google-chrome"); err != nil {
			fmt.Fprintln(os.Stderr, "the tests of pages need Chromium: run .ci/chromium")
			return 1
		}
	}
	profile, err := os.MkdirTemp("", "bulwark-chromium-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(profile)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.DisableGPU, chromedp.Headless,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("font-render-hinting", "none"),
		chromedp.Flag("disable-dev-shm-usage", true),
		// a second host name of this machine, for what comes from another site
		chromedp.Flag("host-resolver-rules", "MAP other.test 127.0.0.1"),
	)
	defer cancel()
	var end context.CancelFunc
	chromium, end = chromedp.NewContext(allocator)
	defer end()
	if err := chromedp.Do(chromium); err != nil {
		fmt.Fprintln(os.Stderr, "Chromium does not start:", err)
		return 1
	}
	return m.Run()
}

// today is the day on which the tests look at the demo: after its story, in the open period.
var today = time.Date(2023, 10, 13, 2, 0, 0, 0, time.UTC)

// site is the service with the demo.
type site struct {
	t        testing.TB
	db       *gorm.DB
	server   *httptest.Server
	url      string
	accounts map[policy.Role]demo.Credential
}

// serve starts the service on a copy of the demo.
func serve(t testing.TB, change ...func(*api.Server)) *site {
	t.Helper()
	db := demotest.Towns.Open(t, database.SQLite)
	now := func() time.Time { return today }
	db = db.Session(&gorm.Session{NowFunc: now})
	made, err := demo.Credentials(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, db: db, accounts: map[policy.Role]demo.Credential{}}
	for _, c := range made {
		s.accounts[c.Role] = c
	}
	cfg, err := config.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Rate, cfg.WriteRate = 0, 0
	quiet := slog.New(slog.DiscardHandler)
	server := &api.Server{
		DB: db, Config: cfg, Log: quiet, Version: "test", Now: now, Jobs: jobs.New(db, quiet, now, time.Hour),
		Authenticate: func(ctx context.Context, key string) (access.Principal, error) {
			return credential.Authenticate(ctx, db, key)
		},
		Authorize: func(ctx context.Context, p access.Principal, a policy.Action, town string) error {
			return p.Authorize(ctx, db, a, town)
		},
		Ready: func(context.Context) error { return nil }, Signing: signature.Settings{},
	}
	for _, c := range change {
		c(server)
	}
	if _, err := server.Jobs.RunPending(t.Context()); err != nil { // how sure the ranks are
		t.Fatal(err)
	}
	handler, err := server.Handler()
	if err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewServer(handler)
	t.Cleanup(s.server.Close)
	s.url = "http://localhost:" + s.port()
	return s
}

func (s *site) port() string {
	_, port, _ := net.SplitHostPort(s.server.Listener.Addr().String())
	return port
}

// visitor is a browser of its own: cookies, storage, console and network.
type visitor struct {
	t        testing.TB
	ctx      context.Context
	site     *site
	mu       sync.Mutex
	console  []string
	requests []string
	failed   []string // requests that no answer of a success followed
}

// visit opens a browser with a window of the width.
func (s *site) visit(t testing.TB, width, height int64, language string) *visitor {
	t.Helper()
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	v := &visitor{t: t, ctx: ctx, site: s}
	if err := chromedp.Listen(ctx, v.watch); err != nil {
		t.Fatal(err)
	}
	send(v, network.Enable, network.EnableParams{})
	send(v, log.Enable, cdp.Empty{})
	send(v, runtime.Enable, cdp.Empty{})
	v.resize(width, height)
	send(v, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": language}})
	return v
}

// send runs a command of the protocol.
func send[P, R any](v *visitor, command cdp.Command[P, R], params P) R {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, time.Minute)
	defer cancel()
	r, err := chromedp.Call(ctx, command, params)
	if err != nil {
		v.t.Fatal(err)
	}
	return r
}

// resize changes the size of the window.
func (v *visitor) resize(width, height int64) {
	v.t.Helper()
	send(v, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600,
	})
}

func (v *visitor) watch(event any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		v.console = append(v.console, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	case *runtime.EventConsoleAPICalled:
		v.console = append(v.console, fmt.Sprintf("console.%s", e.Type))
	case *runtime.EventExceptionThrown:
		v.console = append(v.console, "exception: "+e.ExceptionDetails.Text)
	case *network.EventRequestWillBeSent:
		v.requests = append(v.requests, e.Request.URL)
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			v.failed = append(v.failed, fmt.Sprintf("%d %s", e.Response.Status, e.Response.URL))
		}
	}
}

// do runs the steps within a minute.
func (v *visitor) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		v.t.Fatal(err)
	}
}

// open goes to the path and waits until the page and its modules have run.
func (v *visitor) open(path string) {
	v.t.Helper()
	v.do(chromedp.Navigate(v.site.url + path))
	v.settle()
}

// settle waits until the page has loaded and its fonts are there.
func (v *visitor) settle() {
	v.t.Helper()
	eval[bool](v, `new Promise((done) => {
		const ready = () => document.fonts.ready.then(() => requestAnimationFrame(() => done(true)));
		document.readyState === 'complete' ? ready() : addEventListener('load', ready);
	})`)
}

// eval returns what the script in the page comes to, once that is there.
func eval[T any](v *visitor, script string) T {
	v.t.Helper()
	value, err := tryEval[T](v, script)
	if err != nil {
		v.t.Fatalf("%s: %v", script, err)
	}
	return value
}

func tryEval[T any](v *visitor, script string) (T, error) {
	ctx, cancel := context.WithTimeout(v.ctx, time.Minute)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// signIn signs in by the form.
func (v *visitor) signIn(role policy.Role) {
	v.t.Helper()
	c, ok := v.site.accounts[role]
	if !ok {
		v.t.Fatalf("no account of a %s", role)
	}
	v.open("/sign-in")
	v.fill("#account", c.Account)
	v.fill("#password", c.Password)
	v.click("form button")
	v.waitFor("/home")
}

// fill types into the field.
func (v *visitor) fill(selector, words string) {
	v.t.Helper()
	v.do(chromedp.SendKeys(chromedp.CSS(selector), words))
}

func (v *visitor) click(selector string) {
	v.t.Helper()
	v.do(chromedp.Click(chromedp.CSS(selector)))
}

// waitFor waits until the browser is at the path, and the page there is ready.
func (v *visitor) waitFor(path string) {
	v.t.Helper()
	v.until(fmt.Sprintf(`document.readyState === 'complete' && (location.pathname + location.search).startsWith(%q)`, path))
	v.settle()
}

// until waits until the script comes to true.
func (v *visitor) until(script string) {
	v.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if ok, err := tryEval[bool](v, script); err == nil && ok {
			return
		} else if time.Now().After(end) {
			v.t.Fatalf("never true: %s (%v) at %s: %s", script, err, eval[string](v, "location.href"),
				eval[string](v, "document.getElementById('main').innerText.slice(0, 200)"))
		}
	}
}

// text returns what is written at the selector; empty where it is not there.
func (v *visitor) text(selector string) string {
	v.t.Helper()
	return eval[string](v, fmt.Sprintf(`(document.querySelector(%q)?.innerText ?? '')`, selector))
}

// whole returns a picture of the page in its whole height.
func (v *visitor) whole() []byte {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, time.Minute)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		v.t.Fatal(err)
	}
	return png
}

// screen is one page of the walk.
type screen struct {
	name, path string
	role       policy.Role // who sees it; empty: nobody is signed in
}

// screens are all screens, each as somebody who sees all of it.
func (s *site) screens() []screen {
	return []screen{
		{"towns", "/", ""},
		{"sign-in", "/sign-in", ""},
		{"signed-out", "/signed-out", ""},
		{"password", "/password", policy.Mentor},
		{"home-mentor", "/home", policy.Mentor},
		{"home-secretary", "/home", policy.Secretary},
		{"home-leading-group", "/home", policy.LeadingGroup},
		{"ranking", "/t/demo/ranking", ""},
		{"ranking-class", "/t/demo/ranking?class=rural", ""},
		{"ranking-provisional", "/t/demo/ranking?period=2023Q3", policy.LeadingGroup},
		{"unpublished", "/t/lishui/ranking", ""},
		{"scorecard-public", "/t/demo/branches/b39", ""},
		{"scorecard", "/t/demo/branches/b39", policy.LeadingGroup},
		{"entry-mentor", "/t/demo/entry", policy.Mentor},
		{"entry-office", "/t/demo/entry", policy.Office},
		{"entry-leading-group", "/t/demo/entry", policy.LeadingGroup},
		{"entry-secretary", "/t/demo/entry", policy.Secretary},
		{"entry-instructor", "/t/demo/entry?branch=b33", policy.Instructor},
		{"review", "/t/demo/review", policy.LeadingGroup},
		{"method", "/t/demo/method", ""},
		{"notice", "/t/demo/notice", ""},
		{"verify", "/t/demo/verify", ""},
		{"problem", "/t/demo/branches/nobody", ""},
		{"missing", "/nothing", ""},
	}
}

// listen serves the handler on another port of this machine and returns the port.
func listen(t testing.TB, h http.Handler) (port string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	_, port, _ = net.SplitHostPort(server.Listener.Addr().String())
	return port
}

// openAt goes to an address that may be of another site.
func (v *visitor) openAt(address string) {
	v.t.Helper()
	v.do(chromedp.Navigate(address))
}

// short is how long one step may take.
func (v *visitor) short() (context.Context, context.CancelFunc) {
	return context.WithTimeout(v.ctx, time.Minute)
}

// decode reads JSON.
func decode(t testing.TB, body string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), v); err != nil {
		t.Fatalf("%v: %.300s", err, body)
	}
}
