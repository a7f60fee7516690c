package api

import (
	"errors"
	"go/ast"
	source "go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// Whoever is refused because of where things stand is told who brought them there,
// when, why and who can lift it, in both languages: every 409 and 423 of the
// workflow, in the order in which a period meets them.
func TestEveryRefusalNamesWhoIsBehindIt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-03-30 12:00:00")
		r := refusals{
			harness: h, clock: clock, t: t, seen: map[string]bool{}, group: h.as(policy.LeadingGroup),
			mentor: h.as(policy.Mentor), secretary: h.as(policy.Secretary),
		}
		r.chen = h.joins("chen", policy.LeadingGroup, nil)
		r.inForce(smallScheme)
		r.plans()
		r.opens()
		r.enters()
		r.isLate()
		r.reviews()
		r.locks()
		r.publishes()
		r.endsFinal()
		r.hasNoNotice()
		r.withdraws()
		r.sawAll()
	})
}

type refusals struct {
	*harness
	clock                          *wallClock
	t                              *testing.T
	group, chen, mentor, secretary *apitest.Client
	sheet, of                      string // addresses of a sheet of the mentor, and of one of the secretary
	bonus                          string
	against                        string // address of a sheet that contradicts the secretary's
	seen                           map[string]bool
}

// behind is who is behind a refusal: by whom, on which day, why, and who can lift it.
type behind struct {
	by     string
	on     day.Date
	reason string
	lift   string
}

// byRole is what who may not read people is told of somebody of the leading group.
func (b behind) byRole() behind {
	b.by = string(policy.LeadingGroup)
	return b
}

const groupLifts = "leading_group"

const branch02 = "/towns/demo/branches/b02"

// no sends a request in both languages, which must be refused alike.
func (r *refusals) no(
	c *apitest.Client, send func(*apitest.Client) *apitest.Answer, status int, code string, want behind,
) {
	r.t.Helper()
	r.seen[code] = true
	for _, language := range []string{"zh", "en"} {
		p := send(c.Lang(language)).Problem(status)
		if p.Code != code || p.Locked == nil {
			r.t.Errorf("refused with %+v, want %s and who is behind it", p, code)
			continue
		}
		if got := (behind{p.Locked.By, day.Of(p.Locked.At), p.Locked.Reason, p.Locked.CanLift}); got != want {
			r.t.Errorf("%s: behind it is %+v, want %+v", code, got, want)
		}
		if han := strings.ContainsFunc(p.Detail, func(c rune) bool { return unicode.Is(unicode.Han, c) }); p.Detail == "" ||
			han != (language == "zh") {
			r.t.Errorf("%s in %s: %q", code, language, p.Detail)
		}
	}
}

// A request that is sent twice must not change anything: what it needs is read anew.
func begins(branch string) func(*apitest.Client) *apitest.Answer {
	return func(c *apitest.Client) *apitest.Answer {
		return c.Post("/towns/demo/evaluations", sheetOf("2026Q1", branch, nil))
	}
}

func moves(path, to string) func(*apitest.Client) *apitest.Answer {
	return func(c *apitest.Client) *apitest.Answer { return moved(c, path, to, "again") }
}

func posts(path string, body any) func(*apitest.Client) *apitest.Answer {
	return func(c *apitest.Client) *apitest.Answer { return c.Post(path, body) }
}

func proposes(branch string) func(*apitest.Client) *apitest.Answer {
	return posts("/towns/demo/adjustments",
		object{"period": "2026Q1", "branch": branch, "kind": "bonus", "item": "model", "reason": "seen"})
}

func appeals(branch string) func(*apitest.Client) *apitest.Answer {
	return posts("/towns/demo/appeals", appealOf("2026Q1", branch))
}

func amends(x float64) func(*apitest.Client) *apitest.Answer {
	return posts(q1+"/publications", object{
		"reason": "recounted", "corrections": []object{{"branch": "b01", "code": "meetings", "value": x}},
	})
}

// goes moves the period as chen does, who has his reasons.
func (r *refusals) goes(to, reason string) {
	r.t.Helper()
	moved(r.chen, q1, to, reason).Want(http.StatusOK)
}

func (r *refusals) plans() {
	quarter := object{
		"code": "2026Q1", "kind": "quarter", "starts_on": "2026-01-01", "ends_on": "2026-03-31",
		"scheme": object{"code": "small"}, "entry_from": "2026-04-01", "entry_until": "2026-04-10",
	}
	r.group.Post("/towns/demo/periods", quarter).Want(http.StatusCreated)
	planned := behind{"leading_group", "2026-03-30", "", groupLifts}
	r.clock.noon(r.t, "2026-03-31")
	r.no(r.mentor, begins("b01"), http.StatusLocked, "period_planned", planned)
	r.no(r.mentor, proposes("b01"), http.StatusLocked, "period_planned", planned)
	r.no(r.chen, moves(q1, "locked"), http.StatusConflict, "no_such_transition", planned)
	r.no(r.chen, posts(q1+"/runs", nil), http.StatusConflict, "period_not_locked", planned)
	r.no(r.chen, posts("/towns/demo/periods", quarter), http.StatusConflict, "overlapping_period", planned)
	quarter["kind"] = "year"
	r.no(r.chen, posts("/towns/demo/periods", quarter), http.StatusConflict, "already_exists", planned)
}

func (r *refusals) opens() {
	r.goes("open", "it is time")
	opened := behind{"chen", "2026-03-31", "it is time", groupLifts}
	r.no(r.mentor, begins("b01"), http.StatusLocked, "window_not_begun",
		behind{"leading_group", "2026-03-30", "", groupLifts})
	r.no(r.chen, posts(q1+"/runs", nil), http.StatusConflict, "period_not_locked", opened)
	r.no(r.secretary, appeals("b01"), http.StatusConflict, "not_published", opened.byRole())
	r.no(r.chen, amends(1), http.StatusConflict, "not_published", opened)
	r.no(r.chen, moves(q1, "published"), http.StatusConflict, "no_such_transition", opened)
	r.no(r.chen, moves(q1, "final"), http.StatusConflict, "no_such_transition", opened)
}

func (r *refusals) enters() {
	r.clock.noon(r.t, "2026-04-02")
	counted(r.joins("zhen", policy.Mentor, ties{"b02": access.Mentors}), r.group, "2026Q1", "b02", value("meetings", 12),
		value("spirit", 9), level("standing", "A"), value("complaints", 0))
	r.sheet = begun(r.mentor, "2026Q1", "b01", value("spirit", 7))
	r.of = begun(r.secretary, "2026Q1", "b01", value("meetings", 12), value("fields", 40))
	r.no(r.mentor, begins("b01"), http.StatusConflict, "sheet_exists", behind{"mentor", "2026-04-02", "", "mentor"})
	moved(r.mentor, r.sheet, "submitted", "").Want(http.StatusOK)
	moved(r.secretary, r.of, "submitted", "").Want(http.StatusOK)
	sent := behind{"mentor", "2026-04-02", "", groupLifts}
	r.no(r.mentor, begins("b01"), http.StatusConflict, "sheet_exists", sent)
	r.no(r.mentor, func(c *apitest.Client) *apitest.Answer {
		return c.IfMatch(`"2"`).Put(r.sheet, object{"entries": []object{}})
	}, http.StatusConflict, "sheet_submitted", sent)
	r.no(r.mentor, moves(r.sheet, "submitted"), http.StatusConflict, "no_such_transition", sent)

	r.bonus = last(proposes("b01")(r.mentor).Want(http.StatusCreated))
	counted := last(proposes("b01")(r.mentor).Want(http.StatusCreated))
	moved(r.chen, "/towns/demo/adjustments/"+counted, "approved", "I was there").Want(http.StatusOK)
	r.no(r.group, moves("/towns/demo/adjustments/"+counted, "approved"),
		http.StatusConflict, "no_such_transition", behind{"chen", "2026-04-02", "I was there", groupLifts})

	r.no(r.group, moves("/towns/demo/adjustments/"+r.bonus, "approved"),
		http.StatusConflict, "repeated_evidence", behind{"chen", "2026-04-02", "I was there", groupLifts})
	r.setting(object{"open_proposals": 1})
	r.no(r.mentor, proposes("b01"), http.StatusConflict, "too_many_proposals",
		behind{"mentor", "2026-04-02", "seen", groupLifts})
	r.setting(object{"open_proposals": 10})
	r.against = begun(r.group, "2026Q1", "b01", value("meetings", 7)) // where the branch says 12
	moved(r.group, r.against, "submitted", "").Want(http.StatusOK)
	moved(r.chen, r.against, "approved", "").Want(http.StatusOK)

	left := q1 + "/exceptions/" + last(r.group.Post(q1+"/exceptions",
		object{"evaluator": "chen", "until": "2026-04-20", "reason": "away"}).Want(http.StatusCreated))
	r.group.IfMatch(`"1"`).Post(left+"/end", object{"reason": "is back"}).Want(http.StatusOK)
	r.no(r.group, func(c *apitest.Client) *apitest.Answer {
		return c.IfMatch(`"2"`).Post(left+"/end", object{"reason": "x"})
	},
		http.StatusConflict, "no_such_transition", behind{"leading_group", "2026-04-02", "is back", groupLifts})

	r.group.IfMatch(r.group.Get(branch02).ETag()).Post(branch02+"/rename",
		object{"name": named("two"), "on": "2026-03-01", "reason": "so it is called"}).Want(http.StatusOK)
	b03 := "/towns/demo/branches/b03"
	r.group.IfMatch(r.group.Get(b03).ETag()).Post(b03+"/close",
		object{"on": "2026-02-01", "reason": "all moved away"}).Want(http.StatusOK)
	r.clock.noon(r.t, "2026-04-03")
	ended := behind{"leading_group", "2026-04-02", "all moved away", "nobody"}
	r.no(r.chen, begins("b03"), http.StatusConflict, "branch_closed", ended)
	r.no(r.chen, proposes("b03"), http.StatusConflict, "branch_closed", ended)
	r.no(r.chen, posts(q1+"/exceptions", object{"branch": "b03", "until": "2026-04-20", "reason": "x"}),
		http.StatusConflict, "branch_closed", ended)
	r.no(r.chen, func(c *apitest.Client) *apitest.Answer {
		return c.IfMatch(c.Get(b03).ETag()).Post(b03+"/close", object{"on": "2026-05-01", "reason": "x"})
	}, http.StatusConflict, "branch_closed", ended)
	r.group.Post("/towns/demo/branches",
		object{"code": "b05", "name": named("b05"), "kind": "village", "founded_on": "2026-04-01"}).Want(http.StatusCreated)
}

func (r *refusals) isLate() {
	r.clock.noon(r.t, "2026-04-12")
	over := behind{"leading_group", "2026-03-30", "", groupLifts}
	r.no(r.as(policy.Instructor), begins("b01"), http.StatusLocked, "window_over", over)
	r.no(r.mentor, moves(r.sheet, "draft"), http.StatusLocked, "window_over", over)
	r.chen.IfMatch(`"2"`).Post(r.sheet+"/transitions",
		object{"to": "returned", "reason": "no evidence", "due_on": "2026-04-13"}).Want(http.StatusOK)
	r.clock.noon(r.t, "2026-04-14")
	returned := behind{"chen", "2026-04-12", "no evidence", groupLifts}
	r.no(r.mentor, moves(r.sheet, "submitted"), http.StatusLocked, "due_passed", returned)
	r.no(r.mentor, func(c *apitest.Client) *apitest.Answer {
		return c.IfMatch(`"3"`).Put(r.sheet, object{"entries": []object{value("spirit", 8)}})
	}, http.StatusLocked, "due_passed", returned)
}

func (r *refusals) reviews() {
	r.goes("review", "all is in")
	r.no(r.as(policy.Instructor), begins("b01"),
		http.StatusLocked, "period_review", behind{"chen", "2026-04-14", "all is in", groupLifts})
	r.no(r.chen, moves(q1, "locked"), http.StatusConflict, "undecided_sheets",
		behind{"secretary", "2026-04-02", "", groupLifts})
	moved(r.group, r.of, "approved", "as counted").Want(http.StatusOK)
	r.no(r.chen, moves(q1, "locked"), http.StatusConflict, "undecided_adjustments",
		behind{"mentor", "2026-04-02", "seen", groupLifts})
	moved(r.group, "/towns/demo/adjustments/"+r.bonus, "rejected", "seen by nobody").Want(http.StatusOK)
	r.no(r.chen, moves(q1, "locked"), http.StatusConflict, "contradictions",
		behind{"chen", "2026-04-14", "all is in", groupLifts})
	moved(r.chen, r.against, "returned", "twelve it was").Want(http.StatusOK)
}

func (r *refusals) locks() {
	r.clock.noon(r.t, "2026-04-16")
	r.goes("locked", "closed")
	locked := behind{"chen", "2026-04-16", "closed", groupLifts}
	approved := behind{"leading_group", "2026-04-14", "as counted", groupLifts}
	r.no(r.mentor, begins("b01"), http.StatusLocked, "period_locked", locked)
	r.no(r.mentor, proposes("b01"), http.StatusLocked, "period_locked", locked)
	r.no(r.mentor, moves(r.sheet, "submitted"), http.StatusLocked, "period_locked", locked)
	r.no(r.group, moves(r.of, "returned"), http.StatusLocked, "period_locked", locked)
	r.no(r.secretary, func(c *apitest.Client) *apitest.Answer {
		return c.IfMatch(c.Get(r.of).ETag()).Put(r.of, object{"entries": []object{}})
	}, http.StatusConflict, "sheet_approved", approved)
	r.no(r.group, posts(q1+"/exceptions", object{"branch": "b01", "until": "2026-04-20", "reason": "x"}),
		http.StatusLocked, "period_locked", locked)
	r.no(r.group, func(c *apitest.Client) *apitest.Answer {
		return c.IfMatch(c.Get(q1).ETag()).Put(q1, object{"reason": "x"})
	}, http.StatusLocked, "period_locked", locked)
	r.no(r.chen, moves(q1, "published"), http.StatusConflict, "no_run", locked)
	r.no(r.chen, func(c *apitest.Client) *apitest.Answer {
		return c.IfMatch(c.Get(branch02).ETag()).Post(branch02+"/withdraw", object{"reason": "x"})
	}, http.StatusConflict, "period_rests_on_it", locked)

	owner := dbtest.Owner(r.t, r.db)
	if database.Dialect(r.db) == database.SQLite { // the database itself refuses it otherwise
		r.must(owner.Exec("DROP TRIGGER entries_frozen_update").Error)
	} else {
		r.must(owner.Exec("DROP TRIGGER entries_frozen ON entries").Error)
	}
	set := func(value int) {
		r.must(r.db.Exec("UPDATE entries SET value = ? WHERE code = 'fields'", value).Error)
	}
	set(99) // nobody can enter that
	r.no(r.chen, posts(q1+"/runs", nil), http.StatusConflict, "unscorable", locked)
	set(40)
}

func (r *refusals) publishes() {
	r.chen.Post(q1+"/runs", nil).Want(http.StatusCreated)
	r.setting(object{"runs_per_lock": 1})
	r.no(r.chen, posts(q1+"/runs", nil), http.StatusConflict, "too_many_runs",
		behind{"chen", "2026-04-16", "closed", groupLifts})
	r.clock.noon(r.t, "2026-04-17")
	proposed := r.chen.IfMatch(r.chen.Get(q1).ETag()).Post(q1+"/transitions",
		object{"to": "published", "reason": "as computed"})
	r.no(r.group, moves(q1, "published"),
		http.StatusConflict, "proposal_open", behind{"chen", "2026-04-17", "as computed", groupLifts})
	decides(r.chen.Second(), proposed, "confirmed").Want(http.StatusOK)
	r.no(r.group, func(c *apitest.Client) *apitest.Answer { return decides(c, proposed, "rejected") },
		http.StatusConflict, "no_such_transition", behind{"second", "2026-04-17", "because", "nobody"})
	out := behind{"second", "2026-04-17", "as computed", groupLifts}
	stays := behind{"second", "2026-04-17", "as computed", "nobody"}
	r.no(r.group, moves(q1, "review"), http.StatusConflict, "no_such_transition", out)
	r.no(r.group, posts(q1+"/runs", nil), http.StatusConflict, "period_not_locked", out)
	r.no(r.mentor, proposes("b01"), http.StatusLocked, "period_published", out)
	r.no(r.group, moves(q1, "final"), http.StatusLocked, "notice_open", stays)
	r.no(r.group, amends(12), http.StatusConflict, "nothing_changes", out)
	wu := r.joins("wu", policy.Secretary, nil)
	r.as(policy.Admin).Post("/towns/demo/assignments",
		object{"person": "wu", "branch": "b05", "duty": access.Leads, "from": "2026-04-01"}).Want(http.StatusCreated)
	r.no(wu, appeals("b05"), http.StatusConflict, "not_in_result", stays.byRole())
	appeal := "/towns/demo/appeals/" + last(appeals("b01")(r.secretary).Want(http.StatusCreated))
	waits := behind{"secretary", "2026-04-17", "miscounted", groupLifts}
	r.no(r.secretary, appeals("b01"), http.StatusConflict, "appeal_exists", waits)

	r.clock.noon(r.t, "2026-04-25")
	r.no(r.secretary, appeals("b01"), http.StatusLocked, "notice_closed", out.byRole())
	r.setting(object{"amendment_days": 7})
	r.no(r.group, amends(1), http.StatusLocked, "amendment_closed", behind{"second", "2026-04-17", "as computed", "admin"})
	r.setting(object{"amendment_days": 0})
	r.no(r.group, moves(q1, "final"), http.StatusLocked, "appeals_undecided", waits)
	moved(r.group, appeal, "rejected", "counted well").Want(http.StatusOK)
	r.no(r.chen, moves(appeal, "rejected"),
		http.StatusConflict, "no_such_transition", behind{"leading_group", "2026-04-25", "counted well", "nobody"})
	r.no(r.secretary, moves(appeal, "withdrawn"),
		http.StatusConflict, "no_such_transition", behind{"leading_group", "2026-04-25", "counted well", "nobody"})
}

func (r *refusals) endsFinal() {
	r.goes("final", "it stays")
	final := behind{"chen", "2026-04-25", "it stays", "nobody"}
	r.no(r.group, amends(1), http.StatusLocked, "period_final", final)
	r.no(r.secretary, appeals("b01"), http.StatusLocked, "period_final", final.byRole())
	r.no(r.group, posts(q1+"/runs", nil), http.StatusConflict, "period_not_locked", final)
	r.no(r.group, moves(q1, "published"), http.StatusConflict, "no_such_transition", final)
	r.no(r.group, moves(q1, "final"), http.StatusConflict, "no_such_transition", final)
}

func (r *refusals) hasNoNotice() {
	const q2 = "/towns/demo/periods/2026Q2"
	r.planned("2026Q2", "2026-04-01", "2026-06-30")
	r.chen.IfMatch(`"1"`).Put(q2, object{"notice_days": 0, "reason": "a trial"}).Want(http.StatusOK)
	r.steps("2026Q2", "open")
	counted(r.joins("zhou", policy.Mentor, ties{"b02": access.Mentors}), r.group, "2026Q2", "b02", value("meetings", 12),
		value("spirit", 9), level("standing", "A"), value("complaints", 0))
	r.steps("2026Q2", "review", "locked")
	r.group.Post(q2+"/runs", nil).Want(http.StatusCreated)
	locked := behind{"leading_group", "2026-04-25", "next", groupLifts}
	r.setting(object{"least_scored": 0.8})
	r.no(r.chen, publishesUnforced(q2), http.StatusConflict, "too_few_scored", locked)
	r.setting(object{"least_scored": 0.1})
	r.no(r.chen, publishesUnforced(q2), http.StatusConflict, "period_not_over", locked)
	r.steps("2026Q2", "published")
	r.no(r.secretary, posts("/towns/demo/appeals", appealOf("2026Q2", "b01")),
		http.StatusConflict, "no_notice", behind{"leading_group", "2026-04-25", "a trial", "nobody"})

	// Nobody comes to these through the API, which knows better.
	ctx := access.WithPrincipal(r.t.Context(), access.Principal{Person: "chen", Role: policy.LeadingGroup})
	for state, code := range map[evaluation.PeriodState]string{
		evaluation.Published: "publish_a_run", evaluation.Final: "finalise_a_result",
	} {
		_, err := evaluation.MovePeriod(ctx, r.db, workflow.Ref{Town: "demo", ID: "2026Q1", Version: 1},
			evaluation.PeriodMove{To: state, Reason: "x"})
		r.seen[code] = true
		r.isBehind(err, code, behind{"chen", "2026-04-25", "it stays", "nobody"})
	}
}

// publishesUnforced asks for the publication of a period, whatever is missing.
func publishesUnforced(period string) func(*apitest.Client) *apitest.Answer {
	return func(c *apitest.Client) *apitest.Answer {
		return c.IfMatch(c.Get(period).ETag()).Post(period+"/transitions", object{"to": "published", "reason": "as computed"})
	}
}

// withdraws meets what keeps a publication from being withdrawn.
func (r *refusals) withdraws() {
	const q3 = "/towns/demo/periods/2026Q3"
	withdraw := func(number string) func(*apitest.Client) *apitest.Answer {
		return posts(q3+"/publications/"+number+"/withdraw", object{"reason": "a slip"})
	}
	r.planned("2026Q3", "2026-07-01", "2026-09-30")
	r.steps("2026Q3", "open")
	counted(r.joins("qin", policy.Mentor, ties{"b02": access.Mentors}), r.group, "2026Q3", "b02", value("meetings", 12),
		value("spirit", 9), level("standing", "A"), value("complaints", 0))
	r.steps("2026Q3", "review")
	r.no(r.chen, func(c *apitest.Client) *apitest.Answer {
		return c.IfMatch(c.Get(q3).ETag()).Put(q3, object{"ends_on": "2026-09-29", "reason": "x"})
	}, http.StatusConflict, "in_review", behind{"leading_group", "2026-04-25", "next", groupLifts})
	r.steps("2026Q3", "locked")
	r.group.Post(q3+"/runs", nil).Want(http.StatusCreated)
	r.steps("2026Q3", "published")
	amendedBy(r.group, q3, object{
		"reason": "recounted", "corrections": []object{{"branch": "b02", "code": "meetings", "value": 6}},
	}).Want(http.StatusOK)
	r.no(r.chen, withdraw("1"), http.StatusConflict, "not_the_latest", behind{"second", "2026-04-25", "next", groupLifts})
	appeal := "/towns/demo/appeals/" + last(posts("/towns/demo/appeals", appealOf("2026Q3", "b01"))(r.secretary).Want(http.StatusCreated))
	r.no(r.chen, withdraw("2"), http.StatusLocked, "appealed", behind{"secretary", "2026-04-25", "miscounted", "nobody"})
	upheld := r.group.IfMatch(r.group.Get(appeal).ETag()).Post(appeal+"/transitions", object{
		"to": "upheld", "reason": "so it is", "corrections": []object{{"code": "meetings", "value": 5}},
	})
	confirmed(r.group, appeal, upheld).Want(http.StatusOK)
	r.no(r.chen, withdraw("3"), http.StatusConflict, "upholds_appeal", behind{"second", "2026-04-25", "so it is", "nobody"})
}

// isBehind is no for an error that no request comes to.
func (r *refusals) isBehind(err error, code string, want behind) {
	r.t.Helper()
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Code != code || e.Lock == nil ||
		(behind{e.Lock.By, day.Of(e.Lock.At), e.Lock.Reason, e.Lock.CanLift}) != want {
		r.t.Errorf("%+v, want %s, behind it %+v", err, code, want)
	}
}

// sawAll looks for refusals in the code that no step above has met.
func (r *refusals) sawAll() {
	elsewhere := map[string]bool{
		"not_scored": true, // an explanation of what is not there: nobody brought that about
		// of withdrawals, guards on publishing and ways back: their own tests meet them
		"already_withdrawn": true, "withdrawal_closed": true, "something_approved": true,
		"proposal_lapsed": true, // told once, and the proposal has lapsed: see TestAProposalPinsWhatItIsAbout
	}
	for _, room := range []string{"evaluation", "index", "proposal", "workflow"} {
		for _, code := range refusalsIn(r.t, "../internal/"+room) {
			if !r.seen[code] && !elsewhere[code] {
				r.t.Errorf("no step is refused with %s, of internal/%s", code, room)
			}
		}
	}
}

// refusalsIn lists the codes of the conflicts and locks that the sources of a
// folder make, as far as they are written out.
func refusalsIn(t *testing.T, folder string) (codes []string) {
	files, err := filepath.Glob(folder + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", folder, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := source.ParseFile(token.NewFileSet(), name, nil, source.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			kind, _ := call.Args[0].(*ast.SelectorExpr)
			fun, _ := call.Fun.(*ast.SelectorExpr)
			made := kind != nil && (kind.Sel.Name == "KindConflict" || kind.Sel.Name == "KindLocked") ||
				fun != nil && (fun.Sel.Name == "Conflict" || fun.Sel.Name == "Locked" || fun.Sel.Name == "outside")
			if code, ok := literal(call.Args); made && ok {
				codes = append(codes, code)
			}
			return true
		})
	}
	return codes
}

// literal returns the first argument that is a text written out, if it is a code.
func literal(args []ast.Expr) (string, bool) {
	for _, a := range args {
		if lit, ok := a.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, err := strconv.Unquote(lit.Value)
			return s, err == nil && text.IsCode(s)
		}
	}
	return "", false
}
