package database

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
)

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

// GormDataType is the column type on both databases.
func (JSON[T]) GormDataType() string { return "text" }
