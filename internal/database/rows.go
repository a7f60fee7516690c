package database

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"gorm.io/gorm"
)

// Unheld names the tables, and the columns as TABLE.COLUMN, that no row record holds, with
// the reason. Everything else of the schema is held: a new table needs no entry anywhere.
var Unheld = map[string]string{
	"audit_heads":      "the chain of the trail holds it",
	"audit_records":    "the chain of the trail holds it",
	"audit_rows":       "the audit record that carries it holds it",
	"goose_db_version": "the schema itself is compared",
	"kept_answers":     "answers for a request that is sent again; they end within days and decide nothing",
	"loose_files":      "files that no evidence needs; they are deleted within days and decide nothing",
	"maintenance":      "when the database was last backed up and verified; shown to operators only",

	"webhook_attempts":   "the last requests to webhooks, which decide nothing",
	"webhook_deliveries": "how far each webhook is, which moves with each event and decides nothing but what is sent next",

	"sessions.seen_at": "written at each use; only whether an idle session ended depends on it, and ends_at, the latest end, is held",
}

// units are the tables of which one row record holds several rows: all that share so many
// columns of the primary key. They are written together, and read together.
var units = map[string]int{
	"entries":        3, // a revision of a sheet
	"result_nodes":   3, // a branch in a run
	"results":        2, // a run
	"visit_findings": 2, // a visit
}

// secrets are columns that a row record holds as SHA-256 only. They are random, or hashes
// with a salt, so that the digest reveals nothing.
var secrets = map[string]bool{
	"accounts.password_hash": true, "keys.secret_hash": true, "people.salt": true, "person_codes.salt": true,
	"sessions.secret_hash": true, "setup_tokens.secret_hash": true, "webhooks.secret": true, "webhooks.old_secret": true,
}

// personal are columns that a row record holds as HMAC-SHA-256 only, keyed by another
// column of the same row. Whoever erases that one makes all older digests worthless.
var personal = map[string]string{
	"people.name_en": "salt", "people.name_zh": "salt",
	"person_codes.code": "salt", "person_codes.code_key": "salt",
}

// longest is how many bytes of a text a row record holds; a longer one stands there as its
// SHA-256.
const longest = 512

// valueKind is what the values of a column are, whatever a database calls the type.
type valueKind int

const (
	words valueKind = iota
	whole
	decimal
	yesNo
	moment
	binary
)

var valueKinds = map[string]valueKind{
	"text":    words,
	"integer": whole, "bigint": whole, "smallint": whole,
	"real": decimal, "double precision": decimal,
	"boolean":  yesNo,
	"datetime": moment, "timestamp with time zone": moment,
	"blob": binary, "bytea": binary,
}

// Table is a table that is held, as the live catalogue has it.
type Table struct {
	Name string
	unit int // how many columns of the key name one unit
	town int // where town_id is in the key; -1 where it is not

	columns []tableColumn // those of the primary key first, in its order, then by name
	key     int           // how many they are
}

type tableColumn struct {
	name   string
	kind   valueKind
	secret bool
	salt   int  // where the column is that salts this one; -1: none
	free   bool // see Unheld
}

// Unit is rows that one row record holds: mostly one row.
type Unit struct {
	Key  string // the columns of the key that the rows share, as a JSON array of texts
	Rows string // the rows, as a JSON array of objects; empty where there is none

	key []any
}

// columnQueries return every column with its type and its place in the primary key.
var columnQueries = map[string]string{
	SQLite: `SELECT m.name, c.name, lower(c.type), c.pk FROM sqlite_schema m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND substr(m.name, 1, 7) <> 'sqlite_'`,
	PostgreSQL: `SELECT c.relname, a.attname, format_type(a.atttypid, NULL), coalesce(k.place, 0)
		FROM pg_class c
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
		LEFT JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k (att, place) ON k.att = a.attnum
		WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace`,
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// loadTables reads the tables that are held from the catalogue.
func loadTables(ctx context.Context, on querier, dialect string) (_ map[string]*Table, err error) {
	rows, err := on.QueryContext(ctx, columnQueries[dialect])
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	tables, places := map[string]*Table{}, map[string]int64{}
	for rows.Next() {
		var name, column, declared string
		var place int64
		if err := rows.Scan(&name, &column, &declared, &place); err != nil {
			return nil, err
		}
		if Unheld[name] != "" {
			continue
		}
		if tables[name] == nil {
			tables[name] = &Table{Name: name, town: -1}
		}
		t, full := tables[name], name+"."+column
		if places[full] = place; place > 0 {
			t.key++
		}
		t.columns = append(t.columns, tableColumn{
			name: column, kind: valueKinds[declared], secret: secrets[full], salt: -1, free: Unheld[full] != "",
		})
	}
	for _, t := range tables {
		t.arrange(places)
	}
	return tables, rows.Err()
}

func (t *Table) arrange(places map[string]int64) {
	rank := func(c tableColumn) int64 { return cmp.Or(places[t.Name+"."+c.name], math.MaxInt64) }
	slices.SortFunc(t.columns, func(a, b tableColumn) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.name, b.name))
	})
	t.unit = cmp.Or(units[t.Name], t.key)
	for i, c := range t.columns {
		if salt := personal[t.Name+"."+c.name]; salt != "" {
			t.columns[i].salt = slices.IndexFunc(t.columns, func(c tableColumn) bool { return c.name == salt })
		}
		if c.name == "town_id" && i < t.unit {
			t.town = i
		}
	}
}

// HasTown reports whether each row of the table belongs to a town.
func (t *Table) HasTown() bool { return t.town >= 0 }

// tablesOf returns the tables that are held, and reads the catalogue again where one is
// not known.
func tablesOf(ctx context.Context, db *gorm.DB, name string) (map[string]*Table, error) {
	h := handleOf(db)
	if known := h.tables.Load(); known != nil && (*known)[name] != nil {
		return *known, nil
	}
	tables, err := loadTables(ctx, db.Statement.ConnPool, Dialect(db))
	if err == nil {
		h.tables.Store(&tables)
	}
	return tables, err
}

// HeldTables returns the tables of which every row is held, by name.
func HeldTables(ctx context.Context, db *gorm.DB) ([]*Table, error) {
	tables, err := tablesOf(ctx, db, "")
	if err != nil {
		return nil, err
	}
	list := make([]*Table, 0, len(tables))
	for _, t := range tables {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *Table) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// names lists columns for a statement.
func names(columns []tableColumn) string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = strconv.Quote(c.name)
	}
	return strings.Join(quoted, ", ")
}

// Units calls take with every unit of the table whose key begins with these values, in the
// order of keys.
func (t *Table) Units(ctx context.Context, db *gorm.DB, prefix []string, take func(Unit) error) error {
	query, args := "SELECT "+names(t.columns)+` FROM "`+t.Name+`"`, make([]any, len(prefix))
	for i, value := range prefix {
		query += []string{" WHERE ", " AND "}[min(i, 1)] + names(t.columns[i:i+1]) + " = ?"
		args[i] = value
	}
	rows, err := db.WithContext(ctx).Raw(query+" ORDER BY "+names(t.columns[:t.key]), args...).Rows()
	if err != nil {
		return err
	}
	return t.scan(rows, take)
}

// UnitsOf is Units for the units with these keys.
func (t *Table) UnitsOf(ctx context.Context, db *gorm.DB, keys [][]string, take func(Unit) error) error {
	typed := make([][]any, len(keys))
	for i, key := range keys {
		typed[i] = make([]any, len(key))
		for j, value := range key {
			typed[i][j] = value
			if t.columns[j].kind == whole {
				typed[i][j], _ = strconv.ParseInt(value, 10, 64)
			}
		}
	}
	return t.some(ctx, db.Statement.ConnPool, Dialect(db), typed, take)
}

// KeyOf returns the key of a unit, or the beginning of those keys that begin with the values.
func (t *Table) KeyOf(prefix []string) (key string, complete bool) {
	text := []byte{'['}
	for i, value := range prefix {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendWord(text, value)
	}
	if len(prefix) == t.unit {
		return string(append(text, ']')), true
	}
	if len(prefix) > 0 {
		text = append(text, ',')
	}
	return string(text), false
}

// RowKey returns the columns that tell the rows of a unit apart, none where it is one row.
func (t *Table) RowKey() []string {
	var list []string
	for _, c := range t.columns[t.unit:t.key] {
		list = append(list, c.name)
	}
	return list
}

// prefixes is how many keys one statement names: three or four columns each, and SQLite
// looks up each name among all.
const prefixes = 200

// some calls take with the units of the keys that are there.
func (t *Table) some(ctx context.Context, on querier, dialect string, keys [][]any, take func(Unit) error) error {
	for part := range slices.Chunk(keys, prefixes) {
		var b strings.Builder
		var args []any
		b.WriteString("SELECT " + names(t.columns) + ` FROM "` + t.Name + `" WHERE `)
		t.among(&b, dialect, part, &args)
		b.WriteString(" ORDER BY " + names(t.columns[:t.key]))
		rows, err := on.QueryContext(ctx, b.String(), args...)
		if err != nil {
			return err
		}
		if err := t.scan(rows, take); err != nil {
			return err
		}
	}
	return nil
}

// among writes the condition that a row belongs to one of the keys.
func (t *Table) among(b *strings.Builder, dialect string, keys [][]any, args *[]any) {
	open, end := "(", ")"
	if dialect == SQLite {
		open = "(VALUES "
	}
	b.WriteString("(" + names(t.columns[:t.unit]) + ") IN " + open)
	for i, key := range keys {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for j, value := range key {
			if j > 0 {
				b.WriteString(", ")
			}
			*args = append(*args, value)
			if dialect == SQLite {
				b.WriteByte('?')
			} else {
				b.WriteString("$" + strconv.Itoa(len(*args)))
			}
		}
		b.WriteByte(')')
	}
	b.WriteString(end)
}

// scan reads rows in the order of the key and calls take with each unit.
func (t *Table) scan(rows *sql.Rows, take func(Unit) error) error {
	defer rows.Close()
	values, into := make([]any, len(t.columns)), make([]any, len(t.columns))
	for i := range values {
		into[i] = &values[i]
	}
	var u Unit
	var text []byte
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		key := t.keyOf(values)
		if key != u.Key || text == nil {
			if text != nil {
				u.Rows = string(append(text, ']'))
				if err := take(u); err != nil {
					return err
				}
			}
			u, text = Unit{Key: key, key: slices.Clone(values[:t.unit])}, []byte{'['}
		} else {
			text = append(text, ',')
		}
		text = t.appendRow(text, values)
	}
	if text != nil {
		u.Rows = string(append(text, ']'))
		if err := take(u); err != nil {
			return err
		}
	}
	return rows.Err()
}

// keyOf returns the key of the unit that a row with these values belongs to.
func (t *Table) keyOf(values []any) string {
	text := []byte{'['}
	for i := range t.unit {
		if i > 0 {
			text = append(text, ',')
		}
		word := wordOf(values[i])
		if t.columns[i].secret {
			word = sha256Hex(word)
		}
		text = appendWord(text, word)
	}
	return string(append(text, ']'))
}

func wordOf(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

// appendRow writes the columns that the key does not name, in the order of their names.
func (t *Table) appendRow(text []byte, values []any) []byte {
	order := make([]int, 0, len(t.columns))
	for i, c := range t.columns {
		if i >= t.unit && !c.free {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(t.columns[a].name, t.columns[b].name) })
	text = append(text, '{')
	for n, i := range order {
		if n > 0 {
			text = append(text, ',')
		}
		c := t.columns[i]
		text = append(appendWord(text, c.name), ':')
		switch {
		case values[i] == nil:
			text = append(text, "null"...)
		case c.secret:
			text = appendDigest(text, "sha256", sha256Hex(wordOf(values[i])))
		case c.salt >= 0:
			mac := hmac.New(sha256.New, []byte(wordOf(values[c.salt])))
			mac.Write([]byte(wordOf(values[i])))
			text = appendDigest(text, "hmac", hex.EncodeToString(mac.Sum(nil)))
		default:
			text = c.kind.append(text, values[i])
		}
	}
	return append(text, '}')
}

func appendDigest(text []byte, name, digest string) []byte {
	return append(text, `{"`+name+`":"`+digest+`"}`...)
}

// appendWord writes a text as JSON; one that is too long, or no UTF-8, as its digest.
func appendWord(text []byte, word string) []byte {
	if len(word) <= longest {
		if quoted, err := jsontext.AppendQuote(text, word); err == nil {
			return quoted
		}
	}
	return appendDigest(text, "sha256", sha256Hex(word))
}

// append writes a value as both databases return it, so that it reads alike from each.
func (k valueKind) append(text []byte, value any) []byte {
	switch v := value.(type) {
	case bool:
		return strconv.AppendBool(text, v)
	case int64:
		switch k {
		case yesNo:
			return strconv.AppendBool(text, v != 0)
		case decimal:
			return appendReal(text, float64(v))
		default:
			return strconv.AppendInt(text, v, 10)
		}
	case float64:
		return appendReal(text, v)
	case time.Time:
		return appendWord(text, v.UTC().Format(time.RFC3339Nano))
	case []byte:
		if k == binary {
			return appendWord(text, base64.StdEncoding.EncodeToString(v))
		}
		return appendWord(text, string(v))
	default:
		return appendWord(text, wordOf(v))
	}
}

// appendReal writes the shortest number that reads back to the same bits; what JSON has no
// number for as text. A zero has no sign, because SQLite keeps none.
func appendReal(text []byte, f float64) []byte {
	if f == 0 {
		f = 0
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.AppendQuote(text, strconv.FormatFloat(f, 'g', -1, 64))
	}
	return strconv.AppendFloat(text, f, 'g', -1, 64)
}

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// Contains returns the condition that a column of texts contains a value, letter for letter;
// the value follows as an argument.
func Contains(db *gorm.DB, column string) string {
	if Dialect(db) == SQLite {
		return `instr("` + column + `", ?) > 0`
	}
	return `strpos("` + column + `", ?) > 0`
}
