// Package resttest holds what tests of a handler share: one request, and the problem of an answer.
package resttest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// Do sends one request as the leading group and returns the answer. header holds name, value, …; an empty value
// removes the header.
func Do(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	var from io.Reader
	if body != "" {
		from = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(context.Background(), method, target, from)
	r.Header.Set("Authorization", "Bearer group")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// ProblemOf returns the problem of an answer, a P, and fails the test where the answer has another status, another
// media type, an unknown member, or lacks a member that every problem has. It takes the type as a parameter,
// because the tests of rest itself use it.
func ProblemOf[P any](t testing.TB, w *httptest.ResponseRecorder, status int) (p P) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &p, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("status %d, no problem: %v: %s", w.Code, err, w.Body)
	}
	var common struct {
		Status    int    `json:"status"`
		Title     string `json:"title"`
		Code      string `json:"code"`
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &common); err != nil {
		t.Fatal(err)
	}
	if w.Code != status || common.Status != status || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("status %d (%s), want %d: %s", w.Code, w.Header().Get("Content-Type"), status, w.Body)
	}
	if common.RequestID == "" || common.RequestID != w.Header().Get("X-Request-Id") || common.Title == "" ||
		common.Code == "" {
		t.Errorf("incomplete problem: %s", w.Body)
	}
	return p
}
