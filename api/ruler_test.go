package api

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/dashboard"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/explanation"
	"bulwark/internal/improve"
	"bulwark/internal/improve/plan"
	"bulwark/internal/improve/target"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/review"
)

// publishes runs and publishes a quarter with one sheet of each branch.
func (h *harness) publishes(other *apitest.Client, quarter, from, until string, sheets map[string][]object) {
	h.t.Helper()
	group := h.as(policy.LeadingGroup)
	h.planned(quarter, from, until)
	h.steps(quarter, "open")
	for branch, entries := range sheets {
		counted(other, group, quarter, branch, entries...)
	}
	h.steps(quarter, "review", "locked")
	group.Post("/towns/demo/periods/"+quarter+"/runs", nil).Want(http.StatusCreated)
	h.steps(quarter, "published")
}

// A ranking that is cited by the number of its publication is the same for ever, byte by
// byte, whatever is published or amended before and after it. What everybody reads without
// a number follows the amendments.
func TestACitedRankingNeverChanges(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		const at = "/towns/demo/periods/2026Q2/ranking?publication=1"
		read := func() []string {
			return []string{
				string(group.Get(at).Want(http.StatusOK).Body), string(group.Get(at + "&format=csv").Want(http.StatusOK).Body),
			}
		}
		first := read()
		amended(h, "2026Q1", "b01", "complaints", 2)
		same(t, "after an amendment of the quarter before", read(), first...)
		amended(h, "2026Q2", "b02", "complaints", 4)
		same(t, "after its own amendment", read(), first...)
		clock.set(t, "2026-07-20 12:00:00")
		other := h.joins("another", policy.Mentor, ties{"b01": access.Mentors})
		h.publishes(other, "2026Q3", "2026-07-01", "2026-09-30", map[string][]object{
			"b01": {value("meetings", 12), value("spirit", 10), level("standing", "A"), value("complaints", 0)},
		})
		h.steps("2026Q1", "final")
		same(t, "after a later quarter", read(), first...)

		p := apitest.Decode[index.PublicationDetail](group.Get("/towns/demo/periods/2026Q2/publications/2"), http.StatusOK)
		if p.From == nil || p.From.Period != "2026Q1" || p.From.Publication != 2 {
			t.Errorf("publication 2 is counted from %+v", p.From)
		}
		now := apitest.Decode[index.Ranking](group.Get("/towns/demo/periods/2026Q2/ranking"), http.StatusOK)
		if now.From == nil || now.From.Publication != 2 || now.From.Ruler != index.SameRuler || now.Publication != 2 {
			t.Errorf("the latest is counted from %+v", now.From)
		}
	})
}

// A quarter by a scheme that scores otherwise is compared with none, and nobody becomes a
// target by a fall from there. Another name or number of the scheme changes nothing.
func TestOtherSchemesAreNotSubtracted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		clock.set(t, "2026-07-20 12:00:00")
		other := h.joins("another", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors, "b03": access.Mentors})
		weak := func() map[string][]object {
			sheets := map[string][]object{}
			for _, b := range []string{"b01", "b02", "b03"} {
				sheets[b] = []object{value("meetings", 1), value("spirit", 1), level("standing", "C"), value("complaints", 5)}
			}
			return sheets
		}
		falls := func(quarter string) (n int) {
			for _, x := range proposed(h, "/towns/demo/periods/"+quarter).Targets {
				for _, r := range x.Reasons {
					if r.Code == "fall_over" {
						if n++; r.From == nil || r.From.Ruler != index.SameRuler {
							t.Errorf("a fall from %+v", r.From)
						}
					}
				}
			}
			return n
		}
		h.inForce(strings.Replace(smallScheme, `"per": 10`, `"per": 11`, 1))
		h.publishes(other, "2026Q3", "2026-07-01", "2026-09-30", weak())
		r := apitest.Decode[index.Ranking](group.Get("/towns/demo/periods/2026Q3/ranking"), http.StatusOK)
		for _, i := range r.Items {
			if !i.OtherScheme || i.Change != nil {
				t.Errorf("%s: %+v", i.Branch.Code, i.Comparison)
			}
		}
		if n := falls("2026Q3"); r.From.Ruler != index.OtherScheme || n != 0 {
			t.Errorf("from %+v, %d falls", r.From, n)
		}
		clock.set(t, "2026-10-20 12:00:00")
		again := strings.Replace(smallScheme, `"per": 10`, `"per": 11`, 1)
		h.inForce(strings.Replace(again, `"provenance": "example"`, `"provenance": "other words"`, 1))
		h.publishes(other, "2026Q4", "2026-10-01", "2026-12-31", weak())
		r = apitest.Decode[index.Ranking](group.Get("/towns/demo/periods/2026Q4/ranking"), http.StatusOK)
		if r.From == nil || r.From.Ruler != index.SameRuler || r.Items[0].Change == nil {
			t.Errorf("the same rules in other words: %+v", r.From)
		}
	})
}

// A branch that merges within a quarter leaves with its reason: in the ranking, in
// completeness, and beside the one that took it over; its target is counted apart.
func TestNothingLeavesSilently(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		made := group.Post("/towns/demo/targets", object{"branch": "b03", "reason": "its roof"}).Want(http.StatusCreated)
		clock.set(t, "2026-07-20 12:00:00")
		other := h.joins("another", policy.Mentor, ties{"b01": access.Mentors, "b03": access.Mentors})
		group.IfMatch(`"1"`).Post("/towns/demo/branches/b03/merge",
			object{"into": "b01", "on": "2026-07-21", "reason": "one village"}).Want(http.StatusOK)
		clock.set(t, "2026-07-21 12:00:00")
		h.publishes(other, "2026Q3", "2026-07-01", "2026-09-30", map[string][]object{
			"b01": {value("meetings", 12), value("spirit", 10), level("standing", "A"), value("complaints", 0)},
		})
		r := apitest.Decode[index.Ranking](group.Get("/towns/demo/periods/2026Q3/ranking"), http.StatusOK)
		if len(r.Ended) != 1 || r.Ended[0].Branch.Code != "b03" || r.Ended[0].Into != "b01" ||
			r.Ended[0].Reason != "one village" || len(r.Items) == 0 || strings.Join(r.Items[0].Merged, " ") != "b03" {
			t.Errorf("ended %+v, items %+v", r.Ended, r.Items)
		}
		made3 := apitest.Decode[index.PublicationDetail](group.Get("/towns/demo/periods/2026Q3/publications/1"), http.StatusOK)
		period := apitest.Decode[evaluation.Period](group.Get("/towns/demo/periods/2026Q3"), http.StatusOK)
		if e := made3.Ended.V; len(e) != 1 || e[0].Code != "b03" || period.Notice == nil || !slices.Equal(period.Notice.Ended, e) {
			t.Errorf("published with %+v, told by the notice %+v", e, period.Notice)
		}
		csv := string(group.Get("/towns/demo/periods/2026Q3/ranking?format=csv").Want(http.StatusOK).Body)
		if !strings.Contains(csv, "b03") {
			t.Errorf("not in the table: %s", csv)
		}
		c := apitest.Decode[review.Completeness](group.Get("/towns/demo/periods/2026Q3/completeness"), http.StatusOK)
		if len(c.Ended) != 1 || c.Ended[0].Branch.Code != "b03" {
			t.Errorf("completeness: %+v", c.Ended)
		}
		x := apitest.Decode[target.Target](group.Get("/towns/demo/targets/"+last(made)), http.StatusOK)
		if x.BranchEnded == nil || x.BranchEnded.Into != "b01" {
			t.Errorf("target: %+v", x.BranchEnded)
		}
		board := apitest.Decode[struct{ Targets map[string]int64 }](group.Get("/towns/demo/dashboard"), http.StatusOK)
		if board.Targets["branch_ended"] != 1 || board.Targets["proposed"] != 0 {
			t.Errorf("counted: %v", board.Targets)
		}
	})
}

// A branch that rises only because it hands in less is a signal and no riser, and the rules
// judge it by the score with what is missing at the lowest.
//
//	third quarter   b02  60 + 0.4·(80 + 100 + 2·60)/4 = 90; b03  60 + 0.4·(80 + 2·60)/3 = 86.67
//	fourth quarter  b03 leaves out its complaints: 60 + 0.4·80 = 92, with them at 60 still 86.67
func TestHandingInLessDoesNotPay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-10-10 12:00:00")
		h.inForce(smallScheme)
		group := h.as(policy.LeadingGroup)
		other := h.joins("another", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors, "b03": access.Mentors})
		full := func(more ...object) []object {
			return append([]object{
				value("meetings", 12), value("spirit", 10), level("standing", "A"), value("cases", 50), value("cases.solved", 40),
			}, more...)
		}
		h.publishes(other, "2026Q3", "2026-07-01", "2026-09-30", map[string][]object{
			"b01": full(value("fields", 50), value("complaints", 0)), "b02": full(value("fields", 50), value("complaints", 4)),
			"b03": full(value("complaints", 4)),
		})
		clock.set(t, "2027-01-10 12:00:00")
		h.publishes(other, "2026Q4", "2026-10-01", "2026-12-31", map[string][]object{
			"b01": full(value("fields", 50), value("complaints", 0)), "b02": full(value("fields", 50), value("complaints", 4)),
			"b03": full(),
		})
		const q4 = "/towns/demo/periods/2026Q4"
		card := apitest.Decode[index.Scorecard](group.Get(q4+"/branches/b03"), http.StatusOK)
		whole := apitest.Decode[index.Scorecard](group.Get(q4+"/branches/b01"), http.StatusOK)
		if whole.ScoreAtLowest != nil || card.ScoreAtLowest == nil || *card.ScoreAtLowest != 86.67 || *card.Score != 92 {
			t.Fatalf("complete: %v, incomplete: %v beside %v", whole.ScoreAtLowest, card.ScoreAtLowest, card.Score)
		}
		if c := card.Comparison; !c.LeftOut || c.Change == nil || c.Change.Score != 5.33 || whole.LeftOut {
			t.Errorf("left out: %+v of %+v", c, c.Change)
		}
		marked := []string{}
		for _, i := range apitest.Decode[index.Ranking](group.Get(q4+"/ranking"), http.StatusOK).Items {
			if i.LeftOut {
				marked = append(marked, i.Branch.Code)
			}
		}
		_, rows := rowsOf(t, group.Get(q4+"/ranking?format=csv&header=codes"))
		for _, r := range rows {
			if r["left_out"] != "" {
				marked = append(marked, r["branch"]+" in the table")
			}
		}
		course := apitest.Decode[index.Trend](group.Get("/towns/demo/trend?by=branch&branch=b03"), http.StatusOK).Series[0].Items
		if course[0].LeftOut || course[1].LeftOut {
			marked = append(marked, fmt.Sprintf("b03 in the trend %t", course[1].LeftOut))
		}
		same(t, "marked", marked, "b03", "b03 in the table", "b03 in the trend true")
		leavesNothingOut(h, q4, "b02", "complaints")
		board := apitest.Decode[struct{ Result dashboard.Overview }](group.Get("/towns/demo/dashboard"), http.StatusOK).Result
		if len(board.Risers) != 0 || len(board.LeftOut) != 1 || board.LeftOut[0].Branch.Code != "b03" {
			t.Errorf("risers %+v, left out %+v", board.Risers, board.LeftOut)
		}
		var found []review.Signal
		for _, s := range apitest.Decode[review.Signals](group.Get(q4+"/signals"), http.StatusOK).Items {
			if s.Code == "left_out" {
				found = append(found, s)
			}
		}
		if len(found) != 1 || found[0].Branches[0] != "b03" || found[0].Figures["change"] != 5.33 ||
			found[0].Figures["change_at_lowest"] != 0 || found[0].Figures["missing"] != 1 {
			t.Errorf("signals: %+v", found)
		}
		lowest := map[string]target.Reason{}
		for _, x := range proposed(h, q4).Targets {
			for _, r := range x.Reasons {
				if r.Code == "lowest_share" {
					lowest[x.BranchCode] = r
				}
			}
		}
		if r := lowest["b03"]; len(lowest) != 1 || !r.AtLowest || r.Value != 86.67 {
			t.Errorf("lowest: %+v", lowest)
		}
	})
}

// leavesNothingOut checks that no gain of a branch is to leave a value out, although it would bring more points: every
// step goes from what is entered to another entry.
func leavesNothingOut(h *harness, period, branch, code string) {
	h.t.Helper()
	group := h.as(policy.LeadingGroup)
	g := apitest.Decode[explanation.Gains](group.Get(period+"/branches/"+branch+"/gains"), http.StatusOK)
	supposed := func(values ...object) float64 {
		h.t.Helper()
		w := apitest.Decode[explanation.WhatIf](group.Post(period+"/what-if", object{"values": values}), http.StatusOK)
		i := slices.IndexFunc(w.Items, func(s explanation.Supposed) bool { return s.Branch.Code == branch })
		return w.Items[i].Score
	}
	without := supposed(object{"branch": branch, "indicator": code})
	if without <= g.Score {
		h.t.Fatalf("without %s %s has %v, with it %v", code, branch, without, g.Score)
	}
	entered := map[string]bool{}
	for _, x := range g.Indicators {
		entered[x.Code] = x.Value != nil
		for _, other := range []*explanation.PossibleValue{x.Goal, x.Next, x.Median, x.Best} {
			if other == nil {
				continue
			}
			now := supposed(object{"branch": branch, "indicator": x.Code, "value": other.Value})
			if math.Abs(now-g.Score-other.Points) > 0.011 {
				h.t.Errorf("%s at %v brings %v, not %v", x.Code, other.Value, now-g.Score, other.Points)
			}
		}
	}
	if !entered[code] || g.ToNextRank == nil || len(g.ToNextRank.Steps) == 0 {
		h.t.Fatalf("gains of %s: %+v", branch, g)
	}
	var moves []object
	for _, m := range g.ToNextRank.Steps {
		if !entered[m.Code] {
			h.t.Errorf("%s moves %s, of which nothing is entered", branch, m.Code)
		}
		moves = append(moves, object{"branch": branch, "indicator": m.Code, "value": m.To})
	}
	if now := supposed(moves...); now != g.ToNextRank.Score {
		h.t.Errorf("the moves bring %s to %v, not to %v", branch, now, g.ToNextRank.Score)
	}
}

// A branch that hands in too little for a score stands in no place, and becomes a target where the town has that rule.
func TestTooLittleForAScoreCanMakeATarget(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-10-10 12:00:00")
		h.inForce(smallScheme)
		group := h.as(policy.LeadingGroup)
		other := h.joins("another", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors})
		h.publishes(other, "2026Q3", "2026-07-01", "2026-09-30", map[string][]object{
			"b01": {value("meetings", 12), value("spirit", 10), level("standing", "A"), value("complaints", 0)},
			"b02": {value("meetings", 12)},
		})
		const q3 = "/towns/demo/periods/2026Q3"
		r := apitest.Decode[index.Ranking](group.Get(q3+"/ranking"), http.StatusOK)
		at := slices.IndexFunc(r.Insufficient, func(i index.Insufficient) bool { return i.Branch.Code == "b02" })
		if at < 0 {
			t.Fatalf("without a score: %+v", r.Insufficient)
		}
		reasons := func() (list []target.Reason) {
			for _, x := range proposed(h, q3).Targets {
				for _, reason := range x.Reasons {
					if x.BranchCode == "b02" {
						list = append(list, reason)
					}
				}
			}
			return list
		}
		if list := reasons(); len(list) != 0 {
			t.Errorf("without the rule: %+v", list)
		}
		settings := improve.Defaults()
		settings.TargetRules = append(settings.TargetRules, improve.ProposalRule{Kind: improve.Insufficient})
		const rules = "/towns/demo/improvement-settings"
		group.IfMatch(group.Get(rules).ETag()).Put(rules, object{"settings": settings, "reason": "x"}).Want(http.StatusOK)
		list := reasons()
		if len(list) != 1 || list[0].Code != improve.Insufficient || list[0].Value != r.Insufficient[at].Coverage || list[0].Value >= .6 {
			t.Errorf("by the rule: %+v", list)
		}
	})
}

// What was compared with stays with a cited ranking when it is withdrawn, and so does the
// ranking when a later quarter is; what is published next is compared with what still stands.
func TestACitedRankingOutlivesWithdrawals(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := quarters(t, db)
		group := h.as(policy.LeadingGroup)
		const q = "/towns/demo/periods/"
		read := func() []string {
			return []string{
				string(group.Get(q + "2026Q2/ranking?publication=1").Want(http.StatusOK).Body),
				string(group.Get(q + "2026Q2/ranking?publication=1&format=csv").Want(http.StatusOK).Body),
			}
		}
		withdraws := func(period, number string) {
			t.Helper()
			confirmed(group, q+period, group.Post(q+period+"/publications/"+number+"/withdraw", mistaken)).Want(http.StatusOK)
		}
		from := func(query string) *index.Compared {
			t.Helper()
			return apitest.Decode[index.Ranking](group.Get(q+"2026Q2/ranking"+query), http.StatusOK).From
		}
		first := read()
		amended(h, "2026Q1", "b01", "complaints", 2)
		withdraws("2026Q1", "2")
		same(t, "after an amendment of the quarter before was withdrawn", read(), first...)
		if f := from(""); f == nil || f.Publication != 1 || f.Withdrawn {
			t.Errorf("counted from %+v", f)
		}
		withdraws("2026Q1", "1")
		same(t, "after the quarter before was withdrawn", read(), first...)
		if now, cited := from(""), from("?publication=1"); !now.Withdrawn || now.Publication != 1 || cited.Withdrawn {
			t.Errorf("now %+v, cited %+v", now, cited)
		}
		amended(h, "2026Q2", "b02", "complaints", 4)
		if f := from(""); f != nil {
			t.Errorf("an amendment was counted from %+v, which was withdrawn", f)
		}
		withdraws("2026Q2", "2")
		same(t, "after its amendment was withdrawn", read(), first...)
		clock.set(t, "2026-07-20 12:00:00")
		other := h.joins("another", policy.Mentor, ties{"b01": access.Mentors})
		h.publishes(other, "2026Q3", "2026-07-01", "2026-09-30", map[string][]object{
			"b01": {value("meetings", 12), value("spirit", 10), level("standing", "A"), value("complaints", 0)},
		})
		later := apitest.Decode[index.PublicationDetail](group.Get(q+"2026Q3/publications/1"), http.StatusOK)
		if later.From == nil || later.From.Period != "2026Q2" || later.From.Publication != 1 {
			t.Errorf("the third quarter is counted from %+v", later.From)
		}
		withdraws("2026Q3", "1")
		same(t, "after a later quarter was withdrawn", read(), first...)
		if r := apitest.Decode[index.Ranking](group.Get(q+"2026Q3/ranking?publication=1"), http.StatusOK); r.Withdrawn == nil ||
			r.Status != "withdrawn" || r.From == nil {
			t.Errorf("a cited ranking hides that it was withdrawn: %s %+v", r.Status, r.Withdrawn)
		}
	})
}

// The goals of a plan are scores by the ruler of its start: a quarter that was scored
// otherwise reopens nothing, and its outcome states no gain.
func TestPlansAreHeldAgainstTheirOwnRuler(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-10 09:00:00")
		c := newCampaign(h)
		c.publishes("2026Q1", "2026-01-01", "2026-03-31", spring())
		p, _ := c.closedItem(11)
		weaker := spring()
		b01 := weaker["b01"]
		b01.meetings = 9
		weaker["b01"] = b01
		reopened := func(want int) {
			t.Helper()
			if n, err := plan.ReopenRelapsed(t.Context(), h.db); err != nil || n != want {
				t.Errorf("%d reopened, want %d: %v", n, want, err)
			}
			if _, err := plan.MeasureOutcomes(t.Context(), h.db); err != nil {
				t.Error(err)
			}
		}
		clock.set(t, "2026-07-10 12:00:00")
		h.inForce(strings.Replace(smallScheme, `"per": 10`, `"per": 11`, 1))
		c.publishes("2026Q2", "2026-04-01", "2026-06-30", weaker)
		reopened(0)
		clock.set(t, "2026-10-10 12:00:00")
		h.inForce(strings.Replace(smallScheme, `"zh": "会议"`, `"zh": "例会"`, 1))
		c.publishes("2026Q3", "2026-07-01", "2026-09-30", weaker)
		reopened(1)
		list := apitest.Decode[struct{ Items []plan.Outcome }](c.group.Get(p+"/outcomes"), http.StatusOK).Items
		if len(list) != 2 {
			t.Fatalf("%+v", list)
		}
		if g := list[0].Document.V; !g.OtherScheme || g.Points != nil || g.Difference != nil || g.Items[0].Reached {
			t.Errorf("by another scheme: %+v", g)
		}
		if g := list[1].Document.V; g.OtherScheme || g.Points == nil || g.Ruler != index.SameRuler {
			t.Errorf("by the same rules: %+v", g)
		}
	})
}

// Kind: what is shown is what is published. An outcome shows scores to the decimals of the scheme, and a goal that is
// equal on paper is reached: 11 of 12 meetings are 91.67, though 91.666… is stored.
func TestOutcomesShowFiguresAsPublished(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-10 09:00:00")
		c := newCampaign(h)
		c.publishes("2026Q1", "2026-01-01", "2026-03-31", spring())
		p, _ := c.closedItem(11)
		better := spring()
		b01 := better["b01"]
		b01.meetings = 11
		better["b01"] = b01
		clock.set(t, "2026-07-10 12:00:00")
		c.publishes("2026Q2", "2026-04-01", "2026-06-30", better)
		if n, err := plan.ReopenRelapsed(t.Context(), h.db); err != nil || n != 0 {
			t.Errorf("%d reopened: %v", n, err)
		}
		if _, err := plan.MeasureOutcomes(t.Context(), h.db); err != nil {
			t.Error(err)
		}
		list := apitest.Decode[struct{ Items []plan.Outcome }](c.group.Get(p+"/outcomes"), http.StatusOK).Items
		if len(list) != 1 || *list[0].Document.V.Items[0].Score != 91.67 || list[0].Document.V.Items[0].Goal != 91.67 ||
			!list[0].Document.V.Items[0].Reached {
			t.Errorf("%+v", list)
		}
	})
}

// Under a scheme with a rule or a treatment that is fitted to the peers, a branch that entered the same in both quarters
// may stand elsewhere: ranking, history and trend say that the ruler is relative, and so does a target by a fall.
func TestFiguresFittedToOtherPeersAreRelative(t *testing.T) {
	const fixed = `"rule": {"kind": "goalposts", "low": 0, "high": 12}}`
	for name, rule := range map[string]string{
		"min-max":    `"rule": {"kind": "minmax"}}`,
		"winsorised": `"treat": {"kind": "winsorise"}, ` + fixed,
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
				h, clock := newHarnessAt(t, db, "2026-10-10 12:00:00")
				if !strings.Contains(smallScheme, fixed) {
					t.Fatal("the scheme has no such rule")
				}
				h.inForce(strings.Replace(smallScheme, fixed, rule, 1))
				group := h.as(policy.LeadingGroup)
				other := h.joins("another", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors, "b03": access.Mentors})
				sheets := func(best float64) map[string][]object {
					entries := func(meetings float64) []object {
						return []object{value("meetings", meetings), value("spirit", 10), level("standing", "A"), value("complaints", 0)}
					}
					return map[string][]object{"b01": entries(6), "b02": entries(3), "b03": entries(best)}
				}
				h.publishes(other, "2026Q3", "2026-07-01", "2026-09-30", sheets(6))
				clock.set(t, "2027-01-10 12:00:00")
				h.publishes(other, "2026Q4", "2026-10-01", "2026-12-31", sheets(12))

				r := apitest.Decode[index.Ranking](group.Get("/towns/demo/periods/2026Q4/ranking"), http.StatusOK)
				if r.From == nil || r.From.Ruler != index.RelativeRuler || len(r.Items) != 3 {
					t.Fatalf("ranking: %+v from %+v", r.Items, r.From)
				}
				for _, i := range r.Items {
					if i.Change == nil || i.Change.Ruler != index.RelativeRuler || i.OtherScheme {
						t.Errorf("ranking: %s %+v", i.Branch.Code, i.Change)
					}
				}
				_, rows := rowsOf(t, group.Get("/towns/demo/periods/2026Q4/ranking?format=csv&header=codes"))
				if rows[0]["ruler"] != "relative" || rows[0]["from_period"] != "2026Q3" {
					t.Errorf("as a table: %v", rows[0])
				}
				history := apitest.Decode[struct{ Items []index.HistoryEntry }](group.Get("/towns/demo/branches/b01/results"),
					http.StatusOK).Items
				now, then := history[0], history[1]
				if now.From.Ruler != index.RelativeRuler || now.Change == nil || now.Change.Ruler != index.RelativeRuler ||
					then.Change != nil {
					t.Errorf("history: %+v after %+v", now, then)
				}
				if moved := now.Change.Score != 0; moved != (name == "min-max") {
					t.Errorf("the same values, and a change of %v", now.Change.Score)
				}
				for _, by := range []string{"town", "class", "branch&branch=b01", "dimension&branch=b01"} {
					trend := apitest.Decode[index.Trend](group.Get("/towns/demo/trend?by="+by), http.StatusOK)
					if f := trend.Periods[1].From; f == nil || f.Ruler != index.RelativeRuler || len(trend.Series) == 0 {
						t.Errorf("trend by %s: from %+v", by, f)
					}
					for _, l := range trend.Series {
						if i := l.Items[1]; i.Ruler != index.RelativeRuler || i.Change == nil || i.OtherScheme {
							t.Errorf("trend by %s: %+v", by, i)
						}
					}
				}
				board := apitest.Decode[struct{ Result dashboard.Overview }](group.Get("/towns/demo/dashboard"), http.StatusOK).Result
				if board.Index.Ruler != index.RelativeRuler {
					t.Errorf("dashboard: %+v", board.Index)
				}
				falls := 0
				for _, x := range proposed(h, "/towns/demo/periods/2026Q4").Targets {
					for _, reason := range x.Reasons {
						if reason.Code == "fall_over" {
							if falls++; reason.From == nil || reason.From.Ruler != index.RelativeRuler {
								t.Errorf("%s is a target by a fall from %+v", x.BranchCode, reason.From)
							}
						}
					}
				}
				if (falls > 0) != (name == "min-max") {
					t.Errorf("%d targets by a fall", falls)
				}
			})
		})
	}
}
