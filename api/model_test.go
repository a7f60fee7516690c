package api

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"
	"pgregory.net/rapid"

	"bulwark/internal/apitest"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// walk is how many steps each random walk through a period has. `make prove` walks
// further and more often (-rapid.checks).
var walk = flag.Int("walk", 24, "steps of each random walk through a period")

// The workflow is held against a model of it that knows nothing of databases: a
// few maps and the rules in words. Several people do random things to one period;
// the service must do exactly what the model allows, refuse the rest for the reason
// that the model gives, show exactly what the model knows, and never change a figure
// that it has published. What has to do with days is in model_days_test.go.
func TestTheWorkflowIsItsModel(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, string(modelStart)+" 12:00:00")
		// One value is enough for a score, so that walks come to a result.
		h.inForce(strings.Replace(smallScheme, `"min_coverage": 0.6`, `"min_coverage": 0.05`, 1))
		persons := map[string]*apitest.Client{"chen": h.joins("chen", policy.LeadingGroup, nil)}
		for _, role := range policy.Roles() {
			persons[string(role)] = h.as(role)
		}
		quarters, length := 0, *walk
		if database.Dialect(db) == database.PostgreSQL {
			length = (length + 1) / 2 // its share: each step takes several times as long
		}
		rapid.Check(t, func(rt *rapid.T) {
			clock.noon(t, modelStart)
			m := newModel(h, clock, rt, persons, quarters)
			quarters++
			for i, s := range rapid.SliceOfN(rapid.Custom(drawStep), length, length).Draw(rt, "steps") {
				m.at = fmt.Sprintf("step %d, %+v, period %s", i+1, s, m.state)
				m.take(s)
				m.holds()
			}
		})
	})
}

// step is what somebody tries to do.
type step struct {
	Do     string
	By     string
	Author string // of the sheet or proposal
	Branch string
	To     string
	Value  int
	Force  bool
	Days   [2]int // the first and last of something, from today
}

func drawStep(t *rapid.T) step {
	s := step{
		// Sheets are what there are most of; a period must not end too soon.
		Do: rapid.SampledFrom([]string{
			"begin", "begin", "write", "submit", "submit", "withdraw", "approve", "approve", "approve", "return",
			"propose", "decide", "decide", "period", "period", "period", "run", "run", "amend",
			"confirm", "confirm", "reject", "retract", "take back",
			"pass", "calendar", "grant", "end",
		}).Draw(t, "do"),
		Author: rapid.SampledFrom([]string{"secretary", "mentor", "leading_group"}).Draw(t, "author"),
		Branch: rapid.SampledFrom([]string{"b01", "b01", "b02"}).Draw(t, "branch"),
		Value:  rapid.IntRange(0, 10).Draw(t, "value"),
		Force:  rapid.Bool().Draw(t, "force"),
		Days:   [2]int{rapid.IntRange(-2, 1).Draw(t, "from"), rapid.IntRange(0, 3).Draw(t, "until")},
	}
	s.By = rapid.SampledFrom([]string{s.Author, s.Author, "leading_group", "chen", "chen", "reader"}).Draw(t, "by")
	switch s.Do {
	case "period":
		s.To = rapid.SampledFrom([]string{
			"next", "next", "next", "next", "open", "review", "locked", "published", "final",
		}).Draw(t, "to")
		s.By = rapid.SampledFrom([]string{"leading_group", "chen", "chen", "mentor"}).Draw(t, "by")
	case "decide":
		s.To = rapid.SampledFrom([]string{"approved", "rejected", "withdrawn"}).Draw(t, "to")
	case "run", "amend", "calendar", "grant", "end", "confirm", "reject", "retract", "take back":
		s.By = rapid.SampledFrom([]string{"leading_group", "chen", "mentor"}).Draw(t, "by")
	}
	return s
}

// sheet and bonusProposal are what the model knows of them; versions are those of the
// service, which must only grow.
type sheet struct {
	path, state, author string
	branch              string
	value               int
	version             int64
	due                 *int // the day until which it is to be corrected
	late                bool // something was entered by an exception
}

type bonusProposal struct {
	path, state, by, branch string
	version                 int64
}

type model struct {
	*harness
	rt          *rapid.T
	persons     map[string]*apitest.Client
	at          string
	path, code  string
	state       string
	version     int64
	ends        day.Date
	ran         bool // since the lock
	empty       bool // no branch has a score in the last run
	sheets      map[[2]string]*sheet
	proposals   []*bonusProposal
	corrected   *int // of meetings of b01
	publication []string
	issued      []issue // by number, from 1
	waiting     *waitingPublication
	days
}

// issue is what the model knows of a publication.
type issue struct {
	on        int // day
	corrected *int
	withdrawn bool
}

// standing returns the numbers of the publications that were not withdrawn.
func (m *model) standing() (list []int) {
	for i, p := range m.issued {
		if !p.withdrawn {
			list = append(list, i+1)
		}
	}
	return list
}

// waitingPublication is what the model knows of an open proposal: of the last run, of a
// correction of meetings of b01, or of the withdrawal of a publication.
type waitingPublication struct {
	path, by string
	value    *int
	withdraw int
}

func newModel(h *harness, clock *wallClock, rt *rapid.T, persons map[string]*apitest.Client, n int) *model {
	m := &model{
		harness: h, rt: rt, persons: persons, code: fmt.Sprintf("q%d", n), state: "planned", version: 1,
		sheets: map[[2]string]*sheet{}, days: days{clock: clock},
	}
	m.path = "/towns/demo/periods/" + m.code
	month, year := 3*(n%4)+1, 2021+n/4
	last := map[int]int{1: 31, 4: 30, 7: 30, 10: 31}[month]
	m.ends = day.Date(fmt.Sprintf("%d-%02d-%02d", year, month+2, last))
	h.as(policy.LeadingGroup).Post("/towns/demo/periods", object{
		"code": m.code, "kind": "quarter", "scheme": object{"code": "small"}, "notice_days": 0,
		"starts_on": fmt.Sprintf("%d-%02d-01", year, month), "ends_on": m.ends,
	}).Want(http.StatusCreated)
	return m
}

func (m *model) by(person string) *apitest.Client { return m.persons[person] }

// result holds the answer against what the model expects: done where it gives no
// code, else refused with that one, and never anything else. Who is refused because
// of where things stand is told who is behind it.
func (m *model) result(a *apitest.Answer, code string) bool {
	var p rest.Problem
	if a.Status >= http.StatusMultipleChoices {
		a.Into(&p)
	}
	stands := a.Status == http.StatusConflict || a.Status == http.StatusLocked
	if p.Code != code || stands && (p.Locked == nil || p.Locked.At.IsZero()) {
		m.rt.Fatalf("%s: the model says %q, the service answers %d: %s", m.at, code, a.Status, a.Body)
	}
	return code == ""
}

// refusalBy is the code of the first rule that is broken; "" where none is.
func refusalBy(rules ...rule) string {
	i := slices.IndexFunc(rules, func(r rule) bool { return r.broken })
	if i < 0 {
		return ""
	}
	return rules[i].code
}

type rule struct {
	broken bool
	code   string
}

// during is the rule that the period is in one of the states.
func (m *model) during(states ...string) rule {
	return rule{!slices.Contains(states, m.state), "period_" + m.state}
}

// only is the rule that the leading group does this.
func only(by string) rule { return rule{!group(by), "not_allowed"} }

func group(by string) bool { return by == "leading_group" || by == "chen" }

func (m *model) take(s step) {
	of := m.sheets[[2]string{s.Author, s.Branch}]
	switch s.Do {
	case "period":
		m.move(s)
	case "run":
		code := refusalBy(only(s.By), rule{m.state != "locked", "period_not_locked"})
		if m.result(m.by(s.By).Post(m.path+"/runs", nil), code) {
			m.ran, m.waiting = true, nil // what was proposed is of an earlier run
			m.empty = true
			for _, sh := range m.sheets {
				m.empty = m.empty && sh.state != "approved"
			}
		}
	case "confirm", "reject", "retract":
		m.settle(s)
	case "amend":
		m.amend(s)
	case "take back":
		m.takeBack(s)
	case "pass":
		m.pass(s)
	case "calendar":
		m.change(s)
	case "grant":
		m.grant(s)
	case "end":
		m.end(s)
	case "begin":
		m.begin(s)
	case "propose":
		m.propose(s)
	case "decide":
		m.decide(s)
	default:
		if of != nil {
			m.treat(s, of)
		}
	}
}

// move: planned → open ⇄ review → locked → published → final, and locked → review
// with a reason. A lock waits for decisions, and a publication for the end of the period,
// unless it is forced.
func (m *model) move(s step) {
	ways := map[string][]string{
		"planned": {"open"}, "open": {"review"}, "review": {"open", "locked"}, "locked": {"review", "published"},
		"published": {"final"},
	}
	if s.To == "next" { // or few walks would come to the end of a period
		s.To = append(ways[m.state], "final")[max(0, len(ways[m.state])-1)]
	}
	locks := s.To == "locked" && !s.Force
	code := refusalBy(only(s.By),
		rule{!slices.Contains(ways[m.state], s.To), "no_such_transition"},
		rule{locks && m.submitted(), "undecided_sheets"}, rule{locks && m.proposed(), "undecided_adjustments"},
		rule{s.To == "published" && !m.ran, "no_run"}, rule{s.To == "published" && m.empty, "empty_result"},
		rule{s.To == "published" && dayOf(m.today) <= m.ends && !s.Force, "period_not_over"},
		rule{m.waiting != nil && (s.To == "published" || s.To == "final"), "proposal_open"})
	a := m.by(s.By).IfMatch(fmt.Sprintf("%q", fmt.Sprint(m.version))).Post(m.path+"/transitions",
		object{"to": s.To, "reason": "next", "force": s.Force})
	switch done := m.result(a, code); {
	case done && s.To == "published":
		m.waiting = &waitingPublication{path: madeAt(a), by: s.By}
	case done:
		m.state = s.To
		m.version++
		if s.To == "review" {
			m.ran, m.waiting = false, nil
		}
	}
}

// settle confirms, rejects or withdraws what waits: the first two are for another person
// than the proposer, the last one for the proposer.
func (m *model) settle(s step) {
	w := m.waiting
	if w == nil {
		return
	}
	if s.Do == "confirm" && w.withdraw > 0 && m.today > m.issued[w.withdraw-1].on {
		return // the day is over, or about to be: see TestAWithdrawalHasItsDay
	}
	to := map[string]string{"confirm": "confirmed", "reject": "rejected", "retract": "withdrawn"}[s.Do]
	code := refusalBy(only(s.By), rule{s.Do != "retract" && s.By == w.by, "own_proposal"},
		rule{s.Do == "retract" && s.By != w.by, "not_your_proposal"})
	a := m.by(s.By).IfMatch(`"1"`).Post(w.path+"/transitions", object{"to": to, "reason": "because"})
	if !m.result(a, code) {
		return
	}
	m.waiting = nil
	if s.Do != "confirm" {
		return
	}
	switch {
	case w.withdraw > 0:
		m.issued[w.withdraw-1].withdrawn = true
		left := m.standing()
		if len(left) == 0 {
			m.state, m.ran, m.corrected = "locked", false, nil
			m.version++
			return
		}
		m.corrected = m.issued[left[len(left)-1]-1].corrected
		return
	case w.value == nil:
		m.state = "published"
		m.version++
	default:
		m.corrected = w.value
	}
	m.issued = append(m.issued, issue{on: m.today, corrected: m.corrected})
	m.publication = append(m.publication, m.ranking(""))
}

// takeBack withdraws the latest publication, on its day.
func (m *model) takeBack(s step) {
	if len(m.issued) == 0 {
		return
	}
	n := len(m.issued)
	if left := m.standing(); len(left) > 0 {
		n = left[len(left)-1]
	}
	p := m.issued[n-1]
	if m.today == p.on+1 { // within a microsecond of the end of the day
		return
	}
	code := refusalBy(only(s.By), rule{p.withdrawn, "already_withdrawn"}, rule{m.state == "final", "period_final"},
		rule{m.today > p.on, "withdrawal_closed"}, rule{m.waiting != nil, "proposal_open"})
	a := m.by(s.By).Post(fmt.Sprintf("%s/publications/%d/withdraw", m.path, n), object{"reason": "two were exchanged"})
	if m.result(a, code) {
		m.waiting = &waitingPublication{path: madeAt(a), by: s.By, withdraw: n}
	}
}

func (m *model) submitted() bool {
	for _, sh := range m.sheets {
		if sh.state == "submitted" {
			return true
		}
	}
	return false
}

func (m *model) proposed() bool {
	return slices.ContainsFunc(m.proposals, func(p *bonusProposal) bool { return p.state == "proposed" })
}

// assigned: secretary and mentor work on b01 alone, the leading group everywhere.
func assigned(person, branch string) bool {
	return group(person) || (person == "secretary" || person == "mentor") && branch == "b01"
}

func entryOf(author string, value int) []object {
	if author == "secretary" {
		return []object{{"code": "meetings", "value": value}}
	}
	return []object{{"code": "spirit", "value": value}}
}

func (m *model) begin(s step) {
	key := [2]string{s.Author, s.Branch}
	closed, leave := m.window(s.Author, s.Branch)
	code := refusalBy(rule{!assigned(s.Author, s.Branch), "not_assigned"}, m.during("open"), closed,
		rule{m.sheets[key] != nil, "sheet_exists"})
	a := m.by(s.Author).Post("/towns/demo/evaluations", sheetOf(m.code, s.Branch, entryOf(s.Author, s.Value)))
	if m.result(a, code) {
		m.sheets[key] = &sheet{
			path: a.Header.Get("Location")[len("/api/v1"):], state: "draft", author: s.Author, branch: s.Branch,
			value: s.Value, version: 1, late: leave,
		}
	}
}

// treat writes, submits, withdraws, approves or returns a sheet.
func (m *model) treat(s step, of *sheet) {
	mine := s.By == of.author
	stranger, hidden, another := rule{s.By == "reader", "not_allowed"}, rule{of.state == "draft" && !mine, "not_found"},
		rule{!mine, "not_your_sheet"}
	phase, closed, leave := m.entry(of)
	from := func(states ...string) rule { return rule{!slices.Contains(states, of.state), "no_such_transition"} }
	c := m.by(s.By).IfMatch(fmt.Sprintf("%q", fmt.Sprint(of.version)))
	move := func(to string, due *int, rules ...rule) {
		body := object{"to": to, "reason": "because"}
		if due != nil {
			body["due_on"] = dayOf(*due)
		}
		if m.result(c.Post(of.path+"/transitions", body), refusalBy(append([]rule{stranger, hidden}, rules...)...)) {
			of.state, of.due = to, due
			of.version++
			of.late = of.late || leave && mine
		}
	}
	switch s.Do {
	case "write":
		frozen := rule{of.state == "submitted" || of.state == "approved", "sheet_" + of.state}
		if m.result(c.Put(of.path, object{"entries": entryOf(of.author, s.Value)}),
			refusalBy(stranger, hidden, another, frozen, phase, closed)) {
			of.value = s.Value
			of.version++
			of.late = of.late || leave
		}
	case "submit":
		move("submitted", nil, from("draft", "returned"), phase, closed, another)
	case "withdraw":
		move("draft", nil, from("submitted"), phase, closed, another)
	case "approve":
		move("approved", nil, from("submitted"), only(s.By), m.during("open", "review"), rule{mine, "own_sheet"})
	case "return":
		var due *int
		if s.Force {
			on := m.today + s.Days[1]
			due = &on
		}
		move("returned", due, from("submitted", "approved"), only(s.By), m.during("open", "review"), rule{mine, "own_sheet"})
	}
}

func (m *model) propose(s step) {
	open := 0
	for _, p := range m.proposals {
		if p.by == s.Author && p.branch == s.Branch && p.state == "proposed" {
			open++
		}
	}
	code := refusalBy(rule{!assigned(s.Author, s.Branch), "not_assigned"}, m.during("open", "review"),
		rule{open >= 10, "too_many_proposals"})
	a := m.by(s.Author).Post("/towns/demo/adjustments",
		object{"period": m.code, "branch": s.Branch, "kind": "bonus", "item": "model", "reason": "seen in " + m.code})
	if m.result(a, code) {
		m.proposals = append(m.proposals, &bonusProposal{
			path: a.Header.Get("Location")[len("/api/v1"):], state: "proposed", by: s.Author, branch: s.Branch, version: 1,
		})
	}
}

func (m *model) decide(s step) {
	if len(m.proposals) == 0 {
		return
	}
	p := m.proposals[s.Value%len(m.proposals)]
	rules := []rule{
		{s.By == "reader", "not_allowed"},
		{!assigned(s.By, p.branch), "not_found"},
		{p.state != "proposed" && (s.To != "rejected" || p.state != "approved"), "no_such_transition"},
	}
	if s.To == "withdrawn" {
		rules = append(rules, m.during("open", "review"), rule{s.By != p.by, "not_your_proposal"})
	} else {
		rules = append(rules, only(s.By), m.during("open", "review"), rule{s.By == p.by, "own_proposal"})
	}
	body := object{"to": s.To, "reason": "because"}
	if s.To == "approved" { // all proposals of a period have one text: the second one is asked about
		repeated := slices.ContainsFunc(m.proposals, func(other *bonusProposal) bool {
			return other != p && other.state == "approved"
		})
		rules = append(rules, rule{repeated && !s.Force, "repeated_evidence"})
		body["acknowledge"] = s.Force
	}
	a := m.by(s.By).IfMatch(fmt.Sprintf("%q", fmt.Sprint(p.version))).Post(p.path+"/transitions", body)
	if m.result(a, refusalBy(rules...)) {
		p.state = s.To
		p.version++
	}
}

// amend corrects a value of a published period, if that changes anything.
func (m *model) amend(s step) {
	shown := m.corrected
	if of := m.sheets[[2]string{"secretary", "b01"}]; shown == nil && of != nil && of.state == "approved" {
		shown = &of.value
	}
	code := refusalBy(only(s.By), rule{m.state == "final", "period_final"}, rule{m.state != "published", "not_published"},
		rule{shown != nil && *shown == s.Value, "nothing_changes"}, rule{m.waiting != nil, "proposal_open"})
	a := m.by(s.By).Post(m.path+"/publications",
		object{"reason": "counted again", "corrections": []object{{"branch": "b01", "code": "meetings", "value": s.Value}}})
	if m.result(a, code) {
		m.waiting = &waitingPublication{path: madeAt(a), by: s.By, value: &s.Value}
	}
}

// ranking is what a stranger is shown of the figures; the service says elsewhere
// in it which publication it is and whether there is a later one.
func (m *model) ranking(query string) string {
	var shown struct{ Items, Insufficient json.RawMessage }
	a := m.Get(m.path + "/ranking" + query)
	if a.Status != http.StatusOK {
		m.rt.Fatalf("%s: a stranger reads %d: %s", m.at, a.Status, a.Body)
	}
	a.Into(&shown)
	return string(shown.Items) + string(shown.Insufficient)
}

// holds asserts what must be true after every step.
func (m *model) holds() {
	rt := m.rt
	var p struct {
		State   string
		Version int64
	}
	m.Get(m.path).Want(http.StatusOK).Into(&p)
	if p.State != m.state || p.Version != m.version {
		rt.Fatalf("%s: the period is %+v, the model says %s, version %d", m.at, p, m.state, m.version)
	}
	if left := m.standing(); len(left) > 0 {
		if now, was := m.ranking(""), m.publication[left[len(left)-1]-1]; now != was {
			rt.Fatalf("%s: publication %d counts, and %s is shown instead of %s", m.at, left[len(left)-1], now, was)
		}
	} else if len(m.issued) > 0 {
		if a := m.Get(m.path + "/ranking"); a.Status != http.StatusNotFound || !strings.Contains(string(a.Body), `"withdrawn"`) {
			rt.Fatalf("%s: a stranger is shown what was withdrawn: %d %s", m.at, a.Status, a.Body)
		}
	} else {
		if a := m.Get(m.path + "/ranking"); a.Status != http.StatusUnauthorized {
			rt.Fatalf("%s: a stranger is shown what is not published: %d %s", m.at, a.Status, a.Body)
		}
	}
	for i, was := range m.publication {
		if now := m.ranking(fmt.Sprintf("?publication=%d", i+1)); now != was {
			rt.Fatalf("%s: publication %d has changed\nfrom %s\nto   %s", m.at, i+1, was, now)
		}
	}
	for _, of := range m.sheets {
		m.isShown(of)
	}
	m.showsLeave()
	for _, of := range m.proposals {
		var shown struct {
			State   string
			Version int64
		}
		m.by(of.by).Get(of.path).Want(http.StatusOK).Into(&shown)
		if shown.State != of.state || shown.Version != of.version {
			rt.Fatalf("%s: %s is %+v, the model says %+v", m.at, of.path, shown, *of)
		}
	}
}

// isShown holds a sheet against the model, and what its author and the group are
// told that they can do against what they could.
func (m *model) isShown(of *sheet) {
	var shown struct {
		State   string
		Version int64
		Entries []struct{ Value float64 }
		Allowed []string
		Late    bool
		DueOn   *day.Date `json:"due_on"`
	}
	m.by(of.author).Get(of.path).Want(http.StatusOK).Into(&shown)
	if shown.State != of.state || shown.Version != of.version || len(shown.Entries) != 1 ||
		shown.Entries[0].Value != float64(of.value) ||
		shown.Late != of.late || (shown.DueOn == nil) != (of.due == nil) || of.due != nil && *shown.DueOn != dayOf(*of.due) {
		m.rt.Fatalf("%s: %s is %+v, the model says %+v", m.at, of.path, shown, *of)
	}
	entering := m.state == "open" || m.state == "review"
	var author, group []string
	if phase, closed, _ := m.entry(of); of.state != "approved" && !phase.broken && !closed.broken {
		author = []string{"attach", "submit", "write"}
		if of.state == "submitted" {
			author = []string{"withdraw"}
		}
	}
	if entering && of.state == "submitted" {
		group = []string{"approve", "return"}
	} else if entering && of.state == "approved" {
		group = []string{"return"}
	}
	slices.Sort(shown.Allowed)
	if !slices.Equal(shown.Allowed, author) {
		m.rt.Fatalf("%s: the author of a %s sheet is told %v, the model says %v", m.at, of.state, shown.Allowed, author)
	}
	a := m.by("chen").Get(of.path)
	if of.state == "draft" {
		if a.Status != http.StatusNotFound {
			m.rt.Fatalf("%s: another sees a draft: %d", m.at, a.Status)
		}
		return
	}
	shown.Allowed = nil
	a.Want(http.StatusOK).Into(&shown)
	slices.Sort(shown.Allowed)
	if !slices.Equal(shown.Allowed, group) {
		m.rt.Fatalf("%s: the group is told %v of a %s sheet, the model says %v", m.at, shown.Allowed, of.state, group)
	}
}
