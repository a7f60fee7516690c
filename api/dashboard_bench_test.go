package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// BenchmarkDashboard asks for the leadership screen of 40 branches, as it was and as
// after a change, and, in turn, for the provisional ranking of the open quarter, which
// computes an index from the database: ms each, and the ratio of the first and the last.
func BenchmarkDashboard(b *testing.B) {
	for _, dialect := range dbtest.Dialects {
		db := dbtest.Open(b, dialect)
		if _, err := demo.Seed(b.Context(), db); err != nil {
			b.Fatal(err)
		}
		if _, err := index.ComputePendingRobustness(b.Context(), db); err != nil {
			b.Fatal(err)
		}
		server := benchServer(db)
		handler, err := server.Handler()
		if err != nil {
			b.Fatal(err)
		}
		person := "leader-1"
		_, secret, err := credential.CreateKey(b.Context(), db, credential.Key{
			Roles: []policy.Role{policy.Leadership}, Towns: []string{demo.Town}, PersonCode: &person, ReadOnly: true,
		})
		if err != nil {
			b.Fatal(err)
		}
		ask := func(b *testing.B, path string) time.Duration {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/api/v1/towns/demo"+path, nil)
			r.Header.Set("Authorization", "Bearer "+secret)
			w := httptest.NewRecorder()
			started := time.Now()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				b.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
			return time.Since(started)
		}
		b.Run(dialect, func(b *testing.B) {
			ask(b, "/dashboard") // the first reads what is published
			var screen, changed, ranking time.Duration
			for b.Loop() {
				screen += ask(b, "/dashboard")
				server.responses = rest.ResponseCache[cacheKey]{} // as after a change
				changed += ask(b, "/dashboard")
				ranking += ask(b, "/periods/2023Q3/ranking")
			}
			b.ReportMetric(screen.Seconds()*1000/float64(b.N), "ms/dashboard")
			b.ReportMetric(changed.Seconds()*1000/float64(b.N), "ms/changed")
			b.ReportMetric(ranking.Seconds()*1000/float64(b.N), "ms/open-ranking")
			b.ReportMetric(float64(screen)/float64(ranking), "ratio")
		})
	}
}
