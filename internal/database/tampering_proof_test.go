package database_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

// exempt is how many columns of the schema no row record holds; database.Unheld has the
// reasons. It may only fall.
//
// TestExemptColumnsChangeNoAnswer of package probe shows of each that no answer depends on it but the log of a webhook, which
// has 20 of them; 3 are of loose_files, where a row deletes no file that evidence needs.
const exempt = 39

// The proof: whatever somebody changes in any table past the service, with the triggers
// dropped, verify names the table, the key and the column. The list of what is tried is
// made from the live catalogue.
func TestVerifyNamesEveryChange(t *testing.T) {
	dbtest.Both(t, func(t *testing.T, dialect string) {
		p := newProof(t, dbtest.AsOwner(t, filled.URL(t, dialect)))
		if found := p.differences(p.db); len(found) > 0 {
			t.Fatalf("before anything is changed: %+v", found)
		}
		for name, x := range p.tables {
			if database.Unheld[name] == "" && len(x.rows) == 0 {
				t.Errorf("%s has no row that could be changed", name)
			}
		}
		for _, gap := range p.run() {
			t.Error(gap)
		}
		t.Logf("%s: %d changes of %d tables tried, %d columns exempt", dialect, p.tried, len(p.tables), p.exempt)
		if p.exempt > exempt {
			t.Errorf("%d columns are exempt, which may only fall: %d", p.exempt, exempt)
		}
	})
}

// The trail itself: whatever is changed in one of its tables, verify names the record.
func TestVerifyNamesEveryChangeOfTheTrail(t *testing.T) {
	dbtest.Both(t, func(t *testing.T, dialect string) {
		p := newProof(t, dbtest.AsOwner(t, filled.URL(t, dialect)))
		for _, name := range []string{"audit_heads", "audit_records", "audit_rows"} {
			x := p.tables[name]
			x.rows = x.rows[:1] // of the installation, whose trail is short
			for column := range x.columns {
				p.trail(x, func(tx *gorm.DB, x *tampered) []change { return p.update(tx, x, column) })
			}
			p.trail(x, p.remove)
			p.trail(x, p.insert)
		}
		t.Logf("%s: %d changes of the trail tried", dialect, p.tried)
	})
}

func (p *proof) trail(x *tampered, do func(tx *gorm.DB, x *tampered) []change) {
	p.t.Helper()
	p.tampering(func(tx *gorm.DB) {
		done := do(tx, x)
		p.tried++
		named := false
		for _, town := range []string{"", "demo", "x"} { // a record may have been moved
			r, err := audit.Verify(p.t.Context(), tx, town, nil)
			named = named || err != nil || !r.OK
		}
		if _, err := audit.VerifyRows(p.t.Context(), tx, "", func(d audit.Difference) {
			named = named || d.Kind == "unproven" || d.Kind == "unrecorded" || d.Sequence != 0
		}); err != nil {
			p.t.Error(err)
		}
		if len(done) == 0 || !named {
			p.t.Errorf("%v: nothing of it is named", done)
		}
	})
}

// Controls: a served column and a table that verify does not look at are found by the proof.
func TestTheProofFindsWhatIsLeftOut(t *testing.T) {
	planted := []string{"results.name_zh", "publications"}
	for _, name := range planted {
		database.Unheld[name] = "planted"
		t.Cleanup(func() { delete(database.Unheld, name) })
	}
	p := newProof(t, dbtest.AsOwner(t, filled.URL(t, database.SQLite)))
	p.before = p.differences(p.db) // from here on the handle leaves them out
	delete(database.Unheld, "results.name_zh")
	for _, name := range slices.Sorted(maps.Keys(p.tables)) {
		if name != "results" && name != "publications" {
			delete(p.tables, name)
		}
	}
	gaps := p.run()
	for _, want := range []string{
		"update results.name_zh", "swap results.name_zh", "update publications.run_id", "delete publications",
		"insert publications",
	} {
		if !slices.ContainsFunc(gaps, func(gap string) bool { return strings.HasPrefix(gap, want) }) {
			t.Errorf("nobody noticed that %s is left out", want)
		}
	}
	if slices.ContainsFunc(gaps, func(gap string) bool { return strings.Contains(gap, "results.score") }) {
		t.Error(gaps)
	}
}

// proof is a database that is changed in every way, each time as a whole taken back.
type proof struct {
	t      *testing.T
	db     *gorm.DB
	tables map[string]*tampered
	exempt int
	tried  int
	before map[string]bool // what differs already
}

type tampered struct {
	name    string
	columns []tamperedColumn // in the order of the key, and then the others
	key     int
	rows    [][]any // the first and the last, if there are two
}

type tamperedColumn struct {
	name, kind string
	others     []any // values that it has in other rows
}

func newProof(t *testing.T, url string) *proof {
	t.Helper()
	p := &proof{
		t: t, db: dbtest.Connect(t, url, database.Options{MaxConns: 1, StatementTimeout: -1}), tables: map[string]*tampered{},
	}
	if database.Dialect(p.db) == database.SQLite {
		execAll(t, p.db, "PRAGMA foreign_keys = 0")
	}
	for _, name := range texts(t, p.db, listOfTables[database.Dialect(p.db)]) {
		p.tables[name] = p.table(name)
		for _, c := range p.tables[name].columns {
			if database.Unheld[name] != "" && !strings.HasPrefix(name, "audit_") || database.Unheld[name+"."+c.name] != "" {
				p.exempt++
			}
		}
	}
	return p
}

var listOfTables = map[string]string{
	database.SQLite:     "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY 1",
	database.PostgreSQL: "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1",
}

var columnsOfTables = map[string]string{
	database.SQLite: `SELECT name, lower(type) AS kind, pk AS place FROM pragma_table_info('@') ORDER BY CASE pk WHEN 0 THEN 999 ELSE pk END, name`,
	database.PostgreSQL: `SELECT a.attname AS name, format_type(a.atttypid, NULL) AS kind, coalesce(k.place, 0) AS place FROM pg_attribute a
		LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
		LEFT JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k (att, place) ON k.att = a.attnum
		WHERE a.attrelid = '@'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY coalesce(k.place, 999), a.attname`,
}

func (p *proof) table(name string) *tampered {
	p.t.Helper()
	x := &tampered{name: name}
	var list []string
	for _, c := range rows[struct {
		Name, Kind string
		Place      int
	}](p.t, p.db, strings.ReplaceAll(columnsOfTables[database.Dialect(p.db)], "@", name)) {
		x.columns = append(x.columns, tamperedColumn{name: c.Name, kind: c.Kind})
		list = append(list, `"`+c.Name+`"`)
		if c.Place > 0 {
			x.key++
		}
	}
	for i, c := range list {
		for _, row := range p.values(fmt.Sprintf("SELECT DISTINCT %s FROM %s WHERE %s IS NOT NULL ORDER BY 1 LIMIT 5", c, name, c), 1) {
			x.columns[i].others = append(x.columns[i].others, row[0])
		}
	}
	from := "SELECT " + strings.Join(list, ", ") + " FROM " + name + " ORDER BY "
	x.rows = p.values(from+strings.Join(list[:x.key], ", ")+" LIMIT 1", len(list))
	x.rows = append(x.rows, p.values(from+strings.Join(list[:x.key], " DESC, ")+" DESC LIMIT 1", len(list))...)
	if len(x.rows) == 2 && fmt.Sprint(x.rows[0]) == fmt.Sprint(x.rows[1]) {
		x.rows = x.rows[:1]
	}
	return x
}

// values reads rows as the driver returns them.
func (p *proof) values(query string, columns int) (list [][]any) {
	p.t.Helper()
	found, err := p.db.Raw(query).Rows()
	if err != nil {
		p.t.Fatalf("%s: %v", query, err)
	}
	defer found.Close()
	for found.Next() {
		row, into := make([]any, columns), make([]any, columns)
		for i := range row {
			into[i] = &row[i]
		}
		if err := found.Scan(into...); err != nil {
			p.t.Fatal(err)
		}
		list = append(list, row)
	}
	return list
}

// differences returns all that verify names: tables, keys and columns.
func (p *proof) differences(tx *gorm.DB) map[string]bool {
	p.t.Helper()
	found := map[string]bool{}
	if _, err := audit.VerifyRows(p.t.Context(), tx, "", func(d audit.Difference) {
		found[d.Table+"/"+d.Key+"/"+d.Column] = true
	}); err != nil {
		p.t.Fatal(err)
	}
	return found
}

var errTakeBack = errors.New("take it back")

// change is what was done to a table, and what verify must name.
type change struct{ what, place string }

// run changes one column of each table at a time, then rows; it returns what nobody noticed.
func (p *proof) run() (gaps []string) {
	most := 0
	for _, x := range p.tables {
		most = max(most, len(x.columns))
	}
	for column := range most {
		gaps = append(gaps, p.round(func(tx *gorm.DB, x *tampered) []change { return p.update(tx, x, column) })...)
		gaps = append(gaps, p.round(func(tx *gorm.DB, x *tampered) []change { return p.swap(tx, x, column) })...)
	}
	gaps = append(gaps, p.round(p.remove)...)
	gaps = append(gaps, p.round(p.insert)...)
	slices.Sort(gaps)
	return gaps
}

func (p *proof) round(do func(tx *gorm.DB, x *tampered) []change) (gaps []string) {
	p.tampering(func(tx *gorm.DB) {
		var done []change
		for _, name := range slices.Sorted(maps.Keys(p.tables)) {
			if x := p.tables[name]; len(x.rows) > 0 && (database.Unheld[name] == "" || database.Unheld[name] == "planted") {
				done = append(done, do(tx, x)...)
			}
		}
		found := p.differences(tx)
		for _, c := range done {
			p.tried++
			if !found[c.place] || p.before[c.place] {
				gaps = append(gaps, c.what+": "+c.place+" is not named")
			}
		}
	})
	return gaps
}

// tampering runs do in a transaction that no trigger and no foreign key hinders, and takes
// it back.
func (p *proof) tampering(do func(tx *gorm.DB)) {
	p.t.Helper()
	err := database.InTx(p.t.Context(), p.db, func(tx *gorm.DB) error {
		tx = database.Unrecorded(tx)
		if database.Dialect(tx) == database.PostgreSQL {
			execAll(p.t, tx, "SET LOCAL session_replication_role = replica")
		} else {
			execAll(p.t, tx, "PRAGMA ignore_check_constraints = 0")
			for _, name := range texts(p.t, tx, "SELECT name FROM sqlite_schema WHERE type = 'trigger'") {
				execAll(p.t, tx, "DROP TRIGGER "+name)
			}
		}
		do(tx)
		return errTakeBack
	})
	if !errors.Is(err, errTakeBack) {
		p.t.Fatal(err)
	}
}

// attempt reports whether the database takes the statement; where not, nothing happened.
func (p *proof) attempt(tx *gorm.DB, statement string, args ...any) bool {
	execAll(p.t, tx, "SAVEPOINT attempt")
	done := tx.Exec(statement, args...)
	if done.Error != nil {
		execAll(p.t, tx, "ROLLBACK TO SAVEPOINT attempt")
	}
	execAll(p.t, tx, "RELEASE SAVEPOINT attempt")
	return done.Error == nil && done.RowsAffected > 0
}

// where is the condition for one row.
func (x *tampered) where(row []any) (string, []any) {
	var parts []string
	for _, c := range x.columns[:x.key] {
		parts = append(parts, `"`+c.name+`" = ?`)
	}
	return " WHERE " + strings.Join(parts, " AND "), row[:x.key]
}

// place is what verify calls a row, or a column of it.
func (x *tampered) place(row []any, column int) string {
	words := make([]string, x.key)
	for i, c := range x.columns[:x.key] {
		words[i] = fmt.Sprint(row[i])
		if c.name == "secret_hash" {
			sum := sha256.Sum256([]byte(words[i]))
			words[i] = hex.EncodeToString(sum[:])
		}
	}
	name := ""
	if column >= x.key {
		name = x.columns[column].name
	}
	return x.name + "/" + strings.Join(words, "/") + "/" + name
}

// other returns values that a column could have instead, the likeliest first.
func (c tamperedColumn) other(value any) (list []any) {
	list = slices.Clone(c.others)
	switch v := value.(type) {
	case string:
		list = append(list, v+"x", flipped(v), "2001-02-03", `{"x":1}`, `["x"]`, "")
	case int64:
		if c.kind == "boolean" {
			return []any{1 - v}
		}
		list = append(list, v+1, v-1, int64(0))
	case float64:
		list = append(list, v+0.5, v-0.5, 0.25)
	case bool:
		return []any{!v}
	case time.Time:
		list = append(list, v.Add(time.Second))
	case nil:
		list = append(list, "x", "2001-02-03", int64(1), 0.5, time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC),
			flipped(strings.Repeat("0", 36)))
	}
	list = append(list, nil)
	return slices.DeleteFunc(list, func(v any) bool { return fmt.Sprint(v) == fmt.Sprint(value) })
}

// flipped is a text of the same length.
func flipped(v string) string {
	if v == "" {
		return "y"
	}
	last := "0"
	if strings.HasSuffix(v, last) {
		last = "1"
	}
	return v[:len(v)-1] + last
}

func (p *proof) update(tx *gorm.DB, x *tampered, column int) []change {
	if column >= len(x.columns) || x.free(column) {
		return nil
	}
	c := x.columns[column]
	for _, rules := range []bool{true, false} {
		if !rules {
			p.withoutRules(tx, x)
		}
		for _, row := range x.rows {
			where, args := x.where(row)
			for _, value := range c.other(row[column]) {
				if p.attempt(tx, "UPDATE "+x.name+` SET "`+c.name+`" = ?`+where, append([]any{value}, args...)...) {
					return []change{{"update " + x.name + "." + c.name, x.place(row, column)}}
				}
			}
		}
	}
	p.t.Errorf("%s.%s: no other value is valid", x.name, c.name)
	return nil
}

// withoutRules lets the table take values that its CHECKs tie to those of other columns.
func (p *proof) withoutRules(tx *gorm.DB, x *tampered) {
	if database.Dialect(tx) == database.SQLite {
		execAll(p.t, tx, "PRAGMA ignore_check_constraints = 1")
		return
	}
	for _, name := range texts(p.t, tx,
		"SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = '"+x.name+"'::regclass") {
		execAll(p.t, tx, `ALTER TABLE `+x.name+` DROP CONSTRAINT "`+name+`"`)
	}
}

func (x *tampered) free(column int) bool {
	return column < len(x.columns) && database.Unheld[x.name+"."+x.columns[column].name] != ""
}

func (p *proof) swap(tx *gorm.DB, x *tampered, column int) []change {
	if column >= len(x.columns) || x.free(column) || len(x.rows) < 2 ||
		fmt.Sprint(x.rows[0][column]) == fmt.Sprint(x.rows[1][column]) {
		return nil
	}
	c := x.columns[column]
	one, args := x.where(x.rows[0])
	two, more := x.where(x.rows[1])
	cast := map[bool]string{true: "CAST(? AS " + c.kind + ")", false: "?"}[database.Dialect(tx) == database.PostgreSQL]
	statement := "UPDATE " + x.name + ` SET "` + c.name + `" = CASE WHEN ` + one[7:] + " THEN " + cast + " ELSE " +
		cast + " END WHERE (" + one[7:] + ") OR (" + two[7:] + ")"
	all := slices.Concat(args, []any{x.rows[1][column], x.rows[0][column]}, args, more)
	if !p.attempt(tx, statement, all...) {
		return nil
	}
	return []change{
		{"swap " + x.name + "." + c.name, x.place(x.rows[0], column)},
		{"swap " + x.name + "." + c.name, x.place(x.rows[1], column)},
	}
}

func (p *proof) remove(tx *gorm.DB, x *tampered) []change {
	where, args := x.where(x.rows[0])
	if !p.attempt(tx, "DELETE FROM "+x.name+where, args...) {
		p.t.Errorf("no row of %s can be deleted", x.name)
		return nil
	}
	return []change{{"delete " + x.name + ".", x.place(x.rows[0], 0)}}
}

// insert copies a row under another key. Where other columns are unique too, they change
// with it.
func (p *proof) insert(tx *gorm.DB, x *tampered) []change {
	var list, marks []string
	for _, c := range x.columns {
		list, marks = append(list, `"`+c.name+`"`), append(marks, "?")
	}
	statement := "INSERT INTO " + x.name + " (" + strings.Join(list, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
	for _, rules := range []bool{true, false} {
		if !rules {
			p.withoutRules(tx, x)
		}
		for _, original := range x.rows {
			for _, with := range x.combinations(original) {
				if p.attempt(tx, statement, with...) {
					return []change{{"insert " + x.name + ".", x.place(with, 0)}}
				}
			}
		}
	}
	p.t.Errorf("no copy of a row of %s can be inserted", x.name)
	return nil
}

// combinations are copies of a row in which one column of the key, from the last to the
// first, and one other column differ.
func (x *tampered) combinations(row []any) (list [][]any) {
	for key := x.key - 1; key >= 0; key-- {
		for _, value := range x.columns[key].other(row[key]) {
			if value == nil {
				continue
			}
			copied := slices.Clone(row)
			copied[key] = value
			list = append(list, copied)
		}
	}
	for _, copied := range slices.Clone(list) {
		for i := range x.columns {
			for _, value := range x.columns[i].other(row[i]) {
				if i >= x.key || fmt.Sprint(copied[i]) == fmt.Sprint(row[i]) {
					more := slices.Clone(copied)
					more[i] = value
					list = append(list, more)
				}
			}
		}
	}
	return list
}
