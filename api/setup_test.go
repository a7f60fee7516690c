package api

import (
	"net/http"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
)

func TestSetup(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s, nobody := serving(t, db, func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) })
		s.Config.SessionIdle, s.Config.SessionMax = time.Hour, time.Hour
		token, err := credential.NewSetupToken(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		in := object{"token": token, "account": "boss", "password": phrase}
		refused(t, nobody.Post("/setup", object{"token": "x", "account": "boss", "password": phrase}),
			http.StatusForbidden, "bad_setup_token")
		refused(t, nobody.Post("/setup", object{"token": token, "account": "boss", "password": "short"}),
			http.StatusUnprocessableEntity, "invalid", "/password")
		made := apitest.Decode[credential.Account](nobody.Post("/setup", in), http.StatusCreated)
		if made.Name != "boss" || len(made.Roles) != 1 || made.Roles[0] != policy.Admin {
			t.Errorf("made %+v", made)
		}
		refused(t, nobody.Post("/setup", in), http.StatusNotFound, "already_set_up")
		signIn(nobody, "boss", phrase).Want(http.StatusCreated)
	})
}
