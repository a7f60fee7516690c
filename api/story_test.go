package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

const q1 = "/towns/demo/periods/2026Q1"

// TestOnePeriodFromPlanToHistory goes through one period as people do, and holds
// every figure against sums done by hand.
func TestOnePeriodFromPlanToHistory(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		newStory(t, newHarness(t, db)).isTold()
	})
}

func newStory(t *testing.T, h *harness) *story { return &story{harness: h, t: t} }

func (s *story) isTold() {
	s.group, s.mentor, s.secretary = s.as(policy.LeadingGroup), s.as(policy.Mentor), s.as(policy.Secretary)
	s.chen = s.joins("chen", policy.LeadingGroup, nil)
	s.wu = s.joins("wu", policy.LeadingGroup, ties{"b02": access.Leads})
	s.lin = s.joins("lin", policy.Mentor, ties{"b02": access.Mentors, "b03": access.Leads})
	s.inForce(smallScheme)
	s.opens()
	s.entersAndDecides()
	s.entersTheRest()
	s.adjusts()
	s.isRanked(s.group, "provisional")
	s.isLockedAndPublished()
	s.isRanked(s.Client, "published")
	s.isKept()
}

type story struct {
	*harness
	t                                       *testing.T
	group, chen, wu, mentor, lin, secretary *apitest.Client
}

func (s *story) opens() {
	t := s.t
	period := object{
		"code": "2026Q1", "kind": "quarter", "starts_on": "2026-01-01", "ends_on": "2026-03-31", "scheme": object{"code": "small"},
		"notice_days": 0,
	}
	refused(t, s.mentor.Post("/towns/demo/periods", period), http.StatusForbidden, "not_allowed")
	made := s.group.Post("/towns/demo/periods", period).Want(http.StatusCreated)
	if got := made.Header.Get("Location"); got != "/api/v1"+q1 || made.Version() != 1 {
		t.Errorf("Location %q, ETag %s", got, made.ETag())
	}
	refused(t, s.group.Post("/towns/demo/periods", period), http.StatusConflict, "overlapping_period")
	refused(t, s.group.Post("/towns/demo/periods", object{
		"code": "2026Q2", "kind": "quarter", "starts_on": "2026-04-02", "ends_on": "2026-04-01", "scheme": object{"code": "small"},
	}), http.StatusUnprocessableEntity, "invalid", "/ends_on")
	refused(t, s.group.Post("/towns/demo/periods", object{
		"code": "2026Q2", "kind": "quarter", "starts_on": "2026-04-01", "ends_on": "2026-06-30", "scheme": object{"code": "none"},
	}), http.StatusUnprocessableEntity, "invalid", "/scheme")

	may(t, s.group, q1, "change", "open", "cancel")
	may(t, s.mentor, q1)
	may(t, s.Client, q1)
	refused(t, s.mentor.Post("/towns/demo/evaluations", sheetOf("2026Q1", "b01", nil)),
		http.StatusLocked, "period_planned")
	refused(t, s.group.Bad().Post(q1+"/transitions", object{"to": "open"}),
		http.StatusPreconditionRequired, "if_match_required")
	refused(t, s.group.IfMatch(`"7"`).Post(q1+"/transitions", object{"to": "open"}),
		http.StatusPreconditionFailed, "stale_version")
	refused(t, s.mentor.IfMatch(`"1"`).Post(q1+"/transitions", object{"to": "open"}), http.StatusForbidden, "not_allowed")
	refused(t, s.group.IfMatch(`"1"`).Post(q1+"/transitions", object{"to": "locked"}),
		http.StatusConflict, "no_such_transition")
	after := apitest.Decode[evaluation.Period](s.group.IfMatch(`"1"`).Post(q1+"/transitions", object{"to": "open"}),
		http.StatusOK)
	if after.State != evaluation.Open || after.StateBy != "leading_group" || after.Version != 2 {
		t.Errorf("opened: %+v", after)
	}
	same(t, "allowed after opening", after.Allowed, "change", "review", "cancel")
}

// entersAndDecides follows the sheets of b01: faults, return, correction, and who
// may decide.
func (s *story) entersAndDecides() {
	t := s.t
	sheet := begun(s.mentor, "2026Q1", "b01", value("spirit", 6))
	refused(t, s.mentor.Post("/towns/demo/evaluations", sheetOf("2026Q1", "b01", nil)),
		http.StatusConflict, "sheet_exists")
	may(t, s.mentor, sheet, "write", "attach", "submit")
	refused(t, s.group.Get(sheet), http.StatusNotFound, "not_found") // a draft is for its author
	refused(t, s.group.IfMatch(`"1"`).Put(sheet, object{"entries": []object{}}), http.StatusNotFound, "not_found")
	refused(t, s.mentor.Bad().Put(sheet, object{"entries": []object{}}),
		http.StatusPreconditionRequired, "if_match_required")
	s.mentor.IfMatch(`"1"`).Put(sheet, object{"note": "empty", "entries": []object{}}).Want(http.StatusOK)
	refused(t, moved(s.mentor, sheet, "submitted", ""), http.StatusUnprocessableEntity, "invalid", "/entries")
	refused(t, s.mentor.IfMatch(`"1"`).Put(sheet, object{"entries": []object{value("spirit", 7)}}),
		http.StatusPreconditionFailed, "stale_version")
	s.mentor.IfMatch(`"2"`).Put(sheet, object{"entries": []object{value("spirit", 7)}}).Want(http.StatusOK)
	moved(s.mentor, sheet, "submitted", "").Want(http.StatusOK)
	may(t, s.mentor, sheet, "withdraw")
	may(t, s.group, sheet, "approve", "return")
	refused(t, s.group.IfMatch(`"4"`).Put(sheet, object{"entries": []object{}}), http.StatusForbidden, "not_your_sheet")
	refused(t, s.mentor.IfMatch(`"4"`).Put(sheet, object{"entries": []object{}}), http.StatusConflict, "sheet_submitted")
	refused(t, moved(s.mentor, sheet, "approved", ""), http.StatusForbidden, "not_allowed")

	refused(t, moved(s.group, sheet, "returned", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
	back := apitest.Decode[evaluation.Sheet](moved(s.group, sheet, "returned", "too low"), http.StatusOK)
	if back.Revision != 2 || back.Reason != "too low" || back.DecidedBy != "leading_group" || len(back.Entries) != 1 {
		t.Errorf("returned: %+v", back)
	}
	may(t, s.mentor, sheet, "write", "attach", "submit")
	s.mentor.IfMatch(back.ETag()).Put(sheet, object{"entries": []object{value("spirit", 8)}}).Want(http.StatusOK)
	same(t, "what was submitted stays", s.stored(back.ID), "1 spirit 7", "2 spirit 8")
	moved(s.mentor, sheet, "submitted", "").Want(http.StatusOK)
	moved(s.group, sheet, "approved", "").Want(http.StatusOK)
	may(t, s.mentor, sheet)
	may(t, s.group, sheet, "return")
	refused(t, moved(s.group, sheet, "approved", ""), http.StatusConflict, "no_such_transition")

	// Nobody decides on the own sheet, nor judges a branch that he or she leads.
	own := begun(s.group, "2026Q1", "b01", value("spirit", 7.5))
	moved(s.group, own, "submitted", "").Want(http.StatusOK)
	may(t, s.group, own, "withdraw")
	refused(t, moved(s.group, own, "approved", ""), http.StatusForbidden, "own_sheet")
	moved(s.chen, own, "approved", "").Want(http.StatusOK)
	refused(t, s.wu.Post("/towns/demo/evaluations", sheetOf("2026Q1", "b02", nil)),
		http.StatusForbidden, "conflict_of_interest")
	of2 := begun(s.lin, "2026Q1", "b02", value("spirit", 9))
	moved(s.lin, of2, "submitted", "").Want(http.StatusOK)
	may(t, s.wu, of2)
	may(t, s.group, of2, "approve", "return")
	same(t, "as listed", column(s.wu.Get("/towns/demo/evaluations?branch=b02"), "allowed"), "[]")
	refused(t, moved(s.wu, of2, "approved", ""), http.StatusForbidden, "conflict_of_interest")
	moved(s.group, of2, "approved", "").Want(http.StatusOK)
	refused(t, s.lin.Post("/towns/demo/evaluations", sheetOf("2026Q1", "b03", nil)), http.StatusForbidden, "not_assigned")
}

// stored lists the entries of a sheet in the table, of every revision.
func (s *story) stored(id string) []string {
	var rows []evaluation.Entry
	s.must(s.db.Where("evaluation_id = ?", id).Order("revision, code").Find(&rows).Error)
	var list []string
	for _, e := range rows {
		list = append(list, fmt.Sprintf("%d %s %v", e.Revision, e.Code, *e.Value))
	}
	return list
}

func (s *story) entersTheRest() {
	counted(s.as(policy.Instructor), s.group, "2026Q1", "b01", value("spirit", 9))
	counted(s.secretary, s.group, "2026Q1", "b01", value("meetings", 9), level("standing", "B"),
		value("cases", 50), value("cases.solved", 45), value("fields", 40), value("complaints", 3))
	// approved later, and no better for that
	counted(s.as(policy.Office), s.group, "2026Q1", "b01", value("complaints", 1))
	found := apitest.Decode[struct{ Items []evaluation.Contradiction }](s.group.Get(q1+"/contradictions"),
		http.StatusOK).Items
	s.group.Post(q1+"/contradictions/b01/complaints",
		object{"sheet": found[0].Values[1].Sheet, "reason": "the register has one"}).Want(http.StatusOK)
	counted(s.group, s.chen, "2026Q1", "b02", value("meetings", 12), level("standing", "A"),
		value("cases", 40), value("cases.solved", 30), value("fields", 45), waived("complaints", "no residents"))
	counted(s.group, s.chen, "2026Q1", "b03", value("spirit", 6), value("meetings", 6), level("standing", "C"),
		value("cases", 0), value("cases.solved", 0), value("complaints", 2))
	counted(s.chen, s.group, "2026Q1", "b03", value("spirit", 8))
}

// adjusts proposes and decides on bonuses, a deduction and a veto.
func (s *story) adjusts() {
	t := s.t
	propose := func(c *apitest.Client, branch, kind, item string) string {
		made := c.Post("/towns/demo/adjustments", object{
			"period": "2026Q1", "branch": branch, "kind": kind, "item": item, "reason": "seen",
		}).Want(http.StatusCreated)
		return strings.TrimPrefix(made.Header.Get("Location"), "/api/v1")
	}
	top, model, late := propose(s.mentor, "b01", "bonus", "top-ten"), propose(s.secretary, "b01", "bonus", "model"),
		propose(s.group, "b01", "deduction", "late")
	may(t, s.mentor, top, "withdraw")
	may(t, s.group, top, "approve", "reject")
	may(t, s.group, late, "withdraw")
	refused(t, moved(s.group, late, "approved", ""), http.StatusForbidden, "own_proposal")
	refused(t, moved(s.mentor, top, "approved", ""), http.StatusForbidden, "not_allowed")
	refused(t, moved(s.group, top, "withdrawn", ""), http.StatusForbidden, "not_your_proposal")
	refused(t, moved(s.group, top, "rejected", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
	for path, by := range map[string]*apitest.Client{
		top: s.group, model: s.group, late: s.chen, propose(s.group, "b03", "veto", "forged"): s.chen,
	} {
		moved(by, path, "approved", "").Want(http.StatusOK)
	}
	may(t, s.group, top, "reject")
	no, never := propose(s.lin, "b02", "bonus", "top-ten"), propose(s.lin, "b02", "deduction", "late")
	may(t, s.wu, no)
	same(t, "as listed", column(s.wu.Get("/towns/demo/adjustments?branch=b02"), "allowed"), "[]", "[]")
	refused(t, moved(s.wu, no, "approved", ""), http.StatusForbidden, "conflict_of_interest")
	moved(s.group, no, "rejected", "not chosen").Want(http.StatusOK)
	moved(s.lin, never, "withdrawn", "").Want(http.StatusOK)
	same(t, "adjustments", column(s.group.Get("/towns/demo/adjustments?period=2026Q1"), "state"), "approved", "approved",
		"approved", "approved", "rejected", "withdrawn")
	for _, tt := range []struct{ branch, kind, item, code, at string }{
		{"b01", "bonus", "late", "invalid", "/item"},
		{"b01", "veto", "top-ten", "invalid", "/item"},
	} {
		refused(t, s.group.Post("/towns/demo/adjustments",
			object{"period": "2026Q1", "branch": tt.branch, "kind": tt.kind, "item": tt.item, "reason": "x"}),
			http.StatusUnprocessableEntity, tt.code, tt.at)
	}
	refused(t, s.mentor.Post("/towns/demo/adjustments", object{
		"period": "2026Q1", "branch": "b02", "kind": "bonus", "item": "model", "reason": "x",
	}), http.StatusForbidden, "not_assigned")
}

// standing is what the test looks at in one row of a ranking.
type standing struct {
	Rank, ClassRank int
	Branch          string
	Score           float64
	Grade           string
	Coverage        float64
	Party, Service  float64
}

// isRanked holds the ranking against these sums:
//
//	b01  meetings 9/12 → 75; spirit (2·8 + 9 + 7.5)/4 = 8.125 → 81.25; standing B → 80
//	     party (75 + 2·81.25 + 80)/4 = 79.375
//	     solving 45/50 → 90; fields 40/50 → 80; complaints 100 − 10 → 90
//	     service (90 + 80 + 2·90)/4 = 87.5
//	     base 0.6·79.375 + 0.4·87.5 = 82.625; + min(3 + 4, 5) − 2 = 85.625 → 85.63
//	b02  party (100 + 2·90 + 100)/4 = 95; service (75 + 90)/2 = 82.5; base 57 + 33 = 90
//	b03  party (50 + 2·70 + 50)/4 = 60; service 80 alone, as 0 of 0 does not apply; base 36 + 32 = 68;
//	     grade poor by veto; nothing that applies is missing
func (s *story) isRanked(c *apitest.Client, status string) {
	r := apitest.Decode[index.Ranking](c.Get(q1+"/ranking"), http.StatusOK)
	var got []standing
	for _, i := range r.Items {
		got = append(got, standing{
			i.Rank, i.ClassRank, i.Branch.Code, i.Score, i.Grade, i.Coverage, i.Dimensions["party"], i.Dimensions["service"],
		})
	}
	want := []standing{
		{1, 1, "b02", 90, "excellent", 1, 95, 82.5},
		{2, 2, "b01", 85.63, "good", 1, 79.38, 87.5},
		{3, 1, "b03", 68, "poor", 1, 60, 80},
	}
	if d := cmp.Diff(want, got); d != "" || r.Status != status || len(r.Insufficient) > 0 ||
		(r.Run == "") != (status == "provisional") {
		s.t.Errorf("%s ranking, run %q, without score %v (-want +got):\n%s", r.Status, r.Run, r.Insufficient, d)
	}
}

func (s *story) isLockedAndPublished() {
	t := s.t
	refused(t, s.group.Post(q1+"/runs", nil), http.StatusConflict, "period_not_locked")
	s.steps("2026Q1", "review")
	may(t, s.group, q1, "change", "open", "lock")
	refused(t, s.mentor.Post("/towns/demo/evaluations", sheetOf("2026Q1", "b01", nil)), http.StatusLocked, "period_review")
	moved(s.group, q1, "locked", "all sheets are in").Want(http.StatusOK)
	may(t, s.group, q1, "unlock")
	may(t, s.as(policy.Leadership), q1)
	s.isLocked()
	refused(t, moved(s.group, q1, "published", ""), http.StatusConflict, "no_run")
	run := apitest.Decode[index.Run](s.group.Post(q1+"/runs", nil), http.StatusCreated)
	may(t, s.group, q1, "unlock", "publish")
	if run.Number != 1 || run.CreatedBy != "leading_group" || run.Scheme.Number != 1 {
		t.Errorf("run: %+v", run)
	}
	refused(t, s.Get(q1+"/ranking"), http.StatusUnauthorized, "not_published")
	moved(s.group, q1, "published", "decided").Want(http.StatusOK)
	may(t, s.group, q1, "finalise", "withdraw")
	receipt := apitest.Decode[index.Receipt](s.Get(q1+"/receipt"), http.StatusOK)
	if !strings.HasPrefix(receipt.Note, "bulwark/publication 1\ntown demo\n") || receipt.Signed {
		t.Errorf("the note is\n%s", receipt.Note)
	}
	want := index.Receipt{Run: run, Source: index.Source{Publication: 1}, Status: "published", Note: receipt.Note}
	if d := cmp.Diff(want, receipt); d != "" {
		t.Errorf("receipt (-of the run +published):\n%s", d)
	}
}

// isLocked checks that a refusal says who locked, when, why and who can lift it.
func (s *story) isLocked() {
	path := "/towns/demo/adjustments"
	a := s.group.Post(path, object{"period": "2026Q1", "branch": "b01", "kind": "bonus", "item": "model", "reason": "x"})
	refused(s.t, a, http.StatusLocked, "period_locked")
	var p struct {
		Locked struct {
			By, Reason string
			CanLift    string `json:"can_lift"`
			At         time.Time
		}
	}
	s.must(json.Unmarshal(a.Body, &p))
	if l := p.Locked; l.By != "leading_group" || l.Reason != "all sheets are in" || l.CanLift != "leading_group" ||
		time.Since(l.At) > time.Hour || l.At.IsZero() {
		s.t.Errorf("locked: %+v", l)
	}
}

// isKept reads the scorecard and the history of b01.
func (s *story) isKept() {
	t := s.t
	card := apitest.Decode[index.Scorecard](s.secretary.Get(q1+"/branches/b01"), http.StatusOK)
	if *card.Base != 82.63 || card.Bonus != 5 || card.Deduction != 2 || *card.Score != 85.63 || card.Of != 3 ||
		card.OfClass != 2 || card.Aggregated {
		t.Errorf("scorecard: %+v", card)
	}
	got := map[string]string{}
	for _, n := range card.Nodes {
		switch {
		case n.Level != nil:
			got[n.Code] = fmt.Sprintf("%s → %v", *n.Level, *n.Score)
		case n.Raw != nil:
			got[n.Code] = fmt.Sprintf("%v → %v", *n.Raw, *n.Score)
		default:
			got[n.Code] = fmt.Sprint(*n.Score)
		}
	}
	want := map[string]string{
		"index": "82.63", "party": "79.38", "meetings": "9 → 75", "spirit": "8.125 → 81.25", "standing": "B → 80",
		"service": "87.5", "solving": "90 → 90", "fields": "40 → 80", "complaints": "1 → 90",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("nodes (-want +got):\n%s", d)
	}
	if veto := apitest.Decode[index.Scorecard](s.group.Get(q1+"/branches/b03"),
		http.StatusOK); !cmp.Equal(veto.Vetoes, []string{"forged"}) {
		t.Errorf("vetoes of b03: %v", veto.Vetoes)
	}
	history := s.Get("/towns/demo/branches/b01/results")
	same(t, "history", column(history, "period"), "2026Q1")
	same(t, "scores", column(history, "score"), "85.63")
	s.steps("2026Q1", "final")
	may(t, s.group, q1)
	same(t, "status", column(s.Get("/towns/demo/branches/b01/results"), "status"), "final")
}
