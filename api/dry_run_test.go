package api

import (
	"net/http"
	"slices"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
)

// tried sends a transition as a dry run, and checks that it leaves no record.
func tried(t *testing.T, db *gorm.DB, c *apitest.Client, at string, body object) (state string, v evaluation.Preview) {
	t.Helper()
	before := records(t, db)
	got := apitest.Decode[struct {
		State  string              `json:"state"`
		DryRun *evaluation.Preview `json:"dry_run"`
	}](c.IfMatch(c.Get(at).ETag()).Post(at+"/transitions?dry_run=true", body), http.StatusOK)
	if got.DryRun == nil || records(t, db) != before {
		t.Fatalf("%s %v: %+v, and the trail has %d records, had %d", at, body, got, records(t, db), before)
	}
	return got.State, *got.DryRun
}

// A dry run of a decision on a proposal or an appeal says what would be done, or why not, and
// does nothing.
func TestProposalsAndAppealsAreDecidedOnTrial(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, c := newHarnessAt(t, db, "2026-04-10 12:00:00")
		lockedQuarter(h)
		group := h.as("leading_group")
		at := madeAt(publishes(group).Want(http.StatusAccepted))
		confirm := object{"to": "confirmed"}
		trial := at + "/transitions?dry_run=true"
		refusedAs(t, group.IfMatch(`"1"`).Post(trial, confirm), http.StatusForbidden, "own_proposal")
		state, v := tried(t, db, group.Second(), at, object{"to": "rejected"})
		if state != "open" || v.Refused == nil || len(v.Refused.Errors) == 0 {
			t.Errorf("rejected without a reason: %s %+v", state, v.Refused)
		}
		state, v = tried(t, db, group.Second(), at, confirm)
		if state != "confirmed" || v.Refused != nil || v.Notice == nil || v.Notice.Until != "2026-04-15" || len(v.Irreversible) == 0 {
			t.Errorf("by another: %s %+v", state, v)
		}
		h.Get(q1 + "/ranking").Problem(http.StatusUnauthorized)
		h.as("secretary").Get(q1 + "/ranking").Problem(http.StatusForbidden)
		group.Second().IfMatch(group.Get(at).ETag()).Post(at+"/transitions", confirm).Want(http.StatusOK)

		appeal := madeAt(h.as("secretary").Post("/towns/demo/appeals", appealOf("2026Q1", "b01")).Want(http.StatusCreated))
		uphold := object{"to": "upheld", "reason": "so it is", "corrections": []object{{"code": "meetings", "value": 3}}}
		ranking := string(h.Get(q1 + "/ranking").Body)
		state, v = tried(t, db, group, appeal, uphold)
		if state != "filed" || v.Refused != nil || !v.SecondPerson {
			t.Errorf("upheld on trial: %s %+v", state, v)
		}
		uphold["corrections"] = []object{{"code": "meetings", "value": 12}}
		if state, v = tried(t, db, group, appeal, uphold); state != "filed" || v.Refused == nil || v.Refused.Code != "nothing_changes" {
			t.Errorf("upheld with nothing: %s %+v", state, v.Refused)
		}
		if state, v = tried(t, db, group, appeal, object{"to": "rejected", "reason": "counted well"}); state != "rejected" || v.Refused != nil {
			t.Errorf("rejected on trial: %s %+v", state, v)
		}
		if state, v = tried(t, db, h.as("secretary"), appeal, object{"to": "withdrawn"}); state != "withdrawn" || v.Refused != nil {
			t.Errorf("withdrawn on trial: %s %+v", state, v)
		}
		if now := string(h.Get(q1 + "/ranking").Body); now != ranking {
			t.Errorf("the ranking became %s", now)
		}
		if got := apitest.Decode[stated](group.Get(appeal), http.StatusOK); got.State != "filed" || !slices.Contains(got.Allowed, "uphold") {
			t.Errorf("the appeal is %+v", got)
		}
		h.alone()
		c.noon(t, "2026-04-11")
		moved(group, appeal, "rejected", "counted well").Want(http.StatusOK)
		if state, v = tried(t, db, group, appeal, uphold); state != "rejected" || v.Refused == nil || v.Refused.Locked == nil {
			t.Errorf("upheld after the decision: %s %+v", state, v.Refused)
		}
	})
}
