package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestCounts(t *testing.T) {
	repository := fstest.MapFS{
		"api/a.go": {Data: []byte("package api\n\n// F gives all.\nfunc F(a, b, c, d, e, f int) {}\n\n// T says so.\ntype T struct{}\n\n" +
			"// M returns it.\nfunc (T) M() {}\n\n// G gives.\nvar G = 1 // " + strings.Repeat("名", 110) + "\n")},
		"api/a_test.go":         {Data: []byte("package api\n\n// " + strings.Repeat("x", 120) + "\nfunc F(a, b, c, d, e, f int) {}\n")},
		"cmd/c.go":              {Data: []byte("package main\n")},
		"internal/i.go":         {Data: []byte("package i\n")},
		"pkg/composite/rule.go": {Data: []byte("package composite\n\nconst (\n\tA = 1\n\tB = 2\n)\n")},
		document: {Data: []byte(`{
			"paths": {"/x": {"get": {"operationId": "getX"}, "put": {"operationId": "putX", "description": "Puts X."}, "parameters": []}},
			"components": {"schemas": {
				"Plan": {"description": "A plan.", "type": "object", "properties": {"document": {"type": "object"}, "counts": {"type": "object", "additionalProperties": {"type": "integer"}}}},
				"AuditRecord": {"type": "object", "properties": {"before": {"type": "object"}}}}}}`)},
	}
	numbers, err := count(repository)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		have  float64 // negative: not compared
		where string
	}{
		{4, ""}, // files
		{1, "api/a.go:4:1: F"},
		{-1, "api/a.go:13: 123 columns api/a_test.go:3: 123 columns"},
		{3, "api/a.go:4:1: F api/a.go:7:6: T api/a.go:13:5: G"},
		{2, ""}, // exported by composite
		{3, ""}, // exported by api
		{-1, ""},
		{2, "AuditRecord GET /x"},
		{1, "Plan/document"},
	}
	for i, n := range numbers {
		if got := strings.Join(n.where, " "); want[i].have >= 0 && n.have != want[i].have || got != want[i].where {
			t.Errorf("%s: %g at %q, want %+v", n.what, n.have, got, want[i])
		}
	}
}
