package api

import (
	"net/http"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/policy"
)

// What lets somebody in, or lets him or her do something, ends at the very next
// request, by key and by session.
func TestWhatIsTakenAwayIsGoneAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		demo, mentor := "demo", "mentor"
		h.account(credential.Account{Name: "li", OnlyTown: &demo, PersonCode: &mentor})
		browser, told := h.in("li", phrase)
		if told.Role != policy.Mentor || told.Person != mentor {
			t.Fatalf("the mentor is %+v", told)
		}
		byKey, admin, group := h.as(policy.Mentor), h.as(policy.Admin), h.as(policy.LeadingGroup)
		both := []*apitest.Client{byKey, browser}
		yesterday := string(day.Of(time.Now()).AddDays(-1))
		end := func(list string) {
			page := apitest.Decode[struct {
				Items []struct{ ID, ETag string }
			}](group.Get("/towns/demo/"+list+"?person=mentor"), http.StatusOK)
			for _, item := range page.Items {
				address := "/towns/demo/" + list + "/" + item.ID
				group.IfMatch(group.Get(address).ETag()).Post(address+"/end", object{"until": yesterday}).Want(http.StatusOK)
			}
		}
		begin := object{"period": "none", "branch": "b01"}
		for _, c := range both {
			c.Get("/towns/demo/people").Want(http.StatusOK)
			if p := c.Post("/towns/demo/evaluations", begin); p.Status == http.StatusForbidden {
				t.Errorf("a paired mentor: %s", p.Body)
			}
		}
		end("assignments") // the pairing
		for _, c := range both {
			refused(t, c.Post("/towns/demo/evaluations", begin), http.StatusForbidden, "not_assigned")
		}
		end("appointments")
		for _, c := range both {
			refused(t, c.Get("/towns/demo/people"), http.StatusForbidden, "no_role_now")
			refused(t, c.Get("/me"), http.StatusForbidden, "no_role_now")
		}
		refused(t, signIn(h.Client, "li", phrase), http.StatusForbidden, "no_role_now")
		browser.IfMatch(`"1"`).Delete("/session").Want(http.StatusNoContent)

		made := apitest.Decode[NewKey](admin.Post("/keys", object{"roles": []string{"reader"}}), http.StatusCreated)
		h.As(made.Secret).Get("/me").Want(http.StatusOK)
		admin.IfMatch(`"1"`).Delete("/keys/" + made.Prefix).Want(http.StatusNoContent)
		refused(t, h.As(made.Secret).Get("/me"), http.StatusUnauthorized, "bad_key")
	})
}

// An account of a person acts under one role as a key does.
func TestAnAccountActsUnderOneRole(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		demo, mentor := "demo", "mentor"
		h.account(credential.Account{Name: "li", OnlyTown: &demo, PersonCode: &mentor})
		_, err := people.Appoint(t.Context(), db,
			people.Appointment{TownID: demo, PersonCode: mentor, Role: policy.LeadingGroup, ValidFrom: "2020-01-01"})
		h.must(err)
		browser, told := h.in("li", phrase)
		if told.Role != policy.Mentor || len(told.Roles) != 2 {
			t.Errorf("told %+v", told)
		}
		if me := apitest.Decode[Me](browser.Header("Act-As", "leading_group").Get("/me"),
			http.StatusOK); me.Role != policy.LeadingGroup {
			t.Errorf("me: %+v", me)
		}
		refused(t, browser.Header("Act-As", "admin").Get("/me"), http.StatusForbidden, "role_not_held")
	})
}

// An account that reaches less far than it did is not told again what it did there:
// a request sent again is authorized anew before its kept answer is looked for.
func TestWhoIsLimitedIsNotAnsweredAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := withAccounts(t, db)
		admin, li := h.as(policy.Admin), object{"roles": []policy.Role{policy.Admin}}
		h.account(credential.Account{Name: "li", Roles: []policy.Role{policy.Admin}})
		add := func() *apitest.Answer {
			browser, _ := h.in("li", phrase)
			return with(browser, "k").Post(persons, object{"code": "ann", "name": named("ann")})
		}
		change := func() {
			t.Helper()
			admin.IfMatch(admin.Get("/accounts/li").ETag()).Put("/accounts/li", li).Want(http.StatusOK)
		}
		first := add().Want(http.StatusCreated)
		li["town"] = "quiet"
		change()
		refused(t, add(), http.StatusNotFound, "not_found")
		delete(li, "town")
		change()
		again(t, first, add())
		h.made("ann", 1)
	})
}
