package database_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
	"bulwark/internal/fault"
)

// These tests put a migration 101 on top of a schema with rows in every table. Each
// real migration extends them: what it may not lose, and what it must refuse after.

// filled is a database of the first migration with at least one row in each table:
// the demo, and what it has none of.
var filled = dbtest.NewTemplate(func(ctx context.Context, db *gorm.DB) error {
	if _, err := demo.Seed(ctx, db); err != nil {
		return err
	}
	if _, err := demo.Credentials(ctx, db); err != nil {
		return err
	}
	return database.InTx(ctx, db, func(tx *gorm.DB) error {
		held, err := database.HeldTables(ctx, tx)
		names := make([]string, len(held))
		for i, t := range held {
			names[i] = t.Name
		}
		if err != nil {
			return err
		}
		return database.RawChanges(tx, names, func(tx *gorm.DB) error {
			for _, statement := range besideTheDemo {
				if err := tx.Exec(statement).Error; err != nil {
					return fmt.Errorf("%s: %w", statement, err)
				}
			}
			return nil
		})
	})
})

func id36(n int) string { return fmt.Sprintf("00000000-0000-7000-8000-%012d", n) }

var (
	digest64     = strings.Repeat("0123456789abcdef", 4)
	anyPerson    = `(SELECT min(code) FROM people WHERE town_id = 'demo')`
	anyOffice    = `(SELECT min(code) FROM offices WHERE town_id = 'demo')`
	anyPeriod    = `(SELECT min(code) FROM periods WHERE town_id = 'demo')`
	versioned    = `1, '2023-01-01', '2023-01-01'`
	intoEvidence = `INSERT INTO evidence (town_id, id, indicator, visit_id, name, media_type, bytes, sha256, width, height, received_bytes,
		received_sha256, added_by, added_role, removed_at, removed_by, removed_reason, version, created_at, updated_at) `
	besideDemo = `'demo', '` + id36(1) + `'`
)

var besideTheDemo = []string{
	`UPDATE branches SET closed_on = '2023-10-01', merged_into = 'b40' WHERE town_id = 'demo' AND code = 'b39'`,
	`INSERT INTO branch_codes (town_id, branch_code, system_key, code_key, system, code) VALUES ('demo', 'b01', 'a', 'x1', 'A', 'X1')`,
	`INSERT INTO person_codes (town_id, person_code, system_key, code_key, system, code, salt)
		VALUES ('demo', ` + anyPerson + `, 'a', 'x1', 'A', 'X1', 'x')`,
	`INSERT INTO value_choices (town_id, id, period_code, branch_code, code, sheet_id, among, reason, chosen_by, chosen_at)
		SELECT town_id, '` + id36(1) + `', period_code, branch_code, 'organisation.01', id, '[]', 'x', 'x', '2023-01-01'
		FROM evaluations WHERE town_id = 'demo' ORDER BY id LIMIT 1`,
	`INSERT INTO sheet_remarks (town_id, id, evaluation_id, code, text, follow_up, written_by, role, written_at)
		SELECT town_id, '` + id36(1) + `', id, 'organisation.01', 'x', true, evaluator_code, 'mentor', '2023-01-01'
		FROM evaluations WHERE town_id = 'demo' ORDER BY id LIMIT 1`,
	`INSERT INTO measures (town_id, number, name_zh, name_en, description_zh, description_en, version, created_at, updated_at)
		VALUES ('demo', 5, '五', 'five', '', '', ` + versioned + `)`,
	`INSERT INTO improvement_settings (town_id, document, version, created_at, updated_at) VALUES ('demo', '{}', ` +
		versioned + `)`,
	`INSERT INTO deciding_rights (town_id, id, kind, subject, person_code, given_by, state, seconded_by, decided_by, reason, version, created_at, updated_at)
		VALUES (` + besideDemo + `, 'key', 'keys/bw_00000000', ` + anyPerson + `, 'admin', 'pending', '', '', '', ` + versioned + `)`,
	`INSERT INTO setup_tokens (secret_hash, created_at, ends_at) VALUES ('` + digest64 + `', '2023-01-01', '2023-01-02')`,
	`INSERT INTO entry_exceptions
		(town_id, id, period_code, branch_code, until, reason, granted_by, granted_at, ended_by, end_reason, version, created_at, updated_at)
		VALUES (` + besideDemo + `, ` + anyPeriod + `, 'b01', '2023-01-09', 'late', 'x', '2023-01-01', '', '', ` + versioned + `)`,
	`INSERT INTO exchange_events
		(town_id, id, kind, held_on, place, topic, branches, people, cases, outcome, state, state_by, state_at, state_reason, version, created_at, updated_at)
		VALUES (` + besideDemo + `, 'event', '2023-05-01', '', 'x', '[]', '[]', '[]', '', 'planned', '', '2023-01-01', '', ` + versioned + `)`,
	`INSERT INTO usefulness_ratings
		(town_id, id, period_code, branch_code, kind, subject, score, comment, version, created_at, updated_at)
		VALUES (` + besideDemo + `, ` + anyPeriod + `, 'b01', 'measure', '1', 5, '', ` + versioned + `)`,
	`INSERT INTO withdrawals
		(town_id, period_code, publication_number, last_number, withdrawn_by, withdrawn_at, reason, proposed_by, confirmed_by, note)
		SELECT town_id, period_code, number, number, 'x', '2023-01-01', 'x', '', '', 'x'
		FROM publications WHERE town_id = 'demo' ORDER BY period_code, number LIMIT 1`,
	`INSERT INTO robustness_results (town_id, run_id, seed, replicates, document, created_at)
		SELECT town_id, min(id), 1, 100, '{}', '2023-01-01' FROM runs GROUP BY town_id`,
	`INSERT INTO signing_statements (digest, note, recorded_at) VALUES ('` + digest64 + `', 'x', '2023-01-01')`,
	`INSERT INTO webhooks (town_id, id, url, description, types, role, secret, old_secret, state, state_reason, state_at, version,
		created_at, updated_at)
		VALUES (` + besideDemo + `, 'https://example.org', '', '[]', 'reader', '` + digest64 + `', '', 'enabled', '', '2023-01-01', ` + versioned + `)`,
	`INSERT INTO webhook_deliveries (town_id, webhook_id, sequence, failures, next_at, ping, lease)
		SELECT town_id, id, 1, 0, '2023-01-01', false, '' FROM webhooks`,
	`INSERT INTO webhook_attempts (town_id, id, webhook_id, at, event_id, type, sequence, status, millis, failure)
		SELECT town_id, id, id, '2023-01-01', id, 'x', 1, 200, 1, '' FROM webhooks`,
	`INSERT INTO kept_answers (credential, key, fingerprint, status, header, body, created_at)
		VALUES ('bw_1', 'k', '` + digest64 + `', 200, '{}', '', '2023-01-01')`,
	`INSERT INTO maintenance (task, at, detail, succeeded_at) VALUES ('backup', '2023-01-02', 'x', '2023-01-01')`,
	`INSERT INTO sessions (secret_hash, account_name, account_version, created_at, seen_at, ends_at)
		SELECT '` + digest64 + `', min(name), 1, '2023-01-01', '2023-01-01', '2023-01-02' FROM accounts`,
	// Reminders of a person, of an office, and of nobody that was withdrawn; one is about
	// no branch, two are acknowledged.
	`INSERT INTO reminders
		(town_id, id, sequence, kind, subject, branch_code, person_code, office_code, due_on, made_at, withdrawn_at) VALUES
		('demo', '` + id36(1) + `', 3, 'visit_due', 'assignments/1', 'b01', ` + anyPerson + `, NULL, '2023-05-01', '2023-04-28', NULL),
		('demo', '` + id36(2) + `', 2, 'problem_overdue', 'problems/1', 'b02', NULL, ` + anyOffice + `, '2023-04-30', '2023-05-01', NULL),
		('demo', '` + id36(3) + `', 4, 'item_due', 'plans/1/items/1', NULL, NULL, NULL, '2023-05-01', '2023-04-27', '2023-04-29')`,
	// One file that is there and one that was removed.
	intoEvidence + "SELECT town_id, '" + id36(1) + "', '', min(id), 'a.jpg', 'image/jpeg', 9, '" + digest64 + "', 3, 4, 8, '" + digest64 +
		"', 'x', 'instructor', NULL, '', '', " + versioned + " FROM visits WHERE town_id = 'demo' GROUP BY town_id",
	intoEvidence + "SELECT town_id, '" + id36(2) + "', '', min(id), 'a.pdf', 'application/pdf', 9, '" + digest64 + "', NULL, NULL, 9, '" + digest64 +
		"', 'x', 'instructor', '2023-01-02', 'x', 'x', " + versioned + " FROM visits WHERE town_id = 'demo' GROUP BY town_id",
	`INSERT INTO loose_files (town_id, file, since) VALUES ('demo', '01/x', '2023-01-02')`,
	`INSERT INTO reminder_heads (town_id, last) VALUES ('demo', 4)`,
	`INSERT INTO reminder_receipts (town_id, reminder_id, reader, at)
		VALUES ('demo', '` + id36(1) + `', 'p1', '2023-04-29'), ('demo', '` + id36(3) + `', 'p2', '2023-04-28')`,
}

// trial is a next migration of each kind of change: a column, a table that refers to
// an older one, and a rule of a column, for which SQLite needs the table anew.
var trial = fstest.MapFS{
	"sqlite/101_trial.sql": {Data: []byte(`-- +goose Up
ALTER TABLE branches ADD COLUMN motto text NOT NULL DEFAULT '';
CREATE TABLE mottos (
    town_id text NOT NULL,
    branch_code text NOT NULL,
    since text NOT NULL CHECK (length(since) = 10),
    PRIMARY KEY (town_id, branch_code),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT
);
INSERT INTO mottos SELECT town_id, code, '2023-01-01' FROM branches;
CREATE TABLE new_reminders (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    sequence INTEGER NOT NULL CHECK (sequence > 0) CHECK (typeof(sequence) IN ('integer')),
    kind text NOT NULL CHECK (length(kind) > 0),
    subject text NOT NULL CHECK (length(subject) > 0),
    branch_code text,
    person_code text,
    office_code text,
    due_on text CHECK (length(due_on) = 10),
    made_at DATETIME NOT NULL,
    withdrawn_at DATETIME,
    PRIMARY KEY (town_id, id),
    UNIQUE (town_id, kind, subject, due_on),
    UNIQUE (town_id, sequence),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, office_code) REFERENCES offices (town_id, code) ON DELETE RESTRICT
);
INSERT INTO new_reminders SELECT * FROM reminders;
CREATE TABLE new_reminder_receipts (
    town_id text NOT NULL,
    reminder_id text NOT NULL,
    reader text NOT NULL CHECK (length(reader) > 0),
    at DATETIME NOT NULL,
    PRIMARY KEY (town_id, reminder_id, reader),
    FOREIGN KEY (town_id, reminder_id) REFERENCES new_reminders (town_id, id) ON DELETE RESTRICT
);
INSERT INTO new_reminder_receipts SELECT * FROM reminder_receipts;
DROP TABLE reminder_receipts;
DROP TABLE reminders;
ALTER TABLE new_reminders RENAME TO reminders;
ALTER TABLE new_reminder_receipts RENAME TO reminder_receipts;
`)},
	"postgres/101_trial.sql": {Data: []byte(`-- +goose Up
ALTER TABLE branches ADD COLUMN motto text COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE mottos (
    town_id text COLLATE "C" NOT NULL,
    branch_code text COLLATE "C" NOT NULL,
    since text COLLATE "C" NOT NULL CHECK (length(since) = 10),
    PRIMARY KEY (town_id, branch_code),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT
);
INSERT INTO mottos SELECT town_id, code, '2023-01-01' FROM branches;
ALTER TABLE reminders ALTER COLUMN due_on DROP NOT NULL;
`)},
}

// broken is trial with a statement at its end that fails.
func broken() fs.FS {
	files := fstest.MapFS{}
	for name, file := range trial {
		files[name] = &fstest.MapFile{Data: append(slices.Clone(file.Data),
			"INSERT INTO mottos VALUES ('nowhere', 'b01', '2023-01-01');\n"...)}
	}
	return files
}

func TestTheFirstMigrationIsFilled(t *testing.T) {
	db := dbtest.Owner(t, filled.Open(t, database.SQLite))
	for name := range tables(t, db) {
		if n := texts(t, db, "SELECT count(*) FROM "+name); n[0] == "0" {
			t.Errorf("%s has no row that a next migration could lose", name)
		}
	}
}

// The next migration loses no row, records its number, runs once, and leaves the
// schema that a new database gets.
func TestTheNextMigrationKeepsEverything(t *testing.T) {
	dbtest.Both(t, func(t *testing.T, dialect string) {
		options := database.Options{Migrations: trial}
		url, fresh := dbtest.AsOwner(t, filled.URL(t, dialect)), dbtest.EmptyURL(t, dialect)
		db := dbtest.Connect(t, url, options)
		isAt(t, db, 100, 101)
		old := levelOf(t, db)
		migrate(t, fresh, options)
		anew := levelOf(t, dbtest.Connect(t, fresh, options))
		before := contents(t, db, shared(old, anew))
		for range 2 {
			migrate(t, url, options)
			isAt(t, db, 101, 101)
			if diff := cmp.Diff(anew, levelOf(t, db)); diff != "" {
				t.Errorf("a new database (-) has another schema (+):\n%s", diff)
			}
			if diff := cmp.Diff(before, contents(t, db, shared(old, anew))); diff != "" {
				t.Errorf("the rows before (-) and after (+):\n%s", diff)
			}
		}
		if n := texts(t, db,
			"SELECT count(*) FROM mottos JOIN branches ON motto = '' AND (branches.town_id, code) = (mottos.town_id, branch_code)"); n[0] == "0" {
			t.Error("the new table has no rows")
		}
		refusesStrays(t, db)

		// The program from before it refuses the database.
		older := dbtest.Connect(t, url, database.Options{Migrations: fstest.MapFS{}})
		if _, err := database.Pending(t.Context(), older); !fault.Is(err, fault.KindConflict) ||
			!strings.Contains(err.Error(), "version 101") {
			t.Errorf("an older program: %v", err)
		}
	})
}

// A migration that fails at its last statement leaves everything as it was, and
// succeeds once it is mended.
func TestAnInterruptedMigrationLeavesNothing(t *testing.T) {
	dbtest.Both(t, func(t *testing.T, dialect string) {
		url := dbtest.AsOwner(t, filled.URL(t, dialect))
		db := dbtest.Connect(t, url, database.Options{Migrations: trial})
		old := levelOf(t, db)
		before := contents(t, db, shared(old, old))
		if err := database.Migrate(t.Context(), url, database.Options{Migrations: broken()}); err == nil {
			t.Fatal("the broken migration succeeded")
		}
		isAt(t, db, 100, 101)
		if diff := cmp.Diff(old, levelOf(t, db)); diff != "" {
			t.Errorf("the schema before (-) and after (+):\n%s", diff)
		}
		if diff := cmp.Diff(before, contents(t, db, shared(old, old))); diff != "" {
			t.Errorf("the rows before (-) and after (+):\n%s", diff)
		}
		migrate(t, url, database.Options{Migrations: trial})
		isAt(t, db, 101, 101)
	})
}

func TestMigrateToStopsThere(t *testing.T) {
	dbtest.Both(t, func(t *testing.T, dialect string) {
		url, options := dbtest.EmptyURL(t, dialect), database.Options{Migrations: trial}
		if err := database.MigrateTo(t.Context(), url, options, 100); err != nil {
			t.Fatal(err)
		}
		isAt(t, dbtest.Connect(t, url, options), 100, 101)
	})
}

func migrate(t *testing.T, url string, options database.Options) {
	t.Helper()
	if err := database.Migrate(t.Context(), url, options); err != nil {
		t.Fatal(err)
	}
}

func isAt(t *testing.T, db *gorm.DB, have, want int64) {
	t.Helper()
	h, w, err := database.Version(t.Context(), db)
	if h != have || w != want || err != nil {
		t.Errorf("Version = %d, %d, %v; want %d, %d", h, w, err, have, want)
	}
	if pending, err := database.Pending(t.Context(), db); pending != (have < want) || err != nil {
		t.Errorf("Pending = %v, %v", pending, err)
	}
}

// refusesStrays makes sure that the keys of reminders and receipts hold, which the
// trial made anew on SQLite.
func refusesStrays(t *testing.T, db *gorm.DB) {
	t.Helper()
	for _, stray := range []string{
		`INSERT INTO reminder_receipts (town_id, reminder_id, reader, at) VALUES ('demo', '` + id36(9) +
			`', 'p1', '2023-04-29')`, `DELETE FROM reminders WHERE id = '` + id36(1) + `'`,
		`UPDATE reminders SET branch_code = 'b99' WHERE id = '` + id36(1) + `'`,
		`UPDATE reminders SET person_code = 'p99' WHERE id = '` + id36(1) + `'`,
		`UPDATE reminders SET office_code = 'p99' WHERE id = '` + id36(2) + `'`,
		`UPDATE reminders SET sequence = 2 WHERE id = '` + id36(1) + `'`,
		`UPDATE reminders SET kind = 'item_due', subject = 'plans/1/items/1' WHERE id = '` + id36(1) + `'`,
		`DELETE FROM branches WHERE code = 'b01'`,
		`INSERT INTO mottos (town_id, branch_code, since) VALUES ('demo', 'b99', '2023-01-01')`,
	} {
		if db.Exec(stray).Error == nil {
			t.Errorf("done: %s", stray)
		}
	}
}

// level is a schema with its indexes, triggers and checks.
type level struct {
	Tables map[string]*table
	Beside []string
}

var besideQueries = map[string]string{
	database.SQLite: `SELECT type || ' ' || name || ' ON ' || tbl_name FROM sqlite_schema
			WHERE type IN ('index', 'trigger') AND name NOT LIKE 'sqlite_%' AND tbl_name NOT LIKE 'goose_%'
		UNION ALL SELECT 'rules of ' || name || ' ' || (length(sql) - length(replace(sql, 'CHECK', ''))) / 5 FROM sqlite_schema
			WHERE type = 'table' AND name NOT LIKE 'goose_%' AND sql LIKE '%CHECK%' ORDER BY 1`,
	database.PostgreSQL: `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE 'goose_%'
		UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
		UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
			WHERE contype = 'c' AND connamespace = 'public'::regnamespace
		UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1`,
}

func levelOf(t *testing.T, db *gorm.DB) level {
	return level{tables(t, db), texts(t, db, besideQueries[database.Dialect(db)])}
}

// shared returns the tables that both schemas have, with the columns that both have.
func shared(a, b level) map[string][]string {
	both := map[string][]string{}
	for name, of := range a.Tables {
		other := b.Tables[name]
		if other == nil {
			continue
		}
		for _, column := range of.Columns {
			column = strings.TrimSuffix(column, "?")
			if slices.Contains(other.Columns, column) || slices.Contains(other.Columns, column+"?") {
				both[name] = append(both[name], column)
			}
		}
	}
	return both
}

// contents returns the hashes of the rows of the tables.
func contents(t *testing.T, db *gorm.DB, of map[string][]string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for name, columns := range of {
		found[name] = hashOf(t, db, "SELECT "+strings.Join(columns, ", ")+" FROM "+name, len(columns))
	}
	return found
}

// hashOf returns how many rows the query has, and a hash of them in any order.
func hashOf(t *testing.T, db *gorm.DB, query string, columns int) string {
	t.Helper()
	rows, err := db.Raw(query).Rows()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	values, pointers := make([]any, columns), make([]any, columns)
	for i := range values {
		pointers[i] = &values[i]
	}
	var lines []string
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%q", values))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return fmt.Sprintf("%d rows %x", len(lines), sha256.Sum256([]byte(strings.Join(lines, "\n"))))
}

func texts(t *testing.T, db *gorm.DB, query string) []string {
	t.Helper()
	var list []string
	if err := db.Raw(query).Scan(&list).Error; err != nil {
		t.Fatal(fmt.Errorf("%s: %w", query, err))
	}
	return list
}
