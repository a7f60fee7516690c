package api

import (
	"net/http"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
)

// What rests on a publication that is withdrawn stays, marked as such; what rests on the next one
// does not.
func TestWhatRestsOnAWithdrawnPublicationSaysSo(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newPlanStory(t, db)
		made := func(a *apitest.Answer) string { return madeAt(a.Want(http.StatusCreated)) }
		analysis := made(s.mentor.Post(analyses, analysisOf("b01", cause("spirit"))))
		moved(s.mentor, analysis, "submitted", "").Want(http.StatusOK)
		target := idOf(t, proposed(s.harness, q1).Targets, "b01")
		moved(s.group, target, "confirmed", "").Want(http.StatusOK)
		plan := made(s.secretary.Post(plans, object{"branch": "b01", "period": "2026Q1"}))
		rewrites(s.secretary, plan, itemOf("meetings", 12)).Want(http.StatusOK)
		moved(s.mentor, plan, "advised", "begin with the meetings").Want(http.StatusOK)
		moved(s.group, plan, "approved", "").Want(http.StatusOK)
		rests := func(want bool) {
			t.Helper()
			for _, at := range []string{analysis, target, plan} {
				got := apitest.Decode[struct{ Withdrawn bool }](s.group.Get(at), http.StatusOK).Withdrawn
				if got != want {
					t.Errorf("%s: withdrawn %t, want %t", at, got, want)
				}
			}
			for _, list := range []string{analyses + "?branch=b01", "/towns/demo/targets", plans} {
				for _, x := range apitest.Decode[struct{ Items []struct{ Withdrawn bool } }](s.group.Get(list), http.StatusOK).Items {
					if x.Withdrawn != want {
						t.Errorf("in %s: withdrawn %t, want %t", list, x.Withdrawn, want)
					}
				}
			}
		}
		rests(false)
		confirmed(s.group, q1, s.group.Post(q1+"/publications/1/withdraw", mistaken)).Want(http.StatusOK)
		rests(true)
		if p := decodedPlan(t, s.group.Get(plan)); p.PublicationNumber != 1 || p.Document.V.Items[0].Points != 3.75 {
			t.Errorf("the plan lost its basis or its gains: %+v", p)
		}
		s.group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		s.steps("2026Q1", "published")
		rests(true) // it is still the first that they rest on
		later := made(s.mentor.Post(analyses, analysisOf("b01", cause("meetings"))))
		if x := apitest.Decode[struct {
			Withdrawn   bool
			Publication int64
		}](s.mentor.Get(later), http.StatusOK); x.Withdrawn || x.Publication != 2 {
			t.Errorf("of the second: %+v", x)
		}
	})
}
