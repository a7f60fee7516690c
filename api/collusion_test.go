package api

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/ratelimit"
	"bulwark/internal/rest"
)

// collusions is how many random sequences of calls one person tries. `make prove` tries
// more.
var collusions = flag.Int("collusions", 60,
	"random sequences of calls by which one person tries to change what is published")

// depth is how long the sequences of the schemer's own tricks are, of which every one is tried.
// `make prove` tries those of six calls, which takes many minutes.
var depth = flag.Int("depth", 3, "calls of a sequence of own tricks, of which every one is tried")

// calls is how long every other sequence is.
const calls = 6

// schemer is one person, li, who holds every role and credential that the policy lets one
// person hold: appointed to each role, with duties in two branches, a key for each role, a
// second key and an account of the leading group, a key of the leading group that belongs
// to nobody, and a key of an administrator.
type schemer struct {
	*world
	tx    *gorm.DB
	start string // what is published at the beginning
	found []string
	asked int
}

// No sequence of up to six calls by one person over all writing routes changes a published
// figure, administrator or not. The same search finds a way at once where one person may
// publish.
func TestOnePersonChangesNoPublishedFigure(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := newSchemer(t, db)
		for what, search := range map[string]func(){
			"directed": func() { s.explore(tricks(), *depth, nil, map[string]int{}) }, "random": s.wander,
			"by an accomplice": func() { s.explore(accomplice(), calls, nil, map[string]int{}) },
			"by a newcomer":    func() { s.invents(); s.explore(newcomer(), calls, nil, map[string]int{}) },
		} {
			began, before := time.Now(), s.asked
			s.inside("", search)
			if len(s.found) > 0 {
				t.Fatalf("%s: one person changes what is published by %q", what, s.found)
			}
			t.Logf("%s: %d calls in %s", what, s.asked-before, time.Since(began).Round(time.Millisecond))
		}
		s.inside("none", func() { s.explore(tricks(), 1, nil, map[string]int{}) })
		if len(s.found) == 0 {
			t.Error("where one person may publish, the search finds no way to do it")
		}
		withdraws := slices.DeleteFunc(tricks(), func(k trick) bool { return !strings.HasSuffix(k.at, "/withdraw") })
		s.inside("none", func() { s.explore(withdraws, 1, nil, map[string]int{}) })
		if len(s.found) == 0 {
			t.Error("where one person may publish, the search finds no way to withdraw a publication")
		}
		// What waits for somebody else is acknowledged here: then the second person works.
		s.inside("", func() {
			for _, name := range []string{"admin appoints", "admin makes a key"} {
				list := accomplice()
				k := list[slices.IndexFunc(list, func(k trick) bool { return k.name == name })]
				if !s.send(s.request(k), k.keeps) {
					t.Errorf("%s: refused", name)
				}
			}
			s.must(s.tx.Table("deciding_rights").Where("state IN ?", []string{"pending", "seconded"}).
				Update("state", "acknowledged").Error)
			s.explore(accomplice(), 2, nil, map[string]int{})
		})
		if len(s.found) == 0 {
			t.Error("with rights that somebody else acknowledged, the search finds no way to publish")
		}
		s.inside("", func() {
			s.invents()
			s.must(s.tx.Table("deciding_rights").Where("state IN ?", []string{"pending", "seconded"}).
				Update("state", "acknowledged").Error)
			s.explore(newcomer(), 4, nil, map[string]int{})
		})
		if len(s.found) == 0 {
			t.Error("with an account that somebody else acknowledged, the search finds no way to publish")
		}
	})
}

func newSchemer(t *testing.T, db *gorm.DB) *schemer {
	w := newWorld(t, db)
	w.server.Passwords = credential.NewPasswords(argon2id.Params{
		Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32,
	})
	w.server.Config.SessionIdle, w.server.Config.SessionMax = 30*time.Minute, 12*time.Hour
	s := &schemer{world: w}
	roles := slices.DeleteFunc(policy.Roles(), func(r policy.Role) bool { return r == policy.Admin })
	demo, li := "demo", "schemer"
	both := ties{"b02": access.Leads, "b03": access.Leads}
	w.joins(li, policy.LeadingGroup, both)
	for _, role := range roles {
		if role != policy.LeadingGroup && role != policy.Secretary {
			w.appointed(demo, li, role)
		}
		w.secret[string(role)] = w.key(credential.Key{Roles: []policy.Role{role}, Towns: []string{demo}, PersonCode: &li})
	}
	w.secret["again"] = w.key(credential.Key{Roles: roles, Towns: []string{demo}, PersonCode: &li})
	w.as(policy.Admin).Post("/towns/demo/people", object{"code": "puppet", "name": named("puppet")}).Want(http.StatusCreated)
	w.secret["nobody"] = w.key(credential.Key{Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{demo}})
	// What others have proposed is theirs: with it two persons would publish. They have
	// published the half year, about which nobody has appealed.
	at := "/towns/demo/proposals/" + w.ids["proposal"]
	group := w.as(policy.LeadingGroup)
	group.IfMatch(group.Get(at).ETag()).Post(at+"/transitions", object{"to": "confirmed"}).Want(http.StatusOK)
	s.start = s.published(w.db)
	return s
}

// inside runs the search in a transaction that is taken back. With an empty need of a
// second person the town and its periods stay as they are.
func (s *schemer) inside(need string, search func()) {
	s.found = nil
	err := database.InTx(s.t.Context(), s.db, func(tx *gorm.DB) error {
		s.tx = tx
		if need != "" {
			for _, table := range []string{"towns", "periods"} {
				s.must(tx.Table(table).Where("second_person <> ?", need).Update("second_person", need).Error)
			}
		}
		search()
		return errUndo
	})
	if err != errUndo {
		s.t.Fatal(err)
	}
}

// published is every published figure of the town, as a receipt tells it and as it is
// served, read past every cache.
func (s *schemer) published(tx *gorm.DB) string {
	var rows []struct{ PeriodCode, RunID string }
	s.must(tx.Raw("SELECT period_code, run_id FROM publications WHERE town_id = 'demo' ORDER BY period_code, number").
		Scan(&rows).Error)
	results := index.NewResultCache()
	var b strings.Builder
	for _, row := range rows {
		r, err := results.Receipt(s.t.Context(), tx, "demo", row.PeriodCode, 0)
		if fault.Is(err, fault.KindNotFound) {
			fmt.Fprintln(&b, row, "nothing stands")
			continue
		}
		s.must(err)
		v, err := results.Verify(s.t.Context(), tx, "demo", row.PeriodCode, 0)
		s.must(err)
		fmt.Fprintln(&b, row, r.Publication, r.ResultHash, r.DataHash, r.SchemeHash, v.OK)
	}
	return b.String()
}

// send asks for something in the transaction, and reports whether it was done. The secret
// of a key that is made is kept under the name, if there is one, and likewise a password and
// what a browser keeps of a session.
func (s *schemer) send(r *http.Request, keeps string) bool {
	s.asked++
	a := httptest.NewRecorder()
	s.handler.ServeHTTP(a, r.WithContext(rest.WithTx(context.WithoutCancel(r.Context()), s.tx)))
	if a.Code >= http.StatusInternalServerError {
		s.t.Errorf("%s %s: %d %s", r.Method, r.URL, a.Code, a.Body)
	}
	done := a.Code < http.StatusMultipleChoices
	if done && keeps != "" {
		var made struct {
			Secret, Password string
			CSRF             string `json:"csrf_token"`
		}
		s.must(json.Unmarshal(a.Body.Bytes(), &made))
		s.secret[keeps] = cmp.Or(made.Secret, made.Password)
		if made.CSRF != "" {
			cookie, _, _ := strings.Cut(a.Header().Get("Set-Cookie"), ";")
			s.secret[keeps] = inSession + cookie + " " + made.CSRF
		}
	}
	return done
}

// inSession is how the secret of a browser that has signed in begins: cookie and CSRF token
// follow.
const inSession = "session "

// trick is a step towards a publication: a call whose address depends on what there is.
type trick struct {
	name, by, method string
	at               string // below the town; ? stands for what row finds
	row              string // SQL of the key and version of what the call is about
	body             object
	keeps            string // name under which the secret of the key that it makes is kept
}

// tricks are the steps that publishing is made of, by each credential that may take them.
func tricks() (list []trick) {
	period := func(code string) string {
		return "SELECT code AS key, version FROM periods WHERE town_id = 'demo' AND code = '" + code + "'"
	}
	const (
		appeal   = "SELECT id AS key, version FROM appeals WHERE state = 'filed' AND branch_code = 'b01' ORDER BY id LIMIT 1"
		proposed = "SELECT id AS key, version FROM proposals WHERE state = 'open' ORDER BY id LIMIT 1"
		town     = "SELECT code AS key, version FROM towns WHERE code = 'demo'"
	)
	post := func(by, name, at, row string, body object) {
		list = append(list, trick{name: by + " " + name, by: by, method: http.MethodPost, at: at, row: row, body: body})
	}
	for _, by := range []string{"leading_group", "again", "nobody", "admin"} {
		for _, to := range []string{"published", "review", "locked", "final"} {
			post(by, to, "/periods/?/transitions", period("in-locked"), object{"to": to, "reason": "x", "force": to == "locked"})
		}
		post(by, "run", "/periods/?/runs", period("in-locked"), nil)
		post(by, "final", "/periods/?/transitions", period("in-published"), object{"to": "final"})
		post(by, "withdraws", "/periods/?/publications/1/withdraw", period("half"), object{"reason": "x"})
		for name, c := range map[string]object{
			"amends":       {"branch": "b01", "code": "meetings", "value": 1},
			"adds a bonus": {"branch": "b01", "code": "top-ten", "adjustment": "add"},
		} {
			post(by, name, "/periods/?/publications", period("in-published"), object{"reason": "x", "corrections": []object{c}})
		}
		post(by, "upholds", "/appeals/?/transitions", appeal, object{
			"to": "upheld", "reason": "x", "corrections": []object{{"code": "meetings", "value": 2}},
		})
		for _, to := range []string{"confirmed", "rejected", "withdrawn"} {
			post(by, to+" it", "/proposals/?/transitions", proposed, object{"to": to, "reason": "x"})
		}
		for _, need := range []string{"none", "required"} {
			list = append(list, trick{
				by + " sets " + need, by, http.MethodPut, "", town,
				object{"name": named("demo"), "open_results": true, "second_person": need, "reason": "x"},
				"",
			})
		}
	}
	return list
}

// accomplice are the steps by which one person makes a second one of an obedient person:
// an administrator appoints that person, makes the key, the schemer stands behind
// the new rights, and the new decider confirms what the schemer proposed.
func accomplice() (list []trick) {
	const (
		locked    = "SELECT code AS key, version FROM periods WHERE town_id = 'demo' AND code = 'in-locked'"
		proposed  = "SELECT id AS key, version FROM proposals WHERE state = 'open' ORDER BY id LIMIT 1"
		confirmer = "SELECT id AS key, version FROM appointments WHERE person_code = 'second' AND role = 'leading_group'"
		puppet    = "SELECT 'puppet' AS key, 1 AS version"
	)
	post := func(by, name, at, row string, body object) {
		list = append(list, trick{name: by + " " + name, by: by, method: http.MethodPost, at: at, row: row, body: body})
	}
	for _, by := range []string{"leading_group", "admin"} {
		post(by, "appoints", "/appointments", puppet, object{"person": "puppet", "role": "leading_group", "from": "2020-01-01"})
	}
	list = append(list, trick{
		name: "admin makes a key", by: "admin", method: http.MethodPost, at: "/../../keys", row: puppet, keeps: "puppet",
		body: object{"roles": []string{"leading_group"}, "towns": []string{"demo"}, "person": "puppet", "read_only": false},
	})
	post("admin", "dismisses another", "/appointments/?/end", confirmer, object{"until": "2020-01-02", "reason": "x"})
	for _, subject := range []string{"appointments/", "keys/"} {
		right := "SELECT id AS key, version FROM deciding_rights WHERE person_code = 'puppet' AND subject LIKE '" + subject +
			"%' AND state IN ('pending', 'seconded') ORDER BY id LIMIT 1"
		for by, states := range map[string][]string{
			"again": {"seconded", "acknowledged"}, "nobody": {"acknowledged"}, "admin": {"acknowledged", "alone"},
			"puppet": {"seconded", "acknowledged"},
		} {
			for _, to := range states {
				post(by, to+" for "+subject, "/rights/?/transitions", right, object{"to": to, "reason": "x"})
			}
		}
	}
	for _, by := range []string{"again", "puppet"} {
		post(by, "published", "/periods/?/transitions", locked, object{"to": "published", "reason": "x"})
		post(by, "confirmed it", "/proposals/?/transitions", proposed, object{"to": "confirmed", "reason": "x"})
	}
	return list
}

// kept stands in a body for what was kept under the name.
type kept string

// invention are the calls by which an administrator makes a person of nobody, who holds the
// role of the leading group and signs in.
func invention() []trick {
	const ghost = "SELECT 'ghost' AS key, 1 AS version"
	post := func(name, at string, body object, keeps string) trick {
		return trick{name: "admin " + name, by: "admin", method: http.MethodPost, at: at, row: ghost, body: body, keeps: keeps}
	}
	return []trick{
		post("makes a person", "/people", object{"code": "ghost", "name": named("ghost")}, ""),
		post("appoints the person", "/appointments", object{"person": "ghost", "role": "leading_group", "from": "2020-01-01"}, ""),
		post("makes an account", "/../../accounts", object{"name": "ghost", "town": "demo", "person": "ghost"}, ""),
		post("makes a password", "/../../accounts/ghost/password", nil, "ghost's password"),
	}
}

// invents makes the person.
func (s *schemer) invents() {
	s.t.Helper()
	for _, k := range invention() {
		if !s.send(s.request(k), k.keeps) {
			s.t.Errorf("%s: refused", k.name)
		}
	}
}

// newcomer are the steps by which one person decides as two through somebody who exists on
// paper alone and signs in with an account.
func newcomer() (list []trick) {
	const (
		locked   = "SELECT code AS key, version FROM periods WHERE town_id = 'demo' AND code = 'in-locked'"
		proposed = "SELECT id AS key, version FROM proposals WHERE state = 'open' ORDER BY id LIMIT 1"
		ghost    = "SELECT 'ghost' AS key, 1 AS version"
		chosen   = "correct horse battery 9"
	)
	post := func(by, name, at, row string, body object) {
		list = append(list, trick{name: by + " " + name, by: by, method: http.MethodPost, at: at, row: row, body: body})
	}
	for _, subject := range []string{"appointments/", "accounts/"} {
		right := "SELECT id AS key, version FROM deciding_rights WHERE person_code = 'ghost' AND subject LIKE '" + subject +
			"%' AND state IN ('pending', 'seconded') ORDER BY id LIMIT 1"
		for by, states := range map[string][]string{
			"again": {"seconded", "acknowledged"}, "nobody": {"acknowledged"}, "admin": {"alone"}, "ghost": {"seconded", "acknowledged"},
		} {
			for _, to := range states {
				post(by, to+" for "+subject, "/rights/?/transitions", right, object{"to": to, "reason": "x"})
			}
		}
	}
	list = append(list, trick{
		name: "ghost signs in", by: "stranger", method: http.MethodPost, at: "/../../sessions", row: ghost, keeps: "ghost",
		body: object{"account": "ghost", "password": kept("ghost's password")},
	})
	post("ghost", "chooses a password", "/../../me/password", ghost, object{"old": kept("ghost's password"), "password": chosen})
	for _, by := range []string{"again", "ghost"} {
		post(by, "published", "/periods/?/transitions", locked, object{"to": "published", "reason": "x"})
		post(by, "confirmed it", "/proposals/?/transitions", proposed, object{"to": "confirmed", "reason": "x"})
	}
	return list
}

// hires makes a person for each role, by an administrator, and a key for each: the schemer
// acts through them too. Those who decide wait for somebody else.
func (s *schemer) hires() {
	s.t.Helper()
	const anybody = "SELECT 'x' AS key, 1 AS version"
	for _, role := range policy.Roles() {
		if role == policy.Admin {
			continue
		}
		code := "hired-" + strings.ReplaceAll(string(role), "_", "-")
		for i, body := range []object{
			{"code": code, "name": named(code)},
			{"person": code, "role": role, "from": "2020-01-01", "until": "2099-12-31", "letter": "1"},
			{"roles": []policy.Role{role}, "towns": []string{"demo"}, "person": code, "read_only": false},
		} {
			k := trick{
				name: "admin hires", by: "admin", method: http.MethodPost, at: []string{"/people", "/appointments", "/../../keys"}[i],
				row: anybody, body: body, keeps: []string{"", "", "hired " + string(role)}[i],
			}
			if !s.send(s.request(k), k.keeps) {
				s.t.Errorf("nobody is hired as %s: %s is refused", role, k.at)
			}
		}
	}
}

// request is the call as it is possible now; nil where there is nothing to call.
func (s *schemer) request(k trick) *http.Request {
	var found struct {
		Key     string
		Version int64
	}
	s.must(s.tx.Raw(k.row).Scan(&found).Error)
	if found.Key == "" {
		return nil
	}
	secret := s.secret[k.by]
	if secret == "" && k.by != "stranger" { // nobody has made that key yet
		return nil
	}
	at := path.Join("/api/v1/towns/demo", strings.Replace(k.at, "?", found.Key, 1))
	var body any
	if k.body != nil {
		filled := maps.Clone(k.body)
		for name, value := range filled {
			if of, is := value.(kept); is {
				if filled[name] = s.secret[string(of)]; s.secret[string(of)] == "" {
					return nil
				}
			}
		}
		body = filled
	}
	r := s.sent(k.method, at, k.by, fmt.Sprintf("%q", fmt.Sprint(found.Version)), body)
	if session, is := strings.CutPrefix(secret, inSession); is {
		cookie, token, _ := strings.Cut(session, " ")
		r.Header.Del("Authorization")
		r.Header.Set("Cookie", cookie)
		r.Header.Set("X-CSRF-Token", token)
	}
	if k.by == "again" { // who holds every role acts as the least of them unless told
		r.Header.Set("Act-As", string(policy.LeadingGroup))
	}
	return r
}

// explore tries every sequence of tricks of the length that begins with those done. A
// state that was left with as many calls before is not left again.
func (s *schemer) explore(with []trick, left int, done []string, seen map[string]int) {
	if left == 0 || len(s.found) > 0 || seen[s.state()] >= left {
		return
	}
	seen[s.state()] = left
	for _, k := range with {
		r := s.request(k)
		if r == nil {
			continue
		}
		s.undoing(func() {
			if !s.send(r, k.keeps) {
				return
			}
			all := append(slices.Clone(done), k.name)
			if s.published(s.tx) != s.start {
				s.found = all
				return
			}
			s.explore(with, left-1, all, seen)
		})
		if len(s.found) > 0 {
			return
		}
	}
}

func (s *schemer) undoing(do func()) {
	secrets := maps.Clone(s.secret)
	s.must(s.tx.Exec("SAVEPOINT trick").Error)
	do()
	s.secret = secrets
	s.server.logins = ratelimit.NewLogin() // sign-ins that were undone do not count
	s.must(s.tx.Exec("ROLLBACK TO SAVEPOINT trick").Error)
}

// state distinguishes what the tricks can lead to.
func (s *schemer) state() string {
	var b strings.Builder
	for _, query := range []string{
		"SELECT code || state || second_person FROM periods WHERE town_id = 'demo' ORDER BY code",
		"SELECT second_person FROM towns WHERE code = 'demo'",
		"SELECT action || period_code || proposed_by || coalesce(appeal_id, '') || corrections FROM proposals WHERE state = 'open' ORDER BY id",
		"SELECT id || state FROM appeals ORDER BY id",
		"SELECT person_code || role FROM appointments WHERE person_code IN ('puppet', 'second') AND (valid_until IS NULL OR valid_until > '2020-01-02') ORDER BY 1",
		"SELECT kind || state || seconded_by FROM deciding_rights WHERE person_code = 'puppet' ORDER BY kind, id",
		"SELECT person_code FROM keys WHERE person_code = 'puppet' AND revoked_at IS NULL LIMIT 1",
		"SELECT kind || state || seconded_by FROM deciding_rights WHERE person_code = 'ghost' ORDER BY kind, id",
		"SELECT account_name || account_version FROM sessions WHERE account_name = 'ghost' ORDER BY 1 LIMIT 1",
		`SELECT p.code FROM periods p WHERE EXISTS (SELECT 1 FROM runs r WHERE r.town_id = p.town_id AND r.period_code = p.code
			AND r.created_at >= p.state_at) ORDER BY p.code`,
	} {
		var list []sql.NullString
		s.must(s.tx.Raw(query).Scan(&list).Error)
		fmt.Fprintln(&b, list)
	}
	return b.String()
}

// wander tries random sequences over every writing route of the service, as every role,
// about what is the caller's own and others', in every state of a period.
func (s *schemer) wander() {
	random := rand.New(rand.NewPCG(7, 11))
	var cells []cell
	for _, o := range s.server.engine.Routes() {
		if row, ok := rights[rowOf(o)]; o.Method == http.MethodGet || !ok || row.skip != nil ||
			strings.Contains(o.Path, "/session") {
			continue
		}
		for _, c := range s.cells(o) {
			role := policy.Role(c.caller)
			if (c.about == own || c.about == others) && rights[rowOf(o)].scope(role) != policy.None {
				cells = append(cells, c)
			}
		}
	}
	s.hires()
	routes, pool := map[string]bool{}, slices.Concat(tricks(), accomplice(), newcomer(), invention())
	for range *collusions {
		var done []string
		s.undoing(func() {
			for range calls {
				var r *http.Request
				keeps := ""
				if random.IntN(2) == 0 {
					k := pool[random.IntN(len(pool))]
					if r = s.request(k); r == nil {
						continue
					}
					keeps = k.keeps
				} else {
					c := cells[random.IntN(len(cells))]
					routes[rowOf(c.Route)] = true
					own := s.secret[c.caller]
					if hired := s.secret["hired "+c.caller]; hired != "" && random.IntN(2) == 0 {
						s.secret[c.caller] = hired
					}
					r = s.world.request(rights[rowOf(c.Route)], c)
					s.secret[c.caller] = own
				}
				done = append(done, r.Method+" "+r.URL.Path)
				if s.send(r, keeps) && s.published(s.tx) != s.start {
					s.found = done
					return
				}
			}
		})
		if len(s.found) > 0 {
			return
		}
	}
	told, _ := json.Marshal(len(routes))
	s.t.Logf("%s writing routes in %d sequences", told, *collusions)
}
