package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"bulwark/internal/workflow"
)

const schemaPrefix = "#/components/schemas/"

// refineSchemas closes what requests may hold, completes what answers always
// hold, and writes the formats that swag drops.
func refineSchemas(doc, answers *openapi3.T) {
	requests := requestSchemas(doc)
	for name, schema := range doc.Components.Schemas {
		if !requests[name] || isRule(name) {
			schema.Value.Required = slices.Concat(schema.Value.Required, answers.Components.Schemas[name].Value.Required)
		}
		if requests[name] && schema.Value.Type.Is(openapi3.TypeObject) &&
			schema.Value.AdditionalProperties == (openapi3.AdditionalProperties{}) {
			schema.Value.AdditionalProperties.Has = new(false)
		}
		if requests[name] {
			for _, property := range schema.Value.Properties {
				permitNull(property.Value)
			}
		}
		slices.Sort(schema.Value.Required)
		schema.Value.Required = slices.Compact(schema.Value.Required)
		each(schema, func(s *openapi3.SchemaRef) { refineSchema(s.Value) })
	}
	shareProperties(doc.Components.Schemas)
}

// permitNull lets the values of a map in a request be null, where they are objects: that is
// how a PATCH removes one.
func permitNull(property *openapi3.Schema) {
	if property == nil || property.AdditionalProperties.Schema == nil || property.AdditionalProperties.Schema.Ref == "" {
		return
	}
	object := *property.AdditionalProperties.Schema
	property.AdditionalProperties.Schema = openapi3.NewSchemaRef("",
		&openapi3.Schema{AllOf: openapi3.SchemaRefs{&object}, Nullable: true})
}

// shared are the properties of many schemas that are said once, with the name of their
// schema.
var shared = map[string]string{"next_page_token": "PageToken", "version": "RowVersion"}

// shareProperties refers to one schema where a shared property is described as most
// often. One that is described otherwise stays as it is.
func shareProperties(schemas openapi3.Schemas) {
	for name, component := range shared {
		alike := map[string][]*openapi3.SchemaRef{}
		for _, schema := range schemas {
			if p := schema.Value.Properties[name]; p != nil && p.Ref == "" && p.Value.Description != "" {
				alike[p.Value.Description] = append(alike[p.Value.Description], p)
			}
		}
		var most []*openapi3.SchemaRef
		for _, words := range slices.Sorted(maps.Keys(alike)) {
			if len(alike[words]) > max(len(most), 1) {
				most = alike[words]
			}
		}
		if len(most) == 0 {
			continue
		}
		value := *most[0].Value
		schemas[component] = &openapi3.SchemaRef{Value: &value}
		for _, use := range most {
			use.Ref = schemaPrefix + component
		}
	}
}

// requestSchemas names every schema that a request body is made of.
func requestSchemas(doc *openapi3.T) map[string]bool {
	names := make(map[string]bool)
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			if op.RequestBody == nil {
				continue
			}
			for _, media := range op.RequestBody.Value.Content {
				collect(doc, media.Schema, names)
			}
		}
	}
	return names
}

func collect(doc *openapi3.T, schema *openapi3.SchemaRef, names map[string]bool) {
	each(schema, func(s *openapi3.SchemaRef) {
		name, isRef := strings.CutPrefix(s.Ref, schemaPrefix)
		if isRef && !names[name] {
			names[name] = true
			collect(doc, doc.Components.Schemas[name], names)
		}
	})
}

// each visits a schema and the schemas written inside it, references included
// but not followed.
func each(schema *openapi3.SchemaRef, visit func(*openapi3.SchemaRef)) {
	if schema == nil {
		return
	}
	visit(schema)
	if schema.Ref != "" {
		return
	}
	each(schema.Value.Items, visit)
	each(schema.Value.AdditionalProperties.Schema, visit)
	for _, part := range slices.Concat(schema.Value.AllOf, schema.Value.OneOf) {
		each(part, visit)
	}
	for _, property := range schema.Value.Properties {
		each(property, visit)
	}
}

// refineSchema fills in formats: whole numbers are int64, others double, and
// the names of times and days tell what they are.
func refineSchema(s *openapi3.Schema) {
	delete(s.Extensions, "x-enum-comments")
	delete(s.Extensions, "x-enum-descriptions")
	switch {
	case s.Type.Is(openapi3.TypeInteger) && s.Format == "":
		s.Format = "int64"
	case s.Type.Is(openapi3.TypeNumber):
		s.Format = "double"
	}
	for name, property := range s.Properties {
		if p := property.Value; property.Ref == "" && p.Type.Is(openapi3.TypeString) && p.Format == "" {
			p.Format = textFormat(name)
		}
	}
}

func textFormat(name string) string {
	switch {
	case name == "at" || strings.HasSuffix(name, "_at"):
		return "date-time"
	case name == "on" || strings.HasSuffix(name, "_on"):
		return "date"
	}
	return ""
}

// addStates lists the states of every field and parameter whose type is that of states
// of a table: those that the table has, or to which it leads a caller. Where a field
// names some of them, it keeps these.
func addStates(doc *openapi3.T, s source) error {
	l := stateLister{doc: doc, names: s.words.names, seen: map[reflect.Type]bool{}}
	for _, r := range s.routes {
		l.visit(r.Request)
		l.visit(r.Body)
		l.visit(r.Answer)
		item := doc.Paths.Value(parameterOfGin.ReplaceAllString(strings.TrimPrefix(r.Path, base), "{$1}"))
		if item == nil || item.GetOperation(r.Method) == nil {
			continue
		}
		for _, field := range reflect.VisibleFields(r.Request) {
			if p := item.GetOperation(r.Method).Parameters.GetByInAndName("query", field.Tag.Get("form")); p != nil {
				l.list(r.Handler, field, p.Schema.Value)
			}
		}
	}
	return errors.Join(l.errs...)
}

type stateLister struct {
	doc   *openapi3.T
	names map[string]string
	seen  map[reflect.Type]bool
	errs  []error
}

// visit lists the states in the schemas of a type and of all that it holds.
func (l *stateLister) visit(t reflect.Type) {
	for t != nil && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map) {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct || l.seen[t] {
		return
	}
	l.seen[t] = true
	name := packagePath.ReplaceAllString(t.String(), "")
	schema := l.doc.Components.Schemas[shortName(cmp.Or(l.names[name], name))]
	for _, field := range reflect.VisibleFields(t) {
		l.visit(field.Type)
		called, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if schema != nil && schema.Value.Properties[called] != nil {
			l.list(name, field, schema.Value.Properties[called].Value)
		}
	}
}

func (l *stateLister) list(of string, field reflect.StructField, s *openapi3.Schema) {
	states, reached := workflow.StatesOf(field.Type)
	switch {
	case states == nil || s == nil:
	case len(s.Enum) > 0:
		for _, named := range s.Enum {
			if !slices.Contains(states, fmt.Sprint(named)) {
				l.errs = append(l.errs, fmt.Errorf("%s.%s: %v is no state of its table", of, field.Name, named))
			}
		}
	case slices.Contains(strings.Split(field.Tag.Get("validate"), ","), "move"):
		s.Enum = values(reached)
	default:
		s.Enum = values(states)
	}
}

func values(list []string) []any {
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = v
	}
	return all
}
