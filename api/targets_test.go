package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/improve/target"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

const q2 = "/towns/demo/periods/2026Q2"

// quarters is a town with two published quarters. In the first b01 has 100 points,
// b02 70 with 50 for party, b03 80 with 50 for service; in the second b01 fell to
// 92 and b02 is as before.
func quarters(t *testing.T, db *gorm.DB) (*harness, *wallClock) {
	h, clock := newHarnessAt(t, db, "2026-04-20 12:00:00")
	h.inForce(smallScheme)
	group, other := h.as(policy.LeadingGroup),
		h.joins("other", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors, "b03": access.Mentors})
	for _, q := range []struct {
		code, from, to string
		complaints     [3]float64
	}{
		{"2026Q1", "2026-01-01", "2026-03-31", [3]float64{0, 0, 5}},
		{"2026Q2", "2026-04-01", "2026-06-30", [3]float64{2, 0, 0}},
	} {
		quarter := q.code
		h.planned(quarter, q.from, q.to)
		h.steps(quarter, "open")
		for i, branch := range []string{"b01", "b02", "b03"} {
			party := []object{value("meetings", 12), value("spirit", 10), level("standing", "A")}
			if branch == "b02" {
				party = []object{value("meetings", 6), value("spirit", 5), level("standing", "C")}
			}
			counted(other, group, quarter, branch, append(party, value("complaints", q.complaints[i]))...)
		}
		h.steps(quarter, "review", "locked")
		group.Post("/towns/demo/periods/"+quarter+"/runs", nil).Want(http.StatusCreated)
		h.steps(quarter, "published")
	}
	return h, clock
}

// proposed applies the rules and tells what came of it.
func proposed(h *harness, period string) target.Proposal {
	h.t.Helper()
	return apitest.Decode[target.Proposal](h.as(policy.LeadingGroup).Post(period+"/targets/propose", nil), http.StatusOK)
}

// outcomeOf tells what the rules made of a publication.
func outcomeOf(p target.Proposal) []string {
	return []string{fmt.Sprintf("new %v, refreshed %v, lapsed %v, standing %v", p.New, p.Refreshed, p.Lapsed, p.Standing)}
}

// because lists the reasons of a branch among the targets.
func because(targets []target.Target, branch string) (reasons []string) {
	for _, t := range targets {
		if t.BranchCode == branch {
			for _, r := range t.Reasons {
				reasons = append(reasons,
					strings.TrimSpace(fmt.Sprintf("%s %s%s %v %v", r.Code, r.Dimension, r.Grade, r.Value, *r.Threshold)))
			}
		}
	}
	return reasons
}

func idOf(t *testing.T, targets []target.Target, branch string) string {
	t.Helper()
	i := slices.IndexFunc(targets, func(t target.Target) bool { return t.BranchCode == branch })
	if i < 0 {
		t.Fatalf("%s is not proposed", branch)
	}
	return "/towns/demo/targets/" + targets[i].ID
}

// decided moves a target.
func decided(c *apitest.Client, path string, body object) *apitest.Answer {
	return c.IfMatch(c.Get(path).Want(http.StatusOK).ETag()).Post(path+"/transitions", body)
}

// Rules name branches from what is published, once; an amended result changes what
// nobody has decided yet, and marks what has no reason any more.
func TestTargetsAreProposedByTheRules(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		p := proposed(h, q1)
		same(t, "the first quarter", outcomeOf(p), "new [b02 b03], refreshed [], lapsed [], standing []")
		same(t, "why b02", because(p.Targets, "b02"), "lowest_share  70 70", "dimension_below party 50 60")
		same(t, "why b03", because(p.Targets, "b03"), "dimension_below service 50 60")
		again := proposed(h, q1)
		same(t, "asked again", outcomeOf(again), "new [], refreshed [], lapsed [], standing []")
		if len(again.Targets) != 2 || again.Targets[0].Version != 1 {
			t.Errorf("asked again: %+v", again.Targets)
		}

		b02, b03 := idOf(t, p.Targets, "b02"), idOf(t, p.Targets, "b03")
		decided(group, b02, object{"to": "confirmed"}).Want(http.StatusOK)
		amended(h, "2026Q1", "b03", "complaints", 0)
		if got := apitest.Decode[target.Target](group.Get(b03), http.StatusOK); !got.Lapsed ||
			*got.PublicationNumber != 2 || len(got.Reasons) != 1 {
			t.Errorf("lapsed: %+v", got)
		}
		same(t, "lapsed and asked again", outcomeOf(proposed(h, q1)), "new [], refreshed [], lapsed [], standing []")
		same(t, "b03 is corrected, history", verbsOf(group, b03), "propose", "lapse")
		refused(t, decided(group, b03, object{"to": "confirmed"}), http.StatusUnprocessableEntity, "invalid", "/reason")
		amended(h, "2026Q1", "b03", "complaints", 7)
		now := apitest.Decode[rest.Page[target.Target]](group.Get("/towns/demo/targets"), http.StatusOK).Items
		same(t, "why b03 now", because(now, "b03"), "dimension_below service 30 60")
		same(t, "b03 is corrected again", outcomeOf(proposed(h, q1)), "new [], refreshed [], lapsed [], standing []")
		decided(group, b03, object{"to": "dismissed", "reason": "the flood"}).Want(http.StatusOK)
		same(t, "after all is decided", outcomeOf(proposed(h, q1)), "new [], refreshed [], lapsed [], standing []")
		amended(h, "2026Q1", "b03", "complaints", 0)
		same(t, "history", verbsOf(group, b03), "propose", "lapse", "refresh", "dismiss")

		p = proposed(h, q2)
		same(t, "the second quarter", outcomeOf(p), "new [b01], refreshed [], lapsed [], standing [b02]")
		same(t, "why b01", because(p.Targets, "b01"), "fall_over  8 5")
	})
}

func verbsOf(c *apitest.Client, path string) (verbs []string) {
	for _, m := range apitest.Decode[target.Target](c.Get(path), http.StatusOK).History {
		verbs = append(verbs, m.Verb)
	}
	return verbs
}

// What a person decides needs its reason and outcome, is told with who decided it,
// and is never about a branch that he or she leads.
func TestTargetsAreDecidedByPeople(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := quarters(t, db)
		group, chen := h.as(policy.LeadingGroup), h.joins("chen", policy.LeadingGroup, ties{"b02": access.Leads})
		p := proposed(h, q1)
		b02, b03 := idOf(t, p.Targets, "b02"), idOf(t, p.Targets, "b03")

		may(t, chen, b02)
		may(t, chen, b03, "confirm", "dismiss")
		refused(t, decided(chen, b02, object{"to": "confirmed"}), http.StatusForbidden, "conflict_of_interest")
		refused(t, decided(chen, b02, object{"to": "dismissed", "reason": "x"}), http.StatusForbidden, "conflict_of_interest")
		refused(t, chen.Post("/towns/demo/targets", object{"branch": "b02", "reason": "x"}),
			http.StatusForbidden, "conflict_of_interest")
		may(t, h.as(policy.Leadership), b02)
		refused(t, decided(h.as(policy.Leadership), b02, object{"to": "confirmed"}), http.StatusForbidden, "not_allowed")

		refused(t, group.IfMatch(`"7"`).Post(b02+"/transitions", object{"to": "confirmed"}),
			http.StatusPreconditionFailed, "stale_version")
		refused(t, decided(group, b02, object{"to": "dismissed"}), http.StatusUnprocessableEntity, "invalid", "/reason")
		refused(t, decided(group, b02, object{"to": "confirmed", "outcome": "other"}),
			http.StatusUnprocessableEntity, "invalid", "/outcome")
		decided(group, b02, object{"to": "confirmed", "reason": "the weakest"}).Want(http.StatusOK)
		may(t, group, b02, "end")
		problem := decided(group, b02, object{"to": "dismissed", "reason": "x"}).Problem(http.StatusConflict)
		if l := problem.Locked; problem.Code != "no_such_transition" || l == nil || l.By != "leading_group" ||
			l.Reason != "the weakest" || l.CanLift != "leading_group" {
			t.Errorf("%s, locked %+v", problem.Code, l)
		}
		refused(t, group.Post("/towns/demo/targets", object{"branch": "b02", "reason": "x"}),
			http.StatusConflict, "target_exists")
		refused(t, group.Post("/towns/demo/targets", object{"branch": "b99", "reason": "x"}),
			http.StatusUnprocessableEntity, "invalid", "/branch")
		refused(t, decided(group, b02, object{"to": "ended", "reason": "x"}),
			http.StatusUnprocessableEntity, "invalid", "/outcome")
		refused(t, decided(group, b02, object{"to": "ended", "outcome": "other"}),
			http.StatusUnprocessableEntity, "invalid", "/reason")
		refused(t, decided(chen, b02, object{"to": "ended", "reason": "x", "outcome": "other"}),
			http.StatusForbidden, "conflict_of_interest")

		second := proposed(h, q2)
		if len(second.Standing) != 1 {
			t.Fatalf("standing %v", second.Standing)
		}
		decided(group, b02, object{"to": "ended", "reason": "done", "outcome": "improved"}).Want(http.StatusOK)
		again := idOf(t, proposed(h, q2).Targets, "b02")
		byHand := decided(group, again, object{"to": "confirmed"}).Want(http.StatusOK)
		if byHand.Version() != 2 {
			t.Errorf("version %s", byHand.ETag())
		}
	})
}

// Of two proposals for one branch only one is confirmed, and those who propose or
// decide at once do nothing twice.
func TestABranchIsOneTargetAtATime(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		var all sync.WaitGroup
		made := make([]int, 4)
		for i := range made {
			all.Go(func() {
				period := q1
				if i%2 == 1 {
					period = q2
				}
				made[i] = len(apitest.Decode[target.Proposal](group.Post(period+"/targets/propose", nil), http.StatusOK).New)
			})
		}
		all.Wait()
		same(t, "proposals of four at once", []string{fmt.Sprint(made[0]+made[2], made[1]+made[3])}, "2 2")
		var paths []string
		for _, t := range apitest.Decode[rest.Page[target.Target]](group.Get("/towns/demo/targets?branch=b02"), http.StatusOK).Items {
			paths = append(paths, "/towns/demo/targets/"+t.ID)
		}
		answers := make([]*apitest.Answer, 2)
		for i := range answers {
			all.Go(func() {
				answers[i] = group.IfMatch(`"1"`).Post(paths[i]+"/transitions", object{"to": "confirmed"})
			})
		}
		all.Wait()
		if answers[0].Status == http.StatusOK {
			slices.Reverse(answers)
			slices.Reverse(paths)
		}
		answers[1].Want(http.StatusOK)
		if p := answers[0].Problem(http.StatusConflict); p.Code != "already_target" || p.Locked == nil ||
			p.Locked.By != "leading_group" || p.Locked.CanLift != "leading_group" {
			t.Errorf("%s, locked %+v", p.Code, p.Locked)
		}
		may(t, group, paths[0], "dismiss")
		refused(t, decided(group, paths[0], object{"to": "confirmed"}), http.StatusConflict, "already_target")
	})
}

// Everybody reads the targets in his or her reach, as they are and as they were.
func TestTargetsAsOfADay(t *testing.T) {
	inZone(t, "America/Los_Angeles")
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		refused(t, h.as(policy.LeadingGroup).Post("/towns/demo/periods/1999Q1/targets/propose", nil),
			http.StatusNotFound, "not_found")
		p := proposed(h, q1)
		added := "/towns/demo/targets/" + last(group.Post("/towns/demo/targets",
			object{"branch": "b01", "reason": "its secretary asked"}).Want(http.StatusCreated))
		clock.set(t, "2026-05-01 23:59:59")
		decided(group, idOf(t, p.Targets, "b02"), object{"to": "confirmed"}).Want(http.StatusOK)
		clock.set(t, "2026-05-02 00:00:01")
		decided(group, added, object{"to": "confirmed"}).Want(http.StatusOK)
		clock.set(t, "2026-06-10 00:00:01")
		decided(group, idOf(t, p.Targets, "b02"),
			object{"to": "ended", "reason": "done", "outcome": "improved"}).Want(http.StatusOK)

		on := func(c *apitest.Client, day string) []string {
			return column(c.Get("/towns/demo/targets?on="+day), "branch")
		}
		for day, want := range map[string][]string{
			"2026-04-30": {}, "2026-05-01": {"b02"}, "2026-05-02": {"b02", "b01"}, "2026-06-10": {"b02", "b01"},
			"2026-06-11": {"b01"},
		} {
			same(t, "targets on "+day, on(group, day), want...)
		}
		for _, role := range []policy.Role{policy.Secretary, policy.Mentor, policy.Instructor, policy.Office} {
			same(t, string(role), column(h.as(role).Get("/towns/demo/targets"), "branch"), "b01")
			h.as(role).Get(added).Want(http.StatusOK)
			refused(t, h.as(role).Get(idOf(t, p.Targets, "b02")), http.StatusNotFound, "not_found")
		}
		same(t, "leadership", column(h.as(policy.Leadership).Get("/towns/demo/targets"), "branch"), "b02", "b03", "b01")
		same(t, "proposed", column(group.Get("/towns/demo/targets?state=proposed"), "branch"), "b03")
		same(t, "of the quarter", column(group.Get("/towns/demo/targets?period=2026Q1&page_size=1"), "branch"), "b02")
		for _, role := range []policy.Role{policy.Reader, policy.Admin} {
			refused(t, h.as(role).Get("/towns/demo/targets"), http.StatusForbidden, "not_allowed")
		}
	})
}

// What a person decides about an unpublished period waits, and says for whom.
func TestTargetsNeedAPublication(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		p := h.as(policy.LeadingGroup).Post(q1+"/targets/propose", nil).Problem(http.StatusConflict)
		if p.Code != "period_not_published" || p.Locked == nil || p.Locked.By != "leading_group" ||
			p.Locked.CanLift != "leading_group" || p.Locked.At.IsZero() {
			t.Errorf("%s, locked %+v", p.Code, p.Locked)
		}
	})
}
