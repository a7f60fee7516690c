package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
)

// failing adds GET /fail, which answers with the error.
func failing(err error) func(Router) {
	return func(r Router) {
		Get(r, "/fail", policy.ReadStructure, func(context.Context, struct{}) (Nothing, error) { return Nothing{}, err })
	}
}

func TestEveryKindHasAStatusAndATitle(t *testing.T) {
	for kind := fault.KindInternal; kind <= fault.KindUnavailable; kind++ {
		status, ok := kinds[kind]
		if !ok || inChinese[status] == "" {
			t.Errorf("kind %d: status %d, title %q", kind, status, inChinese[status])
		}
		w := do(serveProbes(t, newOptions(), failing(fault.New(kind, "code", text.F("中文", "English")))), http.MethodGet,
			"/fail", "")
		p := problemOf(t, w, status)
		if kind != fault.KindInternal && (p.Code != "code" || p.Detail != "English" || p.Title != http.StatusText(status)) {
			t.Errorf("%+v", p)
		}
	}
	for status := range inChinese {
		if http.StatusText(status) == "" {
			t.Errorf("%d is no status", status)
		}
	}
}

func TestLockedSaysWhoAndWhy(t *testing.T) {
	e := fault.Locked("period_locked", "已锁定", "locked")
	e.Lock = &fault.Lock{
		By: "office-1", At: time.Date(2023, 9, 30, 8, 0, 0, 0, time.UTC), Reason: "review", CanLift: "leading_group",
	}
	w := do(serveProbes(t, newOptions(), failing(fmt.Errorf("wrapped: %w", e))), http.MethodGet, "/fail", "")
	if p := problemOf(t, w, http.StatusLocked); p.Locked == nil || *p.Locked != *e.Lock {
		t.Errorf("got %+v", p.Locked)
	}
}

func TestRetryAfterIsRoundedUp(t *testing.T) {
	e := fault.TooManyRequests("slow_down", "慢", "slow down")
	e.RetryAfter = 1200 * time.Millisecond
	w := do(serveProbes(t, newOptions(), failing(e)), http.MethodGet, "/fail", "")
	if got := w.Header().Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After: %s", got)
	}
}

// An error that is no fault is a defect; its words are for the log alone.
func TestUnknownErrorsAreOpaque(t *testing.T) {
	for _, err := range []error{
		errors.New("secret"), fault.New(fault.KindInternal, "secret", text.Same("secret")),
		fmt.Errorf("x: %w", errors.New("secret")),
	} {
		s, log := withLog(newOptions())
		w := do(serveProbes(t, s, failing(err)), http.MethodGet, "/fail", "")
		problemOf(t, w, http.StatusInternalServerError)
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("leaked: %s", w.Body)
		}
		if n := strings.Count(log.String(), "secret"); n != 1 || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("logged %d times: %s", n, log)
		}
	}
}

// The words of a refusal may repeat what was sent, so the log has the code alone.
func TestRefusalsAreLoggedByCode(t *testing.T) {
	s, log := withLog(newOptions())
	do(serveProbes(t, s, failing(fault.Missing(text.Same("key"), "hunter2"))), http.MethodGet, "/fail", "")
	if strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), `"code":"not_found"`) {
		t.Errorf("logged: %s", log)
	}
}

func TestLanguages(t *testing.T) {
	h := serveProbes(t, newOptions())
	for accept, want := range map[string]string{
		"": "en", "*": "en", "en": "en", "en-GB,zh;q=0.8": "en", "fr": "en", ";;;": "en",
		"zh": "zh", "zh-CN,zh;q=0.9,en;q=0.8": "zh", "zh-Hant-TW": "zh", "fr, zh;q=0.5": "zh", "en;q=0.1, zh": "zh",
	} {
		w := do(h, http.MethodGet, "/nowhere", "", "Accept-Language", accept)
		p := problemOf(t, w, http.StatusNotFound)
		if got := w.Header().Get("Content-Language"); got != want || (want == "zh") != (p.Title == "没有找到") {
			t.Errorf("%q: got %s, %q", accept, got, p.Title)
		}
		if !strings.Contains(strings.Join(w.Header()["Vary"], ","), "Accept-Language") {
			t.Errorf("Vary: %v", w.Header()["Vary"])
		}
	}
}

func TestAddressesAndMethods(t *testing.T) {
	h := serveProbes(t, newOptions())
	for _, target := range []string{
		"/", "/api/v1", itemURL + "/", "/api/v1/towns/demo//items", "/API/v1/towns/demo/items",
	} {
		problemOf(t, do(h, http.MethodGet, target, ""), http.StatusNotFound)
	}
	w := do(h, http.MethodPost, itemURL, "")
	problemOf(t, w, http.StatusMethodNotAllowed)
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
		if !strings.Contains(w.Header().Get("Allow"), method) {
			t.Errorf("Allow: %s lacks %s", w.Header().Get("Allow"), method)
		}
	}
	problemOf(t, do(h, "BREW", itemURL, ""), http.StatusMethodNotAllowed)
}

func TestTimeouts(t *testing.T) {
	s := newOptions()
	s.Config.RequestTimeout = 10 * time.Millisecond
	h := serveProbes(t, s, func(r Router) {
		Get(r, "/slow", policy.ReadStructure, func(ctx context.Context, _ struct{}) (Nothing, error) {
			<-ctx.Done()
			return Nothing{}, fault.New(fault.KindUnavailable, "database_away", text.Same("away")).Because(ctx.Err())
		})
	})
	w := do(h, http.MethodGet, "/slow", "")
	if p := problemOf(t, w, http.StatusServiceUnavailable); p.Code != "timeout" || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %+v", p)
	}
}
