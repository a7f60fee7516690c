package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
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
		slices.Sort(schema.Value.Required)
		schema.Value.Required = slices.Compact(schema.Value.Required)
		each(schema, func(s *openapi3.SchemaRef) { refineSchema(s.Value) })
	}
	shareProperties(doc.Components.Schemas)
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
