package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"bulwark/docs"
	"bulwark/internal/config"
)

func fetch(t *testing.T, h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// service is the whole service without a database: all that these addresses need.
func service(t *testing.T) http.Handler {
	t.Helper()
	s := &Server{Log: slog.New(slog.DiscardHandler), Config: config.Config{RequestTimeout: time.Minute}}
	h, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestOpenAPIIsServedWithItsETag(t *testing.T) {
	h := service(t)
	first := fetch(t, h, "/openapi.json")
	if first.Code != http.StatusOK || first.Body.String() != docs.OpenAPI ||
		first.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %s, %d bytes", first.Code, first.Header().Get("Content-Type"), first.Body.Len())
	}
	second := fetch(t, h, "/openapi.json", "If-None-Match", first.Header().Get("ETag"))
	if second.Code != http.StatusNotModified || second.Body.Len() != 0 {
		t.Errorf("with its ETag: got %d, %d bytes, want 304 and none", second.Code, second.Body.Len())
	}
}
