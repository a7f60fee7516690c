package backup

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// kind is what the values of a column are, whatever a database calls the type.
type kind string

const (
	words   kind = "text"
	integer kind = "integer"
	decimal kind = "real"
	yesNo   kind = "boolean"
	moment  kind = "time"
	binary  kind = "bytes"
)

// kinds are the types of both databases, as their catalogues write them.
var kinds = map[string]kind{
	"text":    words,
	"integer": integer, "bigint": integer, "smallint": integer,
	"real": decimal, "double precision": decimal,
	"boolean":  yesNo,
	"datetime": moment, "timestamp with time zone": moment,
	"blob": binary, "bytea": binary,
}

// target is where a value of the kind is scanned to.
func (k kind) target() any {
	switch k {
	case integer:
		return new(sql.Null[int64])
	case decimal:
		return new(sql.Null[float64])
	case yesNo:
		return new(sql.Null[bool])
	case moment:
		return new(sql.Null[time.Time])
	case binary:
		return new([]byte)
	default:
		return new(sql.Null[string])
	}
}

// appendValue writes what was scanned to a target as JSON.
func appendValue(line []byte, target any) ([]byte, error) {
	switch v := target.(type) {
	case *sql.Null[string]:
		if v.Valid {
			return jsontext.AppendQuote(line, v.V)
		}
	case *sql.Null[int64]:
		if v.Valid {
			return strconv.AppendInt(line, v.V, 10), nil
		}
	case *sql.Null[float64]:
		if v.Valid {
			return appendReal(line, v.V), nil
		}
	case *sql.Null[bool]:
		if v.Valid {
			return strconv.AppendBool(line, v.V), nil
		}
	case *sql.Null[time.Time]:
		if v.Valid {
			return append(v.V.UTC().AppendFormat(append(line, '"'), time.RFC3339Nano), '"'), nil
		}
	case *[]byte:
		if *v != nil {
			return append(base64.StdEncoding.AppendEncode(append(line, '"'), *v), '"'), nil
		}
	}
	return append(line, "null"...), nil
}

// appendReal writes the shortest number that reads back to the same bits; what
// JSON has no number for becomes "NaN", "+Inf" or "-Inf". A zero has no sign,
// because SQLite keeps none.
func appendReal(line []byte, f float64) []byte {
	if f == 0 {
		f = 0
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.AppendQuote(line, strconv.FormatFloat(f, 'g', -1, 64))
	}
	return strconv.AppendFloat(line, f, 'g', -1, 64)
}

// parse reads the values of a row, as they go into a statement.
func (t Table) parse(line []byte) ([]any, error) {
	in := jsontext.NewDecoder(bytes.NewBuffer(line))
	if token, err := in.ReadToken(); err != nil || token.Kind() != '[' {
		return nil, errors.New("not an array")
	}
	values := make([]any, len(t.Columns))
	for i, c := range t.Columns {
		token, err := in.ReadToken()
		if err == nil {
			values[i], err = c.Kind.parse(token)
		}
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
	}
	_, err := in.ReadToken() // the end of the array, and then of the line
	if _, end := in.ReadToken(); err != nil || !errors.Is(end, io.EOF) {
		return nil, errors.New("too many values")
	}
	return values, nil
}

var errKind = errors.New("a value of another kind")

// parse reads one value. That it was written as appendValue writes it is seen
// later, when the restored row is written again and hashed.
func (k kind) parse(token jsontext.Token) (any, error) {
	what, text := token.Kind(), token.String()
	switch {
	case what == 'n':
		return nil, nil //nolint:nilnil // the value NULL
	case k == words && what == '"':
		return text, nil
	case k == integer && what == '0':
		return strconv.ParseInt(text, 10, 64)
	case k == decimal && (what == '0' || what == '"'):
		return strconv.ParseFloat(text, 64)
	case k == yesNo && (what == 't' || what == 'f'):
		return token.Bool(), nil
	case k == moment && what == '"':
		at, err := time.Parse(time.RFC3339Nano, text)
		return at.UTC(), err
	case k == binary && what == '"':
		return base64.StdEncoding.DecodeString(text)
	}
	return nil, errKind
}
