package api

import (
	"context"
	"net/http"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
)

// One request acts under one role, the least of those held unless it names
// another, and the trail keeps that one.
func TestARequestActsUnderOneRole(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		person := "leading_group"
		h.appointed("demo", person, policy.Leadership)
		both := h.As(h.key(credential.Key{
			Roles: []policy.Role{policy.LeadingGroup, policy.Leadership}, Towns: []string{"demo"}, PersonCode: &person,
		}))
		li := object{"code": "li", "name": named("李某")}
		me := apitest.Decode[Me](both.Get("/me"), http.StatusOK)
		if me.Role != policy.LeadingGroup || len(me.Roles) != 2 {
			t.Errorf("the first role is %+v", me)
		}
		leader := both.Header("Act-As", "leadership")
		if me := apitest.Decode[Me](leader.Get("/me"), http.StatusOK); me.Role != policy.Leadership ||
			me.May(policy.WritePeople) {
			t.Errorf("the other role is %+v", me)
		}
		refused(t, leader.Post("/towns/demo/people", li), http.StatusForbidden, "not_allowed")
		refused(t, both.Header("Act-As", "admin").Get("/me"), http.StatusForbidden, "role_not_held")
		refused(t, both.Header("Act-As", "").Header("Act-As", "leading_group, leadership").Get("/me"),
			http.StatusForbidden, "role_not_held")
		refused(t, h.Header("Act-As", "reader").Get("/towns/demo/periods"), http.StatusUnauthorized, "key_needed")
		both.Header("Act-As", "leading_group").Post("/towns/demo/people", li).Want(http.StatusCreated)
		var role string
		h.must(db.Table("audit_records").Select("role").Where("action = 'person.create' AND subject = 'people/li'").Row().
			Scan(&role))
		if role != "leading_group" {
			t.Errorf("recorded under the role %q", role)
		}
	})
}

// What was let in under one role opens nothing under another, however soon.
func TestDoorsTellRolesApart(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		person := "leading_group"
		h.appointed("demo", person, policy.Leadership)
		both := h.As(h.key(credential.Key{
			Roles: []policy.Role{policy.LeadingGroup, policy.Leadership}, Towns: []string{"demo"}, PersonCode: &person,
		}))
		write := object{"code": "zhao", "name": named("赵某")}
		both.Post("/towns/demo/people", write).Want(http.StatusCreated)
		refused(t, both.Header("Act-As", "leadership").Post("/towns/demo/people", write), http.StatusForbidden, "not_allowed")
	})
}

// A key of one branch sees and decides on that branch alone, and nothing of the
// whole town, whatever its role reaches.
func TestAKeyIsLimitedToItsBranches(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		h.planned("2023Q1", "2023-01-01", "2023-03-31")
		h.steps("2023Q1", "open")
		writer := h.joins("zhou", policy.LeadingGroup, nil)
		whole := []object{value("meetings", 12), value("spirit", 8), level("standing", "A"), value("complaints", 0)}
		inside, outside := begun(writer, "2023Q1", "b01", whole...), begun(writer, "2023Q1", "b02", value("spirit", 9))
		for _, path := range []string{inside, outside} {
			moved(writer, path, "submitted", "").Want(http.StatusOK)
		}
		person := "leading_group"
		limited := h.As(h.key(credential.Key{
			Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{"demo"}, Branches: []string{"b01"}, PersonCode: &person,
		}))
		same(t, "sheets", column(limited.Get("/towns/demo/evaluations"), "branch"), "b01")
		refused(t, limited.Get(outside), http.StatusNotFound, "not_found")
		refused(t, limited.IfMatch(`"2"`).Post(outside+"/transitions", object{"to": "approved"}),
			http.StatusNotFound, "not_found")
		refused(t, limited.Post("/towns/demo/evaluations", sheetOf("2023Q1", "b02", nil)),
			http.StatusForbidden, "not_assigned")
		moved(limited, inside, "approved", "").Want(http.StatusOK)
		refused(t, limited.IfMatch(`"2"`).Post("/towns/demo/periods/2023Q1/transitions", object{"to": "review"}),
			http.StatusForbidden, "key_of_branches")
		refused(t, limited.Get("/towns/demo/people"), http.StatusForbidden, "key_of_branches")

		h.steps("2023Q1", "review")
		h.forced("2023Q1", "time is over")
		group := h.as(policy.LeadingGroup)
		group.Post("/towns/demo/periods/2023Q1/runs", nil).Want(http.StatusCreated)
		moved(group, "/towns/demo/periods/2023Q1", "published", "").Want(http.StatusOK)
		group.Get("/towns/demo/periods/2023Q1/receipt/data.csv").Want(http.StatusOK)
		refused(t, limited.Get("/towns/demo/periods/2023Q1/receipt/data.csv"), http.StatusForbidden, "not_allowed")
		if me := apitest.Decode[Me](limited.Get("/me"), http.StatusOK); me.May(policy.WritePeriods) || len(me.Branches) != 1 {
			t.Errorf("I am %+v", me)
		}
	})
}

// When a key was used is written down behind the request, and at the end of the
// service without waiting for the next minute.
func TestUsesOfKeysAreWrittenDown(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		k, secret, err := credential.CreateKey(t.Context(), db, credential.Key{Roles: []policy.Role{policy.Reader}})
		h.must(err)
		used := func() *time.Time {
			keys, err := credential.ListKeys(t.Context(), db)
			h.must(err)
			for _, key := range keys {
				if key.Prefix == k.Prefix {
					return key.LastUsedAt
				}
			}
			return nil
		}
		h.As(secret).Get("/me").Want(http.StatusOK)
		refused(t, h.As(secret[:12]+"wrong").Get("/me"), http.StatusUnauthorized, "bad_key")
		if at := used(); at != nil {
			t.Errorf("the request itself wrote %v", at)
		}
		ctx, end := context.WithCancel(t.Context())
		end()
		h.server.Jobs.Run(ctx)
		if at := used(); at == nil || time.Since(*at) > time.Hour {
			t.Errorf("last used at %v", at)
		}
	})
}
