package api

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/config"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evidence/store"
	"bulwark/internal/jobs"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// harness is the whole service on a real database, with two towns and a caller
// for each role. Every request and answer is held against docs/openapi.json.
//
// The town demo opens its results: the class rural has the branches b01 and b02,
// urban has b03, all founded in 2020. The people are called as their roles, and
// secretary, mentor, instructor and liaison_office work on b01 since 2020. The
// town quiet is closed and empty.
type harness struct {
	*apitest.Client // nobody
	t               testing.TB
	db              *gorm.DB
	server          *Server
	secrets         map[policy.Role]string
}

// serving is the service on the database as the program runs it, and a client
// without a key.
func serving(t testing.TB, db *gorm.DB, now func() time.Time) (*Server, *apitest.Client) {
	t.Helper()
	s := &Server{
		DB: db, Config: config.Config{RequestTimeout: time.Minute, BodyLimit: 1 << 20}, Log: slog.New(slog.DiscardHandler),
		Version: "test", Now: now, Jobs: jobs.New(db, slog.New(slog.DiscardHandler), now, time.Hour),
		Authenticate: func(ctx context.Context, key string) (access.Principal, error) {
			return credential.Authenticate(ctx, rest.Tx(ctx, db), key) // also one that a test made in its transaction
		},
		Authorize: func(ctx context.Context, p access.Principal, a policy.Action, town string) error {
			return p.Authorize(ctx, rest.Tx(ctx, db), a, town)
		},
		Ready:    func(context.Context) error { return nil },
		Evidence: store.NewFolder(filepath.Join(t.TempDir(), "evidence")),
	}
	handler, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return s, apitest.New(t, handler).Watch(trailWatch(t, db))
}

func newHarness(t testing.TB, db *gorm.DB) *harness {
	t.Helper()
	s, client := serving(t, db, func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) })
	h := &harness{t: t, db: db, server: s, secrets: map[policy.Role]string{}}
	h.Client = client.SecondedBy(h.secondPerson)
	h.must(database.InTx(t.Context(), db, func(tx *gorm.DB) error { // one commit instead of forty
		h.db = tx
		h.towns()
		h.people()
		return nil
	}))
	h.db = db
	return h
}

// as is the caller with the role: an admin of everything, else someone of demo.
func (h *harness) as(role policy.Role) *apitest.Client {
	h.t.Helper()
	secret, ok := h.secrets[role]
	if !ok {
		h.t.Fatalf("there is no role %q", role)
	}
	return h.As(secret)
}

// secondPerson is the key of somebody who confirms what others of the leading group
// propose: one more person, once there is something to confirm.
func (h *harness) secondPerson() string {
	h.t.Helper()
	secret, ok := h.secrets[second]
	if !ok {
		person := string(second)
		_, err := people.Create(h.t.Context(), h.db, people.Person{TownID: "demo", Code: person, Name: text.Same(person)})
		h.must(err)
		h.appointed("demo", person, policy.LeadingGroup)
		secret = h.key(credential.Key{
			Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{"demo"}, PersonCode: &person,
		})
		h.secrets[second] = secret
	}
	return secret
}

// second stands for the second person of the leading group among the secrets.
const second policy.Role = "second"

// alone lets one person publish in demo.
func (h *harness) alone() { h.t.Helper(); h.setting(object{"second_person": "none"}) }

// setting changes what keeps one person of demo from deciding alone.
func (h *harness) setting(change object) {
	h.t.Helper()
	changesTown(h.as(policy.Admin), change).Want(http.StatusOK)
}

// changesTown changes demo, which otherwise stays as it is.
func changesTown(c *apitest.Client, change object) *apitest.Answer {
	body := object{"name": named("demo"), "open_results": true, "reason": "so it was decided"}
	maps.Copy(body, change)
	return c.IfMatch(c.Get("/towns/demo").Want(http.StatusOK).ETag()).Put("/towns/demo", body)
}

// key makes one more key and gives its secret.
func (h *harness) key(k credential.Key) string {
	h.t.Helper()
	_, secret, err := credential.CreateKey(h.t.Context(), h.db, k)
	h.must(err)
	return secret
}

func (h *harness) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) towns() {
	ctx := h.t.Context()
	for _, a := range []town.Area{
		{Code: "44", Level: "province", Name: text.Same("44")},
		{Code: "4499", Level: "city", Name: text.Same("4499")},
		{Code: "449901", Level: "district", Name: text.Same("449901")},
		{Code: "449901001", Level: "town", Name: text.Same("449901001")},
	} {
		if n := len(a.Code); n > 2 {
			parent := a.Code[:max(n-2, 2)]
			if n == 9 {
				parent = a.Code[:6]
			}
			a.ParentCode = &parent
		}
		_, err := town.CreateArea(ctx, h.db, a)
		h.must(err)
	}
	for code, open := range map[string]bool{"demo": true, "quiet": false} {
		_, err := town.Create(ctx, h.db, town.Town{
			Code: code, AreaCode: "449901001", Name: text.Same(code), OpenResults: open,
		})
		h.must(err)
	}
	for _, class := range []string{"rural", "urban"} {
		_, err := town.CreateClass(ctx, h.db, town.Class{TownID: "demo", Code: class, Name: text.Same(class)})
		h.must(err)
	}
	founded := day.Date("2020-01-01")
	for code, class := range map[string]string{"b01": "rural", "b02": "rural", "b03": "urban"} {
		b := town.Branch{Name: text.Same("branch " + code), Kind: "village", Class: &class}
		b.Life = town.Life{TownID: "demo", Code: code, FoundedOn: &founded, Provenance: "invented"}
		_, err := town.CreateBranch(ctx, h.db, b, "")
		h.must(err)
	}
}

// duties tie the people of the harness to b01.
var duties = map[policy.Role]access.Duty{
	policy.Secretary: access.Leads, policy.Mentor: access.Mentors, policy.Instructor: access.Instructs,
}

func (h *harness) people() {
	ctx, demo := h.t.Context(), "demo"
	for _, role := range policy.Roles() {
		if role == policy.Admin {
			h.secrets[role] = h.key(credential.Key{Roles: []policy.Role{role}})
			continue
		}
		person := string(role)
		_, err := people.Create(ctx, h.db, people.Person{TownID: demo, Code: person, Name: text.Same(person)})
		h.must(err)
		h.appointed(demo, person, role)
		h.secrets[role] = h.key(credential.Key{Roles: []policy.Role{role}, Towns: []string{demo}, PersonCode: &person})
		if duty, ok := duties[role]; ok {
			_, err := people.Assign(ctx, h.db, people.Assignment{
				TownID: demo, PersonCode: person, BranchCode: "b01", Duty: duty, ValidFrom: "2020-01-01", DutiesFrom: new(day.Date("2020-01-01")),
			})
			h.must(err)
		}
	}
	h.linked("office", string(policy.Office), "b01")
}

// linked makes a person the one member of a new office that is linked to branches
// since 2020.
func (h *harness) linked(office, person string, branches ...string) {
	h.t.Helper()
	ctx := h.t.Context()
	_, err := people.CreateOffice(ctx, h.db, people.LiaisonOffice{TownID: "demo", Code: office, Name: text.Same(office)})
	h.must(err)
	_, err = people.JoinOffice(ctx, h.db,
		people.OfficeMember{TownID: "demo", OfficeCode: office, PersonCode: person, ValidFrom: "2020-01-01"})
	h.must(err)
	for _, branch := range branches {
		_, err := people.LinkOffice(ctx, h.db,
			people.OfficeLink{TownID: "demo", OfficeCode: office, BranchCode: branch, ValidFrom: "2020-01-01"})
		h.must(err)
	}
}

// appointed appoints a person since 2000, for a term that no test outlives.
func (h *harness) appointed(town, person string, role policy.Role) {
	h.t.Helper()
	h.must(appoint(h.t.Context(), h.db, town, person, role))
}

func appoint(ctx context.Context, db *gorm.DB, town, person string, role policy.Role) error {
	until := day.Date("2099-12-31")
	_, err := people.Appoint(ctx, db, people.Appointment{
		TownID: town, PersonCode: person, Role: role, Letter: "invented", ValidFrom: "2000-01-01", ValidUntil: &until,
	})
	return err
}

// object is a JSON object, short to write.
type object = map[string]any

func named(s string) object { return object{"zh": s} }
