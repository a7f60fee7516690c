package credential_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"gorm.io/gorm"

	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/people/peopletest"
	"bulwark/internal/policy"
)

const phrase = "correct horse battery"

var admins = []policy.Role{policy.Admin}

func quick() *credential.Passwords {
	return credential.NewPasswords(argon2id.Params{
		Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32,
	})
}

// boss makes the account boss of an admin, with the password phrase.
func boss(t *testing.T, db *gorm.DB, passwords *credential.Passwords) credential.Account {
	t.Helper()
	_, err := credential.CreateAccount(t.Context(), db, credential.Account{Name: "boss", Roles: admins})
	peopletest.Must(t, err)
	a, err := credential.SetPassword(t.Context(), db, passwords,
		credential.NewPassword{Account: "boss", Password: phrase, Version: 1})
	peopletest.Must(t, err)
	return a
}

func TestAccountsAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		roles := func(r ...policy.Role) []policy.Role { return r }
		for what, c := range map[string]struct {
			a  credential.Account
			at []string
		}{
			"upper case":       {credential.Account{Name: "Boss", Roles: admins}, []string{"/name"}},
			"no name":          {credential.Account{Roles: admins}, []string{"/name"}},
			"no roles":         {credential.Account{Name: "x"}, []string{"/roles"}},
			"unknown role":     {credential.Account{Name: "x", Roles: roles("king")}, []string{"/roles"}},
			"role of a person": {credential.Account{Name: "x", Roles: roles(policy.Mentor)}, []string{"/person"}},
			"person, no town":  {credential.Account{Name: "x", PersonCode: new("p1")}, []string{"/town"}},
			"person and roles": {
				credential.Account{Name: "x", OnlyTown: new("a"), PersonCode: new("p1"), Roles: admins},
				[]string{"/roles"},
			},
			"unknown town":   {credential.Account{Name: "x", OnlyTown: new("z"), Roles: admins}, []string{"/town"}},
			"unknown person": {credential.Account{Name: "x", OnlyTown: new("q"), PersonCode: new("p2")}, []string{"/person"}},
			"half an identity": {
				credential.Account{Name: "x", Roles: admins, Issuer: new("https://id.example")},
				[]string{"/subject"},
			},
		} {
			_, err := credential.CreateAccount(t.Context(), db, c.a)
			peopletest.Refused(t, what, err, "invalid", c.at...)
		}
		one := credential.Account{Name: "x", Roles: admins, Issuer: new("https://id.example"), Subject: new("7")}
		_, err := credential.CreateAccount(t.Context(), db, one)
		peopletest.Must(t, err)
		_, err = credential.CreateAccount(t.Context(), db, credential.Account{Name: "x", Roles: admins})
		peopletest.Refused(t, "name taken", err, "already_exists")
		one.Name = "y"
		_, err = credential.CreateAccount(t.Context(), db, one)
		peopletest.Refused(t, "identity taken", err, "already_exists")
	})
}

func TestPasswordsOpenAccounts(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		ctx, passwords := t.Context(), quick()
		a := boss(t, db, passwords)
		_, err := credential.CreateAccount(ctx, db, credential.Account{Name: "empty", Roles: admins})
		peopletest.Must(t, err)
		for _, name := range []string{"boss", "BOSS"} {
			got, err := credential.CheckPassword(ctx, db, passwords, name, phrase)
			peopletest.Must(t, err)
			if got.Name != a.Name || got.Version != 2 {
				t.Errorf("%s opens %+v", name, got)
			}
		}
		_, err = credential.SetPassword(ctx, db, passwords,
			credential.NewPassword{Account: "boss", Password: "short", Version: 2})
		peopletest.Refused(t, "short", err, "invalid", "/password")
		_, err = credential.SetPassword(ctx, db, passwords,
			credential.NewPassword{Account: "boss", Password: phrase, Version: 1})
		peopletest.Refused(t, "stale", err, "stale_version")
		_, err = credential.SetPassword(ctx, db, passwords,
			credential.NewPassword{Account: "none", Password: phrase, Version: 1})
		peopletest.Refused(t, "unknown", err, "not_found")

		// All refusals read alike and cost the same.
		var words string
		for _, try := range [][2]string{
			{"boss", "wrong"},
			{"none", phrase},
			{"empty", phrase},
			{"empty", ""},
			{"boss", ""},
			{"", ""},
			{"' OR 1=1 --", "x"},
		} {
			before := passwords.Hashed()
			_, err := credential.CheckPassword(ctx, db, passwords, try[0], try[1])
			peopletest.Refused(t, try[0], err, "bad_sign_in")
			if words == "" {
				words = err.Error()
			}
			if err.Error() != words || passwords.Hashed() != before+1 {
				t.Errorf("%q: %v, hashed %d times", try[0], err, passwords.Hashed()-before)
			}
		}
		_, err = credential.UpdateAccount(ctx, db, credential.Account{Name: "boss", Roles: admins}, true, 2)
		peopletest.Must(t, err)
		_, err = credential.CheckPassword(ctx, db, passwords, "boss", phrase)
		peopletest.Refused(t, "disabled", err, "bad_sign_in")
		if err.Error() != words {
			t.Errorf("disabled: %v", err)
		}
	})
}

func TestAResetPasswordMustBeChanged(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		ctx, passwords := t.Context(), quick()
		boss(t, db, passwords)
		a, once, err := credential.ResetPassword(ctx, db, passwords, "boss", 2)
		peopletest.Must(t, err)
		if !a.MustChange || a.Version != 3 {
			t.Errorf("after a reset: %+v", a)
		}
		_, err = credential.CheckPassword(ctx, db, passwords, "boss", phrase)
		peopletest.Refused(t, "the password before", err, "bad_sign_in")
		_, err = credential.ChangePassword(ctx, db, passwords,
			credential.PasswordChange{Account: "boss", Old: phrase, New: "another phrase"})
		peopletest.Refused(t, "wrong old one", err, "invalid", "/old")
		_, err = credential.ChangePassword(ctx, db, passwords,
			credential.PasswordChange{Account: "boss", Old: once, New: once})
		peopletest.Refused(t, "the same", err, "invalid", "/password")
		a, err = credential.ChangePassword(ctx, db, passwords,
			credential.PasswordChange{Account: "boss", Old: once, New: "another phrase"})
		peopletest.Must(t, err)
		if a.MustChange {
			t.Error("must be changed again")
		}
		_, err = credential.CheckPassword(ctx, db, passwords, "boss", "another phrase")
		peopletest.Must(t, err)
	})
}

// No hash, password or secret may ever get into the trail or into JSON.
func TestNoSecretIsTold(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		ctx, passwords := t.Context(), quick()
		boss(t, db, passwords)
		_, once, err := credential.ResetPassword(ctx, db, passwords, "boss", 2)
		peopletest.Must(t, err)
		a, err := credential.ChangePassword(ctx, db, passwords,
			credential.PasswordChange{Account: "boss", Old: once, New: phrase})
		peopletest.Must(t, err)
		_, secret, err := credential.OpenSession(ctx, db, a, time.Hour)
		peopletest.Must(t, err)
		peopletest.Must(t, credential.EndSession(ctx, db, secret))
		told, err := json.Marshal(a)
		peopletest.Must(t, err)
		var trail []map[string]any
		peopletest.Must(t, db.Table("audit_records").Find(&trail).Error)
		all, err := json.Marshal(trail)
		peopletest.Must(t, err)
		for _, hidden := range []string{"argon2", phrase, once, secret, a.PasswordHash, credential.CSRFToken(secret)} {
			if strings.Contains(string(told)+string(all), hidden) {
				t.Errorf("%q is told", hidden)
			}
		}
		if len(trail) != 6 {
			t.Errorf("%d records: %s", len(trail), all)
		}
	})
}
