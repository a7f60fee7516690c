// Package docs holds what the service tells others about itself. The document
// of its API is made from the routes and the types by make generate.
package docs

import (
	"bytes"
	_ "embed"
	"encoding/json"
)

//go:embed openapi.json
var indented []byte

// OpenAPI is the document of the API as it is served: OpenAPI 3.0.3, JSON without
// white space.
var OpenAPI = minified(indented)

func minified(data []byte) string {
	var b bytes.Buffer
	b.Grow(len(data))
	if json.Compact(&b, data) != nil {
		return string(data) // in the middle of a merge, where make generate is about to write it anew
	}
	return b.String()
}
