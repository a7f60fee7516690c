package rest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"bulwark/internal/policy"

	"github.com/gin-gonic/gin"
)

// BenchmarkRaw compares what the adaptor and its middleware add to an answer
// from memory with a bare Gin handler that writes the same 5 KB.
func BenchmarkRaw(b *testing.B) {
	body := []byte(strings.Repeat("0123456789", 500))
	ours := serveProbes(b, newOptions(), func(r Router) {
		Get(r, "/raw", policy.ReadStructure, func(context.Context, struct{}) (Raw, error) {
			return Raw{ContentType: "application/json", ETag: `"1"`, Body: body}, nil
		})
	})
	bare := gin.New()
	bare.GET("/raw", func(c *gin.Context) { c.Data(http.StatusOK, "application/json", body) })
	for _, c := range []struct {
		name string
		h    http.Handler
		tag  string
	}{{"gin", bare, ""}, {"bulwark", ours, ""}, {"bulwark-304", ours, `"1"`}} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/raw", nil)
			r.Header.Set("Authorization", "Bearer group")
			if c.tag != "" {
				r.Header.Set("If-None-Match", c.tag)
			}
			b.ReportAllocs()
			for b.Loop() {
				c.h.ServeHTTP(&sink{http.Header{}}, r)
			}
		})
	}
}

// sink is a connection that takes everything.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}
