package index_test

import (
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/index"
)

// What is stored is verified to the last bit; whoever gets past the triggers and
// changes a figure, the data or the scheme is found out, and by which check.
func TestVerifyFindsEveryTampering(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		db = dbtest.Owner(t, db)
		ctx := t.Context()
		const runs = 4 // three periods published, one of them amended
		failed := func() map[string]int {
			t.Helper()
			counts := map[string]int{}
			err := index.VerifyAll(ctx, db, demo.Town, func(v index.Verification) {
				for _, c := range v.Checks {
					if !c.OK {
						counts[c.What]++
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			return counts
		}
		if bad := failed(); len(bad) > 0 {
			t.Fatalf("an untouched database fails: %v", bad)
		}
		disarm(t, db)
		for _, c := range []struct{ what, tamper, undo string }{
			{
				"stored", `UPDATE results SET score = score + 1 WHERE branch_code = 'b07'`,
				`UPDATE results SET score = score - 1 WHERE branch_code = 'b07'`,
			},
			{"data", `UPDATE runs SET data = data || ' '`, `UPDATE runs SET data = substr(data, 1, length(data) - 1)`},
			{
				"scheme", `UPDATE schemes SET document = document || ' '`,
				`UPDATE schemes SET document = substr(document, 1, length(document) - 1)`,
			},
		} {
			for _, statement := range []string{c.tamper, c.undo} {
				if err := db.Exec(statement).Error; err != nil {
					t.Fatal(err)
				}
				bad := failed()
				if statement == c.tamper && bad[c.what] != runs {
					t.Errorf("%s: failed checks %v, want %d of %s", statement, bad, runs, c.what)
				}
				if statement == c.undo && c.what != "stored" && len(bad) > 0 {
					t.Errorf("%s: failed checks %v, want none", statement, bad)
				}
			}
		}
	})
}

// disarm takes the triggers off, as someone with the database's password could.
func disarm(t *testing.T, db *gorm.DB) {
	t.Helper()
	for table, verbs := range map[string][]string{"results": {"update"}, "runs": {"update"}} {
		for _, verb := range verbs {
			statement := "DROP TRIGGER " + table + "_immutable ON " + table
			if database.Dialect(db) == database.SQLite {
				statement = "DROP TRIGGER " + table + "_immutable_" + verb
			}
			if err := db.Exec(statement).Error; err != nil {
				t.Fatal(err)
			}
		}
	}
}
