package rest

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/go-playground/validator/v10"

	"bulwark/internal/access"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
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
		State    step     `validate:"state"`
		Move     step     `validate:"move"`
		IP       string   `validate:"mac"` // for which the translations have words in one language at most
	}{
		Code: "-", OneOf: "c", UUID: "x", Numeric: "x", Unique: []string{"a", "a"}, Each: []string{"ab"},
		State: "x", Move: "begun", IP: "x",
	}), &broken) {
		t.Fatal("nothing is broken")
	}
	if len(broken) != 15 {
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

// steps is a table of these tests: who writes moves something begun to done, and time
// makes it old.
var _ = workflow.Table[step, step, stepReader]{
	Noun:   text.Same("step"),
	Titles: workflow.Titles[step]{"begun": text.Same("begun"), "done": text.Same("done"), "old": text.Same("old")},
	Verbs: []workflow.Verb[step, step, stepReader]{
		{Name: "begin", To: "begun", Action: policy.WriteSheets},
		{Name: "finish", From: []step{"begun"}, To: "done", Action: policy.WriteSheets},
		{Name: "age", From: []step{"done"}, To: "old"},
	},
}.Checked()

type (
	step       string
	stepReader struct{ access.Principal }
)

func (stepReader) State(s step) (step, fault.Lock) { return s, fault.Lock{} }

// What a request can name are the states of the table: all of them to ask for, those of
// its callers' verbs to move to.
func TestStatesComeFromTheTable(t *testing.T) {
	for _, s := range []step{"begun", "done", "old", "new", ""} {
		for tag, want := range map[string]bool{"state": s != "new" && s != "", "move": s == "done"} {
			if holds := check.Var(s, tag) == nil; holds != want {
				t.Errorf("%s of %q: %t, want %t", tag, s, holds, want)
			}
		}
	}
}
