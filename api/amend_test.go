package api

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/town"
)

// amended corrects the complaints of a branch and gives the number of the
// publication.
func amended(h *harness, period, branch, code string, x float64) int64 {
	h.t.Helper()
	body := object{"reason": "counted again", "corrections": []object{{"branch": branch, "code": code, "value": x}}}
	made := amendedBy(h.as(policy.LeadingGroup), "/towns/demo/periods/"+period, body)
	return apitest.Decode[index.PublicationDetail](made, http.StatusOK).Number
}

// An amendment changes what it corrects, whatever else has changed since: names and
// classes of branches, their end, and what is carried over from an earlier period.
func TestAnAmendmentChangesNothingElse(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		carrying := strings.Replace(smallScheme, `{"kind": "deduct", "per": 10}`,
			`{"kind": "deduct", "per": 10}, "missing": {"kind": "carry", "periods": 1}`, 1)
		h.inForce(carrying)
		group, other := h.as(policy.LeadingGroup),
			h.joins("other", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors, "b03": access.Mentors})
		for quarter, days := range map[string][2]string{
			"2025Q4": {"2025-10-01", "2025-12-31"}, "2026Q1": {"2026-01-01", "2026-03-31"},
		} {
			h.planned(quarter, days[0], days[1])
			h.steps(quarter, "open")
		}
		enter := func(quarter, branch string, more ...object) {
			counted(other, group, quarter, branch,
				append(more, value("meetings", 6), value("spirit", 8), level("standing", "B"))...)
		}
		publish := func(quarter string) {
			h.steps(quarter, "review", "locked")
			group.Post("/towns/demo/periods/"+quarter+"/runs", nil).Want(http.StatusCreated)
			h.steps(quarter, "published")
		}
		enter("2025Q4", "b02", value("complaints", 5))
		publish("2025Q4")
		amended(h, "2025Q4", "b02", "complaints", 1)

		for _, branch := range []string{"b01", "b03"} {
			enter("2026Q1", branch, value("complaints", 0))
		}
		enter("2026Q1", "b02")
		publish("2026Q1")
		carried := func(query string) string {
			card := apitest.Decode[index.Scorecard](group.Get(q1+"/branches/b02"+query), http.StatusOK)
			n := card.Nodes[len(card.Nodes)-1]
			return fmt.Sprint(n.Code, " ", n.Status, " ", *n.Raw)
		}
		same(t, "carried over as corrected", []string{carried("")}, "complaints carried 1")

		amended(h, "2025Q4", "b02", "complaints", 9)
		change := func(branch, how string, body object) {
			t.Helper()
			path := "/towns/demo/branches/" + branch
			group.IfMatch(group.Get(path).ETag()).Post(path+"/"+how, body).Want(http.StatusOK)
		}
		change("b01", "rename", object{"name": named("改名村"), "on": "2026-02-01", "reason": "x"})
		change("b03", "reclassify", object{"kind": "community", "class": "rural", "on": "2026-02-02", "reason": "x"})
		change("b02", "close", object{"on": "2026-03-01", "reason": "x"})
		before := apitest.Decode[index.Ranking](h.Get(q1+"/ranking"), http.StatusOK)
		if n := amended(h, "2026Q1", "b01", "complaints", 10); n != 2 {
			t.Fatalf("publication %d", n)
		}

		d := apitest.Decode[index.Diff](group.Get(q1+"/publications/2/diff"), http.StatusOK)
		var nodes []string
		for _, b := range d.Items {
			for _, n := range b.Nodes {
				nodes = append(nodes, b.Branch.Code+" "+n.Code)
			}
		}
		same(t, "nodes that differ", nodes, "b01 index", "b01 service", "b01 complaints")
		same(t, "still carried over", []string{carried("")}, "complaints carried 1")
		after := apitest.Decode[index.Ranking](h.Get(q1+"/ranking"), http.StatusOK)
		names := map[string]town.BranchRef{}
		for _, i := range before.Items {
			names[i.Branch.Code] = i.Branch
		}
		for _, i := range after.Items {
			if i.Branch != names[i.Branch.Code] {
				t.Errorf("%+v was %+v", i.Branch, names[i.Branch.Code])
			}
		}
		if len(after.Items) != 3 || len(before.Items) != 3 {
			t.Errorf("%d branches, then %d", len(before.Items), len(after.Items))
		}
		for n := range 2 {
			if v := apitest.Decode[index.Verification](h.Get(q1+fmt.Sprintf("/receipt/verify?publication=%d", n+1)),
				http.StatusOK); !v.OK {
				t.Errorf("verified: %+v", v)
			}
		}
	})
}

// Two who uphold at once make two publications, the later with both corrections;
// of two who decide on one appeal at once, one wins.
func TestAppealsAreUpheldOneAfterAnother(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.alone()
		published(h)
		second := h.joins("sun", policy.Secretary, ties{"b02": access.Leads})
		filed := func(c *apitest.Client, branch string) string {
			made := c.Post("/towns/demo/appeals", object{
				"period": "2026Q1", "branch": branch, "statement": "x", "points": []object{{"code": "meetings", "claim": "10"}},
			})
			return made.Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
		}
		appeals := []string{filed(h.as(policy.Secretary), "b01"), filed(second, "b02")}
		refused(t, h.as(policy.LeadingGroup).Bad().Post(appeals[0]+"/transitions", object{"to": "rejected", "reason": "x"}),
			http.StatusPreconditionRequired, "if_match_required")
		refused(t, h.as(policy.LeadingGroup).IfMatch(`"7"`).Post(appeals[0]+"/transitions",
			object{"to": "rejected", "reason": "x"}), http.StatusPreconditionFailed, "stale_version")
		group := h.as(policy.LeadingGroup)
		answers := make([]int, 4)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() {
				body := object{"to": "upheld", "reason": "x", "corrections": []object{value("meetings", float64(10+i%2))}}
				answers[i] = group.IfMatch(`"1"`).Post(appeals[i%2]+"/transitions", body).Status
			})
		}
		all.Wait()
		for i := range 2 {
			if done := fmt.Sprint(min(answers[i], answers[i+2]), " ", max(answers[i], answers[i+2])); done != "200 409" &&
				done != "200 412" {
				t.Errorf("two decide on one appeal: %s", done)
			}
		}
		same(t, "publications", column(h.Get(q1+"/publications"), "number"), "1", "2", "3")
		data := string(group.Get(q1 + "/receipt/data.csv").Want(http.StatusOK).Body)
		if !strings.Contains(data, "b01,rural,village,,10,") || !strings.Contains(data, "b02,rural,village,,11,") {
			t.Errorf("data:\n%s", data)
		}
	})
}

// Without public notice nobody appeals and nothing has to be waited for.
func TestAPeriodWithoutNoticeIsFinalAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.inForce(smallScheme)
		h.as(policy.LeadingGroup).Post("/towns/demo/periods", object{
			"code": "2026Q1", "kind": "quarter", "starts_on": "2026-01-01", "ends_on": "2026-03-31", "scheme": object{"code": "small"},
			"notice_days": 0,
		}).Want(http.StatusCreated)
		h.steps("2026Q1", "open")
		scored(h, "2026Q1")
		h.steps("2026Q1", "review", "locked")
		h.as(policy.LeadingGroup).Post(q1+"/runs", nil).Want(http.StatusCreated)
		body := object{"reason": "x", "corrections": []object{{"branch": "b01", "code": "meetings", "value": 1}}}
		refused(t, h.as(policy.LeadingGroup).Post(q1+"/publications", body), http.StatusConflict, "not_published")
		h.steps("2026Q1", "published")
		if r := apitest.Decode[index.Ranking](h.Get(q1+"/ranking"), http.StatusOK); r.Notice != nil || r.Publication != 1 {
			t.Errorf("source: %+v", r.Source)
		}
		refused(t, h.as(policy.Secretary).Post("/towns/demo/appeals", object{
			"period": "2026Q1", "branch": "b01", "statement": "x", "points": []object{{"code": "meetings", "claim": "10"}},
		}), http.StatusConflict, "no_notice")
		h.steps("2026Q1", "final")
	})
}
