package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"
	"pgregory.net/rapid"

	"bulwark/docs"
	"bulwark/internal/access"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

// What an answer says is allowed is exactly what a call would do, whatever the
// states, the days, the duties and the caller: everything is put where it may
// stand, each call is tried through the router, and all of it undone.
func TestAllowedIsWhatACallWouldDo(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		p := newProber(t, db)
		draw := func(kinds []kind) {
			rapid.Check(t, func(rt *rapid.T) {
				p.clock.noon(t, p.someDay(rt, "today"))
				err := database.InTx(t.Context(), p.db, func(tx *gorm.DB) error {
					p.tx = tx
					p.scatter(rt)
					for range 3 {
						of := rapid.SampledFrom(kinds).Draw(rt, "what")
						p.probe(rt, rapid.SampledFrom(p.callers).Draw(rt, "caller"), of, rapid.SampledFrom(of.paths).Draw(rt, "of"))
					}
					p.scene(rt)
					return errUndo
				})
				if !errors.Is(err, errUndo) {
					rt.Fatal(err)
				}
			})
		}
		draw(p.kinds)
		for range 4 { // by chance a call may not have been possible: only of its kind, it soon is
			if kinds := p.unseen(); len(kinds) > 0 {
				draw(kinds)
			}
		}
		for _, k := range p.unseen() {
			t.Errorf("not every call of a %s was ever possible: done are %v", k.name, p.done)
		}
		t.Logf("%d calls, done: %v", p.calls, p.done)
	})
}

// unseen returns the kinds of which a call was never possible.
func (p *prober) unseen() (kinds []kind) {
	for _, k := range p.kinds {
		for verb := range k.verbs {
			if p.done[k.name+" "+verb] == 0 && !seldom[k.name+" "+verb] {
				kinds = append(kinds, k)
				break
			}
		}
	}
	return kinds
}

// kind is one of the resources that have a state.
type kind struct {
	name, table, key string
	list             string // address of the list that shows it, "" where none does at once
	paths            []string
	verbs            map[string]attempt
}

// attempt is a call that a verb stands for: made as well as it can be made.
type attempt struct {
	method, below string
	body          object
	from          string // the verb is of this state alone, where another one's call is the same
}

func to(state string) attempt {
	return attempt{http.MethodPost, "/transitions", object{"to": state, "reason": "because"}, ""}
}

func toFrom(state, from string) attempt {
	return attempt{
		http.MethodPost, "/transitions", object{"to": state, "reason": "because", "force": state == "locked"}, from,
	}
}

// prober tries calls on a world, in a transaction that is taken back.
type prober struct {
	*world
	clock   *wallClock
	tx      *gorm.DB
	first   day.Date // on which the world was made
	kinds   []kind
	callers []string
	done    map[string]int // how often each verb was possible
	calls   int
}

func newProber(t *testing.T, db *gorm.DB) *prober {
	h, clock := newHarnessAt(t, db, "2026-04-01 12:00:00")
	p := &prober{world: worldOf(t, h), clock: clock, first: "2026-04-01", done: map[string]int{}}
	leads := ties{"b01": access.Leads} // besides being of the leading group
	for code, role := range map[string]policy.Role{"fang": policy.LeadingGroup} {
		p.joins(code, role, leads)
		p.secret[code] = p.key(credential.Key{Roles: []policy.Role{role}, Towns: []string{"demo"}, PersonCode: &code})
	}
	zheng := "zheng" // whose proposal the world has
	p.secret[zheng] = p.key(credential.Key{
		Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{"demo"}, PersonCode: &zheng,
	})
	limited := "leading_group"
	p.secret["limited"] = p.key(credential.Key{
		Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{"demo"}, PersonCode: &limited, Branches: []string{"b01"},
	})
	p.callers = []string{readOnly, "fang", "limited"}
	for _, role := range policy.Roles() {
		p.callers = append(p.callers, string(role))
	}
	p.callers = append(p.callers, "leading_group", "leading_group", "secretary", "mentor") // of whom there is most to see
	group := h.as(policy.LeadingGroup)
	for _, body := range []object{
		{"evaluator": "mentor"}, {"evaluator": "leading_group"}, {"branch": "b02"}, {"branch": "b01", "evaluator": "fang"},
	} {
		body["until"], body["reason"] = "2026-04-05", "flood"
		by := group
		if body["evaluator"] == "leading_group" {
			by = h.As(p.secret["fang"])
		}
		for _, state := range []string{"open", "review"} {
			made := by.Post("/towns/demo/periods/in-"+state+"/exceptions", body).Want(http.StatusCreated)
			p.exceptions[state+fmt.Sprint(body)] = last(made)
		}
	}
	p.kinds = p.resources()
	return p
}

// seldom are the calls that a hundred draws may leave out: a cancelled period is planned again only where no other has
// its days, and a right is acknowledged only after another person seconded it. Their own tests see them.
var seldom = map[string]bool{"period plan": true, "decidingRight acknowledge": true}

// sameRules are the schemas that are not tried here: one row of verbs both fills their allowed and refuses the
// call, which the tests of internal/workflow assert. A call of them is also refused for what it sends, or for other
// records, so that it would have to be made anew for each state that is drawn; the tests of each noun do that.
var sameRules = []string{
	"Appointment", "Assignment", "OfficeMember", "OfficeLink", // cancellations_test.go tries them for each caller
	"SchemeVersion",            // a draft is alone of its scheme, and once done nothing is allowed any more
	"Branch",                   // branch_slips_test.go
	"EntryFormRow", "HomeItem", // what the lists of the nouns allow
	"Analysis",          // one draft of a mentor for each result; submitting needs a cause
	"ExchangeEvent",     // holding it depends on its day alone
	"JointProblem",      // who solved it is in its history, which is not drawn by SQL
	"PublicationDetail", // its day to be withdrawn has its own tests
	"Case", "Target",    // a hundred draws over so many nouns see too few of their states
	"Person", "PersonOn", "PseudonymisedPerson", // once done nothing is allowed any more
	"Plan", "PlanItem", // two kinds over one row, and items that follow the approval
	"ProgressReport",   // the author alone, and figures of the day
	"Project", "Round", // a round moves its projects
	"Evidence", // evidence_test.go
	"Task",     // who is responsible differs from who sets it, so that one body fits no two of them
	"Visit",    // corrected in place under its version
}

// A noun that says what is allowed is tried, or stands among those that need not be.
func TestWhateverSaysWhatIsAllowedIsTried(t *testing.T) {
	p, tried := &prober{world: &world{}}, slices.Clone(sameRules)
	for _, k := range p.resources() {
		tried = append(tried, strings.ToUpper(k.name[:1])+k.name[1:])
	}
	var document struct {
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal([]byte(docs.OpenAPI), &document); err != nil {
		t.Fatal(err)
	}
	for name, schema := range document.Components.Schemas {
		if _, says := schema.Properties["allowed"]; says && !slices.Contains(tried, name) {
			t.Errorf("%s says what is allowed: add its calls to resources, or its name to sameRules", name)
		}
	}
}

func (p *prober) resources() []kind {
	const town = "/api/v1/towns/demo"
	period := kind{name: "period", table: "periods", key: "code", list: town + "/periods", verbs: map[string]attempt{
		"change": {http.MethodPut, "", object{"reason": "because"}, ""},
		"open":   to("open"), "review": toFrom("review", "open"), "unlock": toFrom("review", "locked"),
		"lock": toFrom("locked", ""), "publish": to("published"), "finalise": to("final"),
		"cancel": to("cancelled"), "plan": toFrom("planned", ""),
	}}
	sheet := kind{name: "sheet", table: "evaluations", key: "id", list: town + "/evaluations?page_size=200", verbs: map[string]attempt{
		"write":  {http.MethodPut, "", object{"note": "again", "entries": []object{}}, ""},
		"submit": to("submitted"), "withdraw": to("draft"), "approve": to("approved"), "return": to("returned"),
		"attach": {http.MethodPost, "/evidence?of=evaluation&indicator=meetings&record=", nil, ""},
	}}
	adjustment := kind{name: "adjustment", table: "adjustments", key: "id", list: town + "/adjustments?page_size=200", verbs: map[string]attempt{
		"approve": { // knowing of any other by the same evidence
			http.MethodPost, "/transitions", object{"to": "approved", "reason": "because", "acknowledge": true}, "",
		},
		"reject": to("rejected"), "withdraw": to("withdrawn"),
	}}
	exception := kind{name: "exception", table: "entry_exceptions", key: "id", verbs: map[string]attempt{
		"end": {http.MethodPost, "/end", object{"reason": "because"}, ""},
	}}
	appeal := kind{name: "appeal", table: "appeals", key: "id", list: town + "/appeals", verbs: map[string]attempt{
		"uphold": {
			http.MethodPost, "/transitions", object{
				"to": "upheld", "reason": "because", "corrections": []object{{"code": "meetings", "value": 3}},
			}, "",
		},
		"reject": to("rejected"), "withdraw": {http.MethodPost, "/transitions", object{"to": "withdrawn"}, ""},
		"attach": {http.MethodPost, "/evidence?of=appeal&record=", nil, ""},
	}}
	for _, state := range states {
		period.paths = append(period.paths, town+"/periods/in-"+state)
	}
	for _, id := range p.sheets {
		sheet.paths = append(sheet.paths, town+"/evaluations/"+id)
	}
	for _, id := range p.bonuses {
		adjustment.paths = append(adjustment.paths, town+"/adjustments/"+id)
	}
	for at, id := range p.exceptions {
		state := "open"
		if strings.HasPrefix(at, "review") {
			state = "review"
		}
		exception.paths = append(exception.paths, town+"/periods/in-"+state+"/exceptions/"+id)
	}
	for _, id := range p.appeals {
		appeal.paths = append(appeal.paths, town+"/appeals/"+id)
	}
	proposed := kind{name: "publicationProposal", table: "proposals", key: "id", list: town + "/proposals", verbs: map[string]attempt{
		"confirm": to("confirmed"), "reject": to("rejected"), "withdraw": to("withdrawn"),
	}, paths: []string{town + "/proposals/" + p.ids["proposal"]}}
	right := kind{name: "decidingRight", table: "deciding_rights", key: "id", list: town + "/rights", verbs: map[string]attempt{
		"second": to("seconded"), "acknowledge": to("acknowledged"), "reject": to("rejected"), "give_alone": to("alone"),
	}, paths: []string{town + "/rights/" + p.ids["right"]}}
	kinds := []kind{period, sheet, sheet, sheet, adjustment, exception, appeal, proposed, right}
	for _, k := range kinds {
		slices.Sort(k.paths)
	}
	return kinds
}

func (p *prober) someDay(rt *rapid.T, label string) day.Date {
	return p.first.AddDays(rapid.IntRange(0, 7).Draw(rt, label))
}

func (p *prober) maybeDay(rt *rapid.T, label string) *day.Date {
	if rapid.Bool().Draw(rt, "no "+label) {
		return nil
	}
	d := p.someDay(rt, label)
	return &d
}

func oneOf[T any](rt *rapid.T, label string, values ...T) T {
	return rapid.SampledFrom(values).Draw(rt, label)
}

// scatter puts everything into states and days that are drawn, and ends duties and
// a branch.
func (p *prober) scatter(rt *rapid.T) {
	now := p.tx.NowFunc()
	for i, was := range states {
		columns := map[string]any{
			"entry_from": p.maybeDay(rt, "from"), "entry_until": p.maybeDay(rt, "until"),
			"review_until": p.maybeDay(rt, "review"),
		}
		if i < 4 { // what was published stays so
			columns["state"] = oneOf(rt, was+" is", "open", was, "planned", "review", "locked", "cancelled")
		}
		if rapid.Bool().Draw(rt, was+" moved now") {
			columns["state_at"] = now // and so its run, if it has one, is of an earlier lock
		}
		p.set("periods", "code = 'in-"+was+"'", columns)
	}
	for _, digits := range []string{"0123", "4567", "89ab", "cdef"} {
		p.set("evaluations", "substr(id, 36) IN ('"+strings.Join(strings.Split(digits, ""), "', '")+"')", map[string]any{
			"state": oneOf(rt, digits, "draft", "submitted", "returned", "approved"), "due_on": p.maybeDay(rt, "due"),
			"submitted_at": now, "decided_at": now, "decided_by": "leading_group",
		})
	}
	p.set("adjustments", "id LIKE '%"+oneOf(rt, "which", "1", "3", "7", "b")+"'",
		map[string]any{"state": oneOf(rt, "adjustment", "proposed", "approved", "rejected", "withdrawn")})
	p.set("entry_exceptions", "1 = 1", map[string]any{"until": p.someDay(rt, "lasts")})
	if rapid.IntRange(0, 3).Draw(rt, "ended") == 0 {
		p.set("entry_exceptions", "1 = 1", map[string]any{"ended_at": now, "ended_by": "fang", "end_reason": "dry"})
	}
	if rapid.IntRange(0, 2).Draw(rt, "answered") == 0 {
		p.set("appeals", "1 = 1", map[string]any{
			"state": "rejected", "decided_by": "fang", "decided_at": now, "answer": "no",
		})
	}
	if rapid.IntRange(0, 3).Draw(rt, "closed") == 0 {
		p.set("branches", "code = '"+oneOf(rt, "which branch", "b01", "b02")+"'", map[string]any{"closed_on": "2024-02-01"})
	}
	if rapid.IntRange(0, 3).Draw(rt, "duty ended") == 0 {
		p.set("assignments", "person_code = '"+oneOf(rt, "whose", "mentor", "secretary", "fang")+"'",
			map[string]any{"valid_until": "2026-03-31"})
	}
}

func (p *prober) set(table, where string, columns map[string]any) {
	p.must(p.tx.Table(table).Where("town_id = 'demo' AND " + where).Updates(columns).Error)
}

// scene tries what drawing alone would seldom meet.
func (p *prober) scene(rt *rapid.T) {
	none := map[string]any{"entry_from": nil, "entry_until": nil, "state": "open"}
	p.set("assignments", "1 = 1", map[string]any{"valid_until": nil})
	p.clock.noon(p.t, p.first.AddDays(2))
	switch rapid.IntRange(0, 9).Draw(rt, "scene") {
	case 8:
		p.set("deciding_rights", "1 = 1", map[string]any{
			"state": oneOf(rt, "right", "pending", "seconded"), "seconded_by": oneOf(rt, "seconder", "", "zheng"),
		})
		p.probe(rt, oneOf(rt, "who", "zheng", "fang", "leading_group", "admin"), p.kind("decidingRight"), p.ids["right"])
	case 9: // nobody is left who decides
		p.set("appointments", "role = 'leading_group'", map[string]any{"valid_until": "2026-03-31"})
		p.probe(rt, "admin", p.kind("decidingRight"), p.ids["right"])
	case 7:
		p.probe(rt, oneOf(rt, "who", "zheng", "fang", "leading_group", "leadership"), p.kind("publicationProposal"), p.ids["proposal"])
	case 0:
		p.clock.noon(p.t, p.first.AddDays(7))
		p.set("appeals", "1 = 1", map[string]any{
			"state": "rejected", "decided_by": "fang", "decided_at": p.tx.NowFunc(), "answer": "no",
		})
		p.probe(rt, "leading_group", p.kind("period"), "in-published")
	case 1:
		p.set("periods", "code = 'in-locked'", map[string]any{"state": "locked", "state_at": p.first.Start().UTC()})
		p.probe(rt, "leading_group", p.kind("period"), "in-locked")
	case 2:
		id := p.sheets[[3]string{"open", "mentor", "b01"}]
		p.set("periods", "code = 'in-open'", none)
		p.set("evaluations", "id = '"+id+"'", map[string]any{"state": oneOf(rt, "sheet", "submitted", "draft")})
		p.probe(rt, "mentor", p.kind("sheet"), id)
		p.probe(rt, "leading_group", p.kind("sheet"), id)
	case 3:
		id := p.bonuses[[3]string{"open", "mentor", "b01"}]
		p.set("periods", "code = 'in-open'", none)
		p.set("adjustments", "id = '"+id+"'", map[string]any{"state": "proposed"})
		p.probe(rt, "mentor", p.kind("adjustment"), id)
		p.probe(rt, "leading_group", p.kind("adjustment"), id)
	case 4:
		p.set("periods", "code = 'in-open'", none)
		p.set("entry_exceptions", "1 = 1", map[string]any{"until": p.first.AddDays(3), "ended_at": nil})
		p.probe(rt, "leading_group", p.kind("exception"), p.exceptions["open"])
	case 6:
		for _, state := range []string{"planned", "open", "review"} {
			p.set("periods", "code = 'in-open'", map[string]any{"state": state})
			p.probe(rt, "leading_group", p.kind("period"), "in-open")
		}
	case 5:
		p.set("appeals", "1 = 1", map[string]any{"state": "filed", "decided_at": nil, "decided_by": ""})
		p.probe(rt, oneOf(rt, "who", "secretary", "leading_group"), p.kind("appeal"), p.appeals["b01"])
	}
}

func (p *prober) kind(name string) kind {
	return p.kinds[slices.IndexFunc(p.kinds, func(k kind) bool { return k.name == name })]
}

// ask sends a request within the transaction.
func (p *prober) ask(caller, method, path string, body any, version int64) *httptest.ResponseRecorder {
	sent, isFile := body.([]byte)
	if !isFile {
		var err error
		sent, err = json.Marshal(body)
		p.must(err)
		if string(sent) == "null" {
			sent = nil
		}
	}
	r := httptest.NewRequestWithContext(p.t.Context(), method, path, bytes.NewReader(sent))
	if sent != nil {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("If-Match", fmt.Sprintf("%q", fmt.Sprint(version)))
	}
	r.Header.Set("Authorization", "Bearer "+p.secret[caller])
	answer := httptest.NewRecorder()
	p.handler.ServeHTTP(answer, r.WithContext(rest.WithTx(context.WithoutCancel(r.Context()), p.tx)))
	return answer
}

// stated is what an answer tells of a thing with a state.
type stated struct {
	ID, Code, State string
	Allowed         []string
}

// probe compares what the caller is told about the thing, named by the end of its
// path, with what each call does.
func (p *prober) probe(rt *rapid.T, caller string, of kind, end string) {
	path := of.paths[slices.IndexFunc(of.paths, func(path string) bool { return strings.HasSuffix(path, end) })]
	var told stated
	shown := p.ask(caller, http.MethodGet, path, nil, 0)
	switch shown.Code {
	case http.StatusOK:
		p.must(json.Unmarshal(shown.Body.Bytes(), &told))
	case http.StatusNotFound, http.StatusForbidden:
	default:
		rt.Fatalf("%s reads %s: %d %s", caller, path, shown.Code, shown.Body)
	}
	id := path[strings.LastIndexByte(path, '/')+1:]
	if of.list != "" {
		p.listed(rt, caller, of, id, shown.Code == http.StatusOK, told.Allowed)
	}
	var stored struct {
		Version int64
		State   string
	}
	columns := "version"
	if of.table != "entry_exceptions" {
		columns += ", state"
	}
	p.must(p.tx.Table(of.table).Select(columns).Where("town_id = 'demo' AND "+of.key+" = ?", id).Take(&stored).Error)
	for verb, try := range of.verbs {
		possible := false
		if try.from == "" || try.from == stored.State {
			possible = p.try(rt, caller, path, verb, try, stored.Version, told)
		}
		if possible {
			p.done[of.name+" "+verb]++
		}
		if slices.Contains(told.Allowed, verb) != possible {
			rt.Fatalf("%s is told that %q is allowed on the %s %s %s on %s, and a call to %s is possible: %v", caller,
				told.Allowed, stored.State, of.name, path, day.Of(p.clock.now()), verb, possible)
		}
	}
}

// listed holds a list against the answer about one thing.
func (p *prober) listed(rt *rapid.T, caller string, of kind, id string, seen bool, allowed []string) {
	var list struct{ Items []stated }
	a := p.ask(caller, http.MethodGet, of.list, nil, 0)
	if a.Code == http.StatusOK {
		p.must(json.Unmarshal(a.Body.Bytes(), &list))
	}
	at := slices.IndexFunc(list.Items, func(s stated) bool { return s.ID == id || s.Code == id })
	if (at >= 0) != seen || seen && !slices.Equal(list.Items[at].Allowed, allowed) {
		rt.Fatalf("%s is told that %q is allowed on the %s %s, and the list says %+v", caller, allowed, of.name,
			id, list.Items)
	}
}

// try reports whether the call is possible, and undoes it. Refusals are those of
// the workflow: nothing else may go wrong.
func (p *prober) try(rt *rapid.T, caller, path, verb string, a attempt, version int64, told stated) bool {
	p.calls++
	p.must(p.tx.Exec("SAVEPOINT attempt").Error)
	at, body := path+a.below, any(a.body)
	if verb == "attach" { // to the address of evidence, which names the record
		at, body = "/api/v1/towns/demo"+a.below+path[strings.LastIndexByte(path, '/')+1:], picture(4, 3)
	}
	answer := p.ask(caller, a.method, at, body, version)
	p.must(p.tx.Exec("ROLLBACK TO SAVEPOINT attempt").Error)
	switch answer.Code {
	case http.StatusOK, http.StatusAccepted, http.StatusCreated:
		return true
	case http.StatusConflict:
		// The states are drawn by SQL, which an amendment notices: that says nothing of what the caller may do.
		return strings.Contains(answer.Body.String(), `"published_data_differs"`)
	case http.StatusForbidden, http.StatusNotFound, http.StatusLocked:
		return false
	}
	rt.Fatalf("%s tries to %s %s (%+v): %d %s", caller, verb, path, told, answer.Code, answer.Body)
	return false
}
