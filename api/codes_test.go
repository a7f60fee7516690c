package api

import (
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
)

func TestCodesOfOtherCaseAreTaken(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		admin, group := h.as(policy.Admin), h.as(policy.LeadingGroup)
		round := func(code string) object {
			criterion := object{"code": "c", "name": named("标准"), "max": 10, "weight": 1}
			return object{
				"code": code, "name": named("轮次"), "criteria": []object{criterion}, "judges": []string{}, "places": 2, "seats": 1,
			}
		}
		team := func(code string) object {
			return object{"code": code, "name": named("队"), "field": "ethos", "branches": []string{"b01"}}
		}
		for _, tt := range []struct {
			path         string
			first, other object
		}{
			{
				"/towns",
				object{"code": "newtown", "area_code": "449901001", "name": named("新镇")},
				object{"code": "NewTown", "area_code": "449901001", "name": named("新镇")},
			},
			{"/towns/demo/kinds", object{"code": "lake", "name": named("湖")}, object{"code": "LAKE", "name": named("湖")}},
			{"/towns/demo/classes", object{"code": "lake", "name": named("湖")}, object{"code": "Lake", "name": named("湖")}},
			{
				"/towns/demo/branches",
				object{"code": "b31", "name": named("一"), "kind": "village"},
				object{"code": "B31", "name": named("二"), "kind": "village"},
			},
			{
				"/towns/demo/branches/b31/sub-branches",
				object{"code": "s1", "name": named("大洲")},
				object{"code": "S1", "name": named("大洲")},
			},
			{"/towns/demo/people", object{"code": "wei", "name": named("魏")}, object{"code": "Wei", "name": named("魏")}},
			{"/towns/demo/offices", object{"code": "office9", "name": named("办")}, object{"code": "Office9", "name": named("办")}},
			{"/towns/demo/rounds", round("r1"), round("R1")},
			{"/towns/demo/teams", team("t1"), team("T1")},
		} {
			c := group
			if tt.path == "/towns" || strings.HasSuffix(tt.path, "/people") || strings.HasSuffix(tt.path, "/offices") {
				c = admin
			}
			if strings.HasSuffix(tt.path, "/teams") {
				c = h.as(policy.Secretary)
			}
			c.Post(tt.path, tt.first).Want(http.StatusCreated)
			refused(t, c.Post(tt.path, tt.other), http.StatusConflict, "already_exists", "/code")
		}
	})
}

// A period whose code was written in the wrong case is cancelled and planned in the right
// one; the cancelled one cannot come back beside it.
func TestAPeriodIsPlannedAnewInAnotherCase(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		group := h.as(policy.LeadingGroup)
		h.planned("2026q1", "2026-01-01", "2026-03-31")
		later := object{
			"code": "2026Q1", "kind": "quarter", "starts_on": "2026-04-01", "ends_on": "2026-06-30", "scheme": object{"code": "small"},
		}
		refused(t, group.Post("/towns/demo/periods", later), http.StatusConflict, "already_exists")
		moved(group, "/towns/demo/periods/2026q1", "cancelled", "wrong case").Want(http.StatusOK)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		refused(t, moved(group, "/towns/demo/periods/2026q1", "planned", "again"), http.StatusConflict, "overlapping_period")
	})
}

func TestNamesOfHiddenCharactersAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		admin := h.as(policy.Admin).Bad()
		for name, want := range map[string]string{
			"王\ue863": "U+E863", "王\ue865": "U+E865", "王\u202e": "U+202E", "\u200b": "U+200B", "\u3164": "U+3164", "王\a": "U+0007",
		} {
			p := admin.Post("/towns/demo/people", object{"code": "p9", "name": named(name)}).Problem(http.StatusBadRequest)
			if len(p.Errors) != 1 || p.Errors[0].Pointer != "/name/zh" || !strings.Contains(p.Errors[0].Message, want) {
				t.Errorf("%q: %+v", name, p.Errors)
			}
		}
	})
}
