package api

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// Every field of a request that has a rule has a Chinese name, which messages about
// it use.
func TestFieldsWithRulesHaveChineseNames(t *testing.T) {
	seen := map[reflect.Type]bool{reflect.TypeFor[time.Time](): true}
	var look func(reflect.Type)
	look = func(r reflect.Type) {
		for r.Kind() == reflect.Pointer || r.Kind() == reflect.Slice || r.Kind() == reflect.Map {
			r = r.Elem()
		}
		if r.Kind() != reflect.Struct || seen[r] {
			return
		}
		seen[r] = true
		for i := range r.NumField() {
			f := r.Field(i)
			look(f.Type)
			name := f.Name
			for _, tag := range []string{"json", "form", "uri", "header"} {
				if n, _, _ := strings.Cut(f.Tag.Get(tag), ","); n != "" {
					name = n
				}
			}
			if f.Tag.Get("validate") != "" && name != "Body" && labels[name] == "" {
				t.Errorf("%s.%s: labels lacks %q", r, f.Name, name)
			}
		}
	}
	for _, r := range Routes() {
		look(r.Request)
	}
}
