package rest

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-playground/validator/v10"

	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

var (
	check    = newValidator()
	embedded = "~" // no JSON pointer has it unescaped
)

func newValidator() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(fieldName)
	for tag, holds := range map[string]validator.Func{
		"code": func(f validator.FieldLevel) bool { return text.IsCode(f.Field().String()) },
		"state": func(f validator.FieldLevel) bool {
			return slices.Contains(statesOf("state", f.Field().Type()), f.Field().String())
		},
		"move": func(f validator.FieldLevel) bool {
			return slices.Contains(statesOf("move", f.Field().Type()), f.Field().String())
		},
	} {
		if err := v.RegisterValidation(tag, holds); err != nil {
			panic(err)
		}
	}
	return v
}

// statesOf returns what a field of a type of states can hold: with the tag state each
// state of its tables, with the tag move those to which a caller can move a record.
func statesOf(tag string, t reflect.Type) []string {
	states, reached := workflow.StatesOf(t)
	if tag == "move" {
		return reached
	}
	return states
}

// codeOf is the code of a broken rule: what states there are is one list among others.
func codeOf(tag string) string {
	if tag == "state" || tag == "move" {
		return "oneof"
	}
	return tag
}

// fieldName is the name that the caller used for the field.
func fieldName(f reflect.StructField) string {
	if _, name := sourceOf(f); name != "" {
		return name
	}
	if f.Anonymous && f.Tag.Get("json") == "" {
		return embedded
	}
	return jsonName(f)
}

// finish cleans the texts of the body, then checks the rules of the validate tags,
// once for the whole request. It returns all that is wrong: first what could not be
// read, then the rules that what could be read breaks. Where something could not be
// read, or a parameter breaks a rule, the request is malformed; a readable body that
// breaks a rule is invalid.
func (b *binding) finish() error {
	if b.bodyAt != nil && b.req.FieldByIndex(b.bodyAt).Type() != fileType {
		b.faults = append(b.faults, clean(b.req.FieldByIndex(b.bodyAt), "", false)...)
	}
	unread := len(b.faults)
	b.checkRules()
	switch {
	case len(b.faults) == 0:
		return nil
	case unread > 0:
		return Malformed(b.faults...)
	}
	e := fault.Broken(b.faults...)
	outside := func(f fault.FieldError) bool { return f.Pointer != "" && f.Pointer[0] != '/' }
	if slices.ContainsFunc(b.faults, outside) {
		e.Kind = fault.KindMalformed
	}
	return e
}

// checkRules adds the rules that are broken, in the order of pointers, except where
// something else is wrong already.
func (b *binding) checkRules() {
	var broken validator.ValidationErrors
	if !errors.As(check.Struct(b.req.Interface()), &broken) {
		return
	}
	var rules []fault.FieldError
	for _, e := range broken {
		if at := b.pointer(e.Namespace()); !b.refused(at) {
			rules = append(rules, fault.At(at, codeOf(e.Tag()), ruleMessage(b.labels, e)))
		}
	}
	slices.SortStableFunc(rules, func(x, y fault.FieldError) int { return cmp.Compare(x.Pointer, y.Pointer) })
	b.faults = append(b.faults, rules...)
}

// refused reports whether the field at the pointer, or what it is in, could not be
// read, or was probably meant by an unknown name.
func (b *binding) refused(pointer string) bool {
	return slices.Contains(b.meant, pointer) || slices.ContainsFunc(b.faults, func(f fault.FieldError) bool {
		return f.Pointer == pointer || strings.HasPrefix(pointer, "/") && strings.HasPrefix(pointer, f.Pointer+"/")
	})
}

// pointer turns "request.Body.children[0].name" into "/children/0/name", and
// "request.page_size" into "query/page_size".
func (b *binding) pointer(namespace string) string {
	names := split(strings.TrimPrefix(namespace, b.req.Type().Name()+"."))
	for len(names) > 1 && names[0] == embedded {
		names = names[1:]
	}
	for _, p := range b.params {
		if p.name == names[0] {
			return p.key()
		}
	}
	var at strings.Builder
	for _, name := range names[1:] { // after Body
		if name != embedded {
			at.WriteString("/" + fault.Escape(name))
		}
	}
	return at.String()
}

// split cuts a namespace at its dots and brackets; what stands in brackets is
// one name even if it has dots.
func split(namespace string) (names []string) {
	for namespace != "" {
		if namespace[0] == '[' {
			name, rest, _ := strings.Cut(namespace[1:], "]")
			names, namespace = append(names, name), strings.TrimPrefix(rest, ".")
			continue
		}
		end := strings.IndexAny(namespace, ".[")
		if end < 0 {
			return append(names, namespace)
		}
		names, namespace = append(names, namespace[:end]), strings.TrimPrefix(namespace[end:], ".")
	}
	return names
}

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
