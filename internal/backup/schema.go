package backup

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/database"
)

// Table is a table as a backup describes it.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"` // those of the primary key first, in its order, then by name
	Key     int      `json:"key"`     // how many of the columns are the primary key

	refersToItself bool
}

// Column is a column with the kind of its values.
type Column struct {
	Name string `json:"name"`
	Kind kind   `json:"kind"`
}

// migrations is the table of the migrations that the database has had. It is no
// data: the header has the number, and restoring migrates by itself.
const migrations = "goose_db_version"

// Dropped are the tables that a restore leaves empty although row records are about them.
var Dropped = []string{"sessions", "setup_tokens"}

// shortLived are the tables of what ends by itself within days and would be a risk if it
// came back later, and of what is said of this one database. Restoring empties them.
var shortLived = append([]string{"kept_answers", "loose_files", "maintenance", "webhook_attempts", "webhook_deliveries"}, Dropped...)

// catalogues are the queries for the tables of a database: every column with its type and its
// place in the primary key (0: none), and which table refers to which.
var catalogues = map[string]struct{ columns, references string }{
	database.SQLite: {
		columns: `SELECT m.name, c.name, lower(c.type), c.pk FROM sqlite_schema m, pragma_table_info(m.name) c
			WHERE m.type = 'table' AND substr(m.name, 1, 7) <> 'sqlite_'`,
		references: `SELECT DISTINCT m.name, f."table" FROM sqlite_schema m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`,
	},
	database.PostgreSQL: {
		columns: `SELECT c.relname, a.attname, format_type(a.atttypid, NULL), coalesce(k.place, 0)
			FROM pg_class c
			JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
			LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
			LEFT JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k (att, place) ON k.att = a.attnum
			WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = current_schema()::regnamespace`,
		references: `SELECT DISTINCT r.relname, f.relname FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid
			WHERE c.contype = 'f' AND r.relnamespace = current_schema()::regnamespace`,
	},
}

// tables reads the schema from the database itself, so that no table of a new
// migration can be forgotten, but for those that are left out. Those that are referred
// to come before those that refer to them.
func tables(tx *gorm.DB, leftOut []string) ([]Table, error) {
	found, err := columns(tx, leftOut)
	if err != nil {
		return nil, err
	}
	before := map[string][]string{} // table → those that must come first
	var from, to string
	err = each(tx, catalogues[database.Dialect(tx)].references, []any{&from, &to}, func() error {
		switch {
		case found[from] == nil:
		case from == to:
			found[from].refersToItself = true
		default:
			before[from] = append(before[from], to)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return inOrder(found, before)
}

// columns returns the tables with their columns and keys.
func columns(tx *gorm.DB, leftOut []string) (map[string]*Table, error) {
	found, places := map[string]*Table{}, map[string]int64{}
	var name, column, declared string
	var place int64
	err := each(tx, catalogues[database.Dialect(tx)].columns, []any{&name, &column, &declared, &place}, func() error {
		if name == migrations || slices.Contains(leftOut, name) {
			return nil
		}
		kind, ok := kinds[declared]
		if !ok {
			return fmt.Errorf("backup: no kind stands for the type %q of the column %s.%s", declared, name, column)
		}
		if found[name] == nil {
			found[name] = &Table{Name: name}
		}
		t := found[name]
		t.Columns = append(t.Columns, Column{column, kind})
		if place > 0 {
			t.Key++
			places[name+"."+column] = place
		}
		return nil
	})
	for _, t := range found {
		if t.Key == 0 {
			return nil, fmt.Errorf("backup: the table %s has no primary key to be ordered by", t.Name)
		}
		rank := func(c Column) int64 { return cmp.Or(places[t.Name+"."+c.Name], math.MaxInt64) }
		slices.SortFunc(t.Columns, func(a, b Column) int {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Name, b.Name))
		})
	}
	return found, err
}

// each runs the query and calls fn after reading each row into the targets.
func each(tx *gorm.DB, query string, targets []any, fn func() error) error {
	rows, err := tx.Raw(query).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		if err := fn(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// inOrder returns the tables, each after all that it refers to and otherwise by name, so
// that both databases have the same order.
func inOrder(found map[string]*Table, before map[string][]string) ([]Table, error) {
	var list []Table
	names, done := slices.Sorted(maps.Keys(found)), map[string]bool{}
	for len(list) < len(found) {
		i := slices.IndexFunc(names, func(name string) bool {
			return !done[name] && !slices.ContainsFunc(before[name], func(b string) bool { return !done[b] })
		})
		if i < 0 {
			return nil, errors.New("backup: tables refer to each other in a circle, or to one that is left out")
		}
		list, done[names[i]] = append(list, *found[names[i]]), true
	}
	return list, nil
}

// sameTables reports whether a backup fits the schema.
func sameTables(a, b []Table) bool {
	return slices.EqualFunc(a, b, func(a, b Table) bool {
		return a.Name == b.Name && a.Key == b.Key && slices.Equal(a.Columns, b.Columns)
	})
}

// quoted lists the columns for a statement.
func quoted(columns []Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = `"` + c.Name + `"`
	}
	return strings.Join(names, ", ")
}
