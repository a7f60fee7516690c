package rest

import (
	"bytes"
	"encoding"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// maxFaults is how many faults of one body are noted.
const maxFaults = 100

// bodyReader reads a body that the decoder refused, as far as it can be read, and
// notes everything that is wrong with it.
type bodyReader struct {
	labels Labels
	faults []fault.FieldError
	meant  []string // pointers of fields that were probably meant by unknown names
}

func (r *bodyReader) refuse(at, code string, message text.Text) {
	if len(r.faults) < maxFaults {
		r.faults = append(r.faults, fault.At(at, code, message))
	}
}

// read sets v, which stands at the pointer, from JSON of right syntax.
func (r *bodyReader) read(data jsontext.Value, v reflect.Value, at string) {
	t, kind := v.Type(), data.Kind()
	switch {
	case kind == 'n' && !nullable(t):
		r.refuse(at, "null", text.F("%s不能为 null：请填写值或省略该字段",
			"%s may not be null: give a value or leave the field out", r.labels.at(at)))
	case kind == 'n' || whole(t):
		r.readWhole(data, v, at)
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		r.read(data, v.Elem(), at)
	case t.Kind() == reflect.Struct && kind == '{':
		r.readStruct(data, v, at)
	case t.Kind() == reflect.Map && kind == '{':
		v.Set(reflect.MakeMap(t))
		r.members(data, at, func(name string, value jsontext.Value, at string) {
			item := reflect.New(t.Elem()).Elem()
			r.read(value, item, at)
			v.SetMapIndex(reflect.ValueOf(name).Convert(t.Key()), item)
		})
	case t.Kind() == reflect.Slice && kind == '[':
		v.Set(reflect.MakeSlice(t, 0, 0))
		for i, value := range items(data) {
			item := reflect.New(t.Elem()).Elem()
			r.read(value, item, at+"/"+strconv.Itoa(i))
			v.Set(reflect.Append(v, item))
		}
	default:
		r.readWhole(data, v, at)
	}
}

var (
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	unmarshalerFrom = reflect.TypeFor[json.UnmarshalerFrom]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// whole reports whether values of the type read themselves, or hold nothing that
// could be read one by one.
func whole(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	if p.Implements(unmarshaler) || p.Implements(unmarshalerFrom) || p.Implements(textUnmarshaler) {
		return true
	}
	switch t.Kind() {
	case reflect.Slice:
		return t.Elem().Kind() == reflect.Uint8
	case reflect.Map:
		return t.Key().Kind() != reflect.String
	}
	return false
}

func (r *bodyReader) readStruct(data jsontext.Value, v reflect.Value, at string) {
	known := members(v.Type(), nil)
	names := make([]string, len(known))
	for i, m := range known {
		names[i] = m.name
	}
	r.members(data, at, func(name string, value jsontext.Value, here string) {
		for _, m := range known {
			if m.name == name {
				r.read(value, v.FieldByIndex(m.index), here)
				return
			}
		}
		message, meant := unknownName(text.F("字段", "field"), name, names)
		r.refuse(here, "unknown_field", message)
		if meant != "" {
			r.meant = append(r.meant, at+"/"+fault.Escape(meant))
		}
	})
}

// members calls each with the name, value and pointer of every member of an object.
func (r *bodyReader) members(data jsontext.Value, at string, each func(name string, value jsontext.Value, at string)) {
	d := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true))
	seen := map[string]bool{}
	for _, err := d.ReadToken(); err == nil && d.PeekKind() != '}'; {
		token, _ := d.ReadToken()
		name := token.String()
		value, _ := d.ReadValue()
		here := at + "/" + fault.Escape(name)
		if seen[name] {
			r.refuse(here, "duplicate_field", text.F("%s重复出现", "%s is given twice", r.labels.name(name)))
			continue
		}
		seen[name] = true
		each(name, bytes.Clone(value), here)
	}
}

func items(data jsontext.Value) (all []jsontext.Value) {
	d := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true))
	for _, err := d.ReadToken(); err == nil && d.PeekKind() != ']'; {
		value, _ := d.ReadValue()
		all = append(all, bytes.Clone(value))
	}
	return all
}

// readWhole reads a value with the decoder.
func (r *bodyReader) readWhole(data jsontext.Value, v reflect.Value, at string) {
	err := json.Unmarshal(data, v.Addr().Interface(), strictly)
	if err == nil {
		return
	}
	v.SetZero()
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) && errors.Is(err, jsontext.ErrDuplicateName) {
		at += string(syntactic.JSONPointer)
		r.refuse(at, "duplicate_field", text.F("%s重复出现", "%s is given twice", r.labels.at(at)))
		return
	}
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		r.refuse(at, "json", text.F("JSON 无法读取", "the JSON cannot be read"))
		return
	}
	at += string(semantic.JSONPointer)
	name := r.labels.at(at)
	switch {
	case errors.Is(err, json.ErrUnknownName):
		r.refuse(at, "unknown_field", text.F("没有%s这个字段", "there is no field %s here", name))
	case errors.Is(err, errNull):
		r.refuse(at, "null", text.F("%s不能为 null：请填写值或省略该字段",
			"%s may not be null: give a value or leave the field out", name))
	case semantic.GoType == nil:
		r.refuse(at, "wrong_type", text.F("%s格式不正确", "%s has the wrong form", name))
	case errors.Is(err, strconv.ErrRange):
		r.refuse(at, "out_of_range", text.F(
			"%s的数值超出范围，%s", "%s is out of range: it %s", name, expected(semantic.GoType)))
	default:
		r.refuse(at, "wrong_type", wrongType(name, semantic.GoType))
	}
}

// member is one field of a struct as JSON names it.
type member struct {
	name  string
	index []int
}

// members returns the fields of a struct, those of embedded structs included.
func members(t reflect.Type, at []int) (all []member) {
	for f := range fields(t) {
		index := append(at[:len(at):len(at)], f.Index...)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct && !whole(f.Type):
			all = append(all, members(f.Type, index)...)
		case f.IsExported():
			all = append(all, member{jsonName(f), index})
		}
	}
	return all
}

func unescape(name string) string { return strings.NewReplacer("~1", "/", "~0", "~").Replace(name) }
