package probe

import (
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
}

// exempt are changes of every column that no row record holds, but for those of the trail,
// which its chain holds.
var exempt = map[string]string{
	"goose_db_version.id":         "UPDATE goose_db_version SET id = id + 1000",
	"goose_db_version.version_id": "UPDATE goose_db_version SET version_id = version_id + 1000",
	"goose_db_version.is_applied": "UPDATE goose_db_version SET is_applied = NOT is_applied",
	"goose_db_version.tstamp":     "UPDATE goose_db_version SET tstamp = '2001-02-03 04:05:06'",
	"kept_answers.credential":     "UPDATE kept_answers SET credential = 'x'",
	"kept_answers.key":            "UPDATE kept_answers SET key = 'x'",
	"kept_answers.fingerprint":    "UPDATE kept_answers SET fingerprint = '" + strings.Repeat("1", 64) + "'",
	"kept_answers.status":         "UPDATE kept_answers SET status = 201",
	"kept_answers.header":         "UPDATE kept_answers SET header = 'x'",
	"kept_answers.body":           "UPDATE kept_answers SET body = 'x'",
	"kept_answers.created_at":     "UPDATE kept_answers SET created_at = '2001-02-03 04:05:06'",
	"loose_files.town_id":         "UPDATE loose_files SET town_id = 'lishui'",
	"loose_files.file":            "UPDATE loose_files SET file = 'x'",
	"loose_files.since":           "UPDATE loose_files SET since = '2001-02-03 04:05:06'",
	"maintenance.task":            "UPDATE maintenance SET task = 'verify'",
	"maintenance.at":              "UPDATE maintenance SET at = '2001-02-03 04:05:06'",
	"maintenance.detail":          "UPDATE maintenance SET detail = 'x'",
	"maintenance.succeeded_at":    "UPDATE maintenance SET succeeded_at = NULL",
	"sessions.seen_at":            "UPDATE sessions SET seen_at = '2001-02-03 04:05:06'",
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
		// its records.
		addresses = slices.DeleteFunc(addresses, func(a string) bool {
			return strings.Contains(a, "/audit") || strings.HasSuffix(a, "/everything")
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
