package rest

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/go-playground/locales/en"
	"github.com/go-playground/locales/zh"
	ut "github.com/go-playground/universal-translator"
	"github.com/go-playground/validator/v10"
	entext "github.com/go-playground/validator/v10/translations/en"
	zhtext "github.com/go-playground/validator/v10/translations/zh"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

var (
	check      = validator.New(validator.WithRequiredStructEnabled())
	inZH, inEN = translators()
	embedded   = "~" // no JSON pointer has it unescaped
	codeRule   = text.F("应为 1 至 64 个字母、数字、点、横线或下划线，以字母或数字开头", "must be 1 to 64 letters, digits, dots, dashes or underscores, starting with a letter or digit")
	uniqueRule = text.F("有重复的项：每项只能出现一次", "something is there twice: name each once")
)

func translators() (ut.Translator, ut.Translator) {
	all := ut.New(en.New(), zh.New())
	inZH, _ := all.GetTranslator("zh")
	inEN, _ := all.GetTranslator("en")
	check.RegisterTagNameFunc(fieldName)
	must(zhtext.RegisterDefaultTranslations(check, inZH))
	must(entext.RegisterDefaultTranslations(check, inEN))
	must(check.RegisterValidation("code", func(f validator.FieldLevel) bool { return text.IsCode(f.Field().String()) }))
	return inZH, inEN
}

func must(err error) {
	if err != nil {
		panic(err)
	}
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

// finish cleans the texts of the body, then checks the rules of the validate
// tags, once for the whole request. What is wrong outside the body makes the
// request malformed; a readable body that breaks a rule is invalid.
func (b *binding) finish() error {
	if b.bodyAt != nil {
		b.faults = clean(b.req.FieldByIndex(b.bodyAt), "", false)
		if err := b.err(); err != nil {
			return err
		}
	}
	var broken validator.ValidationErrors
	if !errors.As(check.Struct(b.req.Interface()), &broken) {
		return nil
	}
	kind := fault.KindInvalid
	for _, e := range broken {
		at := b.pointer(e.Namespace())
		if !strings.HasPrefix(at, "/") {
			kind = fault.KindMalformed
		}
		b.refuse(at, e.Tag(), message(e))
	}
	slices.SortStableFunc(b.faults, func(x, y fault.FieldError) int { return cmp.Compare(x.Pointer, y.Pointer) })
	err := fault.Broken(b.faults...)
	err.Kind = kind
	return err
}

func message(e validator.FieldError) text.Text {
	switch e.Tag() {
	case "code":
		return codeRule
	case "unique":
		return uniqueRule
	}
	m := text.Text{ZH: e.Translate(inZH), EN: e.Translate(inEN)}
	if m.ZH == e.Error() || m.EN == e.Error() { // the validator has no words for this tag
		return text.F("不符合规则 %s %s", "breaks the rule %s %s", e.Tag(), e.Param())
	}
	return m
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
			at.WriteString("/" + escape(name))
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
