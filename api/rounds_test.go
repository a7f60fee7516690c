package api

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/policy"
	"bulwark/internal/project"
)

// contest is a round of projects of b03 and two of b01, judged by five people, of
// whom wu leads b01.
type contest struct {
	*harness
	t               *testing.T
	group, wu, chen *apitest.Client
	first, leader   *apitest.Client // secretaries of b01 and b03
	judges          []*apitest.Client
	projects        []string
}

func newContest(t *testing.T, db *gorm.DB) contest {
	h := newHarness(t, db)
	s := contest{harness: h, t: t, group: h.as(policy.LeadingGroup), first: h.as(policy.Secretary)}
	s.wu, s.chen = h.joins("wu", policy.LeadingGroup, ties{"b01": access.Leads}), h.joins("chen", policy.LeadingGroup, nil)
	s.leader = h.joins("qian", policy.Secretary, ties{"b03": access.Leads})
	s.judges = []*apitest.Client{h.as(policy.Mentor), s.wu, h.as(policy.Leadership), s.group, h.as(policy.Instructor)}
	s.inForce(smallScheme)
	return s
}

// opens a round in which so many projects are registered, the first two of b01.
func (s *contest) opens(code string, n, places, seats int) {
	s.t.Helper()
	r := roundOf(code, "mentor", "wu", "leadership", "leading_group", "instructor")
	r["places"], r["seats"] = places, seats
	s.group.Post("/towns/demo/rounds", r).Want(http.StatusCreated)
	s.projects = nil
	for i := range n {
		c, branch := s.leader, "b03"
		if i < 2 {
			c, branch = s.first, "b01"
		}
		s.projects = append(s.projects,
			last(c.Post("/towns/demo/projects", projectOf(code, branch)).Want(http.StatusCreated)))
	}
}

// scores has each judge give project k the share of share(judge, k) of all points;
// wu leaves out those of b01.
func (s contest) scores(code string, share func(judge, k int) float64) {
	s.t.Helper()
	for j, c := range s.judges {
		scores := object{}
		for k, id := range s.projects {
			if x := 10 * share(j, k); j != 1 || k > 1 {
				scores[id] = object{"momentum": x, "drive": x, "care": x}
			}
		}
		at := "/towns/demo/rounds/" + code + "/sheet"
		c.IfMatch(c.Get(at).ETag()).Put(at, object{"scores": scores}).Want(http.StatusOK)
	}
}

func (s contest) result(code string) project.RoundResult {
	s.t.Helper()
	return apitest.Decode[project.RoundResult](s.group.Get("/towns/demo/rounds/"+code+"/result"), http.StatusOK)
}

// places are the numbers of the projects.
func (s contest) places(ids []string) (numbers []int) {
	for _, id := range ids {
		numbers = append(numbers, slices.Index(s.projects, id))
	}
	return numbers
}

// picks confirms projects at the address of the round.
func (s contest) picks(c *apitest.Client, round, ending, reason string, projects []string) *apitest.Answer {
	at := "/towns/demo/rounds/" + round
	return c.IfMatch(s.group.Get(at).ETag()).Post(at+ending, object{"projects": projects, "reason": reason})
}

// Four judges give project k the share b−0.1, b, b and b+0.1 with b = 0.2 + 0.004·k,
// the fifth gives everything to odd projects and nothing to even ones. Without the
// highest and the lowest, odd ones come to (b + b + b + 0.1)/3 = b + 0.1/3 and even
// ones to b − 0.1/3. So 161 leads with 0.844 + 0.0333 → 87.73, 160 has
// 0.84 − 0.0333 → 80.67, behind 145 with 0.78 + 0.0333 → 81.33 and before 143 with
// 0.772 + 0.0333 → 80.53: the ten are nine odd ones and 160. By the plain mean all
// ten would be odd.
func TestTenOfManyProjectsAreChosen(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newContest(t, db)
		s.opens("2026", 162, 20, 10)
		const at = "/towns/demo/rounds/2026"
		refused(t, s.judges[0].Get(at+"/sheet"), http.StatusNotFound, "not_a_judge")
		moved(s.group, at, "judging", "").Want(http.StatusOK)
		p := s.first.Post("/towns/demo/projects", projectOf("2026", "b01")).Problem(http.StatusLocked)
		if p.Code != "round_judged" || p.Locked == nil || p.Locked.By != "leading_group" {
			t.Errorf("registering late: %+v", p)
		}
		refused(t, s.group.IfMatch(s.group.Get(at).ETag()).Put(at, rulesOf()), http.StatusLocked, "round_judged")
		refused(t, moved(s.group, at, "closed", "x"), http.StatusConflict, "projects_unscored")
		s.scores("2026", func(judge, k int) float64 {
			base := 0.2 + 0.004*float64(k)
			return []float64{base - 0.1, base, base, base + 0.1, float64(k % 2)}[judge]
		})
		refused(t, s.group.Get(at+"/result"), http.StatusNotFound, "round_open")
		moved(s.group, at, "closed", "").Want(http.StatusOK)
		refused(t, s.judges[0].IfMatch(`"2"`).Put(at+"/sheet", object{"scores": object{}}), http.StatusLocked, "round_closed")
		refused(t, s.first.Get(at+"/result"), http.StatusForbidden, "not_decided")

		r := s.result("2026")
		if len(r.Items) != 162 || *r.Items[0].Score != 87.73 || *r.Items[9].Score != 80.67 || *r.Items[10].Score != 80.53 ||
			r.Items[0].Judges != 5 || r.Items[0].Rank != 1 {
			t.Errorf("result: %+v", r.Items[:11])
		}
		if a := r.Agreement; a.Alpha == nil || a.Single == nil || math.Abs(*a.Alpha) > 1 || *a.Average < *a.Single {
			t.Errorf("agreement: %+v", a)
		}
		s.picks(s.group, "2026", "/shortlist", "", r.Proposal.Projects).Want(http.StatusOK)
		ten := s.result("2026").Proposal
		if got, want := s.places(ten.Projects),
			[]int{161, 159, 157, 155, 153, 151, 149, 147, 145, 160}; !slices.Equal(got, want) {
			t.Errorf("the ten are %v, want %v", got, want)
		}
		refused(t, s.picks(s.group, "2026", "/choice", "", ten.Projects[:9]),
			http.StatusUnprocessableEntity, "invalid", "/reason")
		s.picks(s.group, "2026", "/choice", "", ten.Projects).Want(http.StatusOK)
		for state, want := range map[string]int{"chosen": 10, "not_chosen": 152, "registered": 0} {
			if got := len(column(s.first.Get("/towns/demo/projects?page_size=200&state="+state), "id")); got != want {
				t.Errorf("%d projects are %s, want %d", got, state, want)
			}
		}
		if all := apitest.Decode[project.RoundResult](s.first.Get(at+"/result"), http.StatusOK); all.Proposal != nil ||
			len(all.Items) != 162 {
			t.Errorf("once decided: %d items, proposal %+v", len(all.Items), all.Proposal)
		}
		refused(t, s.picks(s.group, "2026", "/choice", "again", ten.Projects), http.StatusConflict, "no_such_transition")
		s.proposesABonus(ten.Projects[0], s.projects[0])

		many := statements(t, db, s.server, true, func() *apitest.Answer { return s.group.Get(at + "/result") })
		s.opens("small", 3, 2, 1)
		moved(s.group, "/towns/demo/rounds/small", "judging", "").Want(http.StatusOK)
		s.scores("small", func(_, k int) float64 { return float64(k) / 4 })
		moved(s.group, "/towns/demo/rounds/small", "closed", "").Want(http.StatusOK)
		if few := statements(t, db, s.server, true,
			func() *apitest.Answer { return s.group.Get("/towns/demo/rounds/small/result") }); few != many {
			t.Errorf("%d statements for 162 projects, %d for 3", many, few)
		}
	})
}

// proposesABonus for a chosen project; it is decided on as any other.
func (s contest) proposesABonus(chosen, other string) {
	t := s.t
	s.planned("2026Q1", "2026-01-01", "2026-03-31")
	s.steps("2026Q1", "open")
	bonus := object{"period": "2026Q1", "item": "top-ten"}
	ask := func(id string) *apitest.Answer {
		at := "/towns/demo/projects/" + id
		return s.group.IfMatch(s.group.Get(at).ETag()).Post(at+"/bonus", bonus)
	}
	refused(t, ask(other), http.StatusConflict, "not_chosen")
	p := apitest.Decode[project.Project](ask(chosen), http.StatusOK)
	if p.AdjustmentID == nil {
		t.Fatalf("no adjustment: %+v", p)
	}
	refused(t, ask(chosen), http.StatusConflict, "bonus_proposed")
	at := "/towns/demo/adjustments/" + *p.AdjustmentID
	a := apitest.Decode[evaluation.Adjustment](s.group.Get(at), http.StatusOK)
	if a.BranchCode != "b03" || a.Points != 3 || a.State != evaluation.Proposed || a.Evidence != "projects/"+chosen {
		t.Errorf("adjustment: %+v", a)
	}
	refused(t, moved(s.group, at, "approved", ""), http.StatusForbidden, "own_proposal")
	moved(s.chen, at, "rejected", "the wrong item").Want(http.StatusOK)
	again := apitest.Decode[project.Project](ask(chosen), http.StatusOK)
	if again.AdjustmentID == nil || *again.AdjustmentID == *p.AdjustmentID {
		t.Fatalf("the second proposal: %+v", again)
	}
	moved(s.chen, "/towns/demo/adjustments/"+*again.AdjustmentID, "approved", "").Want(http.StatusOK)
	refused(t, ask(chosen), http.StatusConflict, "bonus_proposed")
}

// A round without criteria has the three of the public source; they can be replaced,
// not taken away.
func TestTheUsualCriteria(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		group := newHarness(t, db).as(policy.LeadingGroup)
		rules := object{"name": named("x"), "judges": []string{"mentor"}, "places": 20, "seats": 10}
		made := object{"code": "usual"}
		maps.Copy(made, rules)
		r := apitest.Decode[project.Round](group.Post("/towns/demo/rounds", made), http.StatusCreated)
		if c := r.Criteria.V; len(c) != 3 || c[0].Name.ZH != "改革势头" || c[1].Code != "development" ||
			c[2].Weight != c[0].Weight {
			t.Errorf("criteria: %+v", c)
		}
		const at = "/towns/demo/rounds/usual"
		refused(t, group.IfMatch(group.Get(at).ETag()).Put(at, rules), http.StatusUnprocessableEntity, "invalid", "/criteria")
	})
}

func TestNobodyJudgesOrConfirmsTheOwnProject(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newContest(t, db)
		s.opens("tied", 5, 3, 2)
		const at = "/towns/demo/rounds/tied"
		moved(s.group, at, "judging", "").Want(http.StatusOK)
		sheet := apitest.Decode[project.JudgeSheet](s.wu.Get(at+"/sheet"), http.StatusOK)
		same(t, "not to score", sheet.Barred, s.projects[:2]...)
		same(t, "still to score", sheet.Missing, s.projects[2:]...)
		full := object{"momentum": 1, "drive": 2, "care": 3}
		refused(t, s.wu.IfMatch(`"1"`).Put(at+"/sheet", object{"scores": object{s.projects[0]: full}}),
			http.StatusForbidden, "conflict_of_interest")
		stale := s.wu.IfMatch(`"7"`).Put(at+"/sheet", object{"scores": object{}})
		refused(t, stale, http.StatusPreconditionFailed, "stale_version")
		if r := apitest.Decode[project.Round](s.first.Get(at), http.StatusOK); len(r.Judges.V) != 0 {
			t.Errorf("a secretary is told the judges %q", r.Judges.V)
		}
		id := s.projects[2]
		refused(t, s.wu.IfMatch(`"1"`).Bad().Put(at+"/sheet",
			object{"scores": object{id: object{"momentum": 10.5, "drive": -1, "x": 1}, nothing: full}}),
			http.StatusUnprocessableEntity, "invalid", "/scores/"+nothing, "/scores/"+id+"/care", "/scores/"+id+"/drive",
			"/scores/"+id+"/momentum", "/scores/"+id+"/x")
		refused(t, s.chen.Get(at+"/sheet"), http.StatusNotFound, "not_a_judge")
		// 2 leads; 1, 3 and 4 tie across the cut of the shortlist.
		s.scores("tied", func(_, k int) float64 { return []float64{.1, .5, .9, .5, .5}[k] })
		s.wu.IfMatch(`"2"`).Put(at+"/sheet", object{"scores": object{}}).Want(http.StatusOK)
		refused(t, moved(s.group, at, "closed", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
		moved(s.group, at, "closed", "wu is ill").Want(http.StatusOK)

		p := s.result("tied").Proposal
		if got := fmt.Sprint(s.places(p.Projects), s.places(p.Tied), p.Open); got != "[2] [1 3 4] 2" {
			t.Errorf("proposed: %s", got)
		}
		three := []string{s.projects[2], s.projects[1], s.projects[3]}
		refused(t, s.picks(s.wu, "tied", "/shortlist", "x", three), http.StatusForbidden, "conflict_of_interest")
		refused(t, s.picks(s.group, "tied", "/shortlist", "", three), http.StatusUnprocessableEntity, "invalid", "/reason")
		refused(t, s.picks(s.group, "tied", "/shortlist", "", p.Projects),
			http.StatusUnprocessableEntity, "invalid", "/reason")
		refused(t, s.picks(s.group, "tied", "/shortlist", "x", s.projects),
			http.StatusUnprocessableEntity, "invalid", "/projects")
		refused(t, s.picks(s.group, "tied", "/shortlist", "x", []string{nothing}),
			http.StatusUnprocessableEntity, "invalid", "/projects")
		refused(t, s.picks(s.group, "tied", "/shortlist", "x", []string{id, id}),
			http.StatusUnprocessableEntity, "invalid", "/projects")
		s.picks(s.group, "tied", "/shortlist", "one of b01 and one of b03", three).Want(http.StatusOK)
		second := s.result("tied")
		if len(second.Items) != 3 || second.Proposal.Places != 2 || second.Proposal.Open != 1 {
			t.Errorf("among the shortlist: %+v", second.Proposal)
		}
		refused(t, s.picks(s.group, "tied", "/choice", "x", []string{s.projects[4]}),
			http.StatusUnprocessableEntity, "invalid", "/projects")
		s.picks(s.group, "tied", "/choice", "it cares more", []string{s.projects[2], s.projects[3]}).Want(http.StatusOK)

		chosen := "/towns/demo/projects/" + s.projects[3]
		refused(t, moved(s.first, chosen, "finished", ""), http.StatusForbidden, "not_assigned")
		moved(s.leader, chosen, "finished", "").Want(http.StatusOK)
		read := apitest.Decode[project.Project](s.leader.Get("/towns/demo/projects/"+s.projects[2]), http.StatusOK)
		if read.StateBy != "leading_group" || read.StateReason != "it cares more" {
			t.Errorf("project: %+v", read)
		}
		if n := scoredAloud(t, db); n != 0 {
			t.Errorf("%d records of the trail tell points", n)
		}
	})
}

// scoredAloud counts the records that tell what a judge gave.
func scoredAloud(t *testing.T, db *gorm.DB) (n int64) {
	t.Helper()
	if err := db.Table("audit_records").Where(`action = 'round.score' AND "after" LIKE '%momentum%'`).
		Count(&n).Error; err != nil {
		t.Error(err)
	}
	return n
}

func TestTeamsAndProjectsOfTheOwnBranch(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newContest(t, db)
		team := func(code string, branches ...string) object {
			return object{
				"code": code, "name": named(code), "field": "hard-tasks", "branches": branches, "founded_on": "2021-05-01",
				"members": 12,
			}
		}
		const teams = "/towns/demo/teams"
		s.first.Post(teams, team("river", "b01")).Want(http.StatusCreated)
		refused(t, s.first.Post(teams, team("both", "b01", "b03")), http.StatusForbidden, "not_assigned")
		refused(t, s.first.Post(teams, team("gone", "b01", "b99")), http.StatusUnprocessableEntity, "invalid", "/branches/1")
		body := team("river", "b01")
		delete(body, "code")
		refused(t, s.leader.IfMatch(`"1"`).Put(teams+"/river", body), http.StatusForbidden, "not_assigned")
		body["members"] = 13
		s.first.IfMatch(`"1"`).Put(teams+"/river", body).Want(http.StatusOK)

		s.opens("r", 0, 2, 1)
		p := projectOf("r", "b03")
		refused(t, s.first.Post("/towns/demo/projects", p), http.StatusForbidden, "not_assigned")
		p["team"] = "river"
		refused(t, s.leader.Post("/towns/demo/projects", p), http.StatusUnprocessableEntity, "invalid", "/team")
		p["branch"] = "b01"
		mine := "/towns/demo/projects/" + last(s.first.Post("/towns/demo/projects", p).Want(http.StatusCreated))
		may(t, s.first, mine, "edit", "withdraw")
		may(t, s.leader, mine)
		may(t, s.group, mine)
		moved(s.first, mine, "withdrawn", "too early").Want(http.StatusOK)
		refused(t, s.first.IfMatch(s.first.Get(mine).ETag()).Put(mine,
			object{"title": "x", "field": "ethos", "description": "x"}), http.StatusConflict, "project_frozen")
		refused(t, moved(s.group, "/towns/demo/rounds/r", "judging", ""), http.StatusConflict, "nothing_to_judge")
	})
}
