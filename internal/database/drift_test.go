package database_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"bulwark/internal/audit"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
	"bulwark/internal/entry"
	"bulwark/internal/evaluation"
	"bulwark/internal/evidence"
	"bulwark/internal/exchange"
	"bulwark/internal/improve"
	"bulwark/internal/improve/measure"
	"bulwark/internal/improve/plan"
	"bulwark/internal/improve/report"
	"bulwark/internal/improve/target"
	"bulwark/internal/improve/visit"
	"bulwark/internal/index"
	"bulwark/internal/jobs"
	"bulwark/internal/people"
	"bulwark/internal/project"
	"bulwark/internal/proposal"
	"bulwark/internal/rest"
	"bulwark/internal/scheme"
	"bulwark/internal/signature"
	"bulwark/internal/town"
	"bulwark/internal/webhook"
	"bulwark/internal/workflow"
)

// models lists every row struct of the rooms: add each new one here.
func models() []any {
	return []any{
		demo.Mark{},
		webhook.Webhook{},
		webhook.Delivery{},
		webhook.Attempt{},
		town.Area{},
		town.Town{},
		town.Kind{},
		town.Class{},
		town.Life{},
		town.Profile{},
		town.BranchCode{},
		town.SubBranch{},
		people.Person{},
		people.PersonCode{},
		people.Assignment{},
		people.Appointment{},
		people.LiaisonOffice{},
		people.OfficeMember{},
		people.OfficeLink{},
		credential.Key{},
		credential.Account{},
		credential.Session{},
		credential.SetupToken{},
		credential.Right{},
		scheme.Version{},
		evaluation.Period{},
		evaluation.Sheet{},
		evaluation.Entry{},
		evaluation.Adjustment{},
		evaluation.Exception{},
		evaluation.Choice{},
		entry.Remark{},
		workflow.Transition{},
		evaluation.Correction{},
		index.Run{},
		index.Result{},
		index.NodeResult{},
		index.Publication{},
		index.Withdrawal{},
		index.RobustnessResult{},
		index.Appeal{},
		evidence.Evidence{},
		evidence.LooseFile{},
		proposal.Proposal{},
		audit.Record{},
		audit.RowRecord{},
		audit.Head{},
		signature.Statement{},
		rest.StoredResponse{},
		jobs.Maintenance{},
		improve.StoredSettings{},
		target.Target{},
		exchange.Case{},
		exchange.Event{},
		exchange.Rating{},
		visit.Visit{},
		visit.Finding{},
		visit.Version{},
		plan.Analysis{},
		measure.Measure{},
		measure.Task{},
		project.Team{},
		project.Round{},
		project.Project{},
		project.JudgeSheet{},
		visit.Problem{},
		report.Reminder{},
		report.ReminderHead{},
		report.ReminderReceipt{},
		plan.Plan{},
		plan.Version{},
		plan.Item{},
		plan.Outcome{},
		report.Report{},
	}
}

// table is what both databases must agree on. Each text is "COLUMN, COLUMN",
// with "-> TABLE: COLUMN, COLUMN" behind a foreign key.
type table struct {
	Columns []string // sorted; "?" behind those that may be NULL
	Primary string
	Unique  []string
	Foreign []string
}

// In both databases a key's columns come in the order of the key.
var schemaQueries = map[string]struct{ columns, keys, foreign string }{
	database.SQLite: {
		columns: `SELECT m.name, c.name, c."notnull" = 0 FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'`,
		keys: `SELECT m.name, i.name, i.origin = 'pk', coalesce(c.name, 'expression') FROM sqlite_schema m, pragma_index_list(m.name) i, pragma_index_info(i.name) c
			WHERE m.type = 'table' AND i."unique" ORDER BY 1, 2, c.seqno`,
		foreign: `SELECT m.name, f.id, f."from", f."table", coalesce(f."to", ''), f.on_delete FROM sqlite_schema m, pragma_foreign_key_list(m.name) f
			WHERE m.type = 'table' ORDER BY 1, 2, f.seq`,
	},
	database.PostgreSQL: {
		columns: `SELECT table_name, column_name, is_nullable = 'YES' FROM information_schema.columns WHERE table_schema = 'public'`,
		keys: `SELECT r.relname, x.relname, i.indisprimary, coalesce(a.attname, 'expression') FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
			CROSS JOIN unnest(i.indkey) WITH ORDINALITY k (att, place) LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.att
			WHERE i.indisunique AND r.relnamespace = 'public'::regnamespace ORDER BY 1, 2, k.place`,
		foreign: `SELECT r.relname, c.oid, a.attname, f.relname, b.attname,
				CASE c.confdeltype WHEN 'a' THEN 'NO ACTION' WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'SET DEFAULT' END
			FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid
			CROSS JOIN unnest(c.conkey, c.confkey) WITH ORDINALITY k (att, ref, place)
			JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.att JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.ref
			WHERE c.contype = 'f' AND r.relnamespace = 'public'::regnamespace ORDER BY 1, 2, k.place`,
	},
}

// tables reads the schema back from the database's own catalogue.
func tables(t *testing.T, db *gorm.DB) map[string]*table {
	t.Helper()
	query := schemaQueries[database.Dialect(db)]
	found := map[string]*table{}
	at := func(name string) *table {
		if found[name] == nil {
			found[name] = &table{}
		}
		return found[name]
	}
	for _, c := range rows[struct {
		Table, Column string
		Null          bool
	}](t, db, query.columns) {
		if c.Null {
			c.Column += "?"
		}
		at(c.Table).Columns = append(at(c.Table).Columns, c.Column)
	}
	type key struct{ table, name string }
	keys, primary := map[key][]string{}, map[key]bool{}
	for _, k := range rows[struct {
		Table, Key string
		Primary    bool
		Column     string
	}](t, db, query.keys) {
		id := key{k.Table, k.Key}
		keys[id], primary[id] = append(keys[id], k.Column), k.Primary
	}
	for id, columns := range keys {
		if list := strings.Join(columns, ", "); primary[id] {
			at(id.table).Primary = list
		} else {
			at(id.table).Unique = append(at(id.table).Unique, list)
		}
	}
	type reference struct{ from, to []string }
	references := map[key]*reference{}
	for _, f := range rows[struct {
		Table        string
		ID           int64
		From, To, At string
		OnDelete     string
	}](t, db, query.foreign) {
		id := key{f.Table, fmt.Sprint(f.ID, " ON DELETE ", f.OnDelete, " -> ", f.To)}
		if references[id] == nil {
			references[id] = &reference{}
		}
		references[id].from, references[id].to = append(references[id].from, f.From), append(references[id].to, f.At)
	}
	for id, r := range references {
		_, target, _ := strings.Cut(id.name, " ")
		at(id.table).Foreign = append(at(id.table).Foreign,
			fmt.Sprintf("%s %s: %s", strings.Join(r.from, ", "), target, strings.Join(r.to, ", ")))
	}
	for name, t := range found {
		slices.Sort(t.Columns)
		slices.Sort(t.Unique)
		slices.Sort(t.Foreign)
		if strings.HasPrefix(name, "goose_") || strings.HasPrefix(name, "sqlite_") {
			delete(found, name)
		}
	}
	return found
}

// rows scans by position, because catalogues name their columns differently.
func rows[T any](t *testing.T, db *gorm.DB, query string) []T {
	t.Helper()
	result, err := db.Raw(query).Rows()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer result.Close()
	var all []T
	for result.Next() {
		var row T
		if err := result.Scan(fields(&row)...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		all = append(all, row)
	}
	if err := result.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// fields are pointers to the fields of the struct that row points to.
func fields(row any) []any {
	value := reflect.ValueOf(row).Elem()
	pointers := make([]any, value.NumField())
	for i := range pointers {
		pointers[i] = value.Field(i).Addr().Interface()
	}
	return pointers
}

func TestBothSchemasAreOne(t *testing.T) {
	lite, postgres := tables(t, dbtest.Owner(t, dbtest.Open(t, database.SQLite))),
		tables(t, dbtest.Owner(t, dbtest.Open(t, database.PostgreSQL)))
	if len(lite) < 10 {
		t.Fatalf("only %d tables were found", len(lite))
	}
	if diff := cmp.Diff(postgres, lite); diff != "" {
		t.Errorf("PostgreSQL (-) and SQLite (+) differ:\n%s", diff)
	}
}

// What belongs to the installation and yet refers to a town's people by the code of the town: who signs in is looked up before any town is known.
var refersIntoTowns = []string{
	"accounts: only_town, person_code ON DELETE RESTRICT -> people: town_id, code",
	"keys: person_town, person_code ON DELETE RESTRICT -> people: town_id, code",
}

// A key that does not begin with the town could refer across towns, and could
// not be spread over a distributed database by town.
func TestKeysBeginWithTheTown(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		var out []string
		found := tables(t, dbtest.Owner(t, dbtest.Open(t, dialect)))
		ofTown := func(name string) bool { return slices.Contains(found[name].Columns, "town_id") }
		for name, table := range found {
			keys := append([]string{table.Primary}, table.Unique...)
			for _, foreign := range table.Foreign {
				_, target, _ := strings.Cut(foreign, " -> ")
				to, columns, _ := strings.Cut(target, ": ")
				switch {
				case !ofTown(name) && ofTown(to):
					out = append(out, name+": "+foreign)
				case ofTown(name) && target != "towns: code" && !strings.HasPrefix(columns, "town_id"):
					t.Errorf("%s: %s: foreign key %s leaves the town", dialect, name, foreign)
				}
				keys = append(keys, foreign)
			}
			for _, key := range keys {
				if ofTown(name) && !strings.HasPrefix(key, "town_id") {
					t.Errorf("%s: %s: key %q does not begin with town_id", dialect, name, key)
				}
			}
		}
		slices.Sort(out)
		if diff := cmp.Diff(refersIntoTowns, out); diff != "" {
			t.Errorf("%s: allowed to refer into towns (-) and found (+):\n%s", dialect, diff)
		}
	}
}

func TestModelsHaveTheColumnsOfTheirTables(t *testing.T) {
	found := tables(t, dbtest.Owner(t, dbtest.Open(t, database.SQLite)))
	without := map[string]bool{}
	for name := range found {
		without[name] = true
	}
	for _, model := range models() {
		if diff := columnDrift(model, found); diff != "" {
			t.Errorf("%T: %s", model, diff)
		}
		parsed, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
		if err != nil {
			t.Fatal(err)
		}
		delete(without, parsed.Table)
	}
	for name := range without {
		t.Errorf("the table %s has no row struct in models", name)
	}
}

func TestColumnDriftIsFound(t *testing.T) {
	db := dbtest.Owner(t, dbtest.Open(t, database.SQLite))
	createNotes(t, db)
	found := tables(t, db)
	if diff := columnDrift(&note{}, found); diff != "" {
		t.Error(diff)
	}
	found["notes"].Columns = append(found["notes"].Columns, "zeal")
	if columnDrift(&note{}, found) == "" {
		t.Error("an additional column was not found")
	}
	if delete(found, "notes"); columnDrift(&note{}, found) == "" {
		t.Error("a missing table was not found")
	}
}

// columnDrift tells how model's columns and key differ from those of its table.
func columnDrift(model any, found map[string]*table) string {
	parsed, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		return err.Error()
	}
	stored := found[parsed.Table]
	if stored == nil {
		return "there is no table " + parsed.Table
	}
	columns := make([]string, len(stored.Columns))
	for i, c := range stored.Columns {
		columns[i] = strings.TrimSuffix(c, "?")
	}
	names := slices.Sorted(slices.Values(parsed.DBNames))
	slices.Sort(columns)
	key := slices.Sorted(slices.Values(parsed.PrimaryFieldDBNames))
	primary := strings.Split(stored.Primary, ", ")
	slices.Sort(primary)
	return cmp.Diff(columns, names) + cmp.Diff(primary, key)
}
