package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/day"
	"bulwark/internal/improve/report"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/text"
)

// world is the harness with something to ask about in every state of a period.
//
// Each role that evaluates has a draft and a proposal of its own for b01, which is
// in its reach. Somebody else, a mentor of b01 and b02, has submitted a sheet and
// proposed a bonus for both.
type world struct {
	*harness
	t       *testing.T
	handler http.Handler
	secret  map[string]string    // caller → key
	sheets  map[[3]string]string // state, author, branch → id
	bonuses map[[3]string]string
	runs    map[string]string // state → id
	appeals map[string]string // branch → id

	exceptions map[string]string            // state → id
	tasks      map[string]string            // who answers for it → id
	things     map[string]map[string]string // parameter of a path → branch → id
	ids        map[string]string            // what there is one of: key, assignment
	reports    map[string]string            // author → id
	visits     map[string]string            // author of a draft in b01, or branch of a recorded one → id
}

const nothing = "00000000-0000-7000-8000-000000000000"

func newWorld(t *testing.T, db *gorm.DB) *world { return worldOf(t, newHarness(t, db)) }

// worldOf fills a harness.
func worldOf(t *testing.T, h *harness) *world {
	handler, err := h.server.Handler()
	h.must(err)
	w := &world{
		harness: h, t: t, handler: handler, secret: map[string]string{"": ""},
		sheets: map[[3]string]string{}, bonuses: map[[3]string]string{}, runs: map[string]string{},
		appeals: map[string]string{}, exceptions: map[string]string{}, things: map[string]map[string]string{},
		tasks: map[string]string{}, ids: map[string]string{}, visits: map[string]string{},
		reports: map[string]string{},
	}
	w.inForce(smallScheme)
	w.as(policy.LeadingGroup).Post("/towns/demo/schemes",
		strings.Replace(smallScheme, `"version": 1`, `"version": 2`, 1)).Want(http.StatusCreated)
	for _, parameter := range []string{":target", ":problem", ":reminder", ":evidence"} {
		w.things[parameter] = map[string]string{}
	}
	w.keys()
	w.fill()
	w.as(policy.Admin).Post("/keys", w.keyOf("qian")).Want(http.StatusCreated)
	var waits credential.Right
	w.must(w.db.Take(&waits).Error)
	w.ids["right"] = waits.ID
	maps.Copy(w.things, w.exchange())
	w.things[":analysis"] = w.analysed()
	w.things[":plan"], w.things[":item"] = w.approvedPlans()
	w.improve()
	w.proposes()
	return w
}

// proposes leaves the publication of a half year to a second person.
func (w *world) proposes() {
	zheng := w.joins("zheng", policy.LeadingGroup, nil)
	at := "/towns/demo/periods/half"
	zheng.Post("/towns/demo/periods", object{
		"code": "half", "kind": "half_year", "starts_on": "2023-01-01", "ends_on": "2023-06-30", "scheme": object{"code": "small"},
	}).Want(http.StatusCreated)
	w.steps("half", "open")
	lin := w.joins("lin", policy.Mentor, ties{
		"b01": access.Mentors, "b02": access.Mentors, "b03": access.Mentors, "b04": access.Mentors,
	})
	for _, branch := range []string{"b01", "b02", "b03", "b04"} {
		counted(lin, w.as(policy.LeadingGroup), "half", branch, value("meetings", 12), value("spirit", 9),
			level("standing", "A"), value("complaints", 0))
	}
	w.steps("half", "review", "locked")
	zheng.Post(at+"/runs", nil).Want(http.StatusCreated)
	made := zheng.IfMatch(zheng.Get(at).ETag()).Post(at+"/transitions",
		object{"to": "published", "force": true, "reason": "others are late"}).Want(http.StatusAccepted)
	w.ids["proposal"] = last(made)
}

// keys makes a key for each caller.
func (w *world) keys() {
	person := string(policy.LeadingGroup)
	for role, secret := range w.secrets {
		w.secret[string(role)] = secret
	}
	group := []policy.Role{policy.LeadingGroup}
	w.secret[readOnly] = w.key(credential.Key{Roles: group, Towns: []string{"demo"}, PersonCode: &person, ReadOnly: true})
	_, err := people.Create(w.t.Context(), w.db,
		people.Person{TownID: "quiet", Code: "stranger", Name: text.Same("stranger")})
	w.must(err)
	w.appointed("quiet", "stranger", policy.LeadingGroup)
	w.secret[stranger] = w.key(credential.Key{Roles: group, Towns: []string{"quiet"}, PersonCode: new("stranger")})
	w.secret[revoked] = w.key(credential.Key{Roles: []policy.Role{policy.Admin}})
	w.secret["spare"] = w.key(credential.Key{Roles: []policy.Role{policy.Reader}})
	prefix := func(secret string) string { return secret[:len("bw_12345678")] }
	w.must(credential.RevokeKey(w.t.Context(), w.db, prefix(w.secret[revoked]), 1))
	w.ids["key"] = prefix(w.secret["spare"])
	var mentors []people.Assignment
	w.must(w.db.Where("person_code = ?", "mentor").Find(&mentors).Error)
	w.ids["assignment"] = mentors[0].ID
	var appointed []people.Appointment
	w.must(w.db.Where("person_code = ?", "mentor").Find(&appointed).Error)
	w.ids["appointment"] = appointed[0].ID
	var members []people.OfficeMember
	w.must(w.db.Find(&members).Error)
	var links []people.OfficeLink
	w.must(w.db.Find(&links).Error)
	w.ids["member"], w.ids["link"] = members[0].ID, links[0].ID
	w.ids["webhook"] = last(w.as(policy.Admin).Post("/towns/demo/webhooks",
		object{"url": "https://example.org/hook", "role": "reader"}).Want(http.StatusCreated))
	w.as(policy.Admin).Post("/accounts", object{"name": "spare", "roles": []string{"reader"}}).Want(http.StatusCreated)
}

var evaluators = []policy.Role{policy.Secretary, policy.Mentor, policy.Instructor, policy.Office, policy.LeadingGroup}

// fill plays one period into each state.
func (w *world) fill() {
	w.as(policy.LeadingGroup).Post("/towns/demo/branches", object{
		"code": "b04", "name": named("branch b04"), "kind": "village", "founded_on": "2020-01-01",
	}).Want(http.StatusCreated)
	w.as(policy.Admin).Post("/towns/demo/offices/office/links",
		object{"branch": "b04", "from": "2020-01-01"}).Want(http.StatusCreated)
	for role, duty := range duties {
		w.as(policy.Admin).Post("/towns/demo/assignments",
			object{"person": role, "branch": "b04", "duty": duty, "from": "2020-01-01"}).Want(http.StatusCreated)
	}
	other := w.joins("other", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors})
	// not called as the role is: who may not read people must see the difference
	qian := w.joins("qian", policy.LeadingGroup, nil)
	steps := func(period string, states ...string) {
		for _, to := range states {
			moved(qian, "/towns/demo/periods/"+period, to, "next").Want(http.StatusOK)
		}
	}
	all := w.joins("all", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors, "b03": access.Mentors})
	for i, state := range states {
		period := "in-" + state
		quarter := []string{
			"2024-01-01", "2024-03-31", "2024-04-01", "2024-06-30", "2024-07-01", "2024-09-30", "2024-10-01", "2024-12-31",
			"2025-01-01", "2025-03-31", "2025-04-01", "2025-06-30",
		}[2*i:]
		qian.Post("/towns/demo/periods", object{
			"code": period, "kind": "quarter", "starts_on": quarter[0], "ends_on": quarter[1], "scheme": object{"code": "small"},
			"notice_days": map[bool]int{true: 5, false: 0}[state == "published"], // a final one has no notice open
		}).Want(http.StatusCreated)
		if i == 0 {
			continue
		}
		steps(period, "open")
		for _, branch := range []string{"b01", "b02", "b03"} {
			counted(all, w.as(policy.LeadingGroup), period, branch, value("meetings", 12), value("spirit", 9),
				level("standing", "A"), value("complaints", 0))
		}
		for _, role := range evaluators {
			entry := value("spirit", 5)
			if role == policy.Secretary || role == policy.Office {
				entry = value("meetings", 5)
			}
			w.sheet(w.as(role), state, string(role), "b01", entry)
		}
		for _, branch := range []string{"b01", "b02"} {
			w.sheet(other, state, "other", branch, value("spirit", 7))
			moved(other, "/towns/demo/evaluations/"+w.sheets[[3]string{state, "other", branch}], "submitted",
				"").Want(http.StatusOK)
		}
		for _, to := range states[2 : min(i, 3)+1] {
			path := "/towns/demo/periods/" + period
			qian.IfMatch(qian.Get(path).ETag()).Post(path+"/transitions",
				object{"to": to, "reason": "some stay undecided", "force": to == "locked"}).Want(http.StatusOK)
		}
		if i < 3 {
			granted := w.as(policy.LeadingGroup).Post("/towns/demo/periods/"+period+"/exceptions",
				exceptionFor(w, "b01")).Want(http.StatusCreated)
			w.exceptions[state] = last(granted)
		}
		if i >= 3 {
			made := qian.Post("/towns/demo/periods/"+period+"/runs", nil).Want(http.StatusCreated)
			w.runs[state] = last(made)
			steps(period, states[4:i+1]...)
		}
		if state == "published" {
			w.appeal(w.as(policy.Secretary), "b01")
			for _, branch := range []string{"b01", "b02"} {
				w.things[":target"][branch] = last(w.as(policy.LeadingGroup).Post("/towns/demo/targets",
					object{"branch": branch, "reason": "seen"}).Want(http.StatusCreated))
			}
			for _, role := range evaluators {
				w.task("b01", string(role))
			}
			w.task("b02", "other")
			w.appeal(w.joins("wu", policy.Secretary, ties{"b02": access.Leads}), "b02")
		}
	}
}

func last(made *apitest.Answer) string {
	at := made.Header.Get("Location")
	return at[strings.LastIndexByte(at, '/')+1:]
}

// sheet begins a sheet and proposes a bonus.
func (w *world) sheet(c *apitest.Client, state, author, branch string, entry object) {
	period := "in-" + state
	begun := c.Post("/towns/demo/evaluations", sheetOf(period, branch, []object{entry})).Want(http.StatusCreated)
	w.sheets[[3]string{state, author, branch}] = last(begun)
	proposed := c.Post("/towns/demo/adjustments", object{
		"period": period, "branch": branch, "kind": "bonus", "item": "model", "reason": "seen",
	}).Want(http.StatusCreated)
	w.bonuses[[3]string{state, author, branch}] = last(proposed)
}

// exceptionFor lets sheets about a branch come late.
func exceptionFor(w *world, branch string) object {
	return object{"branch": branch, "until": day.Of(w.server.Now()).AddDays(9), "reason": "flood"}
}

func appealOf(period, branch string) object {
	return object{
		"period": period, "branch": branch, "statement": "miscounted",
		"points": []object{{"code": "meetings", "claim": "12"}},
	}
}

// appeal objects to the published result of the branch.
func (w *world) appeal(c *apitest.Client, branch string) {
	filed := c.Post("/towns/demo/appeals", appealOf("in-published", branch)).Want(http.StatusCreated)
	w.appeals[branch] = last(filed)
}

// improve makes what the loop of improvement has: drafts of those who visit, and
// something of others in b01 and b02.
func (w *world) improve() {
	visit := func(c *apitest.Client, branch string) string {
		return last(c.Post("/towns/demo/visits", visitOf(object{"branch": branch})).Want(http.StatusCreated))
	}
	other := w.joins("zhou", policy.Instructor, ties{"b01": access.Instructs, "b02": access.Instructs})
	for _, branch := range []string{"b01", "b02"} {
		w.visits[branch] = visit(other, branch)
		moved(other, "/towns/demo/visits/"+w.visits[branch], "recorded", "").Want(http.StatusOK)
		w.things[":problem"][branch] = last(other.Post("/towns/demo/problems",
			troubleOf(object{"branch": branch})).Want(http.StatusCreated))
	}
	for branch, problem := range w.things[":problem"] {
		w.things[":evidence"][branch] = last(attached(other, "problem", problem, "", picture(4, 3)).Want(http.StatusCreated))
	}
	w.reports["zhou"] = last(other.Post("/towns/demo/reports",
		reportOf("2026-01-01", "2026-01-31")).Want(http.StatusCreated))
	remarked(other, "/towns/demo/reports/"+w.reports["zhou"], "submitted", "").Want(http.StatusOK)
	w.reports["instructor"] = last(w.as(policy.Instructor).Post("/towns/demo/reports",
		reportOf("2026-01-01", "2026-01-31")).Want(http.StatusCreated))
	w.must(w.db.Exec("UPDATE problems SET due_on = '2026-01-01'").Error)
	_, err := report.Remind(w.t.Context(), w.db)
	w.must(err)
	var reminders []report.Reminder
	w.must(w.db.Where("kind = 'problem_overdue'").Find(&reminders).Error)
	for _, r := range reminders {
		w.things[":reminder"][*r.BranchCode] = r.ID
	}
	for _, role := range []policy.Role{policy.Instructor, policy.Office} {
		w.visits[string(role)] = visit(w.as(role), "b01")
	}
}

// visited gives the caller's own draft, or what others recorded.
func (w *world) visited(c cell) string {
	switch {
	case c.about == missing || c.about == elsewhere:
		return nothing
	case c.about == others:
		return w.visits["b02"]
	case w.visits[c.caller] != "":
		return w.visits[c.caller]
	}
	return w.visits["b01"]
}

// reported gives the caller's own draft, or what another submitted.
func (w *world) reported(c cell) string {
	switch {
	case c.about == missing || c.about == elsewhere:
		return nothing
	case c.about == own && c.caller == string(policy.Instructor):
		return w.reports[c.caller]
	}
	return w.reports["zhou"]
}

// analysed makes a mentor submit an analysis of b01 and one of b02.
func (w *world) analysed() map[string]string {
	ding := w.joins("ding", policy.Mentor, ties{"b01": access.Mentors, "b02": access.Mentors})
	ids := map[string]string{}
	for _, branch := range []string{"b01", "b02"} {
		found := object{"indicator": "meetings", "kind": "team", "cause": "x"}
		begun := ding.Post("/towns/demo/analyses",
			object{"period": "in-published", "branch": branch, "findings": []object{found}})
		ids[branch] = last(begun.Want(http.StatusCreated))
		moved(ding, "/towns/demo/analyses/"+ids[branch], "submitted", "").Want(http.StatusOK)
	}
	return ids
}

// approvedPlans gives b01 and b02 a plan of one item that waits to be started.
func (w *world) approvedPlans() (plans, items map[string]string) {
	both := func(duty access.Duty) ties { return ties{"b01": duty, "b02": duty} }
	secretary, mentor := w.joins("shu", policy.Secretary, both(access.Leads)),
		w.joins("dao", policy.Mentor, both(access.Mentors))
	plans, items = map[string]string{}, map[string]string{}
	for _, branch := range []string{"b01", "b02"} {
		plans[branch] = last(secretary.Post("/towns/demo/plans",
			object{"branch": branch, "period": "in-published"}).Want(http.StatusCreated))
		at := "/towns/demo/plans/" + plans[branch]
		item := itemOf("spirit", 10)
		item["due_on"] = "2099-06-30" // by the clock of the machine
		rewrites(secretary, at, item).Want(http.StatusOK)
		moved(mentor, at, "advised", "x").Want(http.StatusOK)
		p := decodedPlan(w.t, moved(w.as(policy.LeadingGroup), at, "approved", ""))
		items[branch] = p.Items[0].ID
	}
	w.must(w.db.Exec("UPDATE plan_items SET due_on = '2026-01-01'").Error)
	return plans, items
}

// of gives the caller's own thing in b01 for who writes it, and somebody else's
// for who decides or reads.
func (w *world) of(things map[[3]string]string, c cell) string {
	author, branch := "other", "b01"
	if c.about == others {
		branch = "b02"
	}
	for _, role := range evaluators {
		writes := role != policy.LeadingGroup || c.Method == http.MethodPut || c.Method == http.MethodPatch
		if c.about == own && writes && c.caller == string(role) {
			author = c.caller
		}
	}
	id := things[[3]string{c.state, author, branch}]
	if id == "" || c.about == missing || c.about == elsewhere {
		return nothing
	}
	return id
}

// right is the right to decide that waits in demo, whatever the branch.
func (w *world) right(c cell) string {
	if c.about == elsewhere || c.about == missing {
		return nothing
	}
	return w.ids["right"]
}

// within reports whether what is asked for lies in a town.
func (w *world) within(c cell) bool { return strings.Count(c.Path, ":") > 1 }

// address fills in the path of a cell.
func (w *world) address(c cell) string {
	town := "demo"
	switch {
	case c.about == elsewhere:
		town = "quiet"
	case c.about == missing && !w.within(c):
		town = "nowhere"
	}
	branch := map[subject]string{own: "b01", others: "b02", elsewhere: "b01", missing: "b99"}[c.about]
	period, run := "in-"+c.state, w.runs[c.state]
	if c.about == missing && !strings.Contains(c.Path, ":branch") && !strings.Contains(c.Path, ":run") {
		period = "1999Q1"
	}
	if run == "" || c.about == missing {
		run = nothing
	}
	person, id, scheme, key := "mentor", w.ids["assignment"], "small", w.ids["key"]
	if strings.Contains(c.Path, "scheme-templates") {
		scheme = "five-forces"
	}
	if c.about == missing {
		person, id, scheme, key = "nobody", nothing, "nothing", "bw_00000000"
	}
	appeal, sequence, account := w.appeals[branch], "1", "spare"
	if c.about == missing || c.about == elsewhere || c.state != "published" {
		appeal = nothing
	}
	if c.about == missing {
		sequence, account = "999999", "nobody"
	}
	measure, task := "1", w.tasks["mentor"]
	if mine := w.tasks[c.caller]; mine != "" {
		task = mine
	}
	switch {
	case c.about == others:
		task = w.tasks["other"]
	case c.about == missing && !strings.Contains(c.Path, ":task"):
		measure = "9"
	case c.about == missing, c.about == elsewhere:
		task = nothing
	}
	proposed := w.ids["proposal"]
	if c.about == missing || c.about == elsewhere {
		proposed = nothing
	}
	exception := w.exceptions[c.state]
	if exception == "" || c.about == missing {
		exception = nothing
	}
	for parameter, byBranch := range w.things {
		thing := byBranch[branch]
		if thing == "" || c.about == elsewhere || c.about == missing {
			thing = nothing
		}
		c.Path = strings.Replace(c.Path, parameter, thing, 1)
	}
	c.Path = exchangeCodes(c)
	hook := w.ids["webhook"]
	if c.about == missing || c.about == elsewhere {
		hook = nothing
	}
	set := "results"
	if c.about == missing {
		set = "nothing"
	}
	office := "office"
	for part, thing := range map[string]string{"/appointments/": "appointment", "/members/": "member", "/links/": "link"} {
		if c.about != missing && strings.Contains(c.Path, part) {
			id = w.ids[thing]
		}
	}
	area, category, class := "44", "village", "rural"
	if c.about == missing {
		office, area, category, class = "nowhere", "99", "nothing", "nothing"
	}
	return strings.NewReplacer(":office", office, ":area", area, ":kind", category, ":class", class, ":subBranch", "x", ":exception", exception, ":measure", measure,
		":task", task, ":appeal", appeal, ":sequence", sequence, ":account", account, ":publication", "1", ":town", town,
		":branch", branch, ":indicator", "meetings", ":period", period, ":run", run, ":proposal", proposed, ":person", person, ":id", id,
		":visit", w.visited(c), ":report", w.reported(c), ":right", w.right(c), ":webhook", hook, ":set", set, ":scheme", scheme, ":version",
		"2", ":key", key, ":evaluation", w.of(w.sheets, c), ":adjustment", w.of(w.bonuses, c)).Replace(c.Path)
}

// request is the cell as HTTP.
func (w *world) request(row right, c cell) *http.Request {
	at, match := w.address(c), ""
	var body any
	if row.body != nil {
		body = row.body(w, c)
	}
	if row.version != "" {
		match = fmt.Sprintf("%q", fmt.Sprint(w.version(row.version, at)))
	}
	return w.sent(c.Method, at+row.query, c.caller, match, body)
}

// sent is a request of the caller, with what it needs of body and If-Match.
func (w *world) sent(method, at, caller, match string, body any) *http.Request {
	data, isFile := body.([]byte)
	if body != nil && !isFile {
		var err error
		data, err = json.Marshal(body)
		w.must(err)
	}
	r := httptest.NewRequestWithContext(w.t.Context(), method, at, bytes.NewReader(data))
	if data != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if isFile {
		r.Header.Set("Content-Type", "text/csv")
	}
	if secret := w.secret[caller]; secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	if match != "" {
		r.Header.Set("If-Match", match)
	}
	return r
}

// version reads the version of the thing at the address; 1 where there is none.
func (w *world) version(query, at string) int64 {
	version := int64(1)
	if strings.Contains(query, "?") {
		at = strings.TrimSuffix(strings.TrimSuffix(at, "/transitions"), "/redraft")
		w.must(w.db.Raw(query, at[strings.LastIndexByte(at, '/')+1:]).Scan(&version).Error)
	}
	return max(version, 1)
}
