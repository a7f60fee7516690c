package apitest

import (
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/uuid"

	"bulwark/docs"
)

// spec is the document as tests read it: what it does not say is wrong.
type spec struct {
	base   string // address of the API, such as /api/v1
	routes []route
	seen   *record
}

type route struct {
	method   string
	segments []string // of the path template
	to       routers.Route
}

var published = sync.OnceValues(func() (*spec, error) { return read([]byte(docs.OpenAPI)) })

func read(data []byte) (*spec, error) {
	openapi3.DefineStringFormatValidator("uuid", openapi3.NewCallbackValidator(uuid.Validate))
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(data)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(loader.Context); err != nil {
		return nil, err
	}
	for _, schema := range doc.Components.Schemas {
		closeSchema(schema.Value)
	}
	s := &spec{seen: &record{statuses: make(map[string]map[int]bool)}}
	if len(doc.Servers) > 0 {
		s.base = doc.Servers[0].URL
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			s.routes = append(s.routes, route{method, strings.Split(path, "/"), routers.Route{
				Spec: doc, Path: path, PathItem: item, Method: method, Operation: op,
			}})
		}
	}
	return s, nil
}

// closeSchema forbids what an object does not list. Published documents stay
// open here, so that the service may add fields; tests want to know of each.
func closeSchema(s *openapi3.Schema) {
	if len(s.Properties) > 0 && s.AdditionalProperties == (openapi3.AdditionalProperties{}) {
		s.AdditionalProperties.Has = new(false)
	}
}

// find returns the operation at an address and its path parameters. Of two
// templates that fit, the one with fewer parameters is meant.
func (s *spec) find(method, path string) (*routers.Route, map[string]string) {
	path, inside := strings.CutPrefix(path, s.base)
	if !inside {
		return nil, nil
	}
	segments := strings.Split(path, "/")
	var best *routers.Route
	var values map[string]string
	for i := range s.routes {
		r := &s.routes[i]
		if found, ok := fit(r.segments, segments); ok && r.method == method && (best == nil || len(found) < len(values)) {
			best, values = &r.to, found
		}
	}
	return best, values
}

func fit(template, segments []string) (map[string]string, bool) {
	if len(template) != len(segments) {
		return nil, false
	}
	values := make(map[string]string)
	for i, part := range template {
		switch {
		case strings.HasPrefix(part, "{") && segments[i] != "":
			values[strings.Trim(part, "{}")] = segments[i]
		case part != segments[i]:
			return nil, false
		}
	}
	return values, true
}
