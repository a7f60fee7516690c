package database

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	gormschema "gorm.io/gorm/schema"
)

// RowChange is what a transaction has made of a unit of rows.
type RowChange struct {
	Table   string
	Key     string // see Unit
	Town    string // to which the rows belong
	HasTown bool
	Before  string // see Unit.Rows; empty where there was none
	After   string // likewise
}

// keepRows stores what transactions have changed; see KeepRows.
var keepRows func(tx *gorm.DB) error

// KeepRows has keep called as the last step of each InTx that changed rows which nobody
// has taken with TakeChanges.
func KeepRows(keep func(tx *gorm.DB) error) { keepRows = keep }

// touched are the units of a table that the statements of a transaction named.
type touched struct {
	table  *Table
	before map[string]Unit // by key, as before the first of these statements
	order  []string
}

// note keeps a unit as it was before the transaction, unless it is known.
func (t *transaction) note(table *Table, u Unit) {
	if t.touched == nil {
		t.touched = map[string]*touched{}
	}
	of := t.touched[table.Name]
	if of == nil {
		of = &touched{table: table, before: map[string]Unit{}}
		t.touched[table.Name] = of
	}
	if _, ok := of.before[u.Key]; !ok {
		of.before[u.Key] = u
		of.order = append(of.order, u.Key)
	}
}

func (t *transaction) noted(table *Table, key string) bool {
	of := t.touched[table.Name]
	if of == nil {
		return false
	}
	_, ok := of.before[key]
	return ok
}

// TakeChanges returns what the transaction that tx is in has changed since the last call,
// by table and key. What is as it was before is not among it.
func TakeChanges(tx *gorm.DB) (list []RowChange, err error) {
	t, ok := tx.Statement.ConnPool.(*transaction)
	if !ok {
		return nil, errNoTransaction
	}
	taken := t.touched
	t.touched = nil
	for _, of := range taken {
		keys := make([][]any, len(of.order))
		for i, key := range of.order {
			keys[i] = of.before[key].key
		}
		after := make(map[string]string, len(keys))
		err := of.table.some(tx.Statement.Context, t, Dialect(tx), keys, func(u Unit) error {
			after[u.Key] = u.Rows
			return nil
		})
		if err != nil {
			return nil, err
		}
		for _, key := range of.order {
			before := of.before[key]
			if before.Rows == after[key] {
				continue
			}
			c := RowChange{Table: of.table.Name, Key: key, Before: before.Rows, After: after[key], HasTown: of.table.HasTown()}
			if c.HasTown {
				c.Town = wordOf(before.key[of.table.town])
			}
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b RowChange) int {
		if a.Table != b.Table {
			return strings.Compare(a.Table, b.Table)
		}
		return strings.Compare(a.Key, b.Key)
	})
	return list, nil
}

// RowsBefore returns the rows of a unit as they were before the transaction that tx is in
// changed them, and whether it did.
func RowsBefore(tx *gorm.DB, table, key string) (rows string, changed bool) {
	if t, ok := tx.Statement.ConnPool.(*transaction); ok && t.touched[table] != nil {
		var u Unit
		u, changed = t.touched[table].before[key]
		return u.Rows, changed
	}
	return "", false
}

// watch registers what notes the rows of each statement inside a transaction.
func watch(db *gorm.DB) error {
	c := db.Callback()
	return errors.Join(
		c.Create().Before("gorm:create").Register("bulwark:before_create", beforeCreate),
		c.Create().After("gorm:create").Register("bulwark:after_create", afterCreate),
		c.Update().Before("gorm:update").Register("bulwark:before_update", beforeUpdate),
		c.Update().After("gorm:update").Register("bulwark:after_update", afterChange),
		c.Delete().Before("gorm:delete").Register("bulwark:before_delete", beforeDelete),
		c.Delete().After("gorm:delete").Register("bulwark:after_delete", afterChange),
		c.Raw().Before("gorm:raw").Register("bulwark:before_raw", beforeRaw),
	)
}

// watched returns the transaction and the table of a statement whose rows are held.
func watched(db *gorm.DB) (*transaction, *Table) {
	t, ok := db.Statement.ConnPool.(*transaction)
	if !ok || db.Error != nil || db.DryRun || db.Statement.Schema == nil || Unheld[db.Statement.Table] != "" {
		return nil, nil
	}
	tables, err := tablesOf(db.Statement.Context, db, db.Statement.Table)
	if err != nil {
		_ = db.AddError(err)
		return nil, nil
	}
	table := tables[db.Statement.Table]
	if table == nil || table.key == 0 {
		return nil, nil
	}
	return t, table
}

const (
	pendingKey  = "bulwark:pending"
	selectedKey = "bulwark:selected"
)

var (
	errKeys     = errors.New("database: the key of a row that is held never changes")
	errRaced    = errors.New("database: another transaction changed the same rows")
	errUnwanted = errors.New("database: raw SQL changes rows unseen inside InTx: use gorm, RawChanges or Unrecorded")
)

// created are the units of an INSERT.
type created struct {
	units   []Unit
	exclude bool // rows that exist are left alone
	replace bool // rows that exist are updated: the caller holds a lock that keeps others from inserting them
}

func beforeCreate(db *gorm.DB) {
	t, table := watched(db)
	if t == nil {
		return
	}
	c, err := inserted(db, table)
	if err == nil && (c.exclude || c.replace || table.unit < table.key) {
		c.units, err = t.unitsBefore(db.Statement.Context, table, Dialect(db), c)
	}
	if err != nil {
		_ = db.AddError(err)
		return
	}
	db.InstanceSet(pendingKey, c)
}

// inserted returns the units of the rows of an INSERT, as if there were none yet.
func inserted(db *gorm.DB, table *Table) (c created, err error) {
	if on, ok := db.Statement.Clauses["ON CONFLICT"]; ok {
		conflict, _ := on.Expression.(clause.OnConflict)
		c.exclude, c.replace = conflict.DoNothing, !conflict.DoNothing
	}
	err = eachRow(db.Statement.ReflectValue, func(row reflect.Value) error {
		u, err := unitOf(db.Statement.Context, db.Statement.Schema, table, row)
		c.units = append(c.units, u)
		return err
	})
	return c, err
}

func eachRow(rows reflect.Value, do func(reflect.Value) error) error {
	if kind := rows.Kind(); kind != reflect.Slice && kind != reflect.Array {
		return do(rows)
	}
	for i := range rows.Len() {
		if err := do(reflect.Indirect(rows.Index(i))); err != nil {
			return err
		}
	}
	return nil
}

// unitOf returns the unit of the row that a struct is.
func unitOf(ctx context.Context, s *gormschema.Schema, table *Table, row reflect.Value) (u Unit, err error) {
	u.key = make([]any, table.unit)
	for i, c := range table.columns[:table.unit] {
		field := s.LookUpField(c.name)
		if field == nil {
			return u, fmt.Errorf("database: %s has no field for %s.%s", s.Name, table.Name, c.name)
		}
		value, _ := field.ValueOf(ctx, row)
		if u.key[i], err = driver.DefaultParameterConverter.ConvertValue(value); err != nil {
			return u, err
		}
	}
	u.Key = table.keyOf(u.key)
	return u, nil
}

// unitsBefore returns the units as they are before the INSERT. Where rows that exist are
// left alone, it leaves those out.
func (t *transaction) unitsBefore(
	ctx context.Context, table *Table, dialect string, c created,
) (list []Unit, err error) {
	at := map[string]int{}
	var keys [][]any
	for _, u := range c.units {
		if _, ok := at[u.Key]; !ok && (c.exclude || !t.noted(table, u.Key)) {
			at[u.Key] = len(list)
			list, keys = append(list, u), append(keys, u.key)
		}
	}
	err = table.some(ctx, t, dialect, keys, func(u Unit) error {
		list[at[u.Key]].Rows = u.Rows
		return nil
	})
	if c.exclude && table.unit == table.key {
		list = slices.DeleteFunc(list, func(u Unit) bool { return u.Rows != "" })
	}
	return list, err
}

func afterCreate(db *gorm.DB) {
	pending, ok := db.InstanceGet(pendingKey)
	t, table := watched(db)
	if !ok || t == nil || db.RowsAffected == 0 {
		return
	}
	c, _ := pending.(created)
	if c.exclude && table.unit == table.key && db.RowsAffected != int64(len(c.units)) {
		if err := t.onlyMade(db, table, &c); err != nil {
			_ = db.AddError(err)
			return
		}
	}
	for _, u := range c.units {
		t.note(table, u)
	}
}

// onlyMade leaves the rows that the INSERT did make.
func (t *transaction) onlyMade(db *gorm.DB, table *Table, c *created) error {
	keys, made := make([][]any, len(c.units)), map[string]bool{}
	for i, u := range c.units {
		keys[i] = u.key
	}
	err := table.some(db.Statement.Context, t, Dialect(db), keys, func(u Unit) error {
		made[u.Key] = true
		return nil
	})
	if err == nil && int64(len(made)) != db.RowsAffected {
		err = errRaced
	}
	c.units = slices.DeleteFunc(c.units, func(u Unit) bool { return !made[u.Key] })
	return err
}

func beforeUpdate(db *gorm.DB) {
	t, table := watched(db)
	db.InstanceSet(selectedKey, int64(-1))
	if t == nil {
		return
	}
	s := db.Statement
	if _, ok := s.Clauses["SET"]; !ok { // as gorm itself does next, which then finds it done
		set := callbacks.ConvertToAssignments(s)
		if len(set) == 0 {
			return
		}
		s.AddClause(set)
	}
	set, _ := s.Clauses["SET"].Expression.(clause.Set)
	held := false
	for _, a := range set {
		i := slices.IndexFunc(table.columns, func(c tableColumn) bool { return c.name == a.Column.Name })
		if i >= 0 && i < table.key {
			_ = db.AddError(fmt.Errorf("%w: %s.%s", errKeys, table.Name, a.Column.Name))
			return
		}
		held = held || i < 0 || !table.columns[i].free
	}
	if held {
		t.readFirst(db, table, "NO KEY UPDATE")
	}
}

func beforeDelete(db *gorm.DB) {
	t, table := watched(db)
	db.InstanceSet(selectedKey, int64(-1))
	if t == nil {
		return
	}
	s := db.Statement
	_, values := gormschema.GetIdentityFieldValuesMap(s.Context, s.ReflectValue, s.Schema.PrimaryFields)
	if column, in := gormschema.ToQueryValues(s.Table, s.Schema.PrimaryFieldDBNames, values); len(in) > 0 {
		s.AddClause(clause.Where{Exprs: []clause.Expression{clause.IN{Column: column, Values: in}}})
	}
	t.readFirst(db, table, "UPDATE")
}

// readFirst notes the rows that the conditions of a statement name, and locks them: what
// the statement changes is then what was read.
func (t *transaction) readFirst(db *gorm.DB, table *Table, lock string) {
	where, ok := db.Statement.Clauses["WHERE"].Expression.(clause.Where)
	if !ok {
		return // gorm refuses it
	}
	ctx, count := db.Statement.Context, int64(0)
	columns := names(table.columns)
	if table.unit < table.key {
		columns = names(table.columns[:table.key])
	}
	rows, err := db.Session(&gorm.Session{NewDB: true}).Table(table.Name).
		Model(reflect.New(db.Statement.Schema.ModelType).Interface()).
		Select(columns).Clauses(where, clause.Locking{Strength: lock}).Order(names(table.columns[:table.key])).Rows()
	if err != nil {
		_ = db.AddError(err)
		return
	}
	if table.unit == table.key {
		err = table.scan(rows, func(u Unit) error {
			count++
			t.note(table, u)
			return nil
		})
	} else {
		each := *table
		each.columns, each.unit = table.columns[:table.key], table.key
		var missing [][]any
		last := ""
		err = each.scan(rows, func(row Unit) error {
			count++
			if key := table.keyOf(row.key); key != last && !t.noted(table, key) {
				last, missing = key, append(missing, row.key[:table.unit])
			}
			return nil
		})
		if err == nil {
			err = table.some(ctx, t, Dialect(db), missing, func(u Unit) error {
				t.note(table, u)
				return nil
			})
		}
	}
	_ = db.AddError(err)
	db.InstanceSet(selectedKey, count)
}

// afterChange makes sure that the statement changed the rows that were noted.
func afterChange(db *gorm.DB) {
	if _, ok := db.Statement.ConnPool.(*transaction); !ok {
		return
	}
	delete(db.Statement.Clauses, "SET")
	selected, ok := db.InstanceGet(selectedKey)
	if n, _ := selected.(int64); ok && n >= 0 && db.Error == nil && n != db.RowsAffected {
		_ = db.AddError(errRaced)
	}
}

// RawChanges runs do, which changes rows of the tables by raw SQL, and notes what it has
// made of them. It reads the tables whole: for the few rows of a migration.
func RawChanges(tx *gorm.DB, tables []string, do func(tx *gorm.DB) error) error {
	t, ok := tx.Statement.ConnPool.(*transaction)
	if !ok {
		return errNoTransaction
	}
	noteAll := func(asNew bool) error {
		for _, name := range tables {
			known, err := tablesOf(tx.Statement.Context, tx, name)
			if err != nil || known[name] == nil {
				return cmp.Or(err, fmt.Errorf("database: no table %s is held", name))
			}
			err = known[name].Units(tx.Statement.Context, tx, nil, func(u Unit) error {
				if asNew {
					u.Rows = ""
				}
				t.note(known[name], u)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := noteAll(false); err != nil {
		return err
	}
	if err := do(Unrecorded(tx)); err != nil {
		return err
	}
	return noteAll(true)
}

const unrecordedKey = "bulwark:unrecorded"

// Unrecorded returns tx for a raw statement whose rows are noted nowhere: it changes none
// that are held, or copies them together with their row records.
func Unrecorded(tx *gorm.DB) *gorm.DB { return tx.Set(unrecordedKey, true).Session(&gorm.Session{}) }

var writes = regexp.MustCompile(`(?i)^\s*(INSERT|UPDATE|DELETE|REPLACE|MERGE|TRUNCATE|WITH)\b`)

func beforeRaw(db *gorm.DB) {
	if _, ok := db.Statement.ConnPool.(*transaction); !ok {
		return
	}
	if _, ok := db.Get(unrecordedKey); !ok && writes.MatchString(db.Statement.SQL.String()) {
		_ = db.AddError(errUnwanted)
	}
}
