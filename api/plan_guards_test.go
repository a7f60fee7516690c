package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/explanation"
	"bulwark/internal/improve/plan"
	"bulwark/internal/policy"
)

// isBegun drafts a plan of b01 with one item.
func (s *planStory) isBegun() {
	s.t.Helper()
	made := s.secretary.Post(plans, object{"branch": "b01", "period": "2026Q1"}).Want(http.StatusCreated)
	s.at = made.Header.Get("Location")[len("/api/v1"):]
	p := decodedPlan(s.t, rewrites(s.secretary, s.at, itemOf("meetings", 12)))
	s.items = []string{p.Document.V.Items[0].ID}
}

// isStarted has the plan approved and running.
func (s *planStory) isStarted() {
	s.t.Helper()
	moved(s.mentor, s.at, "advised", "x").Want(http.StatusOK)
	moved(s.group, s.at, "approved", "").Want(http.StatusOK)
	moved(s.secretary, s.at, "running", "").Want(http.StatusOK)
}

// onlyMay tells the verbs of the secretary, the mentor, the instructor and the
// leading group, who are all that move a plan.
func (s *planStory) onlyMay(at, secretary, mentor, instructor, group string) {
	s.t.Helper()
	for _, x := range []struct {
		c     *apitest.Client
		verbs string
	}{
		{s.secretary, secretary},
		{s.mentor, mentor},
		{s.instructor, instructor},
		{s.group, group},
		{s.officer, ""},
		{s.wu, ""},
	} {
		may(s.t, x.c, at, strings.Fields(x.verbs)...)
	}
}

// In each state a verb is one role's alone, and never who leads the branch decides.
func TestEachStepOfAPlanIsOneRoles(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newPlanStory(t, db)
		s.isBegun()
		s.onlyMay(s.at, "write redraft", "advise", "", "redraft")
		moved(s.mentor, s.at, "advised", "x").Want(http.StatusOK)
		s.onlyMay(s.at, "write redraft", "", "", "redraft send_back approve")
		led := func(at, to string) {
			t.Helper()
			refused(t, moved(s.wu, at, to, "x"), http.StatusForbidden, "conflict_of_interest")
		}
		led(s.at, "draft")
		moved(s.group, s.at, "approved", "").Want(http.StatusOK)
		s.onlyMay(s.at, "write start", "", "", "abandon")
		moved(s.secretary, s.at, "running", "").Want(http.StatusOK)
		s.onlyMay(s.at, "write", "", "", "return accept abandon")
		led(s.at, "closed")
		led(s.at, "returned")
		moved(s.group, s.at, "returned", "x").Want(http.StatusOK)
		s.onlyMay(s.at, "write resume", "", "", "abandon")

		item := s.at + "/items/" + s.items[0]
		s.onlyMay(item, "done attach", "", "", "")
		moveItem(s.secretary, item, "done", "", "minutes").Want(http.StatusOK) // returned is not stopped
		s.onlyMay(item, "", "", "verify return", "")
		stale := s.instructor.IfMatch(`"1"`).Post(item+"/transitions", object{"to": "verified"})
		refused(t, stale, http.StatusPreconditionFailed, "stale_version")
		refused(t, moveItem(s.instructor, item, "verified", "", "mine"),
			http.StatusUnprocessableEntity, "invalid", "/evidence")
		moveItem(s.instructor, item, "verified", "", "").Want(http.StatusOK)
		s.onlyMay(item, "", "", "", "return close")
		led(item, "returned")
		moveItem(s.group, item, "closed", "", "").Want(http.StatusOK)

		moved(s.secretary, s.at, "running", "").Want(http.StatusOK)
		moved(s.group, s.at, "accepted", "").Want(http.StatusOK)
		s.onlyMay(s.at, "", "", "", "close")
		led(s.at, "closed")
		for _, change := range []string{
			"DELETE FROM plan_versions", "UPDATE transitions SET reason = 'x'", "DELETE FROM transitions",
		} {
			if s.db.Exec(change).Error == nil {
				t.Errorf("%s: done", change)
			}
		}
	})
}

// Who works on another branch learns nothing of a plan, by whatever address.
func TestPlansOfOthersAreNotKnown(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newPlanStory(t, db)
		s.isBegun()
		s.isStarted()
		far := s.joins("far", policy.Instructor, ties{"b03": access.Instructs})
		for _, at := range []string{"", "/versions", "/versions/2", "/versions/2/diff?from=1", "/items/" + s.items[0]} {
			s.instructor.Get(s.at + at).Want(http.StatusOK)
			refused(t, far.Get(s.at+at), http.StatusNotFound, "not_found")
		}
		s.instructor.Get("/towns/demo/branches/b01/plan").Want(http.StatusOK)
		refused(t, far.Get("/towns/demo/branches/b01/plan"), http.StatusNotFound, "no_plan")
		same(t, "plans", column(far.Get(plans), "branch"))
		for reach, want := range map[string]int64{"b01": 1, "b03": 0} {
			counts, err := plan.Count(t.Context(), s.db, "demo", access.Reach{Branches: map[string]bool{reach: true}})
			if err != nil || counts[plan.Running] != want {
				t.Errorf("counts of %s: %v %v", reach, counts, err)
			}
		}
	})
}

// A plan is on the list from the day of its approval, of a branch that exists, and
// a second one is told of the first, however both were asked for.
func TestABranchHasOneLivingPlan(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newPlanStory(t, db)
		refused(t, s.group.Post(plans, object{"branch": "b99", "period": "2026Q1"}),
			http.StatusUnprocessableEntity, "invalid", "/branch")
		s.isBegun()
		p := s.group.Post(plans, object{"branch": "b01", "period": "2026Q1"}).Problem(http.StatusConflict)
		if p.Code != "plan_exists" || p.Locked == nil || p.Locked.By != "secretary" ||
			!strings.Contains(p.Detail, s.at[len(plans)+1:]) {
			t.Errorf("a second plan: %+v", p)
		}
		copied := `INSERT INTO plans (town_id, id, branch_code, period_code, publication_number, document, stage, state, state_by, state_at, state_reason, version, created_at, updated_at)
SELECT town_id, ?, branch_code, period_code, publication_number, document, stage, state, state_by, state_at, state_reason, version, created_at, updated_at FROM plans`
		if s.db.Exec(copied, nothing).Error == nil {
			t.Error("the database takes a second plan that is not closed")
		}
		s.isStarted()
		same(t, "the day before", column(s.group.Get(plans+"?on=2026-04-09"), "branch"))
		same(t, "the day of the approval", column(s.group.Get(plans+"?on=2026-04-10"), "branch"), "b01")
	})
}

// A draft from the wrong quarter is drafted anew from the right one, and a plan that
// is not worth going on with is abandoned with a reason: neither is in the way of the
// next. An approved plan keeps the result that it starts from.
func TestAWrongPlanIsNotInTheWay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newPlanStory(t, db)
		s.isBegun()
		s.clock.noon(t, "2026-07-10")
		s.publishes("2026Q2", "2026-04-01", "2026-06-30", summer())
		target := s.group.Post("/towns/demo/targets", object{"branch": "b01", "reason": "seen"}).Want(http.StatusCreated)
		moved(s.group, "/towns/demo/targets/"+last(target), "confirmed", "").Want(http.StatusOK)
		redraft := func(c *apitest.Client, period string) *apitest.Answer {
			return c.IfMatch(c.Get(s.at).Want(http.StatusOK).ETag()).Post(s.at+"/redraft", object{"period": period})
		}
		moved(s.mentor, s.at, "advised", "look at the second quarter").Want(http.StatusOK)
		refused(t, redraft(s.mentor, "2026Q2"), http.StatusForbidden, "not_allowed")
		refused(t, redraft(s.wu, "2026Q2"), http.StatusForbidden, "conflict_of_interest")
		refused(t, redraft(s.secretary, "2026Q9"), http.StatusNotFound, "not_found")
		p := decodedPlan(t, redraft(s.secretary, "2026Q2"))
		if p.PeriodCode != "2026Q2" || p.PublicationNumber != 1 || p.Stage != plan.Draft || p.State != plan.Draft ||
			p.TargetID == nil {
			t.Errorf("drafted anew: %+v", p)
		}
		for _, i := range p.Document.V.Items {
			if i.Indicator == "meetings" { // all twelve were held in the second quarter
				t.Errorf("an item of the first quarter: %+v", i)
			}
		}
		if v := apitest.Decode[plan.Version](s.secretary.Get(s.at+"/versions/1"),
			http.StatusOK); v.Document.V.Items[0].Indicator != "meetings" {
			t.Errorf("what was advised on: %+v", v)
		}
		moved(s.mentor, s.at, "advised", "x").Want(http.StatusOK)
		moved(s.group, s.at, "approved", "").Want(http.StatusOK)
		kept := redraft(s.group, "2026Q1").Problem(http.StatusConflict)
		if kept.Code != "plan_approved" || kept.Locked == nil || kept.Locked.By != "leading_group" {
			t.Errorf("of an approved plan: %+v", kept)
		}
		refused(t, moved(s.group, s.at, "closed", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
		refused(t, moved(s.secretary, s.at, "closed", "x"), http.StatusForbidden, "not_allowed")
		moved(s.group, s.at, "closed", "the branch moves house").Want(http.StatusOK)
		p = decodedPlan(t, s.group.Get(s.at))
		last := p.History[len(p.History)-1]
		if p.State != plan.Closed || *p.ClosedOn != "2026-07-10" || last.Verb != "abandon" ||
			last.Reason != "the branch moves house" || len(p.Allowed)+len(p.Items[0].Allowed) != 0 {
			t.Errorf("abandoned: %+v", p)
		}
		s.secretary.Post(plans, object{"branch": "b01", "period": "2026Q1"}).Want(http.StatusCreated)
	})
}

// Where meetings are measured against the other branches, no goal of a plan tells what they
// have: it is worth nothing, before and at the approval, and the prediction says so. What is
// measured alone is predicted.
func TestAPlanTellsNothingOfOtherBranches(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		compared := strings.Replace(smallScheme, `"rule": {"kind": "goalposts", "low": 0, "high": 12}`, `"rule": {"kind": "minmax"}`, 1)
		s := newPlanStoryUnder(t, db, compared)
		s.isBegun()
		for _, goal := range []float64{0, 6, 9, 10, 12} {
			p := decodedPlan(t, rewrites(s.secretary, s.at, itemOf("meetings", goal), itemOf("complaints", 0)))
			meetings, complaints := p.Document.V.Items[0], p.Document.V.Items[1]
			if meetings.ScoreNow != 50 || meetings.ScoreGoal != 50 || meetings.Points != 0 || complaints.Points <= 0 {
				t.Errorf("%v meetings: %+v", goal, p.Document.V.Items)
			}
		}
		g := apitest.Decode[explanation.Gains](s.secretary.Get(q1+"/branches/b01/gains"), http.StatusOK)
		if m := g.Indicators[0]; m.Code != "meetings" || m.More != 0 || m.Goal != nil || g.ToNextRank != nil || g.ToNextGrade != nil {
			t.Errorf("gains: %+v", g)
		}
		s.mentor.Get(q1 + "/branches/b01/analysis-draft").Want(http.StatusOK)
		s.isStarted()
		versions := apitest.Decode[struct{ Items []plan.Version }](s.secretary.Get(s.at+"/versions"), http.StatusOK).Items
		made := versions[len(versions)-1].Prediction
		if made == nil || !slices.Contains(made.V.Assumptions, "compared_unchanged") || made.V.Points <= 0 {
			t.Errorf("predicted: %+v", made)
		}
	})
}
