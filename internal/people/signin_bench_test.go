package people_test

import (
	"slices"
	"testing"
	"time"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/people"
)

// What a refused sign-in costs, and how much longer it takes for an account that
// exists: both kinds take turns, so that a busy machine slows them down alike.
func BenchmarkSignIn(b *testing.B) {
	ctx, db, passwords := b.Context(), dbtest.Open(b, database.SQLite), people.NewPasswords(people.PasswordCost)
	if _, err := people.CreateAccount(ctx, db, people.Account{Name: "known", Roles: admins}); err != nil {
		b.Fatal(err)
	}
	if _, err := people.SetPassword(ctx, db, passwords, "known", phrase, false, 1); err != nil {
		b.Fatal(err)
	}
	took := map[string][]time.Duration{}
	for b.Loop() {
		for _, name := range []string{"known", "unknown"} {
			begin := time.Now()
			if _, err := people.CheckPassword(ctx, db, passwords, name, "a wrong password"); err == nil {
				b.Fatal("let in")
			}
			took[name] = append(took[name], time.Since(begin))
		}
	}
	median := func(name string) float64 {
		slices.Sort(took[name])
		return float64(took[name][len(took[name])/2])
	}
	b.ReportMetric(median("known")/median("unknown"), "known/unknown")
	b.ReportMetric(median("known")/1e6, "ms/try")
}
