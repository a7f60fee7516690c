package credential_test

import (
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/people/peopletest"
)

const (
	idle  = 30 * time.Minute
	whole = 12 * time.Hour
)

// clocked runs f on both databases with a clock to turn.
func clocked(t *testing.T, f func(t *testing.T, db *gorm.DB, now *time.Time)) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			f(t, dbtest.Connect(t, dbtest.URL(t, dialect), database.Options{Now: func() time.Time { return now }}), &now)
		})
	}
}

func TestASessionEnds(t *testing.T) {
	clocked(t, func(t *testing.T, db *gorm.DB, now *time.Time) {
		ctx, passwords := t.Context(), quick()
		a := boss(t, db, passwords)
		begin := *now
		_, secret, err := credential.OpenSession(ctx, db, a, whole)
		peopletest.Must(t, err)
		for _, tried := range []string{"", "x", secret + "x", secret[:len(secret)-1]} {
			_, _, err := credential.FindSession(ctx, db, tried, idle)
			peopletest.Refused(t, tried, err, "session_ended")
		}
		// Used every 29 minutes it lives on, but not beyond its whole time.
		for now.Sub(begin) < whole-idle {
			*now = now.Add(29 * time.Minute)
			_, got, err := credential.FindSession(ctx, db, secret, idle)
			peopletest.Must(t, err)
			if got.Name != "boss" {
				t.Fatalf("the session is of %+v", got)
			}
		}
		*now = begin.Add(whole - time.Microsecond)
		_, _, err = credential.FindSession(ctx, db, secret, idle)
		peopletest.Must(t, err)
		*now = begin.Add(whole)
		_, _, err = credential.FindSession(ctx, db, secret, idle)
		peopletest.Refused(t, "after its whole time", err, "session_ended")

		_, secret, err = credential.OpenSession(ctx, db, a, whole)
		peopletest.Must(t, err)
		var left int64
		peopletest.Must(t, db.Model(&credential.Session{}).Count(&left).Error)
		if left != 1 {
			t.Errorf("%d sessions are kept", left)
		}
		*now = now.Add(idle)
		_, _, err = credential.FindSession(ctx, db, secret, idle)
		peopletest.Refused(t, "unused", err, "session_ended")
	})
}

// The use of a session is written once a minute, not at each request.
func TestUseIsWrittenOnceAMinute(t *testing.T) {
	clocked(t, func(t *testing.T, db *gorm.DB, now *time.Time) {
		_, secret, err := credential.OpenSession(t.Context(), db, boss(t, db, quick()), whole)
		peopletest.Must(t, err)
		written := map[time.Time]bool{}
		for range 180 {
			*now = now.Add(time.Second)
			_, _, err := credential.FindSession(t.Context(), db, secret, idle)
			peopletest.Must(t, err)
			var s credential.Session
			peopletest.Must(t, db.Take(&s).Error)
			written[s.SeenAt] = true
		}
		if len(written) != 4 { // at its opening, after 60, 120 and 180 s
			t.Errorf("written %d times", len(written))
		}
	})
}

// Any change of the account ends its sessions at once; one's own new password
// spares the session that set it.
func TestAChangedAccountEndsItsSessions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		ctx, passwords := t.Context(), quick()
		a := boss(t, db, passwords)
		open := func(a credential.Account) string {
			_, secret, err := credential.OpenSession(ctx, db, a, whole)
			peopletest.Must(t, err)
			return secret
		}
		alive := func(what, secret string, want bool) {
			t.Helper()
			_, _, err := credential.FindSession(ctx, db, secret, idle)
			if want {
				peopletest.Must(t, err)
			} else {
				peopletest.Refused(t, what, err, "session_ended")
			}
		}
		mine, other := open(a), open(a)
		if mine == other {
			t.Fatal("two sessions have one secret")
		}
		changed, err := credential.ChangePassword(ctx, db, passwords,
			credential.PasswordChange{Account: "boss", Old: phrase, New: "another phrase", Session: mine})
		peopletest.Must(t, err)
		alive("mine after my change", mine, true)
		alive("another after my change", other, false)
		late := open(a) // let in by the password that was changed meanwhile
		alive("let in by the old password", late, false)

		_, _, err = credential.ResetPassword(ctx, db, passwords, "boss", changed.Version)
		peopletest.Must(t, err)
		alive("after a reset", mine, false)
		a, err = credential.FindAccount(ctx, db, "boss")
		peopletest.Must(t, err)
		again := open(a)
		_, err = credential.UpdateAccount(ctx, db, credential.Account{Name: "boss", Roles: admins}, true, a.Version)
		peopletest.Must(t, err)
		alive("of a disabled account", again, false)
		a, err = credential.FindAccount(ctx, db, "boss")
		peopletest.Must(t, err)
		alive("opened though disabled", open(a), false)
	})
}

func TestASessionIsEnded(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		ctx := t.Context()
		_, secret, err := credential.OpenSession(ctx, db, boss(t, db, quick()), whole)
		peopletest.Must(t, err)
		peopletest.Must(t, credential.EndSession(ctx, db, secret))
		_, _, err = credential.FindSession(ctx, db, secret, idle)
		peopletest.Refused(t, "ended", err, "session_ended")
		peopletest.Refused(t, "ended twice", credential.EndSession(ctx, db, secret), "session_ended")
	})
}

func TestCSRFTokens(t *testing.T) {
	if a, b := credential.CSRFToken("a"), credential.CSRFToken("b"); a == b || len(a) != 43 ||
		a != credential.CSRFToken("a") {
		t.Errorf("%q %q", a, b)
	}
}
