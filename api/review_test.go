package api

import (
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/review"
)

func reviewOf(c *apitest.Client, query string) rest.Page[review.Sheet] {
	return apitest.Decode[rest.Page[review.Sheet]](c.Get("/towns/demo/periods/2026Q2/review"+query), http.StatusOK)
}

// Who decides on a sheet reads its values beside those that were approved last, those of the
// last published period and those of other sheets.
func TestSheetsAreReviewedWithTheirValues(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.alone()
		group, mentor, office := h.as(policy.LeadingGroup), h.as(policy.Mentor), h.as(policy.Office)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		counted(mentor, group, "2026Q1", "b01", value("spirit", 7), value("meetings", 3), value("fields", 20), level("standing", "B"))
		h.steps("2026Q1", "review", "locked")
		group.Post("/towns/demo/periods/2026Q1/runs", nil).Want(http.StatusCreated)
		h.steps("2026Q1", "published")
		h.planned("2026Q2", "2026-04-01", "2026-06-30")
		h.steps("2026Q2", "open")
		sheet := begun(mentor, "2026Q2", "b01", value("spirit", 8), value("meetings", 5), level("standing", "A"))
		moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
		first := reviewOf(group, "").Items
		if len(first) != 1 || first[0].Compared != nil || first[0].Branch.Name == "" || first[0].Evaluator.Name == "" ||
			first[0].LastPeriod != "2026Q1" || len(first[0].Values) != 3 {
			t.Fatalf("to review: %+v", first)
		}
		meetings, spirit, standing := first[0].Values[0], first[0].Values[1], first[0].Values[2]
		if spirit.Name == "" || spirit.Changed || *spirit.Last.Value != 7 || *spirit.Distance != 1 || *meetings.Distance != 2 ||
			*standing.Last.Level != "B" || standing.Distance != nil {
			t.Errorf("never decided on: %+v, %+v, %+v", meetings, spirit, standing)
		}
		moved(group, sheet, "approved", "").Want(http.StatusOK)
		counted(office, group, "2026Q2", "b01", value("fields", 20))
		moved(group, sheet, "returned", "why?").Want(http.StatusOK)
		mentor.IfMatch(mentor.Get(sheet).ETag()).Patch(sheet, object{"entries": object{
			"spirit": object{"value": 9}, "standing": nil, "fields": object{"value": 25},
		}}).Want(http.StatusOK)
		moved(mentor, sheet, "submitted", "").Want(http.StatusOK)
		got := reviewOf(group, "?branch=b01").Items
		if len(got) != 1 || got[0].Compared == nil || *got[0].Compared != (review.DecidedRevision{Revision: 1, Verb: "approve"}) {
			t.Fatalf("to review again: %+v", got)
		}
		fields, meetings, spirit := got[0].Values[0], got[0].Values[1], got[0].Values[2]
		if !fields.Changed || fields.Before != nil || len(fields.Contradicts) != 1 || *fields.Contradicts[0].Value != 20 {
			t.Errorf("a new value that another sheet contradicts: %+v", fields)
		}
		if meetings.Changed || meetings.Before != nil || len(meetings.Contradicts) != 0 {
			t.Errorf("a value that stayed: %+v", meetings)
		}
		if !spirit.Changed || *spirit.Before.Value != 8 || *spirit.Distance != 2 {
			t.Errorf("a value that changed: %+v", spirit)
		}
		if len(got[0].Removed) != 1 || *got[0].Removed[0].Level != "A" {
			t.Errorf("what is gone: %+v", got[0].Removed)
		}
		if approved := reviewOf(group, "?state=approved").Items; len(approved) != 1 || approved[0].Evaluator.Code != "liaison_office" {
			t.Errorf("the approved ones: %+v", approved)
		}
		refused(t, mentor.Get("/towns/demo/periods/2026Q2/review"), http.StatusForbidden, "not_allowed")
	})
}
