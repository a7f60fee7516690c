package api

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"bulwark/internal/apitest"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/people"
)

// walk is how many steps each random walk through a period has. `make prove` walks
// further and more often (-rapid.checks).
var walk = flag.Int("walk", 24, "steps of each random walk through a period")

// The workflow is held against a model of it that knows nothing of databases: a
// few maps and the rules in words. Several people do random things to one period;
// the service must allow exactly what the model allows, show exactly what the
// model knows, and never change a figure that it has published.
func TestTheWorkflowIsItsModel(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			h := newHarness(t, dbtest.Open(t, dialect))
			h.inForce(smallScheme)
			persons := map[string]*apitest.Client{"chen": h.joins("chen", people.LeadingGroup, nil)}
			for _, role := range people.Roles() {
				persons[string(role)] = h.as(role)
			}
			quarters, length := 0, *walk
			if dialect == database.PostgreSQL {
				length = (length + 1) / 2 // its share: each step takes several times as long
			}
			rapid.Check(t, func(rt *rapid.T) {
				m := newModel(h, rt, persons, quarters)
				quarters++
				for i, s := range rapid.SliceOfN(rapid.Custom(drawStep), length, length).Draw(rt, "steps") {
					m.at = fmt.Sprintf("step %d, %+v, period %s", i+1, s, m.state)
					m.take(s)
					m.holds()
				}
			})
		})
	}
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
}

func drawStep(t *rapid.T) step {
	s := step{
		// Sheets are what there are most of; a period must not end too soon.
		Do: rapid.SampledFrom([]string{
			"begin", "begin", "write", "submit", "submit", "withdraw", "approve", "approve", "approve", "return",
			"propose", "decide", "decide", "period", "period", "period", "run", "run", "amend",
		}).Draw(t, "do"),
		Author: rapid.SampledFrom([]string{"secretary", "mentor", "leading_group"}).Draw(t, "author"),
		Branch: rapid.SampledFrom([]string{"b01", "b01", "b02"}).Draw(t, "branch"),
		Value:  rapid.IntRange(0, 10).Draw(t, "value"),
		Force:  rapid.Bool().Draw(t, "force"),
	}
	s.By = rapid.SampledFrom([]string{s.Author, s.Author, "leading_group", "chen", "chen", "reader"}).Draw(t, "by")
	switch s.Do {
	case "period":
		s.To = rapid.SampledFrom([]string{"next", "next", "next", "next", "open", "review", "locked", "published", "final"}).Draw(t, "to")
		s.By = rapid.SampledFrom([]string{"leading_group", "chen", "chen", "mentor"}).Draw(t, "by")
	case "decide":
		s.To = rapid.SampledFrom([]string{"approved", "rejected", "withdrawn"}).Draw(t, "to")
	case "run", "amend":
		s.By = rapid.SampledFrom([]string{"leading_group", "chen", "mentor"}).Draw(t, "by")
	}
	return s
}

// sheet and proposal are what the model knows of them; versions are those of the
// service, which must only grow.
type sheet struct {
	path, state, author string
	value               int
	version             int64
}

type proposal struct {
	path, state, by string
	version         int64
}

type model struct {
	*harness
	rt          *rapid.T
	persons     map[string]*apitest.Client
	at          string
	path, code  string
	state       string
	version     int64
	ran         bool // since the lock
	sheets      map[[2]string]*sheet
	proposals   []*proposal
	corrected   *int // of meetings of b01
	publication []string
}

func newModel(h *harness, rt *rapid.T, persons map[string]*apitest.Client, n int) *model {
	m := &model{harness: h, rt: rt, persons: persons, code: fmt.Sprintf("q%d", n), state: "planned", version: 1, sheets: map[[2]string]*sheet{}}
	m.path = "/towns/demo/periods/" + m.code
	month, year := 3*(n%4)+1, 2021+n/4
	last := map[int]int{1: 31, 4: 30, 7: 30, 10: 31}[month]
	h.as(people.LeadingGroup).Post("/towns/demo/periods", object{
		"code": m.code, "kind": "quarter", "scheme": "small", "notice_days": 0,
		"starts_on": fmt.Sprintf("%d-%02d-01", year, month), "ends_on": fmt.Sprintf("%d-%02d-%02d", year, month+2, last),
	}).Want(http.StatusCreated)
	return m
}

func (m *model) by(person string) *apitest.Client { return m.persons[person] }

// result holds the answer against what the model expects: done or refused, and
// never anything else.
func (m *model) result(a *apitest.Answer, done bool) bool {
	if (a.Status < 300) != done || a.Status >= 500 || a.Status == http.StatusBadRequest {
		m.rt.Fatalf("%s: the model says done=%v, the service answers %d: %s", m.at, done, a.Status, a.Body)
	}
	return done
}

func (m *model) take(s step) {
	of := m.sheets[[2]string{s.Author, s.Branch}]
	switch s.Do {
	case "period":
		m.move(s)
	case "run":
		m.ran = m.result(m.by(s.By).Post(m.path+"/runs", nil), m.state == "locked" && s.By != "mentor") || m.ran
	case "amend":
		m.amend(s)
	case "begin":
		m.begin(s)
	case "propose":
		m.propose(s)
	case "decide":
		m.decide(s)
	default:
		if of != nil {
			m.change(s, of)
		}
	}
}

// move: planned → open ⇄ review → locked → published → final, and locked → review
// with a reason. A lock waits for decisions unless it is forced.
func (m *model) move(s step) {
	ways := map[string][]string{"planned": {"open"}, "open": {"review"}, "review": {"open", "locked"}, "locked": {"review", "published"}, "published": {"final"}}
	if s.To == "next" { // or few walks would come to the end of a period
		s.To = append(ways[m.state], "final")[max(0, len(ways[m.state])-1)]
	}
	done := slices.Contains(ways[m.state], s.To) && s.By != "mentor"
	if m.state == "review" && s.To == "locked" && !s.Force && m.undecided() {
		done = false
	}
	if s.To == "published" && !m.ran {
		done = false
	}
	a := m.by(s.By).IfMatch(fmt.Sprintf("%q", fmt.Sprint(m.version))).Post(m.path+"/transitions", object{"to": s.To, "reason": "next", "force": s.Force})
	if m.result(a, done) {
		m.state = s.To
		m.version++
		m.ran = m.ran && s.To != "review"
		if s.To == "published" {
			m.publication = append(m.publication, m.ranking(""))
		}
	}
}

func (m *model) undecided() bool {
	for _, sh := range m.sheets {
		if sh.state == "submitted" {
			return true
		}
	}
	return slices.ContainsFunc(m.proposals, func(p *proposal) bool { return p.state == "proposed" })
}

// assigned: secretary and mentor work on b01 alone, the leading group everywhere.
func assigned(person, branch string) bool {
	return person == "leading_group" || person == "chen" || (person == "secretary" || person == "mentor") && branch == "b01"
}

func entryOf(author string, value int) []object {
	if author == "secretary" {
		return []object{{"code": "meetings", "value": value}}
	}
	return []object{{"code": "spirit", "value": value}}
}

func (m *model) begin(s step) {
	key := [2]string{s.Author, s.Branch}
	done := m.state == "open" && m.sheets[key] == nil && assigned(s.Author, s.Branch)
	a := m.by(s.Author).Post("/towns/demo/evaluations", sheetOf(m.code, s.Branch, entryOf(s.Author, s.Value)))
	if m.result(a, done) {
		m.sheets[key] = &sheet{path: a.Header.Get("Location")[len("/api/v1"):], state: "draft", author: s.Author, value: s.Value, version: 1}
	}
}

// change writes, submits, withdraws, approves or returns a sheet.
func (m *model) change(s step, of *sheet) {
	entering := m.state == "open" || m.state == "review"
	mine, group := s.By == of.author, s.By == "leading_group" || s.By == "chen"
	open := of.state == "draft" && m.state == "open" || of.state == "returned" && entering
	c := m.by(s.By).IfMatch(fmt.Sprintf("%q", fmt.Sprint(of.version)))
	move := func(to string, done bool) {
		if m.result(c.Post(of.path+"/transitions", object{"to": to, "reason": "because"}), done) {
			of.state = to
			of.version++
		}
	}
	switch s.Do {
	case "write":
		if m.result(c.Put(of.path, object{"entries": entryOf(of.author, s.Value)}), mine && open) {
			of.value = s.Value
			of.version++
		}
	case "submit":
		move("submitted", mine && open)
	case "withdraw":
		move("draft", mine && of.state == "submitted" && m.state == "open")
	case "approve":
		move("approved", !mine && group && of.state == "submitted" && entering)
	case "return":
		move("returned", !mine && group && (of.state == "submitted" || of.state == "approved") && entering)
	}
}

func (m *model) propose(s step) {
	done := (m.state == "open" || m.state == "review") && assigned(s.Author, s.Branch)
	a := m.by(s.Author).Post("/towns/demo/adjustments", object{"period": m.code, "branch": s.Branch, "kind": "bonus", "item": "model", "reason": "seen"})
	if m.result(a, done) {
		m.proposals = append(m.proposals, &proposal{path: a.Header.Get("Location")[len("/api/v1"):], state: "proposed", by: s.Author, version: 1})
	}
}

func (m *model) decide(s step) {
	if len(m.proposals) == 0 {
		return
	}
	p := m.proposals[s.Value%len(m.proposals)]
	mine, group := s.By == p.by, s.By == "leading_group" || s.By == "chen"
	done := m.state == "open" || m.state == "review"
	switch s.To {
	case "withdrawn":
		done = done && mine && p.state == "proposed"
	case "approved":
		done = done && !mine && group && p.state == "proposed"
	case "rejected":
		done = done && !mine && group && (p.state == "proposed" || p.state == "approved")
	}
	a := m.by(s.By).IfMatch(fmt.Sprintf("%q", fmt.Sprint(p.version))).Post(p.path+"/transitions", object{"to": s.To, "reason": "because"})
	if m.result(a, done) {
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
	done := m.state == "published" && s.By != "mentor" && (shown == nil || *shown != s.Value)
	a := m.by(s.By).Post(m.path+"/publications", object{"reason": "counted again", "corrections": []object{{"branch": "b01", "code": "meetings", "value": s.Value}}})
	if m.result(a, done) {
		m.corrected = &s.Value
		m.publication = append(m.publication, m.ranking(""))
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
	if len(m.publication) == 0 {
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
	}
	m.by(of.author).Get(of.path).Want(http.StatusOK).Into(&shown)
	if shown.State != of.state || shown.Version != of.version || len(shown.Entries) != 1 || shown.Entries[0].Value != float64(of.value) {
		m.rt.Fatalf("%s: %s is %+v, the model says %+v", m.at, of.path, shown, *of)
	}
	entering := m.state == "open" || m.state == "review"
	var author, group []string
	switch {
	case of.state == "draft" && m.state == "open", of.state == "returned" && entering:
		author = []string{"submit", "write"}
	case of.state == "submitted" && m.state == "open":
		author = []string{"withdraw"}
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
