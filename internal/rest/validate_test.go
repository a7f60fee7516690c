package rest

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/go-playground/validator/v10"
)

// TestBrokenRulesAreToldInWords breaks each rule that a request has: what its caller
// reads is Chinese or English, and never the validator's own error.
func TestBrokenRulesAreToldInWords(t *testing.T) {
	var broken validator.ValidationErrors
	if !errors.As(check.Struct(struct {
		Required string   `validate:"required"`
		Code     string   `validate:"code"`
		OneOf    string   `validate:"oneof=a b"`
		UUID     string   `validate:"uuid"`
		Numeric  string   `validate:"numeric"`
		Len      string   `validate:"len=2"`
		Min      int      `validate:"min=1"`
		Max      int      `validate:"max=-1"`
		GT       float64  `validate:"gt=0"`
		If       int      `validate:"required_if=OneOf c"`
		Unique   []string `validate:"unique"`
		Each     []string `validate:"dive,max=1"`
		IP       string   `validate:"mac"` // for which the translations have words in one language at most
	}{Code: "-", OneOf: "c", UUID: "x", Numeric: "x", Unique: []string{"a", "a"}, Each: []string{"ab"}, IP: "x"}),
		&broken) {
		t.Fatal("nothing is broken")
	}
	if len(broken) != 13 {
		t.Errorf("%d rules are broken: %v", len(broken), broken)
	}
	for _, e := range broken {
		m := ruleMessage(Labels{}, e)
		if strings.Contains(m.ZH+m.EN, e.Error()) ||
			!strings.ContainsFunc(m.ZH, func(r rune) bool { return unicode.Is(unicode.Han, r) }) || m.EN == "" {
			t.Errorf("%s: %q %q", e.Tag(), m.ZH, m.EN)
		}
	}
}
