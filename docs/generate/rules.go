package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"bulwark/pkg/composite"
)

// ruleSchema is the name of what stands for every scoring rule: an object whose
// member "kind" says which.
const ruleSchema = "ScoringRule"

// rule is one kind of scoring rule.
type rule struct {
	kind       string
	definition string // as swag calls the type, such as composite.Bands
	schema     string // as readers of the API do, such as BandsScoring
}

func rules() []rule {
	var all []rule
	for _, kind := range composite.RuleKinds() {
		r, _ := composite.NewRule(kind)
		var name strings.Builder
		for word := range strings.SplitSeq(kind, "_") {
			name.WriteString(capital(word))
		}
		all = append(all, rule{kind, reflect.TypeOf(r).Elem().String(), name.String() + "Scoring"})
	}
	return all
}

// addRules makes the schema of a rule the choice among its kinds, if the document
// has rules.
func addRules(doc *openapi3.T) error {
	rule := doc.Components.Schemas[ruleSchema]
	if rule == nil {
		return nil
	}
	choice := &openapi3.Schema{
		Description:   rule.Value.Description,
		Discriminator: &openapi3.Discriminator{PropertyName: "kind", Mapping: map[string]openapi3.MappingRef{}},
	}
	for _, r := range rules() {
		one := doc.Components.Schemas[r.schema]
		if one == nil {
			return fmt.Errorf("%s is not in the document", r.definition)
		}
		one.Value.Type = &openapi3.Types{openapi3.TypeObject}
		if one.Value.Properties == nil {
			one.Value.Properties = openapi3.Schemas{}
		}
		one.Value.Properties["kind"] = openapi3.NewStringSchema().WithEnum(r.kind).NewRef()
		one.Value.Required = append(one.Value.Required, "kind")
		choice.OneOf = append(choice.OneOf, openapi3.NewSchemaRef(schemaPrefix+r.schema, one.Value))
		choice.Discriminator.Mapping[r.kind] = openapi3.MappingRef{Ref: schemaPrefix + r.schema}
	}
	rule.Value = choice
	return nil
}

// isRule reports whether a schema is one kind of rule. A rule that is sent must
// hold what one that is read always holds.
func isRule(schema string) bool {
	return slices.ContainsFunc(rules(), func(r rule) bool { return r.schema == schema })
}
