package database_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

func id36(n int) string { return fmt.Sprintf("00000000-0000-7000-8000-%012d", n) }

// before0021 are reminders, all about a branch: one of a person, one of an office,
// one of nobody that was withdrawn; two of them are acknowledged.
var before0021 = []string{
	`INSERT INTO reminders (town_id, id, sequence, kind, subject, branch_code, person_code, office_code, due_on, made_at, withdrawn_at) VALUES
		('a', '` + id36(1) + `', 3, 'visit_due', 'assignments/1', 'b1', 'p1', NULL, '2023-05-01', '2023-04-28', NULL),
		('a', '` + id36(2) + `', 2, 'problem_overdue', 'problems/1', 'b2', NULL, 'p2', '2023-04-30', '2023-05-01', NULL),
		('a', '` + id36(3) + `', 4, 'item_due', 'plans/1/items/1', 'b1', NULL, NULL, '2023-05-01', '2023-04-27', '2023-04-29')`,
	`INSERT INTO reminder_heads (town_id, last) VALUES ('a', 4)`,
	`INSERT INTO reminder_receipts (town_id, reminder_id, reader, at) VALUES ('a', '` + id36(1) + `', 'p1', '2023-04-29'), ('a', '` + id36(3) + `', 'p2', '2023-04-28')`,
}

// since0021 is what only the new schema holds.
var since0021 = []string{
	`INSERT INTO reminders (town_id, id, sequence, kind, subject, branch_code, person_code, office_code, due_on, made_at, withdrawn_at) VALUES
		('a', '` + id36(4) + `', 5, 'report_due', 'people/p1', NULL, 'p1', NULL, '2023-06-01', '2023-05-29', NULL)`,
	`INSERT INTO reminder_receipts (town_id, reminder_id, reader, at) VALUES ('a', '` + id36(4) + `', 'p1', '2023-05-30')`,
	`INSERT INTO reports (town_id, id, author_code, from_on, until_on, state, progress, difficulties, next, figures, submitted_at, received_at, received_by, remark, version, created_at, updated_at) VALUES
		('a', '` + id36(5) + `', 'p1', '2023-05-01', '2023-05-31', 'draft', 'x', '', '', NULL, NULL, NULL, '', '', 1, '2023-06-01', '2023-06-01'),
		('a', '` + id36(6) + `', 'p1', '2023-04-01', '2023-04-30', 'submitted', 'x', '', '', '{}', '2023-06-01', NULL, '', '', 2, '2023-06-01', '2023-06-01')`,
}

// Reminders and their receipts go through 0021, which lets them be about no branch,
// and back, where those about none have no place; what refers to them still does.
func TestRemindersGoThrough0021AndBack(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url := dbtest.EmptyURL(t, dialect)
			to := func(version int64) {
				t.Helper()
				if err := database.MigrateTo(t.Context(), url, database.Options{}, version); err != nil {
					t.Fatal(err)
				}
			}
			to(7)
			db := dbtest.Connect(t, url, database.Options{})
			execAll(t, db, before0008...)
			to(20)
			execAll(t, db, before0021...)
			reminders := texts(t, db, allReminders)
			receipts := texts(t, db, allReceipts)
			if len(reminders) != 3 || len(receipts) != 2 {
				t.Fatalf("%q %q", reminders, receipts)
			}
			same := func(step string) {
				t.Helper()
				if diff := cmp.Diff([][]string{reminders, receipts, {"4"}}, [][]string{texts(t, db, allReminders), texts(t, db, allReceipts), texts(t, db, "SELECT CAST(last AS text) FROM reminder_heads")}); diff != "" {
					t.Errorf("%s: before (-) and after (+):\n%s", step, diff)
				}
				refusesStrays(t, db)
			}
			to(21)
			same("to 21")
			execAll(t, db, since0021...)
			if err := database.MigrateBack(t.Context(), db, 20); err != nil {
				t.Fatal(err)
			}
			same("back to 20")
			if db.Exec("UPDATE reminders SET branch_code = NULL").Error == nil {
				t.Error("a reminder is about no branch at 20")
			}
			to(21)
			same("again to 21")
			execAll(t, db, since0021...) // there is place for them again
		})
	}
}

const (
	allReminders = `SELECT town_id || '|' || id || '|' || sequence || '|' || kind || '|' || subject || '|' || branch_code || '|' || coalesce(person_code, '-') || '|' || coalesce(office_code, '-') || '|' ||
		due_on || '|' || CAST(made_at AS text) || '|' || coalesce(CAST(withdrawn_at AS text), '-') FROM reminders ORDER BY id`
	allReceipts = `SELECT town_id || '|' || reminder_id || '|' || reader || '|' || CAST(at AS text) FROM reminder_receipts ORDER BY reminder_id, reader`
)

// refusesStrays makes sure that the keys of reminders and receipts hold.
func refusesStrays(t *testing.T, db *gorm.DB) {
	t.Helper()
	for _, stray := range []string{
		`INSERT INTO reminder_receipts (town_id, reminder_id, reader, at) VALUES ('a', '` + id36(9) + `', 'p1', '2023-04-29')`,
		`DELETE FROM reminders WHERE id = '` + id36(1) + `'`,
		`UPDATE reminders SET branch_code = 'b9' WHERE id = '` + id36(1) + `'`,
		`UPDATE reminders SET person_code = 'p9' WHERE id = '` + id36(1) + `'`,
		`UPDATE reminders SET office_code = 'p9' WHERE id = '` + id36(2) + `'`,
		`UPDATE reminders SET sequence = 2 WHERE id = '` + id36(1) + `'`,
		`UPDATE reminders SET kind = 'item_due', subject = 'plans/1/items/1' WHERE id = '` + id36(1) + `'`,
		`DELETE FROM branches WHERE code = 'b1'`,
	} {
		if db.Exec(stray).Error == nil {
			t.Errorf("done: %s", stray)
		}
	}
}
