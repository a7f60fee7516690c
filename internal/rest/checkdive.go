package rest

import (
	"fmt"
	"reflect"
	"strings"
)

type visited map[reflect.Type]bool

// missingDive finds a list or map in a request whose items have rules that the
// validator would skip for want of the tag dive.
func missingDive(t reflect.Type, seen visited) error {
	if seen[t] {
		return nil
	}
	seen[t] = true
	for f := range fields(t) {
		item, many := element(f.Type)
		if item.Kind() != reflect.Struct {
			continue
		}
		if many && hasRules(item, visited{}) && !strings.Contains(f.Tag.Get("validate"), "dive") {
			return fmt.Errorf("%s.%s needs validate:\"dive\"", t, f.Name)
		}
		if err := missingDive(item, seen); err != nil {
			return err
		}
	}
	return nil
}

// hasRules reports whether a struct, or one inside it, has a validate tag.
func hasRules(t reflect.Type, seen visited) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	for f := range fields(t) {
		item, _ := element(f.Type)
		if f.Tag.Get("validate") != "" || item.Kind() == reflect.Struct && hasRules(item, seen) {
			return true
		}
	}
	return false
}

// element looks through pointers, lists and maps to what they hold, and reports
// whether they can hold many.
func element(t reflect.Type) (item reflect.Type, many bool) {
	for {
		switch t.Kind() {
		case reflect.Slice, reflect.Array, reflect.Map:
			many = true
		case reflect.Pointer:
		default:
			return t, many
		}
		t = t.Elem()
	}
}
