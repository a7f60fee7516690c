package api

import (
	"net/http"
	"slices"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/improve/plan"
	"bulwark/internal/policy"
)

const plans = "/towns/demo/plans"

func itemOf(indicator string, goal float64) object {
	return object{
		"indicator": indicator, "value_goal": goal, "measure": 3, "action": "meet each month", "due_on": "2026-06-30",
		"cost": 1200.5, "owner": object{"kind": "person", "code": "secretary"},
	}
}

func decodedPlan(t *testing.T, a *apitest.Answer) plan.Plan {
	t.Helper()
	return apitest.Decode[plan.Plan](a, http.StatusOK)
}

// rewrites replaces the document of a plan.
func rewrites(c *apitest.Client, at string, items ...object) *apitest.Answer {
	return c.IfMatch(c.Get(at).Want(http.StatusOK).ETag()).Put(at,
		object{"summary": "one thing after another", "items": append([]object{}, items...)})
}

// moveItem takes an item to another state.
func moveItem(c *apitest.Client, at, to, reason, evidence string) *apitest.Answer {
	return c.IfMatch(c.Get(at).Want(http.StatusOK).ETag()).Post(at+"/transitions",
		object{"to": to, "reason": reason, "evidence": evidence})
}

type planStory struct {
	*campaign
	t                                          *testing.T
	clock                                      *wallClock
	secretary, mentor, instructor, wu, officer *apitest.Client
	at                                         string // address of the plan of b01
	items                                      []string
}

// newPlanStory begins ten days after the first quarter, which is published.
func newPlanStory(t *testing.T, db *gorm.DB) *planStory { return newPlanStoryUnder(t, db, smallScheme) }

func newPlanStoryUnder(t *testing.T, db *gorm.DB, document string) *planStory {
	h, clock := newHarnessAt(t, db, "2026-04-10 09:00:00")
	c := newCampaignUnder(h, document)
	s := &planStory{
		campaign: c, t: t, clock: clock, secretary: h.as(policy.Secretary), mentor: h.as(policy.Mentor),
		instructor: h.as(policy.Instructor), officer: h.as(policy.Office),
	}
	s.wu = h.joins("wu", policy.LeadingGroup, ties{"b01": access.Leads})
	c.publishes("2026Q1", "2026-01-01", "2026-03-31", spring())
	return s
}

// TestAVillageHasOnePlan goes from a generated draft over advice and approval to the
// last item closed, and holds what is predicted against sums done by hand.
func TestAVillageHasOnePlan(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newPlanStory(t, db)
		s.isDrafted()
		s.isWritten()
		s.isAdvisedOnAndApproved()
		s.isWorkedOn()
		s.isRevised()
		s.ends()
	})
}

func (s *planStory) isDrafted() {
	t := s.t
	draft := func(branch string) object { return object{"branch": branch, "period": "2026Q1"} }
	begun := s.mentor.Post(analyses, analysisOf("b01", cause("spirit"))).
		Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
	moved(s.mentor, begun, "submitted", "").Want(http.StatusOK)
	target := s.group.Post("/towns/demo/targets", object{"branch": "b01", "reason": "seen"}).Want(http.StatusCreated)
	moved(s.group, target.Header.Get("Location")[len("/api/v1"):], "confirmed", "").Want(http.StatusOK)

	for _, c := range []*apitest.Client{
		s.mentor, s.instructor, s.officer, s.as(policy.Reader), s.as(policy.Leadership), s.as(policy.Admin),
	} {
		refused(t, c.Post(plans, draft("b01")), http.StatusForbidden, "not_allowed")
	}
	refused(t, s.secretary.Post(plans, draft("b02")), http.StatusForbidden, "not_assigned")
	made := s.secretary.Post(plans, draft("b01"))
	s.at = made.Header.Get("Location")[len("/api/v1"):]
	p := apitest.Decode[plan.Plan](made, http.StatusCreated)
	if p.TargetID == nil || p.PublicationNumber != 1 || p.State != plan.Draft || p.Stage != plan.Draft {
		t.Errorf("drafted: %+v", p)
	}
	caused := false
	for _, i := range p.Document.V.Items {
		if len(i.Why) == 0 || i.Points <= 0 || i.Measure != 2 || i.DueOn != "2026-07-09" { // 90 days later, a Thursday
			t.Errorf("item: %+v", i)
		}
		for _, r := range i.Why {
			caused = caused || i.Indicator == "spirit" && r.Code == "cause" && analyses+"/"+r.Analysis == begun &&
				r.Text.EN == "nobody answers for it"
		}
	}
	if !caused {
		t.Errorf("items: %+v", p.Document.V.Items)
	}
	same(t, "allowed", p.Allowed, "write", "redraft")
	refused(t, s.group.Post(plans, draft("b01")), http.StatusConflict, "plan_exists")
	if free := apitest.Decode[plan.Plan](s.group.Post(plans, draft("b02")), http.StatusCreated); free.TargetID != nil {
		t.Errorf("b02 is no target: %+v", free)
	}
	refused(t, s.joins("far", policy.Instructor, ties{"b03": access.Instructs}).Get(s.at),
		http.StatusNotFound, "not_found")
	refused(t, s.as(policy.Reader).Get(s.at), http.StatusForbidden, "not_allowed")
	for _, c := range []*apitest.Client{s.secretary, s.mentor, s.instructor, s.officer} {
		same(t, "branches", column(c.Get(plans), "branch"), "b01")
	}
	same(t, "branches", column(s.as(policy.Leadership).Get(plans), "branch"), "b01", "b02")
}

func (s *planStory) isWritten() {
	t := s.t
	refused(t, s.mentor.IfMatch(`"1"`).Put(s.at, object{"items": []object{}}), http.StatusForbidden, "not_allowed")
	nobody, unknown := itemOf("spirit", 9), itemOf("complaints", 0)
	nobody["owner"], unknown["id"] = object{"kind": "office", "code": "nowhere"}, nothing
	refused(t, rewrites(s.secretary, s.at, itemOf("meetings", 13), itemOf("party", 9), unknown, itemOf("fields", 50),
		itemOf("fields", 50)),
		http.StatusUnprocessableEntity, "invalid", "/items/0/value_goal", "/items/1/indicator", "/items/2/id",
		"/items/4/indicator")
	refused(t, rewrites(s.secretary, s.at, nobody), http.StatusUnprocessableEntity, "invalid", "/items/0/owner/code")
	elsewhere, passed := itemOf("meetings", 12), itemOf("complaints", 0)
	elsewhere["owner"], passed["due_on"] = object{"kind": "branch", "code": "b02"}, "2026-04-09" // today is the tenth
	refused(t, rewrites(s.secretary, s.at, elsewhere, passed),
		http.StatusUnprocessableEntity, "invalid", "/items/0/owner/code", "/items/1/due_on")
	elsewhere["owner"], passed["due_on"] = object{"kind": "branch", "code": "b01"}, "2026-04-10"
	rewrites(s.secretary, s.at, elsewhere, passed).Want(http.StatusOK)
	refused(t, rewrites(s.secretary, s.at, itemOf("meetings", 8), itemOf("complaints", 2), itemOf("spirit", 7)),
		http.StatusUnprocessableEntity, "invalid", "/items/0/value_goal", "/items/2/value_goal") // 9, 2 and 8 now
	rewrites(s.secretary, s.at).Want(http.StatusOK)
	refused(t, moved(s.mentor, s.at, "advised", "x"), http.StatusUnprocessableEntity, "invalid", "/items")
	refused(t, s.secretary.IfMatch(`"1"`).Put(s.at, object{"items": []object{}}),
		http.StatusPreconditionFailed, "stale_version")
	p := decodedPlan(t, rewrites(s.secretary, s.at, itemOf("meetings", 12), itemOf("complaints", 0)))
	// meetings 75 → 100: 0.15·25 = 3.75; complaints 80 → 100: 0.2·20 = 4.
	for i, want := range []plan.PlannedItem{
		{ScoreNow: 75, ScoreGoal: 100, Points: 3.75}, {ScoreNow: 80, ScoreGoal: 100, Points: 4},
	} {
		if got := p.Document.V.Items[i]; got.ScoreNow != want.ScoreNow || got.ScoreGoal != want.ScoreGoal ||
			got.Points != want.Points {
			t.Errorf("item %d: %+v", i, got)
		}
		s.items = append(s.items, p.Document.V.Items[i].ID)
	}
}

func (s *planStory) isAdvisedOnAndApproved() {
	t := s.t
	refused(t, moved(s.secretary, s.at, "advised", "good"), http.StatusForbidden, "not_allowed")
	refused(t, moved(s.mentor, s.at, "advised", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
	refused(t, moved(s.group, s.at, "approved", ""), http.StatusConflict, "no_such_transition")
	moved(s.mentor, s.at, "advised", "begin with the meetings").Want(http.StatusOK)
	may(t, s.secretary, s.at, "write", "redraft")
	may(t, s.mentor, s.at)
	may(t, s.group, s.at, "redraft", "send_back", "approve")
	may(t, s.wu, s.at)
	refused(t, moved(s.wu, s.at, "approved", ""), http.StatusForbidden, "conflict_of_interest")
	refused(t, moved(s.mentor, s.at, "approved", ""), http.StatusForbidden, "not_allowed")
	refused(t, moved(s.group, s.at, "draft", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
	moved(s.group, s.at, "draft", "say who").Want(http.StatusOK)
	moved(s.mentor, s.at, "advised", "as before").Want(http.StatusOK)
	refused(t, s.group.Get("/towns/demo/branches/b01/plan"), http.StatusNotFound, "no_plan")
	s.clock.set(t, "2026-04-12 09:00:00")
	p := decodedPlan(t, moved(s.group, s.at, "approved", "go on"))
	if p.State != plan.Approved || p.ApprovedOn == nil || *p.ApprovedOn != "2026-04-12" || len(p.Items) != 2 ||
		*p.ApprovedVersion != 3 {
		t.Errorf("approved: %+v", p)
	}
	same(t, "versions", column(s.officer.Get(s.at+"/versions"), "stage"), "advised", "advised", "approved")
	v := apitest.Decode[plan.Version](s.secretary.Get(s.at+"/versions/3"), http.StatusOK)
	// 79.25 + 3.75 + 4 = 87, above the 82.5 of b02.
	if x := v.Prediction.V; x.Score != 79.25 || x.ScoreThen != 87 || x.Points != 7.75 || x.Rank != 3 ||
		x.RankThen != 1 || x.Grade != "fair" || x.GradeThen != "good" ||
		x.Items[0].Points != 3.75 || x.Items[1].Points != 4 || len(x.Assumptions) != 3 || len(v.Digest) != 64 {
		t.Errorf("predicted: %+v", v)
	}
	if err := s.db.Exec("UPDATE plan_versions SET note = 'x'").Error; err == nil {
		t.Error("a version was changed")
	}
}

func (s *planStory) isWorkedOn() {
	t := s.t
	item := s.at + "/items/" + s.items[0]
	refused(t, moveItem(s.secretary, item, "done", "", "minutes"), http.StatusConflict, "plan_not_running")
	may(t, s.secretary, item)
	refused(t, moved(s.group, s.at, "running", ""), http.StatusForbidden, "not_allowed")
	moved(s.secretary, s.at, "running", "").Want(http.StatusOK)
	refused(t, moved(s.group, s.at, "accepted", ""), http.StatusConflict, "items_open")
	refused(t, moveItem(s.secretary, item, "done", "", ""), http.StatusUnprocessableEntity, "invalid", "/evidence")
	moveItem(s.secretary, item, "done", "", "minutes of twelve meetings").Want(http.StatusOK)
	refused(t, moveItem(s.secretary, item, "verified", "", ""), http.StatusForbidden, "not_allowed")
	refused(t, moveItem(s.instructor, item, "returned", "", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
	moveItem(s.instructor, item, "returned", "one is missing", "").Want(http.StatusOK)
	moveItem(s.secretary, item, "done", "", "all minutes").Want(http.StatusOK)

	by := "UPDATE plan_items SET done_by = ? WHERE id = ?" // the instructor led the branch before
	s.must(s.db.Exec(by, "instructor", s.items[0]).Error)
	may(t, s.instructor, item, "return")
	refused(t, moveItem(s.instructor, item, "verified", "", ""), http.StatusForbidden, "own_work")
	s.must(s.db.Exec(by, "secretary", s.items[0]).Error)
	may(t, s.instructor, item, "verify", "return")
	moveItem(s.instructor, item, "verified", "", "").Want(http.StatusOK)
	refused(t, moveItem(s.wu, item, "closed", "", ""), http.StatusForbidden, "conflict_of_interest")
	moveItem(s.group, item, "closed", "", "").Want(http.StatusOK)
	got := apitest.Decode[plan.Item](s.mentor.Get(item), http.StatusOK)
	if got.ClosedAt == nil || len(got.History) != 5 || got.History[4].Verb != "close" || got.Evidence != "all minutes" {
		t.Errorf("closed: %+v", got)
	}
	refused(t, s.joins("way", policy.Secretary, ties{"b03": access.Leads}).Get(item), http.StatusNotFound, "not_found")
	refused(t, s.group.Get(plans+"/"+nothing+"/items/"+s.items[0]), http.StatusNotFound, "not_found")
}

// isRevised goes the same way again; what was approved holds until the end of it.
func (s *planStory) isRevised() {
	t := s.t
	s.clock.set(t, "2026-05-02 09:00:00")
	kept := itemOf("meetings", 11)
	kept["id"] = s.items[0]
	p := decodedPlan(t, rewrites(s.secretary, s.at, kept, itemOf("fields", 50)))
	if p.State != plan.Running || p.Stage != plan.Draft || *p.ApprovedVersion != 3 || p.Items[0].ValueGoal != 12 {
		t.Errorf("revised: %+v", p)
	}
	moved(s.mentor, s.at, "advised", "better").Want(http.StatusOK)
	refused(t, moved(s.wu, s.at, "approved", ""), http.StatusForbidden, "conflict_of_interest")
	number := func(on string) int64 {
		return apitest.Decode[plan.Version](s.secretary.Get("/towns/demo/branches/b01/plan?on="+on), http.StatusOK).Number
	}
	if n := number("2026-05-02"); n != 3 {
		t.Errorf("before the approval version %d holds", n)
	}
	p = decodedPlan(t, moved(s.group, s.at, "approved", ""))
	if p.State != plan.Running || p.Stage != plan.Approved || *p.ApprovedVersion != 5 || len(p.Items) != 3 ||
		p.Items[0].State != plan.ItemClosed || p.Items[0].ValueGoal != 11 || *p.ApprovedOn != "2026-04-12" {
		t.Errorf("approved again: %+v", p)
	}
	for on, want := range map[string]int64{"2026-05-02": 5, "2026-05-01": 3, "2026-04-12": 3} {
		if n := number(on); n != want {
			t.Errorf("on %s version %d holds, want %d", on, n, want)
		}
	}
	refused(t, s.secretary.Get("/towns/demo/branches/b01/plan?on=2026-04-11"), http.StatusNotFound, "no_plan")
	d := apitest.Decode[plan.Diff](s.secretary.Get(s.at+"/versions/5/diff?from=3"), http.StatusOK)
	changes := []string{}
	for _, i := range d.Items {
		changes = append(changes, i.Change)
	}
	same(t, "changes", changes, "changed", "added", "removed")
	s.items = []string{s.items[0], p.Document.V.Items[1].ID}
}

func (s *planStory) ends() {
	t := s.t
	item := s.at + "/items/" + s.items[1]
	moveItem(s.secretary, item, "done", "", "photos").Want(http.StatusOK)
	moveItem(s.instructor, item, "verified", "", "").Want(http.StatusOK)
	moved(s.group, s.at, "returned", "not yet").Want(http.StatusOK)
	moved(s.secretary, s.at, "running", "").Want(http.StatusOK)
	moveItem(s.group, item, "closed", "", "").Want(http.StatusOK)
	refused(t, moved(s.wu, s.at, "accepted", ""), http.StatusForbidden, "conflict_of_interest")
	kept := itemOf("meetings", 12)
	kept["id"] = s.items[0]
	rewrites(s.secretary, s.at, kept).Want(http.StatusOK)
	refused(t, moved(s.group, s.at, "accepted", ""), http.StatusConflict, "revision_open")
	moved(s.mentor, s.at, "advised", "enough").Want(http.StatusOK)
	moved(s.group, s.at, "approved", "").Want(http.StatusOK)
	moved(s.group, s.at, "accepted", "").Want(http.StatusOK)
	may(t, s.secretary, s.at)
	refused(t, rewrites(s.secretary, s.at, itemOf("meetings", 12)), http.StatusConflict, "plan_over")
	s.clock.set(t, "2026-06-01 09:00:00")
	moved(s.group, s.at, "closed", "").Want(http.StatusOK)
	same(t, "approved on a day", column(s.group.Get(plans+"?on=2026-05-31"), "branch"), "b01")
	same(t, "approved on the last day", column(s.group.Get(plans+"?on=2026-06-01"), "branch"))
	same(t, "closed", column(s.group.Get(plans+"?state=closed&branch=b01"), "state"), "closed")
	for _, on := range []string{"", "?on=2026-06-01", "?on=2026-06-02"} {
		refused(t, s.secretary.Get("/towns/demo/branches/b01/plan"+on), http.StatusNotFound, "no_plan")
	}
	counts, err := plan.Count(t.Context(), s.db, "demo", access.Reach{All: true})
	if s.must(err); counts[plan.Closed] != 1 || counts[plan.Draft] != 1 || len(counts) != 2 {
		t.Errorf("counts: %v", counts)
	}
	s.secretary.Post(plans, object{"branch": "b01", "period": "2026Q1"}).Want(http.StatusCreated)
}

// A list needs the same number of statements however long it is.
func TestPlansAreListedInConstantStatements(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		c := newCampaign(newHarness(t, db))
		c.publishes("2026Q1", "2026-01-01", "2026-03-31", spring())
		var counts []int64
		for _, branch := range []string{"b01", "b02", "b03"} {
			c.group.Post(plans, object{"branch": branch, "period": "2026Q1"}).Want(http.StatusCreated)
			c.group.Get(plans).Want(http.StatusOK)
			before := database.Queries(db)
			c.group.Get(plans).Want(http.StatusOK)
			counts = append(counts, database.Queries(db)-before)
		}
		if slices.Max(counts) != slices.Min(counts) {
			t.Errorf("statements for one, two and three: %v", counts)
		}
	})
}
