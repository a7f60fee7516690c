package evaluation_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
)

// BenchmarkWriteSheet replaces the 26 entries of sheets of one town, each client
// its own sheet, with the record in the trail. For figures that mean something
// set TEST_DATABASE_URL to a server that waits for its disk: that of the tests
// does not.
func BenchmarkWriteSheet(b *testing.B) {
	for _, dialect := range dbtest.Dialects {
		for _, clients := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s-%d", dialect, clients), func(b *testing.B) {
				db := dbtest.Connect(b, dbtest.URL(b, dialect), database.Options{MaxConns: 16})
				if _, err := demo.Seed(b.Context(), db); err != nil {
					b.Fatal(err)
				}
				writeSheets(b, db, begun(b, db, clients))
			})
		}
	}
}

// begun opens a draft of the leading group for each client, with the values that
// the branch had in the quarter before.
func begun(b *testing.B, db *gorm.DB, clients int) []evaluation.Sheet {
	b.Helper()
	ctx := as(b.Context(), "group-1", policy.LeadingGroup)
	sheets := make([]evaluation.Sheet, clients)
	for i := range sheets {
		branch := fmt.Sprintf("b%02d", 2+i)
		old, err := evaluation.ListSheets(ctx, db, demo.Town,
			evaluation.SheetFilter{Period: "2023Q2", Branch: branch, Limit: 10})
		if err != nil {
			b.Fatal(err)
		}
		entries := map[string]evaluation.Entry{}
		for _, s := range old {
			full, err := evaluation.FindSheet(ctx, db, demo.Town, s.ID)
			if err != nil {
				b.Fatal(err)
			}
			for _, e := range full.Entries {
				if e.Value != nil {
					entries[e.Code] = evaluation.Entry{Code: e.Code, Value: e.Value}
				}
			}
		}
		var list []evaluation.Entry
		for _, e := range entries {
			list = append(list, e)
		}
		if sheets[i], err = evaluation.BeginSheet(ctx, db,
			evaluation.Sheet{TownID: demo.Town, PeriodCode: period, BranchCode: branch, Entries: list}); err != nil {
			b.Fatal(err)
		}
	}
	return sheets
}

func writeSheets(b *testing.B, db *gorm.DB, sheets []evaluation.Sheet) {
	b.Helper()
	ctx := as(b.Context(), "group-1", policy.LeadingGroup)
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	for _, s := range sheets {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				var err error
				if s, err = evaluation.WriteSheet(ctx, db, s.Ref(), "", s.Entries); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(len(sheets[0].Entries)), "entries")
}
