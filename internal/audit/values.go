package audit

import (
	"encoding/json"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Values is a JSON object as text in RFC 8785 form, which everyone who has the
// object can write again, byte for byte; empty = none.
type Values string

// MarshalJSON writes the object itself, not a text of it.
func (v Values) MarshalJSON() ([]byte, error) {
	if v == "" {
		return []byte("null"), nil
	}
	return []byte(v), nil
}

// UnmarshalJSON keeps an object.
func (v *Values) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*v = ""
		return nil
	}
	object := jsontext.Value(b).Clone()
	err := object.Canonicalize()
	*v = Values(object)
	return err
}

// valuesOf is v as the trail keeps it. What is no object becomes one with the
// member "value".
func valuesOf(v any) (Values, error) {
	if v == nil {
		return "", nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("audit value: %w", err)
	}
	object := jsontext.Value(b)
	if object.Kind() != '{' {
		object = jsontext.Value(`{"value":` + string(b) + `}`)
	}
	if err := object.Canonicalize(); err != nil {
		return "", fmt.Errorf("audit value: %w", err)
	}
	return Values(object), nil
}
