package access_test

import (
	"slices"
	"testing"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

// What a refused sign-in costs, and how much longer it takes for an account that
// exists: both kinds take turns, so that a busy machine slows them down alike.
func BenchmarkSignIn(b *testing.B) {
	ctx, db, passwords := b.Context(), dbtest.Open(b, database.SQLite), access.NewPasswords(access.PasswordCost)
	if _, err := access.CreateAccount(ctx, db, access.Account{Name: "known", Roles: admins}); err != nil {
		b.Fatal(err)
	}
	if _, err := access.SetPassword(ctx, db, passwords,
		access.NewPassword{Account: "known", Password: phrase, Version: 1}); err != nil {
		b.Fatal(err)
	}
	took := map[string][]time.Duration{}
	for b.Loop() {
		for _, name := range []string{"known", "unknown"} {
			begin := time.Now()
			if _, err := access.CheckPassword(ctx, db, passwords, name, "a wrong password"); err == nil {
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
