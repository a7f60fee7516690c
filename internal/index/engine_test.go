package index_test

import (
	"sync"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
	"bulwark/internal/index"
)

// What an earlier engine made is not computed again: verify names both engines and holds
// the rest, and still finds what somebody changes in rows or data.
func TestVerifyOfAnotherEngine(t *testing.T) {
	var one sync.Mutex // of the databases at a time has the earlier engine
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		db = dbtest.Owner(t, db)
		one.Lock()
		defer one.Unlock()
		undo := index.StandIn("bulwark/composite 1", func(list []index.Result) {
			for i := range list {
				if base := list[i].Base; base != nil {
					list[i].Base = new(*base + 1e-13)
				}
			}
		})
		_, err := demo.Seed(t.Context(), db)
		if undo(); err != nil {
			t.Fatal(err)
		}
		verify := func(ok bool, what string) {
			t.Helper()
			runs := 0
			err := index.VerifyAll(t.Context(), db, demo.Town, func(v index.Verification) {
				runs++
				failed := ""
				for _, c := range v.Checks {
					if c.What == "recomputed" {
						t.Errorf("%s was computed again", v.Run)
					}
					if !c.OK {
						failed += c.What
					}
				}
				if v.OK != ok || !v.OtherEngine() || failed != what {
					t.Errorf("%s: %+v", v.Period, v)
				}
			})
			if err != nil || runs == 0 {
				t.Fatal(runs, err)
			}
		}
		verify(true, "")
		disarm(t, db)
		if err := db.Exec("UPDATE results SET score = score + 1 WHERE branch_code = 'b07'").Error; err != nil {
			t.Fatal(err)
		}
		verify(false, "stored")
	})
}
