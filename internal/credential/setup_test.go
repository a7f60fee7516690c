package credential_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/people/peopletest"
	"bulwark/internal/policy"
)

func TestTheFirstAdministratorIsMadeOnce(t *testing.T) {
	clocked(t, func(t *testing.T, db *gorm.DB, now *time.Time) {
		ctx, passwords := t.Context(), quick()
		old, err := credential.NewSetupToken(ctx, db)
		peopletest.Must(t, err)
		*now = now.Add(credential.SetupTime)
		_, err = credential.SetUp(ctx, db, passwords, credential.FirstAdmin{Token: old, Name: "boss", Password: phrase})
		peopletest.Refused(t, "an old token", err, "bad_setup_token")
		token, err := credential.NewSetupToken(ctx, db)
		peopletest.Must(t, err)
		other, err := credential.NewSetupToken(ctx, db)
		peopletest.Must(t, err)
		_, err = credential.SetUp(ctx, db, passwords,
			credential.FirstAdmin{Token: token + "x", Name: "boss", Password: phrase})
		peopletest.Refused(t, "a wrong token", err, "bad_setup_token")
		if passwords.Hashed() != 0 {
			t.Error("a stranger had a password hashed")
		}
		_, err = credential.SetUp(ctx, db, passwords, credential.FirstAdmin{Token: token, Name: "Boss", Password: "short"})
		peopletest.Refused(t, "a bad name and password", err, "invalid", "/name", "/password")
		a, err := credential.SetUp(ctx, db, passwords, credential.FirstAdmin{Token: token, Name: "boss", Password: phrase})
		peopletest.Must(t, err)
		if a.MustChange || len(a.Roles) != 1 || a.Roles[0] != policy.Admin {
			t.Errorf("made %+v", a)
		}
		for _, used := range []string{token, other, "x"} {
			_, err = credential.SetUp(ctx, db, passwords, credential.FirstAdmin{Token: used, Name: "boss2", Password: phrase})
			peopletest.Refused(t, "after it", err, "already_set_up")
		}
		_, err = credential.NewSetupToken(ctx, db)
		peopletest.Refused(t, "a token after it", err, "already_set_up")

		// Its tokens went with it, even should the administrator be gone.
		_, err = credential.UpdateAccount(ctx, db, credential.Account{Name: "boss", Roles: admins}, true, a.Version)
		peopletest.Must(t, err)
		_, err = credential.SetUp(ctx, db, passwords, credential.FirstAdmin{Token: other, Name: "boss2", Password: phrase})
		peopletest.Refused(t, "the other token", err, "bad_setup_token")
	})
}

func TestAnAdminKeyCountsAsAdministrator(t *testing.T) {
	clocked(t, func(t *testing.T, db *gorm.DB, now *time.Time) {
		ctx := t.Context()
		peopletest.Towns(t, db)
		has := func(what string, want bool) {
			t.Helper()
			got, err := credential.HasAdmin(ctx, db)
			peopletest.Must(t, err)
			if got != want {
				t.Errorf("%s: %v", what, got)
			}
		}
		_, err := credential.CreateAccount(ctx, db, credential.Account{Name: "no.password", Roles: admins})
		peopletest.Must(t, err)
		_, _, err = credential.CreateKey(ctx, db, credential.Key{Roles: admins, Towns: []string{"a"}})
		peopletest.Must(t, err)
		_, _, err = credential.CreateKey(ctx, db, credential.Key{Roles: []policy.Role{policy.Reader}})
		peopletest.Must(t, err)
		has("nobody who can", false)
		end := now.Add(time.Hour)
		_, _, err = credential.CreateKey(ctx, db, credential.Key{Roles: admins, ExpiresAt: &end})
		peopletest.Must(t, err)
		has("a key", true)
		*now = end
		has("an expired key", false)
		k, _, err := credential.CreateKey(ctx, db, credential.Key{Roles: admins})
		peopletest.Must(t, err)
		has("another key", true)
		peopletest.Must(t, credential.RevokeKey(ctx, db, k.Prefix, 1))
		has("a revoked key", false)
	})
}

// Many at once, with one token or with two: one administrator.
func TestSetupRaces(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		passwords := quick()
		var tokens [2]string
		for i := range tokens {
			var err error
			tokens[i], err = credential.NewSetupToken(t.Context(), db)
			peopletest.Must(t, err)
		}
		var all sync.WaitGroup
		won := make(chan string, 16)
		for i := range 16 {
			all.Go(func() {
				name := fmt.Sprint("boss", i)
				if _, err := credential.SetUp(t.Context(), db, passwords,
					credential.FirstAdmin{Token: tokens[i%2], Name: name, Password: phrase}); err == nil {
					won <- name
				}
			})
		}
		all.Wait()
		accounts, err := credential.ListAccounts(t.Context(), db, "", 99)
		peopletest.Must(t, err)
		if len(won) != 1 || len(accounts) != 1 {
			t.Errorf("%d won, %d accounts", len(won), len(accounts))
		}
	})
}
