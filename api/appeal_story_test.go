package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/explanation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// TestAResultIsAppealedAgainst goes from a publication over appeals to the final
// result, and holds every figure against sums done by hand.
func TestAResultIsAppealedAgainst(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-04-01 09:00:00")
		s := appealStory{harness: h, clock: clock, t: t, group: h.as(policy.LeadingGroup), first: h.as(policy.Secretary)}
		s.second, s.third = h.joins("sun", policy.Secretary, ties{"b02": access.Leads}),
			h.joins("qian", policy.Secretary, ties{"b03": access.Leads})
		s.wu = h.joins("wu", policy.LeadingGroup, ties{"b01": access.Leads})
		s.entersAndPublishes()
		s.opensNotice()
		s.files()
		s.isReadByThoseConcerned()
		s.waitsForDecisions()
		s.isRejected()
		s.isUpheld()
		s.oldStaysCitable()
		s.differs()
		s.changedBranchesMayAppealOnceMore()
		s.endsFinal()
	})
}

type appealStory struct {
	*harness
	clock                           *wallClock
	t                               *testing.T
	group, wu, first, second, third *apitest.Client
	ofFirst, ofThird                string // addresses of appeals
	before                          *apitest.Answer
}

// entersAndPublishes publishes these figures on 10 April:
//
//	b01  meetings 9/12 → 75; spirit (7 + 9)/2 = 8 → 80; standing B → 80: party (75 + 160 + 80)/4 = 78.75
//	     solving 40/50 → 80; fields 40/50 → 80; complaints 2 → 80: service 80
//	     0.6·78.75 + 0.4·80 = 79.25; late costs 2: 77.25, fair
//	b02  party (100 + 160 + 80)/4 = 85; service (75 + 80 + 160)/4 = 78.75; 51 + 31.5 = 82.5, good
//	b03  party (50 + 160 + 80)/4 = 72.5; service (90 + 200)/3 = 96.67; 43.5 + 38.67 = 82.17, good
func (s *appealStory) entersAndPublishes() {
	s.inForce(smallScheme)
	s.planned("2026Q1", "2026-01-01", "2026-03-31")
	s.steps("2026Q1", "open")
	chen := s.joins("chen", policy.LeadingGroup, nil)
	other := s.joins("other", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors, "b03": access.Mentors})
	counted(s.as(policy.Mentor), s.group, "2026Q1", "b01", value("spirit", 7))
	counted(other, s.group, "2026Q1", "b01", value("spirit", 9))
	counted(other, s.group, "2026Q1", "b02", value("spirit", 8))
	counted(other, s.group, "2026Q1", "b03", value("spirit", 8))
	for branch, entries := range map[string][]object{
		"b01": {
			value("meetings", 9), value("cases", 50), value("cases.solved", 40), value("fields", 40), value("complaints", 2),
		},
		"b02": {
			value("meetings", 12), value("cases", 40), value("cases.solved", 30), value("fields", 40), value("complaints", 2),
		},
		"b03": {value("meetings", 6), value("cases", 50), value("cases.solved", 45), value("complaints", 0)},
	} {
		counted(chen, s.group, "2026Q1", branch, append(entries, level("standing", "B"))...)
	}
	late := s.group.Post("/towns/demo/adjustments",
		object{"period": "2026Q1", "branch": "b01", "kind": "deduction", "item": "late", "reason": "seen"})
	moved(chen, late.Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):], "approved", "").Want(http.StatusOK)
	s.clock.set(s.t, "2026-04-10 09:00:00")
	s.steps("2026Q1", "review", "locked")
	s.group.Post(q1+"/runs", nil).Want(http.StatusCreated)
	refused(s.t, s.appeal(s.first, "b01"), http.StatusConflict, "not_published")
	s.steps("2026Q1", "published")
	s.isPlaced("", "1 b02 82.5 good", "2 b03 82.17 good", "3 b01 77.25 fair")
}

// isPlaced holds a ranking, that of the query, against rank, branch, score, grade.
func (s *appealStory) isPlaced(query string, want ...string) index.Ranking {
	s.t.Helper()
	r := apitest.Decode[index.Ranking](s.Get(q1+"/ranking"+query), http.StatusOK)
	var got []string
	for _, i := range r.Items {
		got = append(got, fmt.Sprint(i.Rank, " ", i.Branch.Code, " ", i.Score, " ", i.Grade))
	}
	same(s.t, "ranking"+query, got, want...)
	return r
}

func (s *appealStory) opensNotice() {
	t := s.t
	notice := index.PublicNotice{Notice: evaluation.Notice{From: "2026-04-10", Until: "2026-04-15"}, Open: true}
	want := index.Source{Publication: 1, Notice: &notice}
	s.before = s.Get(q1 + "/ranking")
	for what, got := range map[string]index.Source{
		"ranking":     apitest.Decode[index.Ranking](s.before, http.StatusOK).Source,
		"scorecard":   apitest.Decode[index.Scorecard](s.Get(q1+"/branches/b01"), http.StatusOK).Source,
		"explanation": apitest.Decode[explanation.Explanation](s.Get(q1+"/branches/b01/explanation"), http.StatusOK).Source,
		"receipt":     apitest.Decode[index.Receipt](s.Get(q1+"/receipt"), http.StatusOK).Source,
	} {
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("source of the %s (-want +got):\n%s", what, d)
		}
	}
	period := apitest.Decode[evaluation.Period](s.Get(q1), http.StatusOK)
	if d := cmp.Diff(&notice.Notice, period.Notice); d != "" {
		t.Errorf("notice of the period (-want +got):\n%s", d)
	}
	may(t, s.group, q1, "withdraw")
	same(t, "as listed", column(s.group.Get("/towns/demo/periods"), "allowed"), "[withdraw]")
	refused(t, moved(s.group, q1, "final", ""), http.StatusLocked, "notice_open")
}

// appeal files one about the meetings of a branch.
func (s *appealStory) appeal(c *apitest.Client, branch string) *apitest.Answer {
	return c.Post("/towns/demo/appeals", object{
		"period": "2026Q1", "branch": branch, "statement": "three meetings were overlooked", "evidence": "minutes",
		"points": []object{{"code": "meetings", "claim": "12"}, {"code": "late", "claim": "was in time"}},
	})
}

func (s *appealStory) files() {
	t := s.t
	s.clock.set(t, "2026-04-12 10:00:00")
	for _, c := range []*apitest.Client{
		s.group, s.as(policy.Mentor), s.as(policy.Leadership), s.as(policy.Office), s.as(policy.Reader), s.as(policy.Admin),
	} {
		refused(t, s.appeal(c, "b01"), http.StatusForbidden, "not_allowed")
	}
	refused(t, s.appeal(s.Client, "b01"), http.StatusUnauthorized, "key_needed")
	refused(t, s.appeal(s.second, "b01"), http.StatusForbidden, "not_assigned")
	refused(t, s.first.Post("/towns/demo/appeals", object{
		"period": "2026Q1", "branch": "b01", "statement": "x",
		"points": []object{{"code": "meetings", "claim": "12"}, {"code": "nonsense", "claim": "1"}},
	}), http.StatusUnprocessableEntity, "invalid", "/points/1/code")
	made := apitest.Decode[index.Appeal](s.appeal(s.first, "b01"), http.StatusCreated)
	if made.FiledBy != "secretary" || made.PublicationNumber != 1 || made.DueOn != "2026-04-17" ||
		made.State != index.Filed || made.Overdue {
		t.Errorf("filed: %+v", made)
	}
	same(t, "allowed", made.Allowed, "attach", "withdraw")
	s.ofFirst = "/towns/demo/appeals/" + made.ID
	refused(t, s.appeal(s.first, "b01"), http.StatusConflict, "appeal_exists")

	// The notice ends with its last day in Shanghai.
	s.clock.set(t, "2026-04-15 23:59:59")
	last := apitest.Decode[index.Appeal](s.appeal(s.second, "b02"), http.StatusCreated)
	moved(s.second, "/towns/demo/appeals/"+last.ID, "withdrawn", "").Want(http.StatusOK)
	s.ofThird = s.appeal(s.third, "b03").Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
	s.clock.set(t, "2026-04-15 23:59:59")
	if r := apitest.Decode[index.Ranking](s.Get(q1+"/ranking"), http.StatusOK); !r.Notice.Open {
		t.Errorf("notice on its last day: %+v", r.Notice)
	}
	s.clock.set(t, "2026-04-16 00:00:00")
	closed := s.appeal(s.second, "b02")
	refused(t, closed, http.StatusLocked, "notice_closed")
	if !strings.Contains(string(closed.Body), "2026-04-15") {
		t.Errorf("the refusal does not say until when: %s", closed.Body)
	}
	if r := apitest.Decode[index.Ranking](s.Get(q1+"/ranking"), http.StatusOK); r.Notice.Open {
		t.Errorf("notice on the day after: %+v", r.Notice)
	}
}

func (s *appealStory) isReadByThoseConcerned() {
	t := s.t
	const list = "/towns/demo/appeals"
	for role, branches := range map[policy.Role][]string{
		policy.LeadingGroup: {"b01", "b02", "b03"}, policy.Leadership: {"b01", "b02", "b03"},
		policy.Secretary: {"b01"}, policy.Mentor: {"b01"}, policy.Instructor: {"b01"},
	} {
		same(t, string(role), column(s.as(role).Get(list), "branch"), branches...)
		s.as(role).Get(s.ofFirst).Want(http.StatusOK)
		if len(branches) == 1 {
			refused(t, s.as(role).Get(s.ofThird), http.StatusNotFound, "not_found")
			refused(t, s.as(role).IfMatch(`"1"`).Post(s.ofThird+"/transitions", object{"to": "rejected", "reason": "x"}),
				http.StatusNotFound, "not_found")
		}
	}
	for _, role := range []policy.Role{policy.Office, policy.Reader, policy.Admin} {
		refused(t, s.as(role).Get(s.ofFirst), http.StatusForbidden, "not_allowed")
	}
	refused(t, s.Get(s.ofFirst), http.StatusUnauthorized, "key_needed")
	may(t, s.group, s.ofFirst, "uphold", "reject")
	may(t, s.first, s.ofFirst, "attach", "withdraw")
	may(t, s.wu, s.ofFirst)
	for _, role := range []policy.Role{policy.Mentor, policy.Instructor, policy.Leadership} {
		may(t, s.as(role), s.ofFirst)
	}
	same(t, "wu's list", column(s.wu.Get(list+"?state=filed"), "allowed"), "[]", "[uphold reject]")
	same(t, "overdue", column(s.group.Get(list+"?overdue=true"), "branch"))
}

// waitsForDecisions cannot end while an appeal waits, which shows once it is late.
func (s *appealStory) waitsForDecisions() {
	t := s.t
	ids := []string{strings.TrimPrefix(s.ofFirst, "/towns/demo/"), strings.TrimPrefix(s.ofThird, "/towns/demo/")}
	waiting := moved(s.group, q1, "final", "")
	refused(t, waiting, http.StatusLocked, "appeals_undecided", ids...)
	var p struct {
		Locked struct {
			By      string
			CanLift string `json:"can_lift"`
		}
	}
	s.must(json.Unmarshal(waiting.Body, &p))
	if p.Locked.By != "secretary" || p.Locked.CanLift != "leading_group" {
		t.Errorf("locked: %+v", p.Locked)
	}
	s.clock.set(t, "2026-04-17 23:59:59")
	same(t, "overdue", column(s.group.Get("/towns/demo/appeals?state=filed"), "overdue"), "false", "false")
	s.clock.set(t, "2026-04-18 00:00:00")
	same(t, "overdue", column(s.group.Get("/towns/demo/appeals?state=filed"), "overdue"), "true", "false")
	same(t, "those overdue", column(s.group.Get("/towns/demo/appeals?overdue=true"), "branch"), "b01")
}

func (s *appealStory) isRejected() {
	t := s.t
	refused(t, moved(s.group, s.ofThird, "rejected", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
	refused(t, moved(s.group, s.ofThird, "withdrawn", ""), http.StatusForbidden, "not_allowed")
	refused(t, moved(s.third, s.ofThird, "rejected", "x"), http.StatusForbidden, "not_allowed")
	refused(t, moved(s.as(policy.Leadership), s.ofThird, "rejected", "x"), http.StatusForbidden, "not_allowed")
	a := apitest.Decode[index.Appeal](moved(s.group, s.ofThird, "rejected", "the minutes show six"), http.StatusOK)
	if a.State != index.Rejected || a.Answer != "the minutes show six" || a.DecidedBy != "leading_group" ||
		a.AmendedTo != nil || len(a.Allowed) > 0 {
		t.Errorf("rejected: %+v", a)
	}
	refused(t, moved(s.group, s.ofThird, "upheld", "x"), http.StatusConflict, "no_such_transition")
	s.isPlaced("", "1 b02 82.5 good", "2 b03 82.17 good", "3 b01 77.25 fair")
}

// upheld upholds an appeal with the corrections.
func upheld(c *apitest.Client, path string, corrections ...object) *apitest.Answer {
	body := object{
		"to": "upheld", "reason": "the minutes were overlooked", "corrections": append([]object{}, corrections...),
	}
	return confirmed(c, path, c.IfMatch(c.Get(path).ETag()).Post(path+"/transitions", body))
}

// isUpheld corrects b01:
//
//	meetings 12 → 100; spirit 8.55 → 85.5; party (100 + 171 + 80)/4 = 87.75
//	solving 48/50 → 96; service (96 + 80 + 160)/4 = 84
//	0.6·87.75 + 0.4·84 = 86.25, and nothing is deducted: 86.25, good
func (s *appealStory) isUpheld() {
	t := s.t
	refused(t, upheld(s.wu, s.ofFirst, value("meetings", 12)), http.StatusForbidden, "conflict_of_interest")
	refused(t, moved(s.wu, s.ofFirst, "rejected", "it is ours"), http.StatusForbidden, "conflict_of_interest")
	refused(t, upheld(s.group, s.ofFirst), http.StatusUnprocessableEntity, "invalid", "/corrections")
	refused(t, upheld(s.group, s.ofFirst, value("meetings", 9), value("spirit", 8)),
		http.StatusConflict, "nothing_changes")
	refused(t, upheld(s.group, s.ofFirst,
		value("meetings", 13), value("solving", 90), level("standing", "Z"), value("nonsense", 1), value("meetings", 12),
		waived("complaints", ""),
		object{"code": "top-ten", "adjustment": "cancel"}, object{"code": "nothing", "adjustment": "add"},
		object{"branch": "b09", "code": "meetings", "value": 1},
		object{"code": "late", "adjustment": "cancel", "value": 2}),
		http.StatusUnprocessableEntity, "invalid", "/corrections/6/code", "/corrections/7/code", "/corrections/8/branch",
		"/corrections/9/adjustment",
		"/corrections/0/value", "/corrections/1/code", "/corrections/2/level", "/corrections/3/code", "/corrections/4/code",
		"/corrections/5/evidence")
	s.isPlaced("", "1 b02 82.5 good", "2 b03 82.17 good", "3 b01 77.25 fair")
	a := apitest.Decode[index.Appeal](upheld(s.group, s.ofFirst,
		value("meetings", 12), value("spirit", 8.55), value("cases.solved", 48),
		object{"code": "late", "adjustment": "cancel", "reason": "the post was late"}), http.StatusOK)
	if a.State != index.Upheld || a.AmendedTo == nil || *a.AmendedTo != 2 || a.Overdue {
		t.Errorf("upheld: %+v", a)
	}
	refused(t, upheld(s.group, s.ofFirst, value("meetings", 11)), http.StatusConflict, "no_such_transition")

	r := s.isPlaced("", "1 b01 86.25 good", "2 b02 82.5 good", "3 b03 82.17 good")
	if r.Publication != 2 || r.SupersededBy != 0 || r.Notice.Open || !r.AmendmentNotice.Open ||
		r.AmendmentNotice.Until != "2026-04-23" {
		t.Errorf("source: %+v %+v %+v", r.Source, r.Notice, r.AmendmentNotice)
	}
	again := s.Header("If-None-Match", s.before.ETag()).Get(q1 + "/ranking").Want(http.StatusOK)
	s.Header("If-None-Match", again.ETag()).Get(q1 + "/ranking").Want(http.StatusNotModified)
	restarted := s.restarted().Get(q1 + "/ranking").Want(http.StatusOK)
	if string(restarted.Body) != string(again.Body) {
		t.Errorf("another process shows\n%s, not\n%s", restarted.Body, again.Body)
	}
	card := apitest.Decode[index.Scorecard](s.first.Get(q1+"/branches/b01"), http.StatusOK)
	var corrected []string
	for _, n := range card.Nodes {
		if n.Corrected != nil {
			corrected = append(corrected, fmt.Sprint(n.Code, " ", *n.Raw, " for ", n.Corrected.Replaces, " by ",
				n.Corrected.Code, ": ", n.Corrected.Reason))
		}
	}
	same(t, "corrected", corrected, "meetings 12 for 9 by meetings: the minutes were overlooked",
		"spirit 8.55 for 8 by spirit: the minutes were overlooked",
		"solving 96 for 40 by cases.solved: the minutes were overlooked")
	if card.Deduction != 0 || card.Publication != 2 {
		t.Errorf("scorecard: %+v", card)
	}
	for _, n := range apitest.Decode[index.Scorecard](s.Get(q1+"/branches/b01"), http.StatusOK).Nodes {
		if n.Corrected != nil {
			t.Errorf("a stranger sees the correction of %s", n.Code)
		}
	}
}

// oldStaysCitable reads the first publication beside the second.
func (s *appealStory) oldStaysCitable() {
	t := s.t
	old := s.isPlaced("?publication=1", "1 b02 82.5 good", "2 b03 82.17 good", "3 b01 77.25 fair")
	if old.Publication != 1 || old.SupersededBy != 0 || old.Notice != nil || old.AmendmentNotice != nil {
		t.Errorf("source: %+v", old.Source)
	}
	card := apitest.Decode[index.Scorecard](s.first.Get(q1+"/branches/b01?publication=1"), http.StatusOK)
	if *card.Score != 77.25 || card.Deduction != 2 ||
		slices.ContainsFunc(card.Nodes, func(n index.ScorecardNode) bool { return n.Corrected != nil }) {
		t.Errorf("scorecard: %+v", card)
	}
	issues := s.Get(q1 + "/publications")
	same(t, "publications", column(issues, "number"), "1", "2")
	same(t, "appeals", column(issues, "appeal"), "<nil>", strings.TrimPrefix(s.ofFirst, "/towns/demo/appeals/"))
	same(t, "replaced", column(issues, "superseded_by"), "2", "<nil>")
	for n, hash := range column(issues, "result_hash") {
		at := fmt.Sprintf("?publication=%d", n+1)
		receipt := apitest.Decode[index.Receipt](s.Get(q1+"/receipt"+at), http.StatusOK)
		one := apitest.Decode[index.PublicationDetail](s.Get(q1+fmt.Sprintf("/publications/%d", n+1)), http.StatusOK)
		if receipt.ResultHash != hash || receipt.Publication != int64(n+1) || one.ResultHash != hash ||
			one.RunID != receipt.ID {
			t.Errorf("publication %d: receipt %+v, issue %+v", n+1, receipt, one)
		}
		if v := apitest.Decode[index.Verification](s.Get(q1+"/receipt/verify"+at), http.StatusOK); !v.OK ||
			v.Run != receipt.ID {
			t.Errorf("publication %d verified: %+v", n+1, v)
		}
		s.Get(q1 + "/receipt/scheme.json" + at).Want(http.StatusOK)
		data := string(s.group.Get(q1 + "/receipt/data.csv" + at).Want(http.StatusOK).Body)
		want := []string{"b01,rural,village,late,9,8,B,80,40,2\n", "b01,rural,village,,12,8.55,B,96,40,2\n"}[n]
		if !strings.Contains(data, want) {
			t.Errorf("data of publication %d:\n%s", n+1, data)
		}
	}
	for _, path := range []string{
		"/ranking", "/branches/b01", "/branches/b01/explanation", "/receipt", "/receipt/verify", "/robustness",
	} {
		refused(t, s.Get(q1+path+"?publication=3"), http.StatusNotFound, "not_found")
	}
	refused(t, s.Get(q1+"/publications/3"), http.StatusNotFound, "not_found")

	// How sure the ranks are is worked out for each; a correction is not drawn again.
	_, err := index.ComputePendingRobustness(t.Context(), s.db)
	s.must(err)
	time.Sleep(1100 * time.Millisecond) // memory believes for a second that it is not known
	for n, want := range []float64{77.25, 86.25} {
		rb := apitest.Decode[index.Robustness](s.Get(q1+fmt.Sprintf("/robustness?publication=%d", n+1)), http.StatusOK)
		at := slices.IndexFunc(rb.Items, func(b index.BranchRanges) bool { return b.Branch.Code == "b01" })
		if m := rb.Items[at].ScoreMedian; m < want-0.5 || m > want+0.5 {
			t.Errorf("the median score of publication %d is %v, want about %v", n+1, m, want)
		}
	}
}

// differs compares the two publications.
func (s *appealStory) differs() {
	t := s.t
	d := apitest.Decode[index.Diff](s.first.Get(q1+"/publications/2/diff"), http.StatusOK)
	var got []string
	for _, b := range d.Items {
		got = append(got, fmt.Sprint(b.Branch.Code, " ", *b.Before.Score, " ", *b.Before.Rank, " ", *b.Before.ClassRank,
			" → ", *b.Now.Score, " ", *b.Now.Rank, " ", *b.Now.ClassRank))
	}
	same(t, "branches", got, "b01 77.25 3 2 → 86.25 1 1", "b02 82.5 1 1 → 82.5 2 2", "b03 82.17 2 1 → 82.17 3 1")
	if len(d.Items) != 3 {
		return
	}
	got = nil
	for _, n := range d.Items[0].Nodes {
		line := fmt.Sprint(n.Code, " ", *n.Before.Score, " → ", *n.Now.Score)
		if n.Now.Raw != nil {
			line += fmt.Sprint(" of ", *n.Before.Raw, " → ", *n.Now.Raw)
		}
		got = append(got, line)
	}
	same(t, "nodes", got, "index 79.25 → 86.25", "party 78.75 → 87.75", "meetings 75 → 100 of 9 → 12",
		"spirit 80 → 85.5 of 8 → 8.55", "service 80 → 84", "solving 80 → 96 of 80 → 96")
	got = nil
	for _, c := range d.Items[0].Corrections {
		got = append(got, fmt.Sprint(c.Number, " ", c.Code, " ", c.Adjustment, " ", c.Replaces, " ", c.Reason))
	}
	same(t, "corrections", got, "1 meetings  9 the minutes were overlooked", "2 spirit  8 the minutes were overlooked",
		"3 cases.solved  40 the minutes were overlooked", "4 late cancel  the post was late")
	if d.Items[1].Nodes != nil || d.Items[1].Corrections != nil {
		t.Errorf("details of b02 are shown to the secretary of b01: %+v", d.Items[1])
	}
	stranger := apitest.Decode[index.Diff](s.Get(q1+"/publications/2/diff?from=1"), http.StatusOK)
	if len(stranger.Items) != 3 || stranger.Items[0].Nodes != nil || stranger.Items[0].Corrections != nil {
		t.Errorf("shown to a stranger: %+v", stranger.Items)
	}
	back := apitest.Decode[index.Diff](s.first.Get(q1+"/publications/1/diff?from=2"), http.StatusOK)
	if len(back.Items) != 3 || len(back.Items[2].Corrections) != 4 || *back.Items[2].Now.Score != 77.25 {
		t.Errorf("backwards: %+v", back.Items)
	}
	refused(t, s.Get(q1+"/publications/1/diff"), http.StatusNotFound, "nothing_before")
	same(t, "corrections of b01", column(s.first.Get(q1+"/corrections"), "code"), "meetings", "spirit",
		"cases.solved", "late")
	same(t, "corrections of b02", column(s.second.Get(q1+"/corrections"), "code"))
	refused(t, s.Get(q1+"/corrections"), http.StatusUnauthorized, "key_needed")
	c := apitest.Decode[explanation.ScoreChange](s.first.Get(q1+"/branches/b01/change?from_publication=1"), http.StatusOK)
	if *c.Before != 77.25 || *c.Now != 86.25 || *c.Change != 9 {
		t.Errorf("change: %+v", c)
	}
}

// changedBranchesMayAppealOnceMore corrects b03, of the leading group's own accord:
// complaints 1 → 90; service (90 + 180)/3 = 90; 43.5 + 36 = 79.5, fair. Only b03
// changes, so only b03 has a new notice.
func (s *appealStory) changedBranchesMayAppealOnceMore() {
	t := s.t
	s.clock.set(t, "2026-04-23 12:00:00")
	moved(s.second, s.appeal(s.second, "b02").Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):],
		"withdrawn", "").Want(http.StatusOK)
	body := object{
		"reason": "a complaint came late", "corrections": []object{{"branch": "b03", "code": "complaints", "value": 1}},
	}
	refused(t, s.third.Post(q1+"/publications", body), http.StatusForbidden, "not_allowed")
	refused(t, s.wu.Post(q1+"/publications", object{
		"reason": "x", "corrections": []object{{"branch": "b01", "code": "complaints", "value": 0}},
	}), http.StatusForbidden, "conflict_of_interest")
	if made := apitest.Decode[index.PublicationDetail](amendedBy(s.group, q1, body), http.StatusOK); made.Number != 3 {
		t.Errorf("publication %d", made.Number)
	}
	s.isPlaced("", "1 b01 86.25 good", "2 b02 82.5 good", "3 b03 79.5 fair")
	s.clock.set(t, "2026-04-24 00:00:00")
	refused(t, s.appeal(s.second, "b02"), http.StatusLocked, "notice_closed")
	refused(t, s.appeal(s.first, "b01"), http.StatusLocked, "notice_closed")
	s.clock.set(t, "2026-04-28 23:59:59")
	a := apitest.Decode[index.Appeal](s.appeal(s.third, "b03"), http.StatusCreated)
	if a.PublicationNumber != 3 {
		t.Errorf("against publication %d", a.PublicationNumber)
	}
	refused(t, moved(s.group, q1, "final", ""), http.StatusLocked, "notice_open", "appeals/"+a.ID)
	moved(s.third, "/towns/demo/appeals/"+a.ID, "withdrawn", "").Want(http.StatusOK)
}

func (s *appealStory) endsFinal() {
	t := s.t
	refused(t, moved(s.group, q1, "final", ""), http.StatusLocked, "notice_open")
	may(t, s.group, q1)
	s.clock.set(t, "2026-04-29 00:00:00")
	may(t, s.group, q1, "finalise")
	moved(s.group, q1, "final", "").Want(http.StatusOK)
	refused(t, s.appeal(s.third, "b03"), http.StatusLocked, "period_final")
	refused(t, s.group.Post(q1+"/publications", object{
		"reason": "x", "corrections": []object{{"branch": "b03", "code": "complaints", "value": 0}},
	}), http.StatusLocked, "period_final")
	// a cited ranking says the same for ever
	if r := s.isPlaced("?publication=2", "1 b01 86.25 good", "2 b02 82.5 good", "3 b03 82.17 good"); r.Status != "published" {
		t.Errorf("status %s", r.Status)
	}
}
