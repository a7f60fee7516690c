package apitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"bulwark/internal/spreadsheet"
)

// Files are sent as they are: the document knows no more of them than their media types.
func init() {
	for _, mediaType := range []string{spreadsheet.MediaCSV, spreadsheet.MediaXLSX} {
		openapi3filter.RegisterBodyDecoder(mediaType, openapi3filter.FileBodyDecoder)
	}
}

// check lists where a request and its answer differ from the document. A bad
// request may break it and must be refused.
func (s *spec) check(r *http.Request, a *Answer, bad bool) []string {
	route, parameters := s.find(r.Method, r.URL.Path)
	if route == nil {
		if bad {
			return nil
		}
		return []string{"the document has no such operation"}
	}
	s.seen.add(route.Operation.OperationID, a.Status)
	input := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{
			MultiError: true, IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		},
	}
	faults := checkRequest(input, a.Status, bad)
	if a.Status == statusClientGone {
		return faults
	}
	return append(faults, checkAnswer(input, a)...)
}

// statusClientGone is recorded where the test itself left; nobody reads such an
// answer.
const statusClientGone = 499

func checkRequest(input *openapi3filter.RequestValidationInput, status int, bad bool) []string {
	if bad {
		if status < http.StatusBadRequest {
			return []string{fmt.Sprintf("marked bad, but answered %d", status)}
		}
		return nil
	}
	var faults []string
	if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
		faults = append(faults, "request: "+firstLine(err))
	}
	for name := range input.GetQueryParams() {
		if parameter(input.Route, openapi3.ParameterInQuery, name) == nil {
			faults = append(faults, fmt.Sprintf("request: the document has no query parameter %q", name))
		}
	}
	return faults
}

func parameter(route *routers.Route, in, name string) *openapi3.Parameter {
	if p := route.Operation.Parameters.GetByInAndName(in, name); p != nil {
		return p
	}
	return route.PathItem.Parameters.GetByInAndName(in, name)
}

func checkAnswer(input *openapi3filter.RequestValidationInput, a *Answer) []string {
	response := documented(input.Route, a.Status)
	if response == nil {
		return []string{fmt.Sprintf("the document has no status %d for %s", a.Status, input.Route.Operation.OperationID)}
	}
	content, contentType := response.Content, a.Header.Get("Content-Type")
	if len(content) == 0 {
		if len(a.Body) > 0 {
			return []string{fmt.Sprintf("%d has a body of %d bytes, the document has none", a.Status, len(a.Body))}
		}
		return nil
	}
	if content.Get(contentType) == nil {
		return []string{fmt.Sprintf("%d is %q, which the document does not list", a.Status, contentType)}
	}
	if !strings.HasSuffix(contentType, "json") || strings.HasSuffix(contentType, "ndjson") {
		return nil // a table, a file or lines have no schema
	}
	err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: a.Status, Header: a.Header, Options: input.Options,
		Body: io.NopCloser(bytes.NewReader(a.Body)),
	})
	if err != nil {
		return []string{fmt.Sprintf("answer %d: %s\n%s", a.Status, firstLine(err), a.Body)}
	}
	return nil
}

// firstLine leaves out the schema and the value, which the error prints at length.
func firstLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if strings.HasPrefix(line, "Schema:") || strings.HasPrefix(line, "  Schema:") {
			break
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.Join(lines, " ")
}
