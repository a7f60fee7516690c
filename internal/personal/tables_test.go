package personal

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/people"
	"bulwark/internal/policy"
)

var catalogue = map[string]string{
	database.SQLite: `SELECT m.name AS name, c.name AS field, lower(c.type) AS kind FROM sqlite_schema m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND substr(m.name, 1, 7) <> 'sqlite_' ORDER BY 1, 2`,
	database.PostgreSQL: `SELECT table_name AS name, column_name AS field, data_type AS kind FROM information_schema.columns
		WHERE table_schema = current_schema() ORDER BY 1, 2`,
}

type field struct{ Name, Field, Kind string }

func columnsOf(t *testing.T, db *gorm.DB) (list []field) {
	t.Helper()
	if err := db.Raw(catalogue[database.Dialect(db)]).Scan(&list).Error; err != nil || len(list) < 400 {
		t.Fatalf("%d columns, %v", len(list), err)
	}
	return list
}

func listed(f field) bool {
	if elsewhere[f.Name] != "" || elsewhere[f.Name+"."+f.Field] != "" {
		return true
	}
	return slices.ContainsFunc(tables, func(t table) bool {
		return t.name == f.Name && slices.ContainsFunc(t.columns, func(c column) bool { return c.name == f.Field })
	})
}

// naming finds the columns that are called as one of a person is.
var naming = regexp.MustCompile(`_by$|person_code$|_person$|^(actor|author|judges?|reader|participants|people|account_name)$|` +
	`^(author|evaluator|mentor|owner)_code$`)

// A new column that holds a person's code is in the answer, or in elsewhere with the reason.
func TestEveryColumnThatNamesAPersonIsListed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		there := map[string]bool{}
		for _, f := range columnsOf(t, db) {
			there[f.Name+"."+f.Field] = true
			if naming.MatchString(f.Field) && !listed(f) {
				t.Errorf("%s.%s is called like a column that names a person: list it", f.Name, f.Field)
			}
		}
		for _, x := range tables {
			for _, c := range x.columns {
				if !there[x.name+"."+c.name] {
					t.Errorf("%s.%s is not in the schema", x.name, c.name)
				}
			}
		}
	})
}

// texts calls see with every distinct text of the database.
func texts(t *testing.T, db *gorm.DB, see func(f field, value string)) {
	t.Helper()
	for _, f := range columnsOf(t, db) {
		if f.Kind != "text" || f.Name == "goose_db_version" {
			continue
		}
		var values []string
		err := db.Raw(`SELECT DISTINCT "` + f.Field + `" FROM "` + f.Name + `" WHERE "` + f.Field + `" IS NOT NULL`).Scan(&values).Error
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			see(f, v)
		}
	}
}

// Whatever the columns are called: where the demo holds the code of a person, it is listed;
// and the name of one stands in the row of that person alone.
func TestTheDemoNamesPeopleWhereItIsListed(t *testing.T) {
	db := demotest.Towns.Open(t, database.SQLite)
	var everybody []people.Person
	if err := db.Order("code").Find(&everybody).Error; err != nil || len(everybody) < 10 {
		t.Fatalf("%d people, %v", len(everybody), err)
	}
	codes, words := map[string]bool{}, []string{}
	for _, p := range everybody {
		codes[p.Code] = !slices.Contains(policy.Roles(), policy.Role(p.Code)) // some are called as their role
		words = append(words, p.Words()...)
	}
	if len(words) < 10 {
		t.Fatalf("few names: %q", words)
	}
	quoted := regexp.MustCompile(`"([^"]*)"`)
	found := map[string]bool{}
	texts(t, db, func(f field, value string) {
		at := f.Name + "." + f.Field
		holds := codes[value]
		if strings.HasPrefix(value, "{") || strings.HasPrefix(value, "[") {
			for _, m := range quoted.FindAllStringSubmatch(value, -1) {
				holds = holds || codes[m[1]]
			}
		}
		if holds && !listed(f) && !found[at] {
			found[at] = true
			t.Errorf("%s holds the code of a person: %.80s", at, value)
		}
		if f.Name == "people" || found["name "+at] {
			return
		}
		for _, w := range words {
			if strings.Contains(value, w) {
				found["name "+at] = true
				t.Errorf("%s holds the name %q: %.80s", at, w, value)
			}
		}
	})
}

// The counts of the answer are those of the rows that name the person.
func TestEverythingIsWhatTheRowsSay(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		for _, code := range []string{"mentor-1", "group-1"} {
			var p people.Person
			if err := db.Where("town_id = 'demo' AND code = ?", code).Take(&p).Error; err != nil {
				t.Fatal(err)
			}
			groups, err := Everything(t.Context(), db, p, Query{Limit: 3, Language: "en"})
			if err != nil || len(groups) < 3 {
				t.Fatalf("%d groups, %v", len(groups), err)
			}
			counts := map[string]int{}
			for _, g := range groups {
				counts[g.Kind] = g.Count
				if g.Title == "" || g.Stays == "" || len(g.Records) > 3 {
					t.Errorf("%s: %+v", code, g)
				}
				for i, r := range g.Records {
					if r.Address == "" || strings.ContainsAny(r.Address, "{}") || len(r.As) == 0 || r.Place != i+1 {
						t.Errorf("%s, %s: %+v", code, g.Kind, r)
					}
				}
			}
			for table, where := range map[string]string{
				"appointments": "person_code = @c", "assignments": "person_code = @c", "evaluations": "evaluator_code = @c OR decided_by = @c",
				"publications": "published_by = @c OR proposed_by = @c OR confirmed_by = @c", "transitions": "actor = @c",
			} {
				var n int64
				err := db.Table(table).Where("town_id = 'demo'").Where(where, map[string]any{"c": code}).Count(&n).Error
				if err != nil || int(n) != counts[table] {
					t.Errorf("%s: %d %s, want %d, %v", code, counts[table], table, n, err)
				}
			}
		}
	})
}

// One kind is read page by page, without a gap.
func TestAKindIsReadPageByPage(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		p := people.Person{TownID: "demo", Code: "group-1"}
		all, err := Everything(t.Context(), db, p, Query{Kind: "audit_records", Limit: 40, Language: "zh"})
		if err != nil || len(all) != 1 || len(all[0].Records) != 40 {
			t.Fatalf("%d groups, %v", len(all), err)
		}
		rest, err := Everything(t.Context(), db, p, Query{Kind: "audit_records", After: 25, Limit: 15, Language: "zh"})
		if err != nil || len(rest[0].Records) != 15 {
			t.Fatal(err)
		}
		for i, r := range rest[0].Records {
			if r.Address != all[0].Records[25+i].Address || r.Place != 26+i {
				t.Errorf("%d: %+v, want %+v", i, r, all[0].Records[25+i])
			}
		}
	})
}
