package api

import (
	"fmt"
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/audit"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
)

type trail struct {
	Items []struct {
		Sequence                                         int64
		Actor, Role, Credential, Action, Subject, Reason string
		Before, After                                    map[string]any
		RequestID                                        string `json:"request_id"`
		Hash                                             string
	}
	NextPageToken string `json:"next_page_token"`
}

func trailOf(c *apitest.Client, query string) trail {
	return apitest.Decode[trail](c.Get("/towns/demo/audit"+query), http.StatusOK)
}

func TestTheTrailTellsWhoChangedWhat(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group, admin := h.as(policy.LeadingGroup), h.as(policy.Admin)
		branch := group.Get("/towns/demo/branches/b01").Want(http.StatusOK)
		group.IfMatch(branch.ETag()).Header("X-Request-Id", "request-7").
			Post("/towns/demo/branches/b01/rename",
				object{"name": named("新名"), "on": "2023-01-01", "reason": "a new sign"}).Want(http.StatusOK)
		newest := trailOf(admin, "?page_size=1")
		if len(newest.Items) != 1 || newest.NextPageToken == "" {
			t.Fatalf("got %+v", newest)
		}
		r := newest.Items[0]
		if r.Actor != "leading_group" || r.Role != "leading_group" || r.Credential == "" || r.Credential == r.Actor ||
			r.Action != "branch.rename" ||
			r.Subject != "branches/b01" || r.Reason != "a new sign" || r.RequestID != "request-7" {
			t.Errorf("got %+v", r)
		}
		if name, _ := r.After["name"].(object); name["zh"] != "新名" || r.Before["name"].(object)["zh"] != "branch b01" {
			t.Errorf("values %v, %v", r.Before, r.After)
		}
		one := apitest.Decode[struct{ Hash string }](group.Get(fmt.Sprintf("/towns/demo/audit/%d", r.Sequence)),
			http.StatusOK)
		head := apitest.Decode[audit.Head](group.Get("/towns/demo/audit/head"), http.StatusOK)
		if one.Hash != r.Hash || head != (audit.Head{TownID: "demo", Sequence: r.Sequence, Hash: r.Hash}) {
			t.Errorf("record %s, head %+v, want hash %s", one.Hash, head, r.Hash)
		}
		group.Get(fmt.Sprintf("/towns/demo/audit/%d", r.Sequence+1)).Problem(http.StatusNotFound)
		group.Bad().Get("/towns/demo/audit/first").Problem(http.StatusBadRequest)
	})
}

func TestTheTrailIsFiltered(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group := h.as(policy.LeadingGroup)
		all := trailOf(group, "?page_size=200").Items
		for _, tt := range []struct {
			query string
			want  func(i int) bool
		}{
			{"?actor=system", func(int) bool { return true }},
			{"?actor=mentor", func(int) bool { return false }},
			{"?action=branch.create", func(i int) bool { return all[i].Action == "branch.create" }},
			{"?subject=branches/", func(i int) bool { return all[i].Action == "branch.create" }},
			{"?subject=BRANCHES/", func(int) bool { return false }},
			{"?subject=branches/b01", func(i int) bool { return all[i].Subject == "branches/b01" }},
			{"?from=2020-01-01", func(int) bool { return true }},
			{"?from=2999-01-01", func(int) bool { return false }},
			{"?until=2020-01-01", func(int) bool { return false }},
			{"?until=2999-01-01&request_id=none", func(int) bool { return false }},
		} {
			var want, got []int64
			for i := range all {
				if tt.want(i) {
					want = append(want, all[i].Sequence)
				}
			}
			for page := trailOf(group, tt.query+"&page_size=3"); ; page = trailOf(group,
				tt.query+"&page_size=3&page_token="+page.NextPageToken) {
				for _, r := range page.Items {
					got = append(got, r.Sequence)
				}
				if page.NextPageToken == "" {
					break
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: records %v, want %v", tt.query, got, want)
			}
		}
	})
}

// Who reads the trail of a town, who that of the installation.
func TestWhoReadsTheTrail(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		everywhere := h.key(credential.Key{Roles: []policy.Role{policy.LeadingGroup}})
		for _, role := range policy.Roles() {
			town, outside := http.StatusForbidden, http.StatusForbidden
			if role == policy.LeadingGroup || role == policy.Admin {
				town = http.StatusOK
			}
			if role == policy.Admin {
				outside = http.StatusOK
			}
			for _, path := range []string{"", "/head", "/verify", "/1"} {
				h.as(role).Get("/towns/demo/audit" + path).Want(town)
				h.as(role).Get("/audit" + path).Want(outside)
			}
		}
		h.As(everywhere).Get("/audit").Problem(http.StatusForbidden)
		h.Get("/towns/demo/audit").Problem(http.StatusUnauthorized)
		h.Get("/audit").Problem(http.StatusUnauthorized)
		h.as(policy.LeadingGroup).Get("/towns/quiet/audit").Problem(http.StatusNotFound)
		outside := apitest.Decode[trail](h.as(policy.Admin).Get("/audit"), http.StatusOK)
		for _, r := range outside.Items {
			if r.Action != "area.create" && r.Action != "key.create" {
				t.Errorf("%s %s is outside the towns", r.Action, r.Subject)
			}
		}
	})
}

func TestVerifyTellsWhatAnAnchorShows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		admin := h.as(policy.Admin)
		for _, path := range []string{"/towns/demo/audit", "/audit"} {
			head := apitest.Decode[audit.Head](admin.Get(path+"/head"), http.StatusOK)
			anchor := fmt.Sprintf("%d:%s", head.Sequence, head.Hash)
			whole := apitest.Decode[audit.Report](admin.Get(path+"/verify?anchor="+anchor), http.StatusOK)
			if !whole.OK || whole.Records != head.Sequence || whole.Anchors != 1 || whole.Fault != nil || whole.Head != head {
				t.Errorf("%s: %+v", path, whole)
			}
			beyond := fmt.Sprintf("%d:%s", head.Sequence+1, head.Hash)
			cut := apitest.Decode[audit.Report](admin.Get(path+"/verify?anchor="+anchor+"&anchor="+beyond), http.StatusOK)
			if cut.OK || cut.Fault.Kind != "cut" || cut.Fault.Sequence != head.Sequence+1 || cut.Fault.Message.ZH == "" ||
				cut.Fault.Message.EN == "" {
				t.Errorf("%s: %+v", path, cut)
			}
			admin.Get(path + "/verify?anchor=1").Problem(http.StatusBadRequest)
		}
	})
}
