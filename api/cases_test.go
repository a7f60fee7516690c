package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/exchange"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// learning is a town in which b01 has risen in the meetings, from 3 to 12 of 12,
// and b02, of the same class, has fallen from 9 to 6. b03 is of another class.
type learning struct {
	*harness
	t                    *testing.T
	group, wu            *apitest.Client // wu leads b01
	mentor, first        *apitest.Client // of b01
	second, third, other *apitest.Client // secretaries of b02 and b03, and a mentor of all
}

func newLearning(t *testing.T, db *gorm.DB) learning {
	h := newHarness(t, db)
	s := learning{
		harness: h, t: t, group: h.as(policy.LeadingGroup), mentor: h.as(policy.Mentor), first: h.as(policy.Secretary),
	}
	s.wu = h.joins("wu", policy.LeadingGroup, ties{"b01": access.Leads})
	s.second, s.third = h.joins("sun", policy.Secretary, ties{"b02": access.Leads}),
		h.joins("qian", policy.Secretary, ties{"b03": access.Leads})
	s.other = h.joins("other", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors, "b03": access.Mentors})
	s.inForce(smallScheme)
	s.quarter("2025Q3", "2025-07-01", "2025-09-30", 3, 9)
	s.quarter("2025Q4", "2025-10-01", "2025-12-31", 12, 6)
	return s
}

// quarter is published with so many meetings of b01 and b02.
func (s learning) quarter(code, from, until string, first, second float64) {
	s.group.Post("/towns/demo/periods", object{
		"code": code, "kind": "quarter", "starts_on": from, "ends_on": until, "scheme": object{"code": "small"}, "notice_days": 0,
	}).Want(http.StatusCreated)
	s.steps(code, "open")
	for branch, meetings := range map[string]float64{"b01": first, "b02": second, "b03": 6} {
		counted(s.other, s.group, code, branch, value("meetings", meetings), value("spirit", 8), level("standing", "A"),
			value("complaints", 0))
	}
	s.steps(code, "review", "locked")
	s.group.Post("/towns/demo/periods/"+code+"/runs", nil).Want(http.StatusCreated)
	s.steps(code, "published")
}

// drafts begins a case and gives its address.
func (s learning) drafts(c *apitest.Client, branch string) string {
	s.t.Helper()
	return "/towns/demo/cases/" + last(c.Post("/towns/demo/cases", draftOfCase(branch)).Want(http.StatusCreated))
}

func (s learning) publishes(c *apitest.Client, branch string) string {
	s.t.Helper()
	at := s.drafts(c, branch)
	moved(c, at, "submitted", "").Want(http.StatusOK)
	moved(s.group, at, "published", "").Want(http.StatusOK)
	return at
}

func TestACaseIsReviewedBeforeItIsRead(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newLearning(t, db)
		refused(t, s.mentor.Post("/towns/demo/cases", draftOfCase("b02")), http.StatusForbidden, "not_assigned")
		refused(t, s.group.Post("/towns/demo/cases", draftOfCase("b01")), http.StatusForbidden, "not_allowed")
		wrong := draftOfCase("b01")
		wrong["indicators"], wrong["links"] = []string{"meetings", "party"},
			[]object{{"title": "x", "url": "javascript:alert(1)"}}
		refused(t, s.mentor.Post("/towns/demo/cases", wrong),
			http.StatusUnprocessableEntity, "invalid", "/indicators/1", "/links/0/url")

		at := s.drafts(s.mentor, "b01")
		for _, c := range []*apitest.Client{s.Client, s.second, s.as(policy.Leadership)} {
			refused(t, c.Get(at), http.StatusNotFound, "not_found")
			same(t, "cases", column(c.Get("/towns/demo/cases"), "id"))
		}
		may(t, s.first, at, "edit", "attach", "submit", "withdraw")
		may(t, s.group, at)
		refused(t, s.first.IfMatch(`"7"`).Post(at+"/transitions", object{"to": "submitted"}),
			http.StatusPreconditionFailed, "stale_version")
		refused(t, s.first.IfMatch(`"7"`).Put(at, object{"title": "x", "story": "x"}),
			http.StatusPreconditionFailed, "stale_version")
		refused(t, moved(s.group, at, "published", ""), http.StatusConflict, "no_such_transition")
		moved(s.first, at, "submitted", "").Want(http.StatusOK)
		may(t, s.group, at, "publish", "return")
		may(t, s.wu, at)
		refused(t, moved(s.wu, at, "published", ""), http.StatusForbidden, "conflict_of_interest")
		refused(t, moved(s.group, at, "returned", ""), http.StatusUnprocessableEntity, "invalid", "/reason")
		moved(s.group, at, "returned", "tell how it began").Want(http.StatusOK)
		better := object{
			"title": "courtyard meetings", "story": "it began with two lamps", "indicators": []string{"meetings"},
		}
		s.mentor.IfMatch(s.mentor.Get(at).ETag()).Put(at, better).Want(http.StatusOK)
		moved(s.mentor, at, "submitted", "").Want(http.StatusOK)
		moved(s.group, at, "published", "").Want(http.StatusOK)

		for _, c := range []*apitest.Client{s.Client, s.as(policy.Reader), s.second} {
			read := apitest.Decode[exchange.Case](c.Get(at), http.StatusOK)
			if read.Author != "" || read.History != nil || read.Story != "it began with two lamps" {
				t.Errorf("shown to others: %+v", read)
			}
			if list := apitest.Decode[rest.Page[exchange.Case]](c.Get("/towns/demo/cases"),
				http.StatusOK).Items; len(list) != 1 || list[0].Author != "" {
				t.Errorf("listed to others: %+v", list)
			}
		}
		told := apitest.Decode[exchange.Case](s.mentor.Get(at), http.StatusOK)
		var steps []string
		for _, m := range told.History {
			steps = append(steps, m.Verb+" "+m.Actor+" "+m.Reason)
		}
		same(t, "history", steps, "submit secretary ", "return leading_group tell how it began", "submit mentor ",
			"publish leading_group ")
		p := s.mentor.IfMatch(s.mentor.Get(at).ETag()).Put(at, better).Problem(http.StatusLocked)
		if p.Code != "case_frozen" || p.Locked == nil || p.Locked.By != "leading_group" {
			t.Errorf("frozen: %+v", p)
		}
		if err := db.Exec("UPDATE cases SET story = 'x' WHERE town_id = 'demo'").Error; err == nil {
			t.Error("the database lets a published case be changed")
		}
		s.hasEditions(at)
	})
}

// hasEditions renews the case: the old edition is read until the new one takes its
// place.
func (s learning) hasEditions(at string) {
	t := s.t
	refused(t, s.second.Post(at+"/renew", nil), http.StatusForbidden, "not_assigned")
	next := apitest.Decode[exchange.Case](s.mentor.Post(at+"/renew", nil), http.StatusOK)
	if next.Edition != 2 || next.State != exchange.Draft || next.Story != "it began with two lamps" ||
		next.PublishedAt != nil {
		t.Errorf("next edition: %+v", next)
	}
	refused(t, s.first.Post(at+"/renew", nil), http.StatusConflict, "edition_open")
	second := "/towns/demo/cases/" + next.ID
	moved(s.mentor, second, "submitted", "").Want(http.StatusOK)
	same(t, "published", column(s.Get("/towns/demo/cases"), "edition"), "1")
	moved(s.group, second, "published", "").Want(http.StatusOK)
	same(t, "published", column(s.Get("/towns/demo/cases"), "edition"), "2")
	refused(t, s.Get(at), http.StatusNotFound, "not_found")
	same(t, "editions", column(s.first.Get("/towns/demo/cases?series="+next.SeriesID), "state"), "superseded", "published")
	for query, want := range map[string][]string{
		"?indicator=meetings": {"2"}, "?indicator=meeting": {}, "?indicator=spirit": {}, "?measure=4": {},
		"?branch=b01": {"2"}, "?branch=b02": {}, "?state=published": {"2"}, "?state=draft": {},
	} {
		same(t, query, column(s.Get("/towns/demo/cases"+query), "edition"), want...)
	}
	refused(t, moved(s.first, second, "withdrawn", "x"), http.StatusForbidden, "not_allowed")
	moved(s.group, second, "withdrawn", "a figure was wrong").Want(http.StatusOK)
	same(t, "published", column(s.Get("/towns/demo/cases"), "edition"))
}

// Nobody reviews what he or she wrote, even under another role.
func TestNobodyReviewsTheOwnCase(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newLearning(t, db)
		s.joins("li", policy.Mentor, ties{"b01": access.Mentors})
		s.appointed("demo", "li", policy.LeadingGroup)
		person := "li"
		li := s.As(s.key(credential.Key{
			Roles: []policy.Role{policy.Mentor, policy.LeadingGroup}, Towns: []string{"demo"}, PersonCode: &person,
		}))
		at := s.drafts(li, "b01")
		moved(li, at, "submitted", "").Want(http.StatusOK)
		tag := li.Get(at).ETag()
		refused(t, li.Header("Act-As", "leading_group").IfMatch(tag).Post(at+"/transitions", object{"to": "published"}),
			http.StatusForbidden, "own_case")
	})
}

// b02 scores 50 in the meetings (6 of 12) where the median of its class is 75. b01
// had 25 a quarter before, below the median 50, and now has 100, above the upper
// quartile 87.5.
func TestCasesAreRecommended(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newLearning(t, db)
		const at = "/towns/demo/branches/b02/recommended-cases"
		if r := apitest.Decode[exchange.Recommended](s.second.Get(at), http.StatusOK); len(r.Items) != 0 ||
			r.Period != "2025Q4" {
			t.Errorf("without cases: %+v", r)
		}
		published := s.publishes(s.mentor, "b01")
		s.drafts(s.mentor, "b01")
		s.publishes(s.other, "b03")
		r := apitest.Decode[exchange.Recommended](s.group.Get(at), http.StatusOK)
		if len(r.Items) != 1 || len(r.Items[0].Reasons) != 1 {
			t.Fatalf("recommended: %+v", r)
		}
		i, g := r.Items[0], r.Items[0].Reasons[0]
		if "/towns/demo/cases/"+i.Case != published || !i.SameClass || i.Useful != nil || g.Score != 50 || g.Median != 75 ||
			g.Gap != 25 || *g.Then != 25 || *g.Now != 100 || *g.Closed != 75 || g.Since != "2025Q3" {
			t.Errorf("recommended: %+v because %+v", i, g)
		}
		if want := "会议 scores 50.00, 25.00 below the median 75.00 of its class; the branch of the case was below the median of its class in 2025Q3 and is in the upper quarter now (from 25.00 to 100.00)"; g.Text != want {
			t.Errorf("got %q", g.Text)
		}
		mine := s.second.Header("Accept-Language", "zh").Get(at)
		g = apitest.Decode[exchange.Recommended](mine, http.StatusOK).Items[0].Reasons[0]
		if g.Then != nil || g.Now != nil || g.Closed != nil ||
			g.Text != "“会议”得 50.00 分，比同类中位数 75.00 低 25.00 分；案例所在党组织在 2025Q3 曾低于同类中位数，现已进入同类前四分之一" {
			t.Errorf("figures of b01 are shown to the secretary of b02: %+v", g)
		}
		refused(t, s.first.Get(at), http.StatusForbidden, "not_assigned")
		refused(t, s.group.Get(at+"?period=2020Q1"), http.StatusNotFound, "not_found")
		if r := apitest.Decode[exchange.Recommended](s.group.Get(at+"?period=2025Q3"), http.StatusOK); len(r.Items) != 0 {
			t.Errorf("before b01 rose: %+v", r)
		}

		list := func() *apitest.Answer { return s.second.Get("/towns/demo/cases") }
		ask := func() *apitest.Answer { return s.second.Get(at) }
		few := [2]int64{statements(t, db, s.server, true, list), statements(t, db, s.server, true, ask)}
		for range 7 {
			s.publishes(s.mentor, "b01")
		}
		if many := [2]int64{statements(t, db, s.server, true, list), statements(t, db, s.server, true, ask)}; many != few {
			t.Errorf("statements of list and recommendation grow with the cases: %v, were %v", many, few)
		}
	})
}

func TestBranchesRateWhatHelpedThem(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newLearning(t, db)
		id := strings.TrimPrefix(s.publishes(s.mentor, "b01"), "/towns/demo/cases/")
		fourth := s.fourth()
		rate := func(c *apitest.Client, branch, kind, subject string, score int) *apitest.Answer {
			return c.Post("/towns/demo/ratings", object{
				"period": "2025Q4", "branch": branch, "kind": kind, "subject": subject, "score": score, "comment": "of " + branch,
			})
		}
		refused(t, rate(s.first, "b01", "case", id, 5), http.StatusUnprocessableEntity, "invalid", "/subject")
		refused(t, rate(s.second, "b02", "mentor", "mentor", 5), http.StatusUnprocessableEntity, "invalid", "/subject")
		refused(t, rate(s.second, "b02", "event", id, 5), http.StatusUnprocessableEntity, "invalid", "/subject")
		refused(t, rate(s.second, "b02", "measure", "8", 5), http.StatusUnprocessableEntity, "invalid", "/subject")
		refused(t, rate(s.second, "b01", "measure", "4", 5), http.StatusForbidden, "not_assigned")
		refused(t, rate(s.group, "b01", "measure", "4", 5), http.StatusForbidden, "not_allowed")
		rate(s.first, "b01", "mentor", "mentor", 5).Want(http.StatusCreated)
		for branch, c := range map[string]*apitest.Client{"b01": s.first, "b02": s.second, "b03": s.third} {
			rate(c, branch, "mentor", "other", map[string]int{"b01": 5, "b02": 4, "b03": 5}[branch]).Want(http.StatusCreated)
		}
		rate(s.second, "b02", "case", id, 5).Want(http.StatusCreated)
		rate(s.third, "b03", "case", id, 4).Want(http.StatusCreated)
		mine := "/towns/demo/ratings/" + last(rate(fourth, "b04", "case", id, 1).Want(http.StatusCreated))
		refused(t, rate(fourth, "b04", "case", id, 2), http.StatusConflict, "rated_already")
		refused(t, fourth.IfMatch(`"7"`).Put(mine, object{"score": 4}), http.StatusPreconditionFailed, "stale_version")
		fourth.IfMatch(`"1"`).Put(mine, object{"score": 4}).Want(http.StatusOK)
		refused(t, s.second.Get(mine), http.StatusNotFound, "not_found")
		refused(t, s.second.IfMatch(`"2"`).Put(mine, object{"score": 1}), http.StatusNotFound, "not_found")
		same(t, "own ratings", column(s.second.Get("/towns/demo/ratings"), "branch"), "b02", "b02")

		const all = "/towns/demo/usefulness"
		same(t, "told before the period is final", column(s.group.Get(all), "kind"))
		s.steps("2025Q4", "final")
		told := func(c *apitest.Client) (lines []string) {
			for _, u := range apitest.Decode[rest.Page[exchange.Usefulness]](c.Get(all), http.StatusOK).Items {
				line := fmt.Sprint(u.Kind, " ", u.TooFew)
				if u.Mean != nil {
					line += fmt.Sprint(" ", *u.Raters, " ", *u.Mean, " ", u.Distribution)
				}
				lines = append(lines, line)
			}
			return lines
		}
		same(t, "told", told(s.group), "case false 3 4.33 [0 0 0 2 1]", "mentor true", "mentor false 3 4.67 [0 0 0 1 2]")
		same(t, "told to a mentor", told(s.mentor), "mentor true")
		same(t, "told to the other", told(s.other), "mentor false 3 4.67 [0 0 0 1 2]")
		refused(t, s.first.Get(all), http.StatusForbidden, "not_allowed")
		p := fourth.IfMatch(`"2"`).Put(mine, object{"score": 5}).Problem(http.StatusLocked)
		if p.Code != "period_final" || p.Locked == nil || p.Locked.CanLift != "nobody" {
			t.Errorf("after the period is final: %+v", p)
		}
		refused(t, rate(s.second, "b02", "measure", "4", 5), http.StatusLocked, "period_final")
		r := apitest.Decode[exchange.Recommended](s.second.Get("/towns/demo/branches/b02/recommended-cases"), http.StatusOK)
		if len(r.Items) != 1 || r.Items[0].Useful == nil || *r.Items[0].Useful != 4.33 {
			t.Errorf("recommended: %+v", r.Items)
		}
		if n := secretRatings(t, db); n != 0 {
			t.Errorf("%d records of the trail tell what was rated, or how", n)
		}
	})
}

// What two branches say is told to nobody, not even as a reason for a case, and
// what is said of a measure is not taken for a mentor of the same name.
func TestTwoRatingsTellNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newLearning(t, db)
		id := strings.TrimPrefix(s.publishes(s.mentor, "b01"), "/towns/demo/cases/")
		draft := strings.TrimPrefix(s.drafts(s.mentor, "b01"), "/towns/demo/cases/")
		rating := func(branch, kind, subject string) object {
			return object{"period": "2025Q4", "branch": branch, "kind": kind, "subject": subject, "score": 5}
		}
		refused(t, s.second.Post("/towns/demo/ratings", rating("b02", "case", draft)),
			http.StatusUnprocessableEntity, "invalid", "/subject")
		for branch, c := range map[string]*apitest.Client{"b02": s.second, "b03": s.third} {
			c.Post("/towns/demo/ratings", rating(branch, "case", id)).Want(http.StatusCreated)
			c.Post("/towns/demo/ratings", rating(branch, "measure", "4")).Want(http.StatusCreated)
		}
		s.steps("2025Q4", "final")
		r := apitest.Decode[exchange.Recommended](s.second.Get("/towns/demo/branches/b02/recommended-cases"), http.StatusOK)
		if len(r.Items) != 1 || r.Items[0].Useful != nil {
			t.Errorf("recommended: %+v", r.Items)
		}
		four := s.joins("4", policy.Mentor, ties{"b01": access.Mentors})
		same(t, "told to the mentor 4", column(four.Get("/towns/demo/usefulness"), "kind"))
	})
}

// fourth is the secretary of one more branch.
func (s learning) fourth() *apitest.Client {
	s.group.Post("/towns/demo/branches", object{
		"code": "b04", "name": named("branch b04"), "kind": "village", "founded_on": "2020-01-01", "reason": "was forgotten",
	}).Want(http.StatusCreated)
	return s.joins("zhou", policy.Secretary, ties{"b04": access.Leads})
}

// secretRatings counts the records about ratings that say more than that there is one.
func secretRatings(t *testing.T, db *gorm.DB) (n int64) {
	t.Helper()
	q := db.Table("audit_records").Where("action LIKE 'rating.%'").Session(&gorm.Session{})
	var all int64
	if err := q.Count(&all).Error; err != nil || all != 8 {
		t.Errorf("%d records about ratings: %v", all, err)
	}
	if err := q.Where(`coalesce("before", '') NOT IN ('', 'null') OR coalesce("after", '') NOT IN ('', 'null') OR reason <> ''`).Count(&n).Error; err != nil {
		t.Error(err)
	}
	return n
}
