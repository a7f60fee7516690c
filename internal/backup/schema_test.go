package backup_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/backup"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// leftOut must exist; docs/operations.md says why they are not worth keeping.
var leftOut = []string{
	"goose_db_version", "kept_answers", "loose_files", "maintenance", "sessions", "setup_tokens", "webhook_attempts", "webhook_deliveries",
}

// Every table is in a backup but those that are left out on purpose, and both
// databases describe them alike.
func TestEveryTableIsBackedUp(t *testing.T) {
	lite, postgres := dbtest.Owner(t, dbtest.Open(t, database.SQLite)),
		dbtest.Owner(t, dbtest.Open(t, database.PostgreSQL))
	_, a := write(t, lite)
	_, b := write(t, postgres)
	if diff := cmp.Diff(a.Counts, b.Counts); diff != "" {
		t.Errorf("SQLite (-) and PostgreSQL (+) differ:\n%s", diff)
	}
	all := names(t, lite, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1")
	backedUp := slices.Clone(leftOut)
	for _, table := range a.Header.Tables {
		backedUp = append(backedUp, table.Name)
	}
	slices.Sort(backedUp)
	if diff := cmp.Diff(all, backedUp); diff != "" {
		t.Errorf("tables (-) and backed up or left out (+):\n%s", diff)
	}
}

// Rows of what is left out do not come back, and those that lie in the target end.
func TestShortLivedTablesAreLeftOut(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		answer := `INSERT INTO kept_answers (credential, key, fingerprint, status, header, body, created_at)
			VALUES ('bw_x', '%s', '` + strings.Repeat("0", 64) + `', 200, '', 'secret words', '2023-07-01 00:00:00+00:00')`
		run(t, db, fmt.Sprintf(answer, "mine"))
		file, _ := write(t, db)
		if strings.Contains(strings.Join(unpacked(t, file), ""), "secret words") {
			t.Error("the backup holds a kept answer")
		}
		target := dbtest.Owner(t, dbtest.Open(t, database.Dialect(db)))
		run(t, target, fmt.Sprintf(answer, "older"))
		if _, err := restore(t.Context(), target, file); err != nil {
			t.Fatal(err)
		}
		if left := names(t, target, "SELECT key FROM kept_answers"); len(left) != 0 {
			t.Errorf("left: %s", left)
		}
	})
}

// A table that a backup could not give back whole stops it, by name.
func TestTablesWithoutOrderAreRefused(t *testing.T) {
	for statement, says := range map[string]string{
		"CREATE TABLE strays (a text)":                               "strays has no primary key",
		"CREATE TABLE strays (a text NOT NULL PRIMARY KEY, b money)": `type "money" of the column strays.b`,
		"CREATE TABLE strays (a text NOT NULL PRIMARY KEY REFERENCES others (a)); " +
			"CREATE TABLE others (a text NOT NULL PRIMARY KEY REFERENCES strays (a))": "in a circle",
		"CREATE TABLE strays (a text NOT NULL PRIMARY KEY, FOREIGN KEY (a, a) REFERENCES kept_answers (credential, key))": "left out",
	} {
		db := dbtest.Owner(t, dbtest.Open(t, database.SQLite))
		run(t, db, strings.Split(statement, "; ")...)
		if _, err := backup.Write(t.Context(), db, nil, new(bytes.Buffer), "test"); err == nil ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// Rows may refer to rows of their own table that come later in its order.
func TestRowsMayReferForward(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		areas := []town.Area{{Code: "9999", Level: "province"}}
		for i := range 1200 { // more than one statement inserts; 9998 is below 9999, 9997 below 9998 …
			areas = append(areas,
				town.Area{Code: fmt.Sprint(9998 - i), ParentCode: &areas[i].Code, Level: "city", Name: text.Same("x")})
		}
		if err := db.Create(&areas).Error; err != nil {
			t.Fatal(err)
		}
		file, wrote := write(t, db)
		for _, to := range dbtest.Dialects {
			s, err := restore(t.Context(), dbtest.Owner(t, dbtest.Open(t, to)), file)
			if err != nil || s.Rows("areas") != 1201 || wrote.Rows("areas") != 1201 {
				t.Errorf("to %s: %d areas, %v", to, s.Rows("areas"), err)
			}
		}
	})
}

// A backup of an older schema goes into a database of that schema, which is then
// brought up to date.
func TestABackupOfAnOlderSchema(t *testing.T) {
	const old = 100
	later := []byte("-- +goose Up\nALTER TABLE kinds ADD COLUMN motto text NOT NULL DEFAULT '';\n")
	options := database.Options{Migrations: fstest.MapFS{
		"sqlite/101_motto.sql":   {Data: later},
		"postgres/101_motto.sql": {Data: later},
	}}
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			open := func() (string, *gorm.DB) {
				url := dbtest.EmptyURL(t, dialect)
				if err := database.MigrateTo(t.Context(), url, options, old); err != nil {
					t.Fatal(err)
				}
				return url, dbtest.Connect(t, url, options)
			}
			_, source := open()
			if have, want, err := database.Version(t.Context(), source); have != old || want == old || err != nil {
				t.Fatalf("version %d of %d, %v", have, want, err)
			}
			grow(t, source, 0, 10)
			file, wrote := write(t, source)
			url, target := open()
			if _, err := restore(t.Context(), target, file); err != nil {
				t.Fatal(err)
			}
			if err := database.Migrate(t.Context(), url, options); err != nil {
				t.Fatal(err)
			}
			if _, s := write(t, target); s.Rows("kinds") != wrote.Rows("kinds") || s.Header.Schema == old {
				t.Errorf("%d kinds at schema %d", s.Rows("kinds"), s.Header.Schema)
			}
		})
	}
}
