package api

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/policy"
	"bulwark/internal/town"
)

// class stores one more class of demo, or fails to.
func class(c *apitest.Client, code string) *apitest.Answer {
	return c.Post("/towns/demo/classes", object{"code": code, "name": named(code)})
}

// stored are the codes of the classes in the database.
func (h *harness) stored() map[string]bool {
	h.t.Helper()
	var codes []string
	h.must(h.db.Model(&town.Class{}).Pluck("code", &codes).Error)
	found := map[string]bool{}
	for _, c := range codes {
		found[c] = true
	}
	return found
}

// later reports whether the answer is that of a fault that will pass: a problem of
// status 503 with a code, which says when to come back.
func later(a *apitest.Answer, code string) bool {
	return a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "" &&
		strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") &&
		strings.Contains(string(a.Body), `"code":"`+code+`"`)
}

// refusedForNow asks in both languages, and wants each answer to be that of a fault
// that will pass.
func refusedForNow(t *testing.T, c *apitest.Client, code string, ask func(*apitest.Client) *apitest.Answer) {
	t.Helper()
	for language, chinese := range map[string]bool{"zh": true, "en": false} {
		a := ask(c.Lang(language))
		p := a.Problem(http.StatusServiceUnavailable)
		if !later(a, code) || strings.ContainsFunc(p.Detail, func(r rune) bool { return unicode.Is(unicode.Han, r) }) != chinese {
			t.Errorf("%s: Retry-After %q: %s", language, a.Header.Get("Retry-After"), a.Body)
		}
	}
}

// While nothing can be written, changes are refused and reading goes on;
// afterwards the very next change is stored.
func TestADatabaseThatCannotWrite(t *testing.T) {
	for name, c := range map[string]struct{ dialect, begin, end string }{
		// no page more than now
		"a full disk under SQLite": {database.SQLite, "PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000000"},
		"a read-only SQLite":       {database.SQLite, "PRAGMA query_only = 1", "PRAGMA query_only = 0"},
		"a read-only PostgreSQL": {
			database.PostgreSQL, "SET default_transaction_read_only = on", "SET default_transaction_read_only = off",
		},
	} {
		t.Run(name, func(t *testing.T) {
			// the settings are those of a connection
			db := dbtest.Connect(t, dbtest.URL(t, c.dialect), database.Options{MaxConns: 1})
			h := newHarness(t, db)
			admin := h.as(policy.Admin)
			h.must(db.Exec(c.begin).Error)
			acknowledged, refusals := map[string]bool{}, 0
			for n := 0; refusals < 3 && n < 500; n++ { // what is left of the last pages may still be written to
				code := fmt.Sprint("c", n)
				switch a := class(admin.Header("Idempotency-Key", []string{"", code}[n%2]), code); {
				case a.Status == http.StatusCreated:
					acknowledged[code] = true
				case later(a, "database_unavailable"):
					refusals++
				default:
					t.Fatalf("status %d: %s", a.Status, a.Body)
				}
			}
			refusedForNow(t, admin, "database_unavailable",
				func(c *apitest.Client) *apitest.Answer { return class(c, strings.Repeat("z", 64)) })
			admin.Get("/towns/demo/classes").Want(http.StatusOK)
			found := h.stored()
			for code := range acknowledged {
				if !found[code] {
					t.Errorf("%s was acknowledged and is not there", code)
				}
			}
			if len(found) != len(acknowledged)+2 { // and the two of the harness
				t.Errorf("%d are stored, %d were acknowledged", len(found)-2, len(acknowledged))
			}
			h.must(db.Exec(c.end).Error)
			class(admin, "after").Want(http.StatusCreated)
		})
	}
}

// A database that is slow costs its callers no longer than the time for a statement
// or for a lock.
func TestASlowDatabase(t *testing.T) {
	const soon, never = 50 * time.Millisecond, time.Hour
	for name, c := range map[string]struct {
		dialect, code string
		options       database.Options
	}{
		"statement": {
			database.PostgreSQL, "database_unavailable", database.Options{StatementTimeout: soon, LockTimeout: never},
		},
		"lock": {database.PostgreSQL, "database_busy", database.Options{StatementTimeout: never, LockTimeout: soon}},
		"file": {database.SQLite, "database_busy", database.Options{LockTimeout: soon}},
	} {
		t.Run(name, func(t *testing.T) {
			url := dbtest.URL(t, c.dialect)
			h := newHarness(t, dbtest.Connect(t, url, c.options))
			admin := h.as(policy.Admin)
			other := dbtest.Connect(t, url, database.Options{}) // as another process
			h.must(database.InTx(t.Context(), other, func(tx *gorm.DB) error {
				if c.dialect == database.PostgreSQL {
					h.must(tx.Exec("LOCK TABLE classes").Error)
				}
				refusedForNow(t, admin, c.code, func(c *apitest.Client) *apitest.Answer { return class(c, "slow") })
				return nil
			}))
			class(admin, "slow").Want(http.StatusCreated)
		})
	}
}

// When all connections are taken, requests wait for one as long as a request may
// take, and no longer.
func TestAllConnectionsAreTaken(t *testing.T) {
	dbtest.Both(t, func(t *testing.T, dialect string) {
		db := dbtest.Connect(t, dbtest.URL(t, dialect), database.Options{MaxConns: 1})
		h := newHarness(t, db)
		h.must(database.ReadTx(t.Context(), db, func(tx *gorm.DB) error {
			h.server.Config.RequestTimeout = 50 * time.Millisecond
			refusedForNow(t, h.as(policy.Admin), "timeout",
				func(c *apitest.Client) *apitest.Answer { return c.Get("/towns/demo/classes") })
			h.server.Config.RequestTimeout = time.Minute
			return nil
		}))
		class(h.as(policy.Admin), "after").Want(http.StatusCreated)
	})
}

// dropsAtCommit makes PostgreSQL end the connection of every third transaction that
// adds a class, in the middle of its commit. Who drops connections from outside
// hardly ever meets that moment.
const dropsAtCommit = `CREATE SEQUENCE commits;
CREATE FUNCTION drop_connection() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
	IF nextval('commits') % 3 = 0 THEN PERFORM pg_terminate_backend(pg_backend_pid(), 10000); END IF;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER drop_connection AFTER INSERT ON classes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION drop_connection()`

// PostgreSQL drops every connection again and again while many write, and some in the
// middle of a commit: each request is stored or refused for now, nothing acknowledged
// is lost, and when it is over the service works again.
func TestDroppedConnectionsUnderLoad(t *testing.T) {
	url := dbtest.URL(t, database.PostgreSQL)
	h := newHarness(t, dbtest.Connect(t, url, database.Options{}))
	killer := dbtest.Connect(t, dbtest.AsOwner(t, url), database.Options{MaxConns: 1})
	h.must(killer.Exec(dropsAtCommit).Error)
	admin := h.as(policy.Admin).Watch(nil) // who would ask the database too
	var mu sync.Mutex
	acknowledged, refusals, over := []string{}, 0, false
	var clients sync.WaitGroup
	for c := range 4 {
		clients.Go(func() {
			for n, leave := 0, false; !leave; n++ {
				code := fmt.Sprintf("c%d-%d", c, n)
				a := class(admin, code)
				mu.Lock()
				switch {
				case a.Status == http.StatusCreated:
					acknowledged = append(acknowledged, code)
				case later(a, "database_unavailable"):
					refusals++
				default:
					t.Errorf("status %d: %s", a.Status, a.Body)
					over = true
				}
				leave = over
				mu.Unlock()
			}
		})
	}
	enough := func(drops int) bool {
		mu.Lock()
		defer mu.Unlock()
		over = over || refusals >= 20 && len(acknowledged) >= 20 || drops == 5000
		return over
	}
	for drops := 0; !enough(drops); drops++ {
		h.must(killer.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`).Error)
	}
	clients.Wait()
	h.must(killer.Exec("DROP TRIGGER drop_connection ON classes").Error)
	if refusals == 0 || len(acknowledged) == 0 {
		t.Errorf("%d refused, %d acknowledged", refusals, len(acknowledged))
	}
	for n := 0; class(admin, "after").Status != http.StatusCreated; n++ {
		if n == 8 { // each broken connection of the pool may refuse one
			t.Fatal("still refused")
		}
	}
	found, lost := h.stored(), 0
	for _, code := range acknowledged {
		if !found[code] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged writes are not in the database", lost, len(acknowledged))
	}
}
