package rest

import (
	"reflect"
	"slices"
)

// Secret is a password or token in a request: taken as it was typed, never
// trimmed or printed.
type Secret struct{ value string }

// UnmarshalText takes the text as it is.
func (s *Secret) UnmarshalText(b []byte) error {
	s.value = string(b)
	return nil
}

// Value returns the text as it was typed.
func (s Secret) Value() string { return s.value }

// String hides the value from logs.
func (Secret) String() string { return "(hidden)" }

// GoString hides it from %#v.
func (s Secret) GoString() string { return s.String() }

// secretFields are the names under which answers hold secrets.
var secretFields = []string{"secret", "token", "csrf_token", "password"}

// holdsSecret reports whether an answer of the type has a field of such a name.
func holdsSecret(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for f := range fields(t) {
		if slices.Contains(secretFields, jsonName(f)) || f.Anonymous && holdsSecret(f.Type) {
			return true
		}
	}
	return false
}
