package api

import (
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

const contradictionsAt = q1 + "/contradictions"

// sheetID is the id in the address of a sheet.
func sheetID(path string) string { return path[strings.LastIndex(path, "/")+1:] }

// rawOf is the node of an indicator on the scorecard of a branch, as the caller sees it.
func rawOf(t *testing.T, c *apitest.Client, period, branch, indicator string) index.ScorecardNode {
	t.Helper()
	for _, n := range apitest.Decode[index.Scorecard](c.Get(period+"/branches/"+branch), http.StatusOK).Nodes {
		if n.Code == indicator {
			return n
		}
	}
	t.Fatalf("there is no %s on the scorecard", indicator)
	return index.ScorecardNode{}
}

// Of two approved sheets that report different values neither counts by its time. Both are
// listed where they are approved, in the list of sheets and at the lock, and a person
// chooses with a reason.
func TestNoValueWinsByTime(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, c := windowed(t, db)
		group, mentor, secretary := h.as(policy.LeadingGroup), h.as(policy.Mentor), h.as(policy.Secretary)
		other := h.joins("chen", policy.LeadingGroup, nil)
		sent := func(c *apitest.Client, entries ...object) string {
			sheet := begun(c, "2026Q1", "b01", entries...)
			moved(c, sheet, "submitted", "").Want(http.StatusOK)
			return sheet
		}
		reports := sent(secretary, value("meetings", 12), value("cases", 10), value("cases.solved", 8), level("standing", "A"))
		judges := sent(mentor, value("meetings", 3), value("cases", 10), value("spirit", 8))
		rates := sent(h.as(policy.Instructor), value("spirit", 4))
		items := []object{}
		for _, s := range []string{reports, judges, rates} {
			items = append(items, object{"id": sheetID(s), "version": 2})
		}
		found := func(a *apitest.Answer) (codes []string) {
			for _, x := range apitest.Decode[decisions](a, http.StatusOK).Contradictions {
				codes = append(codes, x.Indicator)
				if len(x.Values) != 2 || x.Values[0].Sheet != sheetID(reports) || x.Values[1].Sheet != sheetID(judges) || x.Settled {
					t.Errorf("the values are %+v", x)
				}
			}
			return codes
		}
		decide := object{"to": "approved", "items": items}
		same(t, "contradictions before", found(group.Post("/towns/demo/evaluations/decide?dry_run=true", decide)), "meetings")
		same(t, "contradictions of the decision", found(group.Post("/towns/demo/evaluations/decide", decide)), "meetings")

		contradictedIn := func(c *apitest.Client, sheet string) []string {
			return apitest.Decode[evaluation.Sheet](c.Get(sheet), http.StatusOK).Contradicted
		}
		for _, sheet := range []string{reports, judges} {
			same(t, "of the sheet", contradictedIn(group, sheet), "meetings")
		}
		same(t, "of ratings", contradictedIn(group, rates))
		same(t, "told to the judged", contradictedIn(secretary, reports))
		for _, s := range apitest.Decode[struct{ Items []evaluation.Sheet }](group.Get("/towns/demo/evaluations?period=2026Q1"), http.StatusOK).Items {
			if (len(s.Contradicted) == 1) != (s.ID == sheetID(reports) || s.ID == sheetID(judges)) {
				t.Errorf("in the list: %s %q", s.ID, s.Contradicted)
			}
		}
		if n := rawOf(t, group, q1, "b01", "meetings"); n.Raw != nil || n.Source == nil || n.Source.Kind != "contradicted" || len(n.Source.Sheets) != 2 {
			t.Errorf("a value counts that is contradicted: %+v", n)
		}

		h.steps("2026Q1", "review")
		lock := func() *apitest.Answer {
			return group.IfMatch(group.Get(q1).ETag()).Post(q1+"/transitions", object{"to": "locked", "force": true, "reason": "now"})
		}
		refused(t, lock(), http.StatusConflict, "contradictions", "contradictions/b01/meetings")
		at := contradictionsAt + "/b01/meetings"
		choose := func(c *apitest.Client, sheet, reason string) *apitest.Answer {
			return c.Post(at, object{"sheet": sheetID(sheet), "reason": reason})
		}
		refused(t, choose(mentor, judges, "x"), http.StatusForbidden, "not_allowed")
		refused(t, choose(group, judges, ""), http.StatusUnprocessableEntity, "invalid", "/reason")
		refused(t, choose(group, rates, "x"), http.StatusUnprocessableEntity, "invalid", "/sheet")
		refused(t, group.Post(contradictionsAt+"/b01/cases", object{"sheet": sheetID(reports), "reason": "x"}), http.StatusNotFound, "not_found")
		refused(t, mentor.Get(contradictionsAt), http.StatusForbidden, "not_allowed")

		got := apitest.Decode[evaluation.Contradiction](choose(group, judges, "the minutes show three"), http.StatusOK)
		if !got.Settled || got.Choice == nil || got.Choice.ChosenBy != "leading_group" || len(got.Choice.Among) != 2 {
			t.Errorf("chosen: %+v", got)
		}
		if n := rawOf(t, group, q1, "b01", "meetings"); n.Raw == nil || *n.Raw != 3 || n.Source.Sheets[0].Evaluator != "mentor" {
			t.Errorf("chosen: %+v", n)
		}
		choose(other, reports, "no: twelve").Want(http.StatusOK) // another choice undoes it
		if n := rawOf(t, group, q1, "b01", "meetings"); *n.Raw != 12 {
			t.Errorf("chosen again: %+v", n)
		}
		same(t, "after the choice", contradictedIn(group, reports))
		list := apitest.Decode[struct{ Items []evaluation.Contradiction }](group.Get(contradictionsAt), http.StatusOK).Items
		if len(list) != 1 || !list[0].Settled || list[0].Choice.ChosenBy != "chen" {
			t.Errorf("listed: %+v", list)
		}

		// What was not there to be weighed asks again.
		c.noon(t, "2026-04-06")
		h.steps("2026Q1", "open")
		late := sent(group, value("meetings", 7))
		one := apitest.Decode[evaluation.Sheet](moved(other, late, "approved", ""), http.StatusOK)
		same(t, "of one that is approved alone", one.Contradicted, "meetings")
		h.steps("2026Q1", "review")
		refused(t, lock(), http.StatusConflict, "contradictions", "contradictions/b01/meetings")
		refused(t, choose(group, late, "mine"), http.StatusForbidden, "own_sheet")
		choose(other, late, "seven").Want(http.StatusOK)
		moved(other, late, "returned", "which seven?").Want(http.StatusOK)
		refused(t, lock(), http.StatusConflict, "contradictions", "contradictions/b01/meetings")
		choose(group, reports, "twelve after all").Want(http.StatusOK)
		lock().Want(http.StatusOK)
		closedBy(t, choose(group, judges, "too late"), "period_locked", "leading_group", "now", "leading_group")
		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		h.steps("2026Q1", "published")
		n := rawOf(t, secretary, q1, "b01", "meetings")
		if *n.Raw != 12 || n.Source.Kind != "sheet" || n.Source.Sheets[0].Role != policy.Secretary || n.Source.Sheets[0].Evaluator != "secretary" {
			t.Errorf("published: %+v %+v", n, n.Source)
		}
		if n := rawOf(t, secretary, q1, "b01", "spirit"); n.Source.Kind != "ratings" || len(n.Source.Sheets) != 2 || n.Source.Sheets[0].Evaluator != "" {
			t.Errorf("who is judged is told by whom: %+v", n.Source)
		}
		if n := rawOf(t, group, q1, "b01", "solving"); n.Source.Kind != "derived" || len(n.Source.Sheets) != 1 && len(n.Source.Sheets) != 2 {
			t.Errorf("derived: %+v", n.Source)
		}
		if n := rawOf(t, h.Client, q1, "b01", "party"); n.Source != nil {
			t.Errorf("strangers are told sources: %+v", n.Source)
		}
		var n3 int64
		if err := db.Table("audit_records").Where("town_id = 'demo' AND action = 'contradiction.choose'").Count(&n3).Error; err != nil || n3 != 4 {
			t.Errorf("%d choices in the trail, %v", n3, err)
		}
		if db.Exec("DELETE FROM value_choices").Error == nil {
			t.Error("a choice can be deleted")
		}
	})
}

// Where the scheme names who reports, values of others are shown, never count and
// contradict nobody.
func TestOnlyReportersAreCounted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, c := newHarnessAt(t, db, "2026-03-30 12:00:00")
		h.inForce(strings.NewReplacer(
			`"entry": "reported", "range": {"min": 0, "max": 12}`, `"entry": "reported", "reporters": ["secretary"], "range": {"min": 0, "max": 12}`,
			`"code": "cases", `, `"code": "cases", "reporters": ["liaison_office"], `,
		).Replace(smallScheme))
		group, mentor, secretary := h.as(policy.LeadingGroup), h.as(policy.Mentor), h.as(policy.Secretary)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		c.noon(t, "2026-04-05")
		counted(mentor, group, "2026Q1", "b01", value("meetings", 3), value("cases", 4), level("standing", "B"))
		n := rawOf(t, group, q1, "b01", "meetings")
		if n.Raw != nil || n.Source != nil {
			t.Errorf("the value of another role counts: %+v", n)
		}
		counted(secretary, group, "2026Q1", "b01", value("meetings", 12), value("cases", 5), value("cases.solved", 5), level("standing", "B"))
		counted(h.as(policy.Office), group, "2026Q1", "b01", value("cases", 10))
		if n := rawOf(t, group, q1, "b01", "meetings"); n.Raw == nil || *n.Raw != 12 || len(n.Source.Sheets) != 1 {
			t.Errorf("reported: %+v", n)
		}
		if n := rawOf(t, group, q1, "b01", "solving"); n.Raw == nil || *n.Raw != 50 || len(n.Source.Sheets) != 2 {
			t.Errorf("derived: %+v", n)
		}
		if n := rawOf(t, group, q1, "b01", "standing"); len(n.Source.Sheets) != 2 {
			t.Errorf("both report the same: %+v", n.Source)
		}
		for _, s := range apitest.Decode[struct{ Items []evaluation.Sheet }](group.Get("/towns/demo/evaluations?evaluator=mentor"), http.StatusOK).Items {
			ignored := []string{}
			for _, e := range apitest.Decode[evaluation.Sheet](group.Get("/towns/demo/evaluations/"+s.ID), http.StatusOK).Entries {
				if e.Ignored {
					ignored = append(ignored, e.Code)
				}
			}
			same(t, "ignored entries", ignored, "cases", "meetings")
		}
		h.steps("2026Q1", "review", "locked")
	})
}
