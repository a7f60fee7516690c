package probe

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo/demotest"
)

// beside are rows of the exempt tables, which the demo leaves empty.
var beside = []string{
	`INSERT INTO kept_answers (credential, key, fingerprint, status, header, body, created_at)
		VALUES ('bw_00000000', 'k', '` + strings.Repeat("0", 64) + `', 200, '{}', '{}', '2023-10-09 01:00:00')`,
	`INSERT INTO loose_files (town_id, file, since) VALUES ('demo', '01/x', '2023-10-09 01:00:00')`,
	`INSERT INTO maintenance (task, at, detail, succeeded_at) VALUES ('backup', '2023-10-09 01:00:00', '', '2023-10-09 01:00:00')`,
	`INSERT INTO sessions (secret_hash, account_name, account_version, created_at, seen_at, ends_at)
		SELECT '` + strings.Repeat("0", 64) + `', min(name), 1, '2023-10-09 01:00:00', '2023-10-09 01:00:00', '2023-10-10 01:00:00' FROM accounts`,
	`INSERT INTO webhooks (town_id, id, url, description, types, role, secret, old_secret, state, state_reason, state_at, version,
			created_at, updated_at)
		SELECT t.code, h.id, 'https://example.org', '', '[]', 'reader', '` + strings.Repeat("0", 64) + `', '', 'disabled', 'by_hand',
			'2023-10-09 01:00:00', 1, '2023-10-09 01:00:00', '2023-10-09 01:00:00'
		FROM towns t, (SELECT '` + hook(1) + `' AS id UNION SELECT '` + hook(2) + `') h`,
	`INSERT INTO webhook_deliveries (town_id, webhook_id, sequence, failures, next_at, ping, lease)
		SELECT min(code), '` + hook(1) + `', 1, 0, '2023-10-09 01:00:00', false, '' FROM towns`,
	`INSERT INTO webhook_attempts (town_id, id, webhook_id, at, event_id, type, sequence, status, millis, failure)
		SELECT min(code), '` + hook(1) + `', '` + hook(1) + `', '2023-10-09 01:00:00', '` + hook(1) + `', 'x', 1, 200, 1, '' FROM towns`,
}

// hook is the id of a webhook.
func hook(n int) string { return fmt.Sprintf("00000000-0000-7000-8000-%012d", n) }

// exempt are changes of every column that no row record holds, but for those of the trail,
// which its chain holds.
var exempt = map[string]string{
	"goose_db_version.id":              "UPDATE goose_db_version SET id = id + 1000",
	"goose_db_version.version_id":      "UPDATE goose_db_version SET version_id = version_id + 1000",
	"goose_db_version.is_applied":      "UPDATE goose_db_version SET is_applied = NOT is_applied",
	"goose_db_version.tstamp":          "UPDATE goose_db_version SET tstamp = '2001-02-03 04:05:06'",
	"kept_answers.credential":          "UPDATE kept_answers SET credential = 'x'",
	"kept_answers.key":                 "UPDATE kept_answers SET key = 'x'",
	"kept_answers.fingerprint":         "UPDATE kept_answers SET fingerprint = '" + strings.Repeat("1", 64) + "'",
	"kept_answers.status":              "UPDATE kept_answers SET status = 201",
	"kept_answers.header":              "UPDATE kept_answers SET header = 'x'",
	"kept_answers.body":                "UPDATE kept_answers SET body = 'x'",
	"kept_answers.created_at":          "UPDATE kept_answers SET created_at = '2001-02-03 04:05:06'",
	"loose_files.town_id":              "UPDATE loose_files SET town_id = 'lishui'",
	"loose_files.file":                 "UPDATE loose_files SET file = 'x'",
	"loose_files.since":                "UPDATE loose_files SET since = '2001-02-03 04:05:06'",
	"maintenance.task":                 "UPDATE maintenance SET task = 'verify'",
	"maintenance.at":                   "UPDATE maintenance SET at = '2001-02-03 04:05:06'",
	"maintenance.detail":               "UPDATE maintenance SET detail = 'x'",
	"maintenance.succeeded_at":         "UPDATE maintenance SET succeeded_at = NULL",
	"sessions.seen_at":                 "UPDATE sessions SET seen_at = '2001-02-03 04:05:06'",
	"webhook_attempts.at":              "UPDATE webhook_attempts SET at = '2001-02-03 04:05:06'",
	"webhook_attempts.event_id":        `UPDATE webhook_attempts SET event_id = '` + hook(9) + `'`,
	"webhook_attempts.failure":         "UPDATE webhook_attempts SET failure = 'timeout'",
	"webhook_attempts.id":              `UPDATE webhook_attempts SET id = '` + hook(9) + `'`,
	"webhook_attempts.millis":          "UPDATE webhook_attempts SET millis = 2",
	"webhook_attempts.sequence":        "UPDATE webhook_attempts SET sequence = 2",
	"webhook_attempts.status":          "UPDATE webhook_attempts SET status = 500",
	"webhook_attempts.town_id":         "UPDATE webhook_attempts SET town_id = (SELECT max(code) FROM towns)",
	"webhook_attempts.type":            "UPDATE webhook_attempts SET type = 'y'",
	"webhook_attempts.webhook_id":      `UPDATE webhook_attempts SET webhook_id = '` + hook(2) + `'`,
	"webhook_deliveries.delivered_at":  "UPDATE webhook_deliveries SET delivered_at = '2001-02-03 04:05:06'",
	"webhook_deliveries.failing_since": "UPDATE webhook_deliveries SET failing_since = '2001-02-03 04:05:06'",
	"webhook_deliveries.failures":      "UPDATE webhook_deliveries SET failures = 2",
	"webhook_deliveries.lease":         "UPDATE webhook_deliveries SET lease = 'x'",
	"webhook_deliveries.leased_until":  "UPDATE webhook_deliveries SET leased_until = '2001-02-03 04:05:06'",
	"webhook_deliveries.next_at":       "UPDATE webhook_deliveries SET next_at = '2001-02-03 04:05:06'",
	"webhook_deliveries.ping":          "UPDATE webhook_deliveries SET ping = true",
	"webhook_deliveries.sequence":      "UPDATE webhook_deliveries SET sequence = 2",
	"webhook_deliveries.town_id":       "UPDATE webhook_deliveries SET town_id = (SELECT max(code) FROM towns)",
	"webhook_deliveries.webhook_id":    `UPDATE webhook_deliveries SET webhook_id = '` + hook(2) + `'`,
}

// No column that verify does not hold changes a byte of an answer to any caller, so that
// nothing is lost by its not being held. (bulwark score reads files and no database.)
func TestExemptColumnsChangeNoAnswer(t *testing.T) {
	dbtest.Both(t, func(t *testing.T, dialect string) {
		db := dbtest.Connect(t, demotest.Towns.URL(t, dialect), database.Options{Now: now})
		chores(t, db)
		s := &service{t: t, names: names{}, record: newRecord()}
		s.serve(db)
		owner := dbtest.Owner(t, db)
		for _, statement := range beside {
			if err := owner.Exec(statement).Error; err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		unheld := unheldColumns(t, owner)
		if listed := slices.Sorted(maps.Keys(exempt)); !slices.Equal(unheld, listed) {
			t.Fatalf("columns that no row record holds: %v\nchanged here: %v", unheld, listed)
		}
		t.Logf("%s: %d columns exempt", dialect, len(unheld))
		var callers []string
		for _, c := range s.callers {
			callers = append(callers, c.name)
		}
		addresses := (&walker{s, map[string][]string{}}).questions(readDocument(t))
		// Reading about a person leaves a record in the trail, so that the trail itself is another, and so is what lists
		// its records. What of a webhook is not held is shown to administrators, as what it is: the log of requests.
		addresses = slices.DeleteFunc(addresses, func(a string) bool {
			return strings.Contains(a, "/audit") || strings.HasSuffix(a, "/everything") || strings.Contains(a, "/webhooks")
		})
		before := s.answers(addresses, callers)
		for _, column := range unheld {
			if done := owner.Exec(exempt[column]); done.Error != nil || done.RowsAffected == 0 {
				t.Fatalf("%s: %d rows, %v", exempt[column], done.RowsAffected, done.Error)
			}
		}
		for _, q := range differing(before, s.answers(addresses, callers)) {
			t.Errorf("%s depends on a column that verify does not hold", q)
		}
		// The control: a column that is shown.
		if err := owner.Exec("UPDATE keys SET last_used_at = '2001-02-03 04:05:06'").Error; err != nil {
			t.Fatal(err)
		}
		if a := s.answers([]string{"/keys"}, []string{"admin"})["admin /keys"]; a == before["admin /keys"] || a == "" {
			t.Error("the last use of keys is shown, and the change of it was not seen")
		}
	})
}

// unheldColumns returns the columns that no row record holds, but for those of the trail,
// sorted.
func unheldColumns(t *testing.T, db *gorm.DB) (list []string) {
	t.Helper()
	for name := range database.Unheld {
		table, column, one := strings.Cut(name, ".")
		if strings.HasPrefix(table, "audit_") {
			continue
		}
		if one {
			list = append(list, table+"."+column)
			continue
		}
		rows, err := db.Raw("SELECT * FROM " + table + " WHERE 1 = 0").Rows()
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		for _, c := range columns {
			list = append(list, table+"."+c)
		}
	}
	slices.Sort(list)
	return list
}
