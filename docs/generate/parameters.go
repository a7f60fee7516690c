package main

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// pathWords explains the parameters of paths, once for all operations. A number
// is a number; all else is text. One that is not here is called after its name: see
// wordsOf.
var pathWords = map[string]string{
	"account":   "name of the account",
	"analysis":  "identifier of the cause analysis, a UUID",
	"area":      "statistical code of the area",
	"branch":    "code of the branch",
	"subBranch": "code of the sub-branch",
	"kind":      "code of the kind of branch",
	"class":     "code of the class",
	"round":     "code of the round",
	"event":     "identifier of the event or study visit, a UUID",
	"team":      "code of the team",
	"id":        "identifier, a UUID",
	"item":      "identifier of the plan item, a UUID",
	"indicator": "code of the indicator or quantity, such as organisation.01",
	"key":       "public prefix of the key",
	"measure":   "number of the measure, 1 to 7",
	"office":    "code of the liaison office",
	"period":    "code of the period, such as 2023Q3",
	"person":    "code of the person",
	"plan":      "identifier of the improvement plan, a UUID",
	"scheme":    "code of the scheme",
	"sequence":  "number of the record in its chain, counted from 1",
	"target":    "identifier of the improvement target, a UUID",
	"town":      "code of the town",
	"version":   "number of the version, counted from 1",

	"publication": "number of the publication, counted from 1",
}

var pathParameter = regexp.MustCompile(`\{([^}]*)\}`)

// addPathParameters declares the parameters of the path and the headers that every
// operation reads, so that no annotation needs to. An annotation that describes one
// in other words wins.
func addPathParameters(doc *openapi3.T, path string, item *openapi3.PathItem) {
	for _, match := range pathParameter.FindAllStringSubmatch(path, -1) {
		name := match[1]
		described := false
		for _, op := range item.Operations() {
			described = described || op.Parameters.GetByInAndName("path", name) != nil
			op.Parameters = without(op.Parameters, "query", name) // a path field of the same request struct
		}
		if described {
			continue
		}
		words := wordsOf(name)
		component := name + "Param" // never the name of a schema: generated clients have one name space
		if doc.Components.Parameters[component] == nil {
			schema := openapi3.NewStringSchema()
			if strings.HasPrefix(words, "number ") {
				schema = openapi3.NewInt64Schema().WithMin(1)
			}
			p := openapi3.NewPathParameter(name).WithDescription(words).WithSchema(schema)
			doc.Components.Parameters[component] = &openapi3.ParameterRef{Value: p}
		}
		item.Parameters = append(item.Parameters, sharedParameter(component))
	}
	item.Parameters = append(item.Parameters, sharedParameter("Act-As"), sharedParameter("Accept-Language"))
}

// wordsOf describes a parameter of paths. Most are the UUID of what they are called.
func wordsOf(name string) string {
	return cmp.Or(pathWords[name], "identifier of the "+strings.ReplaceAll(name, "_", " ")+", a UUID")
}

func without(parameters openapi3.Parameters, in, name string) openapi3.Parameters {
	var kept openapi3.Parameters
	for _, p := range parameters {
		if p.Value.In != in || p.Value.Name != name {
			kept = append(kept, p)
		}
	}
	return kept
}

// refineParameters adds the headers that the method understands.
func refineParameters(method string, op *openapi3.Operation) {
	for _, p := range op.Parameters {
		each(p.Value.Schema, func(s *openapi3.SchemaRef) { refineSchema(s.Value) })
	}
	if op.RequestBody != nil && !uploads(op) {
		delete(op.RequestBody.Value.Extensions, "x-originalParamName")
		op.RequestBody.Value.Description = "" // that of its schema
		for mediaType, media := range op.RequestBody.Value.Content {
			if mediaType != "application/json" { // a file
				media.Schema = openapi3.NewStringSchema().WithFormat("binary").NewRef()
			}
		}
	}
	if method == http.MethodGet {
		op.Parameters = append(op.Parameters, sharedParameter("If-None-Match"))
	}
	if conditional(method, op) {
		op.Parameters = append(without(op.Parameters, "header", "If-Match"), sharedParameter("If-Match"))
	}
	if method == http.MethodPost && !uploads(op) { // a file that is sent again is known by its content
		op.Parameters = append(op.Parameters, sharedParameter("Idempotency-Key"))
	}
}

// conditional operations change a version that the caller has read: PUT, PATCH
// and DELETE always, POST where it is annotated with If-Match.
func conditional(method string, op *openapi3.Operation) bool {
	return method == http.MethodPut || method == http.MethodPatch || method == http.MethodDelete ||
		slices.ContainsFunc(op.Parameters, func(p *openapi3.ParameterRef) bool {
			return strings.HasSuffix(p.Ref, "/If-Match") || p.Value != nil && p.Value.Name == "If-Match"
		})
}

func sharedParameter(name string) *openapi3.ParameterRef {
	return &openapi3.ParameterRef{Ref: "#/components/parameters/" + name}
}

// shareQueries writes a parameter of queries once that several operations have alike, such
// as page_size. Of two that differ under one name, the one of more operations is shared.
func shareQueries(doc *openapi3.T) {
	const several = 3
	alike := map[string][]*openapi3.ParameterRef{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, p := range op.Parameters {
				if p.Ref == "" && p.Value.In == "query" {
					key, _ := json.Marshal(p.Value)
					alike[string(key)] = append(alike[string(key)], p)
				}
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(alike), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(alike[b]), len(alike[a])), strings.Compare(a, b))
	})
	for _, key := range keys {
		p := *alike[key][0].Value
		component := p.Name + "Query"
		if len(alike[key]) < several || doc.Components.Parameters[component] != nil {
			continue
		}
		doc.Components.Parameters[component] = &openapi3.ParameterRef{Value: &p}
		for _, use := range alike[key] {
			use.Ref = "#/components/parameters/" + component
		}
	}
}

const anyFile = "application/octet-stream"

// addUploads writes the bodies of routes that take a file.
func addUploads(doc *openapi3.T, s source) {
	for _, r := range s.routes {
		item := doc.Paths.Value(parameterOfGin.ReplaceAllString(strings.TrimPrefix(r.Path, base), "{$1}"))
		if !r.Uploads || item == nil {
			continue
		}
		body := openapi3.NewRequestBody().WithRequired(true).
			WithContent(openapi3.NewContentWithSchema(openapi3.NewStringSchema().WithFormat("binary"), []string{anyFile}))
		body.Description = "The file itself, of any media type: its content counts. At most " + strconv.FormatInt(r.BodyLimit>>20, 10) + " MB."
		item.GetOperation(r.Method).RequestBody = &openapi3.RequestBodyRef{Value: body}
	}
}

// uploads reports whether the operation takes a file.
func uploads(op *openapi3.Operation) bool {
	return op.RequestBody != nil && op.RequestBody.Value.Content[anyFile] != nil
}
