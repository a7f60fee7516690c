package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/people"
	"bulwark/internal/policy"
)

func TestMeSaysWhoICanBe(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		nobody := apitest.Decode[Me](h.Get("/me"), http.StatusOK)
		if nobody.Role != "" || nobody.Key != "" || !nobody.May(policy.ReadRanking) {
			t.Errorf("nobody is %+v", nobody)
		}
		mentor := apitest.Decode[Me](h.as(policy.Mentor).Get("/me"), http.StatusOK)
		if mentor.Role != policy.Mentor || mentor.Person != "mentor" || len(mentor.Towns) != 1 ||
			mentor.Towns[0] != "demo" || mentor.ReadOnly {
			t.Errorf("the mentor is %+v", mentor)
		}
		if got := strings.Join(actions(mentor), " "); !strings.Contains(got, "sheets:write") ||
			strings.Contains(got, "scheme:write") {
			t.Errorf("the mentor may %s", got)
		}
		refused(t, h.As("bw_00000000_x").Get("/me"), http.StatusUnauthorized, "bad_key")
	})
}

func actions(m Me) (names []string) {
	for _, a := range m.Actions {
		names = append(names, string(a))
	}
	return names
}

func TestKeysLetInUntilTheyAreRevoked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		admin := h.as(policy.Admin)
		made := admin.Post("/keys", object{"roles": []string{"mentor"}, "towns": []string{"demo"}, "person": "mentor"}).
			Want(http.StatusCreated)
		key := apitest.Decode[NewKey](made, http.StatusCreated)
		if made.Header.Get("Location") != "" || made.Header.Get("Cache-Control") != "no-store" || made.Version() != 1 ||
			!key.ReadOnly {
			t.Errorf("%v %+v", made.Header, key)
		}
		h.As(key.Secret).Get("/towns/demo/people").Want(http.StatusOK)
		refused(t, h.As(key.Secret).Post("/towns/demo/evaluations", object{"period": "p", "branch": "b01"}),
			http.StatusForbidden, "key_read_only")
		if body := string(admin.Get("/keys").Want(http.StatusOK).Body); strings.Contains(body,
			key.Secret[len(key.Prefix):]) || !strings.Contains(body, key.Prefix) {
			t.Error("the list has the secret, or not the key")
		}
		refused(t, admin.Bad().Delete("/keys/"+key.Prefix), http.StatusPreconditionRequired, "if_match_required")
		admin.IfMatch(`"1"`).Delete("/keys/" + key.Prefix).Want(http.StatusNoContent)
		refused(t, h.As(key.Secret).Get("/me"), http.StatusUnauthorized, "bad_key")
		refused(t, admin.IfMatch(`"1"`).Delete("/keys/"+key.Prefix), http.StatusPreconditionFailed, "stale_version")
		refused(t, admin.IfMatch(`"1"`).Delete("/keys/bw_none"), http.StatusNotFound, "not_found")
	})
}

func TestKeysAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		admin, past := h.as(policy.Admin), time.Now().Add(-time.Hour).UTC()
		for _, tt := range []struct {
			name string
			body object
			at   []string
		}{
			{"town needed", object{"roles": []string{"mentor"}}, []string{"/person", "/towns"}},
			{"unknown town", object{"roles": []string{"reader"}, "towns": []string{"atlantis"}}, []string{"/towns/0"}},
			{
				"unknown person",
				object{"roles": []string{"mentor"}, "towns": []string{"demo"}, "person": "nobody"},
				[]string{"/person"},
			},
			{
				"person of another town",
				object{"roles": []string{"mentor"}, "towns": []string{"quiet"}, "person": "mentor"},
				[]string{"/person"},
			},
			{
				"unknown branch", object{
					"roles": []string{"reader"}, "towns": []string{"demo"}, "branches": []string{"b01", "b99"},
				}, []string{"/branches/1"},
			},
			{"unknown role", object{"roles": []string{"king"}}, []string{"/roles/0"}},
			{"ended", object{"roles": []string{"reader"}, "expires_at": past}, []string{"/expires_at"}},
		} {
			refused(t, admin.Post("/keys", tt.body), http.StatusUnprocessableEntity, "invalid", tt.at...)
		}
		refused(t, admin.Bad().Post("/keys", object{"role": "admin"}), http.StatusBadRequest, "malformed", "/role")

		// An admin of one town must not make keys for others.
		demo := "demo"
		townAdmin := h.As(h.key(credential.Key{Roles: []policy.Role{policy.Admin}, Towns: []string{demo}}))
		refused(t, townAdmin.Post("/keys", object{"roles": []string{"admin"}, "read_only": false}),
			http.StatusForbidden, "key_of_a_town")
		refused(t, townAdmin.Get("/keys"), http.StatusForbidden, "key_of_a_town")
		refused(t, townAdmin.Post("/towns", object{"code": "x", "area_code": "44", "name": named("x")}),
			http.StatusForbidden, "key_of_a_town")
		refused(t, h.as(policy.LeadingGroup).Get("/keys"), http.StatusForbidden, "key_of_a_town")
		refused(t, h.Get("/keys"), http.StatusUnauthorized, "key_needed")
	})
}

func TestPeopleAreAssigned(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group := h.as(policy.LeadingGroup)
		made := group.Post("/towns/demo/people", object{"code": "li", "name": named("李某")}).Want(http.StatusCreated)
		if got := made.Header.Get("Location"); got != "/api/v1/towns/demo/people/li" {
			t.Errorf("Location %q", got)
		}
		group.Get("/towns/demo/people/li").Want(http.StatusOK)
		refused(t, group.Post("/towns/demo/people", object{"code": "li", "name": named("李某")}),
			http.StatusConflict, "already_exists", "/code")
		refused(t, h.as(policy.Reader).Get("/towns/demo/people"), http.StatusForbidden, "not_allowed")
		refused(t, h.Get("/towns/demo/people"), http.StatusUnauthorized, "key_needed")

		in := object{"person": "li", "branch": "b02", "duty": "mentors", "from": "2023-01-01", "until": "2023-12-31"}
		refused(t, group.Post("/towns/demo/assignments", in), http.StatusUnprocessableEntity, "invalid", "/person")
		h.appointed("demo", "li", policy.Mentor)
		a := group.Post("/towns/demo/assignments", in).Want(http.StatusCreated)
		id := apitest.Decode[people.Assignment](a, http.StatusCreated).ID
		address := "/towns/demo/assignments/" + id
		if a.Header.Get("Location") != "/api/v1"+address {
			t.Errorf("Location %q", a.Header.Get("Location"))
		}
		refused(t, group.Post("/towns/demo/assignments", in), http.StatusConflict, "overlapping_assignment")
		for member, value := range map[string]any{"person": "nobody", "branch": "b99"} {
			bad := object{"person": "li", "branch": "b02", "duty": "mentors", "from": "2024-01-01"}
			bad[member] = value
			refused(t, group.Post("/towns/demo/assignments", bad), http.StatusUnprocessableEntity, "invalid", "/"+member)
		}
		refused(t, group.IfMatch(`"1"`).Post(address+"/end", object{"until": "2022-01-01"}),
			http.StatusUnprocessableEntity, "invalid", "/until")
		refused(t, group.IfMatch(`"1"`).Post(address+"/end", object{"until": "2024-01-01"}),
			http.StatusUnprocessableEntity, "invalid", "/until")
		group.IfMatch(`"1"`).Post(address+"/end", object{"until": "2023-06-30", "reason": "调动"}).Want(http.StatusOK)
		refused(t, group.IfMatch(`"1"`).Post(address+"/end", object{"until": "2023-05-30"}),
			http.StatusPreconditionFailed, "stale_version")
		same(t, "last day", column(group.Get("/towns/demo/assignments?person=li&on=2023-06-30"), "branch"), "b02")
		same(t, "day after", column(group.Get("/towns/demo/assignments?person=li&on=2023-07-01"), "branch"))
		same(t, "history", column(group.Get("/towns/demo/assignments?person=li&duty=mentors&branch=b02"), "id"), id)
		refused(t, group.Get("/towns/demo/assignments/0190a0a0-0000-7000-8000-000000000000"),
			http.StatusNotFound, "not_found")
		group.Get(address).Want(http.StatusOK)
	})
}

// The trail names the person, the role and the request of each change.
func TestChangesAreRecordedUnderTheCaller(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.as(policy.LeadingGroup).Header("X-Request-Id", "request-0001").Post("/towns/demo/people",
			object{"code": "li", "name": named("李某")}).Want(http.StatusCreated)
		var actor, role string
		h.must(db.Table("audit_records").Select("actor, role").
			Where("request_id = ? AND action = ?", "request-0001", "person.create").Row().Scan(&actor, &role))
		if actor != "leading_group" || role != "leading_group" {
			t.Errorf("recorded under %s as %s", actor, role)
		}
	})
}
