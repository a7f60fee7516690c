package api

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/personal"
	"bulwark/internal/policy"
)

const (
	bearer   = "欧阳独一"
	inPinyin = "Ouyang Duyi"
)

// holders returns the tables that hold one of the words.
func (h *harness) holders(words ...string) (tables []string) {
	h.t.Helper()
	var all []string
	list := "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY 1"
	if h.db.Name() == "postgres" {
		list = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
	}
	h.must(h.db.Raw(list).Scan(&all).Error)
	if len(all) < 50 {
		h.t.Fatalf("%d tables", len(all))
	}
	for _, table := range all {
		rows := []map[string]any{}
		h.must(h.db.Raw(`SELECT * FROM "` + table + `"`).Scan(&rows).Error)
		text, err := json.Marshal(rows)
		h.must(err)
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(string(text), w) }) {
			tables = append(tables, table)
		}
	}
	return tables
}

// A person with a name like no other evaluates a branch until the result is published. The
// name stands in the row of the person alone, and nowhere once it is replaced.
func TestANameStandsInOnePlaceAndIsReplacedOnRequest(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		h.server.Config.OIDCIssuer = "https://id.example.org"
		admin, group := h.as(policy.Admin), h.as(policy.LeadingGroup)
		name := object{"zh": bearer, "en": inPinyin}
		admin.Header("Idempotency-Key", "once").
			Post("/towns/demo/people", object{"code": "p7", "name": name}).Want(http.StatusCreated)
		h.appointed("demo", "p7", policy.Mentor)
		admin.Post("/towns/demo/assignments",
			object{"person": "p7", "branch": "b01", "duty": access.Mentors, "from": "2020-01-01"}).Want(http.StatusCreated)
		key := apitest.Decode[struct{ Prefix, Secret string }](admin.Post("/keys", object{
			"roles": []policy.Role{policy.Mentor}, "towns": []string{"demo"}, "person": "p7", "read_only": false,
		}), http.StatusCreated)
		p7 := h.As(key.Secret)
		account := admin.Post("/accounts", object{
			"name": "ouyang", "town": "demo", "person": "p7", "roles": []string{}, "issuer": "https://id.example.org", "subject": "subject-77",
		}).Want(http.StatusCreated)
		h.inForce(smallScheme)
		h.planned("2026Q1", "2026-01-01", "2026-03-31")
		h.steps("2026Q1", "open")
		sheet := begun(p7, "2026Q1", "b01", value("meetings", 12), value("spirit", 7), level("standing", "A"),
			value("complaints", 0))
		moved(p7, sheet, "submitted", "").Want(http.StatusOK)
		moved(group, sheet, "approved", "").Want(http.StatusOK)
		h.steps("2026Q1", "review", "locked")
		group.Post(q1+"/runs", nil).Want(http.StatusCreated)
		h.steps("2026Q1", "published")
		if got := h.holders(bearer, inPinyin); !slices.Equal(got, []string{"kept_answers", "people"}) {
			t.Errorf("the name stands in %q", got)
		}

		const at = "/towns/demo/people/p7"
		isReadWhole(t, h, p7, sheet, key.Prefix)
		may(t, group, at, "rename")
		may(t, admin, at, "rename")
		gone := object{"to": "pseudonymised", "reason": "asked for on paper"}
		refused(t, group.IfMatch(`"1"`).Post(at+"/transitions", gone), http.StatusForbidden, "not_allowed")
		still := admin.IfMatch(`"1"`).Post(at+"/transitions", gone)
		refused(t, still, http.StatusConflict, "person_active")
		for _, what := range []string{"appointments/", "assignments/", "accounts/ouyang", "keys/" + key.Prefix} {
			if !strings.Contains(string(still.Body), what) {
				t.Errorf("%s is not named: %s", what, still.Body)
			}
		}
		h.ends(t, "p7")
		admin.IfMatch(`"1"`).Delete("/keys/" + key.Prefix).Want(http.StatusNoContent)
		admin.IfMatch(account.ETag()).Put("/accounts/ouyang", object{
			"town": "demo", "person": "p7", "roles": []string{}, "issuer": "https://id.example.org", "subject": "subject-77", "disabled": true,
		}).Want(http.StatusOK)
		may(t, admin, at, "rename", "pseudonymise")
		refused(t, admin.IfMatch(`"1"`).Post(at+"/transitions", object{"to": "pseudonymised", "reason": "of " + bearer}),
			http.StatusUnprocessableEntity, "invalid", "/reason")
		admin.IfMatch(`"1"`).Post(at+"/transitions", gone).Want(http.StatusOK)
		again := apitest.Decode[struct {
			Name    struct{ ZH, EN string }
			Allowed []string
			Stays   []personal.Stay
		}](admin.IfMatch(`"1"`).Post(at+"/transitions", gone), http.StatusOK)
		if !regexp.MustCompile(`^化名 [0-9a-f]{8}$`).MatchString(again.Name.ZH) || len(again.Allowed) != 0 {
			t.Errorf("pseudonymised twice: %+v", again)
		}
		if !slices.ContainsFunc(again.Stays, func(s personal.Stay) bool { return s.Kind == "evaluations" && s.Count == 1 && s.Why != "" }) {
			t.Errorf("what stays: %+v", again.Stays)
		}
		if got := h.holders(bearer, inPinyin); len(got) > 0 {
			t.Errorf("the name still stands in %q", got)
		}
		refused(t, group.IfMatch(`"2"`).Put(at, object{"name": name}), http.StatusConflict, "no_such_transition")
		refused(t, admin.Post("/towns/demo/appointments", object{"person": "p7", "role": "reader", "from": "2026-01-01"}),
			http.StatusUnprocessableEntity, "invalid", "/person")
		_, err := audit.VerifyRows(t.Context(), db, "", func(d audit.Difference) { t.Errorf("verify: %+v", d) })
		h.must(err)
	})
}

// isReadWhole checks who reads all that is kept of p7, and that each read is recorded.
func isReadWhole(t *testing.T, h *harness, p7 *apitest.Client, sheet, prefix string) {
	t.Helper()
	const at = "/towns/demo/people/p7/everything"
	before := h.count(&audit.Record{}, "action = 'person.everything'")
	for _, c := range []*apitest.Client{p7, h.as(policy.LeadingGroup), h.as(policy.Admin)} {
		read := c.Get(at).Want(http.StatusOK)
		for _, address := range []string{strings.TrimPrefix(sheet, "/towns/demo/"), "/accounts/ouyang", "/keys/" + prefix} {
			if !strings.Contains(string(read.Body), `"address":"`+address+`"`) {
				t.Errorf("%s is not listed: %s", address, read.Body)
			}
		}
		if strings.Contains(string(read.Body), "subject-77") {
			t.Errorf("it shows who the person is elsewhere: %s", read.Body)
		}
	}
	for _, role := range []policy.Role{policy.Mentor, policy.Secretary, policy.Leadership, policy.Office} {
		refused(t, h.as(role).Get(at), http.StatusForbidden, "not_allowed")
	}
	if h.Get(at).Status < 400 {
		t.Error("anybody reads it")
	}
	if n := h.count(&audit.Record{}, "action = 'person.everything'"); n != before+3 {
		t.Errorf("%d reads are recorded, want 3", n-before)
	}
	refused(t, p7.Bad().Get(at+"?kind=wishes"), http.StatusBadRequest, "malformed", "query/kind")
	page := apitest.Decode[struct {
		Groups        []personal.Group
		NextPageToken string `json:"next_page_token"`
	}](h.as(policy.Admin).Get(at+"?kind=audit_records&page_size=2"), http.StatusOK)
	if len(page.Groups) != 1 || len(page.Groups[0].Records) != 2 || page.NextPageToken == "" || page.Groups[0].Count < 3 {
		t.Errorf("a page: %+v", page)
	}
}

// ends ends what the person holds, in the tables: no day of its own has passed.
func (h *harness) ends(t *testing.T, person string) {
	t.Helper()
	group := h.as(policy.Admin)
	for _, noun := range []string{"assignments", "appointments"} {
		var ids []string
		h.must(h.db.Table(noun).Where("town_id = 'demo' AND person_code = ?", person).Pluck("id", &ids).Error)
		for _, id := range ids {
			group.IfMatch(`"1"`).Post("/towns/demo/"+noun+"/"+id+"/end", object{"until": "2026-01-01"}).Want(http.StatusOK)
		}
	}
}

// Who reads the list of people leaves one record a day.
func TestReadingTheListOfPeopleIsRecordedOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		for range 3 {
			h.as(policy.Mentor).Get("/towns/demo/people").Want(http.StatusOK)
		}
		if n := h.count(&audit.Record{}, "action = 'person.read' AND subject = 'people'"); n != 1 {
			t.Errorf("%d records", n)
		}
	})
}

// Records of the trail that are older than the rule hold names: they are listed with the part in
// which the name stands, also those that name the person in no other way, and also after the
// name was replaced.
func TestOlderRecordsThatHoldTheNameAreListed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHarness(t, db)
		admin := h.as(policy.Admin)
		name := object{"zh": bearer, "en": inPinyin}
		admin.Post("/towns/demo/people", object{"code": "p7", "name": name}).Want(http.StatusCreated)
		h.must(database.InTx(t.Context(), db, func(tx *gorm.DB) error {
			for _, c := range []audit.Change{
				{Action: "person.update", Subject: "people/p7", Before: object{"code": "p7", "name": object{"zh": "旧名", "en": "Old"}}},
				{Action: "person.update", Subject: "people/p7", After: object{"code": "p7", "name": name}},
				{Action: "branch.update", Subject: "branches/b01", Reason: "as " + bearer + " asked"},
				{Action: "branch.update", Subject: "branches/b01", Reason: "as somebody asked"},
			} {
				c.Town = "demo"
				h.must(audit.Write(t.Context(), tx, c))
			}
			return nil
		}))
		h.listsNames(t, "branch.update: reason", "person.create:", "person.update: after", "person.update: before")
		admin.IfMatch(`"1"`).Post("/towns/demo/people/p7/transitions",
			object{"to": "pseudonymised", "reason": "asked for on paper"}).Want(http.StatusOK)
		h.listsNames(t, "branch.update: reason", "person.create:", "person.everything:", "person.pseudonymise:",
			"person.update: after", "person.update: before")
	})
}

// listsNames checks the records of the trail that are listed for p7, each with where the
// name stands.
func (h *harness) listsNames(t *testing.T, want ...string) {
	t.Helper()
	read := apitest.Decode[everything](h.as(policy.Admin).
		Get("/towns/demo/people/p7/everything?kind=audit_records&page_size=50"), http.StatusOK)
	var got []string
	for _, r := range read.Groups[0].Records {
		var stored audit.Record
		h.must(h.db.Where("town_id = 'demo' AND sequence = ?", strings.TrimPrefix(r.Address, "audit/")).Take(&stored).Error)
		got = append(got, strings.TrimSpace(stored.Action+": "+strings.Join(r.NameIn, " ")))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("records %q, want %q", got, want)
	}
}

// Addresses of records are those of routes.
func TestRecordsOfAPersonHaveAddressesOfRoutes(t *testing.T) {
	parameter := regexp.MustCompile(`:[a-z_]+|\{[a-z_]+\}`)
	routes := map[string]bool{} // of any method: a key is revoked at its address, and read in the list
	for _, r := range Routes() {
		routes[parameter.ReplaceAllString(r.Path, "*")] = true
	}
	addresses := personal.Addresses()
	if len(addresses) < 30 {
		t.Errorf("%d kinds have an address", len(addresses))
	}
	for kind, address := range addresses {
		path := "/api/v1/towns/*/" + parameter.ReplaceAllString(address, "*")
		if strings.HasPrefix(address, "/") {
			path = "/api/v1" + parameter.ReplaceAllString(address, "*")
		}
		if !routes[path] {
			t.Errorf("%s: there is no route %s", kind, path)
		}
	}
}

// The pages for people name every kind.
func TestThePagesNameEveryKindOfPersonalRecord(t *testing.T) {
	for _, path := range []string{"../docs/personal-data.md"} {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range personal.Kinds() {
			if strings.Count(string(page), "`"+kind+"`") < 2 { // in English and in Chinese
				t.Errorf("%s does not name %s twice", path, kind)
			}
		}
	}
}
