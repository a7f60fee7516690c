package rest

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"

	"bulwark/internal/text"
)

// parser turns one text of path, query or header into a field.
type parser struct {
	into  func(reflect.Value, string) error
	wants text.Text // what the field should be, in words
	many  bool      // a slice: the parameter may be repeated
}

// parserFor knows text, whole numbers, numbers, true/false, types that
// unmarshal text, and pointers to and slices of these.
func parserFor(t reflect.Type, name string) parser {
	p := parser{wants: expected(t)}
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		p.into = func(v reflect.Value, s string) error {
			return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s))
		}
	case t.Kind() == reflect.Pointer:
		inner := parserFor(t.Elem(), name)
		p.into = func(v reflect.Value, s string) error {
			v.Set(reflect.New(t.Elem()))
			return inner.into(v.Elem(), s)
		}
	case t.Kind() == reflect.Slice:
		inner := parserFor(t.Elem(), name)
		p.many = true
		p.into = func(v reflect.Value, s string) error {
			item := reflect.New(t.Elem()).Elem()
			err := inner.into(item, s)
			v.Set(reflect.Append(v, item))
			return err
		}
	default:
		p.into = scalar(t, name)
	}
	return p
}

func scalar(t reflect.Type, name string) func(reflect.Value, string) error {
	switch t.Kind() {
	case reflect.String:
		return func(v reflect.Value, s string) error { v.SetString(s); return nil }
	case reflect.Int, reflect.Int64, reflect.Int32:
		return func(v reflect.Value, s string) error {
			n, err := strconv.ParseInt(s, 10, t.Bits())
			v.SetInt(n)
			return err
		}
	case reflect.Float64:
		return func(v reflect.Value, s string) error {
			x, err := strconv.ParseFloat(s, 64)
			if math.IsNaN(x) || math.IsInf(x, 0) || text.Vanishes(s) {
				err = errors.New("not a finite number")
			}
			v.SetFloat(x)
			return err
		}
	case reflect.Bool:
		return func(v reflect.Value, s string) error {
			if s != "true" && s != "false" {
				return errors.New("neither true nor false")
			}
			v.SetBool(s == "true")
			return nil
		}
	}
	panic(fmt.Sprintf("parameter %s has type %s, which cannot be read from text", name, t))
}
