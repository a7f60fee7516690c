package docs_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"bulwark/docs"
)

func load(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(docs.OpenAPI))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDocumentIsValid(t *testing.T) {
	doc := load(t)
	if doc.OpenAPI != "3.0.3" {
		t.Errorf("the version is %s, want 3.0.3", doc.OpenAPI)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestEveryOperationSaysWhatItIs(t *testing.T) {
	doc := load(t)
	seen := make(map[string]string)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			where := method + " " + path
			if op.OperationID == "" || op.Summary == "" || op.Description == "" {
				t.Errorf("%s: operationId %q, summary %q, description %q", where, op.OperationID, op.Summary, op.Description)
			}
			if other, twice := seen[op.OperationID]; twice {
				t.Errorf("%s and %s are both called %s", where, other, op.OperationID)
			}
			seen[op.OperationID] = where
			if len(op.Tags) != 1 || doc.Tags.Get(op.Tags[0]) == nil || doc.Tags.Get(op.Tags[0]).Description == "" {
				t.Errorf("%s: tags %q, want one that is described", where, op.Tags)
			}
		}
	}
}

// The descriptions of schemas and fields are the doc comments of Go types and fields.
// A field that is a type of the document has the description of that type.
func TestEverySchemaIsDescribed(t *testing.T) {
	var fields []string
	for name, schema := range load(t).Components.Schemas {
		if schema.Value.Description == "" {
			t.Errorf("%s has no doc comment", name)
		}
		for field, property := range schema.Value.Properties {
			if property.Ref == "" && property.Value.Description == "" {
				fields = append(fields, name+"."+field)
			}
		}
	}
	slices.Sort(fields)
	switch n := len(fields); {
	case n > undescribed:
		t.Errorf("%d fields have no comment, %d at most may: describe the new ones\n%s", n, undescribed,
			strings.Join(fields, "\n"))
	case n < undescribed:
		t.Logf("only %d fields have no comment: set undescribed to that", n)
	}
}

// undescribed is how many fields may lack a description. It only falls.
const undescribed = 1304

// Whoever generates a client learns what is in a document.
func TestNoDocumentIsABareObject(t *testing.T) {
	free := []string{"AuditRecord.after", "AuditRecord.before"} // values of any kind of record
	for name, schema := range load(t).Components.Schemas {
		for field, property := range schema.Value.Properties {
			s := property.Value
			if s.Type.Is(openapi3.TypeArray) {
				s = s.Items.Value
			}
			if s.Type.Is(openapi3.TypeObject) && len(s.Properties) == 0 && s.AdditionalProperties.Schema == nil &&
				!slices.Contains(free, name+"."+field) {
				t.Errorf("%s.%s is an object, and nothing says of what", name, field)
			}
		}
	}
}

// Generated clients have one name space: for types, and in TypeScript beside those of
// the language.
func TestNoNameIsTaken(t *testing.T) {
	c := load(t).Components
	taken := map[string]string{}
	for _, name := range []string{
		"Date", "Error", "Event", "Function", "Lock", "Map", "Number", "Object", "Record", "Set", "String", "Text",
	} {
		taken[strings.ToLower(name)] = "a type of languages"
	}
	for kind, names := range map[string][]string{
		"schema": slices.Collect(maps.Keys(c.Schemas)), "parameter": slices.Collect(maps.Keys(c.Parameters)),
		"response": slices.Collect(maps.Keys(c.Responses)),
	} {
		for _, name := range names {
			key := strings.ToLower(strings.ReplaceAll(name, "-", ""))
			if other := taken[key]; other != "" {
				t.Errorf("the %s %s has the name of %s", kind, name, other)
			}
			taken[key] = "a " + kind
		}
	}
}

func TestTheServedDocumentIsSmall(t *testing.T) {
	if size := len(docs.OpenAPI); size > 660_000 || strings.Contains(docs.OpenAPI, "\n") {
		t.Errorf("it has %d bytes, want 660,000 at most and no white space", size)
	}
}

// Whoever writes a client reads one kind of failure only.
func TestFailuresAreProblems(t *testing.T) {
	for path, item := range load(t).Paths.Map() {
		for method, op := range item.Operations() {
			for status, response := range op.Responses.Map() {
				if status < "400" {
					continue
				}
				content := response.Value.Content
				media := content.Get("application/problem+json")
				if len(content) != 1 || media == nil || media.Schema.Ref != "#/components/schemas/Problem" {
					t.Errorf("%s %s: %s is not a problem alone", method, path, status)
				}
			}
		}
	}
}
