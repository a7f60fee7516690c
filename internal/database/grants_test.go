package database_test

import (
	"os"
	"strings"
	"testing"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

// What is immutable the server itself refuses to the role of the service, before any
// trigger is asked; and the role has no power over the triggers.
func TestTheServerRefusesWhatIsImmutable(t *testing.T) {
	db := filled.Open(t, database.PostgreSQL)
	for _, g := range database.Guards {
		statements := []string{"TRUNCATE " + g.Table, "ALTER TABLE " + g.Table + " DISABLE TRIGGER ALL"}
		if g.Rows == "" || g.Parts {
			statements = append(statements, "DELETE FROM "+g.Table, "UPDATE "+g.Table+" SET town_id = town_id")
		}
		for _, s := range statements {
			err := db.Exec(strings.Replace(s, "signing_statements SET town_id = town_id",
				"signing_statements SET digest = digest", 1)).Error
			if err == nil || !strings.Contains(err.Error(), "SQLSTATE 42501") {
				t.Errorf("%s: %v", s, err)
			}
		}
	}
	for _, s := range []string{
		"SET session_replication_role = replica", "CREATE TABLE strays (a text)", "DROP TRIGGER results_immutable ON results",
		"DROP FUNCTION refuse_change() CASCADE", "UPDATE goose_db_version SET version_id = 99",
	} {
		if err := db.Exec(s).Error; err == nil || !strings.Contains(err.Error(), "SQLSTATE 42501") {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestPowersOf(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		db := dbtest.Open(t, dialect)
		p, err := database.PowersOf(t.Context(), db)
		if err != nil || p.Lesser() != (dialect == database.PostgreSQL) || len(p.Excess) > 0 {
			t.Errorf("%s: %+v, %v", dialect, p, err)
		}
		if dialect == database.SQLite {
			continue
		}
		owner := dbtest.Owner(t, db)
		if p, err := database.PowersOf(t.Context(), owner); err != nil || p.Lesser() || !p.Superuser {
			t.Errorf("owner: %+v, %v", p, err)
		}
		execAll(t, owner, "GRANT DELETE ON runs TO "+p.Role, "GRANT TRUNCATE ON towns TO "+p.Role)
		p, err = database.PowersOf(t.Context(), db)
		if err != nil || p.Lesser() || strings.Join(p.Excess, ", ") != "DELETE on runs, TRUNCATE on towns" {
			t.Errorf("with more rights: %+v, %v", p, err)
		}
		url := dbtest.AsService(t, dbtest.URL(t, dialect))
		if err := database.Grant(t.Context(), owner, url); err != nil { // it takes them back
			t.Fatal(err)
		}
		if p, err := database.PowersOf(t.Context(), db); err != nil || !p.Lesser() {
			t.Errorf("granted again: %+v, %v", p, err)
		}
	}
}

// The file for those who grant by hand says what `bulwark migrate` does.
func TestTheGrantFileIsTheList(t *testing.T) {
	file, err := os.ReadFile("../../deployments/postgres/grants.sql")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join(database.Grants(`:"service"`), ";\n") + ";\n"
	if _, statements, _ := strings.Cut(string(file), "\nBEGIN;\n"); statements != want+"COMMIT;\n" {
		t.Errorf("deployments/postgres/grants.sql should end with\nBEGIN;\n%sCOMMIT;", want)
	}
}
