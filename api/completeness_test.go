package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
	"bulwark/internal/review"
)

// tally is the counts in their order: expected, missing begun draft submitted returned approved late overdue.
func tally(c review.Counts) string {
	return strings.Trim(fmt.Sprint(c), "{}")
}

// Expected is a sheet of everyone who was tied to a branch during the window; what
// is in, late and overdue adds up, by branch, evaluator and indicator.
func TestCompletenessAddsUp(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, c := windowed(t, db)
		group, mentor, secretary := h.as(policy.LeadingGroup), h.as(policy.Mentor), h.as(policy.Secretary)
		admin := h.as(policy.Admin)
		zhao := h.joins("zhao", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors})
		admin.Post("/towns/demo/appointments",
			object{"person": "secretary", "role": "liaison_office", "from": "2020-01-01"}).Want(http.StatusCreated)
		for _, tie := range []object{
			// on the first day of the window
			{"person": "secretary", "branch": "b02", "duty": "leads", "from": "2020-01-01", "until": "2026-04-01"},
			// the day before it
			{"person": "secretary", "branch": "b03", "duty": "leads", "from": "2020-01-01", "until": "2026-03-31"},
			// the day after it
			{"person": "mentor", "branch": "b03", "duty": "mentors", "from": "2026-04-11"},
		} {
			admin.Post("/towns/demo/assignments", tie).Want(http.StatusCreated)
		}
		for _, post := range []struct {
			path string
			body object
		}{
			{"", object{"code": "water", "name": named("water")}},
			{"/water/members", object{"person": "secretary", "from": "2020-01-01"}}, // reports for b01 already
			{"/water/links", object{"branch": "b01", "from": "2020-01-01"}},
			{"/water/links", object{"branch": "b03", "from": "2020-01-01", "until": "2026-03-31"}}, // the day before the window
			{"", object{"code": "fire", "name": named("fire")}},
			{"/fire/links", object{"branch": "b03", "from": "2020-01-01", "until": "2026-04-04"}},
			{"/fire/members", object{"person": "liaison_office", "from": "2026-04-05"}}, // the day after
		} {
			admin.Post("/towns/demo/offices"+post.path, post.body).Want(http.StatusCreated)
		}
		counts := func(c *apitest.Client, by string) map[string]string {
			t.Helper()
			found := map[string]string{}
			answer := apitest.Decode[review.Completeness](c.Get(q1+"/completeness?by="+by), http.StatusOK)
			for _, r := range answer.Rows {
				code := r.Evaluator
				if r.Branch != nil {
					code = r.Branch.Code
				}
				found[code] = tally(r.Counts)
				sum := review.Counts{}
				for _, role := range r.Roles {
					sum.Expected += role.Expected
					sum.Begun += role.Begun
					found[code+" "+string(role.Role)] = tally(role.Counts)
				}
				if sum.Expected != r.Expected || sum.Begun != r.Begun {
					t.Errorf("%+v does not add up", r)
				}
			}
			found["all"] = tally(*answer.Totals)
			return found
		}
		want := func(what string, got, want map[string]string) {
			t.Helper()
			for k, w := range want {
				if got[k] != w {
					t.Errorf("%s, %s: got %q, want %q", what, k, got[k], w)
				}
			}
		}
		want("nothing begun", counts(group, "branch"), map[string]string{
			"b01": "5 5 0 0 0 0 0 0 0", "b01 mentor": "2 2 0 0 0 0 0 0 0", "b01 secretary": "1 1 0 0 0 0 0 0 0",
			"b01 liaison_office": "1 1 0 0 0 0 0 0 0", "b02": "2 2 0 0 0 0 0 0 0", "b03": "0 0 0 0 0 0 0 0 0",
			"all": "7 7 0 0 0 0 0 0 0",
		})
		sent := begun(mentor, "2026Q1", "b01", value("spirit", 9))
		moved(mentor, sent, "submitted", "").Want(http.StatusOK)
		own := begun(secretary, "2026Q1", "b01", value("meetings", 9), waived("complaints", "none yet"))
		moved(secretary, own, "submitted", "").Want(http.StatusOK)
		moved(group, own, "approved", "").Want(http.StatusOK)
		begun(zhao, "2026Q1", "b02")
		extra := begun(group, "2026Q1", "b02", value("spirit", 9)) // welcome, and expected since it was begun
		moved(group, extra, "submitted", "").Want(http.StatusOK)
		chen := h.joins("chen", policy.LeadingGroup, nil)
		chen.IfMatch(chen.Get(extra).ETag()).Post(extra+"/transitions",
			object{"to": "returned", "reason": "x", "due_on": "2026-04-07"}).Want(http.StatusOK)
		want("in time", counts(group, "branch"), map[string]string{
			"b01": "5 3 2 0 1 0 1 0 0", "b02": "3 1 2 1 0 1 0 0 0", "b02 leading_group": "1 0 1 0 0 1 0 0 0",
			"all": "8 4 4 1 1 1 1 0 0",
		})
		c.noon(t, "2026-04-12")
		group.Post(q1+"/exceptions", object{
			"evaluator": "zhao", "branch": "b01", "until": "2026-04-14", "reason": "flood",
		}).Want(http.StatusCreated)
		late := begun(zhao, "2026Q1", "b01", value("spirit", 9))
		want("after the window", counts(group, "branch"), map[string]string{
			"b01": "5 2 3 1 1 0 1 1 2", "b02": "3 1 2 1 0 1 0 0 3", "b03": "0 0 0 0 0 0 0 0 0", "all": "8 3 5 2 1 1 1 1 5",
		})
		c.noon(t, "2026-04-21")
		want("after the review", counts(group, "evaluator"), map[string]string{
			"mentor": "1 0 1 0 1 0 0 0 1", "zhao": "2 0 2 2 0 0 0 1 2", "secretary": "2 1 1 0 0 0 1 0 1",
			"leading_group": "1 0 1 0 0 1 0 0 1", "all": "8 3 5 2 1 1 1 1 7",
		})
		_ = late

		// Everybody counts on the own branches, and who is judged by no names.
		want("secretary", counts(secretary, "branch"),
			map[string]string{"b01": "5 2 3 1 1 0 1 1 4", "b02": "", "all": "5 2 3 1 1 0 1 1 4"})
		if names := counts(secretary, "evaluator"); len(names) != 3 || names["secretary"] != "1 0 1 0 0 0 1 0 0" {
			t.Errorf("the secretary reads %v", names)
		}
		want("zhao", counts(zhao, "branch"), map[string]string{"b02": "3 1 2 1 0 1 0 0 3", "b03": ""})
		refused(t, h.as(policy.Reader).Get(q1+"/completeness"), http.StatusForbidden, "not_allowed")

		by := map[string]review.IndicatorCoverage{}
		for _, i := range apitest.Decode[review.Completeness](group.Get(q1+"/completeness?by=indicator"),
			http.StatusOK).Indicators {
			by[i.Indicator] = i
		}
		for code, want := range map[string]string{
			"meetings": "3 1 [b02 b03]", "spirit": "3 0 [b01 b02 b03]", "complaints": "2 0 [b02 b03]", "fields": "2 0 [b01 b02]",
		} {
			if got := fmt.Sprint(by[code].Applies, by[code].Approved, by[code].Missing); got != want {
				t.Errorf("%s: got %s, want %s", code, got, want)
			}
		}
		csv := string(group.Get(q1 + "/completeness?by=branch&format=csv").Want(http.StatusOK).Body)
		if !strings.HasPrefix(csv, "\ufeffperiod,branch,branch_name,role,expected,missing,") ||
			!strings.Contains(csv, "\n2026Q1,b01,branch b01,mentor,2,0,2,1,1,0,0,1,2\n") {
			t.Errorf("as CSV:\n%s", csv)
		}
		if csv := string(group.Get(q1 + "/completeness?by=evaluator&format=csv").Want(http.StatusOK).Body); !strings.Contains(csv, "\n2026Q1,zhao,zhao,") {
			t.Errorf("the evaluators have no names:\n%s", csv)
		}
		if csv := string(group.Header("Accept", "text/csv").Get(q1 + "/completeness?by=indicator").
			Want(http.StatusOK).Body); !strings.Contains(csv, "\n2026Q1,meetings,会议,3,1,b02; b03\n") {
			t.Errorf("as CSV:\n%s", csv)
		}
	})
}

// Nobody is expected to hand in a sheet in which the scheme asks nothing of the role, and no share
// of what is expected exceeds it.
func TestCompletenessExpectsWhatTheSchemeAsks(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _ := newHarnessAt(t, db, "2026-01-10 09:00:00")
		h.joins("m", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors})
		h.joins("i", policy.Instructor, ties{"b01": access.Instructs})
		h.joins("s", policy.Secretary, ties{"b02": access.Leads})
		group := h.as(policy.LeadingGroup)
		h.inForce(strings.NewReplacer(`"entry": "reported"`, `"entry": "reported", "reporters": ["secretary"]`,
			`"combine": {"kind": "mean"}`, `"combine": {"kind": "mean", "role_weights": {"mentor": 1, "leading_group": 1}}`).
			Replace(lifeScheme))
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		counts := func() string {
			t.Helper()
			a := group.Get("/towns/demo/periods/2026Q1/completeness")
			return tally(*apitest.Decode[review.Completeness](a, http.StatusOK).Totals)
		}
		before := counts()
		h.joins("j", policy.Instructor, ties{"b02": access.Instructs}) // of whom nothing is asked
		if after := counts(); after != before {
			t.Errorf("with one more instructor: %s, before %s", after, before)
		}
		h.joins("n", policy.Mentor, ties{"b02": access.Mentors})
		if after := counts(); after == before {
			t.Errorf("with one more mentor: %s as before", after)
		}
		for _, branch := range []string{"b01", "b02", "b03"} {
			begun(group, "2026Q1", branch, value("spirit", 9))
		}
		a := group.Get("/towns/demo/periods/2026Q1/completeness")
		c := apitest.Decode[review.Completeness](a, http.StatusOK)
		for _, n := range append([]review.CompletenessRow{{Counts: *c.Totals}}, c.Rows...) {
			if n.Begun+n.Missing != n.Expected {
				t.Errorf("%+v: begun and missing are not what is expected", n)
			}
		}
	})
}
