package main

import (
	"net/http"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

const problemType = "application/problem+json"

// refineResponses adds the headers of a success, writes listed failures as
// problems, and adds the failures that the method can always meet.
func refineResponses(method string, op *openapi3.Operation) {
	for status, response := range op.Responses.Map() {
		if code, err := strconv.Atoi(status); err == nil && code < 400 {
			refineSuccess(method, code, response.Value)
		} else {
			response.Value.Content = problemContent()
			response.Value.Headers = headers("X-Request-Id", "Content-Language")
		}
	}
	if method == http.MethodGet {
		op.Responses.Set("304", &openapi3.ResponseRef{Ref: "#/components/responses/NotModified"})
	}
	for _, status := range usualFailures(method, op) {
		if op.Responses.Status(status) == nil {
			op.Responses.Set(strconv.Itoa(status), &openapi3.ResponseRef{Ref: "#/components/responses/" + responseName(status)})
		}
	}
}

func refineSuccess(method string, status int, response *openapi3.Response) {
	response.Headers = headers("X-Request-Id")
	if status < 204 && method != http.MethodDelete {
		response.Headers["ETag"] = sharedHeader("ETag")
	}
	if method == http.MethodPost {
		response.Headers["Idempotency-Replayed"] = sharedHeader("Idempotency-Replayed")
	}
	if status == http.StatusCreated || status == http.StatusFound || status == http.StatusSeeOther {
		response.Headers["Location"] = sharedHeader("Location")
	}
	for mediaType, media := range response.Content {
		if mediaType != "application/json" { // a table or a file has no schema
			media.Schema = openapi3.NewStringSchema().NewRef()
		} else {
			each(media.Schema, func(s *openapi3.SchemaRef) { refineSchema(s.Value) })
		}
	}
}

// usualFailures are what the rules of the service answer whoever asks: about
// the address, the key, the conditions and the body.
func usualFailures(method string, op *openapi3.Operation) []int {
	usual := []int{400, 401, 403, 404, 422, 429, 500, 503}
	if method != http.MethodGet {
		usual = append(usual, 409, 423)
	}
	if conditional(method, op) {
		usual = append(usual, 412, 428)
	}
	if op.RequestBody != nil {
		usual = append(usual, 408, 413, 415)
	}
	for _, response := range op.Responses.Map() {
		if response.Value != nil && len(response.Value.Content) > 1 {
			usual = append(usual, 406)
		}
	}
	return usual
}
