package credential_test

import (
	"slices"
	"testing"
	"time"

	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

// What a refused sign-in costs, and how much longer it takes for an account that
// exists: both kinds take turns, so that a busy machine slows them down alike.
func BenchmarkSignIn(b *testing.B) {
	ctx, db, passwords := b.Context(), dbtest.Open(b, database.SQLite), credential.NewPasswords(credential.PasswordCost)
	if _, err := credential.CreateAccount(ctx, db, credential.Account{Name: "known", Roles: admins}); err != nil {
		b.Fatal(err)
	}
	if _, err := credential.SetPassword(ctx, db, passwords,
		credential.NewPassword{Account: "known", Password: phrase, Version: 1}); err != nil {
		b.Fatal(err)
	}
	took := map[string][]time.Duration{}
	for b.Loop() {
		for _, name := range []string{"known", "unknown"} {
			begin := time.Now()
			if _, err := credential.CheckPassword(ctx, db, passwords, name, "a wrong password"); err == nil {
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
