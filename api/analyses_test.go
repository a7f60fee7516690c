package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/improve/plan"
	"bulwark/internal/people"
	"bulwark/internal/policy"
)

// campaign publishes quarter after quarter under the scheme small. Its mentor other
// rates all three branches, chen of the leading group reports their values.
type campaign struct {
	*harness
	group, other, chen *apitest.Client
}

func newCampaign(h *harness) *campaign { return newCampaignUnder(h, smallScheme) }

func newCampaignUnder(h *harness, document string) *campaign {
	h.inForce(document)
	return &campaign{
		h, h.as(policy.LeadingGroup),
		h.joins("other", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors, "b03": access.Mentors}),
		h.joins("chen", policy.LeadingGroup, nil),
	}
}

// entered is what one branch has in a quarter.
type entered struct {
	meetings, spirit, cases, solved, fields, complaints float64
	standing                                            string
}

// spring are those of the first quarter:
//
//	b01  meetings 9/12 → 75; spirit 80; standing B → 80: party (75 + 160 + 80)/4 = 78.75
//	     solving 40/50 → 80; fields 40/50 → 80; complaints 2 → 80: service 80
//	     0.6·78.75 + 0.4·80 = 79.25, fair
//	b02  party (100 + 160 + 80)/4 = 85; service (75 + 80 + 160)/4 = 78.75; 51 + 31.5 = 82.5, good
//	b03  party (50 + 160 + 80)/4 = 72.5; service (90 + 200)/3 = 96.67; 43.5 + 38.67 = 82.17, good
func spring() map[string]entered {
	return map[string]entered{
		"b01": {9, 8, 50, 40, 40, 2, "B"},
		"b02": {12, 8, 40, 30, 40, 2, "B"},
		"b03": {6, 8, 50, 45, 0, 0, "B"}, // an urban branch has no fields
	}
}

// publishes enters and publishes a quarter.
func (c *campaign) publishes(period, from, until string, branches map[string]entered) {
	c.t.Helper()
	c.opens(period, from, until, branches)
	c.steps(period, "review", "locked")
	c.group.Post("/towns/demo/periods/"+period+"/runs", nil).Want(http.StatusCreated)
	c.steps(period, "published")
}

// opens enters the figures of a quarter.
func (c *campaign) opens(period, from, until string, branches map[string]entered) {
	c.t.Helper()
	c.planned(period, from, until)
	c.steps(period, "open")
	for branch, f := range branches {
		counted(c.other, c.group, period, branch, value("spirit", f.spirit))
		entries := []object{
			value("meetings", f.meetings), value("cases", f.cases), value("cases.solved", f.solved),
			value("complaints", f.complaints), level("standing", f.standing),
		}
		if branch != "b03" {
			entries = append(entries, value("fields", f.fields))
		}
		counted(c.chen, c.group, period, branch, entries...)
	}
}

const analyses = "/towns/demo/analyses"

func analysisOf(branch string, findings ...object) object {
	return object{"period": "2026Q1", "branch": branch, "findings": append([]object{}, findings...)}
}

func cause(indicator string) object {
	return object{"indicator": indicator, "kind": "team", "cause": "nobody answers for it", "evidence": "talks"}
}

// TestACauseIsAnalysed goes from what an analysis starts from to a submitted one.
func TestACauseIsAnalysed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		c := newCampaign(newHarness(t, db))
		mentor, secretary := c.as(policy.Mentor), c.as(policy.Secretary)
		draft := q1 + "/branches/b01/analysis-draft"
		c.opens("2026Q1", "2026-01-01", "2026-03-31", spring())
		refused(t, mentor.Get(draft), http.StatusNotFound, "not_found")
		refused(t, mentor.Post(analyses, analysisOf("b01")), http.StatusConflict, "period_not_published")
		c.steps("2026Q1", "review", "locked")
		c.group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		c.steps("2026Q1", "published")

		// In its class b01 is behind in meetings, but with three branches a median would tell what
		// the others have. The next grade begins at 80, which is 0.75 away.
		basis := apitest.Decode[plan.AnalysisBasis](mentor.Get(draft), http.StatusOK)
		first := basis.Findings[0]
		if basis.Score != 79.25 || basis.Rank != 3 || basis.Publication != 1 || first.Median != nil ||
			first.Reasons[0].Code != "cheapest_gain" {
			t.Errorf("basis: %+v", basis)
		}
		brought := 0.0
		for _, f := range basis.Findings {
			for _, r := range f.Reasons {
				if r.Code == "cheapest_gain" {
					brought += r.Points
				}
			}
		}
		if brought < 0.745 || brought > 0.8 {
			t.Errorf("the way to the next grade brings %v", brought)
		}
		zh := apitest.Decode[plan.AnalysisBasis](mentor.Lang("zh").Get(draft), http.StatusOK)
		if text := zh.Findings[0].Reasons[0].Text; !strings.Contains(text, "指数提高") {
			t.Errorf("in Chinese: %s", text)
		}
		refused(t, mentor.Get(q1+"/branches/b02/analysis-draft"), http.StatusForbidden, "not_assigned")
		refused(t, c.group.Get(draft), http.StatusForbidden, "not_allowed")

		refused(t, secretary.Post(analyses, analysisOf("b01")), http.StatusForbidden, "not_allowed")
		refused(t, mentor.Post(analyses, analysisOf("b02")), http.StatusForbidden, "not_assigned")
		refused(t, mentor.Post(analyses, analysisOf("b01", cause("meetings"), cause("party"), cause("x"))),
			http.StatusUnprocessableEntity, "invalid", "/findings/1/indicator", "/findings/2/indicator")
		made := apitest.Decode[plan.Analysis](mentor.Post(analyses, analysisOf("b01")), http.StatusCreated)
		if made.MentorCode != "mentor" || made.PublicationNumber != 1 || made.State != plan.AnalysisDraft {
			t.Errorf("begun: %+v", made)
		}
		same(t, "allowed", made.Allowed, "write", "submit")
		refused(t, mentor.Post(analyses, analysisOf("b01")), http.StatusConflict, "analysis_exists")
		at := analyses + "/" + made.ID

		// A draft is for its author alone.
		for _, who := range []*apitest.Client{secretary, c.group, c.other, c.as(policy.Leadership)} {
			refused(t, who.Get(at), http.StatusNotFound, "not_found")
			same(t, "listed", column(who.Get(analyses), "id"))
		}
		refused(t, c.other.IfMatch(`"1"`).Put(at, object{"findings": []object{}}), http.StatusNotFound, "not_found")
		refused(t, moved(mentor, at, "submitted", ""), http.StatusUnprocessableEntity, "invalid", "/findings")
		refused(t, mentor.IfMatch(`"1"`).Put(at, object{"findings": []object{cause("index")}}),
			http.StatusUnprocessableEntity, "invalid", "/findings/0/indicator")
		mentor.IfMatch(`"1"`).Put(at, object{
			"findings": []object{cause("meetings"), cause("spirit")}, "summary": "two causes",
		}).Want(http.StatusOK)
		refused(t, mentor.IfMatch(`"1"`).Put(at, object{"findings": []object{}}),
			http.StatusPreconditionFailed, "stale_version")
		sent := apitest.Decode[plan.Analysis](moved(mentor, at, "submitted", ""), http.StatusOK)
		if sent.State != plan.AnalysisSubmitted || sent.SubmittedAt == nil || len(sent.History) != 1 ||
			sent.History[0].Verb != "submit" {
			t.Errorf("submitted: %+v", sent)
		}

		far := c.joins("far", policy.Mentor, ties{"b02": access.Mentors})
		refused(t, far.Get(at), http.StatusNotFound, "not_found")
		same(t, "listed", column(far.Get(analyses), "id"))
		for _, who := range []*apitest.Client{secretary, c.as(policy.Instructor), c.group, c.other, c.as(policy.Leadership)} {
			may(t, who, at)
			same(t, "listed", column(who.Get(analyses+"?branch=b01&period=2026Q1&mentor=mentor&state=submitted"), "id"), made.ID)
		}
		for _, role := range []policy.Role{policy.Reader, policy.Office, policy.Admin} {
			refused(t, c.as(role).Get(at), http.StatusForbidden, "not_allowed")
		}
		refused(t, moved(c.other, at, "draft", ""), http.StatusForbidden, "not_author")
		locked := mentor.IfMatch(`"3"`).Put(at, object{"findings": []object{}})
		refused(t, locked, http.StatusConflict, "analysis_submitted")
		may(t, mentor, at, "withdraw")
		refused(t, moved(mentor, at, "submitted", ""), http.StatusConflict, "no_such_transition")
		moved(mentor, at, "draft", "one more talk").Want(http.StatusOK)
		refused(t, secretary.Get(at), http.StatusNotFound, "not_found")
		moved(mentor, at, "submitted", "").Want(http.StatusOK)
		verbs := []string{}
		for _, m := range apitest.Decode[plan.Analysis](mentor.Get(at), http.StatusOK).History {
			verbs = append(verbs, m.Verb)
		}
		same(t, "history", verbs, "submit", "withdraw", "submit")

		// Who does not work with the branch any more reads what he or she wrote.
		var tie people.Assignment
		c.must(db.Where("person_code = ? AND duty = ?", "mentor", access.Mentors).Take(&tie).Error)
		c.must(db.Exec("UPDATE assignments SET valid_until = ? WHERE id = ?", "2020-02-01", tie.ID).Error)
		may(t, mentor, at)
		refused(t, moved(mentor, at, "draft", ""), http.StatusForbidden, "not_assigned")
	})
}

// A list needs the same number of statements however long it is.
func TestAnalysesAreListedInConstantStatements(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		c := newCampaign(newHarness(t, db))
		c.publishes("2026Q1", "2026-01-01", "2026-03-31", spring())
		var counts []int64
		for _, branch := range []string{"b01", "b02", "b03"} {
			made := c.other.Post(analyses, analysisOf(branch, cause("meetings"))).Want(http.StatusCreated)
			moved(c.other, made.Header.Get("Location")[len("/api/v1"):], "submitted", "").Want(http.StatusOK)
			c.as(policy.Mentor).Get(analyses).Want(http.StatusOK)
			before := database.Queries(db)
			c.other.Get(analyses).Want(http.StatusOK)
			counts = append(counts, database.Queries(db)-before)
		}
		if slices.Max(counts) != slices.Min(counts) {
			t.Errorf("statements for one, two and three: %v", counts)
		}
	})
}

// A key that is limited to branches shows its person none of the own analyses of
// others.
func TestALimitedKeyHidesOwnAnalysesOfOtherBranches(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		c := newCampaign(newHarness(t, db))
		c.publishes("2026Q1", "2026-01-01", "2026-03-31", spring())
		inside := c.other.Post(analyses, analysisOf("b01", cause("meetings"))).
			Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
		outside := c.other.Post(analyses, analysisOf("b02", cause("meetings"))).
			Want(http.StatusCreated).Header.Get("Location")[len("/api/v1"):]
		person := "other"
		limited := c.As(c.key(credential.Key{
			Roles: []policy.Role{policy.Mentor}, Towns: []string{"demo"}, Branches: []string{"b01"}, PersonCode: &person,
		}))
		same(t, "unlimited", column(c.other.Get(analyses), "branch"), "b01", "b02")
		same(t, "limited", column(limited.Get(analyses), "branch"), "b01")
		limited.Get(inside).Want(http.StatusOK)
		refused(t, limited.Get(outside), http.StatusNotFound, "not_found")
	})
}
