package api

import (
	"net/http"
	"testing"
	"time"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
	"bulwark/internal/index"
	"bulwark/internal/people"
)

// BenchmarkDashboard asks for the leadership screen of 40 branches and, in turn, for
// the provisional ranking of the open quarter, which computes an index from the
// database: ms each, and their ratio.
func BenchmarkDashboard(b *testing.B) {
	for _, dialect := range dbtest.Dialects {
		db := dbtest.Open(b, dialect)
		if _, err := demo.Seed(b.Context(), db); err != nil {
			b.Fatal(err)
		}
		if _, err := index.AppraisePending(b.Context(), db); err != nil {
			b.Fatal(err)
		}
		handler, err := benchServer(db).Handler()
		if err != nil {
			b.Fatal(err)
		}
		person := "leader-1"
		_, secret, err := people.CreateKey(b.Context(), db, people.Key{Roles: []people.Role{people.Leadership}, Towns: []string{demo.Town}, PersonCode: &person, ReadOnly: true})
		if err != nil {
			b.Fatal(err)
		}
		leader := apitest.New(b, handler).As(secret)
		b.Run(dialect, func(b *testing.B) {
			var screen, ranking time.Duration
			for b.Loop() {
				started := time.Now()
				leader.Get("/towns/demo/dashboard").Want(http.StatusOK)
				screen += time.Since(started)
				started = time.Now()
				leader.Get("/towns/demo/periods/2023Q3/ranking").Want(http.StatusOK)
				ranking += time.Since(started)
			}
			b.ReportMetric(screen.Seconds()*1000/float64(b.N), "ms/dashboard")
			b.ReportMetric(ranking.Seconds()*1000/float64(b.N), "ms/open-ranking")
			b.ReportMetric(float64(screen)/float64(ranking), "ratio")
		})
	}
}
