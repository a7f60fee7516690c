package api

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
)

// door is the service with a clock that stands still, and requests from any
// address.
type door struct {
	*harness
	now     time.Time
	handler http.Handler
}

func newDoor(t testing.TB, db *gorm.DB, change ...func(*Server)) *door {
	t.Helper()
	d := &door{harness: withAccounts(t, db), now: time.Now().UTC()}
	d.server.Now = func() time.Time { return d.now }
	for _, c := range change {
		c(d.server)
	}
	var err error
	d.handler, err = d.server.Handler()
	d.must(err)
	return d
}

// send is one request from an address, with more headers as name, value.
func (d *door) send(method, path, body, from string, more ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(d.t.Context(), method, "/api/v1"+path, strings.NewReader(body))
	r.RemoteAddr = from
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(more); i += 2 {
		r.Header.Add(more[i], more[i+1])
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w
}

func (d *door) guess(account, password, from string, more ...string) *httptest.ResponseRecorder {
	return d.send(http.MethodPost, "/sessions", fmt.Sprintf(`{"account": %q, "password": %q}`, account, password),
		from, more...)
}

// Ten thousand guesses from one place, each under another name and with other
// forged headers: a handful is looked at.
func TestTenThousandGuesses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		d := newDoor(t, db)
		before := d.server.Passwords.Hashed()
		statuses := map[int]int{}
		for i := range 10_000 {
			forged := fmt.Sprintf("203.0.113.%d", i%250)
			w := d.guess(fmt.Sprintf("name%d", i%500), "a guess of mine", fmt.Sprintf("192.0.2.9:%d", 1024+i),
				"X-Forwarded-For", forged, "X-Real-Ip", forged, "Forwarded", "for="+forged, "True-Client-Ip", forged,
				"CF-Connecting-IP", forged)
			statuses[w.Code]++
			if w.Code == http.StatusTooManyRequests {
				if after, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || after < 1 ||
					!strings.Contains(w.Body.String(), "try again in "+strconv.Itoa(after)+" s") {
					t.Fatalf("%v %s", w.Header(), w.Body)
				}
			}
		}
		if hashed := d.server.Passwords.Hashed() - before; hashed != 30 || statuses[http.StatusUnauthorized] != 30 ||
			statuses[http.StatusTooManyRequests] != 9_970 {
			t.Errorf("%d passwords were looked at, answers %v", hashed, statuses)
		}
		// Nobody else was locked out: neither the addresses that were forged nor a name.
		if w := d.guess("boss", phrase, "203.0.113.7:1"); w.Code != http.StatusCreated {
			t.Errorf("the owner: %d %s", w.Code, w.Body)
		}
		// A success costs nothing, and does not make the address good again: it leaves the one
		// try that has come.
		d.now = d.now.Add(10 * time.Second)
		if w := d.guess("boss", phrase, "192.0.2.9:1"); w.Code != http.StatusCreated {
			t.Errorf("after 10 s: %d", w.Code)
		}
		for i, want := range []int{http.StatusUnauthorized, http.StatusTooManyRequests} {
			if w := d.guess(fmt.Sprint("fresh", i), "x", "192.0.2.9:1"); w.Code != want {
				t.Errorf("guess %d after a success: %d", i+1, w.Code)
			}
		}
	})
}

// Behind a proxy that is trusted, the address is the one the proxy has seen,
// whatever was written in front of it or on other lines.
func TestForgedAddresses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		for name, c := range map[string]struct {
			from string
			more func(i int) []string
		}{
			"no proxy": {
				"192.0.2.1:1", func(i int) []string { return []string{"X-Forwarded-For", fmt.Sprint("203.0.113.", i)} },
			},
			"appended": {
				"10.0.0.1:1",
				func(i int) []string { return []string{"X-Forwarded-For", fmt.Sprintf("203.0.113.%d, 192.0.2.1", i)} },
			},
			"added as a line": {"10.0.0.1:1", func(i int) []string {
				return []string{"X-Forwarded-For", fmt.Sprint("203.0.113.", i), "X-Forwarded-For", "192.0.2.1"}
			}},
			"another header": {
				"10.0.0.1:1", func(i int) []string { return []string{"X-Real-Ip", fmt.Sprint("203.0.113.", i)} },
			},
			"IPv6, one network": {
				"10.0.0.1:1", func(i int) []string { return []string{"X-Forwarded-For", fmt.Sprintf("2001:db8:0:1::%x", i)} },
			},
			"IPv6 direct": {"[2001:db8:0:2::7]:1", func(int) []string { return nil }},
			"IPv6 mapped": {"[::ffff:192.0.2.1]:1", func(int) []string { return nil }},
		} {
			d := newDoor(t, dbtest.Open(t, db.Name()), func(s *Server) { s.Config.TrustedProxies = []string{"10.0.0.1"} })
			for i := range 60 {
				d.guess(fmt.Sprint("name", i), "x", c.from, c.more(i)...)
			}
			if w := d.guess("boss", phrase, c.from, c.more(99)...); w.Code != http.StatusTooManyRequests {
				t.Errorf("%s: the limit was dodged: %d", name, w.Code)
			}
			for _, neighbour := range []string{"203.0.113.5:1", "[2001:db8:0:3::1]:1"} {
				if w := d.guess("boss", phrase, neighbour); w.Code != http.StatusCreated {
					t.Errorf("%s: %s was locked out: %d", name, neighbour, w.Code)
				}
			}
		}
	})
}

var requestIDIn = regexp.MustCompile(`"request_id":"[^"]*"`)

// Whether an account exists cannot be learnt from the answer or the work.
func TestKnownAndUnknownAccountsAreAlike(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		d := newDoor(t, db)
		d.account(credential.Account{Name: "off", Roles: []policy.Role{policy.Reader}})
		_, err := credential.UpdateAccount(t.Context(), db,
			credential.Account{Name: "off", Roles: []policy.Role{policy.Reader}}, true, 2)
		d.must(err)
		_, err = credential.CreateAccount(t.Context(), db,
			credential.Account{Name: "empty", Roles: []policy.Role{policy.Reader}})
		d.must(err)
		var first string
		for i, try := range [][2]string{
			{"boss", "a wrong password"}, {"nobody", phrase}, {"off", phrase}, {"empty", phrase}, {"不存在", phrase},
		} {
			before := d.server.Passwords.Hashed()
			w := d.guess(try[0], try[1], "192.0.2.1:1")
			told := fmt.Sprint(w.Code, requestIDIn.ReplaceAllString(w.Body.String(), ""), len(w.Header()))
			if i == 0 {
				first = told
			}
			if told != first || w.Code != http.StatusUnauthorized {
				t.Errorf("%s: %s, want %s", try[0], told, first)
			}
			if n := d.server.Passwords.Hashed() - before; n != 1 {
				t.Errorf("%s: hashed %d times", try[0], n)
			}
		}
	})
}

// What failed is counted and logged, without what was typed.
func TestRefusedSignInsAreCounted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		registry, log := prometheus.NewRegistry(), new(bytes.Buffer)
		d := newDoor(t, db, func(s *Server) { s.Metrics = registry; _, log = withLog(s) })
		var before int64
		d.must(db.Table("audit_records").Count(&before).Error)
		d.guess("boss", "hunter2hunter2", "192.0.2.1:1")
		d.guess("hunter3hunter3", "hunter2hunter2", "192.0.2.1:1") // a password in the wrong field
		d.guess("boss", phrase, "192.0.2.1:1")
		for range 60 {
			d.guess("nobody", "x", "192.0.2.2:1")
		}
		if s := log.String(); strings.Contains(s, "hunter") || strings.Contains(s, phrase) || strings.Contains(s, "nobody") ||
			!strings.Contains(s, `"msg":"sign-in refused","account":"boss","client":"192.0.2.1"`) {
			t.Errorf("log: %s", s)
		}
		var after int64
		d.must(db.Table("audit_records").Count(&after).Error)
		if after != before+1 {
			t.Errorf("%d records for one success", after-before)
		}
		families, err := registry.Gather()
		d.must(err)
		counts := map[string]float64{}
		for _, f := range families {
			if f.GetName() == "bulwark_sign_ins_total" {
				for _, m := range f.GetMetric() {
					counts[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
				}
			}
		}
		if counts["in"] != 1 || counts["refused"] != 10 || counts["limited"] != 52 { // one name from one address: 8
			t.Errorf("counted %v", counts)
		}
	})
}

// A caller is slowed down by key or account, strangers by address, and the
// probes of a load balancer never.
func TestTheRateOfRequests(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		d := newDoor(t, db, func(s *Server) { s.Config.Rate, s.Config.Burst = 1, 5 })
		last := func(n int, path, from string, more ...string) (w *httptest.ResponseRecorder) {
			for range n {
				w = d.send(http.MethodGet, path, "", from, more...)
			}
			return w
		}
		reader, mentor := "Bearer "+d.secrets[policy.Reader], "Bearer "+d.secrets[policy.Mentor]
		for _, c := range []struct {
			what string
			w    *httptest.ResponseRecorder
			want int
		}{
			{"five of a reader", last(5, "/me", "192.0.2.1:1", "Authorization", reader), http.StatusOK},
			{"six, from another address", last(1, "/me", "192.0.2.2:1", "Authorization", reader), http.StatusTooManyRequests},
			{"another key", last(5, "/me", "192.0.2.1:1", "Authorization", mentor), http.StatusOK},
			{"a stranger", last(5, "/towns", "192.0.2.1:1"), http.StatusOK},
			{"the stranger again", last(1, "/towns", "192.0.2.1:1"), http.StatusTooManyRequests},
			{"another stranger", last(1, "/towns", "192.0.2.3:1"), http.StatusOK},
			{"bad keys", last(5, "/me", "192.0.2.4:1", "Authorization", "Bearer bw_00000000_x"), http.StatusUnauthorized},
			{
				"more bad keys", last(1, "/me", "192.0.2.4:1", "Authorization", "Bearer bw_00000000_y"), http.StatusTooManyRequests,
			},
		} {
			if c.w.Code != c.want || (c.want == http.StatusTooManyRequests) != (c.w.Header().Get("Retry-After") == "1") {
				t.Errorf("%s: %d %v", c.what, c.w.Code, c.w.Header())
			}
		}
		w := d.guess("boss", phrase, "192.0.2.5:1")
		cookie := cookieOfRecorder(w)
		if w := last(5, "/me", "192.0.2.5:1", "Cookie", cookie); w.Code != http.StatusOK {
			t.Errorf("five of an account: %d", w.Code)
		}
		if w := last(1, "/me", "192.0.2.6:1", "Cookie", cookie); w.Code != http.StatusTooManyRequests {
			t.Errorf("six of an account: %d", w.Code)
		}
		d.now = d.now.Add(time.Second)
		if w := last(1, "/me", "192.0.2.1:1", "Authorization", reader); w.Code != http.StatusOK {
			t.Errorf("a second later: %d", w.Code)
		}
		for range 50 {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/livez", nil)
			w := httptest.NewRecorder()
			if d.handler.ServeHTTP(w, r); w.Code != http.StatusOK {
				t.Fatalf("livez: %d", w.Code)
			}
		}
	})
}

func cookieOfRecorder(w *httptest.ResponseRecorder) string {
	for _, c := range w.Result().Cookies() {
		return c.Name + "=" + c.Value
	}
	return ""
}
