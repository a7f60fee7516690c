// Command generate writes the OpenAPI 3.0.3 document that the service publishes.
// Addresses, requests and answers come from the routes; swag reads the types, their
// fields and the words from the sources as Swagger 2.0. This program converts that
// and adds what is the same for every operation, so that no handler repeats it.
//
// Usage, in the root of the module: generate >openapi.json
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"

	"bulwark/api"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	s, err := read([]string{"api", "internal", "pkg"}, "service.go", api.Routes())
	if err != nil {
		return err
	}
	document, err := generate(s)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(document)
	return err
}

// generate returns the same bytes for the same sources.
func generate(s source) ([]byte, error) {
	doc, err := convert(s.swagger, s.words)
	if err != nil {
		return nil, err
	}
	answers, err := convert(s.strict, s.words)
	if err != nil {
		return nil, err
	}
	if err := addRules(doc); err != nil {
		return nil, err
	}
	if err := addStates(doc, s); err != nil {
		return nil, err
	}
	addUploads(doc, s)
	refineSchemas(doc, answers)
	if err := refineOperations(doc); err != nil {
		return nil, err
	}
	if err := prune(doc); err != nil {
		return nil, err
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	if err := validate(data); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, data, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func convert(swagger []byte, w words) (*openapi3.T, error) {
	swagger, err := refineDefinitions(swagger, w)
	if err != nil {
		return nil, err
	}
	var old openapi2.T
	if err := json.Unmarshal(swagger, &old); err != nil {
		return nil, err
	}
	return openapi2conv.ToV3(&old)
}

// validate reads the document as a stranger would.
func validate(data []byte) error {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(data)
	if err != nil {
		return err
	}
	return doc.Validate(loader.Context)
}
