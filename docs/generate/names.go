package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// refineDefinitions gives the definitions of a Swagger document the names that a
// reader of the API expects: without Go packages, and BranchPage for
// Page[town.Branch]. It describes each by the doc comment of its type.
func refineDefinitions(swagger []byte, w words) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(swagger, &doc); err != nil {
		return nil, err
	}
	definitions, ok := doc["definitions"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("there are no definitions")
	}
	renamed := make(map[string]any)
	origin := make(map[string]string)
	for _, old := range slices.Sorted(maps.Keys(definitions)) {
		short := shortName(old)
		if other, taken := origin[short]; taken {
			return nil, fmt.Errorf("%s and %s would both be called %s: rename one with // @name", other, old, short)
		}
		origin[short] = old
		definition, _ := definitions[old].(map[string]any)
		generic, _, _ := strings.Cut(old, "-")
		if text := w.types[generic]; text != "" && definition["description"] == nil {
			definition["description"] = text
		}
		describeFields(definition)
		renamed[short] = definition
	}
	doc["definitions"] = renamed
	return json.Marshal(resolve(doc, definitions))
}

// describeFields takes the Go name of a field out of its doc comment.
func describeFields(definition map[string]any) {
	properties, _ := definition["properties"].(map[string]any)
	for name, p := range properties {
		property, _ := p.(map[string]any)
		text, ok := property["description"].(string)
		if !ok {
			continue
		}
		var goName strings.Builder
		for part := range strings.SplitSeq(name, "_") {
			goName.WriteString(capital(part))
		}
		property["description"] = description(goName.String(), text)
	}
}

const definitionPrefix = "#/definitions/"

// resolve rewrites every reference in a value to the new name of the definition.
func resolve(value any, definitions map[string]any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = resolve(v[i], definitions)
		}
	case map[string]any:
		old, isRef := strings.CutPrefix(fmt.Sprint(v["$ref"]), definitionPrefix)
		if isRef && definitions[old] != nil {
			v["$ref"] = definitionPrefix + shortName(old)
			return v
		}
		for key := range v {
			v[key] = resolve(v[key], definitions)
		}
	}
	return value
}

// shortName knows how swag writes names: package.Type, and for an instance of a
// generic type package.Type-argument-argument, where dots are underscores.
func shortName(definition string) string {
	for _, r := range rules() {
		if r.definition == definition {
			return r.schema
		}
	}
	generic, arguments, _ := strings.Cut(definition, "-")
	var name strings.Builder
	if arguments != "" {
		for argument := range strings.SplitSeq(arguments, "-") {
			name.WriteString(capital(argument[strings.LastIndexByte(argument, '_')+1:]))
		}
	}
	name.WriteString(capital(generic[strings.LastIndexByte(generic, '.')+1:]))
	return name.String()
}

func capital(s string) string { return strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):] }
