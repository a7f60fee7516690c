package database_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

// Every change of every frozen row is refused, and by a trigger.
func TestGuardsRefuseEveryChange(t *testing.T) {
	dbtest.Both(t, func(t *testing.T, dialect string) {
		db := dbtest.Owner(t, filled.Open(t, dialect))
		execAll(t, db, besideTheFrozen...)
		for _, g := range database.Guards {
			if texts(t, db, "SELECT count(*) FROM "+g.Table+" WHERE "+cmp.Or(g.Rows, "1 = 1"))[0] == "0" {
				t.Errorf("%s: no row where %s", g.Table, g.Rows)
			}
			for _, s := range changes(t, db, g) {
				err := db.Exec(s).Error
				if err == nil || !strings.Contains(err.Error(), "rows of "+g.Table+" are immutable") &&
					(!strings.HasPrefix(g.Table, "audit_") || !strings.Contains(err.Error(), "append-only")) {
					t.Errorf("%s: %v", s, err)
				}
			}
		}
	})
}

// besideTheFrozen makes the frozen rows that the demo lacks.
var besideTheFrozen = []string{
	`INSERT INTO proposals (town_id, id, period_code, action, state, publication_number, run_id, data_hash, result_hash, corrections, touched,
			forced, reason, proposed_by, decided_by, decision_reason, version, created_at, updated_at)
		SELECT town_id, '` + id36(1) + `', period_code, action, 'open', publication_number, run_id, data_hash, result_hash, corrections, touched,
			forced, reason, proposed_by, '', '', 1, created_at, updated_at FROM proposals WHERE action = 'publish' ORDER BY id LIMIT 1`,
	`UPDATE evaluations SET state = 'returned', revision = revision + 1 WHERE town_id = 'demo' AND state = 'submitted'`,
	`INSERT INTO reports (town_id, id, author_code, from_on, until_on, state, progress, difficulties, next, figures, submitted_at, received_by,
			remark, version, created_at, updated_at)
		SELECT town_id, '` + id36(1) + `', author_code, from_on, until_on, 'submitted', progress, difficulties, next, figures, submitted_at, '',
			'', 1, created_at, updated_at FROM reports WHERE state = 'received' ORDER BY id LIMIT 1`,
}

// different is another value than that of the column @, by the type that either database
// declares.
var different = map[string]string{
	"text": "coalesce(@, '') || 'x'", "integer": "coalesce(@, 0) + 1", "bigint": "coalesce(@, 0) + 1",
	"real": "coalesce(@, 0) + 1", "double precision": "coalesce(@, 0) + 1", "boolean": "NOT @",
	"datetime": "'1999-01-01'", "timestamp with time zone": "'1999-01-01'",
}

var columnTypes = map[string]string{
	database.SQLite:     "SELECT name, lower(type) FROM pragma_table_info('@')",
	database.PostgreSQL: "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '@'",
}

// changes are the statements that the guard must refuse.
func changes(t *testing.T, db *gorm.DB, g database.Guard) []string {
	t.Helper()
	where := " WHERE " + cmp.Or(g.Rows, "1 = 1")
	list := []string{"DELETE FROM " + g.Table + where}
	if database.Dialect(db) == database.SQLite {
		list = append(list, "REPLACE INTO "+g.Table+" SELECT * FROM "+g.Table+where)
	} else {
		list = append(list, "TRUNCATE "+g.Table+" CASCADE")
	}
	for _, c := range rows[struct{ Name, Type string }](t, db, strings.ReplaceAll(columnTypes[database.Dialect(db)], "@", g.Table)) {
		value := different[c.Type]
		switch {
		case value == "":
			t.Errorf("%s.%s: no other value of the type %q", g.Table, c.Name, c.Type)
		case g.Table == "audit_heads" && c.Name == "sequence":
			list = append(list, "UPDATE audit_heads SET sequence = sequence", "UPDATE audit_heads SET sequence = sequence - 1")
		case !slices.Contains(g.Free, c.Name):
			list = append(list, "UPDATE "+g.Table+" SET "+c.Name+" = "+strings.ReplaceAll(value, "@", c.Name)+where)
		}
	}
	return list
}

// What is not frozen can be written, or the guards would refuse everything.
func TestGuardsLetTheRestBeWritten(t *testing.T) {
	dbtest.Both(t, func(t *testing.T, dialect string) {
		db := dbtest.Owner(t, filled.Open(t, dialect))
		for _, s := range []string{
			"UPDATE audit_heads SET sequence = sequence + 1",
			"UPDATE cases SET state = 'withdrawn', version = version + 1 WHERE published_at IS NOT NULL",
			"UPDATE entries SET evidence = 'x' WHERE " + currentOf + "s.state = 'draft')",
			"DELETE FROM entries WHERE " + currentOf + "s.state IN ('draft', 'submitted'))",
			"UPDATE evaluations SET state = 'returned', revision = revision + 1 WHERE state = 'approved'",
			"INSERT INTO entries SELECT town_id, id, revision, 'x', 1, NULL, false, '', '' FROM evaluations WHERE state = 'returned'",
			"UPDATE entries SET value = 2 WHERE code = 'x'",
			"DELETE FROM entries WHERE code = 'x'",
		} {
			switch done := db.Exec(s); {
			case done.Error != nil:
				t.Errorf("%s: %v", s, done.Error)
			case done.RowsAffected == 0:
				t.Errorf("no rows: %s", s)
			}
		}
	})
}

const currentOf = `EXISTS (SELECT 1 FROM evaluations s WHERE s.town_id = entries.town_id AND s.id = entries.evaluation_id
	AND s.revision = entries.revision AND `

// An entry cannot be moved into an approved sheet either.
func TestNoEntryMovesIntoAnApprovedSheet(t *testing.T) {
	dbtest.Both(t, func(t *testing.T, dialect string) {
		db := dbtest.Owner(t, filled.Open(t, dialect))
		err := db.Exec(`UPDATE entries SET code = 'moved', evaluation_id = (SELECT min(id) FROM evaluations WHERE town_id = 'demo' AND state = 'approved')
			WHERE (evaluation_id, code) = (SELECT s.id, min(e.code) FROM evaluations s JOIN entries e ON e.town_id = s.town_id AND e.evaluation_id = s.id
				AND e.revision = s.revision WHERE s.town_id = 'demo' AND s.state = 'submitted' AND s.revision = 1 GROUP BY s.id ORDER BY 1 LIMIT 1)`).Error
		if err == nil || !strings.Contains(err.Error(), "rows of entries are immutable") {
			t.Error(err)
		}
	})
}

var triggersOf = map[string]string{
	database.SQLite: "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger' ORDER BY 1",
	database.PostgreSQL: `SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
		WHERE NOT t.tgisinternal ORDER BY 1`,
}

// unlisted compares the tables that have triggers with the list.
func unlisted(t *testing.T, db *gorm.DB) string {
	t.Helper()
	var listed []string
	for _, g := range database.Guards {
		listed = append(listed, g.Table)
	}
	return gocmp.Diff(slices.Compact(listed), texts(t, db, triggersOf[database.Dialect(db)]))
}

func TestGuardsAreAllThatTheSchemaHas(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		if diff := unlisted(t, db); diff != "" {
			t.Errorf("listed (-) and in the schema (+):\n%s", diff)
		}
		guarded := map[string]string{
			database.SQLite:     "CREATE TRIGGER stray BEFORE UPDATE ON towns BEGIN SELECT RAISE(ABORT, 'immutable'); END",
			database.PostgreSQL: "CREATE TRIGGER stray BEFORE UPDATE ON towns FOR EACH ROW EXECUTE FUNCTION refuse_change()",
		}
		execAll(t, db, guarded[database.Dialect(db)])
		if unlisted(t, db) == "" {
			t.Error("a table outside the list was not found")
		}
	})
}
