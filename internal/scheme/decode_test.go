package scheme_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"bulwark/internal/fault"
	"bulwark/internal/scheme"
)

// small is a whole document; tests replace parts of it.
const small = `{"code":"s","version":1,"name":{"zh":"小"},"decimals":2,"min_coverage":0.5,
"tree":{"code":"index","children":[
 {"code":"a","name":{"zh":"甲"},"weight":1,"entry":"reported","direction":"benefit","rule":{"kind":"goalposts","low":0,"high":100}},
 {"code":"b","name":{"zh":"乙"},"weight":3,"entry":"reported","rule":{"kind":"bands","bands":[{"from":0,"points":10},{"from":5,"points":90}]}}]},
"grades":[{"code":"good","from":60},{"code":"poor","from":0}]}`

func faults(err error) (code string, at []string) {
	var e *fault.Error
	if !errors.As(err, &e) {
		return "", nil
	}
	for _, f := range e.Fields {
		at = append(at, f.Pointer)
	}
	return e.Code, at
}

func TestDecodeIsStrict(t *testing.T) {
	if d, err := scheme.Decode([]byte(small)); err != nil {
		t.Fatal(err)
	} else if _, err := scheme.Compile(d); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, old, new, at string }{
		{"unknown member", `"decimals":2`, `"decimals":2,"colour":1`, "/colour"},
		{"unknown member of a node", `"code":"b"`, `"code":"b","colour":1`, "/tree/children/1/colour"},
		{"other letter case", `"weight":3`, `"Weight":3`, "/tree/children/1/Weight"},
		{"misspelt", `"weight":3`, `"wieght":3`, "/tree/children/1/wieght"},
		{"twice", `"weight":3`, `"weight":3,"weight":3`, "/tree/children/1/weight"},
		{"null", `"weight":3`, `"weight":null`, "/tree/children/1/weight"},
		{"null for a list", `"grades":[{"code":"good","from":60},{"code":"poor","from":0}]`, `"grades":null`, "/grades"},
		{"null for an optional object", `"weight":3`, `"weight":3,"range":null`, "/tree/children/1/range"},
		{"text for a number", `"weight":3`, `"weight":"3"`, "/tree/children/1/weight"},
		{"number for text", `"zh":"乙"`, `"zh":2`, "/tree/children/1/name/zh"},
		{"list for an object", `"name":{"zh":"小"}`, `"name":["小"]`, "/name"},
		{"part of a whole number", `"decimals":2`, `"decimals":2.5`, "/decimals"},
		{"number too large", `"weight":3`, `"weight":1e999`, "/tree/children/1/weight"},
		{"invisible character", `"zh":"乙"`, `"zh":"乙\u202e"`, "/tree/children/1/name/zh"},
		{"no decimals", `"decimals":2,`, ``, "/decimals"},
		{"no coverage", `"min_coverage":0.5,`, ``, "/min_coverage"},
		{"text behind", "\"poor\",\"from\":0}]}", "\"poor\",\"from\":0}]} x", ""},
		{"second document", "\"poor\",\"from\":0}]}", "\"poor\",\"from\":0}]} {}", ""},
		{"cut", `"from":0}]}`, `"from":0}]`, ""},
		{"rule of no kind", `"kind":"goalposts",`, ``, "/tree/children/0/rule/kind"},
		{"rule of unknown kind", `"goalposts"`, `"goalpost"`, "/tree/children/0/rule/kind"},
		{"rule of kind 1", `"goalposts"`, `1`, "/tree/children/0/rule/kind"},
		{"rule without parameter", `"low":0,`, ``, "/tree/children/0/rule/low"},
		{"rule with a foreign parameter", `"low":0`, `"low":0,"max":3`, "/tree/children/0/rule/max"},
		{"parameter twice", `"low":0`, `"low":0,"low":0`, "/tree/children/0/rule/low"},
		{"parameter null", `"low":0`, `"low":null`, "/tree/children/0/rule/low"},
		{"parameter of wrong type", `"low":0`, `"low":"0"`, "/tree/children/0/rule/low"},
		{"band without points", `"from":5,"points":90`, `"from":5`, "/tree/children/1/rule/bands/1/points"},
		{"band of wrong type", `"from":5,"points":90`, `"from":5,"points":"x"`, "/tree/children/1/rule/bands/1/points"},
		{"rule is text", `{"kind":"goalposts","low":0,"high":100}`, `"goalposts"`, "/tree/children/0/rule"},
		{"rule is null", `{"kind":"goalposts","low":0,"high":100}`, `null`, "/tree/children/0/rule"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Count(small, tt.old) != 1 {
				t.Fatalf("%s is not there once", tt.old)
			}
			_, err := scheme.Decode([]byte(strings.Replace(small, tt.old, tt.new, 1)))
			code, at := faults(err)
			if code != "malformed_scheme" || !slices.Equal(at, []string{tt.at}) || !fault.Is(err, fault.KindMalformed) {
				t.Errorf("got %s at %q: %v, want it at %q", code, at, err, tt.at)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(small))
	for _, bad := range []string{
		"", "null", "{}", "[]", `{"tree":{"rule":{}}}`, `{"tree":{"rule":{"kind":"levels","levels":{"A":1}}}}`, "\xff",
	} {
		f.Add([]byte(bad))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := scheme.Decode(raw)
		if err != nil {
			if !fault.Is(err, fault.KindMalformed) {
				t.Fatalf("%v is not a fault of the document", err)
			}
			return
		}
		if _, err := scheme.Compile(d); err != nil && !fault.Is(err, fault.KindInvalid) {
			t.Fatalf("%v is not a fault of the document", err)
		}
	})
}

func fieldsOf(err error) []fault.FieldError {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.Fields
	}
	return nil
}
