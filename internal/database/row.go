package database

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Versioned is embedded by rows that people edit. Version is 1 at creation and
// grows by one with each change.
type Versioned struct {
	Version   int64     `json:"version" gorm:"default:1"` // counted from 1: see If-Match
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Began returns when the row was made.
func (v Versioned) Began() time.Time { return v.CreatedAt }

// ETag returns the version as an HTTP entity tag, "3" in its quotes.
func (v Versioned) ETag() string { return strconv.Quote(strconv.FormatInt(v.Version, 10)) }

func (v *Versioned) versioned() *Versioned { return v }

// Row is a pointer to a struct that embeds Versioned.
type Row interface{ versioned() *Versioned }

// UpdateVersioned changes the named columns of the one row that has row's
// primary key, provided that it still has the version, raises the version and
// sets updated_at. row carries the
// key, and holds the changed columns afterwards. Errors: fault.OutOfDate when
// the stored version is another one, gorm.ErrRecordNotFound when no row has the
// key; both leave the database as it was (but not row).
func UpdateVersioned(tx *gorm.DB, row Row, version int64, columns map[string]any) error {
	key, err := keyOf(tx, row)
	if err != nil {
		return err
	}
	changes := map[string]any{"version": version + 1}
	for name, value := range columns {
		changes[name] = value
	}
	result := tx.Model(row).Where(key).Where("version = ?", version).Updates(changes)
	if result.Error != nil || result.RowsAffected == 1 {
		return result.Error
	}
	var stored int64
	if err := tx.Model(row).Where(key).Select("version").Take(&stored).Error; err != nil {
		return err
	}
	return fault.OutOfDate()
}

// keyOf returns the condition on row's whole primary key. gorm's own leaves out the
// zero parts, and would so change the rows of others.
func keyOf(tx *gorm.DB, row any) (clause.Expression, error) {
	statement := &gorm.Statement{DB: tx}
	if err := statement.Parse(row); err != nil {
		return nil, err
	}
	var key []clause.Expression
	for _, field := range statement.Schema.PrimaryFields {
		value, _ := field.ValueOf(tx.Statement.Context, reflect.ValueOf(row))
		key = append(key, clause.Eq{Column: clause.Column{Name: field.DBName}, Value: value})
	}
	return clause.And(key...), nil
}

// JSON is a column that holds V as JSON text. The column is text on PostgreSQL
// too, not jsonb: jsonb reorders keys and rewrites numbers, and what is hashed
// must come back byte for byte. Read and written as JSON it is V itself.
type JSON[T any] struct{ V T }

// Value stores V as one line of JSON.
func (j JSON[T]) Value() (driver.Value, error) {
	data, err := j.MarshalJSON()
	return string(data), err
}

// Scan reads what Value has stored; NULL is the zero V.
func (j *JSON[T]) Scan(src any) error {
	var v JSON[T]
	var err error
	switch data := src.(type) {
	case nil:
	case string:
		err = v.UnmarshalJSON([]byte(data))
	case []byte:
		err = v.UnmarshalJSON(data)
	default:
		err = fmt.Errorf("JSON cannot be read from a column of %T: declare it text", src)
	}
	if err == nil {
		*j = v
	}
	return err
}

// ScanJSON reads into a type that is a column itself, as JSON does.
func ScanJSON[T any](src any, into *T) error {
	var j JSON[T]
	err := j.Scan(src)
	*into = j.V
	return err
}

// MarshalJSON writes V, with < > & as they are.
func (j JSON[T]) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(j.V); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// UnmarshalJSON reads V.
func (j *JSON[T]) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &j.V) }

// GormDataType returns the column type on both databases.
func (JSON[T]) GormDataType() string { return "text" }

// CountStates counts the rows of a query by their state, in one statement. A state
// without any is left out.
func CountStates[S ~string](q *gorm.DB) (map[S]int64, error) {
	var rows []struct {
		State S
		N     int64
	}
	err := q.Select("state, COUNT(*) AS n").Group("state").Scan(&rows).Error
	counts := make(map[S]int64, len(rows))
	for _, r := range rows {
		counts[r.State] = r.N
	}
	return counts, err
}

// NewID returns a new UUIDv7: of two, the one made later sorts later.
func NewID() string { return uuid.Must(uuid.NewV7()).String() } // Go's source of randomness does not fail

// Take returns the row that the query finds, and fault.Missing of the noun and its key where
// it finds none.
func Take[T any](q *gorm.DB, noun text.Text, key string) (row T, err error) {
	if err = q.Take(&row).Error; errors.Is(err, gorm.ErrRecordNotFound) {
		err = fault.Missing(noun, key)
	}
	return row, err
}

// Page narrows a query to the rows of the town after the id, in the order of their ids, that is, of their making.
// A limit of 0 is none.
func Page(q *gorm.DB, townID, after string, limit int) *gorm.DB {
	q = q.Where("town_id = ? AND id > ?", townID, after).Order("id")
	if limit > 0 {
		q = q.Limit(limit)
	}
	return q
}

// Only narrows a query by pairs of a column and the value that it must have. An empty value does not narrow.
func Only(q *gorm.DB, pairs ...string) *gorm.DB {
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] != "" {
			q = q.Where(pair[0]+" = ?", pair[1])
		}
	}
	return q
}
