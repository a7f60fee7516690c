package scheme

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"bulwark/pkg/composite"
)

// Rule is a scoring rule in its JSON form: an object whose "kind" picks the rule
// and whose other members are the parameters of that rule.
type Rule struct{ composite.Rule } // @name ScoringRule

// MarshalJSON returns the kind and the parameters.
func (r Rule) MarshalJSON() ([]byte, error) {
	if r.Rule == nil {
		return []byte("null"), nil
	}
	parameters, err := json.Marshal(r.Rule, jsonv1.OmitEmptyWithLegacySemantics(true), json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	kind := fmt.Sprintf(`{"kind":%q`, r.Kind())
	if rest := strings.TrimPrefix(string(parameters), "{"); rest != "}" {
		return []byte(kind + "," + rest), nil
	}
	return []byte(kind + "}"), nil
}

// UnmarshalJSONFrom reads the kind first, wherever it is in the object, then
// the parameters strictly.
func (r *Rule) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	at := dec.StackPointer()
	members := map[string]jsontext.Value{}
	if err := json.Unmarshal(value, &members); err != nil {
		return located(at, err)
	}
	var kind string
	if err := json.Unmarshal(members["kind"], &kind); err != nil {
		return &misplaced{
			string(at) + "/kind",
			errors.New("a rule names its kind, one of " + strings.Join(composite.RuleKinds(), ", ")),
		}
	}
	rule, ok := composite.NewRule(kind)
	if !ok {
		return &misplaced{
			string(at) + "/kind",
			fmt.Errorf("%q is not a rule: use one of %s", kind, strings.Join(composite.RuleKinds(), ", ")),
		}
	}
	delete(members, "kind")
	if name := absent(reflect.TypeOf(rule).Elem(), members); name != "" {
		return &misplaced{string(at) + "/" + name, fmt.Errorf("the rule %s needs it", kind)}
	}
	parameters, err := json.Marshal(members, json.Deterministic(true))
	if err != nil {
		return located(at, err)
	}
	if err := json.Unmarshal(parameters, rule, json.RejectUnknownMembers(true), strictly); err != nil {
		return located(at, err)
	}
	r.Rule = rule
	return nil
}

// absent finds a parameter without default that the members do not give, in items
// of lists too: read as 0 it would score in silence.
func absent(t reflect.Type, members map[string]jsontext.Value) (pointer string) {
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		value, given := members[name]
		if !given && name != "" && options == "" {
			return name
		}
		list := t.Field(i).Type
		if list.Kind() != reflect.Slice || list.Elem().Kind() != reflect.Struct {
			continue
		}
		var items []map[string]jsontext.Value
		if json.Unmarshal(value, &items) != nil {
			continue // what is wrong with it is reported when it is decoded
		}
		for j, item := range items {
			if below := absent(list.Elem(), item); below != "" {
				return fmt.Sprintf("%s/%d/%s", name, j, below)
			}
		}
	}
	return ""
}

// misplaced is a decoding error with the place of the value in the whole document.
type misplaced struct {
	pointer string
	err     error
}

func (m *misplaced) Error() string { return m.err.Error() }

// located moves the place of an error inside a value to the place of the value.
func located(at jsontext.Pointer, err error) error {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return &misplaced{string(at + semantic.JSONPointer), err}
	}
	return &misplaced{string(at), err}
}

// kinds of rule whose raw value is not a plain number.
func (r *Rule) levels() (*composite.Levels, bool) {
	if r == nil {
		return nil, false
	}
	l, ok := r.Rule.(*composite.Levels)
	return l, ok
}

// Levels returns the names of the levels of a categorical indicator, in the order of
// their ordinals; nil for any other.
func (n *Node) Levels() []string {
	if l, ok := n.Rule.levels(); ok {
		return slices.Clone(l.Names())
	}
	return nil
}
