package api

import (
	"fmt"
	"net/http"
	"slices"

	"bulwark/internal/apitest"
	"bulwark/internal/day"
)

// modelStart is the day on which each walk begins.
const modelStart day.Date = "2026-04-01"

// dayOf is the day so many days after the start.
func dayOf(n int) day.Date { return modelStart.AddDays(n) }

// days are what the model knows of them, counted from its start.
type days struct {
	clock       *wallClock
	today       int
	from, until *int // of the window of entry
	leaves      []*leave
}

// leave is an exception from the days.
type leave struct {
	id, by            string
	branch, evaluator string // "" = any
	until             int
	ended             bool
}

func (l *leave) state(today int) string {
	switch {
	case l.ended:
		return "ended"
	case l.until < today:
		return "expired"
	}
	return "in_force"
}

// excused reports whether somebody may be late with a branch: by leave that is in
// force, covers both, and was granted by somebody else.
func (d days) excused(author, branch string) bool {
	return slices.ContainsFunc(d.leaves, func(l *leave) bool {
		return l.state(d.today) == "in_force" && l.by != author && (l.branch == "" || l.branch == branch) &&
			(l.evaluator == "" || l.evaluator == author)
	})
}

// window is the rule that sheets are entered today, and whether that takes leave,
// which lifts the end of the window alone.
func (d days) window(author, branch string) (rule, bool) {
	over := d.until != nil && d.today > *d.until
	leave := over && d.excused(author, branch)
	if d.from != nil && d.today < *d.from {
		return rule{true, "window_not_begun"}, false
	}
	return rule{over && !leave, "window_over"}, leave
}

// entry are the rules of period and day for what the author does with a sheet, and
// whether they take leave.
func (m *model) entry(of *sheet) (phase, closed rule, leave bool) {
	if of.state != "returned" {
		closed, leave = m.window(of.author, of.branch)
		return m.during("open"), closed, leave
	}
	late := of.due != nil && m.today > *of.due
	leave = late && m.excused(of.author, of.branch)
	return m.during("open", "review"), rule{late && !leave, "due_passed"}, leave
}

// pass lets some days go by.
func (m *model) pass(s step) {
	m.today += 1 + s.Value%3
	m.clock.noon(m.t, dayOf(m.today))
}

// change sets the window of entry, or takes it away.
func (m *model) change(s step) {
	var from, until *int
	body := object{"notice_days": 0, "reason": "because"}
	if s.Value%4 > 0 {
		first, last := m.today+s.Days[0], m.today+max(s.Days[0], s.Days[1])
		from, until = &first, &last
		body["entry_from"], body["entry_until"] = dayOf(first), dayOf(last)
	}
	a := m.by(s.By).IfMatch(fmt.Sprintf("%q", fmt.Sprint(m.version))).Put(m.path, body)
	if m.result(a, refusalBy(only(s.By), m.during("planned", "open", "review"))) {
		m.from, m.until = from, until
		m.version++
	}
}

// grant gives leave to an author, for a branch, or both.
func (m *model) grant(s step) {
	l := &leave{by: s.By, until: m.today + s.Days[1]}
	if s.Value%3 != 0 {
		l.evaluator = s.Author
	}
	if s.Value%3 != 1 {
		l.branch = s.Branch
	}
	body := object{"until": dayOf(l.until), "reason": "flood"}
	for name, value := range map[string]string{"branch": l.branch, "evaluator": l.evaluator} {
		if value != "" {
			body[name] = value
		}
	}
	a := m.by(s.By).Post(m.path+"/exceptions", body)
	if m.result(a, refusalBy(only(s.By), m.during("planned", "open", "review"), rule{l.evaluator == s.By, "own_exception"})) {
		l.id = last(a)
		m.leaves = append(m.leaves, l)
	}
}

// end takes leave back.
func (m *model) end(s step) {
	if len(m.leaves) == 0 {
		return
	}
	l := m.leaves[s.Value%len(m.leaves)]
	a := m.by(s.By).IfMatch(`"1"`).Post(m.path+"/exceptions/"+l.id+"/end", object{"reason": "because"})
	code := refusalBy(only(s.By), rule{l.state(m.today) != "in_force", "no_such_transition"},
		m.during("planned", "open", "review"), rule{l.evaluator == s.By, "own_exception"})
	l.ended = m.result(a, code) || l.ended
}

// showsLeave holds the exceptions against the model, and who is told to end them.
func (m *model) showsLeave() {
	type exception struct {
		ID, State string
		Allowed   []string
	}
	shown := apitest.Decode[struct{ Items []exception }](m.by("chen").Get(m.path+"/exceptions?page_size=200"),
		http.StatusOK).Items
	if len(shown) != len(m.leaves) {
		m.rt.Fatalf("%s: %d exceptions are shown, the model knows %d", m.at, len(shown), len(m.leaves))
	}
	for _, l := range m.leaves {
		i := slices.IndexFunc(shown, func(e exception) bool { return e.ID == l.id })
		ends := l.state(m.today) == "in_force" && !m.during("planned", "open", "review").broken && l.evaluator != "chen"
		if i < 0 || shown[i].State != l.state(m.today) || slices.Equal(shown[i].Allowed, []string{"end"}) != ends {
			m.rt.Fatalf("%s: the exceptions are %+v, the model says %+v, which can be ended: %t", m.at, shown, *l, ends)
		}
	}
}
