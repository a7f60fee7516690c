package rest

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"bulwark/internal/day"
	"bulwark/internal/text"
)

// column is one column of a list as a table: a value within an item.
type column struct {
	code string
	at   []int // fields that lead to it, through pointers
	kind columnKind
	omit bool // an empty value is absent, as it is in JSON
}

type columnKind int

const (
	onePlain columnKind = iota
	titled              // the name of a state or role, beside its code
	list                // of plain values
	refs                // the codes of a list of things with code and name
	names               // their names
	cells               // of things that write themselves in a cell
)

// separator stands between the values of a list in one cell.
const separator = "; "

// unshown are fields that a table leaves out: what a program does next with an item.
var unshown = map[string]bool{"allowed": true, "links": true, "dry_run": true}

// columnsOf returns the columns of items of the type: one for each plain value, also of
// structs within ("value" where an item is one), and for lists of plain values, of things with code and name, or of
// things that write themselves in a cell. The code
// of what a struct is about has the name of the struct ("branch", beside "branch_name").
// Other lists and maps within an item have no column; they are read as JSON.
func columnsOf(t reflect.Type) []column {
	var c columns
	if t = indirect(t); leaf(t) {
		c.put("value", nil, onePlain, false)
	} else {
		c.add(t, "", nil)
	}
	return c.list
}

type columns struct {
	list []column
	seen map[string]bool
}

func (c *columns) put(code string, at []int, kind columnKind, omit bool) {
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	if c.seen[code] {
		panic("two columns " + code)
	}
	c.seen[code] = true
	c.list = append(c.list, column{code, at, kind, omit})
}

func (c *columns) add(t reflect.Type, prefix string, at []int) {
	for f := range fields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		omit := strings.Contains(options, "omitzero")
		if name == "-" || unshown[name] || !f.IsExported() && !f.Anonymous {
			continue
		}
		index := append(at[:len(at):len(at)], f.Index...)
		of, within := indirect(f.Type), prefix+name
		if name == "" { // what a wrapper holds
			within = strings.TrimSuffix(prefix, "_")
		}
		switch {
		case name == "" && of.Kind() == reflect.Struct && !leaf(of):
			c.add(of, prefix, index)
		case leaf(of):
			code := within
			if name == "code" && prefix != "" {
				code = strings.TrimSuffix(prefix, "_")
			}
			c.put(code, index, onePlain, omit)
			if hasTitle(of) {
				c.put(code+"_name", index, titled, omit)
			}
		case of.Kind() == reflect.Struct:
			c.add(of, prefix+name+"_", index)
		case of.Kind() == reflect.Slice && leaf(indirect(of.Elem())) && of.Elem().Kind() != reflect.Uint8:
			c.put(within, index, list, omit)
		case of.Kind() == reflect.Slice && of.Elem().Implements(celled):
			c.put(within, index, cells, omit)
		case of.Kind() == reflect.Slice && isRef(indirect(of.Elem())):
			c.put(within, index, refs, omit)
			c.put(within+"_name", index, names, omit)
		}
	}
}

var (
	marshaler = reflect.TypeFor[encoding.TextMarshaler]()
	instant   = reflect.TypeFor[time.Time]()
	date      = reflect.TypeFor[day.Date]()
	celled    = reflect.TypeFor[interface{ Cell() string }]()
)

// leaf reports whether a value of the type fills one cell.
func leaf(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return true
	default:
		return t == instant || t.Implements(marshaler)
	}
}

func indirect(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// isRef reports whether the type names a thing by code and name.
func isRef(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	_, code := t.FieldByName("Code")
	name, ok := t.FieldByName("Name")
	return code && ok && name.Type.Kind() == reflect.String
}

// hasTitle reports whether values of the type, states and roles, have names.
func hasTitle(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[interface{ Title() text.Text }]()) ||
		t.Kind() == reflect.String && t.Implements(reflect.TypeFor[interface{ Name() text.Text }]())
}

func titleOf(v reflect.Value, language string) string {
	if v.String() == "" {
		return ""
	}
	switch v := v.Interface().(type) {
	case interface{ Title() text.Text }:
		return v.Title().In(language)
	case interface{ Name() text.Text }:
		return v.Name().In(language)
	}
	return ""
}

// cell returns the value of the column in an item, as spreadsheet.Table takes it.
func (c column) cell(item reflect.Value, language string) any {
	v := deref(item)
	for _, i := range c.at {
		if v = deref(v); !v.IsValid() {
			return nil
		}
		v = v.Field(i)
	}
	absent := c.omit && v.IsZero()
	if v = deref(v); absent || !v.IsValid() {
		return nil
	}
	switch c.kind {
	case titled:
		return titleOf(v, language)
	case list, refs, names, cells:
		parts := make([]string, v.Len())
		for i := range parts {
			part := deref(v.Index(i))
			switch c.kind {
			case cells:
				parts[i] = part.Interface().(interface{ Cell() string }).Cell()
				continue
			case refs:
				part = part.FieldByName("Code")
			case names:
				part = part.FieldByName("Name")
			default:
			}
			parts[i] = fmt.Sprint(value(part))
		}
		return strings.Join(parts, separator)
	default:
		return value(v)
	}
}

func deref(v reflect.Value) reflect.Value {
	for v.IsValid() && v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	return v
}

// value returns what a leaf holds; nil for an absent day or instant.
func value(v reflect.Value) any {
	switch {
	case v.Type() == instant:
		if t := v.Interface().(time.Time); !t.IsZero() {
			return t
		}
		return nil
	case v.Type() == date:
		if d := v.Interface().(day.Date); d != "" {
			return d
		}
		return nil
	case v.Type().Implements(marshaler):
		b, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil {
			return nil
		}
		return string(b)
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return v.Uint()
	case reflect.Float32, reflect.Float64:
		return v.Float()
	default:
		return v.String()
	}
}
