package api

import (
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
)

func TestAccounts(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		admin := h.as(policy.Admin)
		made := admin.Post("/accounts", object{"name": "media", "town": "demo", "roles": []string{"reader"}}).
			Want(http.StatusCreated)
		if made.Header.Get("Location") != "/api/v1/accounts/media" || made.Version() != 1 {
			t.Errorf("%v", made.Header)
		}
		refused(t, admin.Post("/accounts", object{"name": "media", "roles": []string{"reader"}}),
			http.StatusConflict, "already_exists")
		refused(t, admin.Post("/accounts", object{"name": "Media", "roles": []string{}}),
			http.StatusUnprocessableEntity, "invalid", "/name", "/roles")
		same(t, "accounts", column(admin.Get("/accounts"), "name"), "boss", "media")
		refused(t, signIn(h.Client, "media", ""), http.StatusUnprocessableEntity, "invalid", "/password")
		refused(t, signIn(h.Client, "media", "x"), http.StatusUnauthorized, "bad_sign_in")

		refused(t, admin.Bad().Post("/accounts/media/password", nil), http.StatusPreconditionRequired, "if_match_required")
		refused(t, admin.IfMatch(`"9"`).Post("/accounts/media/password", nil), http.StatusPreconditionFailed, "stale_version")
		once := apitest.Decode[OneTimePassword](admin.IfMatch(`"1"`).Post("/accounts/media/password", nil), http.StatusOK)
		if len(once.Password) != 20 || !once.MustChange {
			t.Errorf("%+v", once)
		}
		media, told := h.in("media", once.Password)
		if !told.MustChange || told.Role != policy.Reader || strings.Join(told.Towns, " ") != "demo" {
			t.Errorf("told %+v", told)
		}
		// Before the one-time password is changed there is nothing else to do.
		refused(t, media.Get("/towns"), http.StatusForbidden, "password_change_needed")
		refused(t, media.Get("/towns/demo"), http.StatusForbidden, "password_change_needed")
		media.Get("/me").Want(http.StatusOK)
		media.Post("/me/password", object{"old": once.Password, "password": phrase}).Want(http.StatusOK)
		media.Get("/towns/demo").Want(http.StatusOK)
		refused(t, media.Get("/towns/quiet"), http.StatusNotFound, "not_found")
		refused(t, media.Get("/accounts"), http.StatusForbidden, "key_of_a_town")

		// What an administrator takes away is gone at the next request.
		etag := admin.Get("/accounts/media").Want(http.StatusOK).ETag()
		refused(t, admin.Bad().Put("/accounts/media", object{"roles": []string{"reader"}}),
			http.StatusPreconditionRequired, "if_match_required")
		off := admin.IfMatch(etag).Put("/accounts/media",
			object{"town": "demo", "roles": []string{"reader"}, "disabled": true}).Want(http.StatusOK)
		refused(t, media.Get("/me"), http.StatusUnauthorized, "session_ended")
		refused(t, signIn(h.Client, "media", phrase), http.StatusUnauthorized, "bad_sign_in")
		admin.IfMatch(off.ETag()).Put("/accounts/media",
			object{"town": "demo", "roles": []string{"leadership"}, "disabled": false}).Want(http.StatusOK)
		if _, told := h.in("media", phrase); told.Role != policy.Leadership {
			t.Errorf("told %+v", told)
		}
		refused(t, admin.Get("/accounts/nobody"), http.StatusNotFound, "not_found")
		refused(t, h.as(policy.LeadingGroup).Get("/accounts"), http.StatusForbidden, "key_of_a_town")
		refused(t, h.Get("/accounts"), http.StatusUnauthorized, "key_needed")
	})
}
