package evaluation_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
)

// BenchmarkTrail stores sheets as BenchmarkWriteSheet does, in turns with the trail
// and without its four statements; "times" is how much longer it takes with it. The
// record is worked out and hashed in both.
func BenchmarkTrail(b *testing.B) {
	for _, dialect := range dbtest.Dialects {
		for _, clients := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s-%d", dialect, clients), func(b *testing.B) {
				url := dbtest.URL(b, dialect)
				with, without := dbtest.Connect(b, url, database.Options{MaxConns: 16}),
					dbtest.Connect(b, url, database.Options{MaxConns: 16})
				if _, err := demo.Seed(b.Context(), with); err != nil {
					b.Fatal(err)
				}
				sheets := begun(b, with, clients)
				trailless(b, without)
				var took [2]time.Duration
				b.ResetTimer()
				for n := 0; n < b.N; n += clients {
					took[0] += together(b, with, sheets)
					took[1] += together(b, without, sheets)
				}
				b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "times")
			})
		}
	}
}

// trailless makes a handle answer the statements of the trail without asking the
// database.
func trailless(b *testing.B, db *gorm.DB) {
	b.Helper()
	leave := func(do func(*gorm.DB)) func(*gorm.DB) {
		return func(tx *gorm.DB) {
			if table := tx.Statement.Table; table == "audit_records" || table == "audit_heads" {
				tx.RowsAffected = 1
				return
			}
			do(tx)
		}
	}
	c := db.Callback()
	for name, err := range map[string]error{
		"create": c.Create().Replace("gorm:create", leave(c.Create().Get("gorm:create"))),
		"query":  c.Query().Replace("gorm:query", leave(c.Query().Get("gorm:query"))),
		"update": c.Update().Replace("gorm:update", leave(c.Update().Get("gorm:update"))),
	} {
		if err != nil {
			b.Fatal(name, err)
		}
	}
}

// together has every client write its sheet once.
func together(b *testing.B, db *gorm.DB, sheets []evaluation.Sheet) time.Duration {
	b.Helper()
	ctx := as(b.Context(), "group-1", policy.LeadingGroup)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range sheets {
		wg.Go(func() {
			s, err := evaluation.WriteSheet(ctx, db, sheets[i].Ref(), "", sheets[i].Entries)
			if err != nil {
				b.Error(err)
				return
			}
			sheets[i] = s
		})
	}
	wg.Wait()
	return time.Since(start)
}
