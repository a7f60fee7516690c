package api

import (
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/entry"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/review"
)

// Who wrote a sheet and the leading group talk about its values; the last remark says whether a value is to be followed
// up, and the form and the review show it. Nobody else reads it.
func TestRemarksOnValues(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		group, mentor := h.as(policy.LeadingGroup), h.as(policy.Mentor)
		colleague := h.joins("colleague", policy.Mentor, ties{"b01": access.Mentors})
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		sheet := begun(mentor, "2026Q1", "b01", value("spirit", 7), value("meetings", 3))
		moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
		before := recordsOf(h)
		first := apitest.Decode[entry.Remark](group.Post(sheet+"/remarks",
			object{"code": "meetings", "text": " the minutes, please ", "follow_up": true}), http.StatusCreated)
		if first.Text != "the minutes, please" || first.Role != policy.LeadingGroup || first.WrittenBy == "" {
			t.Errorf("%+v", first)
		}
		if n := recordsOf(h) - before; n != 1 {
			t.Errorf("a remark left %d records", n)
		}
		reviewed := func(query string) []review.Sheet {
			return apitest.Decode[rest.Page[review.Sheet]](group.Get("/towns/demo/periods/2026Q1/review?"+query), http.StatusOK).Items
		}
		list := reviewed("follow_up=true")
		if len(list) != 1 || !list[0].Values[0].FollowUp || len(list[0].Values[0].Remarks) != 1 || list[0].Values[1].FollowUp {
			t.Fatalf("to follow up: %+v", list)
		}
		if row := formOf(mentor, "2026Q1").Rows[0]; len(row.FollowUp) != 1 || row.FollowUp[0] != "meetings" {
			t.Errorf("the form of the mentor: %+v", row.FollowUp)
		}
		mentor.Post(sheet+"/remarks", object{"code": "meetings", "text": "附上会议记录", "follow_up": false}).Want(http.StatusCreated)
		mentor.Post(sheet+"/remarks", object{"code": "standing", "text": "not yet decided", "follow_up": false}).Want(http.StatusCreated)
		if list := reviewed("follow_up=true"); len(list) != 0 {
			t.Errorf("still to follow up: %+v", list)
		}
		if list := reviewed(""); len(list) != 1 || len(list[0].Values[0].Remarks) != 2 || list[0].Values[0].Remarks[1].FollowUp {
			t.Errorf("after the answer: %+v", list)
		}
		if got := apitest.Decode[rest.Page[entry.Remark]](mentor.Get(sheet+"/remarks"), http.StatusOK).Items; len(got) != 3 ||
			got[0].ID != first.ID || got[2].Code != "standing" {
			t.Errorf("the remarks: %+v", got)
		}
		for _, other := range []*apitest.Client{colleague, h.as(policy.Secretary)} {
			want := other.Get(sheet).Status // of a sheet that one may read, the remarks are refused
			if want == http.StatusOK {
				want = http.StatusForbidden
			}
			other.Get(sheet + "/remarks").Problem(want)
			other.Post(sheet+"/remarks", object{"code": "meetings", "text": "x"}).Problem(want)
		}
		refused(t, h.as(policy.Leadership).Get(sheet+"/remarks"), http.StatusForbidden, "not_allowed")
		for body, code := range map[string]string{"nonsense": "unknown_code", "solving": "unknown_code"} {
			p := group.Post(sheet+"/remarks", object{"code": body, "text": "x"}).Problem(http.StatusUnprocessableEntity)
			if len(p.Errors) != 1 || p.Errors[0].Code != code || p.Errors[0].Pointer != "/code" {
				t.Errorf("%s: %+v", body, p.Errors)
			}
		}
		group.Post(sheet+"/remarks", object{"code": "meetings", "text": " "}).Problem(http.StatusUnprocessableEntity)
	})
}
