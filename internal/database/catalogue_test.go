package database_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

var update = flag.Bool("update", false, "write schema/postgres.expected")

func TestTheSchemaIsTheExpected(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		list, err := database.Schema(t.Context(), db)
		if err != nil || len(list) < 60 {
			t.Fatalf("%d objects, %v", len(list), err)
		}
		if *update && database.Dialect(db) == database.PostgreSQL {
			var b strings.Builder
			for _, o := range list {
				b.WriteString(strings.Join([]string{o.Kind, o.Table, o.Name, o.Definition}, "\t") + "\n")
			}
			if err := os.WriteFile("schema/postgres.expected", []byte(b.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
		differences, err := database.VerifySchema(t.Context(), db)
		if err != nil || len(differences) > 0 {
			t.Errorf("%+v, %v; after a change of the schema run this test with -update", differences, err)
		}
	})
}

// Whatever is missing, changed or added is named.
func TestVerifySchemaNamesWhatDiffers(t *testing.T) {
	changes := map[string][]struct{ do, place string }{
		database.SQLite: {
			{"DROP TRIGGER results_immutable_update", "trigger results/results_immutable_update"},
			{"DROP INDEX branches_statistical_code", "index branches/branches_statistical_code"},
			{"ALTER TABLE towns ADD COLUMN stray text", "table towns/towns"},
			{"CREATE TABLE stray (id text)", "table stray/stray"},
			{"CREATE TRIGGER stray AFTER INSERT ON keys BEGIN SELECT 1; END", "trigger keys/stray"},
		},
		database.PostgreSQL: {
			{"DROP TRIGGER results_immutable ON results", "trigger results/results_immutable"},
			{"ALTER TABLE publications DISABLE TRIGGER publications_immutable", "trigger publications/publications_immutable"},
			{"ALTER TABLE areas DISABLE TRIGGER ALL", "trigger areas/RI_"},
			{"DROP INDEX branches_statistical_code", "index branches/branches_statistical_code"},
			{"ALTER TABLE towns ADD COLUMN stray text", "column towns/stray"},
			{"ALTER TABLE towns ALTER name_zh DROP NOT NULL", "column towns/name_zh"},
			{"ALTER TABLE runs DROP CONSTRAINT runs_number_check", "constraint runs/runs_number_check"},
			{"CREATE RULE stray AS ON UPDATE TO areas DO INSTEAD NOTHING", "rule areas/stray"},
			{
				"CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
				"function /refuse_change",
			},
			{"ALTER TABLE keys ENABLE ROW LEVEL SECURITY", "table keys/"},
		},
	}
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		for _, c := range changes[database.Dialect(db)] {
			before, err := database.VerifySchema(t.Context(), db)
			if err != nil {
				t.Fatal(err)
			}
			execAll(t, db, c.do)
			after, err := database.VerifySchema(t.Context(), db)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, d := range after {
				found = found || strings.HasPrefix(d.Place(), c.place) && d.Message().EN != "" && d.Message().ZH != ""
			}
			if !found || len(after) <= len(before) {
				t.Errorf("%s: %s is not named\n%s", c.do, c.place, cmp.Diff(before, after))
			}
		}
	})
}
