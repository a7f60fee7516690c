package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
)

func TestRoutesAndDocumentAgree(t *testing.T) {
	apitest.SameRoutes(t, Routes())
}

// column is one member of each item of a page, as text.
func column(a *apitest.Answer, name string) []string {
	page := apitest.Decode[struct{ Items []object }](a, http.StatusOK)
	values := []string{}
	for _, item := range page.Items {
		values = append(values, fmt.Sprint(item[name]))
	}
	return values
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// refused checks that an answer is a problem with the code and that it names
// the places, in order.
func refused(t *testing.T, a *apitest.Answer, status int, code string, pointers ...string) {
	t.Helper()
	p := a.Problem(status)
	got := []string{}
	for _, e := range p.Errors {
		got = append(got, e.Pointer)
	}
	if p.Code != code || !slices.Equal(got, pointers) {
		t.Errorf("got %s at %q, want %s at %q", p.Code, got, code, pointers)
	}
}

func TestTownsAreShownToThoseWhoMayKnowThem(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		quiet := "quiet"
		stranger, reader := h.Client, h.as(policy.Reader)
		inQuiet := h.As(h.key(credential.Key{Roles: []policy.Role{policy.Reader}, Towns: []string{quiet}, ReadOnly: true}))
		for _, tt := range []struct {
			who  string
			c    *apitest.Client
			want []string
		}{
			{"nobody", stranger, []string{"demo"}},
			{"reader of demo", reader, []string{"demo"}},
			{"reader of quiet", inQuiet, []string{"demo", "quiet"}},
			{"admin", h.as(policy.Admin), []string{"demo", "quiet"}},
		} {
			same(t, tt.who, column(tt.c.Get("/towns"), "code"), tt.want...)
		}
		stranger.Get("/towns/demo").Want(http.StatusOK)
		inQuiet.Get("/towns/quiet/branches").Want(http.StatusOK)

		// A closed town and one that does not exist cannot be told apart.
		alike := func(c *apitest.Client, closed, missing string, status int) {
			t.Helper()
			for _, path := range []string{"", "/branches", "/people"} {
				a, b := c.Get("/towns/"+closed+path).Problem(status), c.Get("/towns/"+missing+path).Problem(status)
				if a.Code != b.Code || strings.ReplaceAll(a.Detail, closed, missing) != b.Detail {
					t.Errorf("%s: %q %q, missing: %q %q", path, a.Code, a.Detail, b.Code, b.Detail)
				}
			}
		}
		alike(stranger, "quiet", "atlantis", http.StatusUnauthorized)
		alike(reader, "quiet", "atlantis", http.StatusNotFound)
	})
}

func TestTownsAndAreasAreAdded(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		admin := h.as(policy.Admin)
		area := object{"code": "449901002", "parent_code": "449901", "level": "town", "name": named("新镇")}
		admin.Post("/areas", area).Want(http.StatusCreated)
		refused(t, admin.Post("/areas", area), http.StatusConflict, "already_exists", "/code")
		same(t, "areas", column(h.Get("/areas"), "code"), "44", "4499", "449901", "449901001", "449901002")
		for _, tt := range []struct {
			name, member string
			value        any
			at           string
		}{
			{"code of another level", "code", "44990100", "/code"},
			{"parent elsewhere", "parent_code", "45", "/parent_code"},
			{"parent missing", "parent_code", "4499010", "/parent_code"},
			{"no name", "name", object{}, "/name"},
		} {
			bad := object{"code": "449901003", "parent_code": "449901", "level": "town", "name": named("x")}
			bad[tt.member] = tt.value
			refused(t, admin.Post("/areas", bad), http.StatusUnprocessableEntity, "invalid", tt.at)
		}

		made := admin.Post("/towns", object{
			"code": "new", "area_code": "449901002", "name": named("新镇"), "open_results": true,
		}).Want(http.StatusCreated)
		if location := made.Header.Get("Location"); location != "/api/v1/towns/new" || made.Version() != 1 {
			t.Errorf("Location %q, ETag %s", location, made.ETag())
		}
		same(t, "usual kinds", column(h.Get("/towns/new/kinds"), "code"), "agency", "community", "cooperative",
			"enterprise", "village")
		refused(t, admin.Post("/towns", object{"code": "x", "area_code": "99", "name": named("x")}),
			http.StatusUnprocessableEntity, "invalid", "/area_code")
		refused(t, admin.Bad().Post("/towns", object{"code": "a b", "area_code": "44"}),
			http.StatusUnprocessableEntity, "invalid", "/code", "/name")

		change := object{"name": named("改名镇"), "open_results": false}
		refused(t, admin.Bad().Put("/towns/new", change), http.StatusPreconditionRequired, "if_match_required")
		after := admin.IfMatch(`"1"`).Put("/towns/new", change).Want(http.StatusOK)
		if after.Version() != 2 {
			t.Errorf("ETag %s after one change", after.ETag())
		}
		refused(t, admin.IfMatch(`"1"`).Put("/towns/new", change), http.StatusPreconditionFailed, "stale_version")
		h.Get("/towns/new").Want(http.StatusUnauthorized)

		category := object{"code": "lake", "name": named("湖")}
		h.as(policy.LeadingGroup).Post("/towns/demo/kinds", category).Want(http.StatusCreated)
		h.as(policy.LeadingGroup).Post("/towns/demo/classes", category).Want(http.StatusCreated)
		refused(t, h.as(policy.LeadingGroup).Post("/towns/demo/classes", category),
			http.StatusConflict, "already_exists", "/code")
		same(t, "classes", column(h.Get("/towns/demo/classes"), "code"), "lake", "rural", "urban")
	})
}

func TestBranchesAreListedByPage(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		first := apitest.Decode[struct {
			NextPageToken string `json:"next_page_token"`
		}](h.Get("/towns/demo/branches?page_size=2"), http.StatusOK)
		same(t, "first page", column(h.Get("/towns/demo/branches?page_size=2"), "code"), "b01", "b02")
		same(t, "second page", column(h.Get("/towns/demo/branches?page_size=2&page_token="+first.NextPageToken), "code"),
			"b03")
		same(t, "rural", column(h.Get("/towns/demo/branches?class=rural"), "code"), "b01", "b02")
		same(t, "no such kind", column(h.Get("/towns/demo/branches?kind=agency"), "code"))
		same(t, "before all", column(h.Get("/towns/demo/branches?on=2019-12-31"), "code"))
		same(t, "first day", column(h.Get("/towns/demo/branches?on=2020-01-01"), "code"), "b01", "b02", "b03")
		refused(t, h.Bad().Get("/towns/demo/branches?on=2023-02-30"), http.StatusBadRequest, "malformed", "query/on")
		refused(t, h.Bad().Get("/towns/demo/branches?klass=rural"), http.StatusBadRequest, "malformed", "query/klass")
		refused(t, h.Bad().Get("/towns/demo/branches?class=urban&page_token="+first.NextPageToken),
			http.StatusBadRequest, "malformed", "query/page_token")
		refused(t, h.Get("/towns/demo/branches/b01?on=2019-12-31"), http.StatusNotFound, "not_found")
	})
}

func TestBranchesLiveAndEnd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group, b := h.as(policy.LeadingGroup), "/towns/demo/branches/"
		made := group.Post("/towns/demo/branches", object{
			"code": "b04", "name": named("四村"), "kind": "village", "class": "rural",
			"statistical_code": "449901001204", "founded_on": "2021-03-01", "provenance": "invented",
		}).Want(http.StatusCreated)
		if got := made.Header.Get("Location"); got != "/api/v1/towns/demo/branches/b04" {
			t.Errorf("Location %q", got)
		}
		refused(t, group.Post("/towns/demo/branches",
			object{"code": "b05", "name": named("x"), "kind": "village", "statistical_code": "449901001204"}),
			http.StatusConflict, "already_exists", "/statistical_code")
		refused(t, group.Post("/towns/demo/branches",
			object{"code": "b05", "name": named("x"), "kind": "castle", "class": "none"}),
			http.StatusUnprocessableEntity, "invalid", "/kind", "/class")
		group.Post(b+"b04/sub-branches", object{"code": "s1", "name": named("大洲")}).Want(http.StatusCreated)
		same(t, "sub-branches", column(h.Get("/towns/demo/sub-branches?branch=b04"), "code"), "s1")
		refused(t, group.Post(b+"b99/sub-branches", object{"code": "s1", "name": named("大洲")}),
			http.StatusNotFound, "not_found")

		group.IfMatch(`"1"`).Post(b+"b04/rename",
			object{"name": named("四社区"), "on": "2022-01-01", "reason": "村改居"}).Want(http.StatusOK)
		group.IfMatch(`"2"`).Post(b+"b04/reclassify",
			object{"kind": "community", "class": "urban", "on": "2022-06-01"}).Want(http.StatusOK)
		group.IfMatch(`"1"`).Post(b+"b03/merge",
			object{"into": "b04", "on": "2023-01-01", "reason": "合并"}).Want(http.StatusOK)
		refused(t, group.IfMatch(`"2"`).Post(b+"b04/close", object{"on": "2024-01-01", "reason": "x"}),
			http.StatusPreconditionFailed, "stale_version")
		group.IfMatch(`"3"`).Post(b+"b04/close", object{"on": "2024-01-01", "reason": "撤销"}).Want(http.StatusOK)
		refused(t, group.IfMatch(`"4"`).Post(b+"b04/rename", object{"name": named("x"), "on": "2025-01-01"}),
			http.StatusConflict, "branch_closed")

		same(t, "history", column(h.Get(b+"b04/history"), "event"), "founded", "renamed", "reclassified",
			"absorbed", "closed")
		same(t, "while it lived", column(h.Get("/towns/demo/branches?on=2023-12-31"), "code"), "b01", "b02", "b04")
		same(t, "after", column(h.Get("/towns/demo/branches?on=2024-01-01"), "code"), "b01", "b02")
		same(t, "all", column(h.Get("/towns/demo/branches?on=2024-01-01&include_closed=true"), "code"), "b01", "b02",
			"b03", "b04")
		for on, want := range map[string]string{
			"2021-12-31": "四村 village", "2022-01-01": "四社区 village", "2022-06-01": "四社区 community",
		} {
			was := apitest.Decode[struct {
				Name struct{ ZH string }
				Kind string
			}](h.Get(b+"b04?on="+on), http.StatusOK)
			if got := was.Name.ZH + " " + was.Kind; got != want {
				t.Errorf("on %s it was %s, want %s", on, got, want)
			}
		}
		refused(t, group.Bad().Post(b+"b01/close", object{"on": "2024-01-01", "reason": "x"}),
			http.StatusPreconditionRequired, "if_match_required")
		refused(t, group.IfMatch(`"1"`).Post(b+"b99/close", object{"on": "2024-01-01", "reason": "x"}),
			http.StatusNotFound, "not_found")
		refused(t, group.IfMatch(`"1"`).Bad().Post(b+"b01/close", object{"on": "tomorrow"}),
			http.StatusBadRequest, "malformed", "/on", "/reason")
		refused(t, h.as(policy.Mentor).IfMatch(`"1"`).Post(b+"b01/close", object{"on": "2024-01-01", "reason": "x"}),
			http.StatusForbidden, "not_allowed")
	})
}
