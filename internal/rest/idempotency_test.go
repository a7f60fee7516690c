package rest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"bulwark/internal/access"
	"bulwark/internal/policy"
)

// All that makes a request what it is makes its fingerprint.
func TestFingerprintsDiffer(t *testing.T) {
	base := func() (*http.Request, access.Principal) {
		r := httptest.NewRequest(http.MethodPost, "/a/b?c=d", strings.NewReader("body"))
		r.Header.Set("Idempotency-Key", "k")
		r.Header.Set("If-Match", `"1"`)
		return r, access.Principal{Key: "bw_1", Role: policy.Mentor}
	}
	seen := map[string]string{}
	for name, change := range map[string]func(*http.Request, *access.Principal){
		"nothing":     func(*http.Request, *access.Principal) {},
		"path":        func(r *http.Request, _ *access.Principal) { r.URL.Path = "/a" },
		"query":       func(r *http.Request, _ *access.Principal) { r.URL.RawQuery = "" },
		"If-Match":    func(r *http.Request, _ *access.Principal) { r.Header.Set("If-Match", `"2"`) },
		"no If-Match": func(r *http.Request, _ *access.Principal) { r.Header.Del("If-Match") },
		"role":        func(_ *http.Request, p *access.Principal) { p.Role = policy.Admin },
		"body":        func(r *http.Request, _ *access.Principal) { r.Body = io.NopCloser(strings.NewReader("bod")) },
	} {
		r, p := base()
		change(r, &p)
		c, err := claimOf(r, p, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Fatal(err)
		}
		row := c.row()
		if other, ok := seen[row.Fingerprint]; ok {
			t.Errorf("%s and %s have one fingerprint", name, other)
		}
		seen[row.Fingerprint] = name
	}
}

// A password could be guessed from the fingerprint of a body that holds it.
func TestASecretIsNotInAFingerprint(t *testing.T) {
	var prints []string
	for _, body := range []string{"one", "two"} {
		r := httptest.NewRequest(http.MethodPost, "/me/password", strings.NewReader(body))
		r.Header.Set("Idempotency-Key", "k")
		c, err := claimOf(r, access.Principal{Account: "ann"}, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Fatal(err)
		}
		prints = append(prints, c.row().Fingerprint)
	}
	if prints[0] != prints[1] {
		t.Error("the fingerprint depends on the body")
	}
}
