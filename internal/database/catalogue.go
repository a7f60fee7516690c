package database

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// SchemaObject is a column, constraint, index, trigger or function of the schema, as the
// catalogue of the database writes it; of SQLite a table is one object.
type SchemaObject struct {
	Kind, Table, Name, Definition string
}

// SchemaDifference is an object of the schema that is not as the migrations make it.
type SchemaDifference struct {
	SchemaObject
	Found string // the definition that is there; empty where the object is missing
}

// Message returns what differs, in both languages.
func (d SchemaDifference) Message() text.Text {
	words := text.Text{
		ZH: "%[1]s 与程序的数据库结构不符：应为 %[2]s，现为 %[3]s", EN: "%[1]s is not as the program makes it: expected %[2]s, now %[3]s",
	}
	switch {
	case d.Found == "":
		words = text.Text{ZH: "缺少 %[1]s：%[2]s", EN: "%[1]s is missing: %[2]s"}
	case d.Definition == "":
		words = text.Text{ZH: "多出 %[1]s：%[3]s", EN: "%[1]s is not part of the program's schema: %[3]s"}
	}
	return text.F(words.ZH, words.EN, d.Place(), d.Definition, d.Found)
}

// Place returns the kind, the table and the name of the object.
func (d SchemaDifference) Place() string { return d.Kind + " " + d.Table + "/" + d.Name }

// expectedPostgreSQL is the schema as a PostgreSQL server writes it after all migrations.
// The lesser role of the service could make no scratch schema to compare with.
// `go test ./internal/database -run TestTheSchemaIsTheExpected -update` writes it.
//
//go:embed schema/postgres.expected
var expectedPostgreSQL []byte

// VerifySchema returns where tables, columns, constraints, indexes, triggers and functions
// of the database are not what the migrations make.
func VerifySchema(ctx context.Context, db *gorm.DB) (list []SchemaDifference, err error) {
	defer fault.Wrap(&err, "compare the schema of the database")
	expected, err := expectedSchema(ctx, db)
	if err != nil {
		return nil, err
	}
	live, err := Schema(ctx, db)
	if err != nil {
		return nil, err
	}
	found := map[SchemaObject]string{}
	for _, o := range live {
		found[SchemaObject{o.Kind, o.Table, o.Name, ""}] = o.Definition
	}
	for _, o := range expected {
		key := SchemaObject{o.Kind, o.Table, o.Name, ""}
		if found[key] != o.Definition {
			list = append(list, SchemaDifference{o, found[key]})
		}
		delete(found, key)
	}
	for o, definition := range found {
		list = append(list, SchemaDifference{o, definition})
	}
	slices.SortFunc(list, func(a, b SchemaDifference) int { return compareObjects(a.SchemaObject, b.SchemaObject) })
	return list, nil
}

func compareObjects(a, b SchemaObject) int {
	return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
}

// schemaObjects are the queries for all objects, but those of the table of migrations.
var schemaObjects = map[string]string{
	SQLite: `SELECT type AS kind, tbl_name AS "table", name, coalesce(sql, '') AS definition FROM sqlite_schema
		WHERE substr(name, 1, 7) <> 'sqlite_'`,
	PostgreSQL: `WITH tables AS (SELECT oid, relname, relkind, relrowsecurity FROM pg_class
	WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
	AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.objid = pg_class.oid AND e.deptype = 'e'))
SELECT 'table' AS kind, relname::text AS "table", '' AS name, relkind::text || CASE WHEN relrowsecurity THEN ' row security' ELSE '' END AS definition FROM tables
UNION ALL
SELECT 'column', t.relname, a.attname, format_type(a.atttypid, a.atttypmod) || CASE WHEN l.collname IS NULL OR l.collname = 'default' THEN '' ELSE ' COLLATE ' || l.collname END ||
	CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
	FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
	LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum LEFT JOIN pg_collation l ON l.oid = a.attcollation
UNION ALL
SELECT 'constraint', t.relname, c.conname, pg_get_constraintdef(c.oid) FROM tables t JOIN pg_constraint c ON c.conrelid = t.oid AND c.contype IN ('p', 'u', 'f', 'c', 'x')
UNION ALL
SELECT 'index', t.relname, i.relname, replace(pg_get_indexdef(x.indexrelid), ' ON ' || current_schema() || '.', ' ON ') || CASE WHEN x.indisvalid THEN '' ELSE ' INVALID' END
	FROM tables t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
UNION ALL
SELECT 'trigger', t.relname, g.tgname, CASE WHEN g.tgisinternal THEN 'of a foreign key' ELSE pg_get_triggerdef(g.oid, true) END || CASE g.tgenabled WHEN 'O' THEN '' ELSE ' DISABLED' END
	FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal OR g.tgenabled <> 'O'
UNION ALL
SELECT 'rule', t.relname, r.rulename, pg_get_ruledef(r.oid) FROM tables t JOIN pg_rewrite r ON r.ev_class = t.oid
UNION ALL
SELECT 'function', '', p.proname, pg_get_function_result(p.oid) || ' ' || l.lanname || ' ' || p.prosrc FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
	WHERE p.pronamespace = current_schema()::regnamespace AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.objid = p.oid AND e.deptype = 'e')`,
}

// Schema returns the objects of the live schema, by table.
func Schema(ctx context.Context, db *gorm.DB) (list []SchemaObject, err error) {
	var all []SchemaObject
	if err := db.WithContext(ctx).Raw(schemaObjects[Dialect(db)]).Scan(&all).Error; err != nil {
		return nil, err
	}
	for _, o := range all {
		o.Definition = strings.Join(strings.Fields(o.Definition), " ")
		if o.Table != "goose_db_version" {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, compareObjects)
	return list, nil
}

var errExpected = errors.New("database: schema/postgres.expected is malformed")

func expectedSchema(ctx context.Context, db *gorm.DB) (list []SchemaObject, err error) {
	if Dialect(db) == SQLite {
		return scratchSchema(ctx, db)
	}
	lines := bufio.NewScanner(bytes.NewReader(expectedPostgreSQL))
	for lines.Scan() {
		parts := strings.Split(lines.Text(), "\t")
		if len(parts) != 4 {
			return nil, fmt.Errorf("%w: %s", errExpected, strconv.Quote(lines.Text()))
		}
		list = append(list, SchemaObject{parts[0], parts[1], parts[2], parts[3]})
	}
	return list, lines.Err()
}

// scratchSchema returns the schema of a new SQLite file after all migrations.
func scratchSchema(ctx context.Context, db *gorm.DB) (_ []SchemaObject, err error) {
	folder, err := os.MkdirTemp("", "bulwark-schema-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	url, options := "sqlite:"+filepath.Join(folder, "scratch.db"), Options{Migrations: handleOf(db).migrations}
	if err := Migrate(ctx, url, options); err != nil {
		return nil, err
	}
	scratch, err := Open(ctx, url, options)
	if err != nil {
		return nil, err
	}
	defer Close(scratch) //nolint:errcheck // nothing was written
	return Schema(ctx, scratch)
}
