//go:build prove && linux

package prove

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// visitor asks the service for things, one at a time, while its database is troubled.
type visitor struct {
	t      *testing.T
	server *program
	secret string
	http   *http.Client
	asked  int
}

func calling(t *testing.T, p *program, secret string) *visitor {
	return &visitor{
		t: t, server: p, secret: secret,
		http: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
	}
}

// reading and writing are requests that need the database.
var (
	reading = []string{
		"GET /periods/2023Q3/ranking", "GET /evaluations?period=2023Q3", "GET /branches/b07/history",
		"GET /audit",
	}
	writing = []string{
		`POST /adjustments {"period": "2023Q3", "branch": "b07", "kind": "bonus", "item": "honour", "reason": "asked by a visitor"}`,
		`POST /people {"code": "visitor", "name": {"zh": "访客"}}`,
	}
)

// answer is what a visitor got.
type answer struct {
	status       int
	code, detail string
	header       http.Header
}

// ask sends METHOD PATH BODY, the path below that of the town.
func (v *visitor) ask(request, language string) answer {
	v.t.Helper()
	parts := append(strings.SplitN(request, " ", 3), "")
	address := v.server.address.Load().(string)
	if strings.HasSuffix(parts[1], "z") {
		address, _, _ = strings.Cut(address, "/api/")
	}
	r, err := http.NewRequestWithContext(v.t.Context(), parts[0], address+parts[1], strings.NewReader(parts[2]))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+v.secret)
	r.Header.Set("Accept-Language", language)
	if parts[2] != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := v.http.Do(r)
	if err != nil {
		v.t.Fatalf("%s: no answer: %v", request, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatalf("%s: half an answer: %v", request, err)
	}
	v.asked++
	var p struct{ Code, Detail string }
	_ = json.Unmarshal(body, &p) // a list has neither
	return answer{res.StatusCode, p.Code, p.Detail, res.Header}
}

// refused wants the request refused for now, in both languages, with one of the codes.
func (v *visitor) refused(request string, codes ...string) {
	v.t.Helper()
	for language, chinese := range map[string]bool{"zh": true, "en": false} {
		if a := v.ask(request, language); !a.passes(chinese, codes...) {
			v.t.Errorf("%s in %s: %+v", request, language, a)
		}
	}
}

// passes reports whether the answer is that of a fault that will pass, in Chinese or
// English.
func (a answer) passes(chinese bool, codes ...string) bool {
	return a.status == http.StatusServiceUnavailable && slices.Contains(codes, a.code) &&
		a.header.Get("Retry-After") != "" &&
		strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") &&
		strings.ContainsFunc(a.detail, han) == chinese
}

func han(r rune) bool { return unicode.Is(unicode.Han, r) }

// away wants everything refused that needs the database, and the service not ready.
func (v *visitor) away(codes ...string) {
	v.t.Helper()
	for _, request := range slices.Concat(reading, writing) {
		v.refused(request, codes...)
	}
	v.alive()
	v.refused("GET /readyz", append(codes, "not_ready")...)
}

func (v *visitor) alive() {
	v.t.Helper()
	if a := v.ask("GET /livez", "en"); a.status != http.StatusOK {
		v.t.Errorf("the process is not alive: %+v", a)
	}
}

// full wants what writes refused once the last free pages are used up (a gap in an
// old page may still take something), and what reads answered.
func (v *visitor) full() {
	v.t.Helper()
	for n, refusals := 0, 0; refusals < 6; n++ {
		chinese := n%2 == 0
		a := v.ask(writing[0], map[bool]string{true: "zh", false: "en"}[chinese])
		switch {
		case a.passes(chinese, "database_unavailable"):
			refusals++
		case a.status != http.StatusCreated || n == 2000:
			v.t.Fatalf("%d refused, then %+v", refusals, a)
		}
	}
	for _, request := range reading {
		if a := v.ask(request, "en"); a.status != http.StatusOK {
			v.t.Errorf("%s: %+v", request, a)
		}
	}
	v.alive()
}

// recovers wants the service to do everything again soon.
func (v *visitor) recovers() {
	v.t.Helper()
	begin := time.Now()
	for _, request := range slices.Concat(reading, []string{writing[0], "GET /readyz"}) {
		for a := v.ask(request, "en"); a.status >= 300; a = v.ask(request, "en") {
			if time.Since(begin) > recovery {
				v.t.Fatalf("%s is still refused after %v: %+v", request, recovery, a)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	v.t.Logf("recovered after %v, %d requests asked", time.Since(begin).Round(time.Millisecond), v.asked)
}
